package stress

import (
	"maps"
	"math"
	"testing"
	"time"
)

// alike compares shares up to what adding them up costs; nothing and a share of 0 are the same.
func alike(a, b map[string]float64) bool {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for what := range all {
		if math.Abs(a[what]-b[what]) > 1e-9 {
			return false
		}
	}
	return true
}

// What a user must hear of several faults at once, and after how long.
func TestExpectedLookups(t *testing.T) {
	both := []string{"db.stress.test", "cache.stress.test"}
	says := func(answer string, share float64, names ...string) claim {
		return claim{lookups: &lookups{names: names, share: share, answers: everyType(answer)}}
	}
	late := func(d time.Duration, typ string) claim {
		return claim{lookups: &lookups{names: both, typ: typ, share: 1, delay: d}}
	}
	db, right := zone[0], zone[0].answer
	far := expected{claim: claim{delay: 30 * time.Millisecond, jitter: 10 * time.Millisecond}, pass: 1}
	for name, tt := range map[string]struct {
		claims      []claim
		want        map[string]float64
		least, most time.Duration // in ms
	}{
		"nothing":             {nil, map[string]float64{right: 1}, 20, 40},
		"another name":        {[]claim{says(servfail, 1, both[1])}, map[string]float64{right: 1}, 20, 40},
		"another type":        {[]claim{late(time.Second, "AAAA")}, map[string]float64{right: 1}, 20, 40},
		"late":                {[]claim{late(50*time.Millisecond, ""), late(5*time.Millisecond, "A")}, map[string]float64{right: 1}, 75, 95},
		"late, then an error": {[]claim{late(50*time.Millisecond, ""), says(unknownName, 1, both...)}, map[string]float64{unknownName: 1}, 50, 90},
		"an error before":     {[]claim{says(unknownName, 1, both...), late(50*time.Millisecond, "")}, map[string]float64{unknownName: 1}, 0, 40},
		"asked again":         {[]claim{late(50*time.Millisecond, ""), says(servfail, 1, both...)}, map[string]float64{servfail: 1}, 100, 180},
		"a share":             {[]claim{says(unknownName, 0.4, both...)}, map[string]float64{unknownName: 0.4, right: 0.6}, 0, 40},
		"a share, asked again": {[]claim{says(servfail, 0.5, both...), says(misbehaving, 0.5, both...)},
			map[string]float64{servfail: 0.375, misbehaving: 0.1875, right: 0.4375}, 0, 80},
	} {
		got := expectLookup(tt.claims, db, far).twice()
		if !alike(got.shares, tt.want) || got.least != tt.least*time.Millisecond || got.most != tt.most*time.Millisecond {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestExpectedCalls(t *testing.T) {
	page, bad, gone := reply(200, whole, pageSize), reply(503, whole, 3), reply(0, wasReset, 0)
	says := func(answer string, share float64, first bool) claim {
		return claim{calls: &calls{side: "called", share: share, first: first, reply: answer}}
	}
	slow := claim{calls: &calls{side: "called", ends: []string{"192.0.2.7"}, under: "/a/", share: 1, delay: 40 * time.Millisecond, vary: 10 * time.Millisecond}}
	narrow := claim{calls: &calls{side: "called", share: 1, rate: 10 * pageSize}}
	for name, tt := range map[string]struct {
		claims      []claim
		way         way
		want        map[string]float64
		least, most time.Duration // in ms
	}{
		"nothing":               {nil, way{side: "called", path: "/"}, map[string]float64{page: 1}, 0, 0},
		"the other side":        {[]claim{says(bad, 1, false)}, way{side: "calling", path: "/"}, map[string]float64{page: 1}, 0, 0},
		"somebody else":         {[]claim{slow}, way{side: "called", end: "192.0.2.8", path: "/a/1"}, map[string]float64{page: 1}, 0, 0},
		"another path":          {[]claim{slow}, way{side: "called", end: "192.0.2.7", path: "/"}, map[string]float64{page: 1}, 0, 0},
		"slow":                  {[]claim{slow, narrow}, way{side: "called", end: "192.0.2.7", path: "/a/1"}, map[string]float64{page: 1}, 120, 175},
		"slow, then an error":   {[]claim{slow, says(bad, 1, false)}, way{side: "called", end: "192.0.2.7", path: "/a/1"}, map[string]float64{bad: 1}, 30, 50},
		"an error before":       {[]claim{says(bad, 1, false), slow}, way{side: "called", end: "192.0.2.7", path: "/a/1"}, map[string]float64{bad: 1}, 0, 0},
		"connections are first": {[]claim{says(bad, 1, false), says(gone, 0.25, true)}, way{side: "called", path: "/"}, map[string]float64{gone: 0.25, bad: 0.75}, 0, 0},
	} {
		got := expectCall(tt.claims, tt.way, expected{pass: 1})
		if !alike(got.shares, tt.want) || got.least != tt.least*time.Millisecond || got.most != tt.most*time.Millisecond {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
