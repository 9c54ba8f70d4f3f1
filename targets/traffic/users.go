package traffic

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// maxPage bounds what a user's app reads. Up to the usual size a page gets its room at
// once, if it tells how long it is.
const (
	maxPage   = 4 << 20
	usualPage = 64 << 10
)

// users send the requests of one region over one version of IP, on connections of their own.
type users struct {
	edge    string // host:port
	host    string // the name the users know, e.g. eu.shop.example
	timeout time.Duration
	run     string // makes request ids unique between runs
	count   *atomic.Int64
	known   *known
	client  *http.Client
}

func newUsers(region, edge, run string, timeout time.Duration, count *atomic.Int64, pages *known) *users {
	return &users{
		edge: edge, host: region + ".shop.example", timeout: timeout, run: run, count: count, known: pages,
		client: &http.Client{
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: timeout}).DialContext,
				MaxIdleConnsPerHost: 16,
				IdleConnTimeout:     5 * time.Second,
				DisableCompression:  true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func newRun() string { return rand.Text()[:10] }

// send does one request and says how it ended, and what it ordered. It is over when the
// timeout is.
func (u *users) send(ctx context.Context, r Request) (outcome, *Placed) {
	id := fmt.Sprintf("%s-%d", u.run, u.count.Add(1))
	o, body := u.exchange(ctx, id, r)
	if r.Route != Checkout {
		return o, nil
	}
	p := &Placed{Key: id, Tenant: r.Tenant, Lines: r.Basket}
	if o == succeeded {
		p.TotalCents = totalOf(body)
	}
	return o, p
}

// exchange sends one request and gives the body of an answer that is right.
func (u *users) exchange(ctx context.Context, id string, r Request) (outcome, []byte) {
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	trace, again := once(cancel)
	method, sent := http.MethodGet, bodyOf(id, r)
	if sent != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), method, "http://"+u.edge+r.Path(), bytes.NewReader(sent))
	if err != nil {
		return noConnection, nil
	}
	req.Host = u.host
	req.Close = r.Leaves
	req.Header.Set("User-Agent", "ShopApp/"+r.Version+" ("+r.Device+")")
	req.Header.Set("X-Request-Id", id)
	req.Header.Set("X-Tenant", r.Tenant)
	req.Header.Set("X-App-Version", r.Version)
	req.Header.Set("X-Device", r.Device)
	req.Header.Set("X-Cohort", r.Cohort)
	resp, err := u.client.Do(req)
	if err != nil {
		return failure(err, again()), nil
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	body.Grow(int(min(max(resp.ContentLength, 0), usualPage)) + bytes.MinRead)
	_, err = body.ReadFrom(io.LimitReader(resp.Body, maxPage))
	switch {
	case resp.StatusCode != http.StatusOK:
		return badStatus, nil
	case err != nil && errors.Is(err, io.ErrUnexpectedEOF):
		return badBody, nil
	case err != nil:
		return failure(err, again()), nil
	case u.known.check(r, id, body.Bytes()) != nil:
		return badBody, nil
	}
	return succeeded, body.Bytes()
}

// once ends a request that net/http is about to send a second time, which it
// does by itself when a kept-alive connection breaks: a user's app would have
// shown an error.
func once(cancel context.CancelFunc) (*httptrace.ClientTrace, func() bool) {
	var written, repeated atomic.Bool
	return &httptrace.ClientTrace{
		WroteHeaders: func() { written.Store(true) },
		GotConn: func(httptrace.GotConnInfo) {
			if written.Load() {
				repeated.Store(true)
				cancel()
			}
		},
	}, repeated.Load
}

func failure(err error, repeated bool) outcome {
	var t net.Error
	if !repeated && (errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()) {
		return timedOut
	}
	return noConnection
}
