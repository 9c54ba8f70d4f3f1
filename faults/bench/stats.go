package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// lost is the round trip of a packet that never came back.
const lost = time.Duration(math.MaxInt64)

// series is a number of measurements of one thing.
type series []time.Duration

// quantile is the least value that a share q of the measurements does not exceed
// (nearest rank); 0 of none.
func (s series) quantile(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	o := slices.Sorted(slices.Values(s))
	return o[max(0, min(len(o)-1, int(math.Ceil(q*float64(len(o))))-1))]
}

func (s series) p50() time.Duration { return s.quantile(0.5) }
func (s series) p99() time.Duration { return s.quantile(0.99) }

// worst is the one farthest from 0.
func (s series) worst() time.Duration {
	var w time.Duration
	for _, d := range s {
		if d.Abs() > w.Abs() {
			w = d
		}
	}
	return w
}

// errors gives how far from a value each measurement is.
func (s series) errors(from time.Duration) series {
	out := make(series, len(s))
	for i, d := range s {
		out[i] = d - from
	}
	return out
}

// beyond is the quantile of the distances from 0, early or late.
func (s series) beyond(q float64) time.Duration {
	out := make(series, len(s))
	for i, d := range s {
		out[i] = d.Abs()
	}
	return out.quantile(q)
}

// packet is one of a stream: when it was sent, from the stream's begin, and its round trip.
type packet struct {
	at, rtt time.Duration
}

// held is for how many packets in a row a change must hold to be believed: a machine that
// stalls makes some late as well.
const held = 8

// change is when the first of the packets sent from then on is sent whose round trip
// fits, like those that follow it. False means that it never happens.
func change(all []packet, from time.Duration, fits func(rtt time.Duration) bool) (time.Duration, bool) {
	run := 0
	for i, p := range all {
		if p.at < from {
			continue
		}
		if !fits(p.rtt) {
			run = 0
			continue
		}
		if run++; run == held {
			return all[i-held+1].at, true
		}
	}
	return 0, false
}

// pairs are measurements of two things made in turns, a round each.
type pairs struct{ a, b []float64 }

// ratio is the median of the rounds' b/a, with the least and the greatest.
func (p pairs) ratio() (mid, least, most float64) {
	var r []float64
	for i := range min(len(p.a), len(p.b)) {
		if p.a[i] > 0 {
			r = append(r, p.b[i]/p.a[i])
		}
	}
	return middle(r)
}

// middle is the median of values, with the least and the greatest; zeros of none.
func middle(v []float64) (mid, least, most float64) {
	if len(v) == 0 {
		return 0, 0, 0
	}
	o := slices.Sorted(slices.Values(v))
	mid = o[len(o)/2]
	if len(o)%2 == 0 {
		mid = (mid + o[len(o)/2-1]) / 2
	}
	return mid, o[0], o[len(o)-1]
}

// ms writes a duration in milliseconds.
func ms(d time.Duration) string {
	switch {
	case d == lost:
		return "never"
	case d.Abs() >= 100*time.Millisecond:
		return fmt.Sprintf("%.0f", float64(d)/1e6)
	case d.Abs() >= 10*time.Millisecond:
		return fmt.Sprintf("%.1f", float64(d)/1e6)
	}
	return fmt.Sprintf("%.2f", float64(d)/1e6)
}

// us writes a duration in whole microseconds.
func us(d time.Duration) string { return fmt.Sprintf("%.0f", float64(d)/1e3) }
