package control

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/endpoint"
	"faultlab/labs/grade"
	"faultlab/labs/sli"
	"faultlab/targets/collector"
	"faultlab/targets/traffic"
)

// running makes a control of a lab whose incident is on, without an engine.
func running(t *testing.T, lab, variant string) *Control {
	t.Helper()
	l, err := catalog.Load(lab, variant)
	if err != nil {
		t.Fatal(err)
	}
	c := &Control{cfg: Config{ID: "k3f9x2", Pace: "fast", Token: "secret", CreatedAt: time.Now().Add(-time.Minute), TTL: time.Hour},
		lab: l, pace: grade.Paces["fast"], rec: sli.NewRecorder(), log: slog.New(slog.DiscardHandler), life: t.Context(),
		traces: collector.NewClient(filepath.Join(t.TempDir(), "none"))}
	c.uplinks, c.links = newUplinks(c), newLinks(c)
	dir := t.TempDir()
	if c.keep, err = openKeeper(dir); err != nil {
		t.Fatal(err)
	}
	if c.line, err = openTimeline(dir); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.keep.set(func(s *State) {
		s.Phase, s.HealthyAt, s.BrokenAt, s.HurtAt, s.PagedAt = "running", now.Add(-40*time.Second), now.Add(-35*time.Second), now.Add(-30*time.Second), now.Add(-30*time.Second)
		s.Inventory = grade.Inventory{Services: map[string]grade.Shape{
			"web-us-a": {Replicas: 1, Place: "us-a"}, "web-us-b": {Replicas: 1, Place: "us-b"}, "web-eu": {Replicas: 1, Place: "eu-a"}, "web-ap": {Replicas: 1, Place: "ap-a"}}}
	})
	for s := now.Unix() - 45; s < now.Unix(); s++ {
		c.rec.Add(traffic.Second{T: s, TargetRate: 3, Sent: 3, Segments: []traffic.Segment{{Who: traffic.Group{Region: "us", Route: "home", Version: "7.1"}, N: 3, OK: 2, Errs: traffic.Errors{Timeout: 1}, MS: []float64{10, 20, 3000}}}})
	}
	c.line.add(Event{Actor: "injector", Kind: "fault", Secret: true, Text: "loss on web-us-b by netem: the secret"})
	c.line.add(Event{Actor: "system", Kind: "break", Secret: true, Text: "deployed: the secret"})
	c.line.add(Event{Actor: "pager", Kind: "page", Text: firstLine(l.Brief)})
	return c
}

