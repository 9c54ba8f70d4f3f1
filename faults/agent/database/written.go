package database

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// written is the part of a carrier whose change of a server is written down there
// and with the keeper.
type written struct {
	base
	undo    *undo // nil: nothing is changed
	release func()
}

// promise has the keeper put back what u says if this agent dies, and comes before c
// changes it.
func (w *written) promise(ctx context.Context, c *pgx.Conn, u undo, what string) (err error) {
	if w.release, err = w.keep(ctx, c, u.ID, what); err != nil {
		return err
	}
	w.undo = &u
	return nil
}

// back puts back what was changed, and releases the keeper.
func (w *written) back(ctx context.Context, c *pgx.Conn) error {
	if err := putBack(ctx, c, *w.undo); err != nil {
		return explain(w.undo.String(), err)
	}
	w.done()
	return nil
}

// Drop implements [carrier.Carrier]. Where there is no session to be had, what is
// written down, and the keeper, will do it.
func (w *written) Drop() error {
	if w.undo == nil {
		return nil
	}
	limit := dropTime
	if w.undo.Index != nil {
		limit = restoreTime
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := w.postgres(ctx, application)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	return w.back(ctx, c)
}

func (w *written) done() {
	w.undo = nil
	if w.release != nil {
		w.release()
		w.release = nil
	}
}
