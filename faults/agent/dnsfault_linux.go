package agent

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"faultlab/faults/agent/carrier"
)

// dnsFault carries a fault on lookups.
type dnsFault struct {
	carrier.Seen
	space  *linuxSpace
	target carrier.Target
	rule   *dnsRule

	server string // that answers
	name   string // that is looked up
	typ    dnsmessage.Type
	before lookup
	way    time.Duration // what other faults added to before
}

// carryLookups gives the carrier of an order for a fault on lookups.
func carryLookups(s space, o carrier.Order) (carrier.Carrier, error) {
	r, err := dnsRuleOf(o.ID, o.Fault, o.Seed)
	if r == nil || err != nil {
		return nil, err
	}
	return &dnsFault{space: s.(*linuxSpace), target: o.Target, rule: r}, nil
}

// installLookups puts a rule in place.
func (s *linuxSpace) installLookups(r *dnsRule) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.kernel.capabilities(); s.queue == nil || !c.NFQueue.OK {
		return &Error{Code: NotSupported, Message: "not supported: lookups are answered by the queue, and " + c.NFQueue.Detail, Remedy: c.NFQueue.Remedy}
	}
	if s.dns == nil {
		s.dns = &dnsGate{rules: s.queue.rules, ns: s.namespace}
	}
	return s.dns.install(r)
}

func (s *linuxSpace) uninstallLookups(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dns == nil {
		return nil
	}
	return s.dns.uninstall(id)
}

// Place implements [carrier.Carrier].
func (f *dnsFault) Place(ctx context.Context) (carrier.Placed, error) {
	if err := f.prepare(ctx); err != nil {
		return carrier.Placed{}, err
	}
	if err := f.space.installLookups(f.rule); err != nil {
		return carrier.Placed{}, err
	}
	m, err := f.prove(ctx)
	return carrier.Placed{Backend: "queue", Seed: f.rule.seed, Measured: m}, err
}

