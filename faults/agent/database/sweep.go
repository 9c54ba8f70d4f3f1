package database

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/faults"
	"faultlab/faults/agent/trap"
)

// Sweep puts back what dead agents left in the PostgreSQL servers of a target, as far
// as they let their owner in without a password, and says what it was. The rest, and
// Redis, wait for the next injection into that database.
func Sweep(pid int, inNetwork func(f func() error) error) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var done []string
	for _, port := range sockets(pid) {
		more, err := sweep(ctx, server{pid: pid, connection: faults.Connection{Port: port}, inNetwork: inNetwork})
		done = append(done, more...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func sweep(ctx context.Context, s server) (done []string, err error) {
	c, err := s.postgres(ctx, application)
	if err != nil {
		return nil, nil // it does not let us in; what is there stays for who has a password
	}
	defer c.Close(ctx)
	if w, err := s.where(ctx, c); err == nil {
		if n := new(trap.Holds).Release(w.PID); n > 0 {
			done = append(done, fmt.Sprintf("let %d stopped processes of PostgreSQL go on", n))
		}
	}
	if u, err := keptReplay(ctx, c); err == nil && u != nil && u.stale() {
		if err := restoreReplay(ctx, c, undo.stale); err != nil {
			return done, explain("put back what a dead agent left", err)
		}
		done = append(done, u.String())
	}
	rows, err := c.Query(ctx, "SELECT datname FROM pg_database WHERE datallowconn AND NOT pg_is_in_recovery() ORDER BY 1")
	if err != nil {
		return done, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return done, err
	}
	for _, name := range names {
		s.connection.Database = name
		d, err := s.postgres(ctx, application)
		if err != nil {
			continue
		}
		more, err := putBackStale(ctx, d)
		d.Close(ctx)
		done = append(done, more...)
		if err != nil {
			return done, explain("put back what a dead agent left", err)
		}
	}
	return done, nil
}
