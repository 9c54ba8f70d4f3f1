package shipping

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// queue is the stream as one worker of the group sees it. A message is pending from when
// a worker got it until it is done; then it leaves the stream.
type queue struct {
	config   QueueConfig
	consumer string
	redis    *redis.Client
}

// short bounds a command that does not wait for messages. Commands are finished even when
// the service stops: their answers may be messages, which would be pending for nobody.
func (q *queue) short(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), q.config.Timeout)
}

// open makes the stream and the group where they are missing. The group begins with the
// oldest message there is.
func (q *queue) open(ctx context.Context) error {
	ctx, cancel := q.short(ctx)
	defer cancel()
	err := q.redis.XGroupCreateMkStream(ctx, q.config.Stream, q.config.Group, "0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return fmt.Errorf("open the queue: %w", err)
	}
	return nil
}

// fresh waits for up to limit messages that no worker got yet.
func (q *queue) fresh(ctx context.Context, limit int) ([]message, error) {
	list, err := q.read(ctx, ">", limit, q.config.Block)
	for i := range list {
		list[i].deliveries = 1
	}
	return list, err
}

// own gives up to limit messages after an id that this worker got and that are not done.
func (q *queue) own(ctx context.Context, after string, limit int) ([]message, error) {
	list, err := q.read(ctx, after, limit, -1)
	if err != nil {
		return nil, err
	}
	return list, q.count(ctx, list)
}

func (q *queue) read(ctx context.Context, after string, limit int, block time.Duration) ([]message, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(block, 0)+q.config.Timeout)
	defer cancel()
	streams, err := q.redis.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: q.config.Group, Consumer: q.consumer, Streams: []string{q.config.Stream, after}, Count: int64(limit), Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	var list []message
	for _, s := range streams {
		list = append(list, messages(s.Messages)...)
	}
	return list, nil
}

// claim takes over up to limit messages whose worker has not been heard of for long. next
// is where to go on, "0-0" at the end.
func (q *queue) claim(ctx context.Context, from string, limit int) (list []message, next string, err error) {
	short, cancel := q.short(ctx)
	defer cancel()
	found, next, err := q.redis.XAutoClaim(short, &redis.XAutoClaimArgs{
		Stream: q.config.Stream, Group: q.config.Group, Consumer: q.consumer,
		MinIdle: q.config.Visibility, Start: from, Count: int64(limit),
	}).Result()
	if err != nil {
		return nil, "", fmt.Errorf("claim messages: %w", err)
	}
	list = messages(found)
	return list, next, q.count(ctx, list)
}

// count asks how often messages were given to a worker.
func (q *queue) count(ctx context.Context, list []message) error {
	pending, err := q.pending(ctx, list)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].deliveries = pending[list[i].id]
	}
	return nil
}

// pending gives for those of the messages that are this worker's how often they were
// given to one.
func (q *queue) pending(ctx context.Context, list []message) (map[string]int, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ctx, cancel := q.short(ctx)
	defer cancel()
	answers := make([]*redis.XPendingExtCmd, len(list))
	_, err := q.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, m := range list {
			answers[i] = p.XPendingExt(ctx, &redis.XPendingExtArgs{
				Stream: q.config.Stream, Group: q.config.Group, Start: m.id, End: m.id, Count: 1, Consumer: q.consumer,
			})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask for pending messages: %w", err)
	}
	counts := map[string]int{}
	for _, a := range answers {
		for _, p := range a.Val() {
			counts[p.ID] = int(p.RetryCount)
		}
	}
	return counts, nil
}

// keep tells that this worker still has messages, and gives those that it has: others may
// have taken one over. A counted one was failed at, and is given to the worker once more.
func (q *queue) keep(ctx context.Context, list []message, counted bool) ([]message, error) {
	mine, err := q.pending(ctx, list)
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	var kept []message
	args := &redis.XClaimArgs{Stream: q.config.Stream, Group: q.config.Group, Consumer: q.consumer}
	for _, m := range list {
		if n, ok := mine[m.id]; ok {
			if m.deliveries = n; counted {
				m.deliveries++
			}
			kept, args.Messages = append(kept, m), append(args.Messages, m.id)
		}
	}
	ctx, cancel := q.short(ctx)
	defer cancel()
	if counted {
		err = q.redis.XClaim(ctx, args).Err()
	} else {
		err = q.redis.XClaimJustID(ctx, args).Err()
	}
	if err != nil {
		return nil, fmt.Errorf("keep messages: %w", err)
	}
	return kept, nil
}

// done takes a message off the queue.
func (q *queue) done(ctx context.Context, id string) error {
	ctx, cancel := q.short(ctx)
	defer cancel()
	_, err := q.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.XAck(ctx, q.config.Stream, q.config.Group, id)
		p.XDel(ctx, q.config.Stream, id)
		return nil
	})
	if err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

// giveBack lets the next worker claim messages at once.
func (q *queue) giveBack(ctx context.Context, list []message) error {
	ctx, cancel := q.short(ctx)
	defer cancel()
	args := []any{"xclaim", q.config.Stream, q.config.Group, q.consumer, 0}
	for _, m := range list {
		args = append(args, m.id)
	}
	args = append(args, "idle", q.config.Visibility.Milliseconds(), "justid")
	if err := q.redis.Do(ctx, args...).Err(); err != nil {
		return fmt.Errorf("give messages back: %w", err)
	}
	return nil
}

// lag says how many messages are not done, and how old the oldest is by Redis's clock.
func (q *queue) lag(ctx context.Context) (count int64, oldest time.Duration, err error) {
	ctx, cancel := q.short(ctx)
	defer cancel()
	var length *redis.IntCmd
	var first *redis.XMessageSliceCmd
	var now *redis.TimeCmd
	_, err = q.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		length = p.XLen(ctx, q.config.Stream)
		first = p.XRangeN(ctx, q.config.Stream, "-", "+", 1)
		now = p.Time(ctx)
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the lag: %w", err)
	}
	for _, m := range first.Val() {
		var ms int64
		if _, err := fmt.Sscanf(m.ID, "%d-", &ms); err == nil {
			oldest = max(0, now.Val().Sub(time.UnixMilli(ms)))
		}
	}
	return length.Val(), oldest, nil
}

func messages(from []redis.XMessage) []message {
	var list []message
	for _, m := range from {
		list = append(list, message{id: m.ID, values: m.Values})
	}
	return list
}
