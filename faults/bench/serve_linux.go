package main

import (
	"encoding/binary"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// The ports of the servers in the containers.
const (
	portEcho    = 7001 // UDP and TCP: what is sent comes back
	portSink    = 7002 // TCP: counts bytes
	portSunk    = 7003 // TCP: how many there were since it was asked last
	portCount   = 7004 // UDP: counts datagrams
	portCounted = 7005 // TCP: how many there were since it was asked last
	portHog     = 7006 // TCP: to connect is to have all memory taken that the container may use
)

// serve is what runs in the target, the peer and the bystander, until it is killed.
func serve() error {
	var counted, sunk atomic.Uint64
	echo, err := listenUDP(portEcho)
	if err != nil {
		return err
	}
	count, err := listenUDP(portCount)
	if err != nil {
		return err
	}
	go func() {
		b := make([]byte, 2048)
		for {
			if n, from, err := echo.ReadFromUDPAddrPort(b); err == nil {
				echo.WriteToUDPAddrPort(b[:n], from)
			}
		}
	}()
	go func() {
		b := make([]byte, 2048)
		for {
			if _, _, err := count.ReadFromUDPAddrPort(b); err == nil {
				counted.Add(1)
			}
		}
	}()
	tell := func(c net.Conn, n uint64) { c.Write(binary.BigEndian.AppendUint64(nil, n)) }
	failed := make(chan error, 1)
	for port, answer := range map[int]func(net.Conn){
		portEcho: func(c net.Conn) {
			b := make([]byte, 64<<10)
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				c.Write(b[:n])
			}
		},
		portSink: func(c net.Conn) {
			b := make([]byte, 256<<10)
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				sunk.Add(uint64(n))
			}
		},
		portCounted: func(c net.Conn) { tell(c, counted.Swap(0)) },
		portSunk:    func(c net.Conn) { tell(c, sunk.Swap(0)) },
		portHog:     func(net.Conn) { hog() },
	} {
		go func() { failed <- accept(port, answer) }()
	}
	return <-failed
}

// hog takes memory, page by page, until the kernel ends the process. It gives up where
// nothing limits it.
func hog() {
	var all [][]byte
	for range 4 * ownMemory >> 20 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
	}
	runtime.KeepAlive(all)
	os.Exit(1)
}

func accept(port int, answer func(net.Conn)) error {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		go func() {
			defer c.Close()
			answer(c)
		}()
	}
}

// listenUDP opens a port with room for what comes while this process does not run.
func listenUDP(port int) (*net.UDPConn, error) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{Port: port})
	if err != nil {
		return nil, err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var opt error
	err = raw.Control(func(fd uintptr) { opt = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20) })
	if err == nil {
		err = opt
	}
	return c, err
}
