package database_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// theReplica follows the PostgreSQL of the tests in a process of its own, in the same network.
func theReplica(t *testing.T, db *target) *target {
	t.Helper()
	r := &target{pid: db.pid, dir: filepath.Join(shared.dir, "replica")}
	t.Cleanup(func() { os.RemoveAll(r.dir) })
	// Both servers share the network here, so that the copy needs no way out of one.
	_, err := asPostgres(shared.dir, filepath.Join(shared.bin, "pg_basebackup"), "-h", db.dir, "-D", r.dir, "-R", "-c", "fast")
	must(t, err)
	conf, err := os.ReadFile(filepath.Join(r.dir, "postgresql.conf"))
	must(t, err)
	text := strings.NewReplacer("port = 5432", "port = 5433", db.dir, r.dir).Replace(string(conf)) + "hot_standby_feedback = on\n"
	must(t, os.WriteFile(filepath.Join(r.dir, "postgresql.conf"), []byte(text), 0o644))
	must(t, shared.run(r, "postgres", filepath.Join(shared.bin, "postgres"), "-D", r.dir))
	t.Cleanup(func() { r.server.Process.Signal(os.Interrupt); r.server.Wait() })
	within(t, 30*time.Second, "the replica answers", func() bool {
		_, err := asPostgres(r.dir, "psql", "-X", "-h", r.dir, "-p", "5433", "-d", "shop", "-c", "SELECT 1")
		return err == nil
	})
	return r
}

func TestReplicaLag(t *testing.T) {
	db := theDB(t)
	r := theReplica(t, db)
	a := startAgent(t)
	db.sql(t, "CREATE TABLE beats (n int)")
	t.Cleanup(func() { db.sql(t, "DROP TABLE beats") })

	// The primary writes all the time, as users would.
	writer, err := db.user(t.Context())
	must(t, err)
	db.sql(t, "GRANT ALL ON beats TO app")
	life, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer writer.Close(context.Background())
		for life.Err() == nil {
			writer.Exec(context.Background(), "INSERT INTO beats VALUES (1)")
			time.Sleep(20 * time.Millisecond)
		}
	}()
	defer func() { stop(); <-over }()

	on := func(sql string) string {
		out, err := asPostgres(r.dir, "psql", "-X", "-At", "-h", r.dir, "-p", "5433", "-d", "shop", "-c", sql)
		must(t, err)
		return strings.TrimSpace(out)
	}
	// behind is how long it takes until the replica has what the primary has now.
	behind := func(limit time.Duration) time.Duration {
		n, start := db.sql(t, "SELECT count(*) FROM beats"), time.Now()
		for time.Since(start) < limit && on("SELECT count(*) >= "+n+" FROM beats") != "t" {
			time.Sleep(20 * time.Millisecond)
		}
		return time.Since(start)
	}
	auto := func() string {
		b, err := os.ReadFile(filepath.Join(r.dir, "postgresql.auto.conf"))
		must(t, err)
		return string(b) + on("SELECT pg_is_wal_replay_paused()")
	}
	was := auto()
	at := `"connection":{"port":5433}`
	e := a.put(t, r, "pg-replica-lag", `{"delay":"2s",`+at+`}`)
	if d := behind(4 * time.Second); d < 1500*time.Millisecond || d > 3500*time.Millisecond {
		t.Errorf("the replica is %v behind; want 2 s", d)
	}
	a.take(t, e.ID)
	if d := behind(4 * time.Second); d > time.Second || auto() != was {
		t.Errorf("after revert it is %v behind:\n%s\nbefore:\n%s", d, auto(), was)
	}
	e = a.put(t, r, "pg-replica-lag", "{"+at+"}")
	if d := behind(1500 * time.Millisecond); d < 1500*time.Millisecond {
		t.Errorf("the replica is %v behind; want it to stand still", d)
	}
	a.take(t, e.ID)
	gone := func() bool { return auto() == was && behind(300*time.Millisecond) < 300*time.Millisecond }
	for _, params := range []string{`{"delay":"2s",` + at + `}`, "{" + at + "}"} {
		killed(t, r, "pg-replica-lag", params, 2*time.Second, gone)
	}
	b := startAgent(t)
	b.put(t, r, "pg-replica-lag", `{"delay":"2s",`+at+`}`)
	killedWithKeeper(t, b)
	if auto() == was {
		t.Fatal("it is back without a sweep; the sweep is not tested")
	}
	if removed, err := startAgent(t).Sweep(t.Context(), r.pid); err != nil || len(removed) != 1 || auto() != was {
		t.Errorf("sweep: %q, %v", removed, err)
	}
	if _, err := a.try(t, db, "pg-replica-lag", `{}`); err == nil || !strings.Contains(err.Error(), "not a replica") {
		t.Errorf("on a primary: %v", err)
	}
}
