package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/endpoint"
	"faultlab/labs/grade"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

// world is what the grader may look at and do; see grade.World.
type world struct{ *Control }

var _ grade.World = world{}

func (w world) Now() time.Time { return w.now() }

func (w world) Window(from, to time.Time, f sli.Filter) sli.Window { return w.rec.Window(from, to, f) }

func (w world) WaitUntil(ctx context.Context, t time.Time) error { return w.waitUntil(ctx, t) }

func (w world) NormalRate() float64 { return normalRate }

func (w world) SetRate(ctx context.Context, factor float64) error { return w.setRate(ctx, factor) }

func (w world) Services(ctx context.Context) (map[string][]engine.Container, error) {
	return w.services(ctx)
}

func (w world) Usage(ctx context.Context, id string) (engine.Usage, error) {
	return w.eng.Usage(ctx, id)
}

func (w world) Inventory() grade.Inventory { return w.keep.get().Inventory }

// serviceLabel is how compose marks a container's service; oneOff marks those of
// `docker compose run`.
const (
	serviceLabel = "com.docker.compose.service"
	oneOff       = "com.docker.compose.oneoff"
)

// services are the shop's containers by service; one that was run by hand, beside
// what is declared, counts as a service of its own.
func (c *Control) services(ctx context.Context) (map[string][]engine.Container, error) {
	cs, err := c.eng.List(ctx, label(c.cfg.ID), endpoint.LabelRole+"="+RoleShop)
	if err != nil {
		return nil, err
	}
	out := map[string][]engine.Container{}
	for _, x := range cs {
		name := x.Labels[serviceLabel]
		if name == "" || x.Labels[oneOff] == "True" {
			name = x.Name + " (run by hand)"
		}
		out[name] = append(out[name], x)
	}
	return out, nil
}

// Recreate runs docker compose on the workspace as a trainee would: what the
// workspace declares is what comes up. It does so in a container like the bastion
// that is made for it: the trainee's own tools may have been changed.
func (w world) Recreate(ctx context.Context, services ...string) (err error) {
	w.changing.Lock()
	defer w.changing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	script := "docker compose up -d --force-recreate --quiet-pull --timeout 2"
	if len(services) > 0 {
		script += " --no-deps"
	}
	for _, s := range services {
		script += " " + quote(s)
	}
	name := Name(w.cfg.ID, RoleDeploy)
	clean := context.WithoutCancel(ctx)
	if err := w.eng.Remove(clean, name); err != nil { // of a grading that was cut off
		return err
	}
	defer func() { err = errors.Join(err, w.eng.Remove(clean, name)) }()
	if _, err := w.eng.Run(ctx, w.bastionLike(RoleDeploy)); err != nil {
		return err
	}
	_, err = w.script(ctx, RoleDeploy, script, nil)
	return err
}

// Served reads the counter http_requests_total, by its label site, inside each of
// web's containers.
func (w world) Served(ctx context.Context) (map[string]grade.Reading, error) {
	_, byID, err := w.counters(ctx, func(service string) bool { return strings.HasPrefix(service, "web-") })
	return byID, err
}

// Handled adds up the requests that containers of services have counted, by service.
func (w world) Handled(ctx context.Context, services []string) (map[string]float64, error) {
	byService, _, err := w.counters(ctx, func(service string) bool { return slices.Contains(services, service) })
	return byService, err
}

// counters reads http_requests_total inside every running container of the
// services chosen, all at the same time.
func (w world) counters(ctx context.Context, choose func(string) bool) (map[string]float64, map[string]grade.Reading, error) {
	all, err := w.services(ctx)
	if err != nil {
		return nil, nil, err
	}
	byService, byID := map[string]float64{}, map[string]grade.Reading{}
	var mu sync.Mutex
	var g errgroup.Group
	for name, cs := range all {
		for _, c := range cs {
			if !choose(name) || c.State != "running" {
				continue
			}
			g.Go(func() error {
				r, err := w.served(ctx, c)
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				byID[c.ID] = r
				for _, n := range r.Sites {
					byService[name] += n
				}
				return nil
			})
		}
	}
	return byService, byID, g.Wait()
}

