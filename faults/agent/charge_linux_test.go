package agent

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// What TCP sends behind a long delay is limited by its window, which grows as on a long
// link, and comes in order.
func TestBulkBehindADelay(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, tt := range []struct {
			delay time.Duration
			addr  string
			kind  string
			dir   string
		}{
			{20 * time.Millisecond, peerAddr, "latency", "out"},
			{65 * time.Millisecond, peer6Addr, "latency", "out"},
			{200 * time.Millisecond, peerAddr, "latency", "both"},
		} {
			t.Run(fmt.Sprintf("%v-%s-%s", tt.delay, tt.addr, tt.dir), func(t *testing.T) {
				e := a.put(t, l, tt.kind, fmt.Sprintf(`{"delay":"%v","rtt":true,"direction":%q}`, tt.delay, tt.dir))
				const bytes = 1 << 20
				took, disordered := l.transferTo(tt.addr, bytes, l.target)
				t.Logf("%d bytes in %v, %d packets out of order", bytes, took, disordered)
				// Ten packets in the first round trip and twice as many in each that follows are
				// seven of them; two packets each would be 180.
				if most := 20*tt.delay + 300*time.Millisecond; took > most {
					t.Errorf("took %v, want %v at most", took, most)
				}
				if disordered > 0 {
					t.Errorf("%d packets came out of order", disordered)
				}
				if got := a.take(t, e.ID); got.State != Reverted || got.Packets.Hit < bytes/65536 {
					t.Errorf("reverted as %+v", got)
				}
			})
		}
	})
}

// Data behind a delay takes the way that its connection has: by its mark, or by its device.
func TestDelayedDataKeepsItsWay(t *testing.T) {
	l := newLab(t)
	a := startAgent(t, "queue")
	const mark, table, hidden = 77, 7777, "10.99.11.2"
	const local = "fe80::2%eth0"
	up(t, l.target, "fe80::1/64")
	up(t, l.peer, hidden+"/32", "fe80::2/64")
	must(t, inNamespace(l.target, func() error {
		_, far, err := net.ParseCIDR(hidden + "/32")
		if err != nil {
			return err
		}
		// Without the mark there is no way.
		if err := netlink.RouteAdd(&netlink.Route{Dst: far, Type: unix.RTN_BLACKHOLE}); err != nil {
			return err
		}
		if err := netlink.RouteAdd(&netlink.Route{Dst: far, Gw: net.ParseIP(peerAddr), Table: table}); err != nil {
			return err
		}
		r := netlink.NewRule()
		r.Mark, r.Table, r.Family, r.Priority = mark, table, netlink.FAMILY_V4, 100
		return netlink.RuleAdd(r)
	}))
	e := a.put(t, l, "latency", fmt.Sprintf(`{"delay":"50ms","peer":{"addresses":[%q,%q,"fe80::/10"]}}`, peerAddr, hidden))
	for _, tt := range []struct {
		name, addr string
		mark       int
	}{{"mark", hidden, mark}, {"device", local, 0}} {
		ln := l.listen(net.JoinHostPort(tt.addr, "0"), "")
		d := net.Dialer{Timeout: 5 * time.Second, Control: func(_, _ string, raw syscall.RawConn) (err error) {
			_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, tt.mark) })
			return err
		}}
		var c net.Conn
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		must(t, inNamespace(l.target, func() (err error) {
			c, err = d.Dial("tcp", net.JoinHostPort(tt.addr, port))
			return err
		}))
		defer c.Close()
		start := time.Now()
		c.SetDeadline(start.Add(5 * time.Second))
		_, err := c.Write([]byte("data"))
		must(t, err)
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Errorf("%s: no answer to data: %v", tt.name, err)
		} else if took := time.Since(start); took < 50*time.Millisecond {
			t.Errorf("%s: answered after %v, want 50 ms or more", tt.name, took)
		}
	}
	a.take(t, e.ID)
}
