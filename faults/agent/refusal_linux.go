package agent

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// refusals asks one question after the other. A refusal is a reset that came over
// loopback, as those of our rules do and those of peers do not, or an ICMP error. Other
// answers to a SYN are not looked at.
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
	v6, tcp := run.to.addr.Is6(), run.method == methodSYN
	cerr := raw.Control(func(fd uintptr) {
		level, recvErr := unix.IPPROTO_IP, unix.IP_RECVERR
		if v6 {
			level, recvErr = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
		}
		if err = unix.SetsockoptInt(int(fd), level, recvErr, 1); err == nil && tcp {
			err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, overLoopback())
		}
		for i := 0; err == nil && i < run.count && ctx.Err() == nil; i++ {
			q := p.question(i)
			if unix.Send(int(fd), q, 0) != nil {
				// The error of the question before comes with the next one's sending.
				_ = unix.Send(int(fd), q, 0)
			}
			res.sent++
			res.wait(int(fd), p, i, tcp, time.Now().Add(run.wait))
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
func (r *refusalResult) wait(fd int, p *prober, i int, tcp bool, end time.Time) {
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
		n, _, _, _, err := unix.Recvmsg(fd, buf, nil, unix.MSG_DONTWAIT)
		if err != nil {
			continue // the error itself is on the error queue
		}
		switch k, ok := p.answer(buf[:n]); {
		case !ok || k != i:
			continue
		case tcp:
			r.refused++
			r.how = "reset"
		default:
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

// overLoopback is a socket filter for what the loopback interface has received, but for
// the copies of answers that came in: those are sent there too. The packet information of
// the socket API tells the route's interface instead.
func overLoopback() *unix.SockFprog {
	const loopback = 1 // LOOPBACK_IFINDEX
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0xfffff000 + 8}, // SKF_AD_OFF + SKF_AD_IFINDEX
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: loopback, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0xfffff000 + 20}, // SKF_AD_OFF + SKF_AD_MARK
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: copyMark, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
		{Code: unix.BPF_RET | unix.BPF_K},
	}
	return &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
}
