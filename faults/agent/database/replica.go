package database

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// replica carries faults.PgReplicaLag. A replica has no table to write an undo in, so
// it stands in the server's configuration, as a setting that means nothing to it.
type replica struct {
	written
	fault faults.PgReplicaLag
}

// heldReplay is how to let a replica go on.
type heldReplay struct {
	Paused bool `json:"paused,omitempty"` // by us
	// Delay is what ALTER SYSTEM had set before, if anything.
	Delay *string `json:"delay,omitempty"`
}

// keptSetting is the setting that holds the undo.
const keptSetting = "faultlab.kept"

// hold is how long a replica is watched to stand still; maxSeen the longest delay that is waited out.
const (
	hold    = 2 * time.Second
	maxSeen = 5 * time.Second
)

func (f *replica) Place(ctx context.Context) (carrier.Placed, error) {
	c, err := f.postgres(ctx, application)
	if err != nil {
		return carrier.Placed{}, err
	}
	defer c.Close(ctx)
	var standby, paused bool
	if err := c.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby); err != nil {
		return carrier.Placed{}, fmt.Errorf("ask for the server's part: %w", err)
	}
	if !standby {
		return carrier.Placed{}, &carrier.Error{Code: carrier.BadRequest, Message: "the server is not a replica", Remedy: "choose the container of a replica"}
	}
	if err := restoreReplay(ctx, c, undo.stale); err != nil {
		return carrier.Placed{}, explain("put back what a dead agent left", err)
	}
	u := f.newUndo(rand.Text())
	u.Replica = &heldReplay{Paused: f.fault.Delay == 0}
	other, err := keptReplay(ctx, c)
	if err == nil && other != nil {
		err = carrier.Errorf(carrier.Refused, "another injection delays this replica already")
	}
	if err != nil {
		return carrier.Placed{}, err
	}
	err = c.QueryRow(ctx, `SELECT pg_is_wal_replay_paused(), (SELECT setting FROM pg_file_settings
		WHERE name = 'recovery_min_apply_delay' AND sourcefile LIKE '%postgresql.auto.conf' ORDER BY seqno DESC LIMIT 1)`).Scan(&paused, &u.Replica.Delay)
	if err == nil && paused {
		err = carrier.Errorf(carrier.Refused, "somebody has paused replay on this replica already")
	}
	if err != nil {
		return carrier.Placed{}, explain("look at replay", err)
	}
	before, _, err := lag(ctx, c, maxSeen)
	if err != nil {
		return carrier.Placed{}, err
	}
	if err := f.promise(ctx, c, u, "replica"); err != nil {
		return carrier.Placed{}, err
	}
	if err := holdReplay(ctx, c, u, f.fault.Delay); err != nil {
		return carrier.Placed{}, explain("delay replay", err)
	}
	return f.prove(ctx, c, before)
}

func (f *replica) prove(ctx context.Context, c *pgx.Conn, before time.Duration) (carrier.Placed, error) {
	want, limit := f.fault.Delay, f.fault.Delay+2*time.Second
	if want == 0 || want > maxSeen {
		want, limit = hold, hold
	}
	// A commit may come in the moment before the server has read its settings.
	var seen time.Duration
	var err error
	for range 3 {
		if seen, _, err = lag(ctx, c, limit); err != nil {
			return carrier.Placed{}, err
		}
		if seen >= want*9/10 {
			break
		}
	}
	if seen < want*9/10 {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "what was received is applied after %s; want %s", seen, want)
	}
	f.probes.Add(1)
	word := "applied after"
	if seen >= limit {
		word = "not applied after"
	}
	return carrier.Placed{Backend: "postgresql", Measured: &carrier.Measurement{
		Method: "wal", Address: "replica", Probes: 1, BeforeMS: carrier.Milliseconds(before), AfterMS: carrier.Milliseconds(seen), AddedMS: carrier.Milliseconds(seen - before),
		Saw: fmt.Sprintf("what the primary wrote is %s %.1f s, before after %.0f ms", word, seen.Seconds(), carrier.Milliseconds(before)),
	}}, nil
}

// writesWithin is how long the primary may be silent while it is measured.
const writesWithin = 20 * time.Second

