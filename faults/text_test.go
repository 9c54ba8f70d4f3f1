package faults

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		kind   string
		params string // separated by spaces
		want   Fault
		err    string
	}{
		{"latency", "delay=50ms", Latency{Delay: 50 * time.Millisecond}, ""},
		{"latency", "delay=1s jitter=100ms direction=both rtt=true", Latency{Delay: time.Second, Jitter: 100 * time.Millisecond, Direction: Both, RTT: true}, ""},
		{"loss", "percent=2.5 seed=18446744073709551615", PacketLoss{Percent: 2.5, Seed: 1<<64 - 1}, ""},
		{"loss", "percent=5 peer.addresses=10.0.0.7,10.1.0.0/16 peer.port=5432 peer.protocol=tcp",
			PacketLoss{Percent: 5, Peer: Peer{Addresses: []string{"10.0.0.7", "10.1.0.0/16"}, Port: 5432, Protocol: "tcp"}}, ""},

		{"rain", "", nil, "want one of latency, "},
		{"loss", "percent", nil, `"percent"; want name=value`},
		{"loss", "share=5", nil, `unknown parameter "share"; want percent, burst, exact, direction, peer.addresses`},
		{"loss", "peer=db", nil, `unknown parameter "peer"`},
		{"loss", "percent=5 percent=6", nil, "twice"},
		{"loss", "percent=5 peer.port=1 peer.port=2", nil, "twice"},
		{"loss", "percent=many", nil, `percent is "many"; want above 0, up to 100`},
		{"loss", "percent=1,2", nil, `percent is "1,2"`},
		{"loss", "percent=true", nil, `percent is "true"`},
		{"loss", "percent=", nil, `percent is ""`},
		{"loss", `percent={"a":1}`, nil, "percent is"},
		{"loss", "percent=101", nil, "up to 100"},
		{"loss", "percent=5 burst=4", PacketLoss{Percent: 5, Burst: 4}, ""},
		{"loss", "percent=5.3 exact=true", PacketLoss{Percent: 5.3, Exact: true}, ""},
		{"loss", "percent=5.25 exact=true", nil, "multiple of 0.1"},
		{"loss", "percent=5 exact=true burst=3", nil, "one of the two"},
		{"loss", "percent=60 burst=2", nil, "burst is 2; want 2.5"},
		{"loss", "percent=100 burst=5", nil, "burst is 5"},
		{"loss", "percent=5 burst=51", nil, "up to 50"},
		{"loss", "percent=5 burst=-1", nil, "burst is -1"},
		{"loss", "percent=5 peer.port=-1", nil, "peer port is -1"},
		{"loss", "percent=5 peer.port=1.5", nil, "1.5"},
		{"loss", "percent=5 peer.addresses=", nil, `peer address is ""`},
		{"latency", "delay=50", nil, `"50" is not a duration`},
		{"latency", "delay=50ms rtt=yes", nil, `rtt is "yes"; want true, false`},
		{"latency", "delay=50ms rtt=1", nil, `rtt is "1"`},
	} {
		got, err := Parse(tt.kind, strings.Fields(tt.params))
		switch {
		case tt.err == "" && (err != nil || !reflect.DeepEqual(got, tt.want)):
			t.Errorf("%s %s: %+v, %v; want %+v", tt.kind, tt.params, got, err, tt.want)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s %s: %+v, %v; want an error with %q", tt.kind, tt.params, got, err, tt.err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("latency", "delay=50ms")
	f.Add("loss", "percent=5 peer.port=5432 peer.addresses=10.0.0.7")
	for _, k := range Kinds() {
		var params []string
		for _, p := range k.Params {
			params = append(params, p.Name+"="+k.Example(p.Name))
		}
		f.Add(k.Kind, strings.Join(params, " "))
	}
	f.Fuzz(func(t *testing.T, kind, params string) {
		if f, err := Parse(kind, strings.Fields(params)); err == nil && f.Validate() != nil {
			t.Errorf("%s %s: %+v is not valid", kind, params, f)
		}
	})
}
