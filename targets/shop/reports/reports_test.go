package reports

import (
	"slices"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tt := range []struct {
		now   string
		every time.Duration
		want  string
	}{
		{"2026-11-26T07:12:14Z", time.Hour, "2026-11-26T08:00:00Z"},
		{"2026-11-26T08:00:00Z", time.Hour, "2026-11-26T09:00:00Z"},
		{"2026-11-26T07:59:59.999Z", time.Hour, "2026-11-26T08:00:00Z"},
		{"2026-11-26T09:12:14+02:00", time.Hour, "2026-11-26T08:00:00Z"},
		{"2026-11-26T07:12:14Z", 10 * time.Second, "2026-11-26T07:12:20Z"},
		{"2026-11-26T07:12:14Z", 24 * time.Hour, "2026-11-27T00:00:00Z"},
		{"2026-11-26T21:00:00Z", 7 * time.Hour, "2026-11-27T00:00:00Z"},
		{"2026-11-26T20:00:00Z", 7 * time.Hour, "2026-11-26T21:00:00Z"},
	} {
		if got := next(at(tt.now), tt.every); !got.Equal(at(tt.want)) {
			t.Errorf("after %s, every %v: %v; want %s", tt.now, tt.every, got, tt.want)
		}
	}
}

func TestTop(t *testing.T) {
	one, two := time.Unix(0, 0).UTC(), time.Unix(86400, 0).UTC()
	a, b := newTotals(), newTotals()
	a.products[article{one, 7}] = sum{3, 30}
	a.products[article{one, 8}] = sum{4, 10}
	b.products[article{one, 7}] = sum{2, 20}
	b.products[article{one, 9}] = sum{4, 11}
	b.products[article{one, 6}] = sum{4, 10}
	b.products[article{two, 1}] = sum{1, 1}
	a.sales[place{one, "eu"}] = sum{1, 5}
	b.sales[place{one, "eu"}] = sum{2, 6}
	a.add(b)
	if got := a.sales[place{one, "eu"}]; got != (sum{3, 11}) {
		t.Errorf("eu has %v; want 3 orders and 11 cents", got)
	}
	for n, want := range map[int][]int64{0: nil, 2: {7, 9, 1}, 10: {7, 9, 6, 8, 1}} {
		var got []int64
		for i, r := range a.top(n) {
			got = append(got, r.id)
			if r.day.Equal(one) && r.rank != i+1 || r.day.Equal(two) && r.rank != 1 {
				t.Errorf("product %d is number %d", r.id, r.rank)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the first %d are %v; want %v", n, got, want)
		}
	}
}
