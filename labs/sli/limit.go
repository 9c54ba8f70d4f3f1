package sli

import (
	"fmt"
	"math"
	"time"
)

// Limit is what users must get. Zero fields do not count.
type Limit struct {
	Success  float64 // percent
	P95, P99 time.Duration
}

func (l Limit) String() string {
	s := fmt.Sprintf("success >= %g %%", l.Success)
	if l.P95 > 0 {
		s += fmt.Sprintf(", p95 <= %d ms", l.P95.Milliseconds())
	}
	if l.P99 > 0 {
		s += fmt.Sprintf(", p99 <= %d ms", l.P99.Milliseconds())
	}
	return s
}

// Breaches says in which ways a window falls short of the limit; none when it holds.
// A window without requests breaches every limit: silence is no success.
func (l Limit) Breaches(w Window) []string {
	if w.N == 0 {
		return []string{"no request was answered"}
	}
	var out []string
	if s := w.Success(); !(s >= l.Success) {
		out = append(out, fmt.Sprintf("success %s %%", floor2(s)))
	}
	if q := w.Quantile(.95); l.P95 > 0 && q > l.P95 {
		out = append(out, fmt.Sprintf("p95 %g ms", ceil1(q)))
	}
	if q := w.Quantile(.99); l.P99 > 0 && q > l.P99 {
		out = append(out, fmt.Sprintf("p99 %g ms", ceil1(q)))
	}
	return out
}

// floor2 writes a percentage with two digits, never rounded up to a better one.
func floor2(p float64) string { return fmt.Sprintf("%.2f", math.Floor(p*100)/100) }

// Describe sums a window up in one line.
func (w Window) Describe() string {
	if w.N == 0 {
		return "no request was answered"
	}
	return fmt.Sprintf("success %s %% of %d requests, p50 %.0f ms, p95 %.0f ms, p99 %.0f ms", floor2(w.Success()), w.N,
		ceil0(w.Quantile(.5)), ceil0(w.Quantile(.95)), ceil0(w.Quantile(.99)))
}

// ceil0 and ceil1 give milliseconds, never rounded down to better ones.
func ceil0(d time.Duration) float64 { return math.Ceil(float64(d) / float64(time.Millisecond)) }
func ceil1(d time.Duration) float64 { return math.Ceil(float64(d)/float64(time.Millisecond)*10) / 10 }
