package database_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"faultlab/faults/agent"
)

const inShop = `"connection":{"database":"shop"}`

// plan is what the application's own EXPLAIN says.
func plan(t *testing.T, to *target, query string) string {
	t.Helper()
	c, err := to.user(t.Context())
	must(t, err)
	defer c.Close(t.Context())
	rows, err := c.Query(t.Context(), "EXPLAIN "+query)
	must(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return strings.Join(lines, "\n")
}

func TestDroppedIndex(t *testing.T) {
	db := theDB(t)
	a := startAgent(t)
	for _, tt := range []struct{ index, more, query string }{
		{"orders_customer", "", "SELECT * FROM orders WHERE customer = 7"},
		{`public.\"Orders Words\"`, "", "SELECT * FROM orders WHERE to_tsvector('simple', note) @@ 'word7'"},
		{"orders_lower", "", "SELECT * FROM orders WHERE lower(note) = 'note number77 of word77' AND customer > 10"},
		{"orders_customer", `,"concurrently":true`, "SELECT * FROM orders WHERE customer = 7"},
		{"orders_customer", `,"query":"SELECT count(*) FROM orders WHERE customer = 8"`, "SELECT * FROM orders WHERE customer = 7"},
	} {
		t.Run(tt.index+tt.more, func(t *testing.T) {
			before := db.snapshot(t)
			if p := plan(t, db, tt.query); strings.Contains(p, "Seq Scan") {
				t.Fatalf("before: %s", p)
			}
			e := a.put(t, db, "pg-dropped-index", `{"index":"`+tt.index+`"`+tt.more+`,`+inShop+`}`)
			if p := plan(t, db, tt.query); !strings.Contains(p, "Seq Scan") {
				t.Errorf("with the fault: %s", p)
			}
			a.take(t, e.ID)
			if p := plan(t, db, tt.query); strings.Contains(p, "Seq Scan") {
				t.Errorf("after: %s", p)
			}
			if after := db.snapshot(t); after != before {
				t.Errorf("after:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
	for index, want := range map[string]string{
		"orders_pkey": "primary key", "orders_code_key": "a constraint needs it", "orders_id_note": "it is unique", "parts_n": "partitioned",
		"orders": "is not an index", "nothing": "there is no index", "pg_class_oid_index": "there is no index", "orders_brin": "give one",
	} {
		if _, err := a.try(t, db, "pg-dropped-index", `{"index":"`+index+`",`+inShop+`}`); err == nil || !strings.Contains(asText(err), want) {
			t.Errorf("%s: %v; want %q", index, err, want)
		}
	}
}

func asText(err error) string {
	var e *agent.Error
	if errors.As(err, &e) {
		return e.Message + "; " + e.Remedy
	}
	return err.Error()
}

// An index that a trainee has made again is the fix: it stays.
func TestDroppedIndexMadeAgain(t *testing.T) {
	db := theDB(t)
	a := startAgent(t)
	e := a.put(t, db, "pg-dropped-index", `{"index":"orders_lower",`+inShop+`}`)
	db.sql(t, "CREATE INDEX orders_lower ON orders (lower(note), customer DESC) INCLUDE (id) WHERE customer > 10;\nALTER INDEX orders_lower ALTER COLUMN 1 SET STATISTICS 77")
	oid := db.sql(t, "SELECT 'orders_lower'::regclass::oid")
	a.take(t, e.ID)
	if now := db.sql(t, "SELECT 'orders_lower'::regclass::oid"); now != oid {
		t.Errorf("index %s was replaced by %s", oid, now)
	}
}

// stopped reports whether a statement of the application's waits.
func stopped(t *testing.T, db *target, sql string) bool {
	t.Helper()
	c, err := db.user(t.Context())
	must(t, err)
	defer c.Close(t.Context())
	_, err = c.Exec(t.Context(), "SET statement_timeout = '250ms';"+sql)
	var e *pgconn.PgError
	if err != nil && (!errors.As(err, &e) || e.Code != "57014") {
		t.Fatalf("%s: %v", sql, err)
	}
	return err != nil
}

func TestLock(t *testing.T) {
	db := theDB(t)
	a := startAgent(t)
	const read, write, vacuum = "SELECT count(*) FROM items", "DELETE FROM items WHERE part < 0", "LOCK TABLE items IN SHARE UPDATE EXCLUSIVE MODE"
	for mode, want := range map[string][2]bool{"": {true, true}, "exclusive": {false, true}, "share": {false, true}, "row-exclusive": {false, false}, "access-share": {false, false}} {
		e := a.put(t, db, "pg-lock", `{"table":"items","mode":"`+mode+`","application":"DBeaver",`+inShop+`}`)
		if got := [2]bool{stopped(t, db, read), stopped(t, db, write)}; got != want {
			t.Errorf("%q: read, write stopped: %v; want %v", mode, got, want)
		}
		if got := db.sql(t, "SELECT state FROM pg_stat_activity WHERE application_name = 'DBeaver'"); got != "idle in transaction" {
			t.Errorf("the session is %q", got)
		}
		a.take(t, e.ID)
		if stopped(t, db, read) || stopped(t, db, write) {
			t.Errorf("%q: stopped after revert", mode)
		}
	}
	if _, err := a.try(t, db, "pg-lock", `{"table":"nothing",`+inShop+`}`); err == nil || !strings.Contains(err.Error(), `there is no table "nothing" in database "shop"`) {
		t.Errorf("no such table: %v", err)
	}
}

// free counts how many sessions the application can open, up to a limit.
func free(t *testing.T, db *target, limit int) (n int, said string) {
	t.Helper()
	for n < limit {
		c, err := db.user(t.Context())
		if err != nil {
			return n, err.Error()
		}
		defer c.Close(context.Background())
		n++
	}
	return n, ""
}

func TestConnections(t *testing.T) {
	db := theDB(t)
	a := startAgent(t)
	open, err := db.user(t.Context())
	must(t, err)
	for _, left := range []int{0, 3} {
		e := a.put(t, db, "pg-connections", fmt.Sprintf(`{"left":%d,"application":"api"}`, left))
		if n, said := free(t, db, 10); n != left || !strings.Contains(said, "remaining connection slots are reserved") {
			t.Errorf("%d could be opened, then %q; want %d", n, said, left)
		}
		if _, err := open.Exec(t.Context(), "SELECT 1"); err != nil {
			t.Errorf("an open session: %v", err)
		}
		if left == 0 { // what is given up is taken
			must(t, open.Close(t.Context()))
			within(t, 2*time.Second, "a free connection is taken", func() bool {
				return db.sql(t, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'api'") == "26"
			})
			if n, _ := free(t, db, 1); n != 0 {
				t.Error("there is one free")
			}
		}
		a.take(t, e.ID)
		if n, said := free(t, db, 10); n != 10 {
			t.Errorf("after revert %d could be opened: %s", n, said)
		}
		open, err = db.user(t.Context())
		must(t, err)
		defer open.Close(context.Background())
	}
	if _, err := a.try(t, db, "pg-connections", `{"left":500}`); err == nil || !strings.Contains(err.Error(), "are free") {
		t.Errorf("more than there are: %v", err)
	}
}

// rows is what the planner reckons with.
func rows(t *testing.T, db *target, query string) int {
	t.Helper()
	_, after, _ := strings.Cut(plan(t, db, query), "rows=")
	text, _, _ := strings.Cut(after, " ")
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

func TestStaleStatistics(t *testing.T) {
	db := theDB(t)
	a := startAgent(t)
	const join = "SELECT * FROM orders o JOIN items i ON i.order_id = o.id WHERE part < 40"
	for _, options := range []string{"RESET (autovacuum_enabled)", "SET (autovacuum_enabled = true)"} {
		db.sql(t, "ALTER TABLE items "+options)
		before := db.snapshot(t)
		if p := plan(t, db, join); !strings.Contains(p, "Hash Join") {
			t.Fatalf("before: %s", p)
		}
		e := a.put(t, db, "pg-stale-statistics", `{"table":"items","rows":20,`+inShop+`}`)
		db.sql(t, "UPDATE items SET part = part WHERE order_id < 5000")
		time.Sleep(2500 * time.Millisecond) // autovacuum comes twice meanwhile
		if n := rows(t, db, "SELECT * FROM items"); n > 30 {
			t.Errorf("the planner reckons with %d rows; want about 20", n)
		}
		if p := plan(t, db, join); !strings.Contains(p, "Nested Loop") {
			t.Errorf("with the fault: %s", p)
		}
		if _, err := a.try(t, db, "pg-stale-statistics", `{"table":"items",`+inShop+`}`); !errors.Is(err, &agent.Error{Code: agent.Refused}) {
			t.Errorf("a second one: %v", err)
		}
		a.take(t, e.ID)
		if n := rows(t, db, "SELECT * FROM items"); n < 50000 || n > 70000 {
			t.Errorf("after revert the planner reckons with %d rows", n)
		}
		if after := db.snapshot(t); after != before {
			t.Errorf("after:\n%s\nbefore:\n%s", after, before)
		}
	}
	db.sql(t, "ALTER TABLE items RESET (autovacuum_enabled)")
}

// Two faults on one table, taken away in either order: the other one is as it was.
func TestStack(t *testing.T) {
	db := theDB(t)
	a := startAgent(t)
	stale := func() bool { return rows(t, db, "SELECT * FROM orders") < 10 }
	dropped := func() bool { return db.sql(t, "SELECT to_regclass('orders_lower') IS NULL") == "t" }
	for _, first := range []int{0, 1} {
		i := a.put(t, db, "pg-dropped-index", `{"index":"orders_lower",`+inShop+`}`)
		s := a.put(t, db, "pg-stale-statistics", `{"table":"orders",`+inShop+`}`)
		if !stale() || !dropped() {
			t.Fatal("not both are on")
		}
		// The plan need not use an index of a table that is thought to be empty; that is on the record.
		_, err := a.Revert(t.Context(), []string{i.ID, s.ID}[first])
		must(t, err)
		if stale() != (first == 0) || dropped() != (first == 1) {
			t.Errorf("after the first revert: stale %v, dropped %v", stale(), dropped())
		}
		_, err = a.Revert(t.Context(), []string{s.ID, i.ID}[first])
		must(t, err)
		if stale() || dropped() {
			t.Errorf("after both: stale %v, dropped %v", stale(), dropped())
		}
	}
	// A lock keeps others from putting things back; they say so and can be asked again.
	i := a.put(t, db, "pg-dropped-index", `{"index":"orders_customer",`+inShop+`}`)
	l := a.put(t, db, "pg-lock", `{"table":"orders",`+inShop+`}`)
	if _, err := a.Revert(t.Context(), i.ID); err == nil || !strings.Contains(err.Error(), "holds a lock") {
		t.Errorf("revert under a lock: %v", err)
	}
	a.take(t, l.ID)
	e, err := a.Revert(t.Context(), i.ID)
	if err != nil || e.State != agent.Reverted {
		t.Errorf("revert after the lock: %+v, %v", e, err)
	}
}

// A password works, and stands in no answer.
func TestPassword(t *testing.T) {
	db := theDB(t)
	a := startAgent(t)
	e := a.put(t, db, "pg-dropped-index", `{"index":"orders_customer","connection":{"database":"shop","user":"boss","password":"boss-secret"}}`)
	list, err := a.Status(t.Context())
	must(t, err)
	for _, shown := range []any{e, list} {
		if b, _ := json.Marshal(shown); strings.Contains(string(b), "boss-secret") || !strings.Contains(string(b), "(secret)") {
			t.Errorf("shown: %s", b)
		}
	}
	a.take(t, e.ID)
	for _, params := range []string{`{"index":"orders_customer","connection":{"database":"shop","user":"boss","password":"wrong-secret"}}`,
		`{"index":"orders_customer","connection":{"database":"shop","user":"app","password":"app-secret"}}`} {
		if _, err := a.try(t, db, "pg-dropped-index", params); err == nil || strings.Contains(asText(err), "-secret") {
			t.Errorf("%s: %v", params, err)
		} else {
			t.Log(asText(err))
		}
	}
}
