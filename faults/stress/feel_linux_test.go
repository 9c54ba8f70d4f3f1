package stress

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// expected is the sum of the claims that are in force, for one destination and protocol.
type expected struct {
	claim
	pass float64
}

func sum(claims []claim, to, proto string, port int) expected {
	e := expected{claim: claim{copies: 1}, pass: 1}
	for _, c := range claims {
		if !c.concerns(to, proto, port) {
			continue
		}
		e.delay += c.delay
		e.jitter += c.jitter
		e.pass *= 1 - c.loss
		e.burst = max(e.burst, c.burst)
		e.dead = e.dead || c.dead
		e.hold += c.hold
		if c.copies > 0 {
			e.copies *= c.copies
		}
		e.tcp = append(e.tcp, c.tcp...)
	}
	return e
}

// feel looks at everything that the claims in force say, and that nothing else is
// wrong: whoever is not concerned has answers as always.
func (s *scene) feel(pid int, claims []claim) error {
	paused := slices.ContainsFunc(claims, func(c claim) bool { return c.pause })
	for _, to := range []string{s.peer, s.bystander} {
		if err := feelUDP(pid, to, sum(claims, to, "udp", udpPort)); err != nil {
			return fmt.Errorf("udp to %s: %w", s.names(to), err)
		}
		if err := feelTCP(pid, to, sum(claims, to, "tcp", tcpPort)); err != nil {
			return fmt.Errorf("tcp to %s: %w", s.names(to), err)
		}
	}
	how, _, _, err := ask(pid, loopback, "hello", 400*time.Millisecond)
	if err != nil {
		return err
	}
	if paused != (how == silent) {
		return fmt.Errorf("the target's server: %s; paused is %v", how, paused)
	}
	if err := s.feelCalls(pid, claims, paused); err != nil {
		return err
	}
	if !paused {
		if err := errors.Join(s.feelLookups(pid, claims), s.feelDisk(pid, claims)); err != nil {
			return err
		}
	}
	plain := sum(claims, s.peer, "tcp", tcpPort)
	for _, c := range claims {
		if c.carry != nil && plain.pass == 1 && len(plain.tcp) == 0 {
			if err := c.carry(pid); err != nil {
				return fmt.Errorf("%s: %w", c.fault.Kind(), err)
			}
		}
		if c.inside != nil && !paused {
			if err := c.inside(pid); err != nil {
				return fmt.Errorf("%s: %w", c.fault.Kind(), err)
			}
		}
	}
	return nil
}

func (s *scene) names(to string) string {
	switch to {
	case s.peer:
		return "the peer"
	case loopback:
		return "the target itself"
	}
	return "the bystander"
}

func feelUDP(pid int, to string, e expected) error {
	n := 100
	if e.pass < 1 || e.copies > 1 {
		n = 600
	}
	got, err := echo(pid, to, n, e.delay+e.jitter+e.hold+150*time.Millisecond, e.copies > 1)
	if err != nil {
		return err
	}
	answers := float64(len(got.rtts))
	if e.copies > 1 && !e.dead {
		return feelCopies(got, e)
	}
	if got.again > 0 {
		return fmt.Errorf("%d of %d answered more than once", got.again, n)
	}
	if e.dead {
		if answers > 0 {
			return fmt.Errorf("%v of %d answered; want none", answers, n)
		}
		return nil
	}
	if e.hold > 0 && e.pass == 1 && got.overtaken == 0 {
		return fmt.Errorf("%v of %d were answered, all in order", answers, n)
	}
	// Five standard deviations, wider where losses come in bursts; and what a busy machine drops.
	band := 5*math.Sqrt(float64(n)*e.pass*(1-e.pass)*max(1, 2*e.burst-1)) + 0.02*float64(n)
	if math.Abs(answers-float64(n)*e.pass) > band {
		return fmt.Errorf("%v of %d answered; want %.0f, give or take %.0f", answers, n, float64(n)*e.pass, band)
	}
	if least := got.least(); answers > 0 && (least < e.delay-e.jitter || least > e.delay+e.jitter+late()) {
		return fmt.Errorf("quickest round trip %v; want %v, give or take %v", least, e.delay, e.jitter)
	}
	return nil
}

// feelCopies counts all answers: of a datagram that is doubled one may be lost.
func feelCopies(got echoes, e expected) error {
	n := float64(got.sent)
	all, want := float64(len(got.rtts)+got.again), n*e.pass*e.copies
	// What becomes of one datagram, 0 to 4 answers, has a variance below 4.
	if band := 5*math.Sqrt(4*n*max(1, 2*e.burst-1)) + 0.02*n; math.Abs(all-want) > band || got.again == 0 {
		return fmt.Errorf("%v answers to %v, %d of them again; want %.0f, give or take %.0f", all, n, got.again, want, band)
	}
	return nil
}

func feelTCP(pid int, to string, e expected) error {
	wait := 500*time.Millisecond + 3*(e.delay+e.jitter+e.hold)
	switch {
	case e.pass < 1:
		return nil // whatever comes of one connection says nothing
	case slices.Contains(e.tcp, refused):
		wait += 1500 * time.Millisecond // some refusals are heard at the second try
	}
	how, _, took, err := ask(pid, to, "hello", wait)
	if err != nil {
		return err
	}
	want := e.tcp
	if len(want) == 0 {
		want = []string{answered}
	}
	if !slices.Contains(want, how) {
		return fmt.Errorf("%s after %v; want %v", how, took.Round(time.Millisecond), want)
	}
	if how == answered && (took < e.delay-e.jitter || took > e.delay+e.jitter+e.hold+100*time.Millisecond) {
		return fmt.Errorf("connected in %v; want %v, give or take %v", took, e.delay, e.jitter)
	}
	return nil
}
