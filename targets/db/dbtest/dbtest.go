// Package dbtest runs a real PostgreSQL with the shop's database for tests.
package dbtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"faultlab/targets/db"
)

// Passwords of the roles in a test's database.
const (
	ShopPassword     = "shop-secret"
	ShippingPassword = "shipping-secret"
	ReportsPassword  = "reports-secret"
	ReplicaPassword  = "replica-secret"
	GraderPassword   = "grader-secret"
)

// MissingError says that a program of PostgreSQL is not on this machine.
type MissingError struct {
	Program string
}

func (e *MissingError) Error() string {
	return e.Program + " is not installed; want PostgreSQL 15 or later, e.g. apt-get install postgresql"
}

// Server is a PostgreSQL of its own, in a directory of its own.
type Server struct {
	Port int // on 127.0.0.1
	bin  string
	dir  string
}

// Start runs a server with the shop's database in it until the test ends. It
// skips the test where PostgreSQL is not installed, unless FAULTLAB_REQUIRE=1.
func Start(t testing.TB) *Server {
	t.Helper()
	bin, err := findBin()
	if err != nil {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{bin: bin, dir: dir}
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		s.must(t, "", "chown", "postgres", dir)
	}
	s.run(t, "initdb", "-D", s.data(), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-N",
		"--auth-local=trust", "--auth-host=scram-sha-256")
	s.Port = freePort(t)
	t.Cleanup(func() { s.Stop(t) })
	s.Run(t)
	for _, file := range db.Order {
		sql, err := db.Files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		database := "shop"
		if file == db.Order[0] {
			database = "postgres"
		}
		s.must(t, string(sql), filepath.Join(s.bin, "psql"), "-q", "-X", "-h", dir, "-p", strconv.Itoa(s.Port),
			"-U", "postgres", "-d", database, "-v", "shop_password="+ShopPassword, "-v", "shipping_password="+ShippingPassword,
			"-v", "reports_password="+ReportsPassword, "-v", "replica_password="+ReplicaPassword, "-v", "grader_password="+GraderPassword)
	}
	return s
}

// Run starts the server, after Stop on the same port and with the same data.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	s.run(t, "pg_ctl", "start", "-w", "-s", "-D", s.data(), "-l", filepath.Join(s.dir, "log"),
		"-o", fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1 -c fsync=off", s.Port, s.dir))
}

// Stop ends the server at once, as a crash would. A second Stop does nothing.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(s.data(), "postmaster.pid")); err == nil {
		s.run(t, "pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", s.data())
	}
}

// Log has the server log statements that take at least so many milliseconds, with
// application_name before each.
func (s *Server) Log(t testing.TB, fromMillis int) {
	t.Helper()
	s.Exec(t, fmt.Sprintf("ALTER SYSTEM SET log_min_duration_statement = %d;\nALTER SYSTEM SET log_line_prefix = '%%a ';\nSELECT pg_reload_conf();\n", fromMillis))
}

// Exec runs statements as the administrator.
func (s *Server) Exec(t testing.TB, sql string) {
	t.Helper()
	s.must(t, sql, filepath.Join(s.bin, "psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-p", strconv.Itoa(s.Port), "-U", "postgres", "-d", "postgres")
}

// LogFile is the path of the server's log.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "log") }

// URL is the address of database shop for one of its roles.
func (s *Server) URL(role, password string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/shop?sslmode=disable", role, password, s.Port)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) run(t testing.TB, program string, args ...string) {
	t.Helper()
	command := append([]string{filepath.Join(s.bin, program)}, args...)
	if os.Getuid() == 0 {
		command = append([]string{"runuser", "-u", "postgres", "--"}, command...)
	}
	s.must(t, "", command...)
}

func (s *Server) must(t testing.TB, input string, command ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = s.dir
	// The server inherits the output of pg_ctl: a pipe would never end, so it
	// goes to a file.
	out, err := os.CreateTemp("", "pg-out")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if input != "" {
		script, err := os.CreateTemp("", "pg-in")
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(script.Name())
		defer script.Close()
		if _, err := script.WriteString(input); err != nil {
			t.Fatal(err)
		}
		if _, err := script.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = script
	}
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		t.Fatalf("%s: %v\n%s", filepath.Base(command[0]), err, said)
	}
}

// findBin gives the directory of the newest PostgreSQL.
func findBin() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		// A link in the path need not have psql beside it.
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", &MissingError{Program: "initdb"}
	}
	return filepath.Dir(slices.Max(found)), nil
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
