package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/engine"
)

// The names that the engine's resolver serves: of containers, and what a compose service is, an alias.
func TestContainerNames(t *testing.T) {
	b := newBench(t)
	clean := context.WithoutCancel(t.Context())
	key, value, _ := strings.Cut(b.label, "=")
	id := value
	subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 213, byte(rand.IntN(256)), 0}), 24)
	network, err := b.CreateNetwork(t.Context(), "faultlab-test-"+id, []netip.Prefix{subnet}, true, map[string]string{key: value})
	must(t, err)
	t.Cleanup(func() { must(t, b.RemoveNetwork(clean, network)) })
	join := func(aliases ...string) func(*engine.Spec) {
		return func(s *engine.Spec) { s.Networks = []engine.Join{{Network: network, Aliases: aliases}} }
	}
	b.target = b.run("web-"+id, join("web"))
	first := b.run("db1-"+id, join("db"))
	b.run("cache-"+id, join("cache"))
	b.probes = []string{b.address(first)}
	a := b.start()
	bare := b.roundTrip()

	in, err := a.Inject(t.Context(), b.target, faults.Latency{Delay: 40 * time.Millisecond, Peer: faults.Peer{Names: []string{"db"}}}, InjectOptions{})
	must(t, err)
	if got := b.roundTrip() - bare; got < 39*time.Millisecond || got > 45*time.Millisecond {
		t.Errorf("added %v", got)
	}
	if n := in.Status().Notes; len(n) != 1 || !strings.Contains(n[0], "peer name db is "+b.probes[0]) {
		t.Errorf("notes %q", n)
	}
	// Another one serves the name now.
	second := b.run("db2-"+id, join("db"))
	must(t, b.Remove(t.Context(), first))
	b.probes = []string{b.address(second)}
	took := b.eventually("the fault follows", 5*time.Second, func() bool { return b.roundTrip() > 39*time.Millisecond })
	t.Logf("followed after %v: %q", took, in.Status().Notes)
	must(t, in.Revert(t.Context()))
	if s := in.Status(); s.State != Reverted || !strings.Contains(strings.Join(s.Notes, "\n"), "it was") {
		t.Errorf("status %+v", s)
	}

	cut, err := a.Inject(t.Context(), b.target, faults.Partition{Peer: faults.Peer{Names: []string{"cache-" + id}}}, InjectOptions{})
	must(t, err)
	t.Log(cut.Status().Measured.Saw)
	must(t, cut.Revert(t.Context()))
	// The engine asks those beyond it about others' names, and nobody may be there to answer.
	_, err = a.Inject(t.Context(), b.target, faults.BlackHole{Peer: faults.Peer{Names: []string{"nobody"}}}, InjectOptions{})
	if !errors.Is(err, &Error{Code: BadRequest}) && !errors.Is(err, &Error{Code: Failed}) || !strings.Contains(err.Error(), `peer name "nobody"`) {
		t.Errorf("a name of nobody: %v", err)
	}
	t.Run("refused", func(t *testing.T) {
		host := b.run("host-"+id, func(s *engine.Spec) { s.Networks = []engine.Join{{Network: "host"}} })
		other := b.run("stranger-"+id, func(s *engine.Spec) { s.Labels = nil })
		for _, f := range []faults.Fault{faults.BlackHole{}, faults.Reject{}, faults.Reset{}, faults.Partition{Peer: faults.Peer{Names: []string{"db"}}}} {
			for _, c := range []string{host, other} {
				if _, err := a.Inject(t.Context(), c, f, InjectOptions{AnyTarget: c == host}); !errors.Is(err, &Error{Code: Refused}) {
					t.Errorf("%s: %v, want refused", f.Kind(), err)
				}
			}
		}
	})
	if r := b.rules(); strings.Contains(r, tableName) {
		t.Errorf("left: %s", r)
	}
}

func (b *bench) address(id string) string {
	b.t.Helper()
	c, err := b.Inspect(context.WithoutCancel(b.t.Context()), id)
	must(b.t, err)
	for _, ip := range c.Networks {
		return ip
	}
	b.t.Fatal("no address")
	return ""
}
