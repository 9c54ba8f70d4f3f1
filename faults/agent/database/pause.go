package database

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// pause carries faults.RedisPause: a chain of short pauses. Redis ends one that is
// not followed by another, so the fault outlives us by no more than one.
type pause struct {
	base
	fault faults.RedisPause

	conn net.Conn
	over sync.WaitGroup
}

const (
	pauseFor = 500 * time.Millisecond
	// ahead is how many pauses are sent in advance. While all commands wait, Redis
	// holds our next one back like any other; being first of those that wait, in the
	// buffer of the session that paused, it runs before them, and no gap opens.
	ahead = 4
)

func (f *pause) commands() string { return cmp.Or(f.fault.Commands, "all") }

func (f *pause) Place(ctx context.Context) (carrier.Placed, error) {
	before, err := f.ask(ctx, 3*time.Second)
	if err != nil {
		return carrier.Placed{}, &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("Redis does not answer even without the fault: %v", err),
			Remedy: "connection.port, connection.user and connection.password say how to connect"}
	}
	if f.conn, err = f.dial(ctx, cmp.Or(f.connection.Port, 6379)); err != nil {
		return carrier.Placed{}, fmt.Errorf("connect to Redis: %w", err)
	}
	if err := f.begin(ctx); err != nil {
		return carrier.Placed{}, err
	}
	took, err := f.askPaused(ctx)
	if err == nil {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "Redis answers in spite of the pause, after %s", took)
	}
	f.probes.Add(1)
	return carrier.Placed{Backend: "redis", Measured: &carrier.Measurement{
		Method: "redis", Address: f.conn.RemoteAddr().String(), Probes: 1, Lost: 1, LossPercent: 100, LossBand: [2]float64{100, 100},
		BeforeMS: carrier.Milliseconds(before), AfterMS: carrier.Milliseconds(took), AddedMS: carrier.Milliseconds(took - before),
		Saw: fmt.Sprintf("no answer to %s within %d ms, before one after %.2f ms", f.probeName(), took.Milliseconds(), carrier.Milliseconds(before)),
	}}, nil
}

// begin starts the chain of pauses and keeps it going.
func (f *pause) begin(ctx context.Context) error {
	if d, ok := ctx.Deadline(); ok {
		_ = f.conn.SetDeadline(d)
	}
	in := bufio.NewReader(f.conn)
	if c := f.connection; c.Password != "" {
		if err := say(f.conn, in, "AUTH", cmp.Or(c.User, "default"), string(c.Password)); err != nil {
			return err
		}
	}
	next := encode("CLIENT", "PAUSE", fmt.Sprint(pauseFor.Milliseconds()), strings.ToUpper(f.commands()))
	if f.commands() == "write" {
		// Our own command does not wait here, and prolongs the pause when it is renewed.
		if err := say(f.conn, in, "CLIENT", "PAUSE", fmt.Sprint(pauseFor.Milliseconds()), "WRITE"); err != nil {
			return err
		}
		_ = f.conn.SetDeadline(time.Time{})
		f.over.Go(func() {
			tick := time.NewTicker(pauseFor / 5)
			defer tick.Stop()
			for range tick.C {
				if _, err := f.conn.Write([]byte(next)); err != nil {
					return
				}
				if _, err := in.ReadString('\n'); err != nil {
					return
				}
			}
		})
		return nil
	}
	if _, err := f.conn.Write([]byte(strings.Repeat(next, ahead))); err != nil {
		return fmt.Errorf("pause Redis: %w", err)
	}
	if err := answer(in); err != nil {
		return err
	}
	_ = f.conn.SetDeadline(time.Time{})
	f.over.Go(func() {
		for {
			if _, err := f.conn.Write([]byte(next)); err != nil {
				return
			}
			if err := answer(in); err != nil {
				return
			}
		}
	})
	return nil
}

// encode writes a command as Redis reads it.
func encode(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b.String()
}

func say(c net.Conn, in *bufio.Reader, words ...string) error {
	if _, err := c.Write([]byte(encode(words...))); err != nil {
		return fmt.Errorf("speak with Redis: %w", err)
	}
	return answer(in)
}

func answer(in *bufio.Reader) error {
	line, err := in.ReadString('\n')
	if err != nil {
		return fmt.Errorf("speak with Redis: %w", err)
	}
	if line = strings.TrimSpace(line); line != "+OK" {
		return carrier.Errorf(carrier.Failed, "Redis answers %q", line)
	}
	return nil
}

func (f *pause) probeName() string {
	if f.commands() == "write" {
		return "DEL of a key that is not there"
	}
	return "PING"
}

// ask sends a command that changes nothing and waits for the answer.
func (f *pause) ask(ctx context.Context, within time.Duration) (time.Duration, error) {
	c := f.redis()
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	start := time.Now()
	if f.commands() == "write" {
		err := c.Del(ctx, "faultlab:probe").Err()
		return time.Since(start), err
	}
	err := c.Ping(ctx).Err()
	return time.Since(start), err
}

// askPaused waits for longer than one pause, so that a chain that breaks is seen.
func (f *pause) askPaused(ctx context.Context) (time.Duration, error) {
	return f.ask(ctx, pauseFor+300*time.Millisecond)
}

// Take lets the last pause run out and finds Redis answering.
func (f *pause) Take(ctx context.Context) error {
	if err := f.Drop(); err != nil {
		return err
	}
	took, err := f.ask(ctx, 2*time.Second)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return carrier.Errorf(carrier.Unproved, "Redis still does not answer: %v", err)
		}
		return noProbe(err)
	}
	f.See(&carrier.Measurement{Method: "redis", Address: "redis", Probes: 1, AfterMS: carrier.Milliseconds(took),
		Saw: fmt.Sprintf("%s was answered after %.2f ms", f.probeName(), carrier.Milliseconds(took))})
	return nil
}

// Drop ends the chain. What waits in the session's buffer goes with it.
func (f *pause) Drop() error {
	if f.conn == nil {
		return nil
	}
	_ = f.conn.Close()
	f.over.Wait()
	f.conn = nil
	return nil
}
