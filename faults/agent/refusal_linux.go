package agent

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// refusals asks one question after the other. A refusal is a reset that came over
// loopback, where those of our rules come from, or an ICMP error.
func (s *linuxSpace) refusals(ctx context.Context, run probeRun) (refusalResult, error) {
	var res refusalResult
	p, _, err := s.namespace.prober(run)
	if err != nil {
		return res, fmt.Errorf("probe %s: %w", run.to, err)
	}
	defer p.file.Close()
	raw, err := p.file.SyscallConn()
	if err != nil {
		return res, err
	}
	v6 := run.to.addr.Is6()
	cerr := raw.Control(func(fd uintptr) {
		level, recvErr, info := unix.IPPROTO_IP, unix.IP_RECVERR, unix.IP_PKTINFO
		if v6 {
			level, recvErr, info = unix.IPPROTO_IPV6, unix.IPV6_RECVERR, unix.IPV6_RECVPKTINFO
		}
		if err = unix.SetsockoptInt(int(fd), level, recvErr, 1); err == nil {
			err = unix.SetsockoptInt(int(fd), level, info, 1)
		}
		for i := 0; err == nil && i < run.count && ctx.Err() == nil; i++ {
			q := p.question(i)
			if unix.Send(int(fd), q, 0) != nil {
				// The error of the question before comes with the next one's sending.
				_ = unix.Send(int(fd), q, 0)
			}
			res.sent++
			res.wait(int(fd), p, i, time.Now().Add(run.wait))
		}
	})
	if err == nil {
		err = cerr
	}
	if err == nil {
		err = ctx.Err()
	}
	return res, err
}

// wait takes what comes until question i is answered, refused or given up.
func (r *refusalResult) wait(fd int, p *prober, i int, end time.Time) {
	buf, oob := make([]byte, 2048), make([]byte, 512)
	for {
		left := time.Until(end)
		if left <= 0 {
			return
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if _, n, _, _, err := unix.Recvmsg(fd, buf, oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT); err == nil {
			if code, ok := icmpError(oob[:n]); ok {
				r.refused++
				r.how = code
				return
			}
		}
		n, m, _, _, err := unix.Recvmsg(fd, buf, oob, unix.MSG_DONTWAIT)
		if err != nil {
			continue // the error itself is on the error queue
		}
		if k, ok := p.answer(buf[:n]); !ok || k != i {
			continue
		}
		if overLoopback(oob[:m]) {
			r.refused++
			r.how = "reset"
		} else {
			r.answered++
		}
		return
	}
}

// icmpError reads struct sock_extended_err: errno, origin (2: ICMP, 3: ICMPv6), type, code.
func icmpError(oob []byte) (string, bool) {
	list, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return "", false
	}
	for _, m := range list {
		if len(m.Data) >= 16 && (m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR ||
			m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR) && (m.Data[4] == 2 || m.Data[4] == 3) {
			return fmt.Sprintf("ICMP error %d, code %d", m.Data[5], m.Data[6]), true
		}
	}
	return "", false
}

// overLoopback reads the interface of struct in_pktinfo, where it is first, or in6_pktinfo.
func overLoopback(oob []byte) bool {
	const loopback = 1 // LOOPBACK_IFINDEX
	list, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return false
	}
	for _, m := range list {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= 4:
			return binary.NativeEndian.Uint32(m.Data) == loopback
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= 20:
			return binary.NativeEndian.Uint32(m.Data[16:]) == loopback
		}
	}
	return false
}
