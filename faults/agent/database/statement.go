package database

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/trap"
)

// statement carries faults.PgSlowStatement: the server's processes are stopped where
// they begin to execute a statement. The database itself is left alone.
type statement struct {
	base
	fault   faults.PgSlowStatement
	seed    uint64
	holds   *trap.Holds
	trap    atomic.Pointer[trap.Trap]
	release func()
	before  time.Duration
}

// slow is the carrier of an order for a slow statement.
func slow(b base, f faults.PgSlowStatement, seed uint64, holds *trap.Holds) *statement {
	if f.Seed != 0 {
		seed = f.Seed
	}
	if seed == 0 && f.Share() < 1 {
		seed = rand.Uint64N(1<<53-1) + 1 // survives any JSON reader
	}
	return &statement{base: b, fault: f, seed: seed, holds: holds}
}

// The server's function that executes a statement, standard_ExecutorRun(QueryDesc *, ...),
// two members of a QueryDesc, at the same places in PostgreSQL 13 to 18 on machines of
// 64 bits (sourceText and already_executed), and the variable of statement_timeout.
const (
	execute         = "standard_ExecutorRun"
	sourceText      = 16
	alreadyExecuted = 96
	timeout         = "StatementTimeout"
)

// matching is a statement that the fault concerns and that does nothing.
func (f *statement) matching() string { return "SELECT 1 /* " + trap.Text(f.fault.Statement) + " */" }

// other is a statement that the fault does not concern, "" if there is none.
func (f *statement) other() (string, error) {
	for _, s := range []string{"SELECT 1", "VALUES (2)", "TABLE pg_am"} {
		if hit, err := trap.Match(f.fault.Statement, s); err != nil || !hit {
			return s, err
		}
	}
	return "", nil
}

func (f *statement) Place(ctx context.Context) (carrier.Placed, error) {
	c, err := f.postgres(ctx, application)
	if err != nil {
		return carrier.Placed{}, err
	}
	defer c.Close(ctx)
	where, err := f.where(ctx, c)
	if err != nil {
		return carrier.Placed{}, err
	}
	f.holds.Release(where.PID) // what a dead agent left
	other, err := f.other()
	if err != nil {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "statement: %v", err)
	}
	if f.before, err = quickest(ctx, c, f.matching(), 5); err != nil {
		return carrier.Placed{}, err
	}
	server, err := trap.Family(where.PID)
	if err != nil {
		return carrier.Placed{}, err
	}
	if f.release, err = f.keeper.Keep(trap.ResumeAct, server); err != nil {
		return carrier.Placed{}, err
	}
	t, err := trap.Set(where, trap.What{Pattern: f.fault.Statement, Delay: f.fault.Delay, Share: f.fault.Share(), Seed: f.seed}, f.holds)
	if err != nil {
		return carrier.Placed{}, err
	}
	f.trap.Store(t)
	m, err := f.prove(ctx, c, other)
	if err != nil {
		return carrier.Placed{}, err
	}
	if err := t.Proved(); err != nil {
		return carrier.Placed{}, fmt.Errorf("end the proof: %w", err)
	}
	p := carrier.Placed{Backend: "uprobe", Measured: m}
	if f.fault.Share() < 1 {
		p.Seed = f.seed
	}
	return p, nil
}

// where finds the session's own process, and what all those of the database have in common.
func (s server) where(ctx context.Context, c *pgx.Conn) (trap.Where, error) {
	var started int64
	var database uint32
	// The server counts microseconds from the year 2000.
	err := c.QueryRow(ctx, `SELECT round((extract(epoch FROM pg_postmaster_start_time()) - 946684800) * 1000000)::bigint, oid
		FROM pg_database WHERE datname = current_database()`).Scan(&started, &database)
	if err != nil {
		return trap.Where{}, fmt.Errorf("ask when the server was started: %w", err)
	}
	pid, err := s.process(int(c.PgConn().PID()), uint64(started))
	if err != nil {
		return trap.Where{}, err
	}
	return trap.Where{PID: pid, Function: execute, Text: sourceText, Unless: alreadyExecuted, Limit: timeout, Always: pid,
		Only: map[string]uint64{"PgStartTime": uint64(started), "MyDatabaseId": uint64(database), "ParallelWorkerNumber": 1<<32 - 1}}, nil
}

