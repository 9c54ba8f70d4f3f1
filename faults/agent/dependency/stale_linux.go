package dependency

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"faultlab/faults"
)

// forgetful is why connections may be taken for earlier ones, if they may.
func (p *proxy) forgetful() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.callers == nil {
		return p.stale
	}
	return errors.Join(p.callers.apart, p.stale)
}

// dropStale has the kernel forget those connections to the port that have ended. What is
// begun from the same port would be taken for them and go to a listener that is no more,
// or past one that is new. Only the calling side has calls translated.
func (p *proxy) dropStale() error {
	if p.side != faults.Calling {
		return nil
	}
	return p.in(func() error {
		s := &ended{port: p.port}
		for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
			s.living = nil
			_, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, family, s)
			if errors.Is(err, netlink.ErrDumpInterrupted) {
				err = nil // what it has seen is done
			}
			if err := errors.Join(err, s.err); err != nil {
				return fmt.Errorf("forget connections that have ended (nf_conntrack_netlink): %w", err)
			}
		}
		return nil
	})
}

// ended matches what the kernel remembers of connections that the target itself began
// and that neither it nor the proxy has a socket of any more.
type ended struct {
	port   uint16
	own    map[netip.Addr]bool
	living map[[2]netip.AddrPort]bool
	err    error
}

// MatchConntrackFlow implements [netlink.CustomConntrackFilter]. It is asked when the
// list of what is remembered is complete: who has come since is not on it.
func (e *ended) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	t := flow.Forward
	if t.Protocol != unix.IPPROTO_TCP || t.DstPort != e.port || e.err != nil {
		return false
	}
	if e.living == nil {
		if e.err = e.look(); e.err != nil {
			return false
		}
	}
	call, answer := ends(t), ends(flow.Reverse) // the latter's first is the proxy's, or who is called
	return e.own[call[0].Addr()] && !e.living[call] && !e.living[answer]
}

func ends(t netlink.IPTuple) [2]netip.AddrPort {
	from, _ := netip.AddrFromSlice(t.SrcIP)
	to, _ := netip.AddrFromSlice(t.DstIP)
	return [2]netip.AddrPort{netip.AddrPortFrom(from.Unmap(), t.SrcPort), netip.AddrPortFrom(to.Unmap(), t.DstPort)}
}

// look lists the target's addresses, and the sockets of connections.
func (e *ended) look() error {
	e.own, e.living = map[netip.Addr]bool{}, map[[2]netip.AddrPort]bool{}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if own, ok := netip.AddrFromSlice(n.IP); ok {
				e.own[own.Unmap()] = true
			}
		}
	}
	sockets, err := socketsIn(connected, func(socket) bool { return true })
	for _, s := range sockets {
		e.living[[2]netip.AddrPort{s.local, s.remote}] = true
	}
	return err
}
