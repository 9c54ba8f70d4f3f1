package traffic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

// Second is what users saw in one second: one line of JSON.
type Second struct {
	T           int64     `json:"t"`                // the second, as unix time
	TargetRate  float64   `json:"target_rate"`      // arrivals per second asked for; 0 = paused
	Sent        int       `json:"sent"`             // requests that arrived in this second
	Outstanding int       `json:"outstanding"`      // requests without an end when the second ended
	LagMS       float64   `json:"lag_ms"`           // how late the latest arrival was sent, for want of CPU
	Segments    []Segment `json:"segs"`             // requests that ended in this second; sorted, never null
	Orders      []Placed  `json:"orders,omitempty"` // checkouts among these, as they ended
}

// Placed is an order as its user knows it.
type Placed struct {
	Key        string `json:"key"`
	Tenant     string `json:"tenant"`
	Lines      []Line `json:"lines"`
	TotalCents int64  `json:"total_cents,omitempty"` // that the user was told is paid; 0 = no answer said so, and nobody knows
}

// Segment is the requests of one group.
type Segment struct {
	Who  Group     `json:"who"`
	N    int       `json:"n"`             // requests that ended
	OK   int       `json:"ok"`            // with the right answer in time
	Errs Errors    `json:"errs,omitzero"` // the others; N = OK + the sum of these
	MS   []float64 `json:"ms"`            // latency of all N in milliseconds, to 0.1
}

// Errors counts failed requests by what the user saw.
type Errors struct {
	Timeout  int `json:"timeout,omitempty"`  // no whole answer in the user's patience
	Status   int `json:"status,omitempty"`   // an answer that is not a 200
	Body     int `json:"body,omitempty"`     // a 200 with a wrong, empty or broken body
	Connect  int `json:"connect,omitempty"`  // no connection, or it broke
	Overflow int `json:"overflow,omitempty"` // not sent: too many requests outstanding
}

// Sum is the number of failed requests.
func (e Errors) Sum() int { return e.Timeout + e.Status + e.Body + e.Connect + e.Overflow }

// ReadSeconds reads lines of JSON until r ends. It ends after the first error,
// which names the line; blank lines are skipped.
func ReadSeconds(r io.Reader) iter.Seq2[Second, error] {
	return func(yield func(Second, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 8<<20)
		for n := 1; lines.Scan(); n++ {
			line := bytes.TrimSpace(lines.Bytes())
			if len(line) == 0 {
				continue
			}
			var s Second
			if err := json.Unmarshal(line, &s); err != nil {
				yield(Second{}, fmt.Errorf("seconds line %d: %w", n, err))
				return
			}
			if !yield(s, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Second{}, fmt.Errorf("read seconds: %w", err))
		}
	}
}