// api asks control's API and gives status and body.
func api(c *Control, h http.Handler, method, path, body string, header ...string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const bearer = "Bearer secret"

func TestAPIAuth(t *testing.T) {
	c := running(t, "3a-memory-leak", "")
	h := c.handler(t.Context())
	for _, path := range []string{"/v1/brief", "/v1/status", "/v1/timeline", "/v1/report", "/v1/report?answers=yes", "/healthz/../v1/brief", "//healthz", "/healthz/", "/"} {
		for _, auth := range []string{"", "Bearer ", "Bearer wrong", "Bearer secretx", "secre"} {
			if code, body := api(c, h, "GET", path, "", "Authorization", auth); code != 401 || strings.Contains(body, c.lab.Brief) {
				t.Errorf("GET %s with %q: %d %s", path, auth, code, body)
			}
		}
	}
	for _, path := range []string{"/v1/grade", "/v1/start", "/v1/escalate", "/v1/diagnosis", "/v1/note"} {
		if code, _ := api(c, h, "POST", path, "{}"); code != 401 {
			t.Errorf("POST %s without a token: %d", path, code)
		}
	}
	if code, _ := api(c, h, "GET", "/healthz", ""); code != 200 {
		t.Errorf("healthz: %d", code)
	}
	if code, _ := api(c, h, "GET", "/v1/brief", "", "Authorization", bearer); code != 200 {
		t.Errorf("brief with the token: %d", code)
	}
	c.cfg.Token = ""
	if code, _ := api(c, h, "GET", "/v1/brief", "", "Authorization", "Bearer "); code != 401 {
		t.Errorf("a control without a token lets everybody in: %d", code)
	}
}

func TestAPIRefusesBadBodies(t *testing.T) {
	c := running(t, "3a-memory-leak", "")
	h := c.handler(t.Context())
	for path, bodies := range map[string][]string{
		"/v1/note":      {``, `[]`, `{"text":"x","more":1}`, `{"text":"` + strings.Repeat("x", 64<<10) + `"}`},
		"/v1/escalate":  {``, `{"team":"network","abuot":"us-b"}`},
		"/v1/diagnosis": {`{"component":["catalog"],"mode":["x"]}`, `{"component":"catalog"}`},
	} {
		for _, b := range bodies {
			if code, body := api(c, h, "POST", path, b, "Authorization", bearer); code != 400 || !strings.Contains(body, "error") {
				t.Errorf("POST %s %.60s: %d %s", path, b, code, body)
			}
		}
	}
	for path, b := range map[string]string{"/v1/escalate": `{"team":"cleaning","about":"x","evidence":"y"}`, "/v1/diagnosis": `{"component":["moon"],"mechanism":["mtu"],"trigger":["none"],"scope":["all"]}`} {
		if code, body := api(c, h, "POST", path, b, "Authorization", bearer); code != 422 || !strings.Contains(body, "error") {
			t.Errorf("POST %s: %d %s", path, code, body)
		}
	}
	for _, last := range []string{"soon", "14s", "-10m", "10"} {
		if code, body := api(c, c.desk(), "GET", "/v1/status?last="+last, ""); code != 422 || !strings.Contains(body, "error") {
			t.Errorf("status of %s: %d %s", last, code, body)
		}
	}
	if code, _ := api(c, c.desk(), "GET", "/v1/report?answers=yes", ""); code != 404 {
		t.Errorf("the bastion's desk gives the report: %d", code)
	}
}

func TestEscalate(t *testing.T) {
	tests := []struct {
		team, about, evidence string
		told                  bool
		fails                 bool
	}{
		{"network", "us-b", "15 % loss", true, false},
		{"network", "uplink of US-B\nsince 10:00", "loss", true, false},
		{"network", "link-us-b", "loss", true, false},
		{"network", "web-us-b: slow", "0 % in us-a, 15 % here", true, false},
		{"network", "us-a", "loss", false, false},
		{"network", "us-bb or xus-b", "loss", false, false},
		{"network", "us-a us-b eu-a ap-a", "loss", false, false},
		{"network", "web-us-a,web-us-b", "loss", false, false},
		{"network", "link-us-b|link-eu-a", "loss", false, false},
		{"platform", "us-b", "loss", false, false},
		{"network", "us-b", " ", false, true},
		{"network", "", "loss", false, true},
		{"nobody", "us-b", "loss", false, true},
	}
	for _, tt := range tests {
		c := running(t, "2b-packet-loss", "us-b")
		c.lab.Escalations[0].After = time.Hour
		reply, err := c.escalate(Escalation{tt.team, tt.about, tt.evidence})
		if told := (world{c}).Told("network"); told != tt.told || (err != nil) != tt.fails {
			t.Errorf("%+v: told %v, %q, %v", tt, told, reply, err)
		}
		if !tt.told && strings.Contains(reply, "second line card") {
			t.Errorf("%+v is thanked: %q", tt, reply)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"", "plain", "two words", "it's", `a"b\c$d` + "`e`", "line\nbreak", "';exit 3;'", "-n", "ünïcödé", "*?[a]"} {
		out, err := exec.Command("sh", "-c", "printf %s "+quote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q came out as %q, %v", s, out, err)
		}
	}
}

func TestMountable(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"config/deep", "edge"} {
		os.MkdirAll(filepath.Join(root, d), 0o755)
	}
	os.WriteFile(filepath.Join(root, "config/web.yaml"), nil, 0o644)
	os.Symlink("/etc", filepath.Join(root, "out"))
	os.Symlink("config", filepath.Join(root, "in"))
	os.Symlink("/etc/passwd", filepath.Join(root, "config/deep/file"))
	os.Symlink("nowhere", filepath.Join(root, "dangling"))
	for rel, ok := range map[string]bool{
		"": true, "/": true, "/config": true, "/config/": true, "/config/web.yaml": true, "/config//deep": true, "/edge": true,
		"/out": false, "/out/passwd": false, "/in": false, "/in/web.yaml": false, "/config/deep/file": false, "/dangling": false, "/missing": false, "/config/web.yaml/x": false,
	} {
		if err := mountable(root, rel); (err == nil) != ok {
			t.Errorf("%q: %v; want mountable %v", rel, err, ok)
		}
	}
}

func TestEnvRoundTrip(t *testing.T) {
	in := Config{ID: "k3f9x2", Seed: 1 << 63, Pace: "fast", Control: "c:1", Registry: "r/x", Token: `q"'\`, CreatedAt: time.Now().UTC().Round(0), TTL: 90 * time.Minute}
	env, err := in.Env()
	if err != nil {
		t.Fatal(err)
	}
	out, err := FromEnv(env)
	if err != nil || out != in {
		t.Errorf("%+v became %+v, %v", in, out, err)
	}
	for _, bad := range []map[string]string{nil, {envConfig: ""}, {envConfig: "{"}, {envConfig: `{"ttl":"soon"}`}} {
		if _, err := FromEnv(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

func TestWrongPagesDoNotChangeWhatWasRead(t *testing.T) {
	c := running(t, "2b-packet-loss", "us-b")
	page := func() {
		if _, err := c.escalate(Escalation{"network", "us-a", "slow"}); err != nil {
			t.Fatal(err)
		}
	}
	page()
	before := c.keep.get()
	page()
	if before.Misled["network"] != 1 || c.keep.get().Misled["network"] != 2 {
		t.Errorf("read before: %v; now: %v", before.Misled, c.keep.get().Misled)
	}
}

func TestRecordAction(t *testing.T) {
	c := running(t, "3a-memory-leak", "")
	c.recordAction(endpoint.Action{Verb: "restart container", Object: "x", Status: 409, Changes: true})
	if st := c.keep.get(); st.Changed || st.FirstLook.IsZero() {
		t.Errorf("a refused change: %+v", st)
	}
	c.recordAction(endpoint.Action{Verb: "update container", Object: "x", Status: 200, Changes: true})
	if !c.keep.get().Changed {
		t.Error("a raised limit is no change")
	}
	c.changing.Lock()
	n := len(c.line.list(true))
	c.recordAction(endpoint.Action{Verb: "create container", Object: "y", Status: 201, Changes: true})
	c.changing.Unlock()
	if len(c.line.list(true)) != n {
		t.Error("what control does itself counts as the trainee's")
	}
}

func decode(t *testing.T, body string, into any) {
	t.Helper()
	if err := json.NewDecoder(strings.NewReader(body)).Decode(into); err != nil && err != io.EOF {
		t.Fatal(err, body)
	}
}
