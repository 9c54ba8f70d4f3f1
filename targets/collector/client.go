package collector

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"faultlab/targets/socket"
)

// Client asks a collector on its socket.
type Client struct {
	http *http.Client
}

// NewClient gives what asks the collector at a unix socket.
func NewClient(path string) *Client { return &Client{socket.NewClient(path)} }

// answerTime is how long a question may take.
const answerTime = 5 * time.Second

// ErrNotFound says that no trace has such an id.
var ErrNotFound = errors.New("no trace that is kept has this id")

// ErrAmbiguous says that several traces have ids that begin so.
var ErrAmbiguous = errors.New("several traces have ids that begin so")

// List gives the traces of a query.
func (c *Client) List(ctx context.Context, q Query) (List, error) {
	var l List
	body, err := json.Marshal(q)
	if err != nil {
		return l, err
	}
	return l, c.ask(ctx, http.MethodPost, "/traces", body, &l)
}

// Get gives the trace whose id begins with some hex digits, or [ErrNotFound] or
// [ErrAmbiguous].
func (c *Client) Get(ctx context.Context, prefix string) (Trace, error) {
	var t Trace
	return t, c.ask(ctx, http.MethodGet, "/traces/"+url.PathEscape(prefix), nil, &t)
}

func (c *Client) ask(ctx context.Context, method, path string, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://collector"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the collector: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		var n struct{ Found int }
		if err := json.NewDecoder(resp.Body).Decode(&n); err == nil && n.Found > 1 {
			return ErrAmbiguous
		}
		return ErrNotFound
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the collector: it answered %d", resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("ask the collector: %w", err)
	}
	return nil
}

// Follow hands over the OTLP requests that the collector takes from now on, one after
// the other, until ctx or the collector ends. Those that come while many others wait
// are left out.
func (c *Client) Follow(ctx context.Context, take func(body []byte)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://collector/follow", nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("follow the collector: %w", err)
	}
	defer resp.Body.Close()
	for {
		var length [4]byte
		if _, err := io.ReadFull(resp.Body, length[:]); err != nil {
			return fmt.Errorf("follow the collector: %w", err)
		}
		n := binary.BigEndian.Uint32(length[:])
		if n > maxBody {
			return fmt.Errorf("follow the collector: it sends %d bytes; want at most %d", n, maxBody)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(resp.Body, body); err != nil {
			return fmt.Errorf("follow the collector: %w", err)
		}
		take(body)
	}
}
