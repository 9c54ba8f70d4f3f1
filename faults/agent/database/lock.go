package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// blocked says for each lock the weakest one that has to wait for it, and who asks for that.
var blocked = map[string]struct{ mode, who string }{
	"access-share":           {"ACCESS EXCLUSIVE", "ALTER TABLE"},
	"row-share":              {"EXCLUSIVE", "REFRESH MATERIALIZED VIEW CONCURRENTLY"},
	"row-exclusive":          {"SHARE", "CREATE INDEX"},
	"share-update-exclusive": {"SHARE UPDATE EXCLUSIVE", "VACUUM"},
	"share":                  {"ROW EXCLUSIVE", "a write"},
	"share-row-exclusive":    {"ROW EXCLUSIVE", "a write"},
	"exclusive":              {"ROW SHARE", "SELECT FOR UPDATE"},
	"access-exclusive":       {"ACCESS SHARE", "a read"},
}

// lock carries faults.PgLock: a session with an open transaction.
type lock struct {
	base
	fault faults.PgLock
	table relation
	held  *pgx.Conn
	pid   uint32 // of the session that holds it
}

func (l *lock) Place(ctx context.Context) (carrier.Placed, error) {
	mode := cmp.Or(l.fault.Mode, "access-exclusive")
	look, err := l.postgres(ctx, application)
	if err != nil {
		return carrier.Placed{}, err
	}
	defer look.Close(ctx)
	if l.table, err = findTable(ctx, look, l.fault.Table, "rp"); err != nil {
		return carrier.Placed{}, err
	}
	if l.held, err = l.postgres(ctx, cmp.Or(l.fault.Application, application)); err != nil {
		return carrier.Placed{}, err
	}
	l.pid = l.held.PgConn().PID()
	if _, err := l.held.Exec(ctx, "BEGIN"); err != nil {
		return carrier.Placed{}, fmt.Errorf("begin a transaction: %w", err)
	}
	took := time.Now()
	if _, err := l.held.Exec(ctx, "LOCK TABLE "+l.table.name+" IN "+strings.ToUpper(strings.ReplaceAll(mode, "-", " "))+" MODE"); err != nil {
		return carrier.Placed{}, explain("lock "+l.table.name, err)
	}
	before := time.Since(took)
	waited, by, err := l.try(ctx, look, mode)
	if err != nil {
		return carrier.Placed{}, err
	}
	if !by {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "nothing waits for the lock on %s", l.table.name)
	}
	l.probes.Add(1)
	return carrier.Placed{Backend: "postgresql", Measured: &carrier.Measurement{
		Method: "sql", Address: l.table.name, Probes: 1, Lost: 1, LossPercent: 100, LossBand: [2]float64{100, 100},
		BeforeMS: carrier.Milliseconds(before), AfterMS: carrier.Milliseconds(waited), AddedMS: carrier.Milliseconds(waited - before),
		Saw: fmt.Sprintf("%s of %s (%s) waited %d ms for session %d and gave up; a lock before took %.1f ms",
			blocked[mode].who, l.table.name, blocked[mode].mode, waited.Milliseconds(), l.pid, carrier.Milliseconds(before)),
	}}, nil
}

// patience is how long a probe waits for a lock. It is short: others queue up behind it.
const patience = 200 * time.Millisecond

// try asks for a lock that the fault's mode stops and tells how long it waited, and
// whether it was for our session.
func (l *lock) try(ctx context.Context, c *pgx.Conn, mode string) (waited time.Duration, ours bool, err error) {
	watch, err := l.postgres(ctx, application)
	if err != nil {
		return 0, false, err
	}
	defer watch.Close(ctx)
	done := make(chan error, 1)
	pid, start := c.PgConn().PID(), time.Now()
	go func() {
		done <- pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", patience.Milliseconds())); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "LOCK TABLE "+l.table.name+" IN "+blocked[mode].mode+" MODE")
			return err
		})
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			waited = time.Since(start)
			if code(err) == lockNotAvailable {
				err = nil
			} else if err == nil {
				ours = false // it got the lock after all
			}
			return waited, ours, err
		case <-tick.C:
			if !ours {
				// An error here shows as a lock that nobody was seen to wait for.
				_ = watch.QueryRow(ctx, "SELECT $1::int = ANY(pg_blocking_pids($2::int))", l.pid, pid).Scan(&ours)
			}
		}
	}
}

func (l *lock) Take(ctx context.Context) error {
	if err := l.Drop(); err != nil {
		return err
	}
	look, err := l.postgres(ctx, application)
	if err != nil {
		return noProbe(err)
	}
	defer look.Close(ctx)
	if err = sessionsGone(ctx, look, []uint32{l.pid}); err == nil {
		l.See(&carrier.Measurement{Method: "sql", Address: l.table.name, Probes: 1, Saw: fmt.Sprintf("session %d and its locks are gone", l.pid)})
	}
	return err
}

// Drop ends the session, and the transaction and its lock with it.
func (l *lock) Drop() error {
	if l.held != nil {
		hangUp(l.held)
		l.held = nil
	}
	return nil
}

// hangUp closes a session's socket; the server rolls back when it sees that.
func hangUp(c *pgx.Conn) {
	if conn := c.PgConn().Conn(); conn != nil {
		_ = conn.Close()
	}
}

// sessionsGone waits until the server has ended our sessions and their locks are free.
func sessionsGone(ctx context.Context, look *pgx.Conn, pids []uint32) error {
	list := make([]int32, len(pids))
	for i, p := range pids {
		list[i] = int32(p)
	}
	err := until(ctx, 5*time.Second, func() (gone bool, err error) {
		err = look.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY($1))
			AND NOT EXISTS (SELECT FROM pg_locks WHERE pid = ANY($1))`, list).Scan(&gone)
		return gone, err
	})
	if err != nil {
		return fmt.Errorf("our sessions on the server: %w", err)
	}
	return nil
}

// noProbe says that a fault is away and nobody is left to ask.
func noProbe(err error) error {
	var e *carrier.Error
	if errors.As(err, &e) {
		return carrier.Errorf(carrier.NoProbe, "the server cannot be asked: %s", e.Message)
	}
	return carrier.Errorf(carrier.NoProbe, "the server cannot be asked: %v", err)
}
