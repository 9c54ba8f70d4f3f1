package database_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// killed kills the agent of a fault that is on and waits until all is as before.
func killed(t *testing.T, to *target, kind, params string, limit time.Duration, gone func() bool) {
	t.Helper()
	a := startAgent(t)
	a.put(t, to, kind, params)
	if gone() {
		t.Fatalf("%s is not felt", kind)
	}
	must(t, a.cmd.Process.Kill())
	a.cmd.Wait()
	within(t, limit, kind+" is gone after kill -9", gone)
}

func TestKilled(t *testing.T) {
	db := theDB(t)
	killed(t, db, "pg-lock", `{"table":"items",`+inShop+`}`, 2*time.Second, func() bool { return !stopped(t, db, "SELECT FROM items LIMIT 1") })
	killed(t, db, "pg-connections", `{"left":0}`, 2*time.Second, func() bool { n, _ := free(t, db, 1); return n == 1 })
	// What goes by the keeper takes as long as the work itself.
	killed(t, db, "pg-dropped-index", `{"index":"orders_customer",`+inShop+`}`, 2*time.Second, func() bool {
		return db.sql(t, "SELECT to_regclass('orders_customer') IS NOT NULL AND to_regnamespace('faultlab') IS NULL") == "t"
	})
	killed(t, db, "pg-stale-statistics", `{"table":"orders",`+inShop+`}`, 2*time.Second, func() bool {
		return rows(t, db, "SELECT * FROM orders") > 50000 && db.sql(t, "SELECT to_regnamespace('faultlab') IS NULL") == "t"
	})
	// The same with a password, which reaches the keeper too.
	killed(t, db, "pg-dropped-index", `{"index":"orders_customer","connection":{"database":"shop","user":"boss","password":"boss-secret"}}`, 2*time.Second, func() bool {
		return db.sql(t, "SELECT to_regclass('orders_customer') IS NOT NULL AND to_regnamespace('faultlab') IS NULL") == "t"
	})
}

// keepersOf are the processes that an agent has started.
func keepersOf(t *testing.T, a *testAgent) []string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(a.cmd.Process.Pid) + "/task/*/children")
	must(t, err)
	var out []string
	for _, file := range tasks {
		children, _ := os.ReadFile(file)
		out = append(out, strings.Fields(string(children))...)
	}
	if len(out) == 0 {
		t.Fatal("the agent has no keeper")
	}
	return out
}

// killedWithKeeper ends the agent and its keeper in one go, as a power cut would.
func killedWithKeeper(t *testing.T, a *testAgent) {
	t.Helper()
	keepers := keepersOf(t, a)
	must(t, a.cmd.Process.Signal(syscall.SIGSTOP))
	for _, k := range keepers {
		// No argument and no variable of the keeper may hold a secret.
		for _, file := range []string{"cmdline", "environ"} {
			if b, _ := os.ReadFile("/proc/" + k + "/" + file); strings.Contains(string(b), "-secret") {
				t.Errorf("a secret in %s of the keeper", file)
			}
		}
		must(t, exec.Command("kill", "-9", k).Run())
	}
	must(t, a.cmd.Process.Kill())
	a.cmd.Wait()
}

// What a keeper could not put back is put back by the next agent that comes: by its
// sweep, or before its own injection.
func TestSweep(t *testing.T) {
	db := theDB(t)
	back := func() bool {
		return db.sql(t, "SELECT to_regclass('orders_lower') IS NOT NULL AND to_regnamespace('faultlab') IS NULL") == "t"
	}
	a := startAgent(t)
	a.put(t, db, "pg-dropped-index", `{"index":"orders_lower",`+inShop+`}`)
	a.put(t, db, "pg-stale-statistics", `{"table":"items",`+inShop+`}`)
	if strings.Contains(db.sql(t, "SELECT encode(undo, 'escape') FROM faultlab.kept"), "orders_lower") {
		t.Error("the answer can be read in the database")
	}
	killedWithKeeper(t, a)
	if back() {
		t.Fatal("it is back without a sweep; the sweep is not tested")
	}
	b := startAgent(t)
	removed, err := b.Sweep(t.Context(), db.pid)
	if err != nil || len(removed) != 2 || !back() || rows(t, db, "SELECT * FROM items") < 50000 {
		t.Errorf("sweep: %q, %v", removed, err)
	}
	if removed, err := b.Sweep(t.Context(), db.pid); err != nil || len(removed) != 0 {
		t.Errorf("a second sweep: %q, %v", removed, err)
	}

	b.put(t, db, "pg-dropped-index", `{"index":"orders_lower",`+inShop+`}`)
	killedWithKeeper(t, b)
	c := startAgent(t)
	e := c.put(t, db, "pg-dropped-index", `{"index":"orders_customer",`+inShop+`}`)
	if db.sql(t, "SELECT to_regclass('orders_lower') IS NOT NULL") != "t" {
		t.Error("the next injection did not put it back")
	}
	// What a living agent holds is not swept.
	if removed, _ := c.Sweep(t.Context(), db.pid); len(removed) != 0 || db.sql(t, "SELECT to_regclass('orders_customer') IS NULL") != "t" {
		t.Errorf("swept from a living agent: %q", removed)
	}
	c.take(t, e.ID)
}

// The end of the agent's input reverts, and a time to live ends.
func TestEndOfInput(t *testing.T) {
	db := theDB(t)
	a := startAgent(t)
	a.put(t, db, "pg-dropped-index", `{"index":"orders_customer",`+inShop+`}`)
	a.put(t, db, "pg-lock", `{"table":"orders",`+inShop+`}`)
	a.Close()
	a.cmd.Wait()
	if stopped(t, db, "SELECT FROM orders LIMIT 1") || db.sql(t, "SELECT to_regclass('orders_customer') IS NOT NULL") != "t" {
		t.Error("something is left")
	}
}
