package database_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"faultlab/faults/agent"
)

// theRedis gives a Redis of the test's own.
func theRedis(t *testing.T, options ...string) *target {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "not root")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		skip(t, "redis-server is not installed")
	}
	if shared.dir == "" {
		dir, err := os.MkdirTemp("", "db")
		must(t, err)
		must(t, os.Chmod(dir, 0o777))
		shared.dir = dir
	}
	to, err := shared.network()
	must(t, err)
	must(t, shared.run(to, "redis", append([]string{"redis-server", "--port", "6379", "--save", "", "--appendonly", "no"}, options...)...))
	t.Cleanup(func() { to.server.Process.Kill() })
	within(t, 10*time.Second, "Redis answers", func() bool {
		c := to.redis()
		defer c.Close()
		err := c.Ping(context.Background()).Err()
		return err == nil || strings.Contains(err.Error(), "NOAUTH")
	})
	return to
}

// answers reports whether a read and a write of a new user are answered.
func answers(to *target) (got [2]bool) {
	for i, ask := range []func(c *redis.Client) error{
		func(c *redis.Client) error { return c.Get(context.Background(), "k").Err() },
		func(c *redis.Client) error { return c.Set(context.Background(), "k", "v", time.Second).Err() },
	} {
		c := to.redis()
		err := ask(c)
		got[i] = err == nil || errors.Is(err, redis.Nil)
		c.Close()
	}
	return got
}

func TestRedisPause(t *testing.T) {
	to := theRedis(t)
	a := startAgent(t)
	all := [2]bool{true, true}
	for commands, want := range map[string][2]bool{"all": {}, "write": {true, false}} {
		e := a.put(t, to, "redis-pause", `{"commands":"`+commands+`"}`)
		for range 2 { // longer than several pauses in a row
			if got := answers(to); got != want {
				t.Errorf("%s: read, write answered: %v; want %v", commands, got, want)
			}
		}
		a.take(t, e.ID)
		if got := answers(to); got != all {
			t.Errorf("%s: after revert read, write answered: %v", commands, got)
		}
		killed(t, to, "redis-pause", `{"commands":"`+commands+`"}`, 2*time.Second, func() bool { return answers(to) == all })
	}
	// Two at once: the other one goes on.
	y, x := a.put(t, to, "redis-memory", `{"percent":90}`), a.put(t, to, "redis-pause", `{"commands":"write"}`)
	// That the limit is gone cannot be proved by a write now; that is on the record.
	if e, err := a.Revert(t.Context(), y.ID); err != nil || e.State != agent.Reverted || e.Reason == "" {
		t.Errorf("revert under a pause: %+v, %v", e, err)
	}
	if got := answers(to); got != [2]bool{true, false} {
		t.Errorf("with one of two reverted read, write answered: %v", got)
	}
	a.take(t, x.ID)
}

// A user who is in the middle of a conversation feels no gap in the pause.
func TestRedisPauseHasNoGap(t *testing.T) {
	to := theRedis(t)
	a := startAgent(t)
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379", Dialer: to.dial, MaxRetries: -1, ReadTimeout: time.Minute, PoolSize: 1})
	defer c.Close()
	var longest time.Duration
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		slow := 0
		for {
			start := time.Now()
			if c.Ping(context.Background()).Err() != nil {
				slow = 99
			}
			took := time.Since(start)
			if longest = max(longest, took); took > 300*time.Millisecond {
				slow++
			}
			select {
			case <-stop:
				done <- slow
				return
			default:
			}
		}
	}()
	start := time.Now()
	e := a.put(t, to, "redis-pause", `{}`)
	time.Sleep(1500 * time.Millisecond)
	held := time.Since(start)
	a.take(t, e.ID)
	close(stop)
	if slow := <-done; slow != 1 || longest < held-time.Second {
		t.Errorf("%d commands waited, the longest %v; want one for about %v", slow, longest, held)
	}
	t.Logf("one command waited for %v", longest)
}

func TestRedisMemory(t *testing.T) {
	for _, policy := range []string{"noeviction", "allkeys-lru"} {
		to := theRedis(t, "--maxmemory-policy", policy, "--maxmemory", "200mb")
		a := startAgent(t)
		c := to.redis()
		defer c.Close()
		for i := range 2000 {
			must(t, c.Set(t.Context(), fmt.Sprint("key", i), strings.Repeat("x", 1000), 0).Err())
		}
		state := func() string {
			m, err := c.ConfigGet(t.Context(), "maxmemory*").Result()
			must(t, err)
			users, err := c.Do(t.Context(), "ACL", "LIST").StringSlice()
			must(t, err)
			return fmt.Sprint(m, users)
		}
		was := state()
		e := a.put(t, to, "redis-memory", `{"percent":70}`)
		err := c.Set(t.Context(), "new", "v", 0).Err()
		keys := c.DBSize(t.Context()).Val()
		if policy == "noeviction" && (err == nil || !strings.Contains(err.Error(), "OOM") || keys < 2000) || policy != "noeviction" && (err != nil || keys > 1900) {
			t.Errorf("%s: write %v, %d keys", policy, err, keys)
		}
		if _, err := a.try(t, to, "redis-memory", `{"percent":50}`); !errors.Is(err, &agent.Error{Code: agent.Refused}) {
			t.Errorf("a second one: %v", err)
		}
		a.take(t, e.ID)
		if now := state(); now != was {
			t.Errorf("after revert %s; was %s", now, was)
		}
		must(t, c.Set(t.Context(), "new", "v", 0).Err())
		killed(t, to, "redis-memory", `{"percent":70}`, 2*time.Second, func() bool { return state() == was })

		a.put(t, to, "redis-memory", `{"percent":70}`)
		killedWithKeeper(t, a)
		if state() == was {
			t.Fatal("it is back by itself; the next injection is not tested")
		}
		b := startAgent(t)
		e = b.put(t, to, "redis-memory", `{"percent":60}`)
		b.take(t, e.ID)
		if now := state(); now != was {
			t.Errorf("after the next injection %s; was %s", now, was)
		}
	}
}

func TestRedisPassword(t *testing.T) {
	to := theRedis(t, "--requirepass", "redis-secret")
	a := startAgent(t)
	for kind, params := range map[string]string{"redis-pause": `{}`, "redis-memory": `{"percent":50}`} {
		if _, err := a.try(t, to, kind, params); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
			t.Errorf("%s without a password: %v", kind, err)
		}
	}
	a.take(t, a.put(t, to, "redis-pause", `{"connection":{"password":"redis-secret"}}`).ID)
	a.take(t, a.put(t, to, "redis-memory", `{"percent":50,"connection":{"password":"redis-secret"}}`).ID)
}
