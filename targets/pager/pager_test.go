package pager

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var began = time.Date(2031, 5, 14, 16, 20, 0, 0, time.UTC)

// alert is one alert of a webhook's body.
func alert(status, name string, starts time.Time) string {
	return fmt.Sprintf(`{"status":%q,"labels":{"alertname":%q},"annotations":{"summary":"s"},"startsAt":%q,"fingerprint":"x"}`,
		status, name, starts.Format(time.RFC3339))
}

// post sends alerts to a pager's path and gives the answer's status.
func post(p *Pager, path string, alerts ...string) int {
	w := httptest.NewRecorder()
	body := `{"version":"4","receiver":"pager","alerts":[` + strings.Join(alerts, ",") + `]}`
	p.Receiver().ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	return w.Code
}

// said is what a pager holds, in short.
func said(p *Pager) string {
	n, _ := p.After("", 0)
	var out []string
	for _, x := range n.Notices {
		out = append(out, fmt.Sprintf("%d %s %s %s", x.Seq, x.Kind, x.Status, x.Labels["alertname"]))
	}
	return strings.Join(out, ", ")
}

func TestWhatIsNewIsKept(t *testing.T) {
	p := New()
	later := began.Add(time.Minute)
	steps := []struct {
		path   string
		alerts []string
		want   string
	}{
		{"/page", []string{alert("firing", "a", began)}, "1 page firing a"},
		{"/page", []string{alert("firing", "a", began), alert("firing", "b", began)}, "1 page firing a, 2 page firing b"},
		{"/ticket", []string{alert("firing", "a", began)}, "1 page firing a, 2 page firing b, 3 ticket firing a"},
		{"/page", []string{alert("resolved", "a", began)}, "1 page firing a, 2 page firing b, 3 ticket firing a, 4 page resolved a"},
		{"/page", []string{alert("resolved", "a", began)}, "1 page firing a, 2 page firing b, 3 ticket firing a, 4 page resolved a"},
		{"/page", []string{alert("firing", "a", later)}, "1 page firing a, 2 page firing b, 3 ticket firing a, 4 page resolved a, 5 page firing a"},
		// an earlier run of the pager may have been told that it began
		{"/page", []string{alert("resolved", "c", began)}, "1 page firing a, 2 page firing b, 3 ticket firing a, 4 page resolved a, 5 page firing a, 6 page resolved c"},
	}
	for i, s := range steps {
		if code := post(p, s.path, s.alerts...); code != 200 {
			t.Errorf("step %d: status %d", i, code)
		}
		if got := said(p); got != s.want {
			t.Errorf("step %d: %s; want %s", i, got, s.want)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	p := New()
	for name, tt := range map[string]struct {
		path string
		body string
		want int
	}{
		"no JSON":        {"/page", "hello", 400},
		"no alerts":      {"/page", `{"alerts":[]}`, 400},
		"another status": {"/page", `{"alerts":[{"status":"maybe"}]}`, 400},
		"too many":       {"/page", `{"alerts":[` + strings.Repeat(`{"status":"firing"},`, maxAlerts) + `{"status":"firing"}]}`, 400},
		"too long":       {"/page", `{"alerts":[{"status":"` + strings.Repeat("x", maxBody) + `"}]}`, 400},
		"another path":   {"/notices", `{}`, 404},
	} {
		w := httptest.NewRecorder()
		p.Receiver().ServeHTTP(w, httptest.NewRequest("POST", tt.path, strings.NewReader(tt.body)))
		if w.Code != tt.want || said(p) != "" {
			t.Errorf("%s: status %d, kept %q; want %d and nothing", name, w.Code, said(p), tt.want)
		}
	}
}

// A flood is refused so that Alertmanager tries again, and time makes room.
func TestFlood(t *testing.T) {
	p, now := New(), began
	p.now, p.filled = func() time.Time { return now }, began
	codes := map[int]int{}
	for i := range burst + 20 {
		codes[post(p, "/page", alert("firing", fmt.Sprint(i), began))]++
	}
	if codes[200] != burst || codes[503] != 20 {
		t.Errorf("%v; want %d taken and 20 put off", codes, burst)
	}
	now = now.Add(10 * time.Second)
	if a, b := post(p, "/page", alert("firing", "x", began)), post(p, "/page", alert("firing", "y", began)); a != 200 || b != 200 {
		t.Errorf("ten seconds later: %d, %d", a, b)
	}
	now = now.Add(time.Hour)
	for i := range kept + burst {
		now = now.Add(5 * time.Second)
		post(p, "/ticket", alert("firing", fmt.Sprint(i), now))
	}
	if n, _ := p.After("", 0); len(n.Notices) != kept || n.Notices[0].Seq == 1 {
		t.Errorf("%d notices, the first is %d; want the newest %d", len(n.Notices), n.Notices[0].Seq, kept)
	}
}

func TestTextIsBounded(t *testing.T) {
	p := New()
	labels := map[string]string{"alertname": "a", "long": strings.Repeat("ä", maxText)}
	for i := range 3 * maxLabels {
		labels[fmt.Sprintf("z%02d", i)] = "v"
	}
	b, _ := json.Marshal(map[string]any{"alerts": []any{map[string]any{"status": "firing", "labels": labels}}})
	w := httptest.NewRecorder()
	p.Receiver().ServeHTTP(w, httptest.NewRequest("POST", "/page", strings.NewReader(string(b))))
	n, _ := p.After("", 0)
	if w.Code != 200 || len(n.Notices) != 1 {
		t.Fatalf("status %d, %+v", w.Code, n)
	}
	got := n.Notices[0].Labels
	if len(got) != maxLabels || got["alertname"] != "a" || len(got["long"]) > maxText+3 || !strings.HasSuffix(got["long"], "ä...") {
		t.Errorf("%d labels, the long one has %d bytes", len(got), len(got["long"]))
	}
}

// Who asks waits for what is new; another run's numbers count for nothing.
func TestAsking(t *testing.T) {
	p := New()
	h := p.Answerer(Config{})
	ask := func(query string) Notices {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/notices?"+query, nil))
		var n Notices
		if err := json.Unmarshal(w.Body.Bytes(), &n); err != nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return n
	}
	got := make(chan Notices)
	go func() { got <- ask("run=&after=0") }()
	select {
	case n := <-got:
		t.Fatalf("%+v before there was anything", n)
	case <-time.After(50 * time.Millisecond):
	}
	post(p, "/page", alert("firing", "a", began))
	first := <-got
	if len(first.Notices) != 1 {
		t.Fatalf("%+v", first)
	}
	post(p, "/page", alert("firing", "b", began))
	if n := ask("run=" + first.Run + "&after=1"); len(n.Notices) != 1 || n.Notices[0].Seq != 2 {
		t.Errorf("after the first: %+v", n)
	}
	if n := ask("run=older&after=7"); len(n.Notices) != 2 {
		t.Errorf("after a restart: %+v", n)
	}
}

// What Prometheus answers is passed on, up to a size.
func TestPassing(t *testing.T) {
	prometheus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/query":
			w.WriteHeader(422)
			fmt.Fprint(w, r.URL.Query().Get("query"))
		case "/large":
			w.Write(make([]byte, maxAnswer+1))
		case "/away":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}
	}))
	defer prometheus.Close()
	h := New().Answerer(Config{Prometheus: prometheus.URL, Alertmanager: "http://127.0.0.1:1"})
	for path, want := range map[string]string{
		"/prometheus/api/v1/query?query=up%7Ba%3D%22b%22%7D": `422 up{a="b"}`,
		"/prometheus/large":      "502 the answer is longer than 8388608 bytes\n",
		"/alertmanager/anything": "502",
		"/prometheus/away":       "302",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if got := fmt.Sprintf("%d %s", w.Code, w.Body); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %.100s; want %s", path, got, want)
		}
	}
}
