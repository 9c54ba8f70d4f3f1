package shipping

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// handle makes one attempt at a message: it is done, parked, or waits for the next one.
func (s *session) handle(m message) {
	ctx, end := s.Consume(s.work, "ship order", m.trace(), attribute.String("messaging.destination.name", s.config.Queue.Stream),
		attribute.String("messaging.message.id", m.id), attribute.Int("deliveries", m.deliveries))
	end(s.attempt(ctx, m))
}

// attempt tells also what kept a message from being done, which was dealt with.
func (s *session) attempt(ctx context.Context, m message) error {
	if m.values == nil {
		s.Log.WarnContext(ctx, "message is gone from the stream", "message", m.id)
		s.finish(ctx, m)
		return nil
	}
	if most := s.config.Retry.Deliveries; most > 0 && m.deliveries > most {
		err := fmt.Errorf("given out %d times, and never done", m.deliveries)
		s.park(ctx, m, err)
		return err
	}
	began := time.Now()
	again, err := s.ship(ctx, m)
	s.seen.duration.Observe(time.Since(began).Seconds())
	switch {
	case err == nil:
		s.databaseDown.Store(false)
		if s.finish(ctx, m) {
			s.seen.handled.WithLabelValues(map[bool]string{false: "shipped", true: "again"}[again]).Inc()
			s.seen.last.SetToCurrentTime()
		}
	case !lies(err):
		s.trouble(ctx, m, err)
	default:
		s.seen.failed.WithLabelValues("message").Inc()
		if most := s.config.Retry.Attempts; most > 0 && m.deliveries >= most {
			s.park(ctx, m, err)
			return err
		}
		s.Log.WarnContext(ctx, "message cannot be handled", "message", m.id, "attempt", m.deliveries, "err", err.Error())
		s.wait(m, backoff(s.config.Retry.Backoff, s.config.Retry.MaxBackoff, m.deliveries), true)
	}
	return err
}

// ship hands the order of a message to the warehouse. What it does wrong is an error too.
func (s *session) ship(ctx context.Context, m message) (again bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = bad("panic: %v", p)
		}
	}()
	o, err := m.order()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Database.QueryTimeout)
	defer cancel()
	return s.store.ship(ctx, o)
}

// park puts a message aside, with the reason.
func (s *session) park(ctx context.Context, m message, reason error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Database.QueryTimeout)
	defer cancel()
	if err := s.store.park(ctx, s.config.Queue.Stream, m, reason.Error()); err != nil {
		s.trouble(ctx, m, err)
		return
	}
	s.Log.ErrorContext(ctx, "message parked", "message", m.id, "deliveries", m.deliveries, "err", reason.Error())
	if s.finish(ctx, m) {
		s.seen.parked.Inc()
	}
}

// trouble has a message wait that is not to blame: the database was not to be had, or the
// time for a clean stop is over.
func (s *session) trouble(ctx context.Context, m message, err error) {
	if s.work.Err() == nil {
		s.seen.failed.WithLabelValues("database").Inc()
		if !s.databaseDown.Swap(true) {
			s.Log.ErrorContext(ctx, "database", "message", m.id, "err", err.Error())
		}
	}
	m.troubles++
	s.wait(m, backoff(s.config.Retry.Backoff, min(s.config.Retry.MaxBackoff, 5*time.Second), m.troubles), false)
}

// finish takes a message off the queue, after what came of it was committed. When that
// fails the message comes once more, which changes nothing.
func (s *session) finish(ctx context.Context, m message) bool {
	if err := s.queue.done(ctx, m.id); err != nil {
		s.fail(err)
		return false
	}
	s.drop(m.id)
	return true
}

// databaseAnswers says whether messages can be worked on. While they cannot, none is
// taken, so that workers who can get them.
func (s *session) databaseAnswers(ctx context.Context) bool {
	if !s.databaseDown.Load() {
		return true
	}
	asking, cancel := context.WithTimeout(ctx, s.config.Database.QueryTimeout)
	defer cancel()
	if err := s.store.pool.Ping(asking); err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) {
			pause(ctx, s.config.Queue.Block)
		}
		return false
	}
	s.databaseDown.Store(false)
	s.Log.Info("database answers")
	return true
}
