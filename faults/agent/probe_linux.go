package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// prober sends numbered questions to one address and recognises the answers.
type prober struct {
	file     *os.File
	question func(i int) []byte
	answer   func(b []byte) (i int, ok bool)
	intact   func(b []byte) bool // nil: the kernel has looked
}

// probe sends a series and waits for the answers.
func (n *namespace) probe(ctx context.Context, run probeRun) (probeResult, error) {
	return n.probeWith(ctx, run, nil)
}

// probeWith lets other questions be asked over the method's socket.
func (n *namespace) probeWith(ctx context.Context, run probeRun, other func(p *prober, local netip.Addr)) (probeResult, error) {
	ctx, cancel := n.alive(ctx)
	defer cancel()
	run.count = min(run.count, maxProbes)
	p, local, err := n.prober(run)
	if err != nil {
		return probeResult{}, fmt.Errorf("probe %s: %w", run.to, err)
	}
	defer p.file.Close()
	if other != nil {
		other(p, local)
	}

	sentAt := make([]time.Time, run.count)
	sent := 0
	plan := departures{start: time.Now(), interval: run.interval, apart: run.apart}
	// The last answer may take run.wait after the last question.
	end := plan.start.Add(time.Duration(run.count)*run.interval + run.wait)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	_ = p.file.SetReadDeadline(end)
	stop := context.AfterFunc(ctx, func() { _ = p.file.SetReadDeadline(time.Now()) })
	defer stop()

	collected := make(chan probeResult, 1)
	go func() { collected <- p.collect(run.count, run.again) }()
	for sent < run.count && ctx.Err() == nil {
		time.Sleep(plan.wait(sent, time.Now()))
		q := p.question(sent)
		sentAt[sent] = time.Now()
		sent++
		_, _ = p.file.Write(q) // one that cannot be sent is one without an answer
	}
	// Sending may have taken longer than planned.
	if late := time.Now().Add(run.wait); late.After(end) && ctx.Err() == nil {
		_ = p.file.SetReadDeadline(late)
	}
	res := <-collected
	if ctx.Err() != nil {
		return probeResult{}, context.Cause(ctx)
	}
	res.sent = sent
	res.came = slices.DeleteFunc(res.came, func(a arrival) bool { return a.probe >= sent })
	for i := range res.came {
		res.came[i].sent = sentAt[res.came[i].probe]
	}
	for _, a := range slices.SortedFunc(slices.Values(res.came), func(a, b arrival) int { return a.probe - b.probe }) {
		res.rtts = append(res.rtts, max(a.at.Sub(a.sent), 0))
	}
	return res, nil
}

// collect notes when each answer came, until all are there or the deadline is. Where
// second answers matter it goes on for a while after the last first one.
func (p *prober) collect(count int, again time.Duration) probeResult {
	var res probeResult
	times := make([]int, count) // that each was answered
	buf := make([]byte, 2048)
	for len(res.came) < count || again > 0 {
		n, err := p.file.Read(buf)
		now := time.Now()
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) {
			break
		}
		if err != nil {
			// An ICMP error on the socket: somebody on the way refuses. The
			// deadline ends it if nothing else does.
			time.Sleep(time.Millisecond)
			continue
		}
		if p.intact != nil && !p.intact(buf[:n]) {
			res.damaged++
			continue
		}
		i, ok := p.answer(buf[:n])
		if !ok || i < 0 || i >= count {
			continue
		}
		switch times[i]++; times[i] {
		case 1:
			res.came = append(res.came, arrival{probe: i, at: now, bytes: n})
			if len(res.came) == count && again > 0 {
				_ = p.file.SetReadDeadline(now.Add(again))
			}
		case 2:
			res.twice++
		}
	}
	return res
}

// prober opens the socket for a series inside the namespace.
func (n *namespace) prober(run probeRun) (*prober, netip.Addr, error) {
	v6 := run.to.addr.Is6()
	family, icmp := unix.AF_INET, protoICMP
	if v6 {
		family, icmp = unix.AF_INET6, protoICMPv6
	}
	p := &prober{}
	typ, proto := unix.SOCK_RAW, icmp
	switch run.method {
	case methodSYN:
		proto = protoTCP
	case methodDNS:
		typ, proto = unix.SOCK_DGRAM, protoUDP
	}
	port := run.to.port
	if typ == unix.SOCK_RAW {
		port = 0
	}
	var local netip.Addr
	err := n.do(func() error {
		fd, err := unix.Socket(family, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
		if err != nil {
			return err
		}
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
		if err := unix.Connect(fd, sockaddr(netip.AddrPortFrom(run.to.addr, port))); err != nil {
			unix.Close(fd)
			return err
		}
		sa, err := unix.Getsockname(fd)
		if err != nil {
			unix.Close(fd)
			return err
		}
		local = addrOf(sa)
		p.file = os.NewFile(uintptr(fd), "probe")
		return nil
	})
	if err != nil {
		return nil, local, err
	}
	id := uint16(rand.Uint32())
	p.intact = intact(run.method, v6, local, run.to.addr)
	if run.train != 0 && run.method != methodDNS {
		p.question, p.answer = train(run, id, local)
		return p, local, nil
	}
	switch run.method {
	case methodICMP:
		p.question = func(i int) []byte { return echoRequest(v6, id, i) }
		p.answer = func(b []byte) (int, bool) { return echoReply(v6, id, b) }
	case methodSYN:
		p.question = func(i int) []byte {
			from, to := run.to.ends(local, i)
			return synSegment(from, to, i)
		}
		p.answer = func(b []byte) (int, bool) { return synAnswer(v6, run.to, b) }
	case methodDNS:
		p.question = func(i int) []byte { return dnsQuery(id + uint16(i)) }
		p.answer = func(b []byte) (int, bool) { a, ok := dnsAnswer(b); return int(a - id), ok }
	}
	return p, local, nil
}

func sockaddr(ap netip.AddrPort) unix.Sockaddr {
	if ap.Addr().Is6() {
		return &unix.SockaddrInet6{Addr: ap.Addr().As16(), Port: int(ap.Port())}
	}
	return &unix.SockaddrInet4{Addr: ap.Addr().As4(), Port: int(ap.Port())}
}

func addrOf(sa unix.Sockaddr) netip.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr)
	}
	return netip.Addr{}
}
