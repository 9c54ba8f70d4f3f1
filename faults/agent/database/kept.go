package database

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/faults"
)

// RestoreAct is the name of [Restore] in the agent's table of acts.
const RestoreAct = "database.restore"

// undo is what puts one thing back. It is written in the database where the thing is,
// in the transaction that takes it away.
type undo struct {
	ID     string `json:"id"`
	Holder string `json:"holder"` // identity of the agent
	Target string `json:"target"` // identity of the target's first process

	Index      *droppedIndex `json:"index,omitempty"`
	Statistics *staleTable   `json:"statistics,omitempty"`
	Replica    *heldReplay   `json:"replica,omitempty"`
	Memory     *lowMemory    `json:"memory,omitempty"`
}

// stale reports whether nobody holds the fault any more.
func (u undo) stale() bool { return !alive(u.Holder) || !alive(u.Target) }

func (b *base) newUndo(id string) undo {
	return undo{ID: id, Holder: identity(os.Getpid()), Target: identity(b.pid)}
}

// The table of what is to be put back. It is packed: who looks around in the
// database of a lab must not read there what was done to it.
const (
	keptNote  = "kept by faultlab until its faults are over"
	makeTable = `SELECT pg_advisory_xact_lock(7021845, 1);
		DO $$ BEGIN
			IF to_regnamespace('faultlab') IS NULL THEN
				CREATE SCHEMA faultlab; COMMENT ON SCHEMA faultlab IS '` + keptNote + `';
			END IF;
			CREATE TABLE IF NOT EXISTS faultlab.kept (id text PRIMARY KEY, undo bytea NOT NULL);
		END $$`
	dropTable = `DO $$ BEGIN
			IF NOT EXISTS (SELECT FROM faultlab.kept) THEN
				DROP TABLE faultlab.kept;
				IF obj_description(to_regnamespace('faultlab')::oid, 'pg_namespace') = '` + keptNote + `'
					AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('faultlab')) THEN
					DROP SCHEMA faultlab;
				END IF;
			END IF;
		END $$`
)

func pack(u undo) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(w).Encode(u); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func unpack(b []byte) (u undo, err error) {
	err = json.NewDecoder(io.LimitReader(flate.NewReader(bytes.NewReader(b)), 1<<20)).Decode(&u)
	return u, err
}

// write puts an undo into the database, in the transaction that it undoes.
func write(ctx context.Context, tx pgx.Tx, u undo) error {
	b, err := pack(u)
	if err != nil {
		return fmt.Errorf("write down what to put back: %w", err)
	}
	if _, err := tx.Exec(ctx, makeTable); err != nil {
		return fmt.Errorf("write down what to put back: %w", err)
	}
	_, err = tx.Exec(ctx, "INSERT INTO faultlab.kept VALUES ($1, $2)", u.ID, b)
	return err
}

// erase takes an undo out of the database, and the table with the last one.
func erase(ctx context.Context, tx pgx.Tx, id string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM faultlab.kept WHERE id = $1", id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, dropTable)
	return err
}

// read gives what is written in the database, after those who write have ended.
func read(ctx context.Context, c *pgx.Conn) (list []undo, err error) {
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, "SELECT pg_advisory_xact_lock(7021845, 1) IS NULL OR to_regclass('faultlab.kept') IS NOT NULL").Scan(&there); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT to_regclass('faultlab.kept') IS NOT NULL").Scan(&there); err != nil || !there {
			return err
		}
		rows, err := tx.Query(ctx, "SELECT undo FROM faultlab.kept ORDER BY id")
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		for _, b := range all {
			u, err := unpack(b)
			if err != nil {
				return fmt.Errorf("read what to put back: %w", err)
			}
			list = append(list, u)
		}
		return err
	})
	return list, err
}

// putBack does what an undo says. It may come twice.
func putBack(ctx context.Context, c *pgx.Conn, u undo) error {
	switch {
	case u.Replica != nil:
		return restoreReplay(ctx, c, func(kept undo) bool { return kept.ID == u.ID })
	case u.Index != nil:
		return u.Index.putBack(ctx, c, u.ID)
	case u.Statistics != nil:
		return u.Statistics.putBack(ctx, c, u.ID)
	}
	return nil
}

// putBackStale does what those left in a database who are dead.
func putBackStale(ctx context.Context, c *pgx.Conn) (done []string, err error) {
	list, err := read(ctx, c)
	for _, u := range list {
		if !u.stale() {
			continue
		}
		if err := putBack(ctx, c, u); err != nil {
			return done, err
		}
		done = append(done, u.String())
	}
	return done, err
}

func (u undo) String() string {
	switch {
	case u.Index != nil:
		return "put back index " + u.Index.Name
	case u.Statistics != nil:
		return "put back the statistics of " + u.Statistics.Table
	case u.Replica != nil:
		return "put back replay of the replica"
	}
	return "put back the limit of memory"
}

// promise is what a keeper gets: where, and what of it.
type promise struct {
	PID        int               `json:"pid"`
	Connection faults.Connection `json:"connection"`
	ID         string            `json:"id"`   // of the undo
	What       string            `json:"what"` // table, replica or redis
	// The session that does it, which may still be at it when the agent is dead.
	Session uint32 `json:"session,omitempty"`
	Since   string `json:"since,omitempty"`
}

// keep makes a promise for a session that is about to change something.
func (b *base) keep(ctx context.Context, c *pgx.Conn, id, what string) (release func(), err error) {
	p := promise{PID: b.pid, Connection: b.connection, ID: id, What: what}
	if c != nil {
		p.Session = c.PgConn().PID()
		if err := c.QueryRow(ctx, "SELECT backend_start::text FROM pg_stat_activity WHERE pid = $1", p.Session).Scan(&p.Since); err != nil {
			return nil, fmt.Errorf("look at our own session: %w", err)
		}
	}
	return b.keeper.Keep(RestoreAct, p)
}

// restoreTime bounds one try of the keeper's.
const restoreTime = 5 * time.Minute

// Restore is the keeper's act: it puts back what a dead agent has changed in a database.
func Restore(args json.RawMessage) error {
	var p promise
	if err := json.Unmarshal(args, &p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), restoreTime)
	defer cancel()
	b := base{server: server{pid: p.PID, connection: p.Connection, inNetwork: networkOf(p.PID)}}
	if p.What == "redis" {
		return restoreMemory(ctx, b.server, func(u undo) bool { return u.ID == p.ID })
	}
	c, err := b.postgres(ctx, application)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	err = until(ctx, time.Minute, func() (gone bool, err error) {
		err = c.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) = 0 FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2::timestamptz`,
			p.Session, p.Since).Scan(&gone)
		return gone, err
	})
	if err != nil {
		return fmt.Errorf("wait for the agent's session: %w", err)
	}
	if p.What == "replica" {
		return restoreReplay(ctx, c, func(u undo) bool { return u.ID == p.ID })
	}
	list, err := read(ctx, c)
	for _, u := range list {
		if u.ID == p.ID {
			return putBack(ctx, c, u)
		}
	}
	return err
}
