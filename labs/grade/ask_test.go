package grade_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faultlab/labs/grade"
	"faultlab/targets/traffic"
)

// fakeShop is what the fake's users and its database answer; its fields bend it.
type fakeShop struct {
	search func(i int, s *traffic.FreshSearch)
	each   float64 // rows read for a search; 0: 80
	sent   float64 // rows read so far
	goods  string
	err    error // of every question to the database
	fresh  error

	resolve func(names []string) (map[string]map[string]string, error)
	move    func() error
	back    func() error
	charged func() (int, error)
}

func (w *fake) Fresh(ctx context.Context, count int, over time.Duration) ([]traffic.FreshSearch, error) {
	var out []traffic.FreshSearch
	for i := range count {
		s := traffic.FreshSearch{Region: "us", Query: "OaK lamp", MS: 20}
		if w.shop.search != nil {
			w.shop.search(i, &s)
		}
		out = append(out, s)
	}
	w.shop.sent += float64(count) * w.shop.each
	time.Sleep(over)
	return out, errors.Join(ctx.Err(), w.shop.fresh)
}

func (w *fake) SQL(_ context.Context, query string) (string, error) {
	switch {
	case w.shop.err != nil:
		return "", w.shop.err
	case query == grade.GoodsSQL:
		return w.shop.goods, nil
	}
	return fmt.Sprintf("%.0f", w.shop.sent), nil
}

// sound is a fake whose database holds what it should.
func sound() *fake {
	w := newFake()
	w.shop = fakeShop{each: 80, goods: "60000|abc"}
	w.inv.Goods = "60000|abc"
	return w
}

func TestWhatThePagesAndTheDatabaseTell(t *testing.T) {
	late := func(n int, ms float64) func(*fake) {
		return func(w *fake) {
			w.shop.search = func(i int, s *traffic.FreshSearch) {
				if i < n {
					s.MS = ms
				}
			}
		}
	}
	failing := func(n int, how string) func(*fake) {
		return func(w *fake) {
			w.shop.search = func(i int, s *traffic.FreshSearch) {
				if i < n {
					s.Err = how
				}
			}
		}
	}
	tests := []struct {
		name  string
		check string
		world func(*fake)
		want  grade.Verdict
		text  string
	}{
		{"well", "fresh", nil, grade.Pass, "meanwhile 80 rows of tables"},
		{"one late by chance", "fresh", late(1, 900), grade.Pass, "p95 20 ms"},
		{"two late", "fresh", late(2, 200.1), grade.Fail, "p95 200 ms"},
		{"just in time", "fresh", late(24, 200), grade.Pass, ""},
		{"one failed by chance", "fresh", failing(1, "timeout"), grade.Pass, `"OaK lamp" in us: timeout`},
		{"two failed", "fresh", failing(2, "body"), grade.Fail, "22 answered rightly"},
		{"quick, and everything read", "fresh", func(w *fake) { w.shop.each = 60_000 }, grade.Fail, "60000 rows"},
		{"as many rows as may be", "fresh", func(w *fake) { w.shop.each = 20_000 }, grade.Pass, ""},
		{"nothing was counted", "fresh", func(w *fake) { w.shop.each = 0 }, grade.Unknown, "cannot be relied on"},
		{"counters set back", "fresh", func(w *fake) { w.shop.sent, w.shop.each = 1e9, -1e6 }, grade.Unknown, "cannot be relied on"},
		{"database silent", "fresh", func(w *fake) { w.shop.err = errors.New("no hba entry") }, grade.Unknown, "no hba entry"},
		{"late, and the database silent", "fresh", func(w *fake) { late(9, 900)(w); w.shop.err = errors.New("no hba entry") }, grade.Fail, "p95 900 ms"},
		{"nobody could ask", "fresh", func(w *fake) { w.shop.fresh = errors.New("no traffic") }, grade.Unknown, "no traffic"},
		{"late while others use up the machine", "fresh", func(w *fake) {
			late(24, 900)(w)
			w.busy = func(l *grade.Load) { l.Busy, l.Own["app"] = l.Capacity, 0 }
		}, grade.Unknown, "% with other work"},

		{"all there", "goods", nil, grade.Pass, "60000 products, as they were"},
		{"products gone", "goods", func(w *fake) { w.shop.goods = "30000|def" }, grade.Fail, "30000 products, there were 60000"},
		{"products changed", "goods", func(w *fake) { w.shop.goods = "60000|def" }, grade.Fail, "not what it was"},
		{"no record", "goods", func(w *fake) { w.inv.Goods = "" }, grade.Unknown, "no record"},
		{"nobody to ask", "goods", func(w *fake) { w.shop.err = errors.New("no hba entry") }, grade.Unknown, "no hba entry"},
	}
	for _, tt := range tests {
		t.Run(tt.check+"/"+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := sound()
				if tt.world != nil {
					tt.world(w)
				}
				got := run(t.Context(), w, tt.check)[tt.check]
				if got.Verdict != tt.want || !strings.Contains(describe(got), tt.text) {
					t.Errorf("%s; want %s with %q", describe(got), tt.want, tt.text)
				}
			})
		})
	}
}
