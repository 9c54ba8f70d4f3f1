package stress

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	tcpPort = 8080
	udpPort = 7
)

// serve is what runs in the target, its peer and the bystander: an echo by UDP, a page by
// HTTP, and a line of TCP that is echoed or that says what to try out. No address means all.
func serve(address string) error {
	spare()
	go func() { end(web(address)) }()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(address), Port: udpPort})
	if err != nil {
		return err
	}
	roomy(udp)
	go func() {
		b := make([]byte, 2048)
		for {
			if n, from, err := udp.ReadFromUDP(b); err == nil {
				udp.WriteToUDP(b[:n], from)
			}
		}
	}()
	l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(tcpPort)))
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			time.Sleep(10 * time.Millisecond) // no descriptor is left, as one fault has it
			continue
		}
		go func() {
			defer c.Close()
			in := bufio.NewReader(c)
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			switch what, size, _ := strings.Cut(strings.TrimSpace(line), " "); what {
			case "take", "give":
				n, _ := strconv.Atoi(size)
				if what == "give" {
					c.Write(make([]byte, n))
				} else if _, err := io.CopyN(io.Discard, in, int64(n)); err == nil {
					c.Write([]byte("."))
				}
			case "files":
				fmt.Fprintln(c, files())
			case "burn":
				fmt.Fprintln(c, burn())
			case "hog":
				hog()
			case "room":
				fmt.Fprintln(c, room())
			case "fork":
				fmt.Fprintln(c, forks())
			case "lookup":
				var name, typ, wait string
				var n int
				fmt.Sscan(size, &name, &typ, &n, &wait)
				d, _ := time.ParseDuration(wait)
				fmt.Fprintln(c, lookUp(name, typ, n, d))
			default:
				fmt.Fprint(c, line)
			}
		}()
	}
}

// files is how many descriptors can be open: the number of the last that was given.
func files() int {
	var all []*os.File
	defer func() {
		for _, f := range all {
			f.Close()
		}
	}()
	last := 0
	for len(all) < 4096 {
		f, err := os.Open("/proc/self/status")
		if errors.Is(err, syscall.EMFILE) {
			return last + 1
		}
		if err != nil {
			return -1
		}
		all = append(all, f)
		last = max(last, int(f.Fd()))
	}
	return last + 1
}

// burn is the share of a core, in percent, that one busy thread is given.
func burn() int {
	const wall = 600 * time.Millisecond
	var a, b syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &a)
	began := time.Now()
	for time.Since(began) < wall {
	}
	took := time.Since(began)
	syscall.Getrusage(syscall.RUSAGE_SELF, &b)
	used := time.Duration(b.Utime.Nano() - a.Utime.Nano() + b.Stime.Nano() - a.Stime.Nano())
	return int(100 * used / took)
}

// hog takes memory until the kernel ends this process.
func hog() {
	var all [][]byte
	for {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = 1
		}
		all = append(all, b)
		if len(all) > 1<<12 { // there is no limit: better give up
			return
		}
	}
}
