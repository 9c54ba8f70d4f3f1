package labs_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/control"
	"faultlab/labs/endpoint"
	"faultlab/labs/grade"
)

// TestDatabaseAndReplicaComeBack kills the replica and the database of a healthy lab. Each
// comes back by itself, the replica follows again, and no order is lost. One that is
// taken out of the database is missed.
func TestDatabaseAndReplicaComeBack(t *testing.T) {
	e, id, lab := healthyLab(t)
	// ask gives what psql on the bastion prints, with an error as text.
	ask := func(host, sql string) string {
		r, err := lab.Exec(t.Context(), engine.Command{Args: []string{"psql", "-h", host + ".shop.internal", "-XAtqc", sql}})
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(r.Stdout + r.Stderr)
	}
	until := func(what string, within time.Duration, host, sql, want string) {
		t.Helper()
		began, got := time.Now(), ""
		for time.Since(began) < within {
			if got = ask(host, sql); got == want {
				t.Logf("%s after %.1f s", what, time.Since(began).Seconds())
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
		t.Errorf("%s: not after %v: %s", what, within, got)
	}
	const streaming = "SELECT application_name, state FROM pg_stat_replication"
	until("the replica follows", time.Minute, "db", streaming, "db-replica|streaming")
	for _, service := range []string{"db-replica", "db"} {
		cs, err := e.List(t.Context(), endpoint.LabelLab+"="+id, "com.docker.compose.service="+service)
		if err != nil || len(cs) != 1 {
			t.Fatalf("%d containers of %s: %v", len(cs), service, err)
		}
		killed := time.Now()
		if err := syscall.Kill(cs[0].Pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		since := " WHERE backend_start > '" + killed.UTC().Format(time.RFC3339Nano) + "'"
		until(service+" was killed, the replica follows anew", 10*time.Second, "db", streaming+since, "db-replica|streaming")
		newest := ask("db", "SELECT max(id) FROM orders")
		until("it has what the database has", 10*time.Second, "db-replica", "SELECT count(*) FROM orders WHERE id = "+newest, "1")
	}
	until("a report was made", 90*time.Second, "db", "SELECT count(*) > 0 FROM report_runs WHERE error IS NULL AND finished_at IS NOT NULL", "t")
	g, err := lab.Grade(t.Context(), func(control.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	if c := check(g, "orders"); c.Verdict != grade.Pass {
		t.Errorf("orders: %+v", c)
	}
	db, err := e.List(t.Context(), endpoint.LabelLab+"="+id, "com.docker.compose.service=db")
	if err != nil || len(db) != 1 {
		t.Fatalf("%d containers of db: %v", len(db), err)
	}
	const purge = `CREATE TEMP TABLE victim AS SELECT order_id AS id FROM shipments ORDER BY order_id LIMIT 1;
		DELETE FROM shipments WHERE order_id IN (TABLE victim); DELETE FROM order_lines WHERE order_id IN (TABLE victim);
		DELETE FROM orders WHERE id IN (TABLE victim)`
	if r, err := e.Exec(t.Context(), db[0].ID, engine.Command{Args: []string{"psql", "-U", "postgres", "-d", "shop", "-v", "ON_ERROR_STOP=1", "-qc", purge}}); err != nil || r.Code != 0 {
		t.Fatalf("%v %s", err, r.Stderr)
	}
	if g, err = lab.Grade(t.Context(), func(control.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if c := check(g, "orders"); c.Verdict != grade.Fail || !strings.Contains(c.Measured, "1 wrong") || !strings.Contains(c.Measured, "is lost") {
		t.Errorf("orders after one was taken out: %+v", c)
	}
}

func check(g *grade.Grade, id string) grade.Result {
	for _, c := range g.Checks {
		if c.ID == id {
			return c
		}
	}
	return grade.Result{}
}
