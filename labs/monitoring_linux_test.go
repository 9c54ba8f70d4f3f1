package labs_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
	"faultlab/labs"
	"faultlab/labs/control"
	"faultlab/labs/monitor"
	"faultlab/targets/pager"
	"faultlab/targets/workspace"
)

// site is the monitoring of a shop, in containers, with the workspace's own files.
type site struct {
	e        *engine.Engine
	id       string
	registry string
	net      netip.Prefix
	dir      string // the workspace, on this machine
}

// newSite makes images that are missing, a network, and the workspace's files. All of
// it is gone at the test's end.
func newSite(t *testing.T) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("starts containers")
	}
	e := enginetest.Open(t)
	set, err := labs.MakeImages(t.Context(), e, func(control.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{e: e, id: fmt.Sprintf("mon%d", os.Getpid()%100000), registry: set.Registry, dir: t.TempDir()}
	t.Cleanup(func() { labs.Remove(context.Background(), e, s.id, nil) })
	s.net = netip.MustParsePrefix(fmt.Sprintf("10.214.%d.0/24", os.Getpid()%250))
	if _, err := e.CreateNetwork(t.Context(), control.Name(s.id, "shop"), []netip.Prefix{s.net}, true, control.Labels(s.id, control.RoleShop, false)); err != nil {
		t.Fatal(err)
	}
	files, err := workspace.Files("10.214.0")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		s.write(t, name, text)
	}
	return s
}

func (s *site) write(t *testing.T, name, text string) {
	t.Helper()
	p := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run starts a container of an image, known in the network by names.
func (s *site) run(t *testing.T, image string, names []string, binds ...string) string {
	t.Helper()
	name := control.Name(s.id, names[0])
	_, err := s.e.Run(t.Context(), engine.Spec{
		Name: name, Image: s.registry + "/" + image, Labels: control.Labels(s.id, control.RoleShop, false), Binds: binds,
		Networks: []engine.Join{{Network: control.Name(s.id, "shop"), Aliases: names}}, MemoryBytes: 256 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// bastion runs a line of shell in a container with the bastion's tools.
func (s *site) bastion(t *testing.T, line string) (code int, said string) {
	t.Helper()
	r, err := s.e.Exec(t.Context(), control.Name(s.id, "bastion"), engine.Command{Args: []string{"bash", "-c", line}, WorkDir: "/workspace"})
	if err != nil {
		t.Fatal(err)
	}
	return r.Code, r.Stdout + r.Stderr
}

// The workspace's configuration is what the real tools take, the rules do what their
// tests say, and a wrong one is told from a right one.
func TestMonitoringFilesWithTheRealTools(t *testing.T) {
	s := newSite(t)
	s.run(t, "bastion:1", []string{"bastion"}, s.dir+":/workspace")
	for _, tt := range []struct {
		line, want string
		code       int
	}{
		{"promtool check config prometheus/prometheus.yml", "SUCCESS: 2 rule files found", 0},
		{"promtool test rules prometheus/tests/*.yml", "SUCCESS", 0},
		{"sed -i 's/slo:burn:rate2m > 3/slo:burn:rate2m > 30/' prometheus/rules/alerts.yml && promtool test rules prometheus/tests/*.yml", "FAILED", 1},
		{"echo 'groups: [{name: x, rules: [{alert: A, expr: \"up ==\"}]}]' > prometheus/rules/more.yml; promtool check config prometheus/prometheus.yml", "parse error", 1},
		{"amtool check-config alertmanager/alertmanager.yml", "2 receivers", 0},
		{"amtool config routes test --config.file=alertmanager/alertmanager.yml severity=page region=eu", "pager", 0},
		{"amtool config routes test --config.file=alertmanager/alertmanager.yml severity=ticket", "tickets", 0},
		{"echo 'route: {receiver: nobody}' > alertmanager/alertmanager.yml; amtool check-config alertmanager/alertmanager.yml", "undefined receiver", 1},
	} {
		if code, said := s.bastion(t, tt.line); code != tt.code || !strings.Contains(said, tt.want) {
			t.Errorf("%s: exit code %d; want %d and %q in\n%s", tt.line, code, tt.code, tt.want, said)
		}
	}
}

// With Prometheus, Alertmanager and the pager for real, and nothing to be asked: a page
// for what is gone arrives at the pager, and can be asked for. Then a rule file is
// broken: a reload refuses it and the old rules go on.
func TestPageArrives(t *testing.T) {
	s := newSite(t)
	sockets := t.TempDir()
	if err := os.Chmod(sockets, 0o777); err != nil {
		t.Fatal(err)
	}
	s.run(t, "pager:1", []string{"pager", "pager.shop.internal"}, sockets+":/run/pager")
	s.run(t, "alertmanager:0.28", []string{"alertmanager"}, s.dir+"/alertmanager:/etc/alertmanager:ro")
	prometheus := s.run(t, "prometheus:2.53", []string{"prometheus"}, s.dir+"/prometheus:/etc/prometheus:ro")
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := monitor.New(filepath.Join(sockets, "pager.sock"))
	var page *pager.Notice
	for run, seq := "", 0; page == nil; {
		n, err := c.Notices(ctx, run, seq)
		if ctx.Err() != nil {
			t.Fatal("no page for the web, of which nothing is there, within two minutes")
		}
		if err != nil {
			time.Sleep(200 * time.Millisecond) // it is starting
			continue
		}
		for _, x := range n.Notices {
			run, seq = n.Run, x.Seq
			if x.Kind == "page" && x.Labels["alertname"] == "ServiceGone" && x.Labels["job"] == "web" {
				page = &x
			}
		}
	}
	if took := page.At.Sub(began); took > time.Minute {
		t.Errorf("the page took %v; want at most a minute", took)
	}
	if page.Status != "firing" || page.Labels["severity"] != "page" || page.Annotations["summary"] != "No web tells its metrics" {
		t.Errorf("the page is %+v", page)
	}
	alerts, err := c.Alerts(ctx)
	if err != nil || len(alerts) == 0 || alerts[0].State != "firing" {
		t.Errorf("alerts %+v, %v; want the page's first", alerts, err)
	}

	rules := "count(ALERTS{alertname=\"ServiceGone\",alertstate=\"firing\"})"
	ask := func(expr string) string {
		t.Helper()
		r, err := c.Ask(ctx, monitor.Query{Expr: expr})
		if err != nil || len(r.Series) == 0 {
			return ""
		}
		return r.Series[0].Points[0].Value
	}
	before := ask(rules)
	s.write(t, "prometheus/rules/broken.yml", "groups:\n  - name: x\n    rules:\n      - alert: A\n        expr: up ==\n")
	if err := s.e.Kill(ctx, prometheus, "HUP"); err != nil {
		t.Fatal(err)
	}
	for ask("prometheus_config_last_reload_successful") != "0" {
		if ctx.Err() != nil {
			t.Fatal("a reload with a broken rule file was not refused")
		}
		time.Sleep(500 * time.Millisecond)
	}
	if after := ask(rules); after == "" || after != before {
		t.Errorf("%q services gone before the refused reload, %q after; want the old rules to go on", before, after)
	}
	if err := os.Remove(filepath.Join(s.dir, "prometheus/rules/broken.yml")); err != nil {
		t.Fatal(err)
	}
	if err := s.e.Kill(ctx, prometheus, "HUP"); err != nil {
		t.Fatal(err)
	}
	for ask("prometheus_config_last_reload_successful") != "1" {
		if ctx.Err() != nil {
			t.Fatal("a reload with a mended rule file was refused")
		}
		time.Sleep(500 * time.Millisecond)
	}
}
