package faults

import "slices"

var (
	proxyBackends = []string{"proxy"}
	callParams    = []Param{
		{"port", "integer", "", "", "1 to 65535", "the port that is called, of the target or, with the side calling, of its peers"},
		{"percent", "number", "percent", "", "above 0, up to 100", "share of the calls concerned: HTTP requests, or connections of another protocol"},
		{"side", "string", "", "called", "called, calling", "called: in front of the target's port, for all who call it; calling: in front of what the target calls, so that it alone suffers"},
		{"peer.addresses", "list", "", "everybody", addressesParam.Range, "who is at the other end; the calls of others pass by"},
		namesParam,
		{"established", "string", "", "end", "end, leave", "older connections, and at the end those through the proxy: ended when they are idle, all after 2s, so that callers with pools meet the fault and are free of it; or left"},
		{"seed", "integer", "", "0 (chosen and recorded)", "0 to 18446744073709551615", "fixes which calls are concerned"},
		{"probe", "string", "", "chosen", "a path, or a text with escapes", "what the proof asks the server: a path, with GET (default the shortest concerned), or a text (default what PostgreSQL and Redis answer on their ports)"},
	}
	requestParams = []Param{
		{"methods", "list", "", "any", "up to 16 methods such as GET", "the HTTP methods concerned"},
		{"path", "string", "", "any", "a pattern, * is any text", "the HTTP paths concerned, without the query"},
	}
	afterParam = Param{"after", "integer", "bytes", "0", "0 to 1099511627776", "how much of the answer still comes; of HTTP counted after its head"}
)

func onCalls(more ...Param) []Param { return slices.Concat(callParams, requestParams, more) }

// dependencyKinds are the faults of a proxy in front of a port.
var dependencyKinds = []KindInfo{
	{
		Kind: "dependency-hang", Family: "dependency", Does: "calls are accepted and never answered", Backends: proxyBackends,
		Params: onCalls(afterParam),
		Sees:   "callers wait until they time out, and their pools fill; the server looks idle and healthy",
		decode: decodeAs[DependencyHang], example: map[string]string{"port": "8080", "percent": "100"},
	},
	{
		Kind: "dependency-refuse", Family: "dependency", Does: "connections are reset at once", Backends: proxyBackends,
		Params: callParams,
		Sees:   "callers fail at once with a reset connection; the server logs nothing",
		decode: decodeAs[DependencyRefuse], example: map[string]string{"port": "8080", "percent": "100"},
	},
	{
		Kind: "http-error", Family: "dependency", Does: "HTTP requests are answered with an error in the server's place", Backends: proxyBackends,
		Params: onCalls(
			Param{"status", "integer", "", "", "400 to 599", "the status of the answer"},
			Param{"body", "string", "", "the status in words", "up to 4096 bytes", "the body of the answer"}),
		Sees:   "some requests fail with the status, and the server's own logs and metrics know nothing of them",
		decode: decodeAs[HTTPError], example: map[string]string{"port": "8080", "percent": "10", "status": "503"},
	},
	{
		Kind: "dependency-slow", Family: "dependency", Does: "answers begin later", Backends: proxyBackends,
		Params: onCalls(
			Param{"delay", "duration", "time", "", "above 0, up to 1m", "added before the first byte of each answer"},
			Param{"jitter", "duration", "time", "0s", "0 up to the delay", "spreads the delay evenly around its value"}),
		Sees:   "connecting is quick and answers are slow, while the server's own timings stay as they were",
		decode: decodeAs[DependencySlow], example: map[string]string{"port": "8080", "percent": "100", "delay": "500ms"},
	},
	{
		Kind: "dependency-rate", Family: "dependency", Does: "answers come slowly, byte by byte", Backends: proxyBackends,
		Params: onCalls(Param{"bytes_per_second", "integer", "bytes per second", "", "1 to 1099511627776", "how quickly each answer comes, its head included"}),
		Sees:   "short answers are as quick as ever, long ones take a time that grows with their size",
		decode: decodeAs[DependencyRate], example: map[string]string{"port": "8080", "percent": "100", "bytes_per_second": "10000"},
	},
	{
		Kind: "dependency-truncate", Family: "dependency", Does: "answers end early", Backends: proxyBackends,
		Params: onCalls(afterParam),
		Sees:   "callers report an unexpected end or broken JSON, with status 200 in every log",
		decode: decodeAs[DependencyTruncate], example: map[string]string{"port": "8080", "percent": "100"},
	},
	{
		Kind: "dependency-reset", Family: "dependency", Does: "connections are reset in the middle of an answer", Backends: proxyBackends,
		Params: onCalls(afterParam,
			Param{"time", "duration", "time", "0s (none)", "0 up to 1m", "resets what is not answered in full so long after it was sent"}),
		Sees:   "callers report a reset connection after part of the answer; the server logs success, and retries do things twice",
		decode: decodeAs[DependencyReset], example: map[string]string{"port": "8080", "percent": "100"},
	},
}
