package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/faults"
)

func TestPutBackInOrder(t *testing.T) {
	var list []*Injection
	for i, kind := range []string{"latency", "crash-loop", "black-hole", "loss"} {
		list = append(list, &Injection{id: fmt.Sprint(i), target: "a", entry: Entry{Kind: kind}})
	}
	list = append(list, &Injection{id: "other", target: "b", entry: Entry{Kind: "latency"}})
	for i, want := range []string{"", "0 2 3", "0", "0 2", ""} {
		var ids []string
		for _, o := range list[i].first(list) {
			ids = append(ids, o.id)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("before %s come %q, want %q", list[i].entry.Kind, got, want)
		}
	}
}

// What is behind a cut is put back before it, and proved, each time the target starts again.
func TestCutsFollowInOrder(t *testing.T) {
	b := newBench(t)
	a := b.start()
	var in []*Injection
	for _, f := range []faults.Fault{
		faults.Latency{Delay: 30 * time.Millisecond}, faults.PacketLoss{Percent: 20}, faults.Reset{}, faults.BlackHole{},
	} {
		x, err := a.Inject(t.Context(), b.target, f, InjectOptions{Probes: b.probes})
		must(t, err)
		in = append(in, x)
	}
	for range 4 {
		must(t, b.Restart(t.Context(), b.target, 0))
		c, err := b.Inspect(t.Context(), b.target)
		must(t, err)
		for _, x := range in {
			b.eventually(x.kind()+" is back", 20*time.Second, func() bool {
				e := x.Status()
				return e.State != Active || e.PID == c.Pid && e.Measured != nil
			})
			if e := x.Status(); e.State != Active {
				t.Fatalf("%s: %s, %s", e.Kind, e.State, e.Reason)
			}
		}
	}
	slices.Reverse(in)
	for _, x := range in {
		must(t, x.Revert(t.Context()))
		if e := x.Status(); e.State != Reverted || e.Reason != "" {
			t.Errorf("%s: %s, %s", e.Kind, e.State, e.Reason)
		}
	}
}

// A fault that is taken away from behind another was not seen to go, and the record says so.
func TestRevertBehindACut(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	a := startAgent(t, "")
	cut := `{"peer":{"addresses":["` + peerAddr + `"]}}`
	for kind, params := range map[string]string{"latency": `{"delay":"30ms"}`, "loss": `{"percent":30}`} {
		first := a.put(t, l, kind, params)
		over := a.put(t, l, "black-hole", cut)
		if _, err := a.try(t, l, kind, params); err == nil || !strings.Contains(err.Error(), "another fault on this target") {
			t.Errorf("%s behind a black hole: %v", kind, err)
		}
		if e := a.take(t, first.ID); e.State != Reverted || !strings.Contains(e.Reason, "another fault on this target") {
			t.Errorf("%s from behind a black hole: %s, %q", kind, e.State, e.Reason)
		}
		if e := a.take(t, over.ID); e.State != Reverted || e.Reason != "" {
			t.Errorf("black-hole: %s, %q", e.State, e.Reason)
		}
	}
	l.untouched(before, time.Second)
}

// Of two delays of the same lookups the shorter is taken away: what is left is longer.
func TestRevertOneOfTwoLookupDelays(t *testing.T) {
	l := newLab(t)
	l.nameServer().set("db.shop.internal", "10.0.0.5")
	clean(t, l)
	a := startAgent(t, "")
	noProbes := func(r *InjectRequest) { r.Probes = nil }
	short := a.put(t, l, "dns-delay", `{"delay":"60ms"}`, noProbes)
	long := a.put(t, l, "dns-delay", `{"delay":"120ms"}`, noProbes)
	if e := a.take(t, short.ID); e.State != Reverted || !strings.Contains(e.Reason, "another fault on this target") {
		t.Errorf("the shorter: %s, %q", e.State, e.Reason)
	}
	if e := a.take(t, long.ID); e.State != Reverted || e.Reason != "" {
		t.Errorf("the longer: %s, %q", e.State, e.Reason)
	}
}
