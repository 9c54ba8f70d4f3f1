package dependency

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	mdlayher "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"faultlab/faults"
	"faultlab/faults/agent/nft"
)

// ownZone is the zone of connection tracking of the proxy's own connections, on the
// calling side.
const ownZone = 0xfa17

// ownZones has the kernel track the proxy's own connections apart from those of others.
// A connection that has ended stays in its memory for a while, and one that is begun from
// the same port is translated as that one was: the proxy's own would be sent to its own
// listener, or come from another caller. What is sent is looked up in the zone, what
// comes in the common one, where the kernel sees to it that no two are alike. On the
// called side each caller has a zone, the lower half of its mark.
func ownZones(conn *nftables.Conn, table *nftables.Table, raw *mdlayher.Conn, side faults.Side, port uint16) error {
	chain := conn.AddChain(&nftables.Chain{Name: "apart", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityRaw})
	if err := conn.Flush(); err != nil {
		return err
	}
	for _, family := range []byte{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6} {
		exprs := append(protocols(family),
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			equal([]byte{byte(port >> 8), byte(port)}))
		exprs = append(exprs, mark(expr.CmpOpEq, markMask, ownMark)...)
		if side == faults.Calling {
			exprs = append(exprs, &expr.Immediate{Register: 1, Data: binary.NativeEndian.AppendUint16(nil, ownZone)})
		} else {
			exprs = append(exprs, &expr.Meta{Key: expr.MetaKeyMARK, Register: 1})
		}
		var rule [][]byte
		for _, e := range exprs {
			b, err := expr.Marshal(unix.NFPROTO_INET, e)
			if err != nil {
				return err
			}
			rule = append(rule, b)
		}
		if err := nft.AddRule(raw, table.Name, chain.Name, append(rule, setZone)...); err != nil {
			return fmt.Errorf("track connections apart: %w", err)
		}
	}
	return nil
}

// setZone is `ct original zone set` of what register 1 begins with.
var setZone = func() []byte {
	number := func(typ uint16, n byte) mdlayher.Attribute {
		return mdlayher.Attribute{Type: typ, Data: []byte{0, 0, 0, n}}
	}
	data, err := mdlayher.MarshalAttributes([]mdlayher.Attribute{
		number(unix.NFTA_CT_KEY, unix.NFT_CT_ZONE), number(unix.NFTA_CT_SREG, 1), number(unix.NFTA_CT_DIRECTION, 0)})
	b, err2 := mdlayher.MarshalAttributes([]mdlayher.Attribute{
		{Type: unix.NFTA_EXPR_NAME, Data: []byte("ct\x00")}, {Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: data}})
	if err := errors.Join(err, err2); err != nil {
		panic(err)
	}
	return b
}()

// forgetful is why connections may be taken for earlier ones, if they may.
func (p *proxy) forgetful() error {
	if c := p.translation(); c != nil && c.apart != nil {
		return c.apart
	}
	return p.stale
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
			if err := errors.Join(err, s.err); err != nil {
				return fmt.Errorf("forget connections that have ended (nf_conntrack_netlink): %w", err)
			}
		}
		return nil
	})
}

// ended matches what the kernel remembers of connections that the target itself began
// and has no socket of any more.
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
	from, _ := netip.AddrFromSlice(t.SrcIP)
	to, _ := netip.AddrFromSlice(t.DstIP)
	from, to = from.Unmap(), to.Unmap()
	return e.own[from] && !e.living[[2]netip.AddrPort{netip.AddrPortFrom(from, t.SrcPort), netip.AddrPortFrom(to, t.DstPort)}]
}

// look lists the target's addresses, and the sockets that call the port.
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
	sockets, err := socketsIn(connected, func(s socket) bool { return s.remote.Port() == e.port })
	for _, s := range sockets {
		e.living[[2]netip.AddrPort{s.local, s.remote}] = true
	}
	return err
}
