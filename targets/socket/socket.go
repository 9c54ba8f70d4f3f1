// Package socket is for programs that stand between the shop's network and control: the
// shop sends to them by TCP, and control, which has no address there, asks them at a unix
// socket in a volume.
package socket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/net/netutil"
)

// Server is what such a program serves.
type Server struct {
	Listen       string        // host:port for what the shop sends
	Sent         string        // what that is, for errors
	Socket       string        // path of the unix socket for questions
	Connections  int           // of senders at a time, at most; more wait
	WriteTimeout time.Duration // of an answer to a sender
	Receiver     http.Handler  // of what is sent
	Answerer     http.Handler  // of questions
}

// Serve takes what is sent and answers questions until ctx ends. A socket that a process
// that died left is replaced.
func (s Server) Serve(ctx context.Context, log *slog.Logger) error {
	if err := os.Remove(s.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clear %s: %w", s.Socket, err)
	}
	asked, err := net.Listen("unix", s.Socket)
	if err != nil {
		return fmt.Errorf("listen for questions: %w", err)
	}
	defer asked.Close()
	sent, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("listen for %s: %w", s.Sent, err)
	}
	defer sent.Close()
	receiving := &http.Server{
		Handler: s.Receiver, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: s.WriteTimeout,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	answering := &http.Server{Handler: s.Answerer, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- receiving.Serve(netutil.LimitListener(sent, s.Connections)) }()
	go func() { failed <- answering.Serve(asked) }()
	defer receiving.Close()
	defer answering.Close()
	log.Info("serving", "addr", sent.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// NewClient gives what asks at a unix socket, whatever host an address names.
func NewClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path)
		},
	}}
}
