package traffic

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Probe is the result of one request made by hand.
type Probe struct {
	Status int     `json:"status"` // 0 when there was no answer
	MS     float64 `json:"ms"`     // until the whole body was there, or the failure
	Body   string  `json:"body"`   // what was read of it
	Err    string  `json:"err"`    // why there is no whole answer; empty when there is
	// At is when the answer, or the failure, was there.
	At time.Time `json:"at"`
}

// SendProbe gets url once, without following redirects. With host, that is
// the name in the request while url says where to connect. What goes wrong on
// the way is part of the result; the error is for a url that cannot be asked.
func SendProbe(ctx context.Context, url, host string, timeout time.Duration) (Probe, error) {
	if timeout <= 0 {
		return Probe{}, fmt.Errorf("timeout is %v; want above 0", timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Probe{}, fmt.Errorf("probe: %w", err)
	}
	if req.URL.Scheme != "http" || req.URL.Host == "" {
		return Probe{}, fmt.Errorf("url is %q; want http://host/path", url)
	}
	req.Host = host
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	began := time.Now()
	var p Probe
	resp, err := transport.RoundTrip(req)
	if err == nil {
		defer resp.Body.Close()
		var body []byte
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxPage))
		p.Status, p.Body = resp.StatusCode, string(body)
	}
	if err != nil {
		p.Err = err.Error()
	}
	p.At = time.Now()
	p.MS = milliseconds(p.At.Sub(began))
	return p, nil
}