// lag waits for something new from the primary and measures until it is applied, up to
// a limit.
func lag(ctx context.Context, c *pgx.Conn, limit time.Duration) (time.Duration, bool, error) {
	var start, new string
	if err := c.QueryRow(ctx, "SELECT coalesce(pg_last_wal_receive_lsn(), '0/0')::text").Scan(&start); err != nil {
		return 0, false, fmt.Errorf("ask how far the replica is: %w", err)
	}
	err := until(ctx, writesWithin, func() (bool, error) {
		err := c.QueryRow(ctx, "SELECT coalesce(pg_last_wal_receive_lsn(), '0/0')::text").Scan(&new)
		return err == nil && new != start, err
	})
	if errors.Is(err, &carrier.Error{Code: carrier.Unproved}) {
		return 0, false, &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("the replica received nothing from its primary within %s", writesWithin),
			Remedy: "write something on the primary meanwhile: a lag without writes cannot be seen"}
	}
	if err != nil {
		return 0, false, err
	}
	since := time.Now()
	err = until(ctx, limit, func() (done bool, err error) {
		err = c.QueryRow(ctx, "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", new).Scan(&done)
		return done, err
	})
	if errors.Is(err, &carrier.Error{Code: carrier.Unproved}) {
		return time.Since(since), false, ctx.Err()
	}
	return time.Since(since), true, err
}

// holdReplay writes the undo down, then delays or stops replay.
func holdReplay(ctx context.Context, c *pgx.Conn, u undo, delay time.Duration) error {
	b, err := pack(u)
	if err != nil {
		return err
	}
	text := literal(base64.StdEncoding.EncodeToString(b))
	// A setting that the server does not know can be written once the session knows it.
	todo := []string{"SET " + keptSetting + " = ''", "ALTER SYSTEM SET " + keptSetting + " = " + text}
	if delay == 0 {
		todo = append(todo, "SELECT pg_wal_replay_pause()")
	} else {
		todo = append(todo, fmt.Sprintf("ALTER SYSTEM SET recovery_min_apply_delay = '%dms'", delay.Milliseconds()), "SELECT pg_reload_conf()")
	}
	return runAll(ctx, c, todo)
}

func runAll(ctx context.Context, c *pgx.Conn, statements []string) error {
	for _, s := range statements {
		if _, err := c.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// keptReplay reads the undo from the server's configuration, nil if there is none.
func keptReplay(ctx context.Context, c *pgx.Conn) (*undo, error) {
	var text string
	err := c.QueryRow(ctx, "SELECT setting FROM pg_file_settings WHERE name = '"+keptSetting+"' ORDER BY seqno DESC LIMIT 1").Scan(&text)
	if err == pgx.ErrNoRows {
		return nil, nil
	}
	var u undo
	if err == nil {
		var b []byte
		if b, err = base64.StdEncoding.DecodeString(text); err == nil {
			u, err = unpack(b)
		}
	}
	return &u, err
}

// restoreReplay lets the replica go on if what it holds is meant.
func restoreReplay(ctx context.Context, c *pgx.Conn, meant func(undo) bool) error {
	u, err := keptReplay(ctx, c)
	if err != nil || u == nil || u.Replica == nil || !meant(*u) {
		return err
	}
	var todo []string
	if u.Replica.Paused {
		todo = append(todo, "SELECT pg_wal_replay_resume() WHERE pg_is_in_recovery() AND pg_is_wal_replay_paused()")
	} else if u.Replica.Delay != nil {
		todo = append(todo, "ALTER SYSTEM SET recovery_min_apply_delay = "+literal(*u.Replica.Delay))
	} else {
		todo = append(todo, "ALTER SYSTEM RESET recovery_min_apply_delay")
	}
	return runAll(ctx, c, append(todo, "SET "+keptSetting+" = ''", "ALTER SYSTEM RESET "+keptSetting, "SELECT pg_reload_conf()"))
}

// Take lets the replica go on and waits until it has caught up.
func (f *replica) Take(ctx context.Context) error {
	if f.undo == nil {
		return nil
	}
	c, err := f.postgres(ctx, application)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	if err := f.back(ctx, c); err != nil {
		return err
	}
	var received string
	if err := c.QueryRow(ctx, "SELECT coalesce(pg_last_wal_receive_lsn(), '0/0')::text").Scan(&received); err != nil {
		return noProbe(err)
	}
	err = until(ctx, 30*time.Second, func() (caught bool, err error) {
		err = c.QueryRow(ctx, "SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= $1::text::pg_lsn", received).Scan(&caught)
		return caught, err
	})
	if err != nil {
		return fmt.Errorf("the replica catches up: %w", err)
	}
	f.See(&carrier.Measurement{Method: "wal", Address: "replica", Probes: 1, Saw: "the replica has applied all it had received, up to " + received})
	return nil
}
