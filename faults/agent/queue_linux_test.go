package agent

import (
	"testing"
	"time"

	nfqueue "github.com/florianl/go-nfqueue/v2"
)

// The kernel refuses a verdict on a packet that is gone; the fault goes on.
func TestQueueOutlivesARefusedVerdict(t *testing.T) {
	l := newLab(t)
	c, err := Probe()
	must(t, err)
	if !c.NFQueue.OK {
		skip(t, "no NFQUEUE: "+c.NFQueue.Detail)
	}
	clean(t, l)
	k, err := newKernel()
	must(t, err)
	k.(*linux).backend = "queue"
	sp, err := k.open(l.pid())
	must(t, err)
	defer sp.close()
	const delay = 20 * time.Millisecond
	_, err = sp.install(effect{id: "d", out: &action{delay: delay}})
	must(t, err)
	for range 3 {
		must(t, sp.(*linuxSpace).queue.nfq.SetVerdict(1<<31, nfqueue.NfAccept))
		if got := quickest(l.ping(peerAddr, 5, time.Millisecond, time.Second)); got < delay || got > delay+tolerance() {
			t.Errorf("round trip %v, want %v", got, delay)
		}
	}
}
