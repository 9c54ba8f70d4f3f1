package agent

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// lookup is what came of one.
type lookup struct {
	code  dnsmessage.RCode
	addrs []netip.Addr
	took  time.Duration
	err   error // no answer
}

func (l lookup) String() string {
	switch {
	case l.err != nil:
		return "no answer"
	case len(l.addrs) > 0:
		return listed(l.addrs)
	case l.code == dnsmessage.RCodeSuccess:
		return "no address"
	}
	if name := codeNames[l.code]; name != "" {
		return name
	}
	return strings.TrimPrefix(l.code.String(), "RCode")
}

// codeNames are the codes as dig has them.
var codeNames = map[dnsmessage.RCode]string{dnsmessage.RCodeNameError: "NXDOMAIN", dnsmessage.RCodeServerFailure: "SERVFAIL", dnsmessage.RCodeRefused: "REFUSED"}

// look sends one question to the server from inside the target's network.
func (f *dnsFault) look(ctx context.Context, wait time.Duration) (l lookup) {
	name, err := dnsmessage.NewName(f.name)
	if err != nil {
		return lookup{err: err}
	}
	id := uint16(rand.Uint32())
	msg := dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: f.typ, Class: dnsmessage.ClassINET}}}
	text, err := msg.Pack()
	if err != nil {
		return lookup{err: err}
	}
	c, err := f.space.dial(ctx, "udp", f.server)
	if err != nil {
		return lookup{err: err}
	}
	defer c.Close()
	if f.space.dns != nil {
		port := uint16(c.LocalAddr().(*net.UDPAddr).Port)
		f.space.dns.probing(port, true)
		defer f.space.dns.probing(port, false)
	}
	began := time.Now()
	_ = c.SetDeadline(began.Add(wait))
	if _, err := c.Write(text); err != nil {
		return lookup{err: err}
	}
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return lookup{err: err}
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || m.ID != id || !m.Response {
			continue
		}
		l = lookup{code: m.RCode, took: time.Since(began)}
		for _, a := range m.Answers {
			switch r := a.Body.(type) {
			case *dnsmessage.AResource:
				l.addrs = append(l.addrs, netip.AddrFrom4(r.A))
			case *dnsmessage.AAAAResource:
				l.addrs = append(l.addrs, netip.AddrFrom16(r.AAAA))
			}
		}
		return l
	}
}

// lookups makes so many, some at the same time.
func (f *dnsFault) lookups(ctx context.Context, n int, wait time.Duration) []lookup {
	out := make([]lookup, n)
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, 16) {
		wg.Go(func() {
			for i := range next {
				out[i] = f.look(ctx, wait)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return out
}
