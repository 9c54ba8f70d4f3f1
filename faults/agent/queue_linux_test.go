package agent

import (
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	a := startAgent(t, "queue")
	h, err := a.Hello(t.Context())
	t.Logf("%+v %v", h, err)
	e := a.put(t, l, "latency", `{"delay":"50ms"}`)
	t.Logf("%+v %+v", e, e.Measured)
	t.Log(l.snapshot())
	t.Log(median(l.ping(peerAddr, 11, 5*time.Millisecond, time.Second)))
	e2 := a.put(t, l, "loss", `{"percent":10}`)
	t.Logf("%+v %+v", e2, e2.Measured)
	t.Logf("%+v", a.take(t, e.ID))
	t.Logf("%+v", a.take(t, e2.ID))
	if after := l.snapshot(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
}