// prepare chooses what to look up, and does so without the fault.
func (f *dnsFault) prepare(ctx context.Context) error {
	r, err := targetResolver(f.target)
	if err != nil {
		return err
	}
	// Where the pattern takes any text, a name that nobody has asked for yet.
	f.name = strings.ReplaceAll(f.rule.lookups.Name, "*", "x"+strconv.FormatUint(rand.Uint64()>>40, 36))
	if f.name == "" {
		f.name = "faultlab-probe.invalid"
	}
	f.name = strings.TrimSuffix(f.name, ".") + "."
	f.typ = queryType(f.rule.lookups.Type)
	if len(f.rule.addrs) > 0 && f.rule.lookups.Type == "" && f.rule.addrs[0].Is6() {
		f.typ = dnsmessage.TypeAAAA
	}
	for _, f.server = range r.servers {
		if f.before = f.look(ctx, nameTimeout); f.before.err == nil {
			// Again, so that what had to be found out is known.
			if again := f.look(ctx, nameTimeout); again.err == nil && again.took < f.before.took {
				f.before = again
			}
			f.way = f.onTheWay()
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{Code: NoProbe, Message: fmt.Sprintf("the target's name servers (%s) do not answer: %v", strings.Join(r.servers, ", "), f.before.err),
		Remedy: "see whether names resolve in the container"}
}

// onTheWay is what faults on packets add to a lookup at most.
func (f *dnsFault) onTheWay() time.Duration {
	to, err := netip.ParseAddrPort(f.server)
	if err != nil {
		return 0
	}
	o := expect(f.space.effects(), endpoint{addr: to.Addr().Unmap(), port: to.Port()}, "udp")
	return o.delay + o.jitter
}

// felt tells whether a lookup met the fault.
func (f *dnsFault) felt(l lookup) bool {
	r := f.rule
	switch {
	case r.silent:
		return l.err != nil
	case l.err != nil:
		return false
	case r.delay > 0:
		return l.took >= r.delay
	case len(r.addrs) > 0:
		var want []netip.Addr
		for _, a := range r.addrs {
			if a.Is4() == (f.typ == dnsmessage.TypeA) {
				want = append(want, a)
			}
		}
		return l.code == dnsmessage.RCodeSuccess && slices.Equal(l.addrs, want)
	}
	return l.code == r.code
}

// patience is how long a lookup that is not concerned may take.
func (f *dnsFault) patience() time.Duration {
	return 300*time.Millisecond + 10*f.before.took + f.rule.delay
}

// prove looks up until the share that is set is felt. The rule counts as well: an
// error may be what the server answers anyway.
func (f *dnsFault) prove(ctx context.Context) (*carrier.Measurement, error) {
	share := f.rule.lookups.Share()
	n := 3
	if share < 1 {
		n = int(min(max(math.Ceil(7/share), 60), 700))
	}
	var m *carrier.Measurement
	for try := range attempts {
		if try > 0 && !pause(ctx, 100*time.Millisecond) {
			break
		}
		counted := f.rule.probedHits.Load()
		felt := 0
		var one lookup
		var times []time.Duration
		for _, l := range f.lookups(ctx, n<<try, f.patience()) {
			if f.felt(l) {
				felt, one = felt+1, l
				times = append(times, l.took)
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		counted = f.rule.probedHits.Load() - counted
		lo, hi := binomialBand(n<<try, share)
		m = &carrier.Measurement{Method: "dns", Address: f.server, Probes: n << try, BeforeMS: ms(f.before.took),
			Saw: fmt.Sprintf("%d of %d lookups of %s (%s) by %s: %s; before: %s", felt, n<<try, strings.TrimSuffix(f.name, "."),
				typeName(f.typ), f.server, one, f.before)}
		if f.rule.delay > 0 && len(times) > 0 {
			m.AfterMS = ms(median(times))
			m.AddedMS = m.AfterMS - m.BeforeMS
			m.Saw += fmt.Sprintf("; %.1f ms in place of %.1f ms", m.AfterMS, m.BeforeMS)
		}
		if f.rule.silent {
			m.Lost = felt
		}
		if counted > 0 && int(counted) >= lo && int(counted) <= hi && felt >= lo && (felt <= hi || f.felt(f.before)) {
			return m, nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return m, errorf(Unproved, "lookups are as before: %s", m.Saw)
}

// Take implements [carrier.Carrier].
func (f *dnsFault) Take(ctx context.Context) error {
	if err := f.space.uninstallLookups(f.rule.id); err != nil {
		return err
	}
	var last lookup
	for try := range attempts {
		if try > 0 && !pause(ctx, 100*time.Millisecond) {
			break
		}
		counted := f.rule.hit.Load()
		last = f.look(ctx, nameTimeout)
		last.took -= max(f.onTheWay()-f.way, 0) // what came later than this fault is not its own
		if f.rule.hit.Load() == counted && last.err == nil && (f.felt(f.before) || !f.felt(last)) {
			f.See(&Measurement{Method: "dns", Address: f.server, Probes: 1, BeforeMS: ms(f.before.took), AfterMS: ms(last.took),
				AddedMS: ms(last.took - f.before.took), Saw: fmt.Sprintf("lookup of %s answered %s, before the fault %s", f.name, last, f.before)})
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if last.err != nil {
		return errorf(NoProbe, "not measured again: %s does not answer any more", f.server)
	}
	if f.space.dns.concerned(f.name, strings.TrimPrefix(f.typ.String(), "Type")) {
		return errorf(NoProbe, "not measured again: another fault on this target concerns lookups of %s", f.name)
	}
	return errorf(Unproved, "lookups of %s are still answered %s", f.name, last)
}

// Drop implements [carrier.Carrier].
func (f *dnsFault) Drop() error { return f.space.uninstallLookups(f.rule.id) }

// Packets implements [carrier.Carrier].
func (f *dnsFault) Packets() carrier.Packets { return f.rule.packets() }
