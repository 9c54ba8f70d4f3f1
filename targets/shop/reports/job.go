package reports

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"

	"faultlab/targets/shop/service"
)

// report makes one report, from reading to writing, and puts it on record. It gives the
// number of rows written.
func (r *reports) report(ctx context.Context) (rows int, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Limit)
	defer cancel()
	turn, err := r.store.begin(ctx, r.config.StatementTimeout)
	if err != nil {
		return 0, err
	}
	defer func() {
		err = errors.Join(err, turn.end(context.WithoutCancel(ctx), rows, err))
	}()
	if r.store.replica != nil {
		if err := turn.useReplica(ctx, r.config); err != nil {
			r.fallbacks.Inc()
			r.Log.WarnContext(ctx, "orders are read from the database", "err", err.Error())
		}
	}
	since := time.Time{}
	if r.config.Days > 0 {
		since = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-r.config.Days)
	}
	t, err := r.read(ctx, turn, since)
	if err != nil {
		return 0, err
	}
	rows, err = turn.write(ctx, since, t, r.config.Top)
	if err == nil && r.features.featured {
		err = r.feature(ctx, turn, t)
	}
	return rows, err
}

// read sums up the orders since a time, the newest first, chunk by chunk.
func (r *reports) read(ctx context.Context, turn *turn, since time.Time) (*totals, error) {
	high, err := turn.highest(ctx)
	if err != nil {
		return nil, err
	}
	t := newTotals()
	for high > 0 {
		low := int64(0)
		if r.config.Chunk.Size > 0 {
			low = max(0, high-int64(r.config.Chunk.Size))
		}
		newest, err := r.chunk(ctx, turn, t, low, high, since)
		if err != nil {
			return nil, err
		}
		// Ids are given when an order is begun, so they are in the order of time but for
		// those that were begun together.
		if !newest.IsZero() && newest.Before(since.Add(-time.Minute)) {
			break
		}
		if high = low; high == 0 {
			break
		}
		if err := pause(ctx, r.config.Chunk.Pause); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// chunk sums up the orders with ids above low and up to high. It tells when the newest
// of them was made; zero: there is none.
func (r *reports) chunk(ctx context.Context, turn *turn, t *totals, low, high int64, since time.Time) (newest time.Time, err error) {
	ctx, end := service.Step(ctx, "chunk", attribute.Int64("from", low+1), attribute.Int64("to", high))
	defer func() { end(err) }()
	for attempt := 0; ; attempt++ {
		part := newTotals()
		newest, err = turn.read(ctx, part, low, high, since)
		if err == nil {
			r.chunks.Inc()
			t.add(part)
			return newest, nil
		}
		if !passes(err) || attempt == r.config.Chunk.Retries {
			return newest, fmt.Errorf("orders %d to %d: %w", low+1, high, err)
		}
		r.retries.Inc()
		if err := pause(ctx, r.config.Chunk.Pause+100*time.Millisecond); err != nil {
			return newest, err
		}
	}
}

// passes says that what failed may go well a moment later: it took too long, or waited
// for somebody who waited for it.
func passes(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case "57014", "55P03", "40001", "40P01": // statement timeout, lock timeout, serialization, deadlock
		return true
	}
	return false
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
