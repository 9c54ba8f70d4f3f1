package traffic

import (
	"math"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"
)

// arrivals are the times at which the first n requests of a plan come, in mean gaps.
func arrivals(seed uint64, shape Shape, n int) []float64 {
	p, at, out := NewPlan(seed, shape), 0.0, make([]float64, n)
	for i := range out {
		at += p.Next().Gap
		out[i] = at
	}
	return out
}

// counts are how many arrive in each stretch of so many mean gaps.
func counts(times []float64, stretch float64) []float64 {
	out := make([]float64, int(times[len(times)-1]/stretch)+1)
	for _, at := range times {
		out[int(at/stretch)]++
	}
	return out[:len(out)-1] // the last one is cut off
}

// The swing of arrivals that come and go once a day is their first Fourier coefficient.
func TestSwingOfADay(t *testing.T) {
	const days = 4
	for _, swing := range []float64{0, .08, .5} {
		x, y, n := 0.0, 0.0, 0.0
		for _, at := range arrivals(3, Shape{Swing: swing}, days*day*21/20) {
			if at < days*day {
				x, y, n = x+math.Cos(2*math.Pi*at/day), y+math.Sin(2*math.Pi*at/day), n+1
			}
		}
		if got := 2 * math.Hypot(x, y) / n; math.Abs(got-swing) > .012 {
			t.Errorf("swing is %.3f; want %v", got, swing)
		}
		if math.Abs(n/(days*day)-1) > .012 {
			t.Errorf("swing %v: %.0f arrive in %d days; want %d each", swing, n, days, day)
		}
	}
}

func TestBursts(t *testing.T) {
	const minutes = 200
	times := arrivals(4, Shape{Burst: 3}, minutes*burstEvery)
	places := map[int]bool{}
	for m, per := range slices.Collect(slices.Chunk(counts(times, burstLasts/2), 2*burstEvery/burstLasts)) {
		if len(per) < 2*burstEvery/burstLasts {
			break
		}
		top, rest := slices.Max(per), slices.Sorted(slices.Values(per))
		if usual := rest[len(rest)/2]; top < 2*usual {
			t.Errorf("minute %d: at most %v in a second, usually %v; want a burst", m, top, usual)
		}
		places[slices.Index(per, top)] = true
	}
	if len(places) < 20 {
		t.Errorf("bursts are in the same %d seconds of each minute", len(places))
	}
	if end := times[len(times)-1]; math.Abs(end/(minutes*burstEvery)-1) > .01 {
		t.Errorf("%d requests took %.0f mean gaps", len(times), end)
	}
}

func TestSameSeedSameArrivals(t *testing.T) {
	usual := Shape{Swing: .08, Burst: 1.5}
	if !slices.Equal(arrivals(7, usual, 20_000), arrivals(7, usual, 20_000)) {
		t.Error("two plans of seed 7 differ")
	}
	if slices.Equal(arrivals(7, usual, 20_000), arrivals(8, usual, 20_000)) {
		t.Error("seeds 7 and 8 give the same arrivals")
	}
	level, shaped := NewPlan(7, Shape{}), NewPlan(7, usual)
	for i := range 20_000 {
		a, b := level.Next(), shaped.Next()
		if a.Gap, b.Gap = 0, 0; !reflect.DeepEqual(a, b) {
			t.Fatalf("request %d is %+v, and with a shape %+v", i, a, b)
		}
	}
}

func TestShapeRefuses(t *testing.T) {
	for _, s := range []Shape{{Swing: -.1}, {Swing: .91}, {Swing: math.NaN()}, {Burst: .5}, {Burst: 21}, {Burst: math.NaN()}} {
		if s.check() == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
	for _, s := range []Shape{{}, {Swing: .9, Burst: 20}, {Burst: 1}} {
		if err := s.check(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// Few come at night, and a night at this rate lasts much longer than the test.
func TestArrivalsHaveTheShape(t *testing.T) {
	night := Shape{Swing: .9}
	seed := uint64(0)
	for r := newRhythm(seed, night); r.rate() > .15; r = newRhythm(seed, night) {
		seed++
	}
	hang := edge(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := Config{Edge: hang, Rate: 1000, Seed: seed, MaxOutstanding: 1}
	level, _ := play(t, c, time.Second)
	c.Shape = night
	low, _ := play(t, c, time.Second)
	if 3*low.Sent > level.Sent || low.Sent == 0 {
		t.Errorf("%d arrive at night; %d arrive when all times are alike", low.Sent, level.Sent)
	}
}
