package agent

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"faultlab/faults"
)

// moments gives the mean and the standard deviation.
func moments[T ~int64 | ~float64](x []T) (mean, deviation float64) {
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		deviation += (float64(v) - mean) * (float64(v) - mean) / float64(len(x))
	}
	return mean, math.Sqrt(deviation)
}

// What package faults says of the distributions, figure by figure.
func TestShapes(t *testing.T) {
	for _, tt := range []struct {
		shape            faults.Distribution
		deviation        float64
		least, mid, p99  float64
		most             float64
		within           float64 // share of the values within one deviation
		liftAtFull, lift float64 // of the mean by the cut at 0: jitter = delay, and a third of it
	}{
		{"", 1 / math.Sqrt(3), -1, 0, .98, 1, 1, 0, 0},
		{faults.Uniform, 1 / math.Sqrt(3), -1, 0, .98, 1, 1, 0, 0},
		{faults.Normal, 1, -3.67, 0, 2.33, 3.67, .683, .083, .0004 / 3},
		{faults.Pareto, 1, -.82, -.36, 3.999, 3.999, .88, 0, 0},
		{faults.ParetoNormal, 1, -1.8, -.25, 3.999, 3.999, .795, .01, 0},
	} {
		x := shapes[tt.shape]()
		if len(x) != quantiles || !slices.IsSorted(x) {
			t.Fatalf("%s: %d values, sorted %v", tt.shape, len(x), slices.IsSorted(x))
		}
		mean, deviation := moments(x)
		if math.Abs(mean) > 1e-9 || math.Abs(deviation-tt.deviation) > 1e-6 {
			t.Errorf("%s: mean %v, deviation %v", tt.shape, mean, deviation)
		}
		within := 0.0
		for _, v := range x {
			if math.Abs(v) <= 1 {
				within += 1.0 / quantiles
			}
		}
		lift := func(jitter float64) (sum float64) {
			for _, v := range x {
				sum += max(0, 1+jitter*v) / quantiles
			}
			return sum - 1
		}
		for _, c := range []struct {
			what            string
			got, want, near float64
		}{
			{"least", x[0], tt.least, .01}, {"median", x[quantiles/2], tt.mid, .01}, {"99 percent", x[quantiles*99/100], tt.p99, .05},
			{"most", x[quantiles-1], tt.most, .05}, {"within", within, tt.within, .01},
			{"lift", lift(1), tt.liftAtFull, .005}, {"lift at a third", lift(1.0 / 3), tt.lift, .001},
		} {
			if math.Abs(c.got-c.want) > c.near {
				t.Errorf("%s: %s is %.4f, want %.4f", tt.shape, c.what, c.got, c.want)
			}
		}
	}
}

// A sum of independent delays has the sum of the means and of the variances.
func TestSumOfDelays(t *testing.T) {
	of := func(shape faults.Distribution, jitter time.Duration) delays {
		return (&action{delay: time.Second, jitter: jitter, shape: shape}).delays()
	}
	var none delays
	if got := none.plus(nil); got != nil {
		t.Errorf("nothing and nothing is %v", got)
	}
	for _, tt := range [][]delays{
		{of("", 300*time.Millisecond), of("", 300*time.Millisecond)},
		{of(faults.Normal, 100*time.Millisecond), of(faults.Pareto, 300*time.Millisecond), of("", 500*time.Millisecond)},
		{none, of(faults.Normal, 100*time.Millisecond)},
	} {
		var sum delays
		mean, square := 0.0, 0.0
		for _, d := range tt {
			sum = sum.plus(d)
			if d != nil {
				m, s := moments(d)
				mean, square = mean+m, square+s*s
			}
		}
		m, s := moments(sum)
		if math.Abs(m-mean) > 10 || math.Abs(s-math.Sqrt(square)) > .01*s || !slices.IsSorted(sum) {
			t.Errorf("mean %v, deviation %v; want %v, %v", m, s, mean, math.Sqrt(square))
		}
	}
	// Two even ones make a triangle: half of the sums are within 1-1/sqrt(2) of the middle.
	two := of("", 300*time.Millisecond).plus(of("", 300*time.Millisecond))
	if got := two.at(.75) - two.middle(); math.Abs(got.Seconds()-.6*(1-math.Sqrt(.5))) > .004 {
		t.Errorf("the upper quarter begins %v above the middle", got)
	}
}

// The queue draws what the table says, the same with the same seed.
func TestDraw(t *testing.T) {
	for shape := range shapes {
		a := action{delay: 50 * time.Millisecond, jitter: 40 * time.Millisecond, shape: shape}
		r, again := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(1, 2))
		var got delays
		for range 20000 {
			d := a.draw(r)
			if d != a.draw(again) || d < 0 {
				t.Fatalf("%s: drew %v, and otherwise again", shape, d)
			}
			got = append(got, d)
		}
		slices.Sort(got)
		for _, p := range []float64{.01, .1, .25, .5, .75, .9, .99} {
			// Of 20000 draws the share below a quantile is within 0.012 of p in 99.9 of 100 runs.
			if d, table := got.at(p), a.delays(); d < table.at(p-.012) || d > table.at(p+.012) {
				t.Errorf("%s: %v percent are below %v, want %v", shape, 100*p, d, table.at(p))
			}
		}
	}
}

// However a jitter is spread, a series of it is told from none, from one of another
// size, and from a busy machine.
func TestJitterVerdicts(t *testing.T) {
	const n = 15
	r := rand.New(rand.NewPCG(5, 6))
	for shape := range shapes {
		for _, share := range []time.Duration{10, 3, 1} {
			a := action{delay: 60 * time.Millisecond, jitter: 60 * time.Millisecond / share, shape: shape}
			want := delayed(a.delay, a.jitter, shape)
			seen := func(series func() time.Duration) (share float64) {
				for range 2000 {
					var rtts []time.Duration
					for range n {
						rtts = append(rtts, series())
					}
					if delaySeen(median(rtts), slices.Min(rtts), want, outlook{}, n, slack) {
						share += 1.0 / 2000
					}
				}
				return share
			}
			late := func() time.Duration { return time.Duration(r.Int64N(int64(2 * time.Millisecond))) }
			if got := seen(func() time.Duration { return a.draw(r) + late() }); got < .98 { // of one try; there are six
				t.Errorf("%s, jitter %v: seen in %.3f", shape, a.jitter, got)
			}
			if got := seen(late); got > 0 {
				t.Errorf("%s, jitter %v: seen in %.3f without it", shape, a.jitter, got)
			}
			triple := action{delay: 3 * a.delay, jitter: a.jitter, shape: shape}
			// A jitter as large as the delay hides its size, but not that it is there.
			if got := seen(func() time.Duration { return triple.draw(r) }); share > 1 && got > .001 {
				t.Errorf("%s, jitter %v: seen in %.3f of three times as long", shape, a.jitter, got)
			}
			// Two of three packets are late because of the machine.
			busy := func() time.Duration {
				if r.IntN(3) > 0 {
					return a.draw(r) + 150*time.Millisecond
				}
				return a.draw(r)
			}
			if got := seen(busy); share == 10 && got < .9 {
				t.Errorf("%s, jitter %v: seen in %.3f on a busy machine", shape, a.jitter, got)
			}
		}
	}
}
