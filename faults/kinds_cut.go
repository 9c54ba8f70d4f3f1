package faults

var (
	bothParam    = Param{"direction", "string", "", "both", "out, in, both", "which way packets go, seen from the target"}
	namesParam   = Param{"peer.names", "list", "", "none", "host names; with the addresses at most 64", "names of who is at the other end, as the target resolves them; followed when their addresses change"}
	tcpParam     = Param{"peer.protocol", "string", "", "tcp", "tcp", "the protocol concerned; only tcp has connections"}
	cutPeers     = []Param{addressesParam, namesParam, portParam, localPortParam, protocolParam}
	cutBackends  = []string{"nft"}
	holeBackends = []string{"nft", "netem"}
	resetBackend = []string{"queue"}
)

// cutKinds are the faults that end traffic. They are of the network family.
var cutKinds = []KindInfo{
	{
		Kind: "black-hole", Family: "network", Does: "everything to and from the peer vanishes", Backends: holeBackends,
		Params: append([]Param{bothParam}, cutPeers...),
		Sees:   "connecting hangs until a timeout, open connections fall silent, callers pile up; nothing is refused",
		decode: decodeAs[BlackHole],
	},
	{
		Kind: "reject", Family: "network", Does: "what is sent is refused at once", Backends: cutBackends,
		Params: append([]Param{
			{"answer", "string", "", "reset", "reset, port-unreachable, host-unreachable, admin-prohibited", "what the sender is told: a TCP reset (and port-unreachable to other protocols), or an ICMP error"},
			directionParam,
		}, cutPeers...),
		Sees:   "connection refused within a millisecond, as if nothing listened, while the peer runs and serves others",
		decode: decodeAs[Reject],
	},
	{
		Kind: "reset", Family: "network", Does: "connections are reset at their next data, at both ends", Backends: resetBackend,
		Params: append([]Param{{"direction", "string", "", "both", "out, in, both", "whose data brings the reset, seen from the target"}},
			addressesParam, namesParam, portParam, localPortParam, tcpParam),
		Sees:   "connection reset by peer in the middle of requests, at both ends; connecting works",
		decode: decodeAs[Reset],
	},
	{
		Kind: "partition", Family: "network", Does: "the target is cut off from a set of peers, both ways", Backends: cutBackends,
		Params: []Param{
			{"peer.addresses", "list", "", "none; names will do", addressesParam.Range, "who is cut off"},
			namesParam, portParam, localPortParam, protocolParam,
		},
		Sees:   "some members do not see others while clients see all: two leaders, replicas behind, health checks that contradict each other",
		decode: decodeAs[Partition], example: map[string]string{"peer.addresses": "10.0.0.7"},
	},
}
