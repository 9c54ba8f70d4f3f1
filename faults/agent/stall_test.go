package agent

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// scripted is a space that answers probes as it is told to: each series in its turn, and the
// last for ever.
type scripted struct {
	space
	in     []effect
	series [][]time.Duration
}

func (s *scripted) effects() []effect         { return s.in }
func (s *scripted) local(netip.Addr) bool     { return false }
func (s *scripted) packets(string) Packets    { return Packets{} }
func (s *scripted) notes(string) []string     { return nil }
func (s *scripted) uninstall(id string) error { s.in = s.in[:1]; return nil }

func (s *scripted) install(e effect) (string, error) {
	s.in = append(s.in, e)
	return "netem", nil
}

func (s *scripted) probe(context.Context, probeRun) (probeResult, error) {
	now := s.series[0]
	if len(s.series) > 1 {
		s.series = s.series[1:]
	}
	return probeResult{sent: len(now), rtts: now}, nil
}

// A machine that stalls while the round trip is measured before a fault makes it look
// longer than it is. That must neither hide the fault nor let it look like gone, nor may
// one be seen where there is none.
func TestStalledBefore(t *testing.T) {
	series := func(ms ...time.Duration) (out []time.Duration) {
		for _, d := range ms {
			out = append(out, d*time.Millisecond)
		}
		return out
	}
	short := series(320, 319, 318, 317, 316)
	long := series(300, 301, 300, 311, 333, 318, 320, 320, 320, 320, 319, 316, 313, 310, 307)
	with, without := series(310, 310, 312, 310, 310), series(300, 300, 302, 300, 300)
	for _, tt := range []struct {
		name       string
		after, end []time.Duration
		seen, gone bool
	}{
		{"comes and goes", with, without, true, true},
		{"stays", with, with, true, false},
		{"does not come", without, nil, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &scripted{in: []effect{{id: "other", out: &action{delay: 300 * time.Millisecond}}}, series: [][]time.Duration{short, long, tt.after}}
			f := &packetFault{space: s, effect: effect{id: "x", out: &action{delay: 10 * time.Millisecond}}, probes: []string{"10.0.0.1"}}
			if _, err := f.Place(t.Context()); (err == nil) != tt.seen || err != nil && !errors.Is(err, &Error{Code: Unproved}) {
				t.Fatalf("placed: %v", err)
			}
			if !tt.seen {
				return
			}
			s.series = [][]time.Duration{tt.end}
			if err := f.Take(t.Context()); (err == nil) != tt.gone || err != nil && !errors.Is(err, &Error{Code: Unproved}) {
				t.Errorf("taken: %v", err)
			}
		})
	}
}
