package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Shape is how the rate of arrivals moves around its mean. The zero value keeps it level.
type Shape struct {
	Swing float64 // how far the day takes it up and down, as a share of the mean; 0 to 0.9
	Burst float64 // how many times as many arrive in a burst; 0 = no bursts, otherwise 1 to 20
}

func (s Shape) check() error {
	switch {
	case !(s.Swing >= 0 && s.Swing <= .9):
		return fmt.Errorf("swing is %v; want 0 to 0.9", s.Swing)
	case s.Burst != 0 && !(s.Burst >= 1 && s.Burst <= 20):
		return fmt.Errorf("burst is %v; want 0 (none), or 1 to 20", s.Burst)
	}
	return nil
}

// The times of a shape, in mean gaps; what they are at 45 requests a second stands
// beside. Users' days are as short as labs are.
const (
	day        = 45 * 720 // twelve minutes
	burstEvery = 45 * 60  // there is one in every minute
	burstLasts = 45 * 2   // two seconds
)

// rhythm stretches gaps so that arrivals have a shape. It has random numbers of its
// own: what is asked for does not depend on the shape.
type rhythm struct {
	shape  Shape
	random *rand.Rand
	begin  float64 // where in the day the plan begins, in mean gaps
	now    float64 // mean gaps since
	minute float64 // where the latest stretch of burstEvery begins
	burst  float64 // where its burst begins
	level  float64 // the rate outside of bursts that makes the mean 1
}

func newRhythm(seed uint64, shape Shape) rhythm {
	r := rhythm{shape: shape, random: rand.New(rand.NewPCG(seed, 0xda1_5fade)), level: 1}
	r.begin, r.burst = r.random.Float64()*day, r.place()
	if shape.Burst != 0 {
		r.level = 1 / (1 + (shape.Burst-1)*burstLasts/burstEvery)
	}
	return r
}

// place is how far into its stretch a burst begins; it ends within.
func (r *rhythm) place() float64 { return r.random.Float64() * (burstEvery - burstLasts) }

// stretch gives how long a gap lasts that begins now, and moves on to its end.
func (r *rhythm) stretch(gap float64) float64 {
	gap /= r.rate()
	r.now += gap
	return gap
}

// rate is that of now, as a multiple of the mean.
func (r *rhythm) rate() float64 {
	for r.now-r.minute >= burstEvery {
		r.minute += burstEvery
		r.burst = r.minute + r.place()
	}
	rate := r.level * (1 + r.shape.Swing*math.Sin(2*math.Pi*(r.begin+r.now)/day))
	if r.shape.Burst != 0 && r.now >= r.burst && r.now < r.burst+burstLasts {
		rate *= r.shape.Burst
	}
	return rate
}
