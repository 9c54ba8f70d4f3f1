package stress

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// answers are what may come of one attempt, with their shares, and how long one takes.
type answers struct {
	shares      map[string]float64
	least, most time.Duration
}

// expectLookup is what becomes of a query: faults are asked in the order in which they
// were injected, the first that answers ends it. net is what lies before the server.
func expectLookup(claims []claim, q question, net expected) answers {
	out, left := answers{shares: map[string]float64{}}, 1.0
	for _, c := range claims {
		switch l := c.lookups; {
		case !l.concerns(q):
		case l.answers == nil && left > 0:
			out.least, out.most = out.least+l.delay, out.most+l.delay
		case l.answers != nil:
			out.shares[l.answers[q.typ]] += left * l.share
			left *= 1 - l.share
		}
	}
	out.most += net.delay + net.jitter + net.hold
	if left > 0 {
		out.shares[q.answer] += left
	}
	if left == 1 {
		out.least += net.delay - net.jitter
	}
	return out
}

// twice is a when an error of the server is asked about once more, as resolvers do.
func (a answers) twice() answers {
	again := a.shares[servfail] + a.shares[misbehaving]
	out := answers{shares: map[string]float64{}, least: a.least, most: a.most}
	for what, share := range a.shares {
		if out.shares[what] = again * share; what != servfail && what != misbehaving {
			out.shares[what] += share
		}
	}
	if again > 0 {
		out.most *= 2
	}
	if again == 1 {
		out.least *= 2
	}
	return out
}

// feelLookups looks names up in the target, wherever the way to the server is good.
func (s *scene) feelLookups(pid int, claims []claim) error {
	net := sum(claims, s.resolver, "udp", namePort)
	if s.resolver == "" || net.dead || net.pass < 1 {
		return nil
	}
	busy := slowed(claims)
	for _, q := range zone {
		want := expectLookup(claims, q, net).twice()
		n := 4
		if !sure(want.shares) {
			n = 60
		}
		wait := want.most + 300*time.Millisecond + busy
		if want.shares[noAnswer] == 0 {
			wait += time.Second // there is an answer, however late a busy machine makes it
		}
		if err := feelLookup(pid, q, n, wait, want, busy); err != nil {
			return fmt.Errorf("lookups of %s (%s): %w", q.name, q.typ, err)
		}
	}
	return nil
}

func feelLookup(pid int, q question, n int, wait time.Duration, want answers, busy time.Duration) error {
	how, text, _, err := ask(pid, "127.0.0.1", fmt.Sprintf("lookup %s %s %d %s", q.name, q.typ, n, wait), 30*time.Second)
	if err != nil {
		return err
	}
	f := strings.Fields(text)
	if how != answered || len(f) < 3 {
		return fmt.Errorf("%s %q", how, text)
	}
	got := map[string]int{}
	for _, pair := range f[2:] {
		answer, count, _ := strings.Cut(pair, "=")
		got[answer], _ = strconv.Atoi(count)
	}
	if err := feelShares(got, n, want.shares); err != nil {
		return err
	}
	least, err := time.ParseDuration(f[0])
	if err != nil || !sure(want.shares) || want.shares[noAnswer] > 0 {
		return err
	}
	if top := want.most + late() + busy; least < want.least || least > top {
		return fmt.Errorf("the quickest took %v; want %v to %v", least, want.least, top)
	}
	return nil
}

// sure tells whether there is one answer only.
func sure(shares map[string]float64) bool {
	for _, p := range shares {
		if p > 0.999 {
			return true
		}
	}
	return false
}

// feelShares compares how often each answer came with its share: five standard deviations.
func feelShares(got map[string]int, n int, want map[string]float64) error {
	for what, p := range want {
		if band := 5 * math.Sqrt(float64(n)*p*(1-p)); math.Abs(float64(got[what])-float64(n)*p) > band+0.01*float64(n) {
			return fmt.Errorf("%d of %d got %s; want %.0f, give or take %.0f; all: %v", got[what], n, what, float64(n)*p, band, got)
		}
	}
	for what, count := range got {
		if want[what] == 0 && count > n/50 {
			return fmt.Errorf("%d of %d got %s; want none; all: %v", count, n, what, got)
		}
	}
	return nil
}

// slowed is how much longer things may take that the target does itself.
func slowed(claims []claim) time.Duration {
	for _, c := range claims {
		if c.slows {
			return time.Second
		}
	}
	return 0
}
