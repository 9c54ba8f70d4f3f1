package database_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"faultlab/faults/agent"
)

// timed is how long a statement takes in a session.
func timed(t *testing.T, c *pgx.Conn, sql string, args ...any) time.Duration {
	t.Helper()
	begun := time.Now()
	_, err := c.Exec(t.Context(), sql, args...)
	must(t, err)
	return time.Since(begun)
}

// session is one of the application's, until the test ends.
func session(t *testing.T, db *target) *pgx.Conn {
	t.Helper()
	c, err := db.user(t.Context())
	must(t, err)
	t.Cleanup(func() { c.Close(context.WithoutCancel(t.Context())) })
	return c
}

// log is what the servers have logged.
func (t *target) log(tt *testing.T) (out string) {
	tt.Helper()
	files, err := filepath.Glob(filepath.Join(shared.dir, "log*"))
	must(tt, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(tt, err)
		out += string(b)
	}
	return out
}

func canceled(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "57014"
}

const (
	slowSelect = "SELECT note FROM orders WHERE id = $1"
	slowDelay  = 200 * time.Millisecond
)

func TestSlowStatement(t *testing.T) {
	db := theDB(t)
	db.sql(t, `CREATE FUNCTION first_note() RETURNS text LANGUAGE plpgsql AS 'DECLARE n text; r record; BEGIN FOR r IN SELECT note FROM orders WHERE id < 100 LOOP n := r.note; END LOOP; RETURN n; END'`)
	t.Cleanup(func() { db.sql(t, "DROP FUNCTION first_note") })
	c := session(t, db) // is there before the fault
	for range 3 {
		timed(t, c, slowSelect, 7)
	}
	a := startAgent(t)
	before := db.snapshot(t)
	e := a.put(t, db, "pg-slow-statement", `{"statement":"select*from ORDERS","delay":"200ms",`+inShop+`}`)
	if after := db.snapshot(t); after != before {
		t.Errorf("the database has changed:\n%s\nbefore:\n%s", after, before)
	}
	later := session(t, db)
	for name, tt := range map[string]struct {
		sql  string
		args []any
		slow bool
	}{
		"prepared":         {slowSelect, []any{8}, true},
		"other space":      {"SELECT  count(*)\n FROM  Orders WHERE id = 3", nil, true},
		"in a function":    {"SELECT first_note()", nil, true}, // once, though it fetches twice
		"explain analyze":  {"EXPLAIN ANALYZE SELECT 1 FROM orders WHERE id = 1", nil, true},
		"explain":          {"EXPLAIN SELECT 1 FROM orders WHERE id = 1", nil, false},
		"another table":    {"SELECT * FROM items WHERE order_id = 1 LIMIT 1", nil, false},
		"another verb":     {"UPDATE orders SET note = note WHERE id = 1", nil, false},
		"a transaction":    {"COMMIT", nil, false},
		"text after 4096":  {"SELECT '" + strings.Repeat("x", 4096) + "' FROM orders WHERE id = 1", nil, false},
		"text before 4096": {"SELECT '" + strings.Repeat("x", 4000) + "' FROM orders WHERE id = 1", nil, true},
	} {
		for who, c := range map[string]*pgx.Conn{"a session that was there": c, "a new session": later, "a superuser": db.boss} {
			took := timed(t, c, tt.sql, tt.args...)
			if slow := took >= slowDelay; slow != tt.slow || took > slowDelay*2-10*time.Millisecond {
				t.Errorf("%s, %s: %v", name, who, took)
			}
		}
	}
	timed(t, db.boss, "SET log_min_duration_statement = '150ms'")
	timed(t, db.boss, "SELECT 77 FROM orders LIMIT 1")
	timed(t, db.boss, "RESET log_min_duration_statement")
	if log := db.log(t); !regexp.MustCompile(`duration: 2\d\d\.\d+ ms +(execute [^:]*|statement): SELECT 77 FROM`).MatchString(log) {
		t.Errorf("the slow log has\n%s", log)
	}
	go timed(t, later, slowSelect, 9)
	within(t, time.Second, "the server shows it active, waiting for nothing", func() bool {
		return db.sql(t, `SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state = 'active' AND wait_event IS NULL
			AND query LIKE 'SELECT note%' AND clock_timestamp() - query_start > '100ms'`) == "1"
	})
	a.take(t, e.ID)
	if took := timed(t, c, slowSelect, 10); took > slowDelay/2 {
		t.Errorf("after revert: %v", took)
	}
}

