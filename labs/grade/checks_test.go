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

func TestChecks(t *testing.T) {
	leak := func(kib float64) func(string, time.Duration) (int64, error) { // per user's request at four times the rate
		return func(id string, at time.Duration) (int64, error) {
			if !strings.HasPrefix(id, "app") {
				return 10 << 20, nil
			}
			return 10<<20 + int64(kib*1024*4*normal*(at-20*time.Second).Seconds()), nil
		}
	}
	set := func(name string, change func(*engine.Container)) func(*fake) {
		return func(w *fake) {
			w.change(func(s map[string][]engine.Container) {
				for i := range s[name] {
					change(&s[name][i])
				}
			})
		}
	}
	later := func(after time.Duration, do func(*fake)) func(*fake) {
		return func(w *fake) { time.AfterFunc(after, func() { do(w) }) }
	}
	add := func(key, place string, limit int64) func(*fake) {
		return func(w *fake) {
			c := w.container("added")
			c.MemoryLimit, c.Labels = limit, map[string]string{"place": place}
			w.change(func(s map[string][]engine.Container) { s[key] = append(s[key], c) })
		}
	}
	all := func(fs ...func(*fake)) func(*fake) {
		return func(w *fake) {
			for _, f := range fs {
				f(w)
			}
		}
	}
	// hogged is a machine without rest, of which the lab takes a share.
	hogged := func(own float64) func(*fake) {
		return func(w *fake) {
			w.busy = func(l *grade.Load) {
				l.Busy, l.Own["app"] = l.Capacity, time.Duration(own*float64(l.Capacity))
			}
		}
	}
	bend := func(f func(int64, *traffic.Second)) func(*fake) { return func(w *fake) { w.second = f } }

	tests := []struct {
		name  string
		check string
		world func(*fake)
		want  grade.Verdict
		text  string // in measured or why
	}{
		{"well", "slo", nil, grade.Pass, "success 100.00 %"},
		{"errors everywhere", "slo", bend(spoil("", 1, 0)), grade.Fail, "success"},
		{"errors in the smallest region only", "slo", bend(spoil("ap", 1, 0)), grade.Fail, "ap success"},
		{"late everywhere", "slo", bend(spoil("", 0, 151)), grade.Fail, "p95 151 ms"},
		{"late by a tenth of a millisecond", "slo", bend(spoil("", 0, 150.1)), grade.Fail, "p95 150.1 ms"},
		{"just in time", "slo", bend(spoil("", 0, 150)), grade.Pass, ""},
		{"late in one region only", "slo", bend(spoil("eu", 0, 400)), grade.Fail, "eu p95"},
		{"as late as a region is far", "slo", bend(spoil("eu", 0, 230)), grade.Pass, ""},
		{"later than a region is far", "slo", bend(spoil("eu", 0, 231)), grade.Fail, "eu p95 231 ms"},
		{"as late at home as another region is far", "slo", bend(spoil("us", 0, 151)), grade.Fail, "us p95 151 ms"},
		{"as late as the region that is farthest off", "slo", bend(spoil("ap", 0, 300)), grade.Pass, ""},
		{"late while others use up the machine", "slo", all(bend(spoil("", 0, 400)), hogged(.1)), grade.Unknown, "% with other work"},
		{"late in the restart while others use up the machine", "restart", all(bend(spoil("ap", 1, 0)), hogged(.1)), grade.Unknown, "% with other work"},
		{"late while the lab itself uses up the machine", "slo", all(bend(spoil("", 0, 400)), hogged(.8)), grade.Fail, "p95 400 ms"},
		{"well while others use up the machine", "slo", hogged(.1), grade.Pass, ""},
		{"a region without requests", "slo", bend(func(_ int64, s *traffic.Second) { s.Segments = s.Segments[:2] }), grade.Fail, "ap no request"},
		{"too few requests", "slo", bend(func(t int64, s *traffic.Second) { *s = healthy(t, 10) }), grade.Unknown, "want at least 240"},
		{"paused traffic", "slo", bend(func(t int64, s *traffic.Second) { *s = traffic.Second{T: t} }), grade.Unknown, "only 0 requests"},
		{"source held up", "slo", bend(func(_ int64, s *traffic.Second) { s.TargetRate = 60 }), grade.Unknown, "set out"},
		{"traffic dead", "slo", later(time.Second, func(w *fake) { w.silent.Store(true) }), grade.Unknown, "stopped reporting"},
		{"seconds missing", "slo", func(w *fake) {
			from := time.Now().Unix()
			w.dead = func(t int64) bool { return t > from+4 && t < from+7 }
		}, grade.Unknown, "seconds"},
		{"nobody gets an answer any more", "slo", bend(func(_ int64, s *traffic.Second) {
			for i := range s.Segments {
				g := &s.Segments[i]
				g.N, g.OK, g.MS = g.N/2, g.N/2, g.MS[:g.N/2]
			}
		}), grade.Fail, "without an answer"},

		{"as it was", "shape", nil, grade.Pass, "all 4 services"},
		{"empty inventory", "shape", func(w *fake) { w.inv = grade.Inventory{} }, grade.Unknown, "no inventory"},
		{"scale 0", "shape", func(w *fake) { w.services["app"] = nil }, grade.Fail, "0 of app run"},
		{"renamed", "shape", func(w *fake) { w.services["app2"] = w.services["app"]; delete(w.services, "app") }, grade.Fail, "0 of app run"},
		{"paused", "shape", set("app", func(c *engine.Container) { c.State = "paused" }), grade.Fail, "0 of app run"},
		{"restarting", "shape", set("app", func(c *engine.Container) { c.State = "restarting" }), grade.Fail, "0 of app run"},
		{"limit raised by 25 %", "shape", set("app", func(c *engine.Container) { c.MemoryLimit, c.SwapLimit = 50<<20, 50<<20 }), grade.Pass, ""},
		{"limit raised by more", "shape", set("app", func(c *engine.Container) { c.MemoryLimit, c.SwapLimit = 50<<20+1, 50<<20+1 }), grade.Fail, "limit of 50 MiB"},
		{"limit lowered by 25 %", "shape", set("app", func(c *engine.Container) { c.MemoryLimit, c.SwapLimit = 30<<20, 30<<20 }), grade.Pass, ""},
		{"limit lowered by more", "shape", set("app", func(c *engine.Container) { c.MemoryLimit, c.SwapLimit = 30<<20-1, 30<<20-1 }), grade.Fail, "limit of"},
		{"limit removed", "shape", set("app", func(c *engine.Container) { c.MemoryLimit = 0 }), grade.Fail, "no memory limit"},
		{"swap added", "shape", set("app", func(c *engine.Container) { c.SwapLimit = -1 }), grade.Fail, "may swap"},
		{"entrypoint changed", "shape", set("app", func(c *engine.Container) { c.Entrypoint = []string{"bash", "-c", "shop"} }), grade.Fail, "not started as"},
		{"a zone that does not exist", "shape", set("app", func(c *engine.Container) { c.Labels = map[string]string{"place": "moon"} }), grade.Fail, `zone "moon"`},
		{"no zone at all", "shape", set("app", func(c *engine.Container) { c.Labels = nil }), grade.Fail, `zone ""`},
		{"a replica more", "shape", add("app", "us-a", 40<<20), grade.Pass, ""},
		{"something added without a limit", "shape", add("shadow", "us-a", 0), grade.Fail, "without a memory limit"},
		{"something added outside every zone", "shape", add("shadow", "", 40<<20), grade.Fail, "zone"},

		{"told", "owner", func(w *fake) { w.told = []string{"network"} }, grade.Pass, ""},
		{"another team told", "owner", func(w *fake) { w.told = []string{"platform"} }, grade.Fail, "nobody who can"},

		{"in force", "injector", nil, grade.Pass, ""},
		{"broken off", "injector", func(w *fake) { w.injector = func() (bool, string) { return false, "gone" } }, grade.Unknown, "cannot be graded"},

		{"flat", "soak", nil, grade.Pass, "0.0 KiB"},
		{"leak", "soak", func(w *fake) { w.memory = leak(12) }, grade.Fail, "KiB more"},
		{"leak that hides in the collector's head room", "soak", func(w *fake) { w.live = leak(30) }, grade.Fail, "KiB more"},
		{"live growth under the limit", "soak", func(w *fake) { w.live = leak(7) }, grade.Pass, ""},
		{"heap cannot be read", "soak", func(w *fake) {
			w.live = func(string, time.Duration) (int64, error) { return 0, errors.New("no") }
		}, grade.Unknown, "alive in memory could not be read"},
		{"growth under the limit", "soak", func(w *fake) { w.memory = leak(5) }, grade.Pass, ""},
		{"warm-up, then flat", "soak", func(w *fake) {
			grow := leak(20)
			w.memory = func(id string, at time.Duration) (int64, error) { return grow(id, min(at, 22*time.Second)) }
		}, grade.Pass, ""},
		{"one late collection", "soak", func(w *fake) {
			w.memory = func(id string, at time.Duration) (int64, error) {
				if at > 23900*time.Millisecond {
					return 28 << 20, nil
				}
				return 20 << 20, nil
			}
		}, grade.Pass, ""},
		{"leak shared by replicas", "soak", func(w *fake) {
			add("app", "us-a", 40<<20)(w)
			add("app", "us-a", 40<<20)(w)
			third := leak(4)
			w.memory = func(id string, at time.Duration) (int64, error) { return third("app", at) }
		}, grade.Fail, "KiB more"},
		{"killed meanwhile", "soak", later(2*time.Second, set("app", func(c *engine.Container) { c.OOMKilled = true })), grade.Fail, "lack of memory"},
		{"restarted meanwhile: a saw-tooth", "soak", all(func(w *fake) {
			w.memory = func(id string, at time.Duration) (int64, error) {
				return 10<<20 + int64(at%time.Second)/100, nil
			}
		}, later(2*time.Second, set("app", func(c *engine.Container) { c.StartedAt = time.Now() }))), grade.Fail, "started again"},
		{"removed meanwhile", "soak", later(2*time.Second, func(w *fake) { w.change(func(s map[string][]engine.Container) { delete(s, "app") }) }), grade.Fail, "was removed"},
		{"paused meanwhile", "soak", later(2*time.Second, set("app", func(c *engine.Container) { c.State = "paused" })), grade.Fail, "is paused"},
		{"dead before and after", "soak", set("app", func(c *engine.Container) { c.State = "exited" }), grade.Fail, "ended"},
		{"no container of the service", "soak", func(w *fake) { delete(w.services, "app") }, grade.Fail, "app does not run"},
		{"beyond the original limit", "soak", func(w *fake) {
			w.memory = func(string, time.Duration) (int64, error) { return 60 << 20, nil }
		}, grade.Fail, "original limit is 40 MiB"},
		{"memory cannot be read", "soak", func(w *fake) {
			w.memory = func(string, time.Duration) (int64, error) { return 0, errors.New("no") }
		}, grade.Unknown, "could not be read"},
		{"memory read only at the end", "soak", func(w *fake) {
			w.memory = func(_ string, at time.Duration) (int64, error) {
				if at < 23*time.Second {
					return 0, errors.New("no")
				}
				return 20 << 20, nil
			}
		}, grade.Unknown, "could not be read"},
		{"nobody asks during the soak", "soak", bend(func(t int64, s *traffic.Second) {
			if s.TargetRate > normal {
				*s = traffic.Second{T: t}
			}
		}), grade.Unknown, "0 requests"},
		{"the rate was not raised", "soak", bend(func(t int64, s *traffic.Second) { *s = healthy(t, normal) }), grade.Unknown, "4 times the usual"},
		{"nobody is answered during the soak", "soak", bend(func(t int64, s *traffic.Second) {
			if s.TargetRate > normal {
				spoil("", 1000, 0)(t, s)
			}
		}), grade.Unknown, "answered rightly"},
		{"traffic silent during the soak", "soak", later(time.Second, func(w *fake) { w.silent.Store(true) }), grade.Unknown, ""},
		{"the service is not in use", "soak", func(w *fake) {
			w.handled = func([]string) (map[string]float64, error) { return map[string]float64{"app": 7}, nil }
		}, grade.Fail, "hardly in use"},
		{"a leak thinned by leading requests past it", "soak", func(w *fake) {
			w.memory = leak(4)
			w.handled = func([]string) (map[string]float64, error) {
				return map[string]float64{"app": .3 * float64(w.Window(w.begin, w.Now(), sli.Filter{}).N)}, nil
			}
		}, grade.Fail, "KiB more"},
		{"the leak moved to what was added", "soak", func(w *fake) {
			add("shadow", "us-a", 40<<20)(w)
			grow := leak(12)
			w.memory = func(id string, at time.Duration) (int64, error) {
				if strings.HasPrefix(id, "added") {
					return grow("app", at)
				}
				return 20 << 20, nil
			}
		}, grade.Fail, "KiB more"},
		{"empty inventory", "soak", func(w *fake) { w.inv = grade.Inventory{} }, grade.Unknown, "no inventory"},

		{"comes up well", "restart", nil, grade.Pass, ""},
		{"compose fails", "restart", func(w *fake) { w.recreate = func([]string) error { return errors.New("no such image") } }, grade.Fail, "no such image"},
		{"only the whole stack fails", "restart", func(w *fake) {
			w.recreate = func(names []string) error {
				if len(names) == 0 {
					return errors.New("cycle")
				}
				return nil
			}
		}, grade.Fail, "cycle"},
		{"compose does nothing", "restart", func(w *fake) { w.recreate = func([]string) error { return nil } }, grade.Fail, "not made anew"},
		{"never recovers", "restart", bend(spoil("ap", 1, 0)), grade.Fail, "still failing"},
		{"recovers, and fails again", "restart", func(w *fake) {
			end := time.Now().Add(5 * time.Second).Unix()
			w.second = func(t int64, s *traffic.Second) {
				if t >= end {
					spoil("", 5, 0)(t, s)
				}
			}
		}, grade.Fail, "short"},
		{"traffic dies", "restart", later(time.Second, func(w *fake) { w.silent.Store(true) }), grade.Unknown, "stopped reporting"},
	}
	for _, tt := range tests {
		t.Run(tt.check+"/"+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFake()
				if tt.world != nil {
					tt.world(w)
				}
				got := run(t.Context(), w, tt.check)[tt.check]
				if got.Verdict != tt.want || !strings.Contains(describe(got), tt.text) {
					t.Errorf("got %s; want %s with %q", describe(got), tt.want, tt.text)
				}
				if n := len(w.rates); tt.check == "soak" && n > 0 && w.rates[n-1] != 1 {
					t.Errorf("rates %v; want the traffic back at 1", w.rates)
				}
			})
		})
	}
}

