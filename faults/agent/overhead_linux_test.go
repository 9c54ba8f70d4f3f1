package agent

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bulk sends for a while from the target to the peer and gives megabytes a second.
func (l *testLab) bulk(to string, d time.Duration) float64 {
	l.t.Helper()
	var ln net.Listener
	must(l.t, inNamespace(l.peer, func() (err error) {
		ln, err = net.Listen("tcp", net.JoinHostPort(to, "0"))
		return err
	}))
	defer ln.Close()
	got := make(chan int64, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			got <- 0
			return
		}
		n, _ := io.Copy(io.Discard, c)
		got <- n
	}()
	start := time.Now()
	must(l.t, inNamespace(l.target, func() error {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		buf := make([]byte, 64<<10)
		for time.Since(start) < d {
			if _, err := c.Write(buf); err != nil {
				return err
			}
		}
		return nil
	}))
	return float64(<-got) / 1e6 / time.Since(start).Seconds()
}

// cpu is the processor time a process has used.
func cpu(t *testing.T, pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(t, err)
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	sys, _ := strconv.Atoi(f[12])
	return time.Duration(user+sys) * 10 * time.Millisecond // USER_HZ is 100
}

// A fault costs nobody but its peer, and an idle agent nothing.
func TestOverhead(t *testing.T) {
	if guest() {
		t.Skip("times of the guest say nothing")
	}
	l := newLab(t)
	a := startAgent(t, "queue")
	_, err := a.Hello(t.Context())
	must(t, err)
	bare, bareBulk := median(l.ping(bystanderAddr, 200, time.Millisecond, time.Second)), l.bulk(bystanderAddr, time.Second)
	before := cpu(t, a.cmd.Process.Pid)
	e := a.put(t, l, "latency", `{"delay":"1ms","peer":{"addresses":["10.99.7.2"]}}`)
	used := cpu(t, a.cmd.Process.Pid)
	time.Sleep(2 * time.Second)
	idle := cpu(t, a.cmd.Process.Pid) - used
	bystander := median(l.ping(bystanderAddr, 200, time.Millisecond, time.Second))
	peer := median(l.ping(peerAddr, 200, time.Millisecond, time.Second))
	bystanderBulk, peerBulk := l.bulk(bystanderAddr, time.Second), l.bulk(peerAddr, time.Second)
	t.Logf("round trip: bare %v, bystander %v, peer of 1 ms %v", bare, bystander, peer)
	t.Logf("bulk: bare %.0f MB/s, bystander %.0f MB/s, peer of 1 ms %.0f MB/s", bareBulk, bystanderBulk, peerBulk)
	t.Logf("agent: %v to inject and prove, %v idle in 2 s with a fault", used-before, idle)
	if idle > 20*time.Millisecond {
		t.Errorf("an idle agent used %v in 2 s", idle)
	}
	if bystander > bare+500*time.Microsecond {
		t.Errorf("the bystander's round trip went from %v to %v", bare, bystander)
	}
	a.take(t, e.ID)
}
