package agent

import (
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"

	"faultlab/faults"
)

const (
	quantileBits = 12
	quantiles    = 1 << quantileBits // as many as iproute2's tables for netem have
	// furthest from the mean, in deviations: netem's tables hold 16-bit multiples of 1/8192.
	furthest = 32767.0 / 8192
	// paretoShape is that of netem's table.
	paretoShape = 3
)

// shapes are the quantile functions of package faults' distributions at the middle of
// each of their parts, in ascending order: the values that are drawn from.
var shapes = map[faults.Distribution]func() []float64{
	"":             even,
	faults.Uniform: even,
	faults.Normal:  sync.OnceValue(func() []float64 { return standard(sample(normal)) }),
	faults.Pareto:  sync.OnceValue(func() []float64 { return standard(sample(pareto)) }),
	faults.ParetoNormal: sync.OnceValue(func() []float64 {
		return standard(sample(func(p float64) float64 { return normal(p)/4 + pareto(p)*3/4 }))
	}),
}

var even = sync.OnceValue(func() []float64 { return sample(func(p float64) float64 { return 2*p - 1 }) })

// normal is the quantile function of Gauss's distribution of mean 0 and deviation 1.
func normal(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// pareto is that of Pareto's, (1-p)^(-1/a), with its mean a/(a-1) taken off and over
// its deviation, the root of a/((a-1)^2*(a-2)).
func pareto(p float64) float64 {
	const a = paretoShape
	return (math.Pow(1-p, -1.0/a) - a/(a-1.0)) / math.Sqrt(a/((a-1.0)*(a-1)*(a-2)))
}

func sample(quantile func(p float64) float64) []float64 {
	out := make([]float64, quantiles)
	for i := range out {
		out[i] = quantile((float64(i) + .5) / quantiles)
	}
	return out
}

// standard brings values to mean 0 and deviation 1 with none further than furthest.
// What is cut off moves both a little, so it is done until nothing moves any more.
func standard(x []float64) []float64 {
	for range 100 {
		mean, square := 0.0, 0.0
		for _, v := range x {
			mean += v / quantiles
			square += v * v / quantiles
		}
		deviation := math.Sqrt(square - mean*mean)
		for i, v := range x {
			x[i] = max(-furthest, min(furthest, (v-mean)/deviation))
		}
	}
	return x
}

// delays are equally likely delays of a packet, in ascending order.
type delays []time.Duration

// delays lists what may be drawn; nil without jitter.
func (a *action) delays() delays {
	if a.jitter == 0 {
		return nil
	}
	if a.table != nil {
		return slices.Clone(a.table)
	}
	out := make(delays, quantiles)
	for i, x := range shapes[a.shape]() {
		out[i] = a.shaped(x)
	}
	return out
}

// shaped is the delay that belongs to a value of the shape.
func (a *action) shaped(x float64) time.Duration {
	return max(0, a.delay+time.Duration(math.Round(float64(a.jitter)*x)))
}

// plus gives the distribution of the sum of two that are independent. Each value of the
// one is added to a value of the other, paired as the points of Hammersley's set: every
// value is used once, so that both keep their mean and deviation, and those used
// together are spread over the square as evenly as may be.
func (d delays) plus(e delays) delays {
	if d == nil || e == nil {
		return append(slices.Clone(d), e...)
	}
	out := make(delays, quantiles)
	for i := range out {
		out[i] = d[i] + e[bits.Reverse16(uint16(i))>>(16-quantileBits)]
	}
	slices.Sort(out)
	return out
}

// shift adds what is the same for every packet.
func (d delays) shift(by time.Duration) delays {
	for i := range d {
		d[i] += by
	}
	return d
}

// at is the delay that a share p of the packets, 0 to 1, does not exceed.
func (d delays) at(p float64) time.Duration {
	return d[max(0, min(len(d)-1, int(p*float64(len(d)))))]
}

// middle is the median.
func (d delays) middle() time.Duration { return (d[len(d)/2-1] + d[len(d)/2]) / 2 }

// scale gives the mean and, in whole microseconds, what netem must take for the
// deviation for its table to reach every delay.
func (d delays) scale() (mean, deviation time.Duration) {
	sum := 0.0
	for _, v := range d {
		sum += float64(v) / float64(len(d))
	}
	mean = time.Duration(math.Round(sum))
	far := max(d[len(d)-1]-mean, mean-d[0])
	return mean, time.Duration(math.Ceil(float64(far)/furthest/1000)) * time.Microsecond
}

// netem gives the table that makes sch_netem draw the delays: it takes one of the values
// v at random and delays a packet by mean + deviation*v/8192.
func (d delays) netem(mean, deviation time.Duration) []int16 {
	out := make([]int16, len(d))
	for i, v := range d {
		out[i] = int16(math.Round(float64(v-mean) / float64(deviation) * 8192))
	}
	return out
}
