package database

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// connections carries faults.PgConnections: sessions that do nothing.
type connections struct {
	base
	fault faults.PgConnections

	mu   sync.Mutex
	held []*pgx.Conn
	stop context.CancelFunc
	over sync.WaitGroup
}

// refillEvery is how often connections that others gave up are looked for.
const refillEvery = 300 * time.Millisecond

// slots counts what ordinary users may still open, and what only others may.
func slots(ctx context.Context, c *pgx.Conn) (free, reserve int, err error) {
	var super, sees bool
	err = c.QueryRow(ctx, `SELECT current_setting('max_connections')::int - r - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), r,
			current_setting('is_superuser')::bool, pg_has_role('pg_read_all_stats', 'USAGE')
		FROM (SELECT current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true)::int, 0) AS r) AS r`).
		Scan(&free, &reserve, &super, &sees)
	if err == nil && !super && !sees {
		err = &carrier.Error{Code: carrier.Refused, Message: "the role may not count the sessions of others", Remedy: "grant it pg_monitor, or use a superuser"}
	}
	if !super {
		reserve = 0 // not for us
	}
	return free, reserve, err
}

func (f *connections) Place(ctx context.Context) (carrier.Placed, error) {
	start := time.Now()
	if err := f.open(ctx); err != nil {
		return carrier.Placed{}, err
	}
	before := time.Since(start)
	free, reserve, err := slots(ctx, f.held[0])
	if err != nil {
		return carrier.Placed{}, err
	}
	if free+1 <= f.fault.Left {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "left is %d; only %d connections are free", f.fault.Left, free+1)
	}
	if err := f.refill(ctx); err != nil {
		return carrier.Placed{}, err
	}
	said, opened := "", 0
	for range 3 {
		if opened, said, err = f.probe(ctx, f.fault.Left+reserve+1); err != nil {
			return carrier.Placed{}, err
		}
		if said != "" {
			break
		}
		// Somebody else has left meanwhile.
		if err := f.refill(ctx); err != nil {
			return carrier.Placed{}, err
		}
	}
	if said == "" {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "with %d connections held, %d more could be opened; want %d", len(f.held), opened, f.fault.Left+reserve)
	}
	life, stop := context.WithCancel(context.Background())
	f.stop = stop
	f.over.Go(func() { f.keepFull(life) })
	return carrier.Placed{Backend: "postgresql", Measured: &carrier.Measurement{
		Method: "connect", Address: "postgresql", Probes: opened + 1, Lost: 1, BeforeMS: carrier.Milliseconds(before),
		LossPercent: 100 / float64(opened+1), LossBand: [2]float64{0, 100},
		Saw: fmt.Sprintf("%d connections are held, %d were free before; %d more could be opened (%d of them for superusers only), and the next was refused: %s",
			f.count(), free+1, opened, min(opened, reserve), said),
	}}, nil
}

func (f *connections) open(ctx context.Context) error {
	c, err := f.postgres(ctx, cmp.Or(f.fault.Application, application))
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = append(f.held, c)
	f.probes.Store(uint64(len(f.held)))
	return nil
}

func (f *connections) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.held)
}

// refill takes connections until as many are left as were asked for. The first one
// held counts them.
func (f *connections) refill(ctx context.Context) error {
	for {
		free, _, err := slots(ctx, f.held[0])
		if err != nil || free <= f.fault.Left {
			return err
		}
		for range free - f.fault.Left {
			switch err := f.open(ctx); {
			case code(err) == tooManyConnections:
				return nil // others were faster
			case err != nil:
				return err
			}
		}
	}
}

// keepFull takes what others give up, as a program that leaks would.
func (f *connections) keepFull(ctx context.Context) {
	tick := time.NewTicker(refillEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if f.refill(ctx) != nil && f.held[0].IsClosed() {
				return // an administrator ended our sessions, or the server is down
			}
		}
	}
}

// probe opens up to limit connections, closes them again, and tells how many it got
// and what the server said to the one that it refused.
func (f *connections) probe(ctx context.Context, limit int) (opened int, said string, err error) {
	var more []*pgx.Conn
	defer func() {
		closeAll(more)
		for _, c := range more {
			err = cmp.Or(err, sessionsGone(ctx, f.held[0], []uint32{c.PgConn().PID()}))
		}
	}()
	for range limit {
		c, err := f.postgres(ctx, application)
		if code(err) == tooManyConnections {
			return len(more), refusal(err), nil
		}
		if err != nil {
			return len(more), "", err
		}
		more = append(more, c)
	}
	return len(more), "", nil
}

// Take closes what is held and finds the connections free again.
func (f *connections) Take(ctx context.Context) error {
	f.mu.Lock()
	var pids []uint32
	for _, c := range f.held {
		pids = append(pids, c.PgConn().PID())
	}
	f.mu.Unlock()
	if err := f.Drop(); err != nil {
		return err
	}
	var look *pgx.Conn
	err := until(ctx, 5*time.Second, func() (bool, error) {
		var err error
		look, err = f.postgres(ctx, application)
		if code(err) == tooManyConnections {
			return false, nil // those of ours are ending
		}
		return err == nil, err
	})
	if err != nil {
		return noProbe(err)
	}
	defer look.Close(ctx)
	if err = sessionsGone(ctx, look, pids); err == nil {
		f.See(&carrier.Measurement{Method: "connect", Address: "postgresql", Probes: 1, Saw: fmt.Sprintf("a connection was opened; none of the %d held is left", len(pids))})
	}
	return err
}

func (f *connections) Drop() error {
	if f.stop != nil {
		f.stop()
		f.over.Wait()
		f.stop = nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	closeAll(f.held)
	f.held = nil
	return nil
}

func closeAll(list []*pgx.Conn) {
	for _, c := range list {
		hangUp(c)
	}
}
