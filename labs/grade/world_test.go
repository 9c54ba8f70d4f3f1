package grade_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/grade"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

// fake is a World that a test bends: every answer is computed from its fields.
type fake struct {
	mu       sync.Mutex
	begin    time.Time
	rate     float64                          // of the traffic, times normal
	second   func(t int64, s *traffic.Second) // bends a second of traffic
	dead     func(t int64) bool               // traffic does not report this second
	silent   atomic.Bool                      // traffic reports nothing any more
	services map[string][]engine.Container    // by service
	inv      grade.Inventory
	memory   func(id string, at time.Duration) (int64, error)
	live     func(id string, at time.Duration) (int64, error)
	handled  func(services []string) (map[string]float64, error)
	served   func() (map[string]float64, error)
	recreate func(names []string) error
	lay      func() error
	undo     func() error
	injector func() (bool, string)
	told     []string
	books    func() (grade.Books, error)
	shop     fakeShop

	ids     int
	undone  int
	rates   []float64
	rec     *sli.Recorder
	until   int64
	handN   int
	servedN int
	busy    func(l *grade.Load) // bends the machine's load
}

const normal = 45.0

func newFake() *fake {
	w := &fake{begin: time.Now().Add(-20 * time.Second), rate: 1, rec: sli.NewRecorder()}
	w.until = w.begin.Unix()
	w.services = map[string][]engine.Container{}
	for _, name := range []string{"edge", "web-eu", "app", "other"} {
		w.services[name] = []engine.Container{w.container(name)}
	}
	w.inv = grade.Take(w.services)
	return w
}

func (w *fake) NormalRate() float64 { return normal }

func (w *fake) container(name string) engine.Container {
	w.ids++
	return engine.Container{ID: fmt.Sprintf("%s-%d", name, w.ids), Name: name, State: "running", MemoryLimit: 40 << 20, SwapLimit: 40 << 20,
		Entrypoint: []string{"shop"}, Labels: map[string]string{"place": "us-a"}, StartedAt: time.Unix(int64(w.ids), 0)}
}

// healthy is a second of three regions that are well.
func healthy(t int64, rate float64) traffic.Second {
	s := traffic.Second{T: t, TargetRate: rate, Sent: int(rate)}
	for _, g := range []struct {
		region string
		share  float64
	}{{"us", .5}, {"eu", .3}, {"ap", .2}} {
		n := int(g.share*rate + .5)
		seg := traffic.Segment{Who: traffic.Group{Region: g.region, Route: "home", Version: "7.1"}, N: n, OK: n}
		for range n {
			seg.MS = append(seg.MS, 12)
		}
		s.Segments = append(s.Segments, seg)
	}
	return s
}

// report makes the seconds up to now.
func (w *fake) report() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for now := time.Now().Unix(); w.until < now; w.until++ {
		if w.silent.Load() || w.dead != nil && w.dead(w.until) {
			continue
		}
		s := healthy(w.until, w.rate*normal)
		if w.second != nil {
			w.second(w.until, &s)
		}
		w.rec.Add(s)
	}
}

func (w *fake) Now() time.Time {
	w.report()
	return w.rec.Last().Add(time.Second)
}

func (w *fake) Window(from, to time.Time, f sli.Filter) sli.Window {
	w.report()
	return w.rec.Window(from, to, f)
}

func (w *fake) WaitUntil(ctx context.Context, t time.Time) error {
	for began := time.Now(); w.Now().Before(t); {
		if w.silent.Load() || time.Since(began) > time.Minute {
			return errors.New("silent")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return ctx.Err()
}

func (w *fake) SetRate(ctx context.Context, f float64) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.report()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rate = f
	w.rates = append(w.rates, f)
	return nil
}

func (w *fake) Services(ctx context.Context) (map[string][]engine.Container, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string][]engine.Container{}
	for k, v := range w.services {
		out[k] = slices.Clone(v)
	}
	return out, ctx.Err()
}

// change edits the services, as something that happens meanwhile.
func (w *fake) change(do func(map[string][]engine.Container)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do(w.services)
}

func (w *fake) Usage(_ context.Context, id string) (engine.Usage, error) {
	if w.memory == nil {
		return engine.Usage{MemoryBytes: 20 << 20}, nil
	}
	n, err := w.memory(id, time.Since(w.begin))
	return engine.Usage{MemoryBytes: n}, err
}

func (w *fake) Load(context.Context) (*grade.Load, error) {
	at := time.Since(w.begin)
	l := &grade.Load{Capacity: 2 * at, Busy: at / 2, Own: map[string]time.Duration{"app": at / 4}}
	if w.busy != nil {
		w.busy(l)
	}
	return l, nil
}

