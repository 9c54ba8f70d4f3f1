// Package monitor asks a lab's monitoring: Prometheus for values and alerts,
// Alertmanager for what became of them, the pager for what arrived.
package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"faultlab/targets/pager"
	"faultlab/targets/socket"
)

// maxAnswer bounds what is read of an answer, in bytes: the pager bounds it too.
const maxAnswer = 9 << 20

// Client asks through the pager's socket.
type Client struct{ http *http.Client }

// New gives a client for the pager at a unix socket.
func New(path string) *Client { return &Client{socket.NewClient(path)} }

// UsageError is that a question was wrong, in the words of who was asked.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

// get reads the JSON answer to a GET. A refusal of the question is a *UsageError.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://pager"+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnprocessableEntity {
		var said struct{ Error string }
		if json.Unmarshal(body, &said) == nil && said.Error != "" {
			return &UsageError{said.Error}
		}
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, body[:min(len(body), 200)])
	}
	return json.Unmarshal(body, into)
}

// Notices waits for up to 25 s for notices after one of a run; see [pager.Pager.After].
func (c *Client) Notices(ctx context.Context, run string, after int) (pager.Notices, error) {
	var out pager.Notices
	err := c.get(ctx, "/notices", url.Values{"run": {run}, "after": {strconv.Itoa(after)}}, &out)
	return out, err
}

// Query is a question in PromQL: its value now, or over a time up to now.
type Query struct {
	Expr  string   `json:"expr"`
	Range Duration `json:"range,omitzero"` // 0: the value now; else 10s to 6h
}

// Duration is a duration that JSON has as Go writes it: "10m0s".
type Duration time.Duration

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Check says what is wrong with a query as far as that is known without asking.
func (q Query) Check() error {
	switch r := time.Duration(q.Range); {
	case q.Expr == "":
		return errors.New("there is no expression; want one in PromQL")
	case r != 0 && (r < 10*time.Second || r > 6*time.Hour):
		return fmt.Errorf("range is %v; want 10s to 6h, or none for the value now", r)
	}
	return nil
}

// Result is what an expression gave.
type Result struct {
	Expr   string   `json:"expr"`
	Type   string   `json:"type"` // vector, matrix, scalar or string
	Series []Series `json:"series"`
}

// Series is one line of a result.
type Series struct {
	Labels map[string]string `json:"labels"`
	Points []Point           `json:"points"` // one, or those of the range, oldest first
}

// Point is a value at a time, written as Prometheus does: NaN and +Inf are possible.
type Point struct {
	At    time.Time `json:"at"`
	Value string    `json:"value"`
}

// UnmarshalJSON reads Prometheus' form, [seconds, "value"].
func (p *Point) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		type plain Point
		return json.Unmarshal(b, (*plain)(p))
	}
	var at float64
	if err := json.Unmarshal(b, &[]any{&at, &p.Value}); err != nil {
		return err
	}
	p.At = time.UnixMilli(int64(at * 1000)).UTC()
	return nil
}

// columns is how many points a range has: as many as a sparkline has columns.
const columns = 60

// Ask puts a query to Prometheus.
func (c *Client) Ask(ctx context.Context, q Query) (*Result, error) {
	if err := q.Check(); err != nil {
		return nil, &UsageError{err.Error()}
	}
	path, values := "/prometheus/api/v1/query", url.Values{"query": {q.Expr}}
	if r := time.Duration(q.Range); r > 0 {
		now := time.Now()
		path += "_range"
		step := max(time.Second, r/(columns-1))
		values.Set("start", stamp(now.Add(-r)))
		values.Set("end", stamp(now))
		values.Set("step", strconv.FormatFloat(step.Seconds(), 'f', 3, 64))
	}
	var got struct {
		Data struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := c.get(ctx, path, values, &got); err != nil {
		return nil, err
	}
	out := &Result{Expr: q.Expr, Type: got.Data.ResultType, Series: []Series{}}
	var many []struct {
		Metric map[string]string
		Value  *Point
		Values []Point
	}
	switch out.Type {
	case "scalar", "string":
		var p Point
		if err := json.Unmarshal(got.Data.Result, &p); err != nil {
			return nil, fmt.Errorf("read what Prometheus answers: %w", err)
		}
		out.Series = append(out.Series, Series{Labels: map[string]string{}, Points: []Point{p}})
		return out, nil
	}
	if err := json.Unmarshal(got.Data.Result, &many); err != nil {
		return nil, fmt.Errorf("read what Prometheus answers: %w", err)
	}
	for _, m := range many {
		if m.Value != nil {
			m.Values = []Point{*m.Value}
		}
		out.Series = append(out.Series, Series{Labels: m.Metric, Points: m.Values})
	}
	return out, nil
}

func stamp(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}
