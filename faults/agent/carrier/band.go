package carrier

import "math"

// Band gives the numbers of hits out of n that lie in the central 99.9 percent when
// each is hit with share p (binomial).
func Band(n int, p float64) (lo, hi int) { return Central(n, p, .999) }

// Central is [Band] for another share of the distribution, 0 to 1.
func Central(n int, p, share float64) (lo, hi int) {
	if p <= 0 || n == 0 {
		return 0, 0
	}
	if p >= 1 {
		return n, n
	}
	tail := (1 - share) / 2
	lnp, lnq := math.Log(p), math.Log1p(-p)
	lgn, _ := math.Lgamma(float64(n) + 1)
	cdf := 0.0
	lo, hi = -1, n
	for k := 0; k <= n; k++ {
		a, _ := math.Lgamma(float64(k) + 1)
		b, _ := math.Lgamma(float64(n-k) + 1)
		cdf += math.Exp(lgn - a - b + float64(k)*lnp + float64(n-k)*lnq)
		if lo < 0 && cdf > tail {
			lo = k
		}
		if cdf >= 1-tail {
			hi = k
			break
		}
	}
	return max(lo, 0), hi
}
