package agent

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The netem tree on an interface is a prio qdisc with a netem in each band.
// Band 0 takes what no filter catches and does nothing to it.
const netemBands = 16 // the most that sch_prio has

// selector is one kind of traffic by its ends: a filter each in the tree.
type selector struct {
	prefix netip.Prefix // not valid: any address of both IP versions
	proto  string       // tcp, udp, icmp or ""
	port   uint16       // the peer's; 0: any; else proto is tcp or udp
	local  uint16       // the target's own, likewise
}

// cell is traffic that meets the same effects.
type cell struct {
	selector
	band int
}

// treePlan is what a tree should look like.
type treePlan struct {
	cells []cell         // the most special first
	bands map[int]action // by band, from 1
	users map[int][]string
}

// selectorsOf spells a match out as alternatives.
func selectorsOf(m match) []selector {
	protos := []string{m.proto}
	if m.port != 0 && m.proto == "" {
		protos = []string{"tcp", "udp"}
	}
	prefixes := m.prefixes
	if len(prefixes) == 0 {
		prefixes = []netip.Prefix{{}}
	}
	var out []selector
	for _, p := range prefixes {
		for _, proto := range protos {
			out = append(out, selector{p, proto, m.port, m.local})
		}
	}
	return out
}

// and gives what both select; false when that is nothing. Of two prefixes one
// holds the other or they are apart, so the result is one selector.
func (s selector) and(t selector) (selector, bool) {
	out := s
	switch {
	case !s.prefix.IsValid():
		out.prefix = t.prefix
	case t.prefix.IsValid():
		if !s.prefix.Overlaps(t.prefix) {
			return out, false
		}
		if t.prefix.Bits() > s.prefix.Bits() {
			out.prefix = t.prefix
		}
	}
	if s.proto == "" {
		out.proto = t.proto
	} else if t.proto != "" && t.proto != s.proto {
		return out, false
	}
	if s.port == 0 {
		out.port = t.port
	} else if t.port != 0 && t.port != s.port {
		return out, false
	}
	if s.local == 0 {
		out.local = t.local
	} else if t.local != 0 && t.local != s.local {
		return out, false
	}
	return out, true
}

// weight grows with every condition: whatever lies inside another selector weighs more.
func (s selector) weight() int {
	w := 0
	if s.prefix.IsValid() {
		w += 1 + s.prefix.Bits()
	}
	if s.proto != "" {
		w++
	}
	if s.port != 0 {
		w++
	}
	if s.local != 0 {
		w++
	}
	return w
}

// maxCells bounds the filters of one interface.
const maxCells = 512

// facing gives the effects that have something to do in one direction, as if all were
// on what is sent.
func facing(effects []effect, dir int) []effect {
	var out []effect
	for _, e := range effects {
		if dir == dirIn {
			e.out = e.in
		}
		if e.in = nil; e.out != nil {
			out = append(out, e)
		}
	}
	return out
}

// plannable says why netem cannot carry an effect beside others; nil: it can.
func plannable(beside []effect, e effect) error {
	for dir := range 2 {
		if _, err := planTree(facing(append(slices.Clone(beside), e), dir), treePlan{}); err != nil {
			return err
		}
	}
	return nil
}

