package monitor

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// answering gives a client for a pager that answers paths with texts; one that begins
// with a number has that status.
func answering(t *testing.T, answers map[string]string) (*Client, *[]string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+"?"+r.URL.RawQuery)
		text, ok := answers[r.URL.Path]
		if !ok {
			http.Error(w, "nobody is there", http.StatusBadGateway)
			return
		}
		status := 200
		if n, _ := fmt.Sscanf(text, "%d ", &status); n == 1 {
			text = text[4:]
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	})}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return New(socket), &asked
}

func TestAsk(t *testing.T) {
	const path = "/prometheus/api/v1/query"
	for name, tt := range map[string]struct {
		query  Query
		answer string
		want   string // what is printed
	}{
		"vector": {Query{Expr: "up"}, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"web"},"value":[1700000000.5,"1"]},{"metric":{},"value":[1700000000,"0.123456"]}]}}`,
			"1       up{job=\"web\"}\n0.1235  {}\n"},
		"scalar":  {Query{Expr: "1"}, `{"data":{"resultType":"scalar","result":[1700000000,"NaN"]}}`, "NaN  {}\n"},
		"nothing": {Query{Expr: "up == 7"}, `{"data":{"resultType":"vector","result":[]}}`, "no series: nothing has such a name and labels, or nothing is so\n"},
		"range": {Query{Expr: "x", Range: Duration(time.Minute)}, `{"data":{"resultType":"matrix","result":[{"metric":{"r":"eu"},"values":[[1,"0"],[2,"NaN"],[3,"7"],[4,"3"]]}]}}`,
			"LAST  MIN  MAX  OLDEST TO NEWEST  SERIES\n3     0    7    ▁ █▄              {r=\"eu\"}\n"},
		"control characters": {Query{Expr: "x"}, "{\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"a\\u001b[2J\",\"b\":\"\\u001b]0;x\"},\"value\":[1,\"2\"]}]}}",
			"2  a?[2J{b=\"\\x1b]0;x\"}\n"},
	} {
		where := path
		if tt.query.Range > 0 {
			where += "_range"
		}
		c, asked := answering(t, map[string]string{where: tt.answer})
		r, err := c.Ask(t.Context(), tt.query)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var out strings.Builder
		if r.Print(&out); out.String() != tt.want {
			t.Errorf("%s:\n%q; want\n%q", name, out.String(), tt.want)
		}
		if tt.query.Range > 0 && !strings.Contains((*asked)[0], "step=1.017") {
			t.Errorf("%s: asked %s; want 60 points", name, (*asked)[0])
		}
	}
}

func TestWrongQuestions(t *testing.T) {
	c, asked := answering(t, map[string]string{"/prometheus/api/v1/query": `400 {"status":"error","errorType":"bad_data","error":"1:4: parse error: unexpected end"}`})
	for _, q := range []Query{{}, {Expr: "up", Range: Duration(time.Second)}, {Expr: "up", Range: Duration(7 * time.Hour)}, {Expr: "up", Range: -1}, {Expr: "up{"}} {
		_, err := c.Ask(t.Context(), q)
		var usage *UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%+v: %v; want that the question is wrong", q, err)
		}
	}
	if len(*asked) != 1 {
		t.Errorf("asked %q; want only the last", *asked)
	}
	c, _ = answering(t, nil)
	_, err := c.Ask(t.Context(), Query{Expr: "up"})
	var usage *UsageError
	if err == nil || errors.As(err, &usage) {
		t.Errorf("nobody is there: %v", err)
	}
}

func TestAlerts(t *testing.T) {
	const prometheus = `{"data":{"alerts":[
		{"state":"firing","activeAt":"2031-05-14T16:20:00Z","labels":{"alertname":"T","severity":"ticket"},"annotations":{"summary":"late"},"value":"1"},
		{"state":"firing","activeAt":"2031-05-14T16:21:00Z","labels":{"alertname":"S","severity":"page"},"annotations":{},"value":"1"},
		{"state":"firing","activeAt":"2031-05-14T16:22:00Z","labels":{"alertname":"I","severity":"page","region":"eu"},"annotations":{},"value":"1"},
		{"state":"pending","activeAt":"2031-05-14T16:23:00Z","labels":{"alertname":"P","severity":"page"},"annotations":{},"value":"1"}]}}`
	const held = `[{"labels":{"alertname":"S","severity":"page"},"status":{"state":"suppressed","silencedBy":["x"],"inhibitedBy":[]}},
		{"labels":{"alertname":"I","severity":"page","region":"eu"},"status":{"state":"suppressed","silencedBy":[],"inhibitedBy":["y"]}}]`
	c, _ := answering(t, map[string]string{"/prometheus/api/v1/alerts": prometheus, "/alertmanager/api/v2/alerts": held})
	a, err := c.Alerts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	PrintAlerts(&out, a, time.Date(2031, 5, 14, 16, 24, 0, 0, time.UTC))
	want := `STATE      FOR   SEVERITY  ALERT           WHAT
silenced   3m0s  page      S               
inhibited  2m0s  page      I{region="eu"}  
pending    1m0s  page      P               
firing     4m0s  ticket    T               late
`
	if out.String() != want {
		t.Errorf("%s; want\n%s", out.String(), want)
	}
	c, _ = answering(t, map[string]string{"/prometheus/api/v1/alerts": prometheus})
	if a, err := c.Alerts(t.Context()); len(a) != 4 || a[0].State != "firing" || err == nil {
		t.Errorf("without Alertmanager: %+v, %v; want what there is, and that it is unsure", a, err)
	}
	c, _ = answering(t, nil)
	if a, err := c.Alerts(t.Context()); a != nil || err == nil {
		t.Errorf("without Prometheus: %v, %v", a, err)
	}
}

func TestSpark(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for want, values := range map[string][]float64{
		"▁▅█":  {0, 4, 7},
		"▁▁":   {5, 5},
		"▁ █ ": {-1, nan, 1, inf},
		"  ":   {nan, nan},
		"":     {},
	} {
		if got := Spark(values); got != want {
			t.Errorf("%v: %q; want %q", values, got, want)
		}
	}
}
