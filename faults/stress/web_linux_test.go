package stress

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"faultlab/faults/agent/netspace"
)

const (
	webPort  = 8081
	pageSize = 20000 // bytes, enough to be cut short
)

// web answers HTTP requests, all with the same page.
func web(address string) error {
	page := bytes.Repeat([]byte("x"), pageSize)
	return http.ListenAndServe(net.JoinHostPort(address, strconv.Itoa(webPort)), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(page)))
		w.Write(page)
	}))
}

// The ways in which an answer to a request can end, besides those of asking by TCP.
const (
	whole    = "whole"
	cutShort = "cut short" // it ended before its announced length
)

// reply names what came of a request: the status, 0 for none, how the answer ended, and
// how many bytes of a body there were.
func reply(status int, how string, bytes int) string {
	return fmt.Sprintf("%d, %s, %d bytes", status, how, bytes)
}

// get makes a request on a connection of its own from a process's network.
func get(pid int, to, path string, wait time.Duration) (came string, took time.Duration, err error) {
	began := time.Now()
	var c net.Conn
	var cerr error
	if err := netspace.Inside(pid, func() error {
		c, cerr = net.DialTimeout("tcp", net.JoinHostPort(to, strconv.Itoa(webPort)), wait)
		return nil
	}); err != nil {
		return "", 0, err
	}
	if cerr != nil {
		return reply(0, ending(cerr), 0), time.Since(began), nil
	}
	defer c.Close()
	c.SetDeadline(began.Add(wait))
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: stress\r\nConnection: close\r\n\r\n", path); err != nil {
		return reply(0, ending(err), 0), time.Since(began), nil
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return reply(0, ending(err), 0), time.Since(began), nil
	}
	n, err := io.Copy(io.Discard, resp.Body)
	how := whole
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		how = cutShort
	case err != nil:
		how = ending(err)
	}
	return reply(resp.StatusCode, how, int(n)), time.Since(began), nil
}
