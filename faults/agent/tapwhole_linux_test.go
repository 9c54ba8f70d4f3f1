package agent

import (
	"testing"
	"time"

	"faultlab/faults"
)

func TestLengthens(t *testing.T) {
	for _, tt := range []struct {
		f    faults.Fault
		want bool
	}{
		{faults.Latency{Delay: time.Millisecond, Direction: faults.Both}, true},
		{faults.Latency{Delay: time.Millisecond, Jitter: time.Millisecond}, false},
		{faults.PacketLoss{Percent: 1}, false},
		{faults.PacketLoss{Percent: 1, Exact: true, Direction: faults.In}, false},
	} {
		e, err := effectOf("x", tt.f, 0)
		must(t, err)
		if got := e.lengthens(); got != tt.want {
			t.Errorf("%+v: %v; want %v", tt.f, got, tt.want)
		}
	}
}

// What only waits comes in large pieces; once packets are counted, one by one.
func TestDelaysTakeLargePieces(t *testing.T) {
	if guest() {
		t.Skip("the host's kernel tells")
	}
	l := newLab(t)
	a := startAgent(t, "queue")
	const mtu, lasting = 1500, 300 * time.Millisecond
	delay := a.put(t, l, "latency", `{"delay":"1ms","peer":{"addresses":["10.99.7.2"]}}`)
	piece := func() float64 {
		t.Helper()
		before := a.hits(t, delay.ID)
		bytes := l.bulk(peerAddr, lasting) * 1e6 * lasting.Seconds()
		return bytes / float64(a.hits(t, delay.ID)-before)
	}
	if got := piece(); got < 4*mtu {
		t.Errorf("%.0f bytes for each packet of a delay; want more than one packet's", got)
	}
	loss := a.put(t, l, "loss", `{"percent":20,"peer":{"addresses":["10.99.7.3"]}}`, func(r *InjectRequest) { r.Probes = []string{bystanderAddr} })
	if got := piece(); got > mtu {
		t.Errorf("%.0f bytes for each packet beside a loss; want at most one packet's", got)
	}
	a.take(t, loss.ID)
	if got := piece(); got < 4*mtu {
		t.Errorf("%.0f bytes for each packet after the loss; want more than one packet's", got)
	}
	a.take(t, delay.ID)
}

// hits is how many packets an injection has met.
func (a *testAgent) hits(t *testing.T, id string) uint64 {
	t.Helper()
	list, err := a.Status(t.Context())
	must(t, err)
	for _, e := range list {
		if e.ID == id {
			return e.Packets.Hit
		}
	}
	t.Fatalf("there is no injection %s", id)
	return 0
}
