package agent

import (
	"sync"
	"testing"
	"time"
)

// Packets are let go in the order they are due, none before its time, most of them at it.
func TestHoldingsAreOnTime(t *testing.T) {
	const n, delay, apart = 200, 3 * time.Millisecond, 500 * time.Microsecond
	var mu sync.Mutex
	var ids []uint32
	var at []time.Time
	done := make(chan struct{})
	h, err := newHoldings(func(id uint32) {
		mu.Lock()
		defer mu.Unlock()
		ids, at = append(ids, id), append(at, time.Now())
		if len(ids) == n {
			close(done)
		}
	})
	must(t, err)
	defer h.close()
	due := make([]time.Time, n)
	for i := range n {
		due[i] = time.Now().Add(delay)
		h.hold(uint32(i), due[i])
		time.Sleep(apart)
	}
	<-done
	mu.Lock()
	defer mu.Unlock()
	var late []time.Duration
	for k, id := range ids {
		if int(id) != k {
			t.Fatalf("packet %d was let go as number %d", id, k)
		}
		if at[k].Before(due[k]) {
			t.Errorf("packet %d was let go %v early", id, due[k].Sub(at[k]))
		}
		late = append(late, at[k].Sub(due[k]))
	}
	t.Logf("late by %v (median)", median(late))
	if m := median(late); m > time.Millisecond {
		t.Errorf("late by %v (median); want less than 1 ms", m)
	}
}
