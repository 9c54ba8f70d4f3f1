package agent

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// query is a question of DNS on its way to a server.
type query struct {
	from, to netip.AddrPort
	tcp      bool
	name     string // with its last dot
	typ      string // A, AAAA, ...; TYPE257 where it has no name here
	header   dnsmessage.Header
	question dnsmessage.Question
	edns     bool
}

// parseQuery reads a packet to port 53; false means that it carries no single question
// in one piece.
func parseQuery(b []byte) (query, bool) {
	h, ok := parseHeader(b)
	if !ok {
		return query{}, false
	}
	start := 40
	if h.src.Is4() {
		start = int(b[0]&15) * 4
	} else if b[6] != protoTCP && b[6] != protoUDP {
		return query{}, false // extension headers
	}
	q := query{from: netip.AddrPortFrom(h.src, h.srcPort), to: netip.AddrPortFrom(h.dst, h.dstPort), tcp: h.proto == "tcp"}
	switch {
	case h.proto == "udp" && len(b) >= start+8:
		b = b[start+8:]
	case q.tcp && len(b) >= start+20 && len(b) >= start+int(b[start+12]>>4)*4+2:
		b = b[start+int(b[start+12]>>4)*4:]
		if n := int(binary.BigEndian.Uint16(b)); len(b) < 2+n {
			return query{}, false
		}
		b = b[2:]
	default:
		return query{}, false
	}
	var p dnsmessage.Parser
	var err error
	if q.header, err = p.Start(b); err != nil || q.header.Response || q.header.OpCode != 0 {
		return query{}, false
	}
	questions, err := p.AllQuestions()
	if err != nil || len(questions) != 1 {
		return query{}, false
	}
	q.question = questions[0]
	q.name = q.question.Name.String()
	q.typ = typeName(q.question.Type)
	if p.SkipAllAnswers() == nil && p.SkipAllAuthorities() == nil {
		for {
			rr, err := p.AdditionalHeader()
			if err != nil {
				break
			}
			q.edns = q.edns || rr.Type == dnsmessage.TypeOPT
			if p.SkipAdditional() != nil {
				break
			}
		}
	}
	return q, true
}

// typeName is what a type of query is called, such as AAAA.
func typeName(t dnsmessage.Type) string { return strings.TrimPrefix(t.String(), "Type") }

// queryType is the type of a name, the reverse of [typeName]; A where there is none.
func queryType(name string) dnsmessage.Type {
	for t := dnsmessage.TypeA; t < dnsmessage.TypeALL; t++ {
		if strings.EqualFold(typeName(t), name) {
			return t
		}
	}
	return dnsmessage.TypeA
}

// answerTTL is how long a wrong address may be remembered, in seconds: a fault that is
// taken away is soon forgotten.
const answerTTL = 1

// answer is the message that answers a query with a code and addresses.
func (q query) answer(code dnsmessage.RCode, addrs []netip.Addr) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: q.header.ID, Response: true, RCode: code,
		RecursionDesired: q.header.RecursionDesired, RecursionAvailable: true})
	b.EnableCompression()
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q.question); err != nil {
		return nil, err
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	rr := dnsmessage.ResourceHeader{Name: q.question.Name, Class: q.question.Class, TTL: answerTTL}
	for _, a := range addrs {
		var err error
		switch {
		case q.typ == "A" && a.Is4():
			err = b.AResource(rr, dnsmessage.AResource{A: a.As4()})
		case q.typ == "AAAA" && a.Is6():
			err = b.AAAAResource(rr, dnsmessage.AAAAResource{AAAA: a.As16()})
		}
		if err != nil {
			return nil, err
		}
	}
	if q.edns {
		if err := b.StartAdditionals(); err != nil {
			return nil, err
		}
		var opt dnsmessage.ResourceHeader
		if err := opt.SetEDNS0(1232, 0, false); err != nil {
			return nil, err
		}
		if err := b.OPTResource(opt, dnsmessage.OPTResource{}); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

// datagram is a UDP packet with its IP header. The kernel fills in the checksum of IPv4's.
func datagram(from, to netip.AddrPort, data []byte) []byte {
	u := make([]byte, 8, 8+len(data))
	binary.BigEndian.PutUint16(u[0:], from.Port())
	binary.BigEndian.PutUint16(u[2:], to.Port())
	binary.BigEndian.PutUint16(u[4:], uint16(8+len(data)))
	u = append(u, data...)
	src, dst := from.Addr().AsSlice(), to.Addr().AsSlice()
	pseudo := sum(0, src) + sum(0, dst) + protoUDP + uint32(len(u))
	c := checksum(pseudo, u)
	if c == 0 {
		c = 0xffff // 0 would mean that there is none
	}
	binary.BigEndian.PutUint16(u[6:], c)
	if from.Addr().Is4() {
		b := make([]byte, 12, 20+len(u))
		b[0] = 0x45
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(u)))
		b[8], b[9] = 64, protoUDP
		return append(append(append(b, src...), dst...), u...)
	}
	b := make([]byte, 8, 40+len(u))
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(len(u)))
	b[6], b[7] = protoUDP, 64
	return append(append(append(b, src...), dst...), u...)
}
