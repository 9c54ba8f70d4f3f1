package agent

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netns"
)

// wire is what a receiver of numbered datagrams saw.
type wire struct {
	sent  int
	start time.Time // when the first was sent
	times []int     // that each came
	order []int     // their numbers, first arrivals only
	at    []time.Time
	wrong int // UDP datagrams with a wrong checksum, by the receiver's kernel
}

func (w *wire) came(times int) int {
	n := 0
	for _, t := range w.times {
		if t >= times {
			n++
		}
	}
	return n
}

// overtook counts those that came before the one sent before them.
func (w *wire) overtook() int {
	place := map[int]int{}
	for i, n := range w.order {
		place[n] = i
	}
	n := 0
	for i, number := range w.order {
		if p, ok := place[number-1]; ok && i < p {
			n++
		}
	}
	return n
}

// rate is how quickly the last two thirds came, in bits per second, each of so many bytes.
func (w *wire) rate(bytes int) float64 {
	at := w.at[len(w.at)/3:]
	if len(at) < 2 {
		return 0
	}
	return float64((len(at)-1)*bytes*8) / at[len(at)-1].Sub(at[0]).Seconds()
}

// most is how quickly all came since the first was sent, in bits per second, each of so
// many bytes. A reader who is late makes it less, never more.
func (w *wire) most(bytes int) float64 {
	if len(w.at) == 0 {
		return 0
	}
	return float64(len(w.at)*bytes*8) / w.at[len(w.at)-1].Sub(w.start).Seconds()
}

// flow sends numbered datagrams of a size over the cable, a few at a time.
func (l *testLab) flow(n, size int, from netns.NsHandle, v6 bool, interval time.Duration) *wire {
	l.t.Helper()
	to, addr := l.peer, peerAddr
	if v6 {
		addr = peer6Addr
	}
	if from == l.peer {
		to, addr = l.target, targetAddr
		if v6 {
			addr = "fd99:7::1"
		}
	}
	in, out := l.sockets(to, from, addr)
	defer in.Close()
	defer out.Close()
	w := &wire{sent: n, times: make([]int, n), wrong: -wrongChecksums(l.t, to, v6)}
	done, all := make(chan struct{}), make(chan struct{})
	var latest atomic.Int64 // arrival, or the end of sending, in Unix nanoseconds
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			k, _, err := in.ReadFrom(buf)
			if err != nil {
				return
			}
			latest.Store(time.Now().UnixNano())
			i := int(binary.BigEndian.Uint32(buf))
			if k != size || i >= n {
				l.t.Errorf("%d bytes of number %d came; want %d", k, i, size)
				continue
			}
			if w.times[i]++; w.times[i] == 1 {
				w.order, w.at = append(w.order, i), append(w.at, time.Now())
				if len(w.order) == n {
					close(all)
				}
			}
		}
	}()
	b := make([]byte, size)
	w.start = time.Now()
	for i := range n {
		if wait := time.Until(w.start.Add(time.Duration(i) * interval)); wait > 0 {
			time.Sleep(wait)
		}
		binary.BigEndian.PutUint32(b, uint32(i))
		out.Write(b)
	}
	latest.Store(time.Now().UnixNano())
	for quiet := 400 * time.Millisecond; time.Since(time.Unix(0, latest.Load())) < quiet; { // for what is on its way
		select {
		case <-all:
			quiet, all = 100*time.Millisecond, nil // for copies
		case <-time.After(10 * time.Millisecond):
		}
	}
	in.SetReadDeadline(time.Now())
	<-done
	w.wrong += wrongChecksums(l.t, to, v6)
	return w
}

// wrongChecksums is a namespace's counter of UDP datagrams dropped for their checksum.
func wrongChecksums(t testing.TB, ns netns.NsHandle, v6 bool) (n int) {
	t.Helper()
	must(t, inNamespace(ns, func() error {
		if v6 {
			b, err := os.ReadFile("/proc/thread-self/net/snmp6")
			for line := range strings.Lines(string(b)) {
				fmt.Sscanf(line, "Udp6InCsumErrors %d", &n)
			}
			return err
		}
		b, err := os.ReadFile("/proc/thread-self/net/snmp")
		var names []string
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) == 0 || f[0] != "Udp:" {
				continue
			}
			for i := range names {
				if names[i] == "InCsumErrors" {
					fmt.Sscan(f[i], &n)
				}
			}
			names = f
		}
		return err
	}))
	return n
}
