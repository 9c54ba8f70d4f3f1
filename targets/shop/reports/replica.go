package reports

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"faultlab/targets/shop/service"
)

// ReplicaConfig says where orders are read, so that reading many of them is no load for
// those who make them.
type ReplicaConfig struct {
	Host string        `yaml:"host"` // of a replica, whose other settings are the database's; default empty: orders are read from the database
	Port int           `yaml:"port"` // default 5432
	Wait time.Duration `yaml:"wait"` // for it to show what the database has, before orders are read there after all; 0 to 1m, default 5s
}

// errBehind says that the replica does not show what the database has.
var errBehind = errors.New("the replica is behind")

const resetSQL = `-- name: reset
SELECT set_config('application_name', $1, false)`

// The run was put on record in the database: who shows it has every earlier order too.
const shownSQL = `-- name: shown
SELECT EXISTS (SELECT FROM report_runs WHERE id = $1)`

// openReplica makes a pool of the one connection that a run needs.
func openReplica(ctx context.Context, c Config) (*service.Database, error) {
	at := c.Database
	at.Host, at.Port, at.Pool = c.Replica.Host, c.Replica.Port, 1
	return service.OpenDatabase(ctx, at, Name)
}

// useReplica has the turn read orders from the replica, once that shows the run. After
// an error it reads them from the database.
func (t *turn) useReplica(ctx context.Context, c Config) error {
	connecting, cancel := context.WithTimeout(ctx, c.Database.ConnectTimeout)
	defer cancel()
	conn, err := t.store.replica.Acquire(connecting)
	if err != nil {
		return fmt.Errorf("connect to the replica: %w", err)
	}
	if err := t.shown(ctx, conn, c); err != nil {
		giveBack(ctx, conn)
		return err
	}
	t.orders = conn
	return nil
}

// shown waits until the run is seen by a connection.
func (t *turn) shown(ctx context.Context, conn *pgxpool.Conn, c Config) error {
	ctx, cancel := context.WithTimeout(ctx, c.Replica.Wait+c.Database.QueryTimeout)
	defer cancel()
	_, err := conn.Exec(ctx, sessionSQL, strconv.FormatInt(c.StatementTimeout.Milliseconds(), 10), t.store.pool.Application(ctx))
	for began := time.Now(); err == nil; err = pause(ctx, 100*time.Millisecond) {
		var there bool
		if err = conn.QueryRow(ctx, shownSQL, t.run).Scan(&there); err != nil || there {
			break
		}
		if time.Since(began) >= c.Replica.Wait {
			return errBehind
		}
	}
	if err != nil {
		return fmt.Errorf("ask the replica: %w", err)
	}
	return nil
}

// giveBack lets a connection of the replica's go, for good if it does not answer.
func giveBack(ctx context.Context, conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, resetSQL, Name); err != nil {
		_ = conn.Conn().Close(ctx)
	}
	conn.Release()
}