// planTree works out the tree for the effects, each as it is on what goes out. Traffic
// keeps the band it has in before where that is possible, because packets that
// wait in a band stay there.
func planTree(effects []effect, before treePlan) (treePlan, error) {
	var sels []selector
	seen := map[selector]bool{}
	for _, e := range effects {
		more := selectorsOf(e.match)
		for _, s := range slices.Clone(sels) {
			for _, t := range selectorsOf(e.match) {
				if x, ok := s.and(t); ok {
					more = append(more, x)
				}
			}
		}
		for _, s := range more {
			if !seen[s] {
				seen[s] = true
				sels = append(sels, s)
			}
		}
		if len(sels) > maxCells {
			return treePlan{}, errorf(NotSupported, "the faults' peers overlap in %d ways; want at most %d with netem", len(sels), maxCells)
		}
	}
	slices.SortStableFunc(sels, func(a, b selector) int { return cmp.Compare(b.weight(), a.weight()) })

	old := map[selector]int{}
	for _, c := range before.cells {
		old[c.selector] = c.band
	}
	plan := treePlan{bands: map[int]action{}, users: map[int][]string{}}
	bandOf := map[string]int{}
	members := make([]string, len(sels))
	for i, s := range sels {
		members[i] = strings.Join(usersOf(effects, s), "\x00")
		// Whoever was there before goes first.
		if b, ok := old[s]; ok && bandOf[members[i]] == 0 && plan.users[b] == nil {
			bandOf[members[i]], plan.users[b] = b, usersOf(effects, s)
		}
	}
	for i, s := range sels {
		// Next what meets the same as a band's traffic did; its peer has other addresses.
		for n, users := range before.users {
			if bandOf[members[i]] == 0 && plan.users[n] == nil && strings.Join(users, "\x00") == members[i] {
				bandOf[members[i]], plan.users[n] = n, usersOf(effects, s)
			}
		}
	}
	for i, s := range sels {
		b := bandOf[members[i]]
		for n := 1; b == 0 && n < netemBands; n++ {
			if plan.users[n] == nil && before.users[n] == nil {
				b = n
			}
		}
		for n := 1; b == 0 && n < netemBands; n++ {
			if plan.users[n] == nil {
				b = n
			}
		}
		if b == 0 {
			return treePlan{}, errorf(NotSupported, "the faults' peers overlap in more than %d ways; netem has no more bands", netemBands-1)
		}
		bandOf[members[i]], plan.users[b] = b, usersOf(effects, s)
		plan.cells = append(plan.cells, cell{s, b})
		var err error
		if plan.bands[b], err = combined(effects, s); err != nil {
			return treePlan{}, err
		}
	}
	return plan, plan.check(effects)
}

// usersOf names the effects that concern all of a selector's traffic.
func usersOf(effects []effect, s selector) []string {
	var out []string
	for _, e := range effects {
		if covers(e.match, s) {
			out = append(out, e.id)
		}
	}
	return out
}

func covers(m match, s selector) bool {
	return slices.ContainsFunc(selectorsOf(m), func(t selector) bool {
		x, ok := t.and(s)
		return ok && x == s
	})
}

// maxDeviation is the largest jitter that the kernel's sch_netem does not cut: it holds
// the nanoseconds in 32 bits.
const maxDeviation = math.MaxInt32 * time.Nanosecond

// combined is what the effects do together to a selector's traffic.
func combined(effects []effect, s selector) (action, error) {
	var a action
	pass := 1.0 // the share that single losses leave
	for _, e := range effects {
		if !covers(e.match, s) {
			continue
		}
		if d := e.out.delays(); d != nil {
			a.table = a.table.plus(d)
		} else {
			a.delay += e.out.delay
		}
		switch {
		case e.out.burst == 0:
			pass *= 1 - e.out.loss
		case a.burst == 0:
			a.loss, a.burst = e.out.loss, e.out.burst
		default:
			return action{}, errorf(NotSupported, "two faults lose packets of the same peer in bursts; netem has one pattern for both")
		}
		if err := a.join(e.out); err != nil {
			return action{}, err
		}
	}
	if a.burst == 0 {
		a.loss = 1 - pass
	} else {
		a.besides = 1 - pass
	}
	if a.order.share > 0 && (a.delay > 0 || a.table != nil) {
		return action{}, errorf(NotSupported, "packets of the same peer are delayed and reordered; with netem those that go ahead would miss the other delay")
	}
	a.delay += a.order.delay
	if a.table == nil {
		return a, nil
	}
	a.delay, a.jitter = a.table.shift(a.delay).scale()
	if a.jitter > maxDeviation {
		return action{}, errorf(NotSupported, "delays deviate from their mean by more than %.1fs, the most that netem knows", furthest*maxDeviation.Seconds())
	}
	return a, nil
}

func (s selector) String() string {
	return fmt.Sprintf("%v %s %d %d", s.prefix, s.proto, s.port, s.local)
}
