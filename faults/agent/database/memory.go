package database

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// memory carries faults.RedisMemory. The limit lasts as long as the server's process;
// so does a user that is switched off, whose name is the undo.
type memory struct {
	written
	fault faults.RedisMemory
}

// lowMemory is how to give Redis its limit back.
type lowMemory struct {
	Was uint64 `json:"was"` // bytes; 0: no limit
	Set uint64 `json:"set"` // by us
}

const keptUser = "faultlab:"

func (f *memory) Place(ctx context.Context) (carrier.Placed, error) {
	c := f.redis()
	defer c.Close()
	if err := c.Ping(ctx).Err(); errors.Is(err, syscall.ECONNREFUSED) {
		return carrier.Placed{}, &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("no Redis accepts connections in the target: %v", err),
			Remedy: "connection.port says where it listens"}
	}
	if err := restoreMemory(ctx, f.server, undo.stale); err != nil {
		return carrier.Placed{}, fmt.Errorf("put back what a dead agent left: %w", err)
	}
	if list, err := keptMemory(ctx, c); err != nil || len(list) > 0 {
		if err == nil {
			err = carrier.Errorf(carrier.Refused, "another injection has lowered the limit already")
		}
		return carrier.Placed{}, err
	}
	was, err := maxmemory(ctx, c)
	if err != nil {
		return carrier.Placed{}, err
	}
	info, err := c.Info(ctx, "memory", "stats").Result()
	if err != nil {
		return carrier.Placed{}, fmt.Errorf("ask Redis for its memory: %w", err)
	}
	used, policy := number(info, "used_memory"), field(info, "maxmemory_policy")
	set := max(1, uint64(float64(used)*f.fault.Percent/100))
	if was != 0 && set >= was {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "%v percent of the memory in use is %d bytes; the limit is %d already", f.fault.Percent, set, was)
	}
	if err := write1(ctx, c); err != nil {
		return carrier.Placed{}, carrier.Errorf(carrier.NoProbe, "Redis takes no writes even without the fault: %v", err)
	}
	u := f.newUndo(rand.Text())
	u.Memory = &lowMemory{Was: was, Set: set}
	name, err := keptName(u)
	if err != nil {
		return carrier.Placed{}, err
	}
	if err := f.promise(ctx, nil, u, "redis"); err != nil {
		return carrier.Placed{}, err
	}
	if err := c.Do(ctx, "ACL", "SETUSER", name, "off").Err(); err != nil {
		return carrier.Placed{}, fmt.Errorf("write down what to put back: %w", err)
	}
	if err := c.ConfigSet(ctx, "maxmemory", strconv.FormatUint(set, 10)).Err(); err != nil {
		return carrier.Placed{}, fmt.Errorf("lower the limit: %w", err)
	}
	saw, err := f.prove(ctx, c, number(info, "evicted_keys"))
	if err != nil {
		return carrier.Placed{}, err
	}
	f.probes.Add(1)
	return carrier.Placed{Backend: "redis", Measured: &carrier.Measurement{Method: "redis", Address: c.Options().Addr, Probes: 1,
		Saw: fmt.Sprintf("limit %d bytes of %d in use, policy %s: %s", set, used, policy, saw)}}, nil
}

// prove writes until a write is refused or keys are evicted.
func (f *memory) prove(ctx context.Context, c *redis.Client, evicted uint64) (saw string, err error) {
	err = until(ctx, 3*time.Second, func() (bool, error) {
		if err := write1(ctx, c); err != nil {
			saw = "a write was refused: " + err.Error()
			return true, nil
		}
		info, err := c.Info(ctx, "stats").Result()
		if now := number(info, "evicted_keys"); now > evicted {
			saw = fmt.Sprintf("%d keys were evicted by the first writes", now-evicted)
		}
		return saw != "", err
	})
	return saw, err
}

// write1 writes a key that goes by itself.
func write1(ctx context.Context, c *redis.Client) error {
	return c.Set(ctx, "faultlab:probe", "1", 100*time.Millisecond).Err()
}

func maxmemory(ctx context.Context, c *redis.Client) (uint64, error) {
	m, err := c.ConfigGet(ctx, "maxmemory").Result()
	if err != nil {
		return 0, fmt.Errorf("ask Redis for its limit: %w", err)
	}
	return strconv.ParseUint(m["maxmemory"], 10, 64)
}

// field is a value of INFO.
func field(info, name string) string {
	if m := regexp.MustCompile(`(?m)^` + name + `:(.*?)\r?$`).FindStringSubmatch(info); m != nil {
		return m[1]
	}
	return ""
}

func number(info, name string) uint64 {
	n, _ := strconv.ParseUint(field(info, name), 10, 64)
	return n
}

func keptName(u undo) (string, error) {
	b, err := pack(u)
	return keptUser + base64.RawURLEncoding.EncodeToString(b), err
}

// keptMemory reads the undos from the names of users.
func keptMemory(ctx context.Context, c *redis.Client) (map[string]undo, error) {
	names, err := c.Do(ctx, "ACL", "USERS").StringSlice()
	if err != nil {
		return nil, fmt.Errorf("read what to put back: %w", err)
	}
	out := map[string]undo{}
	for _, name := range names {
		text, ok := strings.CutPrefix(name, keptUser)
		b, err := base64.RawURLEncoding.DecodeString(text)
		if u, uerr := unpack(b); ok && err == nil && uerr == nil && u.Memory != nil {
			out[name] = u
		}
	}
	return out, nil
}

// restoreMemory gives Redis its limit back, unless somebody has set another meanwhile.
func restoreMemory(ctx context.Context, s server, meant func(undo) bool) error {
	c := s.redis()
	defer c.Close()
	list, err := keptMemory(ctx, c)
	if err != nil {
		return err
	}
	for name, u := range list {
		if !meant(u) {
			continue
		}
		now, err := maxmemory(ctx, c)
		if err != nil {
			return err
		}
		if now == u.Memory.Set {
			if err := c.ConfigSet(ctx, "maxmemory", strconv.FormatUint(u.Memory.Was, 10)).Err(); err != nil {
				return fmt.Errorf("put the limit back: %w", err)
			}
		}
		if err := c.Do(ctx, "ACL", "DELUSER", name).Err(); err != nil {
			return fmt.Errorf("put the limit back: %w", err)
		}
	}
	return nil
}

// Take puts the limit back and finds that writes are taken.
func (f *memory) Take(ctx context.Context) error {
	if f.undo == nil {
		return nil
	}
	id := f.undo.ID
	if err := restoreMemory(ctx, f.server, func(u undo) bool { return u.ID == id }); err != nil {
		return err
	}
	f.done()
	c := f.redis()
	defer c.Close()
	if err := write1(ctx, c); err != nil {
		return noProbe(err)
	}
	f.See(&carrier.Measurement{Method: "redis", Address: c.Options().Addr, Probes: 1, Saw: "the limit is back, and a write succeeded"})
	return nil
}

func (f *memory) Drop() error {
	if f.undo == nil {
		return nil
	}
	ctx, cancel := dropping()
	defer cancel()
	id := f.undo.ID
	if err := restoreMemory(ctx, f.server, func(u undo) bool { return u.ID == id }); err != nil {
		return err
	}
	f.done()
	return nil
}