func (w world) served(ctx context.Context, c engine.Container) (grade.Reading, error) {
	out := grade.Reading{Sites: map[string]float64{}}
	at, families, err := w.metrics(ctx, c)
	out.At = at
	for _, m := range families["http_requests_total"].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "site" {
				out.Sites[l.GetValue()] += m.GetCounter().GetValue()
			}
		}
	}
	return out, err
}

// Live has every running container of the services collect its garbage and reads what
// is left, all at the same time.
func (w world) Live(ctx context.Context, services []string) (map[string]map[string]float64, error) {
	all, err := w.services(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]float64{}
	var mu sync.Mutex
	var g errgroup.Group
	for _, name := range services {
		out[name] = map[string]float64{}
		for _, c := range all[name] {
			if c.State != "running" {
				continue
			}
			g.Go(func() error {
				p, err := w.ask(ctx, c, "/debug/alive")
				if err != nil {
					return err
				}
				n, err := strconv.ParseFloat(strings.TrimSpace(p.Body), 64)
				if err != nil {
					return fmt.Errorf("%s does not tell the size of its heap: %w", c.Name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				out[name][c.ID] = n
				return nil
			})
		}
	}
	return out, g.Wait()
}

// metrics reads a container's own metrics from inside it.
func (w world) metrics(ctx context.Context, c engine.Container) (time.Time, map[string]*dto.MetricFamily, error) {
	probe, err := w.ask(ctx, c, "/metrics")
	if err != nil {
		return time.Time{}, nil, err
	}
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(probe.Body))
	if err != nil {
		return probe.At, nil, fmt.Errorf("read the metrics of %s: %w", c.Name, err)
	}
	return probe.At, families, nil
}

// ask sends a request to a container's service from inside it.
func (w world) ask(ctx context.Context, c engine.Container, path string) (traffic.Probe, error) {
	var probe traffic.Probe
	r, err := w.eng.Exec(ctx, c.ID, engine.Command{Args: []string{"shop", "probe", "http://127.0.0.1:8080" + path, "--timeout", "2s"}})
	if err != nil {
		return probe, err
	}
	if err := json.Unmarshal([]byte(r.Stdout), &probe); err != nil || probe.Err != "" {
		return probe, fmt.Errorf("ask %s for %s: %v %s", c.Name, path, err, probe.Err)
	}
	return probe, nil
}

// Lay puts the grader's own fault on an uplink.
func (w world) Lay(ctx context.Context, f catalog.Fault) (func(context.Context) error, error) {
	l, err := w.uplinks.lay(ctx, f, true, func(string) {})
	if err != nil {
		// Its text tells the kind of the fault and where it sits.
		w.log.Error("the test fault could not be laid", "err", err)
		return nil, errors.New("control's log says why")
	}
	return func(ctx context.Context) error {
		if err := w.uplinks.take(ctx, l); err != nil {
			w.log.Error("the test fault could not be taken away", "err", err)
			return errors.New("control's log says why")
		}
		return nil
	}, nil
}

// Injector says whether the injection has been in force all along.
func (w world) Injector() (bool, string) {
	st := w.keep.get()
	switch {
	case st.InjectorLost != "":
		return false, "the injection broke off: " + st.InjectorLost
	case st.Mended:
		return true, "in force until its owner mended it"
	}
	ok, text := inForce(st.Gaps)
	if !ok {
		return false, text
	}
	if err := w.uplinks.beat(); err != nil {
		return false, "the injector does not answer: " + err.Error()
	}
	return true, text
}

// misled is how often a team may be paged about what is in order before a right
// page counts as a guess.
const misled = 1

// Told says whether a team was told the right facts, by insight: whoever pages it
// about one thing after another will hit the right one.
func (w world) Told(team string) bool {
	st := w.keep.get()
	return slices.Contains(st.Told, team) && st.Misled[team] <= misled
}
