package faults

import (
	"strings"
	"testing"
)

var fullPeer = Peer{[]string{"10.0.0.1"}, 1, "tcp", []string{"db"}, 0}

// fullCut is the faults that end traffic with every parameter set.
var fullCut = []Fault{
	BlackHole{Out, fullPeer},
	Reject{AnswerHost, Both, fullPeer},
	Reset{Out, fullPeer},
	Partition{fullPeer},
}

func TestDecodeCuts(t *testing.T) {
	for _, tt := range []struct{ kind, params, err string }{
		{"black-hole", `{}`, ""},
		{"black-hole", `{"direction":"sideways"}`, "want out, in or both"},
		{"reject", `{"peer":{"names":["db","db.shop.internal.","my_service-1"]}}`, ""},
		{"reject", `{"answer":"later"}`, "want reset, port-unreachable, host-unreachable or admin-prohibited"},
		{"reset", `{"peer":{"protocol":"udp"}}`, "want tcp or none"},
		{"reject", `{"direction":"both","peer":{"local_port":80}}`, ""},
		{"reject", `{"direction":"in","peer":{"local_port":80}}`, "want out or both"},
		{"reset", `{"direction":"in","peer":{"local_port":80}}`, "want out or both"},
		{"latency", `{"delay":"1ms","peer":{"local_port":80,"protocol":"tcp"}}`, ""},
		{"latency", `{"delay":"1ms","peer":{"local_port":80,"protocol":"udp"}}`, "want tcp or none"},
		{"latency", `{"delay":"1ms","peer":{"local_port":80,"port":80}}`, "want one of the two"},
		{"latency", `{"delay":"1ms","peer":{"local_port":65536}}`, "want 1 to 65535"},
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
