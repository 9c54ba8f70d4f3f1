package main

import (
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var s series
	for i := 100; i >= 1; i-- {
		s = append(s, time.Duration(i))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := s.quantile(q); got != want {
			t.Errorf("quantile %v of 1 to 100 is %d; want %d", q, got, want)
		}
	}
	if got := (series{}).p99(); got != 0 {
		t.Errorf("quantile of nothing is %d", got)
	}
	if got := (series{7}).p50(); got != 7 {
		t.Errorf("median of 7 is %d", got)
	}
}

func TestErrors(t *testing.T) {
	e := series{90, 101, 103}.errors(100)
	if e[0] != -10 || e[1] != 1 || e[2] != 3 {
		t.Errorf("errors from 100 are %v", e)
	}
	if got := e.worst(); got != -10 {
		t.Errorf("the worst is %d; want -10", got)
	}
	if got := e.beyond(0.99); got != 10 {
		t.Errorf("the 99th percentile of the distances is %d; want 10", got)
	}
}

func TestChange(t *testing.T) {
	slow := func(d time.Duration) bool { return d >= 10 }
	// of makes packets, one each nanosecond, of pairs of a number and the round trip of so many.
	of := func(runs ...time.Duration) (out []packet) {
		for i := 0; i < len(runs); i += 2 {
			for range runs[i] {
				out = append(out, packet{time.Duration(len(out)), runs[i+1]})
			}
		}
		return out
	}
	tests := []struct {
		name string
		all  []packet
		from time.Duration
		at   time.Duration
		ok   bool
	}{
		{"at once", of(2, 1, held, 20), 0, 2, true},
		{"lost ones are late", of(1, 1, held, lost), 0, 1, true},
		{"a stall is none", of(1, 1, held-1, 20, 1, 1, held, 20), 0, held + 1, true},
		{"before is not looked at", of(held, 20, 2, 1, held, 20), 3, held + 2, true},
		{"from the middle", of(held+3, 20), 2, 2, true},
		{"too few", of(2, 1, held-1, 20), 0, 0, false},
		{"never", of(2*held, 1), 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if at, ok := change(tt.all, tt.from, slow); at != tt.at || ok != tt.ok {
				t.Errorf("at %d, %v; want %d, %v", at, ok, tt.at, tt.ok)
			}
		})
	}
}

func TestRatio(t *testing.T) {
	mid, least, most := pairs{[]float64{100, 200, 0, 100}, []float64{90, 200, 5, 300}}.ratio()
	if mid != 1 || least != 0.9 || most != 3 {
		t.Errorf("ratio %v (%v to %v); want 1 (0.9 to 3)", mid, least, most)
	}
	if mid, _, _ := middle([]float64{4, 1, 3, 2}); mid != 2.5 {
		t.Errorf("the median of 1 to 4 is %v", mid)
	}
	if mid, _, _ := (pairs{}).ratio(); mid != 0 {
		t.Errorf("the ratio of nothing is %v", mid)
	}
}

func TestUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234 * time.Microsecond: "1.23", 12345 * time.Microsecond: "12.3", -234567 * time.Microsecond: "-235", lost: "never",
	} {
		if got := ms(d); got != want {
			t.Errorf("%d is %s; want %s", d, got, want)
		}
	}
}
