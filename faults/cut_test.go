package faults

import (
	"strings"
	"testing"
)

var fullPeer = Peer{[]string{"10.0.0.1"}, 1, "tcp", []string{"db"}}

// fullCut is the faults that end traffic with every parameter set.
var fullCut = []Fault{
	BlackHole{Out, fullPeer},
	Reject{AnswerHost, Both, fullPeer},
	Reset{In, fullPeer},
	Partition{fullPeer},
}

func TestDecodeCuts(t *testing.T) {
	for _, tt := range []struct{ kind, params, err string }{
		{"black-hole", `{}`, ""},
		{"black-hole", `{"direction":"sideways"}`, "want out, in or both"},
		{"reject", `{"peer":{"names":["db","db.shop.internal.","my_service-1"]}}`, ""},
		{"reject", `{"answer":"later"}`, "want reset, port-unreachable, host-unreachable or admin-prohibited"},
		{"reset", `{"peer":{"protocol":"udp"}}`, "want tcp or none"},
		{"partition", `{}`, "want at least one of whom to cut off"},
		{"partition", `{"peer":{"port":80}}`, "want at least one of whom to cut off"},
		{"partition", `{"peer":{"names":["db"]}}`, ""},
		{"latency", `{"delay":"1ms","peer":{"names":["10.0.0.1"]}}`, "an address"},
		{"latency", `{"delay":"1ms","peer":{"names":["a..b"]}}`, "empty part"},
		{"latency", `{"delay":"1ms","peer":{"names":[""]}}`, "want a host name"},
		{"latency", `{"delay":"1ms","peer":{"names":["` + strings.Repeat("a", 64) + `"]}}`, "above 63"},
		{"latency", `{"delay":"1ms","peer":{"names":["a b"]}}`, "with ' '"},
		{"latency", `{"delay":"1ms","peer":{"names":[` + strings.Repeat(`"a",`, 64) + `"a"]}}`, "at most 64"},
	} {
		_, err := Decode(tt.kind, []byte(tt.params))
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s %s: %v, want an error with %q", tt.kind, tt.params, err, tt.err)
		}
	}
}
