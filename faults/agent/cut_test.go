package agent

import (
	"testing"

	"faultlab/faults"
)

func TestCutOf(t *testing.T) {
	peer := faults.Peer{Addresses: []string{"10.0.0.1"}, Port: 80}
	for _, tt := range []struct {
		f       faults.Fault
		cut     cut
		out, in bool
		proto   string
		silent  [2]bool // probes by icmp, by tcp
	}{
		{faults.BlackHole{Peer: peer}, cutDrop, true, true, "", [2]bool{true, true}},
		{faults.BlackHole{Direction: faults.In}, cutDrop, false, true, "", [2]bool{true, true}},
		{faults.Partition{Peer: peer}, cutDrop, true, true, "", [2]bool{true, true}},
		{faults.Reject{}, cutRefuse, true, false, "", [2]bool{true, false}},
		{faults.Reject{Answer: faults.AnswerHost, Direction: faults.Both}, cutRefuse, true, true, "", [2]bool{true, true}},
		{faults.Reset{Peer: peer}, cutReset, true, true, "tcp", [2]bool{}},
		{faults.Reset{Direction: faults.Out}, cutReset, true, false, "tcp", [2]bool{}},
	} {
		e, isCut, err := cutOf("x", tt.f)
		if err != nil || !isCut || e.cut != tt.cut || (e.out != nil) != tt.out || (e.in != nil) != tt.in || e.match.proto != tt.proto {
			t.Errorf("%+v: %+v, %v, %v", tt.f, e, isCut, err)
		}
		if got := [2]bool{e.silences("icmp"), e.silences("tcp")}; got != tt.silent {
			t.Errorf("%+v silences icmp, tcp: %v, want %v", tt.f, got, tt.silent)
		}
	}
	if _, isCut, _ := cutOf("x", faults.Latency{}); isCut {
		t.Error("latency ends traffic")
	}
}
