// Package database carries faults into PostgreSQL and Redis.
//
// The agent speaks with the server as a client, from the target's own network
// namespace. What goes with a connection (a lock, connections that are held, a
// pause) needs no more: the kernel closes the agent's sockets when it dies. The
// rest is written down before it happens, twice: with the keeper, and in the
// server itself, together with the change, so that a later injection or sweep puts
// it back even when the whole machine went down in between.
//
// A slow statement changes nothing in the server: see package trap. A policy with a
// function that sleeps would not slow superusers, would change the plans of all
// statements on the table and make COPY fail; a proxy in front of the port would see no
// session that is open already and nothing over TLS, and the server would not show the
// statement as active.
package database

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/trap"
)

// Carry gives the carrier of an order for a fault in a database, and nil for others.
// What slow statements stop is in holds, one for all of an agent.
func Carry(o carrier.Order, holds *trap.Holds) (carrier.Carrier, error) {
	at := func(c faults.Connection) base {
		return base{server: server{pid: o.Target.PID, connection: c, inNetwork: o.Target.InNetwork}, keeper: o.Keeper, probes: new(atomic.Uint64)}
	}
	switch f := o.Fault.(type) {
	case faults.PgDroppedIndex:
		return &index{written: written{base: at(f.Connection)}, fault: f}, nil
	case faults.PgLock:
		return &lock{base: at(f.Connection), fault: f}, nil
	case faults.PgConnections:
		return &connections{base: at(f.Connection), fault: f}, nil
	case faults.PgSlowStatement:
		return slow(at(f.Connection), f, o.Seed, holds), nil
	case faults.PgStaleStatistics:
		return &statistics{written: written{base: at(f.Connection)}, fault: f}, nil
	case faults.PgReplicaLag:
		return &replica{written: written{base: at(f.Connection)}, fault: f}, nil
	case faults.RedisPause:
		return &pause{base: at(f.Connection), fault: f}, nil
	case faults.RedisMemory:
		return &memory{written: written{base: at(f.Connection)}, fault: f}, nil
	}
	return nil, nil
}

// base is what all carriers here have.
type base struct {
	carrier.Seen
	server
	keeper carrier.Keeper
	probes *atomic.Uint64 // what is counted as hit
}

func (b *base) Packets() carrier.Packets { return carrier.Packets{Hit: b.probes.Load()} }

// dropTime is how long taking a fault away without proof may last.
const dropTime = 10 * time.Second

// dropping gives Drop a time of its own.
func dropping() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), dropTime)
}

// until asks again and again, a moment apart, until the answer is yes or the time is over.
func until(ctx context.Context, within time.Duration, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := ask(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return carrier.Errorf(carrier.Unproved, "not seen within %s", within)
		case <-tick.C:
		}
	}
}

// code is the SQLSTATE of an error, or "".
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// SQLSTATEs that mean something here.
const (
	lockNotAvailable   = "55P03"
	tooManyConnections = "53300"
	privilege          = "42501"
)

// explain puts a remedy to errors of the server that have one.
func explain(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case code(err) == lockNotAvailable:
		return &carrier.Error{Code: carrier.Failed, Message: fmt.Sprintf("%s: somebody holds a lock on the table: %v", doing, err),
			Remedy: "end that transaction (pg_locks, pg_blocking_pids), or the lock fault, and try again"}
	case code(err) == privilege:
		return &carrier.Error{Code: carrier.Refused, Message: fmt.Sprintf("%s: %v", doing, err), Remedy: "give connection.user a superuser"}
	}
	var e *carrier.Error
	if errors.As(err, &e) {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// refusal is what the server said.
func refusal(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Severity + ": " + e.Message
	}
	return err.Error()
}

// relation is a table or index of PostgreSQL as the catalogue has it.
type relation struct {
	oid  uint32
	name string // qualified and quoted
	kind string // as in pg_class.relkind
}

// find resolves a name as the session does.
func find(ctx context.Context, c *pgx.Conn, what, name string) (relation, error) {
	r := relation{}
	err := c.QueryRow(ctx, `SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind::text
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid = to_regclass($1) AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`, name).Scan(&r.oid, &r.name, &r.kind)
	if errors.Is(err, pgx.ErrNoRows) || code(err) == "42602" || code(err) == "42601" {
		return r, &carrier.Error{Code: carrier.BadRequest, Message: fmt.Sprintf("there is no %s %q in database %q", what, name, c.Config().Database),
			Remedy: "connection.database chooses the database; a name may have its schema before it, as in shop.orders"}
	}
	if err != nil {
		return r, fmt.Errorf("look for %s %q: %w", what, name, err)
	}
	return r, nil
}

// findTable is find for what holds rows.
func findTable(ctx context.Context, c *pgx.Conn, name, kinds string) (relation, error) {
	r, err := find(ctx, c, "table", name)
	if err != nil {
		return r, err
	}
	for _, k := range kinds {
		if r.kind == string(k) {
			return r, nil
		}
	}
	return r, carrier.Errorf(carrier.BadRequest, "%s is not a table that this fault can take (relkind %s)", r.name, r.kind)
}