// A time limit and a cancellation end the wait, a revert does, and the agent's end.
func TestSlowStatementEnds(t *testing.T) {
	db := theDB(t)
	c := session(t, db)
	a := startAgent(t)
	const params = `{"statement":"from orders","delay":"3s",` + inShop + `}`
	e := a.put(t, db, "pg-slow-statement", params)
	timed(t, c, "SET statement_timeout = '200ms'")
	begun := time.Now()
	if _, err := c.Exec(t.Context(), "SELECT FROM orders LIMIT 1"); !canceled(err) || time.Since(begun) > time.Second {
		t.Errorf("with a time limit: %v after %v", err, time.Since(begun))
	}
	timed(t, c, "SET statement_timeout = 0")
	running := func() chan time.Duration {
		done := make(chan time.Duration, 1)
		go func() {
			begun := time.Now()
			_, _ = c.Exec(context.Background(), "SELECT FROM orders LIMIT 1")
			done <- time.Since(begun)
		}()
		within(t, time.Second, "it runs", func() bool {
			return db.sql(t, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND usename = 'app'") == "1"
		})
		return done
	}
	done := running()
	db.sql(t, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
	if took := <-done; took > 2*time.Second {
		t.Errorf("with a cancellation: %v", took)
	}
	done = running()
	a.take(t, e.ID)
	if took := <-done; took > 2*time.Second {
		t.Errorf("with a revert: %v", took)
	}
	a.Close()
	a.cmd.Wait()
	b := startAgent(t)
	b.put(t, db, "pg-slow-statement", params)
	done = running()
	killedWithKeeper(t, b)
	swept := startAgent(t)
	if what, err := swept.Sweep(t.Context(), db.pid); err != nil || len(what) != 1 || <-done > 3*time.Second {
		t.Errorf("a sweep after the keeper has gone too: %q, %v", what, err)
	}
	swept.Close()
	swept.cmd.Wait()
	b = startAgent(t)
	b.put(t, db, "pg-slow-statement", params)
	done = running()
	keepers := keepersOf(t, b)
	must(t, b.cmd.Process.Kill())
	killed := time.Now()
	b.cmd.Wait()
	<-done
	t.Logf("let go %v after kill -9", time.Since(killed).Round(time.Millisecond))
	if took := timed(t, c, "SELECT FROM orders LIMIT 1"); time.Since(killed) > 2*time.Second || took > 100*time.Millisecond {
		t.Errorf("let go %v after kill -9, and the next took %v", time.Since(killed), took)
	}
	// Until then it lets go whoever stops on this server, also by the next agent's faults.
	within(t, 3*time.Second, "the keeper has ended", func() bool {
		return !slices.ContainsFunc(keepers, func(k string) bool { _, err := os.Stat("/proc/" + k); return err == nil })
	})
}

// A share is drawn by the order of the statements, two faults make the longer wait.
func TestSlowStatementShare(t *testing.T) {
	db := theDB(t)
	c := session(t, db)
	a := startAgent(t)
	series := func() (s string) {
		for range 60 {
			s += map[bool]string{false: ".", true: "x"}[timed(t, c, "SELECT FROM items LIMIT 1") >= 100*time.Millisecond]
		}
		return s
	}
	const params = `{"statement":"from items","delay":"100ms","percent":30,"seed":7,` + inShop + `}`
	e := a.put(t, db, "pg-slow-statement", params)
	first := series()
	all, err := a.Status(t.Context())
	must(t, err)
	got := all[slices.IndexFunc(all, func(o agent.Entry) bool { return o.ID == e.ID })]
	if n := uint64(strings.Count(first, "x")); n < 8 || n > 30 || got.Packets.Delayed != n+1 || got.Seed != 7 {
		t.Errorf("%s, seed %d, counted %+v", first, got.Seed, got.Packets)
	}
	a.take(t, e.ID)
	e = a.put(t, db, "pg-slow-statement", params)
	if second := series(); second != first {
		t.Errorf("the same seed gives\n%s and\n%s", first, second)
	}
	long := a.put(t, db, "pg-slow-statement", `{"statement":"select*items","delay":"250ms",`+inShop+`}`)
	for range 5 {
		if took := timed(t, c, "SELECT FROM items LIMIT 1"); took < 250*time.Millisecond {
			t.Errorf("with another fault of 250ms: %v", took)
		}
	}
	a.take(t, long.ID)
	a.take(t, e.ID)
	for params, code := range map[string]agent.Code{
		`{"statement":"x","delay":"1s","connection":{"port":5999}}`:          agent.BadRequest,
		`{"statement":"` + strings.Repeat("x", 300) + `","delay":"1s"}`:      agent.BadRequest,
		`{"statement":"x","delay":"1s","connection":{"database":"nowhere"}}`: agent.Failed,
	} {
		if _, err := a.try(t, db, "pg-slow-statement", params); !errors.Is(err, &agent.Error{Code: code}) {
			t.Errorf("%s: %v", params, err)
		}
	}
}
