package faults

import (
	"math"
	"strings"
	"testing"
	"time"
)

var fullPackets = []Fault{
	Rate{1_000_000, time.Second, In, fullPeer},
	Duplicate{1, Both, fullPeer, 1},
	Corrupt{1, In, fullPeer, 1},
	Reorder{25, time.Second, 5, Both, fullPeer, 1},
}

func TestDecodePackets(t *testing.T) {
	for _, tt := range []struct{ kind, params, err string }{
		{"rate", `{"bits_per_second":8000}`, ""},
		{"rate", `{"bits_per_second":10000000000,"queue":"10s","direction":"both"}`, ""},
		{"rate", `{}`, "bits_per_second is 0; want 8000 to 10000000000"},
		{"rate", `{"bits_per_second":7999}`, "want 8000 to 10000000000"},
		{"rate", `{"bits_per_second":10000000001}`, "want 8000 to 10000000000"},
		{"rate", `{"bits_per_second":1.5}`, "bits_per_second"},
		{"rate", `{"bits_per_second":"1mbit"}`, "bits_per_second"},
		{"rate", `{"bits_per_second":9000,"queue":"999us"}`, "queue is 999µs; want 1ms to 10s, or 0 for 100ms"},
		{"rate", `{"bits_per_second":9000,"queue":"-5ms"}`, "want 1ms to 10s"},
		{"rate", `{"bits_per_second":9000,"queue":"11s"}`, "want 1ms to 10s"},
		{"rate", `{"bits_per_second":9000,"queue":100}`, `want a string such as "50ms"`},
		{"rate", `{"bits_per_second":9000,"direction":"up"}`, "want out, in or both"},
		{"rate", `{"bits_per_second":9000,"peer":{"port":-1}}`, "want 1 to 65535"},
		{"rate", `{"bits_per_second":9000,"seed":1}`, `unknown parameter "seed"`},
		{"duplicate", `{"percent":100,"direction":"in","seed":3}`, ""},
		{"duplicate", `{}`, "percent is 0; want above 0, up to 100"},
		{"duplicate", `{"percent":101}`, "want above 0, up to 100"},
		{"duplicate", `{"percent":1,"direction":"back"}`, "want out, in or both"},
		{"corrupt", `{"percent":0.1,"peer":{"addresses":["fd00::/64"]}}`, ""},
		{"corrupt", `{"percent":-1}`, "want above 0, up to 100"},
		{"corrupt", `{"percent":1,"peer":{"addresses":["::1"]}}`, "loopback"},
		{"reorder", `{"percent":25,"delay":"10ms"}`, ""},
		{"reorder", `{"percent":100,"delay":"10s","gap":100}`, ""},
		{"reorder", `{"percent":25}`, "delay is 0s; want above 0, up to 10s"},
		{"reorder", `{"percent":25,"delay":"11s"}`, "want above 0, up to 10s"},
		{"reorder", `{"percent":25,"delay":"1ms","gap":101}`, "gap is 101; want 1 to 100, or 0 for 1"},
		{"reorder", `{"percent":25,"delay":"1ms","gap":-1}`, "want 1 to 100"},
		{"reorder", `{"percent":100,"delay":"1ms"}`, "all would go at once"},
		{"reorder", `{"percent":100,"delay":"1ms","gap":2}`, ""},
		{"reorder", `{"percent":0,"delay":"1ms"}`, "want above 0, up to 100"},
	} {
		_, err := Decode(tt.kind, []byte(tt.params))
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s %s: %v; want %q", tt.kind, tt.params, err, tt.err)
		}
	}
	for _, f := range []Fault{Duplicate{Percent: math.NaN()}, Corrupt{Percent: math.NaN()}, Reorder{Percent: math.NaN(), Delay: 1}} {
		if f.Validate() == nil {
			t.Errorf("%s: percent NaN is accepted", f.Kind())
		}
	}
}

func TestRateWait(t *testing.T) {
	if w := (Rate{}).Wait(); w != 100*time.Millisecond {
		t.Errorf("default %v", w)
	}
	if w := (Rate{Queue: time.Second}).Wait(); w != time.Second {
		t.Errorf("%v, want what is set", w)
	}
}
