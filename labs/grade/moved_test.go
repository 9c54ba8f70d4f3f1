package grade_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/grade"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

func (w *fake) Move(context.Context, string) (func(context.Context) error, error) {
	if w.shop.move != nil {
		if err := w.shop.move(); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		w.undone++
		if w.shop.back != nil {
			return w.shop.back()
		}
		return ctx.Err()
	}, nil
}

func (w *fake) Charged(context.Context) (int, error) { return w.shop.charged() }

// selling is a fake with four orders a second, a share of which the partner charges.
func selling(share float64) *fake {
	w := newFake()
	w.second = ordering(4, 4)
	w.shop.charged = func() (int, error) {
		return int(share * float64(w.Window(w.begin, w.Now(), sli.Filter{Route: traffic.Checkout}).OK)), nil
	}
	return w
}

// ordering adds some orders to every second, some of which are answered rightly.
func ordering(n, ok int) func(int64, *traffic.Second) {
	return func(_ int64, s *traffic.Second) {
		g := traffic.Segment{Who: traffic.Group{Region: "us", Route: traffic.Checkout, Version: "7.1"}, N: n, OK: ok, Errs: traffic.Errors{Status: n - ok}}
		for range n {
			g.MS = append(g.MS, 20)
		}
		s.Segments = append(s.Segments, g)
	}
}

func TestMoved(t *testing.T) {
	failing := errors.New("no")
	tests := []struct {
		name  string
		share float64
		world func(*fake)
		want  grade.Verdict
		text  string
		moved bool
	}{
		{"followed", 1, nil, grade.Pass, "the payment partner charged 16 at its new address", true},
		{"another stands in", 0, nil, grade.Fail, "16 orders were sent in 4s and 16 answered rightly; the payment partner charged 0", true},
		{"another stands in for most", .4, nil, grade.Fail, "16 answered rightly", true},
		{"another stands in for some", .6, nil, grade.Pass, "", true},
		{"orders fail", 1, func(w *fake) { w.shop.move = func() error { w.second = ordering(4, 0); return nil } }, grade.Fail, "still failing", true},
		{"orders fail when it comes back", 1, func(w *fake) { w.shop.back = func() error { w.second = ordering(4, 0); return nil } }, grade.Fail, "back at its old address", true},
		{"nobody orders", 1, func(w *fake) { w.second = nil }, grade.Unknown, "only 0 orders", true},
		{"it cannot be moved", 1, func(w *fake) { w.shop.move = func() error { return failing } }, grade.Unknown, "another address: no", false},
		{"it cannot be moved back", 1, func(w *fake) { w.shop.back = func() error { return failing } }, grade.Unknown, "old address: no", true},
		{"charges cannot be read", 1, func(w *fake) { w.shop.charged = func() (int, error) { return 0, failing } }, grade.Unknown, "no", true},
		{"traffic dies", 1, func(w *fake) { w.shop.move = func() error { w.silent.Store(true); return nil } }, grade.Unknown, "silent", true},
		{"orders fail while others use up the machine", 1, func(w *fake) {
			w.shop.move = func() error { w.second = ordering(4, 0); return nil }
			w.busy = func(l *grade.Load) { l.Busy, l.Own["app"] = l.Capacity, 0 }
		}, grade.Unknown, "% with other work", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := selling(tt.share)
				if tt.world != nil {
					tt.world(w)
				}
				check := catalog.Check{ID: "moved", Proof: "V3", Kind: "moved", Names: []string{"partner.example"}, Lasting: 4 * time.Second, Why: "kept"}
				got := (&grade.Runner{World: w, Lab: &catalog.Lab{Checks: []catalog.Check{check}}, Pace: quick}).Run(t.Context())[0]
				if got.Verdict != tt.want || !strings.Contains(describe(got), tt.text) {
					t.Errorf("%s; want %s with %q", describe(got), tt.want, tt.text)
				}
				if (w.undone == 1) != tt.moved {
					t.Errorf("put back %d times", w.undone)
				}
			})
		})
	}
}
