package agent

import (
	"encoding/binary"
	"net"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// rootQdisc is the marked prio qdisc that our tree hangs on; everything goes
// to band 0 unless a filter says otherwise.
func rootQdisc(index int) *netlink.Prio {
	q := netlink.NewPrio(netlink.QdiscAttrs{LinkIndex: index, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(rootMajor, 0)})
	q.Bands = netemBands
	q.PriorityMap = [netlink.PRIORITY_MAP_LEN]uint8{}
	return q
}

// leafQdisc is the netem of a band.
func leafQdisc(index, band int, a action) *netlink.Netem {
	return netlink.NewNetem(netlink.QdiscAttrs{
		LinkIndex: index,
		Parent:    netlink.MakeHandle(rootMajor, uint16(band+1)),
		Handle:    netlink.MakeHandle(uint16(leafMajor+band), 0),
	}, netlink.NetemQdiscAttrs{
		Latency: uint32(a.delay.Microseconds()),
		Jitter:  uint32(a.jitter.Microseconds()),
		Loss:    float32(a.loss * 100),
		Limit:   netemLimit,
	})
}

// filter catches the selector's packets of one IP version for a band.
func (s selector) filter(index, band int, priority, family uint16) *netlink.U32 {
	f := emptyFilter(index, priority)
	f.Protocol = family
	f.ClassId = netlink.MakeHandle(rootMajor, uint16(band+1))
	f.Sel = &netlink.TcU32Sel{Flags: netlink.TC_U32_TERMINAL, Keys: s.keys(family)}
	f.Sel.Nkeys = uint8(len(f.Sel.Keys))
	return f
}

func emptyFilter(index int, priority uint16) *netlink.U32 {
	return &netlink.U32{FilterAttrs: netlink.FilterAttrs{
		LinkIndex: index, Parent: netlink.MakeHandle(rootMajor, 0), Priority: priority,
	}}
}

// keys are the 32-bit words of the packet that must match. Ports are looked
// for behind a header of the shortest length; IP options and IPv6 extension
// headers are not followed.
func (s selector) keys(family uint16) []netlink.TcU32Key {
	var keys []netlink.TcU32Key
	key := func(off int32, val, mask uint32) {
		keys = append(keys, netlink.TcU32Key{Mask: mask, Val: val & mask, Off: off})
	}
	protoOff, dstOff, portOff, shift := int32(8), int32(16), int32(20), uint32(16)
	if family == unix.ETH_P_IPV6 {
		protoOff, dstOff, portOff, shift = 4, 24, 40, 8
	}
	if s.prefix.IsValid() {
		addr := s.prefix.Addr().AsSlice()
		mask := net.CIDRMask(s.prefix.Bits(), len(addr)*8)
		for i := 0; i < len(addr); i += 4 {
			if m := binary.BigEndian.Uint32(mask[i:]); m != 0 {
				key(dstOff+int32(i), binary.BigEndian.Uint32(addr[i:]), m)
			}
		}
	}
	if s.proto != "" {
		name := s.proto
		if name == "icmp" && family == unix.ETH_P_IPV6 {
			name = "icmpv6"
		}
		key(protoOff, uint32(transportNumber[name])<<shift, 0xff<<shift)
	}
	if s.port != 0 {
		key(portOff, uint32(s.port), 0xffff)
		if family == unix.ETH_P_IP {
			key(4, 0, 0x1fff) // a later fragment has no ports
		}
	}
	if len(keys) == 0 {
		key(0, 0, 0) // everything
	}
	return keys
}

// settle adds what the bands counted since the last time to each effect's total.
func (n *netem) settle() {
	if n.total == nil {
		n.total = map[string]Packets{}
	}
	for _, t := range n.trees {
		list, err := n.links.QdiscList(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: t.index}})
		if err != nil {
			continue // counters only
		}
		for _, q := range list {
			major, _ := netlink.MajorMinor(q.Attrs().Handle)
			band := int(major) - leafMajor
			st := q.Attrs().Statistics
			if band < 1 || band >= netemBands || st == nil || st.Basic == nil || st.Queue == nil {
				continue
			}
			now := packetSums{uint64(st.Basic.Packets), uint64(st.Queue.Drops)}
			was := t.seen[band]
			t.seen[band] = now
			for _, id := range t.plan.users[band] {
				p := n.total[id]
				p.Dropped += now.dropped - was.dropped
				p.Hit += now.sent - was.sent + now.dropped - was.dropped
				if t.plan.bands[band].delay > 0 {
					p.Delayed += now.sent - was.sent
				}
				n.total[id] = p
			}
		}
	}
}

// drain waits until no packet is held back in the bands any more.
func (t *tree) drain(h *netlink.Handle, in func(band int) bool) {
	for end := time.Now().Add(maxDrain); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		list, err := h.QdiscList(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: t.index}})
		if err != nil {
			return // the interface has gone
		}
		if !slices.ContainsFunc(list, func(q netlink.Qdisc) bool {
			major, _ := netlink.MajorMinor(q.Attrs().Handle)
			band, st := int(major)-leafMajor, q.Attrs().Statistics
			return band >= 0 && band < netemBands && in(band) && st != nil && st.Queue != nil && st.Queue.Qlen > 0
		}) {
			return
		}
	}
}

func (n *netem) packets(id string) Packets {
	n.settle()
	return n.total[id]
}
