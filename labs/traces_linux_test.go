package labs_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs"
	"faultlab/labs/control"
	"faultlab/labs/traces"
	"faultlab/targets/collector"
)

// TestFollowARequest follows one request through a whole lab by the id of its trace: the
// edge's log, the services' logs, the trace, the database's log. The user's own backend
// gets the trace too, and the shop's network reaches nothing of control's.
func TestFollowARequest(t *testing.T) {
	e, id := killLab(t)
	l, err := net.Listen("tcp", "0.0.0.0:0") // where control's network reaches this machine
	if err != nil {
		t.Fatal(err)
	}
	const trace, locked, key = "5ca1ab1e00000000000000000000beef", "5ca1ab1e0000000000000000000010c4", "the-users-key"
	exported := make(chan bool, 1)
	backend := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/v1/traces" && r.Header.Get("X-Key") == key && strings.Contains(string(b), "\x5c\xa1\xab\x1e\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xbe\xef") {
			select {
			case exported <- true:
			default:
			}
		}
	})}
	go backend.Serve(l)
	t.Cleanup(func() { backend.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	export, err := traces.FromEnv(func(k string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:" + port, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=" + key}[k]
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := labs.Start(t.Context(), e, labs.StartOptions{Name: "2b/us-b", ID: id, Pace: "fast", Seed: 1, Export: export}, func(control.Progress) {}); err != nil {
		t.Fatal(err)
	}
	lab, err := labs.Find(t.Context(), e, id)
	if err != nil {
		t.Fatal(err)
	}
	run := func(script string) string {
		t.Helper()
		r, err := lab.Exec(t.Context(), engine.Command{Args: []string{"bash", "-c", script}})
		if err != nil || r.Code != 0 {
			t.Fatalf("%s: %v, exit code %d\n%s%s", script, err, r.Code, r.Stdout, r.Stderr)
		}
		return r.Stdout
	}
	const curl = "curl -s -o /dev/null -H 'Host: eu.shop.example' -H 'X-Tenant: fjord' -H 'X-Request-Id: r-1' "
	// The search meets a lock, so that the database tells of it. In a lab that is broken
	// it may not get as far, or not while the lock is held.
	run(`for i in $(seq 10); do
docker compose exec -T db psql -XqU postgres shop > /dev/null <<< "begin; lock table products in access exclusive mode; select pg_sleep(0.7); commit" &
for i in $(seq 100); do [ "$(psql -XAtc "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = 'products'::regclass")" = 1 ] && break; sleep 0.02; done
` + curl + `-H "traceparent: 00-` + locked + `-00f067aa0ba902b7-01" 'http://edge.shop.internal/search?q=oak+lamp'
wait
docker compose logs --no-color db | grep -q 'catalog ` + locked + `.*duration:' && exit
done`)
	// In a lab that is broken it may take more than one try.
	run(`for i in $(seq 10); do [ "$(` + curl + `-w '%{http_code}' -H "traceparent: 00-` + trace + `-00f067aa0ba902b7-01" http://edge.shop.internal/product/77)" = 200 ] && exit; done; exit 1`)
	var got collector.Trace
	for began := time.Now(); ; time.Sleep(500 * time.Millisecond) {
		if got, err = lab.Trace(t.Context(), trace); err == nil && len(got.Services) == 2 {
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("the trace is not whole after 20 s: %+v, %v", got.Summary, err)
		}
	}
	var names []string
	for _, s := range got.Spans {
		names = append(names, s.Process.Service+": "+s.Name)
	}
	for _, want := range []string{"web: GET /product/{id}", "web: GET catalog", "catalog: GET /v1/products/{id}", "catalog: redis get", "catalog: product", "catalog: related"} {
		if !slices.Contains(names, want) {
			t.Errorf("no step %q in %q", want, names)
		}
	}
	if got.Site != "eu" || got.Tenant != "fjord" || got.Route != "product" || got.Spans[0].Process.Zone != "eu-a" || got.Spans[0].Parent.String() != "00f067aa0ba902b7" {
		t.Errorf("%+v under %s", got.Summary, got.Spans[0].Parent)
	}
	if n := strings.Count(run("docker compose logs --no-color --no-log-prefix edge"), " r-1 "+trace+` "GET /`); n < 2 {
		t.Errorf("the edge's log has the request and its trace %d times; want the user's and that to catalog", n)
	}
	if db := run("docker compose logs --no-color db | grep 'catalog " + locked + "'"); !strings.Contains(db, "duration:") || !strings.Contains(db, "-- name: search") {
		t.Errorf("the database's log: %s", db)
	}
	// An id of the edge's own, in its log and in a service's.
	edge := run(`docker compose logs --no-color edge | grep -oE ' [0-9a-f]{32} "GET' | tail -1`)
	if len(strings.Fields(edge)) != 2 {
		t.Errorf("the edge began no trace: %q", edge)
	}
	if logs := run("docker compose logs --no-color web-us-a web-us-b web-eu web-ap catalog-a catalog-b"); !strings.Contains(logs, `"trace_id":"`) || !strings.Contains(logs, `"span_id":"`) {
		t.Error("no service's log has the id of a trace")
	}
	if text := run("trace " + trace[:30]); !strings.Contains(text, "Trace "+trace) || !strings.Contains(text, "web eu-a 5.8.0") || strings.Contains(text, "\x1b") {
		t.Errorf("in the bastion:\n%s", text)
	}
	var list collector.List
	if err := json.Unmarshal([]byte(run("traces --slow --region eu --route search --min-ms 100 --json")), &list); err != nil || list.Kept < 20 {
		t.Errorf("in the bastion: %+v, %v", list, err)
	}
	select {
	case <-exported:
	case <-time.After(10 * time.Second):
		t.Error("the user's backend did not get the trace")
	}
	sealed(t, lab, run)
}

// sealed looks at what the shop's network reaches: the collector takes spans there and
// tells nothing, control is not there at all, and neither has the engine's socket or the
// user's keys for the trainee to see.
func sealed(t *testing.T, lab *labs.Lab, run func(string) string) {
	t.Helper()
	for path, want := range map[string]string{"/v1/traces": "405", "/traces": "404", "/follow": "404", "/metrics": "404"} {
		if got := run("curl -s -o /dev/null -w '%{http_code}' http://traces.shop.internal:4318" + path); got != want {
			t.Errorf("the collector answers %s on %s; want %s", got, path, want)
		}
	}
	for _, role := range []string{control.RoleControl, control.RoleCollector} {
		c, err := lab.Engine.Inspect(t.Context(), control.Name(lab.ID, role))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range c.Env {
			if strings.Contains(v, "the-users-key") {
				t.Errorf("the settings of %s hold the user's key in %s", role, k)
			}
		}
		for network := range c.Networks {
			if onShop := strings.HasSuffix(network, "_shop"); onShop != (role == control.RoleCollector) {
				t.Errorf("%s is on network %s", role, network)
			}
		}
	}
	if out := run("docker ps -a; docker volume ls; docker images; ls /run/engine; docker image inspect $(docker images --format '{{.Repository}}' | head -1 | xargs dirname)/collector:1 2>&1 || true"); strings.Contains(out, lab.ID+"_collector") || strings.Contains(out, lab.ID+"_traces") || strings.Contains(out, "/collector  ") || !strings.Contains(out, "No such image") {
		t.Errorf("the trainee sees the collector:\n%s", out)
	}
}
