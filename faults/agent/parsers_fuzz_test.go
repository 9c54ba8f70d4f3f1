package agent

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"faultlab/faults"
)

// A lookup that is understood can be answered, and the answer is its own.
func FuzzParseQuery(f *testing.F) {
	server, client := netip.MustParseAddrPort("10.0.0.2:53"), netip.MustParseAddrPort("10.0.0.1:4000")
	v6 := netip.MustParseAddrPort("[fd00::1]:4000")
	f.Add(datagram(client, server, dnsQuery(7)))
	f.Add(datagram(v6, netip.AddrPortFrom(netip.MustParseAddr("fd00::2"), 53), dnsQuery(7)))
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: 9, RecursionDesired: true})
	_ = b.StartQuestions()
	_ = b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName("db.shop.internal."), Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET})
	_ = b.StartAdditionals()
	var opt dnsmessage.ResourceHeader
	_ = opt.SetEDNS0(1232, 0, false)
	_ = b.OPTResource(opt, dnsmessage.OPTResource{})
	edns, _ := b.Finish()
	f.Add(datagram(client, server, edns))
	seg := segment{from: client, to: server, flags: flagACK | flagPSH}.packet()
	f.Add(append(append(seg, 0, byte(len(edns))), edns...))
	rule, err := dnsRuleOf("f", faults.DNSAddress{Addresses: []string{"192.0.2.1", "2001:db8::1"}, Lookups: faults.Lookups{Percent: 50}}, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		q, ok := parseQuery(packet)
		if !ok {
			return
		}
		rule.takes(q, false)
		for _, addrs := range [][]netip.Addr{nil, rule.addrs} {
			text, err := q.answer(dnsmessage.RCodeNameError, addrs)
			if err != nil {
				continue // a name that cannot be written again
			}
			var m dnsmessage.Message
			if err := m.Unpack(text); err != nil {
				t.Fatalf("the answer does not read: %v", err)
			}
			if m.ID != q.header.ID || !m.Response || len(m.Questions) != 1 || m.Questions[0] != q.question {
				t.Fatalf("query %+v is answered by %+v", q.question, m)
			}
			if len(text) < 1<<15 {
				if h, ok := parseHeader(datagram(q.to, q.from, text)); !ok || h.dst != q.from.Addr() || h.dstPort != q.from.Port() {
					t.Fatalf("the answer goes to %v, the query came from %v", h, q.from)
				}
			}
		}
	})
}

// The resets for any segment are segments between the same two.
func FuzzParseSegment(f *testing.F) {
	a, b := netip.MustParseAddrPort("10.0.0.1:4000"), netip.MustParseAddrPort("10.0.0.2:80")
	f.Add(segment{from: a, to: b, seq: 1, ack: 2, flags: flagACK | flagPSH, data: 5}.packet())
	f.Add(segment{from: netip.AddrPortFrom(netip.MustParseAddr("fd00::1"), 4000), to: netip.AddrPortFrom(netip.MustParseAddr("fd00::2"), 80), data: 5}.packet())
	f.Fuzz(func(t *testing.T, packet []byte) {
		s, ok := parseSegment(packet)
		if !ok {
			return
		}
		s.carriesData()
		x, y := s.resets()
		for _, r := range []segment{x, y} {
			back, ok := parseSegment(r.packet())
			if !ok || back.from != r.from || back.to != r.to || back.seq != r.seq || back.flags != flagRST || back.data != 0 {
				t.Fatalf("%+v is read back as %+v", r, back)
			}
		}
	})
}

// Whatever is in a target's files: names can be looked up, and there is somebody to ask.
func FuzzResolverFiles(f *testing.F) {
	f.Add("nameserver 10.0.0.2\nsearch shop.internal\noptions ndots:5\n", "10.0.0.7 db db.shop.internal # the database\n", "db")
	f.Add("options ndots:-1 ndots:99\ndomain\nnameserver", "::1", "a.b.")
	f.Fuzz(func(t *testing.T, conf, hosts, name string) {
		r := &resolver{hosts: parseHosts(hosts)}
		r.parse(conf)
		if len(r.servers) == 0 || len(r.servers) > 3 || r.ndots < 0 || r.ndots > 15 {
			t.Fatalf("%+v", r)
		}
		for _, full := range r.candidates(name) {
			if name != "" && !strings.HasPrefix(full, strings.TrimSuffix(name, ".")) {
				t.Fatalf("%q stands for %q", name, full)
			}
		}
	})
}

// What a helper's stderr holds makes an error of one line at most each.
func FuzzTold(f *testing.F) {
	f.Add("faultlab: error: no route\nfaultlab: hint: name one\n")
	f.Add("panic: x\n\ngoroutine 1\n")
	f.Fuzz(func(t *testing.T, stderr string) {
		e := told(stderr).(*Error)
		if e.Message == "" && !strings.Contains(stderr, "faultlab: error: ") || bytes.ContainsAny([]byte(e.Message+e.Remedy), "\n") {
			t.Fatalf("%+v", e)
		}
	})
}
