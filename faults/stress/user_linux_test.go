package stress

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/faults/agent/netspace"
)

// echoes is what came of datagrams sent to a server that echoes them.
type echoes struct {
	sent      int
	rtts      []time.Duration
	again     int // answers to what was answered already
	overtaken int // answers that came after one to a later question
}

func (e echoes) least() time.Duration {
	if len(e.rtts) == 0 {
		return time.Hour
	}
	return slices.Min(e.rtts)
}

// echo sends datagrams from a process's network to an address and waits for the last
// answer, with copies for all that may come, until none has come for a while. It shares
// no code with the agent's probes.
func echo(pid int, to string, count int, wait time.Duration, copies bool) (echoes, error) {
	res := echoes{sent: count}
	var c net.Conn
	err := netspace.Inside(pid, func() (err error) {
		c, err = net.Dial("udp", net.JoinHostPort(to, strconv.Itoa(udpPort)))
		return err
	})
	if err != nil {
		return res, err
	}
	defer c.Close()
	roomy(c.(*net.UDPConn))
	sent := make([]time.Time, count)
	var all atomic.Bool // has been sent
	go func() {
		b := make([]byte, 64)
		for i := range count {
			binary.BigEndian.PutUint32(b, uint32(i))
			sent[i] = time.Now()
			c.Write(b)
			pace(i)
		}
		c.SetReadDeadline(time.Now().Add(wait))
		all.Store(true)
	}()
	got := make([]bool, count)
	b := make([]byte, 64)
	latest := -1
	for len(res.rtts) < count || copies {
		n, err := c.Read(b)
		switch i := 0; {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return res, nil
		case err != nil: // refused: the others may get through
			time.Sleep(50 * time.Microsecond)
		case n >= 4:
			if all.Load() {
				c.SetReadDeadline(time.Now().Add(wait))
			}
			switch i = int(binary.BigEndian.Uint32(b)); {
			case i >= count:
			case got[i]:
				res.again++
			default:
				got[i] = true
				res.rtts = append(res.rtts, time.Since(sent[i]))
				if i < latest {
					res.overtaken++
				}
				latest = max(latest, i)
			}
		}
	}
	return res, nil
}

// roomy lets more wait for its reader than a burst and its copies are, where one may.
func roomy(c *net.UDPConn) {
	if raw, err := c.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20) })
	}
}

// The ways in which asking by TCP can end.
const (
	answered = "answered"
	refused  = "refused"
	wasReset = "reset"
	silent   = "silent"
)

// ask connects from a process's network, sends a line and reads one.
func ask(pid int, to, line string, wait time.Duration) (outcome, answer string, took time.Duration, err error) {
	began := time.Now()
	var c net.Conn
	var cerr error
	err = netspace.Inside(pid, func() error {
		c, cerr = net.DialTimeout("tcp", net.JoinHostPort(to, strconv.Itoa(tcpPort)), wait)
		return nil
	})
	took = time.Since(began)
	if err != nil {
		return "", "", took, err
	}
	if cerr != nil {
		return ending(cerr), "", took, nil
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(wait))
	if _, err := fmt.Fprintln(c, line); err != nil {
		return ending(err), "", took, nil
	}
	answer, err = bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return ending(err), "", took, nil
	}
	return answered, strings.TrimSpace(answer), took, nil
}

// ending names how an error ended asking.
func ending(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ENETUNREACH):
		return refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return wasReset
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
		return silent
	}
	return err.Error()
}

// transfer has a block of bytes taken or given by a server, over one connection.
func transfer(pid int, to, what string, size int, limit time.Duration) (time.Duration, error) {
	var c net.Conn
	err := netspace.Inside(pid, func() (err error) {
		c, err = net.DialTimeout("tcp", net.JoinHostPort(to, strconv.Itoa(tcpPort)), limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(limit))
	began := time.Now()
	if _, err := fmt.Fprintf(c, "%s %d\n", what, size); err != nil {
		return 0, err
	}
	if what == "take" {
		if _, err := c.Write(make([]byte, size)); err != nil {
			return 0, err
		}
		_, err = io.ReadFull(c, make([]byte, 1))
	} else {
		_, err = io.CopyN(io.Discard, c, int64(size))
	}
	return time.Since(began), err
}
