package agent

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// pass is a fault that does nothing to the connections of a benchmark: one that looks
// into them, and one that lets them pass.
var pass = map[string]string{
	"looked into": `"percent":100,"status":503,"path":"/none"`,
	"passed on":   `"percent":0.01,"seed":1`,
}

func kindOf(how string) string {
	if how == "passed on" {
		return "dependency-refuse"
	}
	return "http-error"
}

// connected gives two connections of the peer to a port of the target: straight, and
// through the proxy of a fault.
func connected(b *testing.B, l *testLab, port int, how string) (straight, proxied net.Conn) {
	dial := func() net.Conn {
		c, _, err := l.dial(l.peer, "tcp", net.JoinHostPort(targetAddr, fmt.Sprint(port)), time.Second)
		must(b, err)
		b.Cleanup(func() { c.Close() })
		return c
	}
	a := startAgent(b, "")
	straight = dial()
	a.put(b, l, kindOf(how), fmt.Sprintf(`{"port":%d,"established":"leave",%s}`, port, pass[how]))
	return straight, dial()
}

// What an active fault costs a call that it does nothing to: the medians of small HTTP
// requests on a kept connection, side by side, and their difference.
func BenchmarkDependencyCall(b *testing.B) {
	for how := range pass {
		b.Run(how, func(b *testing.B) {
			l := newLab(b)
			straight, proxied := connected(b, l, l.web(), how)
			call := func(c net.Conn) time.Duration {
				begun := time.Now()
				if _, err := io.WriteString(c, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
					b.Fatal(err)
				}
				buf := make([]byte, 1024)
				if n, err := c.Read(buf); err != nil || string(buf[n-7:n]) != "GET /a " {
					b.Fatalf("%q, %v", buf[:n], err)
				}
				return time.Since(begun)
			}
			var bare, with []time.Duration
			for b.Loop() {
				bare, with = append(bare, call(straight)), append(with, call(proxied))
			}
			us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
			b.ReportMetric(us(median(bare)), "straight-µs")
			b.ReportMetric(us(median(with)), "proxied-µs")
			b.ReportMetric(us(median(with)-median(bare)), "added-µs")
		})
	}
}

// How much of the straight way's throughput is left through the proxy.
func BenchmarkDependencyBulk(b *testing.B) {
	const size = 256 << 20
	for how := range pass {
		b.Run(how, func(b *testing.B) {
			l := newLab(b)
			port := l.serve(func(ln net.Listener) {
				buf := make([]byte, 256<<10)
				for c, err := ln.Accept(); err == nil; c, err = ln.Accept() {
					go func() {
						defer c.Close()
						head := make([]byte, 1024)
						for n, err := c.Read(head); err == nil; n, err = c.Read(head) {
							if string(head[:6]) != "GET /b" {
								fmt.Fprintf(c, "HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s", n, head[:n])
								continue
							}
							fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
							for sent := 0; sent < size; sent += len(buf) {
								if _, err := c.Write(buf); err != nil {
									return
								}
							}
						}
					}()
				}
			})
			straight, proxied := connected(b, l, port, how)
			buf := make([]byte, 256<<10)
			fetch := func(c net.Conn) float64 {
				begun := time.Now()
				_, err := io.WriteString(c, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
				must(b, err)
				for got := 0; got < size; {
					n, err := c.Read(buf)
					must(b, err)
					got += n
				}
				took := time.Since(begun)
				// As many bytes as the head has are left of the body.
				must(b, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
				_, _ = io.Copy(io.Discard, c)
				must(b, c.SetReadDeadline(time.Time{}))
				return size / 1e6 / took.Seconds()
			}
			var bare, with float64
			n := 0
			for b.Loop() {
				bare, with, n = bare+fetch(straight), with+fetch(proxied), n+1
			}
			b.ReportMetric(bare/float64(n), "straight-MB/s")
			b.ReportMetric(with/float64(n), "proxied-MB/s")
			b.ReportMetric(with/bare, "ratio")
		})
	}
}