// took is how long a statement takes as a client sees it.
func took(ctx context.Context, c *pgx.Conn, sql string) (time.Duration, error) {
	begun := time.Now()
	_, err := c.PgConn().Exec(ctx, sql).ReadAll()
	return time.Since(begun), err
}

// quickest of several runs: what the server needs.
func quickest(ctx context.Context, c *pgx.Conn, sql string, runs int) (time.Duration, error) {
	var all []time.Duration
	for range runs {
		d, err := took(ctx, c, sql)
		if err != nil {
			return 0, fmt.Errorf("run %.60q: %w", sql, err)
		}
		all = append(all, d)
	}
	return slices.Min(all), nil
}

// late is what a busy machine may add to a delay.
const late = 30 * time.Millisecond

// prove runs a statement that is concerned, and one that is not.
func (f *statement) prove(ctx context.Context, c *pgx.Conn, other string) (*carrier.Measurement, error) {
	var slow time.Duration
	var err error
	for range 3 {
		if slow, err = took(ctx, c, f.matching()); err != nil {
			return nil, fmt.Errorf("run a statement that is concerned: %w", err)
		}
		if slow < f.fault.Delay*19/20 {
			return nil, carrier.Errorf(carrier.Unproved, "effect not seen: a statement with the text took %s, before %s", slow, f.before)
		}
		if slow < f.fault.Delay*11/10+f.before+late {
			break
		}
	}
	if slow >= f.fault.Delay*11/10+f.before+late {
		return nil, carrier.Errorf(carrier.Unproved, "a statement with the text took %s; want %s more than %s", slow, f.fault.Delay, f.before)
	}
	saw, probes := "every statement has the text", 1
	if other != "" {
		d, err := quickest(ctx, c, other, 3)
		if err != nil {
			return nil, err
		}
		if d > f.before+f.fault.Delay/2 {
			return nil, carrier.Errorf(carrier.Unproved, "a statement without the text took %s as well", d)
		}
		saw, probes = fmt.Sprintf("one without it %.2f ms", carrier.Milliseconds(d)), 4
	}
	return &carrier.Measurement{Method: "statement", Address: "postgresql", Probes: probes,
		BeforeMS: carrier.Milliseconds(f.before), AfterMS: carrier.Milliseconds(slow), AddedMS: carrier.Milliseconds(slow - f.before),
		Saw: fmt.Sprintf("a statement with the text took %.2f ms, before %.2f ms; %s", carrier.Milliseconds(slow), carrier.Milliseconds(f.before), saw)}, nil
}

// Take takes the trap away and runs a statement again.
func (f *statement) Take(ctx context.Context) error {
	if f.release == nil {
		return nil
	}
	if err := f.Drop(); err != nil {
		return err
	}
	c, err := f.postgres(ctx, application)
	if err != nil {
		return noProbe(err)
	}
	defer c.Close(ctx)
	d, err := quickest(ctx, c, f.matching(), 5)
	if err != nil {
		return noProbe(err)
	}
	if d > f.before+f.fault.Delay/2 {
		return carrier.Errorf(carrier.Unproved, "effect still seen: a statement with the text took %s", d)
	}
	f.See(&carrier.Measurement{Method: "statement", Address: "postgresql", Probes: 5,
		BeforeMS: carrier.Milliseconds(f.before), AfterMS: carrier.Milliseconds(d), AddedMS: carrier.Milliseconds(d - f.before)})
	return nil
}

func (f *statement) Drop() error {
	if t := f.trap.Load(); t != nil {
		if err := t.Close(); err != nil {
			return fmt.Errorf("take the breakpoint away: %w", err)
		}
	}
	if f.release != nil {
		f.release()
		f.release = nil
	}
	return nil
}

// Packets counts statements.
func (f *statement) Packets() carrier.Packets {
	t := f.trap.Load()
	if t == nil {
		return carrier.Packets{}
	}
	n := t.Counts()
	return carrier.Packets{Hit: n.Hit, Delayed: n.Stopped}
}
