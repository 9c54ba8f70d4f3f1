package stress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// question is one that the name server answers.
type question struct{ name, typ, answer string }

// zone is all that the name server knows.
var zone = []question{
	{"db.stress.test", "A", "192.0.2.10"},
	{"db.stress.test", "AAAA", "2001:db8::10"},
	{"cache.stress.test", "A", "192.0.2.20"},
}

const namePort = 53

// resolve is the name server that the target asks.
func resolve() error {
	c, err := net.ListenUDP("udp", &net.UDPAddr{Port: namePort})
	if err != nil {
		return err
	}
	b := make([]byte, 2048)
	for {
		n, from, err := c.ReadFromUDP(b)
		if err != nil {
			return err
		}
		var m dnsmessage.Message
		if m.Unpack(b[:n]) != nil || m.Response || len(m.Questions) != 1 {
			continue
		}
		if out, err := answerOf(m); err == nil {
			c.WriteToUDP(out, from)
		}
	}
}

// answerOf is the answer to a query.
func answerOf(m dnsmessage.Message) ([]byte, error) {
	q := m.Questions[0]
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true,
		RecursionDesired: m.RecursionDesired, RecursionAvailable: true, RCode: dnsmessage.RCodeNameError}, Questions: m.Questions}
	for _, known := range zone {
		if !strings.EqualFold(strings.TrimSuffix(q.Name.String(), "."), known.name) {
			continue
		}
		out.RCode = dnsmessage.RCodeSuccess
		head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch a := netip.MustParseAddr(known.answer); {
		case q.Type == dnsmessage.TypeA && a.Is4():
			out.Answers = append(out.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			out.Answers = append(out.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return out.Pack()
}

// The ways in which looking a name up can end without an address.
const (
	unknownName = "no-such-name"
	servfail    = "servfail"
	misbehaving = "refused"
	noAnswer    = "no-answer"
)

// lookUp looks a name up so many times, a few at once, as a program does: by the standard
// library and the container's own settings. It gives the quickest, the slowest, and how
// often each answer came.
func lookUp(name, typ string, n int, wait time.Duration) string {
	network := map[string]string{"A": "ip4", "AAAA": "ip6"}[typ]
	var mu sync.Mutex
	var wg sync.WaitGroup
	counts, least, most := map[string]int{}, time.Hour, time.Duration(0)
	slots := make(chan struct{}, 8)
	for range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			began := time.Now()
			// Each by a resolver of its own: one would ask once for all who ask the same.
			addrs, err := (&net.Resolver{PreferGo: true, Dial: func(_ context.Context, network, address string) (net.Conn, error) {
				c, err := (&net.Dialer{}).DialContext(ctx, network, address)
				if err == nil {
					context.AfterFunc(ctx, func() { c.Close() }) // it would go on behind who has given up
				}
				return c, err
			}}).LookupNetIP(ctx, network, name+".")
			if err != nil && ctx.Err() != nil {
				err = &net.DNSError{IsTimeout: true}
			}
			took := time.Since(began)
			mu.Lock()
			defer mu.Unlock()
			counts[lookedUp(addrs, err)]++
			least, most = min(least, took), max(most, took)
		})
	}
	wg.Wait()
	out := fmt.Sprint(least, " ", most)
	for answer, count := range counts {
		out += fmt.Sprintf(" %s=%d", answer, count)
	}
	return out
}

// lookedUp is what came of a lookup, without blanks.
func lookedUp(addrs []netip.Addr, err error) string {
	dns, ok := errors.AsType[*net.DNSError](err)
	switch {
	case err == nil:
		var list []string
		for _, a := range addrs {
			list = append(list, a.Unmap().String())
		}
		slices.Sort(list)
		return strings.Join(list, ",")
	case !ok:
		return strings.Join(strings.Fields(err.Error()), "_")
	case dns.IsTimeout:
		return noAnswer
	case dns.IsNotFound:
		return unknownName
	case dns.IsTemporary && dns.Err == "server misbehaving":
		return servfail
	case dns.Err == "server misbehaving":
		return misbehaving
	}
	return strings.Join(strings.Fields(dns.Err), "_")
}
