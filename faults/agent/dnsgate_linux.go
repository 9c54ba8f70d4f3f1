package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

const (
	// dnsPriority is before the other faults and before connection tracking: Docker's own
	// server at 127.0.0.11 is reached by address translation, and a query that is answered
	// here must leave no connection behind.
	dnsPriority = queuePriority - 10
	// dnsQueue is where a free queue is looked for first.
	dnsQueue = queueNumber + 64
	// dnsMark is on the answers that are put in; connection tracking leaves them alone,
	// or one may be taken for the clash of another query of the same socket.
	dnsMark = 0xfa17
	// dnsBytes of a query are shown to us: all of it on a usual link.
	dnsBytes = 2048
)

// dnsGate is where the queries of one namespace pass while there are faults on lookups.
type dnsGate struct {
	rules *rules
	ns    *namespace

	chain *nftables.Chain
	tap
	raw *resets

	mu     sync.Mutex
	list   []*dnsRule
	probes map[uint16]bool // local ports of our own lookups
}

func (g *dnsGate) install(r *dnsRule) error {
	if g.nfq == nil {
		if err := g.open(); err != nil {
			return errors.Join(err, g.shut())
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, r)
	return nil
}

// uninstall takes a rule away; with the last one the gate goes.
func (g *dnsGate) uninstall(id string) error {
	g.mu.Lock()
	g.list = slices.DeleteFunc(g.list, func(r *dnsRule) bool { return r.id == id })
	left := len(g.list)
	g.mu.Unlock()
	if left > 0 {
		return nil
	}
	return g.shut()
}

// concerned tells whether any rule is about lookups of a name and a type.
func (g *dnsGate) concerned(name, typ string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.list, func(r *dnsRule) bool { return r.lookups.Concerns(name, typ) })
}

// probing marks a local port as that of our own lookups, or not any more.
func (g *dnsGate) probing(port uint16, on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.probes == nil {
		g.probes = map[uint16]bool{}
	}
	if on {
		g.probes[port] = true
	} else {
		delete(g.probes, port)
	}
}

func (g *dnsGate) open() error {
	var err error
	if g.raw, err = openResets(g.ns); err != nil {
		return fmt.Errorf("open raw sockets: %w", err)
	}
	for _, fd := range []int{g.raw.v4, g.raw.v6} {
		if fd >= 0 {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, dnsMark); err != nil {
				return fmt.Errorf("mark answers: %w", err)
			}
		}
	}
	if err := g.tap.open(g.rules.conn.NetNS, dnsQueue, dnsBytes, func(b []byte, _ uint8) (v verdict) { v.drop, v.delay = g.decide(b); return v }); err != nil {
		return err
	}
	conn, table := g.rules.conn, g.rules.table
	g.chain = conn.AddChain(&nftables.Chain{Name: "dns", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityRef(dnsPriority)})
	conn.AddRule(&nftables.Rule{Table: table, Chain: g.chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, dnsMark)},
		&expr.Notrack{}, &expr.Verdict{Kind: expr.VerdictAccept},
	}})
	for _, proto := range []string{"udp", "tcp"} {
		conn.AddRule(&nftables.Rule{Table: table, Chain: g.chain, Exprs: append(transport(proto, match{port: 53}, dirOut), g.rules.queue(g.num))})
	}
	if err := conn.Flush(); err != nil {
		g.chain = nil
		return fmt.Errorf("set nftables rules for lookups: %w", err)
	}
	return nil
}

// decide asks the rules in the order of injection; the first that ends a query has it.
func (g *dnsGate) decide(b []byte) (drop bool, delay time.Duration) {
	q, ok := parseQuery(b)
	if !ok {
		return false, 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.list {
		if !r.takes(q, g.probes[q.from.Port()]) {
			continue
		}
		if r.delay > 0 {
			delay += r.delay
			continue
		}
		if r.silent {
			return true, 0
		}
		if q.tcp {
			return g.raw.strike(b, false), 0
		}
		if text, err := q.answer(r.code, r.addrs); err == nil {
			g.send(q, text, delay)
		}
		return true, 0
	}
	return false, delay
}

// send answers in the server's name, after what earlier faults had the query wait.
func (g *dnsGate) send(q query, text []byte, after time.Duration) {
	fd := g.raw.v4
	if q.from.Addr().Is6() {
		fd = g.raw.v6
	}
	packet, to := datagram(q.to, q.from, text), sockaddr(netip.AddrPortFrom(q.from.Addr(), 0))
	if after == 0 {
		_ = unix.Sendto(fd, packet, 0, to) // lost like any datagram
		return
	}
	time.AfterFunc(after, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.raw != nil {
			_ = unix.Sendto(fd, packet, 0, to)
		}
	})
}

// shut takes everything away but the table.
func (g *dnsGate) shut() error {
	var err error
	conn := g.rules.conn
	if g.chain != nil {
		conn.FlushChain(g.chain)
		err = conn.Flush()
	}
	if g.nfq != nil {
		// Packets on their way to us pass; the kernel drops what is queued when a hook goes.
		time.Sleep(5 * time.Millisecond)
		g.tap.close()
	}
	if g.chain != nil {
		conn.DelChain(g.chain)
		err = errors.Join(err, conn.Flush())
		g.chain = nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = nil
	if g.raw != nil {
		g.raw.close()
		g.raw = nil
	}
	if err != nil {
		return fmt.Errorf("remove nftables rules for lookups: %w", err)
	}
	return nil
}
