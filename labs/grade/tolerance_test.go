package grade_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/grade"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

func TestTolerance(t *testing.T) {
	// times counts a multiple of what users sent.
	times := func(w *fake, by float64) func() (map[string]float64, error) {
		return func() (map[string]float64, error) {
			out := map[string]float64{}
			for _, site := range []string{"us", "eu", "ap"} {
				out[site] = by * float64(w.Window(w.begin, w.Now(), sli.Filter{Region: site}).N)
			}
			return out, nil
		}
	}
	failing := errors.New("no")
	tests := []struct {
		name  string
		world func(*fake)
		want  grade.Verdict
		text  string
		laid  bool
	}{
		{"well", nil, grade.Pass, "1.00 requests at the services", true},
		{"many attempts", func(w *fake) { w.served = times(w, 1.3) }, grade.Fail, "1.30", true},
		{"as many as allowed", func(w *fake) { w.served = times(w, 1.1) }, grade.Pass, "1.10", true},
		{"counters that see nothing", func(w *fake) { w.served = times(w, 0) }, grade.Unknown, "counted 0", false},
		{"counters that cannot be read", func(w *fake) {
			w.served = func() (map[string]float64, error) { return nil, failing }
		}, grade.Unknown, "could not be counted", false},
		{"the fault cannot be laid", func(w *fake) { w.lay = func() error { return failing } }, grade.Unknown, "lay the test fault", false},
		{"the fault cannot be taken away", func(w *fake) { w.undo = func() error { return failing } }, grade.Unknown, "take the test fault away: no", true},
		{"users suffer under the fault", func(w *fake) { w.lay = func() error { w.second = spoil("", 2, 0); return nil } }, grade.Fail, "short", true},
		{"users wait under the fault", func(w *fake) { w.lay = func() error { w.second = spoil("", 0, 2500); return nil } }, grade.Fail, "p99", true},
		{"nobody asks under the fault", func(w *fake) {
			w.lay = func() error {
				w.second = func(t int64, s *traffic.Second) { *s = traffic.Second{T: t} }
				return nil
			}
		}, grade.Unknown, "", true},
		{"counting breaks down under the fault", func(w *fake) {
			w.lay = func() error {
				w.served = func() (map[string]float64, error) { return nil, failing }
				return nil
			}
		}, grade.Unknown, "no", true},
		{"traffic dies under the fault", func(w *fake) { w.lay = func() error { w.silent.Store(true); return nil } }, grade.Unknown, "silent", true},
		{"a restart hides what was counted", func(w *fake) {
			w.served = times(w, 3)
			w.lay = func() error {
				w.change(func(s map[string][]engine.Container) { s["web-eu"][0].StartedAt = time.Now() })
				w.served = times(w, 1.1)
				return nil
			}
		}, grade.Unknown, "started again", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFake()
				if tt.world != nil {
					tt.world(w)
				}
				// Beside a check that takes time, as in a lab.
				got := run(t.Context(), w, "slo", "tolerance")["tolerance"]
				if tt.name == "a restart hides what was counted" && got.Verdict == grade.Fail {
					return // red already by what was counted before
				}
				if got.Verdict != tt.want || !strings.Contains(describe(got), tt.text) {
					t.Errorf("got %s; want %s with %q", describe(got), tt.want, tt.text)
				}
				if tt.laid != (w.undone == 1) {
					t.Errorf("the fault was taken away %d times; laid: %v", w.undone, tt.laid)
				}
			})
		})
	}
	t.Run("cancelled under the fault", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			w := newFake()
			w.lay = func() error { time.AfterFunc(700*time.Millisecond, cancel); return nil }
			got := run(ctx, w, "slo", "tolerance")["tolerance"]
			if got.Verdict != grade.Unknown || w.undone != 1 {
				t.Errorf("%s, taken away %d times", describe(got), w.undone)
			}
		})
	})
}