// The restart check runs the soak's traffic, and the soak check uses what it saw;
// each soak has its own.
func TestSoaksAreNotMixedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFake()
		w.memory = func(id string, at time.Duration) (int64, error) {
			if strings.HasPrefix(id, "other") {
				return 10<<20 + int64(12*1024*4*normal*(at-20*time.Second).Seconds()), nil
			}
			return 20 << 20, nil
		}
		second := checks["soak"]
		second.ID, second.Services = "memory-2", []string{"other"}
		checks["soak-2"] = second
		defer delete(checks, "soak-2")
		got := run(t.Context(), w, "restart", "soak", "soak-2")
		if got["soak"].Verdict != grade.Pass || got["soak-2"].Verdict != grade.Fail {
			t.Errorf("soak of app: %s; of other: %s", describe(got["soak"]), describe(got["soak-2"]))
		}
	})
}

func TestCancelledGradingProvesNothing(t *testing.T) {
	for _, after := range []time.Duration{0, 500 * time.Millisecond, 3 * time.Second, 7 * time.Second, 12 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			w := newFake()
			got := run(ctx, w, "shape", "injector", "slo", "tolerance", "restart", "soak")
			var rs []grade.Result
			for _, r := range got {
				rs = append(rs, r)
			}
			if v := grade.Overall(rs); v != grade.Unknown {
				t.Errorf("after %v: %s; want unknown: %v", after, v, got)
			}
			if n := len(w.rates); n > 0 && w.rates[n-1] != 1 {
				t.Errorf("after %v: rates %v", after, w.rates)
			}
		})
	}
}
