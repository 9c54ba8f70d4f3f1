package agent

import (
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"faultlab/faults"
)

func jump(chain string) *expr.Verdict { return &expr.Verdict{Kind: expr.VerdictJump, Chain: chain} }

// count sums the counters of an effect's rules. Errors count nothing.
func (c *cuts) count(r *cutRules) uint64 {
	var n uint64
	for _, chain := range r.chains {
		if chain == nil {
			continue
		}
		rules, _ := c.queue.rules.conn.GetRules(c.queue.rules.table, chain)
		for _, rule := range rules {
			for _, e := range rule.Exprs {
				if k, ok := e.(*expr.Counter); ok {
					n += k.Packets
				}
			}
		}
	}
	return n
}

// cutExprs are the rules of an effect's chain for one direction: first what is left
// alone, then what is ended.
func cutExprs(e effect, dir int) [][]expr.Any {
	// Without neighbour discovery an IPv6 peer would be unreachable, not silent.
	out := [][]expr.Any{typed(protoICMPv6, spare(expr.CmpOpGte, 133), spare(expr.CmpOpLte, 137))}
	if e.cut == cutRefuse {
		// Refusals are not refused, be they ours or the peer's.
		out = append(out, []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protoTCP}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{flagRST}, Xor: []byte{0}},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{0}},
			&expr.Verdict{Kind: expr.VerdictReturn},
		})
		out = append(out, typed(protoICMPv6, spare(expr.CmpOpLt, 128)))
		for _, errorType := range []byte{3, 4, 5, 11, 12} {
			out = append(out, typed(protoICMP, spare(expr.CmpOpEq, errorType)))
		}
	}
	prefixes := e.match.prefixes
	if len(prefixes) == 0 {
		prefixes = []netip.Prefix{{}} // any
	}
	protos := transports(e.match)
	if protos[0] == "" && e.cut == cutRefuse {
		protos = []string{"tcp", ""} // the first that fits answers
	}
	for _, pre := range prefixes {
		for _, proto := range protos {
			var exprs []expr.Any
			if pre.IsValid() {
				exprs = append(exprs, address(pre, dir)...)
			}
			if proto != "" {
				exprs = append(exprs, transport(proto, e.match, dir)...)
			}
			out = append(out, append(exprs, &expr.Counter{}, e.end(proto)))
		}
	}
	return out
}

// end is what becomes of a packet.
func (e effect) end(proto string) expr.Any {
	if e.cut == cutDrop {
		return &expr.Verdict{Kind: expr.VerdictDrop}
	}
	switch {
	case e.answer == faults.AnswerReset && proto == "tcp":
		return &expr.Reject{Type: unix.NFT_REJECT_TCP_RST}
	case e.answer == faults.AnswerHost:
		return &expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_HOST_UNREACH}
	case e.answer == faults.AnswerAdmin:
		return &expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}
	}
	return &expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH}
}

// typed leaves ICMP messages alone whose type meets all conditions.
func typed(proto byte, conditions ...*expr.Cmp) []expr.Any {
	out := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
	}
	for _, c := range conditions {
		out = append(out, c)
	}
	return append(out, &expr.Verdict{Kind: expr.VerdictReturn})
}

func spare(op expr.CmpOp, v byte) *expr.Cmp {
	return &expr.Cmp{Op: op, Register: 1, Data: []byte{v}}
}
