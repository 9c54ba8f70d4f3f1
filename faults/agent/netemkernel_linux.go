package agent

import (
	"encoding/binary"
	"math"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
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

// leafQdisc is the netem of a band, as far as the library knows netem.
func leafQdisc(index, band int, a action) *netlink.Netem {
	return netlink.NewNetem(netlink.QdiscAttrs{
		LinkIndex: index,
		Parent:    netlink.MakeHandle(rootMajor, uint16(band+1)),
		Handle:    netlink.MakeHandle(uint16(leafMajor+band), 0),
	}, netlink.NetemQdiscAttrs{
		Latency:     uint32(a.delay.Microseconds()),
		Jitter:      uint32(a.jitter.Microseconds()),
		Loss:        float32(a.loss * 100),
		Duplicate:   float32(a.twice * 100),
		CorruptProb: float32(a.damaged * 100),
		ReorderProb: float32(a.order.share * 100),
		Gap:         uint32(a.order.gap),
		Limit:       netemLimit,
	})
}

// leafRequest asks for the netem of a band. The library knows neither distributions nor
// patterns of losses, and leaves out what is zero; the kernel then keeps what a netem
// that is changed in place had before.
func leafRequest(index, band int, a action) *nl.NetlinkRequest {
	q := leafQdisc(index, band, a)
	req := nl.NewNetlinkRequest(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_REPLACE|unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL, Ifindex: int32(q.LinkIndex), Handle: q.Handle, Parent: q.Parent})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(q.Type())))
	opt := nl.TcNetemQopt{Latency: q.Latency, Limit: q.Limit, Loss: q.Loss, Gap: q.Gap, Duplicate: q.Duplicate, Jitter: q.Jitter}
	options := nl.NewRtAttr(nl.TCA_OPTIONS, opt.Serialize())
	options.AddRtAttr(nl.TCA_NETEM_CORR, (&nl.TcNetemCorr{DelayCorr: q.DelayCorr, LossCorr: q.LossCorr, DupCorr: q.DuplicateCorr}).Serialize())
	options.AddRtAttr(nl.TCA_NETEM_REORDER, (&nl.TcNetemReorder{Probability: q.ReorderProb, Correlation: q.ReorderCorr}).Serialize())
	options.AddRtAttr(nl.TCA_NETEM_CORRUPT, (&nl.TcNetemCorrupt{Probability: q.CorruptProb, Correlation: q.CorruptCorr}).Serialize())
	options.AddRtAttr(nl.TCA_NETEM_RATE, (&nl.TcNetemRate{Rate: uint32(min(q.Rate64, math.MaxUint32))}).Serialize())
	options.AddRtAttr(nl.TCA_NETEM_RATE64, nl.Uint64Attr(q.Rate64))
	if a.table != nil {
		var table []byte
		for _, v := range a.table.netem(a.delay, a.jitter) {
			table = binary.NativeEndian.AppendUint16(table, uint16(v))
		}
		options.AddRtAttr(nl.TCA_NETEM_DELAY_DIST, table)
	}
	if a.burst > 0 {
		options.AddRtAttr(nl.TCA_NETEM_LOSS, nil).AddRtAttr(netemLossGE, gilbertElliott(a))
	}
	req.AddData(options)
	return req
}

// netemLossGE is the kernel's NETEM_LOSS_GE, which holds a struct tc_netem_gemodel.
const netemLossGE = 2

// gilbertElliott gives netem's loss model of two states, all as shares of 2^32: p to
// leave the good state, r to leave the bad one, h of the packets to pass in the bad
// state, and k1 of them to be lost in the good one. A run in the bad state is 1/r
// long on average, and the state is bad for the share p/(p+r).
func gilbertElliott(a action) []byte {
	p, r := a.transitions()
	var b []byte
	for _, share := range []float64{p, r, 0, a.besides} {
		b = binary.NativeEndian.AppendUint32(b, uint32(math.Round(share*math.MaxUint32)))
	}
	return b
}

// filter catches the selector's packets of one IP version for a band.
func (s selector) filter(index, band, dir int, priority, family uint16) *netlink.U32 {
	f := emptyFilter(index, priority)
	f.Protocol = family
	f.ClassId = netlink.MakeHandle(rootMajor, uint16(band+1))
	f.Sel = &netlink.TcU32Sel{Flags: netlink.TC_U32_TERMINAL, Keys: s.keys(family, dir)}
	f.Sel.Nkeys = uint8(len(f.Sel.Keys))
	return f
}

func emptyFilter(index int, priority uint16) *netlink.U32 {
	return &netlink.U32{FilterAttrs: netlink.FilterAttrs{
		LinkIndex: index, Parent: netlink.MakeHandle(rootMajor, 0), Priority: priority,
	}}
}

// keys are the 32-bit words of the packet that must match: of what goes out the
// destination and its port, of what comes in the source and its; the target's own port
// is the other one. Ports are looked
// for behind a header of the shortest length; IP options and IPv6 extension
// headers are not followed.
func (s selector) keys(family uint16, dir int) []netlink.TcU32Key {
	var keys []netlink.TcU32Key
	key := func(off int32, val, mask uint32) {
		keys = append(keys, netlink.TcU32Key{Mask: mask, Val: val & mask, Off: off})
	}
	protoOff, addrOff, addrLen, portOff, shift := int32(8), int32(16), int32(4), int32(20), uint32(16)
	if family == unix.ETH_P_IPV6 {
		protoOff, addrOff, addrLen, portOff, shift = 4, 24, 16, 40, 8
	}
	source, destination := s.local, s.port
	if dir == dirIn {
		addrOff -= addrLen // the source is right before the destination
		source, destination = s.port, s.local
	}
	if s.prefix.IsValid() {
		addr := s.prefix.Addr().AsSlice()
		mask := net.CIDRMask(s.prefix.Bits(), len(addr)*8)
		for i := 0; i < len(addr); i += 4 {
			if m := binary.BigEndian.Uint32(mask[i:]); m != 0 {
				key(addrOff+int32(i), binary.BigEndian.Uint32(addr[i:]), m)
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
	if source != 0 || destination != 0 {
		mask := uint32(0)
		if source != 0 {
			mask |= 0xffff << 16
		}
		if destination != 0 {
			mask |= 0xffff
		}
		key(portOff, uint32(source)<<16|uint32(destination), mask)
		if family == unix.ETH_P_IP {
			key(4, 0, 0x1fff) // a later fragment has no ports
		}
	}
	if len(keys) == 0 {
		key(0, 0, 0) // everything
	}
	return keys
}
