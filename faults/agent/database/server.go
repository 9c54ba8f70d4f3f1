package database

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// server is the database server in a target.
type server struct {
	pid        int
	connection faults.Connection
	inNetwork  func(f func() error) error
}

// application is what our own sessions are called that are not the fault.
const application = "psql"

// oldest is the first version of PostgreSQL that is known to do.
const oldest = 130000

// dial connects to a TCP port of the target's loopback.
func (s server) dial(ctx context.Context, port int) (c net.Conn, err error) {
	err = s.inNetwork(func() error {
		c, err = (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		return err
	})
	return c, err
}

// postgres opens a session that calls itself name.
func (s server) postgres(ctx context.Context, name string) (*pgx.Conn, error) {
	port := cmp.Or(s.connection.Port, 5432)
	cfg, err := pgx.ParseConfig("host=127.0.0.1 sslmode=prefer connect_timeout=5")
	if err != nil {
		return nil, fmt.Errorf("prepare a session: %w", err)
	}
	environment := s.environment()
	cfg.Port, cfg.Password = uint16(port), string(s.connection.Password)
	cfg.User = cmp.Or(s.connection.User, environment["POSTGRES_USER"], "postgres")
	cfg.Database = cmp.Or(s.connection.Database, environment["POSTGRES_DB"], "postgres")
	if s.connection.Password == "" {
		p, err := findPeer(s.pid, port)
		if err != nil {
			return nil, err
		}
		cfg.User = cmp.Or(s.connection.User, environment["POSTGRES_USER"], p.owner, "postgres")
		cfg.TLSConfig, cfg.Fallbacks = nil, nil
		cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return dialPeer(s.pid, p) }
	} else {
		cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.dial(ctx, port) }
	}
	cfg.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	cfg.RuntimeParams = map[string]string{
		"application_name": name, "statement_timeout": "0", "lock_timeout": "3s", "idle_in_transaction_session_timeout": "0",
		"default_transaction_read_only": "off", "standard_conforming_strings": "on", "client_min_messages": "error",
	}
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", &carrier.Error{Code: carrier.Failed, Message: fmt.Sprintf("no session as %s in database %s", cfg.User, cfg.Database),
			Remedy: "connection.user, connection.password, connection.database and connection.port say how to connect"}, oneLine{err})
	}
	var version int
	if err := c.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		c.Close(ctx)
		return nil, fmt.Errorf("ask for the server's version: %w", err)
	}
	if version < oldest {
		c.Close(ctx)
		return nil, &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("the server is PostgreSQL %d", version/10000), Remedy: "want 13 or newer"}
	}
	if version >= 140000 {
		// A statement that still waits when we die must not go on by itself.
		_, _ = c.Exec(ctx, "SET client_connection_check_interval = '200ms'") // some systems cannot
	}
	return c, nil
}

// oneLine is an error without line breaks.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }
func (e oneLine) Unwrap() error { return e.error }

// redis opens a client with one connection.
func (s server) redis() *redis.Client {
	port := cmp.Or(s.connection.Port, 6379)
	return redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:" + strconv.Itoa(port), Username: s.connection.User, Password: string(s.connection.Password),
		Dialer:          func(ctx context.Context, _, _ string) (net.Conn, error) { return s.dial(ctx, port) },
		PoolSize:        1,
		MaxRetries:      -1,
		DialerRetries:   1,
		DisableIdentity: true,
		ReadTimeout:     3 * time.Second, ContextTimeoutEnabled: true,
	})
}

// environment is what the target's first process was started with.
func (s server) environment() map[string]string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.pid))
	out := map[string]string{}
	for v := range bytes.SplitSeq(b, []byte{0}) {
		if name, value, ok := strings.Cut(string(v), "="); ok {
			out[name] = value
		}
	}
	return out
}

// identity tells a process from all others of this machine, also those before a reboot.
func identity(pid int) string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in brackets may hold anything; the start time is the 20th field after it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + strconv.Itoa(pid) + "/" + fields[19]
}

// alive reports whether the process of an identity still runs.
func alive(id string) bool {
	parts := strings.Split(id, "/")
	if len(parts) != 3 {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	return err == nil && identity(pid) == id
}
