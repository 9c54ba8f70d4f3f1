package shop_test

import (
	"strings"
	"testing"
	"time"

	"faultlab/targets/collector"
	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/reports"
	"faultlab/targets/shop/service"
)

// Each run of reports is a trace of its own, and its statements are found in the
// database's log.
func TestAReportIsATrace(t *testing.T) {
	s := newTraced(t, nil)
	if got := s.ask(t, "POST", "/checkout", `{"key":"order-000001","lines":[{"product_id":7,"quantity":2}]}`, "c0000000000000000000000000000001"); got != 200 {
		t.Fatalf("an order: %d; want 200\n%s", got, s.logs.String())
	}
	c := reports.DefaultConfig()
	c.Database.Host, c.Database.Port, c.Database.Password = "127.0.0.1", s.db.Port, dbtest.ReportsPassword
	c.Database.QueryTimeout, c.Every = 10*time.Second, time.Second
	on := service.New(service.Identity{Service: reports.Name, Release: "1.0.0", Zone: "us-a"}, service.DefaultLog(), &s.logs)
	end, err := on.Traced(service.TracesConfig{Endpoint: s.receiver, Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t.Context()) })
	closing, err := reports.Build(t.Context(), on, &c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closing)
	var list collector.List
	for began := time.Now(); len(list.Traces) == 0; time.Sleep(100 * time.Millisecond) {
		if list, err = s.collector.List(t.Context(), collector.Query{Route: "report", Fresh: true}); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("no report was traced\n%s", s.logs.String())
		}
	}
	id := list.Traces[0].ID.String()
	const want = `reports: report
  reports: lock
  reports: session
  reports: cut off
  reports: begin run
  reports: highest order
  reports: chunk
    reports: begin
    reports: newest order
    reports: sales
    reports: products
    reports: commit
  reports: begin
  reports: forget sales
  reports: forget products
  reports: commit
  reports: end run
  reports: unlock
`
	if drawn := waits.ReplaceAllString(tree(s.get(t, id, false)), ""); drawn != want {
		t.Errorf("a report is\n%s\nwant\n%s", drawn, want)
	}
	s.inLogs(t, id, []string{"reports"}, "reports", "FROM orders WHERE id")
	if strings.Contains(s.logs.String(), "report failed") {
		t.Error(s.logs.String())
	}
}
