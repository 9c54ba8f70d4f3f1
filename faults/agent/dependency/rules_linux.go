package dependency

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/nft"
)

const (
	// ownMark is on the proxy's own connections to the server, which the rule lets pass.
	ownMark = 0xfa17ab1e
	// priority is that of mangle, where redirections to local sockets have their place.
	priority = -150
)

// steer makes the table that hands new connections for a port to the listeners. It
// is for the thread in the target's network namespace.
func steer(port uint16, listeners []netip.AddrPort) (*nftables.Conn, error) {
	var raw *netlink.Conn
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error { raw = c; return nil }))
	if err != nil {
		return nil, fmt.Errorf("open nftables socket: %w", err)
	}
	table := &nftables.Table{Name: fmt.Sprintf("faultlab-port-%d", port), Family: nftables.TableFamilyINet}
	if err := nft.NewTable(raw, table.Name, nft.Owner, netlink.Excl); err != nil {
		conn.CloseLasting()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EEXIST) {
			return nil, carrier.Errorf(carrier.Refused, "another agent holds port %d of this target", port)
		}
		return nil, missing(err)
	}
	chain := conn.AddChain(&nftables.Chain{Name: "steer", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRef(priority)})
	for _, l := range listeners {
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: steering(port, l)})
	}
	if err := conn.Flush(); err != nil {
		conn.CloseLasting()
		return nil, missing(err)
	}
	return conn, nil
}

func missing(err error) error {
	return &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: nftables hands no connections to a proxy: %v", err),
		Remedy: "use Linux 5.12 or later with the modules nft_tproxy and nft_fib_inet (`modprobe -a nft_tproxy nft_fib_inet`)"}
}

// steering is the rule for one version of IP: what comes for the port of an address
// of the target's own, from outside or over loopback, and not from the proxy, goes to
// the listener. Connections that the server already has are not affected: tproxy
// takes no socket away that is not transparent.
func steering(port uint16, to netip.AddrPort) []expr.Any {
	family := byte(unix.NFPROTO_IPV4)
	if to.Addr().Is6() {
		family = unix.NFPROTO_IPV6
	}
	cmp := func(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, cmp([]byte{family}),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, cmp([]byte{unix.IPPROTO_TCP}),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		cmp(binary.BigEndian.AppendUint16(nil, port)),
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, ownMark)},
		&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
		cmp(binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)),
		&expr.Immediate{Register: 1, Data: to.Addr().AsSlice()},
		&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, to.Port())},
		&expr.TProxy{Family: family, TableFamily: unix.NFPROTO_INET, RegAddr: 1, RegPort: 2},
	}
}
