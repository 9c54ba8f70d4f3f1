package dependency

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/nft"
)

const (
	// ownMark is on the proxy's own connections, which the rules let pass; behind it
	// stands which caller one is made for.
	ownMark  = 0xfa170000
	markMask = 0xffff0000
	// PassedOn is on the connections that carry on what the target calls: what faults on
	// packets sent do has been done to the target's own half, which was on its way to the
	// same address.
	PassedOn = ownMark + 0xffff
	// probeMark is on probes, which the rules take whoever the fault is for.
	probeMark = 0xfa180000
	// priority is that of mangle, where redirections to local sockets have their place.
	priority = -150
)

// rules are the table that hands new connections for a port to the listeners.
type rules struct {
	conn      *nftables.Conn
	table     *nftables.Table
	chain     *nftables.Chain
	side      faults.Side
	port      uint16
	listeners []netip.AddrPort
}

// openTable makes a table that goes with its socket. It is for the thread in the
// target's network namespace.
func openTable(name string) (conn *nftables.Conn, table *nftables.Table, raw *netlink.Conn, err error) {
	conn, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error { raw = c; return nil }))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("open nftables socket: %w", err)
	}
	table = &nftables.Table{Name: name, Family: nftables.TableFamilyINet}
	if err := nft.NewTable(raw, name, nft.Owner, netlink.Excl); err != nil {
		_ = conn.CloseLasting()
		return nil, nil, nil, err
	}
	return conn, table, raw, nil
}

// openRules makes the table, which takes nothing yet.
func openRules(side faults.Side, port uint16, listeners []netip.AddrPort) (*rules, error) {
	r := &rules{side: side, port: port, listeners: listeners}
	name, who := fmt.Sprintf("faultlab-port-%d", port), "of this target"
	if side == faults.Calling {
		name, who = fmt.Sprintf("faultlab-calls-%d", port), "that this target calls"
	}
	var err error
	if r.conn, r.table, _, err = openTable(name); err != nil {
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EEXIST) {
			return nil, carrier.Errorf(carrier.Refused, "another agent holds port %d %s", port, who)
		}
		return nil, r.missing(err)
	}
	chain := &nftables.Chain{Name: "steer", Table: r.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRef(priority)}
	if side == faults.Calling {
		chain.Type, chain.Hooknum, chain.Priority = nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest
	}
	r.chain = r.conn.AddChain(chain)
	if err := r.conn.Flush(); err != nil {
		return nil, errors.Join(r.missing(err), r.conn.CloseLasting())
	}
	return r, nil
}

func (r *rules) missing(err error) error {
	if r.side == faults.Calling {
		return &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: nftables sends no calls to a proxy: %v", err),
			Remedy: "use Linux 5.12 or later with the modules nft_chain_nat, nft_nat and nft_fib_inet (`modprobe -a nft_chain_nat nft_nat nft_fib_inet`)"}
	}
	return &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: nftables hands no connections to a proxy: %v", err),
		Remedy: "use Linux 5.12 or later with the modules nft_tproxy and nft_fib_inet (`modprobe -a nft_tproxy nft_fib_inet`)"}
}

// steer takes the calls of these peers, and probes; without any it takes all calls.
// What it took before changes in one step.
func (r *rules) steer(peers []netip.Prefix) error {
	r.conn.FlushChain(r.chain)
	for _, l := range r.listeners {
		var who [][]expr.Any
		if len(peers) == 0 {
			who = [][]expr.Any{nil}
		} else if r.side != faults.Calling {
			who = [][]expr.Any{mark(expr.CmpOpEq, 0xffffffff, probeMark)}
		}
		for _, p := range peers {
			if p.Addr().Is4() == l.Addr().Is4() {
				who = append(who, r.address(p))
			}
		}
		for _, w := range who {
			r.conn.AddRule(&nftables.Rule{Table: r.table, Chain: r.chain, Exprs: r.steering(l, w)})
		}
	}
	if err := r.conn.Flush(); err != nil {
		return r.missing(err)
	}
	return nil
}

func (r *rules) close() error {
	r.conn.DelTable(r.table)
	return errors.Join(r.conn.Flush(), r.conn.CloseLasting())
}

// steering is a rule for one version of IP. On the called side what comes for the port
// of an address of the target's own, from outside or over loopback, and not from the
// proxy, goes to the listener; connections that the server already has are not affected:
// tproxy takes no socket away that is not transparent. On the calling side what the
// target begins to call elsewhere gets the listener's address.
func (r *rules) steering(to netip.AddrPort, who []expr.Any) []expr.Any {
	calling := r.side == faults.Calling
	family, where := family(to.Addr()), expr.CmpOpEq
	if calling {
		where = expr.CmpOpNeq
	}
	out := append(protocols(family),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		equal(binary.BigEndian.AppendUint16(nil, r.port)))
	if calling { // only a SYN: one that is older is not to be taken in its midst
		out = append(out, &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{0x12}, Xor: []byte{0}}, equal([]byte{0x02}))
	}
	out = append(out, mark(expr.CmpOpNeq, markMask, ownMark)...)
	out = append(out, &expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Op: where, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)})
	out = append(append(out, who...),
		&expr.Immediate{Register: 1, Data: to.Addr().AsSlice()},
		&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, to.Port())})
	if calling {
		return append(out, &expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(family), RegAddrMin: 1, RegProtoMin: 2})
	}
	return append(out, &expr.TProxy{Family: family, TableFamily: unix.NFPROTO_INET, RegAddr: 1, RegPort: 2})
}

// address is the match of a peer: who calls, or who is called.
func (r *rules) address(p netip.Prefix) []expr.Any {
	offset, n := uint32(12), p.Addr().BitLen()/8
	if n == 16 {
		offset = 8
	}
	if r.side == faults.Calling {
		offset += uint32(n)
	}
	mask := make([]byte, n)
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(n)},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(n), Mask: mask, Xor: make([]byte, n)},
		equal(p.Masked().Addr().AsSlice()),
	}
}

func family(a netip.Addr) byte {
	if a.Is6() {
		return unix.NFPROTO_IPV6
	}
	return unix.NFPROTO_IPV4
}

func equal(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

// protocols matches TCP over one version of IP.
func protocols(family byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal([]byte{family}),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal([]byte{unix.IPPROTO_TCP}),
	}
}

func mark(op expr.CmpOp, mask, value uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binary.NativeEndian.AppendUint32(nil, mask), Xor: make([]byte, 4)},
		&expr.Cmp{Op: op, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, value)},
	}
}

// tables numbers those that several proxies may have at once for the same port.
var tables atomic.Uint64
