package dependency

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"faultlab/faults/agent/carrier"
)

// Proxies are the proxies of one agent, one for each port of a network namespace. The
// zero value is ready.
type Proxies struct {
	mu sync.Mutex
	by map[key]*proxy
}

type key struct {
	namespace uint64 // its inode
	port      uint16
}

// proxy stands in front of one port. Several faults on it are stages of the one proxy.
type proxy struct {
	port      uint16
	in        func(func() error) error // the target's network namespace
	rules     *nftables.Conn
	listeners []net.Listener

	mu     sync.Mutex
	stages []*stage
	probes map[uint16]string // by the local port of a probe: the fault it is for
	closed bool
}

// add puts a stage into the proxy of its port, which begins with the first.
func (ps *Proxies) add(t carrier.Target, port uint16, s *stage) (*proxy, error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	k := key{port: port}
	if err := t.InNetwork(func() error {
		var st unix.Stat_t
		err := unix.Stat("/proc/thread-self/ns/net", &st)
		k.namespace = st.Ino
		return err
	}); err != nil {
		return nil, fmt.Errorf("find the network namespace: %w", err)
	}
	p := ps.by[k]
	if p == nil {
		p = &proxy{port: port, in: t.InNetwork, probes: map[uint16]string{}}
		if err := p.open(); err != nil {
			return nil, errors.Join(err, p.close())
		}
		if ps.by == nil {
			ps.by = map[key]*proxy{}
		}
		ps.by[k] = p
	}
	p.mu.Lock()
	p.stages = append(slices.Clone(p.stages), s)
	p.mu.Unlock()
	return p, nil
}

// remove takes a stage away; with the last one the proxy ends, but for the connections
// under way.
func (ps *Proxies) remove(p *proxy, s *stage) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.mu.Lock()
	if !over(s.gone) {
		close(s.gone)
	}
	p.stages = slices.DeleteFunc(slices.Clone(p.stages), func(o *stage) bool { return o == s })
	left := len(p.stages)
	p.mu.Unlock()
	if left > 0 || p.closed {
		return nil
	}
	for k, o := range ps.by {
		if o == p {
			delete(ps.by, k)
		}
	}
	return p.close()
}

// open listens and then lets the rule in.
func (p *proxy) open() error {
	return p.in(func() error {
		var to []netip.AddrPort
		for _, a := range []string{"127.0.0.1:0", "[::1]:0"} {
			l, err := (&net.ListenConfig{Control: transparent}).Listen(context.Background(), "tcp", a)
			if err != nil {
				if a != "127.0.0.1:0" {
					continue // no IPv6 here
				}
				return fmt.Errorf("listen in front of port %d: %w", p.port, err)
			}
			p.listeners = append(p.listeners, l)
			to = append(to, l.Addr().(*net.TCPAddr).AddrPort())
		}
		var err error
		p.rules, err = steer(p.port, to)
		for _, l := range p.listeners {
			go p.accept(l)
		}
		return err
	})
}

// close takes the rule away first, so that nobody is sent to a closed listener.
func (p *proxy) close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	var errs []error
	if p.rules != nil {
		p.rules.DelTable(&nftables.Table{Name: fmt.Sprintf("faultlab-port-%d", p.port), Family: nftables.TableFamilyINet})
		errs = append(errs, p.rules.Flush(), p.rules.CloseLasting())
	}
	for _, l := range p.listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (p *proxy) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(5 * time.Millisecond) // no descriptors left, perhaps for a moment only
			continue
		}
		go p.serve(c.(*net.TCPConn))
	}
}

func (p *proxy) serve(c *net.TCPConn) {
	to := c.LocalAddr().(*net.TCPAddr).AddrPort()
	if to.Port() != p.port {
		abort(c) // somebody found the listener itself
		return
	}
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		abort(c)
		return
	}
	probe := p.probeFrom(c)
	if p.ask(call{fresh: true, probe: probe}).end != nil {
		abort(c)
		return
	}
	server, err := p.dial(context.Background(), to.String(), ownMark, nil)
	if err != nil {
		abort(c)
		return
	}
	newSession(c, server, probe, p.ask).run()
}

func (p *proxy) ask(c call) plan {
	p.mu.Lock()
	stages := p.stages // replaced, never changed
	p.mu.Unlock()
	return ask(stages, c)
}

func (p *proxy) probeFrom(c *net.TCPConn) string {
	from := c.RemoteAddr().(*net.TCPAddr)
	if !from.IP.Equal(c.LocalAddr().(*net.TCPAddr).IP) {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.probes[uint16(from.Port)]
}

// dial connects from inside the namespace. before is called with the socket.
func (p *proxy) dial(ctx context.Context, to string, mark int, before func(fd int) error) (*net.TCPConn, error) {
	var conn net.Conn
	d := net.Dialer{Timeout: time.Minute, Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) {
			if mark != 0 {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, mark)
			}
			if before != nil && err == nil {
				err = before(int(fd))
			}
		}), err)
	}}
	err := p.in(func() (err error) {
		conn, err = d.DialContext(ctx, "tcp", to)
		return err
	})
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// transparent lets a listener accept what was sent to another address.
func transparent(network, _ string, raw syscall.RawConn) (err error) {
	return errors.Join(raw.Control(func(fd uintptr) {
		if network == "tcp6" {
			err = unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1)
		} else {
			err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TRANSPARENT, 1)
		}
	}), err)
}
