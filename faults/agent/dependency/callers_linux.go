package dependency

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"faultlab/faults"
)

// maxCallers is how many addresses are kept; the calls of more come from the target's own.
const maxCallers = 0xfffe

// The ports that calls passed on come from. They lie below those that callers choose by
// themselves (ip_local_port_range), so that none gets in another's way.
const minPort, maxPort = 1024, 32767

// callers gives the proxy's connections to the server the addresses of those they are
// made for. A mark says who: an address does not fit into it, so that a map of nftables
// translates. As long as there is a connection the table must stay, because the kernel
// translates for it.
type callers struct {
	conn  *nftables.Conn
	table *nftables.Table
	spare *spares                // gave its socket a low number
	maps  map[byte]*nftables.Set // by version of IP; none on the calling side
	apart error                  // why the kernel does not track these connections apart

	mu    sync.Mutex
	marks map[netip.Addr]uint32
}

// openCallers is for the thread in the target's network namespace. The calling side
// needs the table too, for its translations, and keeps no address.
func openCallers(side faults.Side, port uint16, spare *spares) (*callers, error) {
	spare.lend()
	conn, table, raw, err := openTable(fmt.Sprintf("faultlab-from-%d-%d-%d", port, os.Getpid(), tables.Add(1)))
	if err != nil {
		spare.giveBack()
		return nil, err
	}
	c := &callers{conn: conn, table: table, spare: spare, maps: map[byte]*nftables.Set{}, marks: map[netip.Addr]uint32{}}
	chain := conn.AddChain(&nftables.Chain{Name: "from", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource})
	families := map[byte]nftables.SetDatatype{unix.NFPROTO_IPV4: nftables.TypeIPAddr, unix.NFPROTO_IPV6: nftables.TypeIP6Addr}
	if side == faults.Calling {
		families = nil
	}
	for family, kind := range families {
		m := &nftables.Set{Table: table, Name: fmt.Sprintf("callers%d", family), IsMap: true, KeyType: nftables.TypeMark, DataType: kind}
		err = errors.Join(err, conn.AddSet(m, nil))
		c.maps[family] = m
		exprs := append(protocols(family),
			&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
			&expr.Lookup{SourceRegister: 1, DestRegister: 1, IsDestRegSet: true, SetName: m.Name, SetID: m.ID},
			&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, minPort)},
			&expr.Immediate{Register: 3, Data: binary.BigEndian.AppendUint16(nil, maxPort)},
			&expr.NAT{Type: expr.NATTypeSourceNAT, Family: uint32(family), RegAddrMin: 1, RegProtoMin: 2, RegProtoMax: 3})
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs})
	}
	if side == faults.Calling {
		// The kernel follows connections only while a rule needs to know of them, and
		// those that send calls to the proxy may be gone before the connections are.
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Ct{Register: 1, Key: expr.CtKeySTATE}}})
	}
	if err = errors.Join(err, conn.Flush()); err != nil {
		return nil, errors.Join(err, c.close())
	}
	c.apart = ownZones(conn, table, raw, side, port)
	return c, nil
}

// mark is what a connection for a caller is to be marked with.
func (c *callers) mark(a netip.Addr) int {
	if c == nil || len(c.maps) == 0 || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return ownMark
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m, known := c.marks[a]
	if known {
		return int(m)
	}
	if len(c.marks) >= maxCallers {
		return ownMark
	}
	m = ownMark + uint32(len(c.marks)) + 1
	err := c.conn.SetAddElements(c.maps[family(a)], []nftables.SetElement{{Key: binary.NativeEndian.AppendUint32(nil, m), Val: a.AsSlice()}})
	if errors.Join(err, c.conn.Flush()) != nil {
		return ownMark
	}
	c.marks[a] = m
	return int(m)
}

// close takes the table away.
func (c *callers) close() error {
	if c == nil {
		return nil
	}
	c.conn.DelTable(c.table)
	defer c.spare.giveBack()
	return errors.Join(c.conn.Flush(), c.conn.CloseLasting())
}
