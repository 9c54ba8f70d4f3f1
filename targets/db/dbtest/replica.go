package dbtest

import (
	"fmt"
	"os"
	"testing"
)

// Replica runs a read replica of the server until the test ends.
func (s *Server) Replica(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &Server{Port: freePort(t), bin: s.bin, dir: dir}
	if os.Getuid() == 0 {
		r.must(t, "", "chown", "postgres", dir)
	}
	r.run(t, "pg_basebackup", "-D", r.data(), "-c", "fast", "-R", "-d",
		fmt.Sprintf("host=127.0.0.1 port=%d user=replica password=%s application_name=db-replica", s.Port, ReplicaPassword))
	t.Cleanup(func() { r.Stop(t) })
	r.Run(t)
	return r
}
