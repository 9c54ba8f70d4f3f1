package shipping

import (
	"math/rand/v2"
	"time"
)

// backoff is the pause after the nth attempt that failed: first, doubled each time, and
// not above most.
func backoff(first, most time.Duration, n int) time.Duration {
	for d := first; d < most; d *= 2 {
		if n--; n <= 0 {
			return d
		}
	}
	return most
}

// jitter gives 80 to 100 percent of a pause, so that what failed together does not come
// back together.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/5+1))
}
