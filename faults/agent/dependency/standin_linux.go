package dependency

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// standIn answers probes in the place of a server whose protocol is not known, or whose
// answers cannot show the fault. Its connections take the way of any other, through the
// rules and the proxy; only the proxy's own goes to it instead of the server.
type standIn struct{ net.Listener }

// standIn begins one whose answers have so many bytes and take so long.
func (f *Fault) standIn(size int64, wait time.Duration) error {
	var l net.Listener
	err := f.proxy.in(func() (err error) {
		l, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		return err
	})
	if err != nil {
		return fmt.Errorf("stand in for the server: %w", err)
	}
	f.stand = &standIn{l}
	go f.stand.serve(size, wait)
	f.proxy.mu.Lock()
	f.proxy.inside[f.order.ID] = l.Addr().String()
	f.proxy.mu.Unlock()
	f.ask = inquiry{to: f.ask.to, text: "\x00\n"}
	return nil
}

func (s *standIn) serve(size int64, wait time.Duration) {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
				return
			}
			time.Sleep(wait)
			if _, err := io.CopyN(c, zeros{}, size); err == nil {
				_, _ = io.Copy(io.Discard, c) // until the probe has what it wants
			}
		}()
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// dismiss ends what stands in.
func (f *Fault) dismiss() {
	if f.stand == nil {
		return
	}
	f.proxy.mu.Lock()
	delete(f.proxy.inside, f.order.ID)
	f.proxy.mu.Unlock()
	_ = f.stand.Close()
	f.stand = nil
}

// after probes when the fault has been taken away. Without a proxy nothing stands in for
// the server any more: that it accepts a connection shows that no rule leads elsewhere,
// as the proxy's listeners are closed.
func (f *Fault) after(ctx context.Context, n int) []outcome {
	f.proxy.mu.Lock()
	closed := f.proxy.closed
	f.proxy.mu.Unlock()
	if f.stand == nil || !closed {
		return f.probe(ctx, n)
	}
	out := make([]outcome, 1)
	dialing, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if c, err := f.proxy.dial(dialing, f.ask.to, probeMark, nil); err == nil {
		_ = c.Close()
		out[0] = outcome{connected: true, bytes: f.base.bytes, first: f.base.first, whole: f.base.whole, status: f.base.status}
	}
	return out
}
