package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Client speaks with an agent over a pipe. It may be used by many goroutines.
type Client struct {
	rwc  io.ReadWriteCloser
	done chan struct{} // closed when the agent is gone
	news chan Entry

	lines chan []byte // on their way to the agent, in order

	mu      sync.Mutex
	last    uint64
	pending map[uint64]chan response
	err     error // why it is gone
}

// NewClient speaks with the agent at the other end of rwc and owns rwc from
// now on. Closing it makes the agent revert everything and end.
func NewClient(rwc io.ReadWriteCloser) *Client {
	c := &Client{rwc: rwc, done: make(chan struct{}), news: make(chan Entry, 256), lines: make(chan []byte, 64), pending: map[uint64]chan response{}}
	go c.read()
	go c.write()
	return c
}

// Done is closed when the agent has gone away; Err says why then.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is nil while the agent lives, and an [Error] with code [Dead] afterwards.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Events gives injections that ended by themselves: expired, or lost with
// their target. It is closed when the agent has gone away. Events that nobody
// takes are dropped after 256; Status has them all.
func (c *Client) Events() <-chan Entry { return c.news }

// Close ends the conversation: the agent reverts everything and exits. It does
// not wait for that.
func (c *Client) Close() error {
	c.fail(errorf(Dead, "the agent was closed"))
	return c.rwc.Close()
}

func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.done)
	}
}

func (c *Client) read() {
	defer close(c.news)
	r := bufio.NewScanner(c.rwc)
	r.Buffer(nil, 64*maxLine)
	for r.Scan() {
		var res response
		if err := json.Unmarshal(r.Bytes(), &res); err != nil {
			c.fail(errorf(Dead, "the agent answers %.80q", r.Bytes()))
			break
		}
		if res.ID == 0 {
			if res.Entry != nil {
				select {
				case c.news <- *res.Entry:
				default:
				}
			}
			continue
		}
		c.mu.Lock()
		ch := c.pending[res.ID]
		delete(c.pending, res.ID)
		c.mu.Unlock()
		if ch != nil {
			ch <- res
		}
	}
	why := "its output ended"
	if err := r.Err(); err != nil {
		why = err.Error()
	}
	c.fail(errorf(Dead, "the agent has gone away: %s", why))
}

// write is the one that writes: a pipe that nobody reads any more must not hold a caller.
func (c *Client) write() {
	for {
		select {
		case b := <-c.lines:
			if _, err := c.rwc.Write(b); err != nil {
				c.fail(errorf(Dead, "the agent has gone away: %v", err))
				return
			}
		case <-c.done:
			return
		}
	}
}

// call sends a request and waits for its answer.
func (c *Client) call(ctx context.Context, req request) (response, error) {
	if err := ctx.Err(); err != nil {
		return response{}, err
	}
	ch := make(chan response, 1)
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return response{}, c.err
	}
	c.last++
	req.ID = c.last
	c.pending[req.ID] = ch
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pending, req.ID)
		c.mu.Unlock()
	}()
	b, err := json.Marshal(req)
	if err != nil {
		return response{}, errorf(BadRequest, "write request: %v", err)
	}
	select {
	case c.lines <- append(b, '\n'):
	case <-c.done:
		return response{}, c.Err()
	case <-ctx.Done():
		return response{}, ctx.Err()
	}
	select {
	case res := <-ch:
		if res.Error != nil {
			return res, res.Error
		}
		return res, nil
	case <-c.done:
		return response{}, c.Err()
	case <-ctx.Done():
		return response{}, ctx.Err()
	}
}

// Hello asks what the agent is and can do, and refuses another protocol.
func (c *Client) Hello(ctx context.Context) (*Hello, error) {
	res, err := c.call(ctx, request{Op: opHello})
	if err != nil {
		return nil, err
	}
	if res.Hello == nil || res.Hello.Protocol != Protocol {
		return nil, &Error{Code: NotSupported,
			Message: fmt.Sprintf("the agent speaks another protocol; want %d", Protocol), Remedy: "build the agent's image again"}
	}
	return res.Hello, nil
}

// Ping asks for a sign of life.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.call(ctx, request{Op: opPing})
	return err
}

// Inject puts a fault in place and answers when a probe has seen it. When ctx
// ends before, the fault is taken away again.
func (c *Client) Inject(ctx context.Context, req InjectRequest) (*Entry, error) {
	if err := req.validate(); err != nil {
		return nil, err
	}
	res, err := c.call(ctx, request{Op: opInject, Inject: &req})
	if err != nil && ctx.Err() != nil && !errors.Is(err, &Error{Code: Dead}) {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, _ = c.Revert(undo, req.ID)
	}
	return res.Entry, err
}

// Revert takes an injection away and answers when a probe has seen it gone. An
// injection that has ended before is given as it ended.
func (c *Client) Revert(ctx context.Context, id string) (*Entry, error) {
	res, err := c.call(ctx, request{Op: opRevert, Injection: id})
	return res.Entry, err
}

// Status gives the journal: every injection that was active in this agent, in
// the order they were asked for.
func (c *Client) Status(ctx context.Context) ([]Entry, error) {
	res, err := c.call(ctx, request{Op: opStatus})
	return res.Entries, err
}

// Sweep removes what dead agents left in the network namespaces of these
// processes and says what it was.
func (c *Client) Sweep(ctx context.Context, pids ...int) ([]string, error) {
	res, err := c.call(ctx, request{Op: opSweep, PIDs: pids})
	return res.Removed, err
}
