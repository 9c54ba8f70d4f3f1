package dependency

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// quiet ends the answer to a text: nothing more for so long.
const quiet = 100 * time.Millisecond

// inquiry is what probes ask.
type inquiry struct {
	to           string // address and port
	method, path string // of HTTP; no method: the text
	text         string
	past         bool // by the proxy
}

// one asks once, as a caller would, and waits so long. size is how much of an answer to a text is enough.
func (p *proxy) one(ctx context.Context, id string, q inquiry, wait time.Duration, size int64) (o outcome) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var port uint16
	mark := probeMark
	if q.past {
		mark = ownMark
	}
	begun := time.Now()
	c, err := p.dial(ctx, q.to, mark, func(fd int) (err error) {
		port, err = p.register(fd, id)
		return err
	})
	defer p.forget(port)
	if err != nil {
		o.reset, o.slow = errors.Is(err, syscall.ECONNRESET), ctx.Err() != nil
		return o
	}
	defer c.Close()
	o.connected = true
	_ = c.SetDeadline(begun.Add(wait))
	if q.method != "" {
		err = q.http(c, &o, begun)
	} else {
		err = q.plain(c, &o, begun, size)
	}
	o.whole = time.Since(begun)
	o.reset = errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	var ne net.Error
	o.slow = errors.As(err, &ne) && ne.Timeout()
	o.cut = errors.Is(err, io.ErrUnexpectedEOF)
	return o
}

func (q inquiry) http(c *net.TCPConn, o *outcome, begun time.Time) error {
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: probe\r\nConnection: close\r\n\r\n", q.method, q.path); err != nil {
		return err
	}
	n := &counted{r: c}
	r := bufio.NewReader(n)
	_, err := r.Peek(1)
	o.first = time.Since(begun)
	if err != nil {
		return err
	}
	resp, err := http.ReadResponse(r, &http.Request{Method: q.method})
	if err != nil {
		o.bytes = n.n
		return err
	}
	o.status = resp.StatusCode
	o.body, err = io.Copy(io.Discard, resp.Body)
	o.bytes = n.n
	return err
}

func (q inquiry) plain(c *net.TCPConn, o *outcome, begun time.Time, size int64) error {
	if _, err := c.Write([]byte(q.text)); err != nil {
		return err
	}
	b := make([]byte, 64<<10)
	for size == 0 || o.bytes < size {
		n, err := c.Read(b)
		if n > 0 && o.bytes == 0 {
			o.first = time.Since(begun)
			if size == 0 {
				_ = c.SetReadDeadline(time.Now().Add(quiet))
			}
		}
		o.bytes += int64(n)
		o.body = o.bytes
		var ne net.Error
		if size == 0 && o.bytes > 0 && (errors.Is(err, io.EOF) || errors.As(err, &ne) && ne.Timeout()) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// register binds a probe's socket and notes whose it is before it connects.
func (p *proxy) register(fd int, id string) (uint16, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	switch sa.(type) {
	case *unix.SockaddrInet6:
		err = unix.Bind(fd, &unix.SockaddrInet6{})
	default:
		err = unix.Bind(fd, &unix.SockaddrInet4{})
	}
	if err == nil {
		sa, err = unix.Getsockname(fd)
	}
	if err != nil {
		return 0, err
	}
	var port uint16
	switch sa := sa.(type) {
	case *unix.SockaddrInet6:
		port = uint16(sa.Port)
	case *unix.SockaddrInet4:
		port = uint16(sa.Port)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probes[port] = id
	return port, nil
}

// forget is for the end of a probe, which has closed its socket.
func (p *proxy) forget(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.probes, port)
	p.spent[port] = true
}

// late tells whether a connection is that of a probe that has ended meanwhile: no socket
// of a program's is left there. Where packets are lost that may be seconds after.
func (p *proxy) late(from, to netip.AddrPort) bool {
	p.mu.Lock()
	spent := p.spent[from.Port()]
	p.mu.Unlock()
	if !spent {
		return false
	}
	var owned []socket
	err := p.in(func() (err error) {
		owned, err = socketsIn(connected, func(s socket) bool { return s.local == from && s.remote == to && !s.orphan })
		return err
	})
	return err == nil && len(owned) == 0
}

// many asks n times, some at once.
func (p *proxy) many(ctx context.Context, id string, q inquiry, n int, wait time.Duration, size int64) []outcome {
	out := make([]outcome, n)
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for i := range out {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i] = p.one(ctx, id, q, wait, size)
		})
	}
	wg.Wait()
	return out
}

// addresses are the target's own, loopback first.
func (p *proxy) addresses() []string {
	out := []string{"127.0.0.1", "::1"}
	_ = p.in(func() error {
		addrs, err := net.InterfaceAddrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
				out = append(out, n.IP.String())
			}
		}
		return err
	})
	for i, a := range out {
		out[i] = net.JoinHostPort(a, fmt.Sprint(p.port))
	}
	return out
}

// tls tells whether the server answers a TLS handshake.
func (p *proxy) tls(ctx context.Context, to string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := p.dial(ctx, to, ownMark, nil)
	if err != nil {
		return false
	}
	defer c.Close()
	t := tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // nothing is sent over it
	err = t.HandshakeContext(ctx)
	var alert tls.AlertError
	return err == nil || errors.As(err, &alert) || strings.Contains(err.Error(), "remote error: tls")
}

// hello is the first flight of a TLS client.
func hello() string {
	a, b := net.Pipe()
	go func() {
		_ = tls.Client(a, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}).Handshake()
	}()
	defer b.Close()
	buf := make([]byte, 4096)
	n, _ := b.Read(buf)
	return string(buf[:n])
}
