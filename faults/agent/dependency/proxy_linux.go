package dependency

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/faults"
)

// proxy stands in front of one port. Several faults on it are stages of the one proxy.
type proxy struct {
	port      uint16
	side      faults.Side
	in        func(func() error) error // the target's network namespace
	rules     *rules
	spare     *spares
	callers   *callers // nil: the kernel cannot translate
	listeners []*net.TCPListener
	accepting sync.WaitGroup
	older     map[[diagIDs]byte]bool // connections that were there before
	unknown   error                  // why they are not known

	mu       sync.Mutex
	stages   []*stage
	probes   map[uint16]string // by the local port of a probe: the fault it is for
	spent    map[uint16]bool   // local ports that ended probes had
	inside   map[string]string // by fault: what stands in for the server when it is probed
	coming   int               // connections accepted that are no sessions yet
	sessions map[carried]bool
	closed   bool
	leaving  bool  // when the last session ends, callers goes
	stale    error // why the kernel may remember connections that have ended

	users, probing dials // to the server, for whom
}

// carried is a connection through the proxy.
type carried interface {
	caller() *net.TCPConn
	run()
	// unseen tells whether calls on it pass unasked, and whose they are.
	unseen() (call, bool)
	// end closes both sides, with RST if so told. It may be called again.
	end(reset bool)
}

// open listens, lets the rules in and then accepts.
func (p *proxy) open() error {
	err := p.in(func() error {
		var to []netip.AddrPort
		for _, a := range []string{"127.0.0.1:0", "[::1]:0"} {
			l, err := (&net.ListenConfig{Control: p.listening}).Listen(context.Background(), "tcp", a)
			if err != nil {
				if a != "127.0.0.1:0" {
					continue // no IPv6 here
				}
				return fmt.Errorf("listen in front of port %d: %w", p.port, err)
			}
			p.listeners = append(p.listeners, l.(*net.TCPListener))
			to = append(to, l.Addr().(*net.TCPAddr).AddrPort())
		}
		var err error
		if p.rules, err = openRules(p.side, p.port, to); err != nil {
			return err
		}
		if p.callers, err = openCallers(p.side, p.port, p.spare); err != nil && p.side == faults.Calling {
			return p.rules.missing(err)
		}
		return nil
	})
	if err == nil {
		err = p.steer()
	}
	if err != nil {
		return err
	}
	p.noteOlder()
	for _, l := range p.listeners {
		p.accepting.Go(func() { p.accept(l) })
	}
	return nil
}

// settle is how long connections that were begun while the rules were there may take to
// come in: a reset would hit callers that the fault should be gone for.
const settle = 20 * time.Millisecond

// close takes the rules away first, so that nobody is sent to a closed listener.
func (p *proxy) close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	var errs []error
	if p.rules != nil {
		errs = append(errs, p.rules.close())
	}
	for _, l := range p.listeners {
		errs = append(errs, l.SetDeadline(time.Now().Add(settle)))
	}
	p.accepting.Wait()
	for _, l := range p.listeners {
		errs = append(errs, l.Close())
	}
	_ = p.dropStale() // it led to these listeners
	return errors.Join(errs...)
}

func (p *proxy) accept(l *net.TCPListener) {
	for {
		c, err := l.AcceptTCP()
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			time.Sleep(5 * time.Millisecond) // no descriptors left, perhaps for a moment only
			continue
		}
		p.mu.Lock()
		p.coming++
		p.mu.Unlock()
		go func() {
			if s := p.begin(p.serve(c)); s != nil {
				s.run()
				p.untrack(s)
			}
		}()
	}
}

// begin makes a session of a connection, if there is one. Whether it is looked into is
// settled in one step with its being known: a new stage either has it looked into, or
// finds it among those that are not.
func (p *proxy) begin(r *relay) (s carried) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.coming--
	if r != nil {
		s = r
		if looks(p.stages, r.call) {
			s = newSession(r.client, r.server, r.call, p.ask)
		}
		p.sessions[s] = true
	}
	_ = p.letGo() // at the latest it goes with its socket
	return s
}

// serve connects a caller with the server, unless a fault ends the call at once.
func (p *proxy) serve(c *net.TCPConn) *relay {
	from, to := addressOf(c.RemoteAddr()), addressOf(c.LocalAddr())
	if p.side == faults.Calling {
		to = original(c)
	}
	if to.Port() != p.port { // somebody found the listener itself
		abort(c)
		return nil
	}
	own := p.side == faults.Calling || from.Addr() == to.Addr()
	first := call{peer: from.Addr()}
	if p.side == faults.Calling {
		first.peer = to.Addr()
	}
	if own {
		first.probe = p.probeFrom(from.Port())
	}
	if own && first.probe == "" && p.late(from, to) {
		abort(c)
		return nil
	}
	begun := first
	begun.fresh = true
	if p.ask(begun).end != nil {
		abort(c)
		return nil
	}
	mark := ownMark
	switch {
	case p.side == faults.Calling:
		mark = PassedOn
	case !own:
		mark = p.translation().mark(from.Addr())
	}
	until := p.users
	if first.probe != "" {
		until = p.probing
	}
	server, err := p.dial(until, p.behind(first, to), mark, nil)
	if err != nil {
		abort(c)
		return nil
	}
	return &relay{client: c, server: server, call: first}
}

func (p *proxy) translation() *callers {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.callers
}

// behind is where a call goes on to.
func (p *proxy) behind(c call, to netip.AddrPort) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.inside[c.probe]; c.probe != "" && a != "" {
		return a
	}
	return to.String()
}

func (p *proxy) ask(c call) plan { return ask(p.staged(), c) }

func (p *proxy) staged() []*stage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stages // replaced, never changed
}

func (p *proxy) untrack(s carried) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sessions, s)
	_ = p.letGo() // at the latest it goes with its socket
}

// unseenBy gives the connections under way whose calls a new stage would not meet.
func (p *proxy) unseenBy(st *stage) (out []carried) {
	for _, s := range p.alive(nil) {
		if c, blind := s.unseen(); blind && c.probe == "" && st.concerns(c.peer) {
			out = append(out, s)
		}
	}
	return out
}

// alive gives those of some connections that have not ended; without any, of all.
func (p *proxy) alive(of []carried) []carried {
	p.mu.Lock()
	defer p.mu.Unlock()
	if of == nil {
		return slices.Collect(maps.Keys(p.sessions))
	}
	return slices.DeleteFunc(slices.Clone(of), func(c carried) bool { return !p.sessions[c] })
}

func (p *proxy) probeFrom(port uint16) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.probes[port]
}

// listening marks a listener, and so what it accepts, as the proxy's own, and on the
// called side lets it accept what was sent to another address.
func (p *proxy) listening(network, _ string, raw syscall.RawConn) (err error) {
	return errors.Join(raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, ownMark)
		switch {
		case err != nil || p.side == faults.Calling:
		case network == "tcp6":
			err = unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1)
		default:
			err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TRANSPARENT, 1)
		}
	}), err)
}
