package shoptest

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// Cut passes connections on to a server, and can end one in the middle of a command.
type Cut struct {
	Address string // where clients connect, 127.0.0.1:port

	to  string
	end context.CancelFunc
	mu  sync.Mutex
	on  *cutting
}

type cutting struct {
	word  []byte
	heard bool
	done  chan struct{}
}

// StartCut stands in front of the server at an address until the test ends.
func StartCut(t testing.TB, to string) *Cut {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	c := &Cut{Address: l.Addr().String(), to: to, end: end}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	t.Cleanup(end)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go c.pass(ctx, client)
		}
	}()
	return c
}

// Close ends all connections and refuses further ones.
func (c *Cut) Close() { c.end() }

// At ends the next connection whose client sends word, once: with heard after the server
// has answered, which the client is not told, otherwise before the server hears of it.
// What it gives waits until it has happened.
func (c *Cut) At(word string, heard bool) (wait func(testing.TB)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	on := &cutting{[]byte(word), heard, make(chan struct{})}
	c.on = on
	return func(t testing.TB) {
		t.Helper()
		select {
		case <-on.done:
		case <-time.After(time.Minute):
			t.Fatalf("nobody has said %s", word)
		}
	}
}

// meets gives what is to happen to a connection whose client sends text; nil: nothing.
func (c *Cut) meets(text []byte) *cutting {
	c.mu.Lock()
	defer c.mu.Unlock()
	on := c.on
	if on == nil || !bytes.Contains(text, on.word) {
		return nil
	}
	c.on = nil
	return on
}

func (c *Cut) pass(ctx context.Context, client net.Conn) {
	defer client.Close()
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	deaf := make(chan *cutting, 1) // whose answer the client must not get
	answers := make(chan struct{})
	go func() {
		defer close(answers)
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			select {
			case on := <-deaf:
				close(on.done)
				return
			default:
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			break
		}
		on := c.meets(buffer[:n])
		if on != nil && !on.heard {
			_ = client.Close()
			close(on.done)
			break
		}
		if on != nil {
			deaf <- on
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			break
		}
	}
	_ = server.Close()
	<-answers
}
