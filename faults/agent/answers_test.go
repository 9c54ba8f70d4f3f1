package agent

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The chances are those of a simulation.
func TestAnswers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	hit := func(p float64) bool { return r.Float64() < p }
	var pass func(s passage) int
	pass = func(s passage) int {
		if !s.kernel {
			n := 1
			if hit(s.lose) {
				return 0
			}
			if hit(s.twice) {
				n++
			}
			out := 0
			for range n {
				if !hit(s.damage) {
					out++
				}
			}
			return out
		}
		// As sch_netem's netem_enqueue does it.
		count, out := 1, 0
		if hit(s.twice) {
			count++
		}
		if hit(s.lose) {
			count--
		}
		if count == 0 {
			return 0
		}
		if count > 1 {
			s.twice = 0
			out += pass(s)
		}
		if !hit(s.damage) {
			out++
		}
		return out
	}
	for _, way := range [][]passage{
		{{lose: .3}, {twice: .5}}, {{twice: .5}, {lose: .3}, {twice: .2}},
		{{twice: .4, lose: .3, damage: .1, kernel: true}}, {{twice: .5}, {lose: .2, damage: .3, twice: .6, kernel: true}, {damage: .1}},
	} {
		const n = 200_000
		zero, several := 0, 0
		for range n {
			now := 1
			for _, s := range way {
				next := 0
				for range now {
					next += pass(s)
				}
				now = next
			}
			if now == 0 {
				zero++
			} else if now > 1 {
				several++
			}
		}
		none, more := answers(way)
		if math.Abs(none-float64(zero)/n) > .005 || math.Abs(more-float64(several)/n) > .005 {
			t.Errorf("%+v: none %.3f, several %.3f; simulated %.3f, %.3f", way, none, more, float64(zero)/n, float64(several)/n)
		}
	}
}

// What is expected of overtaking is what the pipeline does, in one direction and in both.
func TestOvertakings(t *testing.T) {
	for _, o := range []ordering{{.25, 1, 1}, {.9, 1, 1}, {1, 5, 1}, {.5, 3, 1}} {
		for _, both := range []bool{false, true} {
			f := &packetFault{effect: effect{out: &action{order: o}}}
			if both {
				f.effect.in = f.effect.out
			}
			out := 0
			for seed := range uint64(200) {
				r, back, late := newSequence(seed, 0), newSequence(seed, 1), make([]int, 400)
				var order [3][]int
				for i := range late {
					if !r.ahead(o) {
						late[i] = 1
					}
					order[late[i]] = append(order[late[i]], i)
				}
				if both { // those that went ahead arrive, and come back, before the others
					for i := range late {
						if !back.ahead(o) {
							late[i]++
						}
					}
				}
				n := 0
				for i := 1; i < len(late); i++ {
					if late[i] < late[i-1] {
						n++
					}
				}
				if lo, hi := f.overtakings(o, len(late)-1); n < lo || n > hi {
					out++
				}
			}
			if out > 4 {
				t.Errorf("%+v, both %v: %d of 200 outside the band", o, both, out)
			}
		}
	}
}

// Where nothing is doubled no probe has two answers, whatever rounding makes of the sum.
func TestNothingIsDoubledByLoss(t *testing.T) {
	for percent := range 100 {
		p := float64(percent) / 100
		for _, way := range [][]passage{{{lose: p}, {lose: p}}, {{lose: p, kernel: true}, {damage: p}}} {
			if _, several := answers(way); several != 0 {
				t.Errorf("%v: %g", way, several)
			}
		}
	}
}
