package dependency

import (
	"errors"
	"net"
	"time"
)

// errCut says that a limit of the plan was met.
var errCut = errors.New("the answer is cut")

// gate passes an answer on as the plan has it.
type gate struct {
	dst   *net.TCPConn
	plan  plan
	quit  <-chan struct{} // the caller is gone
	begun time.Time
	sent  int64 // all bytes
	body  int64 // those that limits count
	cut   *stage
}

// head passes bytes on that no limit counts, unless there is nothing else to come.
func (g *gate) head(b []byte) error { return g.pace(b) }

func (g *gate) Write(b []byte) (int, error) {
	n := len(b)
	var cut *stage
	for _, s := range g.plan.limits {
		if left := max(s.after-g.body, 0); s.after >= 0 && !over(s.gone) && int64(n) > left {
			n, cut = int(left), s
		}
	}
	if err := g.pace(b[:n]); err != nil {
		return 0, err
	}
	g.body += int64(n)
	if cut != nil {
		g.cut = cut
		return n, errCut
	}
	return n, nil
}

// pace writes in slices of a fiftieth of a second, each when its last byte is due.
func (g *gate) pace(b []byte) error {
	if g.begun.IsZero() {
		g.begun = time.Now()
	}
	for len(b) > 0 {
		n := len(b)
		if s := g.plan.rate; s != nil && !over(s.gone) {
			n = int(min(int64(n), max(s.rate/50, 1)))
			due := time.Duration(float64(g.sent+int64(n)) / float64(s.rate) * float64(time.Second))
			hold(time.Until(g.begun.Add(due)), s.gone, g.quit)
		}
		if _, err := g.dst.Write(b[:n]); err != nil {
			return err
		}
		g.sent += int64(n)
		b = b[n:]
	}
	return nil
}

// hold waits until the time is over or one of the two is closed.
func hold(d time.Duration, a, b <-chan struct{}) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a:
	case <-b:
	}
}

func over(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// abort ends a connection with RST.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
