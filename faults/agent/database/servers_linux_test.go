package database_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"faultlab/faults/agent"
	"faultlab/faults/agent/netspace"
)

// The test binary is also the agent, whose keeper it is then as well.
const roleEnv = "FAULTLAB_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == "agent" {
		if err := agent.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	shared.stop()
	os.Exit(code)
}

func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("FAULTLAB_REQUIRE") == "1" {
		t.Fatalf("required here: %s", reason)
	}
	t.Skip(reason)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// servers are a PostgreSQL, its replica when asked for, and a Redis, each as if it
// were alone in a container's network.
type servers struct {
	once sync.Once
	dir  string
	bin  string
	err  error
	all  []*exec.Cmd
	db   *target
}

var shared servers // one for all tests: they take turns

func (s *servers) stop() {
	for _, c := range slices.Backward(s.all) {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// target is a process with a network of its own, which stands for a container.
type target struct {
	pid    int
	dir    string // of the server's files and its socket
	server *exec.Cmd
	boss   *pgx.Conn
}

// network makes a target without a server.
func (s *servers) network() (*target, error) {
	cmd := exec.Command("sleep", "infinity")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.all = append(s.all, cmd)
	t := &target{pid: cmd.Process.Pid}
	if out, err := exec.Command("nsenter", "-n", "-t", strconv.Itoa(t.pid), "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("loopback: %w: %s", err, out)
	}
	return t, nil
}

// run starts a server in the target's network as a user.
func (s *servers) run(t *target, user string, command ...string) error {
	log, err := os.Create(filepath.Join(s.dir, fmt.Sprintf("log%d", len(s.all))))
	if err != nil {
		return err
	}
	defer log.Close()
	t.server = exec.Command("nsenter", append([]string{"-n", "-t", strconv.Itoa(t.pid), "setpriv", "--reuid", user, "--regid", user, "--clear-groups"}, command...)...)
	t.server.Stdout, t.server.Stderr, t.server.Dir = log, log, s.dir
	if err := t.server.Start(); err != nil {
		return err
	}
	s.all = append(s.all, t.server)
	return nil
}

func asPostgres(dir string, command ...string) (string, error) {
	cmd := exec.Command("runuser", append([]string{"-u", "postgres", "--"}, command...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", filepath.Base(command[0]), err, out)
	}
	return string(out), err
}

// seed is the shop of these tests: enough rows that an index matters.
const seed = `
CREATE ROLE app LOGIN PASSWORD 'app-secret';
CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'boss-secret';
CREATE TABLE orders (id bigint PRIMARY KEY, customer int NOT NULL, note text NOT NULL, code text UNIQUE);
INSERT INTO orders SELECT i, i % 5000, 'note number' || i || ' of word' || i % 700, 'c' || i FROM generate_series(1, 60000) i;
CREATE TABLE items (order_id bigint NOT NULL, part int NOT NULL);
INSERT INTO items SELECT i, i % 50 FROM generate_series(1, 60000) i;
CREATE INDEX orders_customer ON orders (customer) WITH (fillfactor = 80);
COMMENT ON INDEX orders_customer IS 'it''s for the "customer" page';
ALTER TABLE orders CLUSTER ON orders_customer;
CREATE INDEX "Orders Words" ON orders USING gin (to_tsvector('simple', note));
CREATE INDEX orders_lower ON orders (lower(note), customer DESC) INCLUDE (id) WHERE customer > 10;
ALTER INDEX orders_lower ALTER COLUMN 1 SET STATISTICS 77;
CREATE INDEX orders_brin ON orders USING brin (id);
CREATE UNIQUE INDEX orders_id_note ON orders (id, note);
CREATE TABLE parts (n int) PARTITION BY RANGE (n);
CREATE INDEX parts_n ON parts (n);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
VACUUM ANALYZE;`

const config = "listen_addresses = '127.0.0.1'\nport = 5432\nunix_socket_directories = '%s'\nfsync = off\nmax_connections = 30\nautovacuum_naptime = 1s\nautovacuum_analyze_threshold = 10\nautovacuum_analyze_scale_factor = 0\nrandom_page_cost = 1.1\nmax_parallel_workers_per_gather = 0\n"

func (s *servers) start() error {
	var err error
	if s.dir, err = os.MkdirTemp("", "db"); err != nil {
		return err
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return fmt.Errorf("PostgreSQL is not installed")
	}
	s.bin = filepath.Dir(slices.Max(found))
	if err := os.Chmod(s.dir, 0o777); err != nil {
		return err
	}
	if s.db, err = s.network(); err != nil {
		return err
	}
	s.db.dir = filepath.Join(s.dir, "primary")
	if _, err := asPostgres(s.dir, filepath.Join(s.bin, "initdb"), "-D", s.db.dir, "-N", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth-local=peer", "--auth-host=scram-sha-256"); err != nil {
		return err
	}
	if err := s.postgres(s.db); err != nil {
		return err
	}
	if _, err := s.db.psql("postgres", "CREATE DATABASE shop"); err != nil {
		return err
	}
	_, err = s.db.psql("shop", seed)
	return err
}

func (s *servers) postgres(t *target) error {
	if err := os.WriteFile(filepath.Join(t.dir, "postgresql.conf"), fmt.Appendf(nil, config, t.dir), 0o644); err != nil {
		return err
	}
	if err := s.run(t, "postgres", filepath.Join(s.bin, "postgres"), "-D", t.dir); err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := t.psql("postgres", "SELECT 1"); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// psql runs SQL as the owner of the server, over its socket.
func (t *target) psql(database, sql string) (string, error) {
	var args []string
	for q := range strings.SplitSeq(sql, ";\n") {
		if strings.TrimSpace(q) != "" {
			args = append(args, "-c", q)
		}
	}
	out, err := asPostgres(t.dir, append([]string{"psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", t.dir, "-d", database}, args...)...)
	return strings.TrimSpace(out), err
}

// sql runs SQL as a superuser and gives the rows as psql -At would.
func (t *target) sql(tt *testing.T, sql string) string {
	tt.Helper()
	ctx := context.Background()
	if t.boss == nil {
		cfg, err := pgx.ParseConfig("postgres://boss:boss-secret@127.0.0.1:5432/shop?sslmode=disable")
		must(tt, err)
		cfg.DialFunc = t.dial
		t.boss, err = pgx.ConnectConfig(ctx, cfg)
		must(tt, err)
	}
	results, err := t.boss.PgConn().Exec(ctx, sql).ReadAll()
	must(tt, err)
	var lines []string
	for _, row := range results[len(results)-1].Rows {
		lines = append(lines, string(bytes.Join(row, []byte("|"))))
	}
	return strings.Join(lines, "\n")
}

// inside runs f in the target's network.
func (t *target) inside(f func() error) error { return netspace.Inside(t.pid, f) }

func (t *target) dial(ctx context.Context, _, addr string) (c net.Conn, err error) {
	err = t.inside(func() error {
		c, err = (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		return err
	})
	return c, err
}

// user is a session of the application's.
func (t *target) user(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig("postgres://app:app-secret@127.0.0.1:5432/shop?sslmode=disable")
	if err != nil {
		return nil, err
	}
	cfg.DialFunc = t.dial
	return pgx.ConnectConfig(ctx, cfg)
}

func (t *target) redis() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379", Dialer: t.dial, MaxRetries: -1, DialerRetries: 1, ReadTimeout: 300 * time.Millisecond, PoolSize: 1})
}

// theDB gives the PostgreSQL, and fails the test if it is not afterwards as before.
func theDB(t *testing.T) *target {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "not root")
	}
	shared.once.Do(func() { shared.err = shared.start() })
	if shared.err != nil {
		skip(t, shared.err.Error())
	}
	before := shared.db.snapshot(t)
	t.Cleanup(func() {
		if after := shared.db.snapshot(t); after != before && !t.Failed() {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
	})
	return shared.db
}

// snapshot is all that the database is made of, the rows apart.
func (t *target) snapshot(tt *testing.T) string {
	tt.Helper()
	out, err := asPostgres(t.dir, "pg_dump", "-h", t.dir, "-s", "shop")
	must(tt, err)
	out = regexp.MustCompile(`(?m)^(--.*|\\(un)?restrict .*|)\n`).ReplaceAllString(out, "") // the latter are random
	return out + t.sql(tt, "SELECT indexrelid::regclass, indisclustered FROM pg_index WHERE indrelid = 'orders'::regclass ORDER BY indexrelid::regclass::text")
}
