package shipping

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// session is a worker's time between two failures of the queue. All that it holds is
// pending there under the worker's name, so it can be forgotten and read again.
type session struct {
	*worker
	work  context.Context // of what is in work; ends some time after the session is to end
	slots chan struct{}   // one entry for each message in work
	freed chan struct{}   // has an entry after a message was done
	busy  sync.WaitGroup

	mu      sync.Mutex
	held    map[string]bool // by message id: in work or waiting
	waiting []attempt
	failure error // of the queue
}

// attempt is one that a message waits for.
type attempt struct {
	message
	at      time.Time
	counted bool // the one before is one of those the message has
}

// session takes messages until ctx ends (nil) or the queue fails.
func (w *worker) session(ctx context.Context) error {
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(w.config.Queue.Stop, abandon) })()
	s := &session{
		worker: w, work: work, slots: make(chan struct{}, w.config.Queue.Concurrency), freed: make(chan struct{}, 1),
		held: map[string]bool{},
	}
	if err := w.queue.open(ctx); err != nil {
		return err
	}
	err := s.take(ctx)
	s.busy.Wait()
	if ctx.Err() == nil || len(s.waiting) == 0 {
		return err
	}
	var rest []message
	for _, a := range s.waiting {
		rest = append(rest, a.message)
	}
	w.Log.Info("gives messages back", "messages", len(rest))
	return errors.Join(err, w.queue.giveBack(ctx, rest))
}

// take takes first what is pending from before, then in turns what others left behind,
// what is due again, and what is new.
func (s *session) take(ctx context.Context) error {
	own, left := "0", "0-0"
	var look time.Time // for what others left behind
	for ctx.Err() == nil {
		if err := s.failed(); err != nil {
			return err
		}
		if !s.databaseAnswers(ctx) {
			continue
		}
		if err := s.again(ctx); err != nil {
			return err
		}
		room := min(s.config.Queue.Batch, s.config.Queue.Hold-s.holds())
		if room <= 0 {
			s.awaitRoom(ctx)
			continue
		}
		var list []message
		var err error
		switch {
		case own != "":
			if list, err = s.queue.own(ctx, own, room); len(list) > 0 {
				own = list[len(list)-1].id
			} else if err == nil {
				own = ""
			}
		case time.Now().After(look):
			if list, left, err = s.queue.claim(ctx, left, room); left == "0-0" {
				look = time.Now().Add(s.config.Queue.Visibility / 4)
			}
			if len(list) > 0 {
				s.Log.Info("took over messages", "messages", len(list))
			}
		default:
			list, err = s.queue.fresh(ctx, room)
		}
		if err != nil {
			return err
		}
		for _, m := range list {
			s.begin(m)
		}
	}
	return s.failed()
}

// begin works on a message as soon as there is a slot.
func (s *session) begin(m message) {
	s.mu.Lock()
	known := s.held[m.id]
	s.held[m.id] = true
	s.mu.Unlock()
	if known { // claimed from itself, after a long time in work
		return
	}
	s.resume(m)
}

func (s *session) resume(m message) {
	s.slots <- struct{}{}
	s.busy.Go(func() {
		defer func() { <-s.slots }()
		s.handle(m)
	})
}

// again works on messages whose next attempt is due and that are still this worker's.
func (s *session) again(ctx context.Context) error {
	for _, counted := range []bool{true, false} {
		due := s.due(counted)
		if len(due) == 0 {
			continue
		}
		kept, err := s.queue.keep(ctx, due, counted)
		if err != nil {
			return err
		}
		for _, m := range due {
			if !slices.ContainsFunc(kept, func(k message) bool { return k.id == m.id }) {
				s.drop(m.id)
			}
		}
		for _, m := range kept {
			s.resume(m)
		}
	}
	return nil
}

// due takes those off the waiting ones whose time has come.
func (s *session) due(counted bool) []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []message
	now := time.Now()
	s.waiting = slices.DeleteFunc(s.waiting, func(a attempt) bool {
		if a.counted != counted || a.at.After(now) {
			return false
		}
		due = append(due, a.message)
		return true
	})
	return due
}

// awaitRoom waits until a message is done or due again.
func (s *session) awaitRoom(ctx context.Context) {
	t := time.NewTimer(s.untilDue())
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.freed:
	case <-ctx.Done():
	}
}

// untilDue is the time until the next attempt, at most what a read may take.
func (s *session) untilDue() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := s.config.Queue.Block
	for _, a := range s.waiting {
		wait = min(wait, time.Until(a.at))
	}
	return wait
}

// wait has a message wait for another attempt.
func (s *session) wait(m message, d time.Duration, counted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, attempt{message: m, at: time.Now().Add(jitter(d)), counted: counted})
}

func (s *session) drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, id)
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

func (s *session) holds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// fail ends the session.
func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
}

func (s *session) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// pause waits for a time, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
