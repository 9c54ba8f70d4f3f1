package faults

import "fmt"

// Distribution is how a jitter spreads delays around their mean, in netem's terms.
//
// Each is Delay + Jitter*X, cut at 0: what would have to arrive before it was sent
// arrives at once. X has the mean 0 and, but for Uniform, the standard deviation 1,
// so Delay is the mean and Jitter the standard deviation of what is not cut. The cut
// lifts the mean: by 8 percent at most for Normal, where Jitter is as large as Delay,
// and by less than 0.1 percent from Jitter = Delay/3 down; Pareto and Uniform are
// never cut. (What a probe reports as measured is the median.)
//
// X of the last three is drawn from 4096 equally likely values, which the formula
// below gives at the middle of each 4096th. None lies further from the mean than 4
// deviations, which is what netem's tables of 16 bits can say: what the formula gives
// beyond is set to 4, and all is shifted and scaled for the mean and the deviation to be
// as said above. (The tables of iproute2's Pareto and ParetoNormal are not scaled so:
// their deviation is about 0.8 of what one asks for.)
type Distribution string

const (
	// Uniform spreads delays evenly over Delay-Jitter to Delay+Jitter. The empty
	// Distribution is the same.
	Uniform Distribution = "uniform"
	// Normal is Gauss's: X(p) = sqrt(2) * erfinv(2p-1). Two of three packets are within
	// one Jitter of Delay.
	Normal Distribution = "normal"
	// Pareto is Pareto's of shape 3, the shape in netem's table of that name:
	// X(p) ~ (1-p)^(-1/3). Most packets are a little early and a few very late: none is
	// more than 0.82 Jitter early, the median is 0.36 Jitter below Delay, and one of a
	// hundred is 4 Jitter above it.
	Pareto Distribution = "pareto"
	// ParetoNormal is a quarter of Normal's X(p) and three quarters of Pareto's, the
	// shares in netem's table of that name: late as often as Pareto, and less alike
	// when early.
	ParetoNormal Distribution = "paretonormal"
)

func (d Distribution) validate() error {
	switch d {
	case "", Uniform, Normal, Pareto, ParetoNormal:
		return nil
	}
	return fmt.Errorf("distribution is %q; want uniform, normal, pareto or paretonormal", string(d))
}