func (w *fake) Recreate(ctx context.Context, names ...string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if w.recreate != nil {
		return w.recreate(names)
	}
	w.change(func(s map[string][]engine.Container) {
		for name, cs := range s {
			if len(names) > 0 && !slices.Contains(names, name) {
				continue
			}
			for i, c := range cs {
				c.ID += "'"
				cs[i] = c
			}
		}
	})
	return nil
}

// Served grows by what users sent, all of it counted by one container.
func (w *fake) Served(context.Context) (map[string]grade.Reading, error) {
	out := map[string]float64{}
	if w.served != nil {
		var err error
		if out, err = w.served(); err != nil {
			return nil, err
		}
	} else {
		for _, site := range []string{"us", "eu", "ap"} {
			out[site] = float64(w.Window(w.begin, w.Now(), sli.Filter{Region: site}).N)
		}
	}
	return map[string]grade.Reading{"web": {At: w.Now(), Sites: out}}, nil
}

func (w *fake) Handled(_ context.Context, services []string) (map[string]float64, error) {
	if w.handled != nil {
		return w.handled(services)
	}
	out := map[string]float64{}
	for _, s := range services {
		out[s] = float64(w.Window(w.begin, w.Now(), sli.Filter{}).N)
	}
	return out, nil
}

func (w *fake) Lay(context.Context, catalog.Fault) (func(context.Context) error, error) {
	if w.lay != nil {
		if err := w.lay(); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		w.undone++
		if w.undo != nil {
			return w.undo()
		}
		return ctx.Err()
	}, nil
}

func (w *fake) Inventory() grade.Inventory { return w.inv }

func (w *fake) Injector() (bool, string) {
	if w.injector != nil {
		return w.injector()
	}
	return true, "in force"
}

func (w *fake) Told(team string) bool { return slices.Contains(w.told, team) }

var quick = grade.Pace{Window: 6 * time.Second, Requests: 240, Recover: 4 * time.Second, Hold: time.Second}

// checks by name; a run takes a few of them.
var checks = map[string]catalog.Check{
	"slo":      {ID: "users", Proof: "V1", Kind: "slo", SLO: catalog.SLO{Success: 99.5, P95: 150 * time.Millisecond}, Why: "users suffer"},
	"restart":  {ID: "restart", Proof: "V2", Kind: "restart", Services: []string{"app"}, SLO: catalog.SLO{Success: 99.5}, Why: "lost"},
	"soak":     {ID: "memory", Proof: "V4", Kind: "soak", Services: []string{"app"}, Rate: 4, Lasting: 4 * time.Second, SlopeKiB: 8, Why: "grows"},
	"shape":    {ID: "shape", Proof: "V5", Kind: "shape", Why: "changed"},
	"owner":    {ID: "owner", Proof: "V5", Kind: "owner", Team: "network", Why: "untold"},
	"injector": {ID: "injector", Proof: "V8", Kind: "injector"}, "goods": {ID: "goods", Proof: "V6", Kind: "goods", Why: "gone"},
	"fresh": {ID: "fresh", Proof: "V1", Kind: "fresh", SLO: catalog.SLO{Success: 95, P95: 200 * time.Millisecond}, Rows: 20_000, Why: "slow"},
	"tolerance": {ID: "tolerance", Proof: "V7", Kind: "tolerance", Fault: &catalog.Fault{Kind: "loss", Uplink: "us-b"},
		SLO: catalog.SLO{Success: 99, P99: 2 * time.Second}, Attempts: 1.2, Lasting: 2 * time.Second, Why: "multiplies"},
}

// run makes the named checks in a world and gives their results by kind.
func run(ctx context.Context, w *fake, kinds ...string) map[string]grade.Result {
	lab := &catalog.Lab{}
	for _, k := range kinds {
		lab.Checks = append(lab.Checks, checks[k])
	}
	r := grade.Runner{World: w, Lab: lab, Pace: quick}
	out := map[string]grade.Result{}
	for i, res := range r.Run(ctx) {
		out[kinds[i]] = res
	}
	return out
}

// spoil makes a share of a region's requests fail or late from now on.
func spoil(region string, fail int, late float64) func(int64, *traffic.Second) {
	return func(_ int64, s *traffic.Second) {
		for i := range s.Segments {
			g := &s.Segments[i]
			if region != "" && g.Who.Region != region {
				continue
			}
			g.OK -= min(fail, g.OK)
			g.Errs.Status += min(fail, g.N)
			if late > 0 {
				for j := range g.MS {
					g.MS[j] = late
				}
			}
		}
	}
}

func describe(r grade.Result) string {
	return strings.Join([]string{string(r.Verdict), r.Measured, r.Why}, " | ")
}
