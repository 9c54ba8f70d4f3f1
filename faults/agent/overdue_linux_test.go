package agent

import (
	"syscall"
	"testing"
	"time"

	"faultlab/faults"
)

// While an agent does not answer, nobody knows that a fault is gone, and the record does
// not say so, however long its time is over.
func TestOverdueIsNotExpired(t *testing.T) {
	b := newBench(t)
	a := b.start()
	in, err := a.Inject(t.Context(), b.target, faults.Latency{Delay: 40 * time.Millisecond}, InjectOptions{Probes: b.probes, TTL: time.Second})
	must(t, err)
	c, err := b.Inspect(t.Context(), a.ContainerID())
	must(t, err)
	must(t, syscall.Kill(c.Pid, syscall.SIGSTOP))
	defer syscall.Kill(c.Pid, syscall.SIGCONT)
	select {
	case e := <-a.Ended():
		t.Errorf("with its agent stopped it ended as %s (%s); a round trip takes %v", e.State, e.Reason, b.roundTrip())
	case <-time.After(time.Second + grace + 2*time.Second):
	}
	if s := in.Status().State; s != Active {
		t.Errorf("with its agent stopped it is %s", s)
	}
	must(t, syscall.Kill(c.Pid, syscall.SIGCONT))
	select {
	case e := <-a.Ended():
		if e.State != Expired || e.Reason == "" {
			t.Errorf("ended as %s (%s)", e.State, e.Reason)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end")
	}
	if got := b.roundTrip(); got > 20*time.Millisecond {
		t.Errorf("after its end the round trip is %v", got)
	}
}
