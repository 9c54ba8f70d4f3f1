package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/grade"
	shop "faultlab/targets/shop/api"
)

// booksSQL gives a line of JSON for every order.
const booksSQL = `SELECT json_build_object('key', key, 'state', state, 'tenant', tenant, 'total_cents', total_cents,
	'lines', (SELECT json_agg(json_build_object('product_id', product_id, 'quantity', quantity)) FROM order_lines WHERE order_id = o.id),
	'shipped', (SELECT count(*) FROM shipments WHERE order_id = o.id)) FROM orders o`

// Books reads the orders of users so far, the shop's database and the partners' journals.
func (w world) Books(ctx context.Context) (grade.Books, error) {
	b := grade.Books{Placed: w.rec.Orders(time.Time{}, w.now()), Booked: map[string]*grade.Booked{}}
	orders, err := w.read(ctx, "db", "psql", "-U", "postgres", "-d", "shop", "-XAtqc", booksSQL)
	if err != nil {
		return b, err
	}
	if err := eachLine(orders, func(o struct {
		Key string `json:"key"`
		grade.Booked
	}) {
		b.Booked[o.Key] = &o.Booked
	}); err != nil {
		return b, fmt.Errorf("read the orders: %w", err)
	}
	for _, p := range partners {
		charges, err := w.charges(ctx, p.part)
		if err != nil {
			return b, err
		}
		for _, c := range charges {
			if b.Booked[c.Key] == nil {
				b.Booked[c.Key] = &grade.Booked{}
			}
			b.Booked[c.Key].Charges = append(b.Booked[c.Key].Charges, c.AmountCents)
		}
	}
	return b, nil
}

// charges are those that a partner has made, by its journal.
func (w world) charges(ctx context.Context, part string) ([]shop.Charge, error) {
	journal, err := w.inside(ctx, Name(w.cfg.ID, part), "cat", "/tmp/charges")
	if err != nil {
		return nil, err
	}
	var out []shop.Charge
	// A line that is being written is of a charge that nobody was told of yet.
	if err := eachLine(journal[:strings.LastIndexByte(journal, '\n')+1], func(c shop.Charge) {
		if c.State == shop.Approved {
			out = append(out, c)
		}
	}); err != nil {
		return nil, fmt.Errorf("read the journal of %s: %w", part, err)
	}
	return out, nil
}

// read runs a command in a running container of a service and gives what it printed.
func (w world) read(ctx context.Context, service string, args ...string) (string, error) {
	all, err := w.services(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range all[service] {
		if c.Running() {
			return w.inside(ctx, c.ID, args...)
		}
	}
	return "", errors.New(service + " does not run")
}

func (w world) inside(ctx context.Context, container string, args ...string) (string, error) {
	r, err := w.eng.Exec(ctx, container, engine.Command{Args: args})
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("%s ended with exit code %d: %s", args[0], r.Code, strings.TrimSpace(r.Stderr))
	}
	return r.Stdout, err
}

// eachLine decodes text, which is JSON values one after the other.
func eachLine[T any](text string, do func(T)) error {
	for d := json.NewDecoder(strings.NewReader(text)); d.More(); {
		var v T
		if err := d.Decode(&v); err != nil {
			return err
		}
		do(v)
	}
	return nil
}
