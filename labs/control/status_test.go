package control

import (
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

// status tells every group of users apart, and does not judge a handful by percentiles.
func TestStatusBySegment(t *testing.T) {
	c := running(t, "3a-memory-leak", "")
	c.rec = sli.NewRecorder()
	seg := func(tenant, route string, n, failed int, ms float64) traffic.Segment {
		return traffic.Segment{Who: traffic.Group{Region: "us", Route: route, Version: "7.1", Tenant: tenant, Device: "ios", Cohort: "control", IP: "6"},
			N: n, OK: n - failed, Errs: traffic.Errors{Status: failed}, MS: slices.Repeat([]float64{ms}, n)}
	}
	for s := time.Now().Unix() - 30; s < time.Now().Unix(); s++ {
		c.rec.Add(traffic.Second{T: s, Sent: 20, TargetRate: 20, Segments: []traffic.Segment{
			seg("aurora", "home", 12, 0, 9), seg("harbour", "home", 5, 0, 400), seg("fjord", "upload", 2, 0, 400), seg("greenleaf", "basket", 1, 1, 9)}})
	}
	var got []string
	for _, s := range c.status(StatusWindow).Segments {
		word := " suffers"
		if s.Well {
			word = ""
		}
		got = append(got, s.Name+word)
		if s.Name == "tenant harbour" && (s.Requests != 75 || s.P50 != 400 || s.P99 != 400 || s.Success != 100) {
			t.Errorf("%+v", s)
		}
	}
	want := "all suffers, region us suffers, route basket suffers, route home suffers, route upload, version 7.1 suffers, " +
		"tenant aurora, tenant fjord, tenant greenleaf suffers, tenant harbour suffers, device ios suffers, cohort control suffers, ip 6 suffers"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
