package dependency

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
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
func ownZones(conn *nftables.Conn, table *nftables.Table, raw *netlink.Conn, side faults.Side, port uint16) error {
	chain := conn.AddChain(&nftables.Chain{Name: "apart", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityRaw})
	if err := conn.Flush(); err != nil {
		return err
	}
	set, err := setZone()
	if err != nil {
		return err
	}
	exprs := []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal([]byte{unix.IPPROTO_TCP}),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		equal(binary.BigEndian.AppendUint16(nil, port))}
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
	if err := nft.AddRule(raw, table.Name, chain.Name, append(rule, set)...); err != nil {
		return fmt.Errorf("track the proxy's connections apart (CONFIG_NF_CONNTRACK_ZONES): %w", err)
	}
	return nil
}

// setZone is `ct original zone set` of the two bytes that register 1 begins with.
func setZone() ([]byte, error) {
	number := func(typ uint16, n byte) netlink.Attribute {
		return netlink.Attribute{Type: typ, Data: []byte{0, 0, 0, n}}
	}
	data, err := netlink.MarshalAttributes([]netlink.Attribute{number(unix.NFTA_CT_KEY, unix.NFT_CT_ZONE),
		number(unix.NFTA_CT_SREG, unix.NFT_REG_1), number(unix.NFTA_CT_DIRECTION, 0)})
	if err != nil {
		return nil, err
	}
	return netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.NFTA_EXPR_NAME, Data: []byte("ct\x00")},
		{Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: data}})
}
