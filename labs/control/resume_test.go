package control

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/endpoint"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

func TestGaps(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 2, 10, 0, s, 0, time.UTC) }
	gaps := openGap(nil, at(1))
	if ok, text := inForce(gaps); ok || !strings.Contains(text, "not in force since 10:00:01") {
		t.Errorf("while it lasts: %v, %q", ok, text)
	}
	if again := openGap(gaps, at(5)); len(again) != 1 || again[0].From != at(1) {
		t.Errorf("ended again before it was over: %v; want one gap from the first end on", again)
	}
	gaps[0].To = at(4)
	if ok, text := inForce(gaps); !ok || text != "in force, but not for 3 s from 10:00:01 on, when control was started again" {
		t.Errorf("one that is over: %v, %q", ok, text)
	}
	if gaps = openGap(gaps, at(9)); len(gaps) != 2 {
		t.Errorf("another: %v", gaps)
	}
	if ok, text := inForce(nil); !ok || text != "in force" {
		t.Errorf("none: %v, %q", ok, text)
	}
}

// Users who were well only because the fault was away have not been helped.
func TestMitigationNotInAGap(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		gap  Gap
		want bool
	}{
		"before":     {Gap{now.Add(-90 * time.Second), now.Add(-80 * time.Second)}, true},
		"within":     {Gap{now.Add(-8 * time.Second), now.Add(-5 * time.Second)}, false},
		"it lasts":   {Gap{From: now.Add(-70 * time.Second)}, false},
		"after that": {Gap{From: now.Add(time.Minute)}, true},
	} {
		c := running(t, "2b-packet-loss", "us-b")
		c.rec = sli.NewRecorder()
		for s := now.Unix() - 100; s < now.Unix(); s++ {
			seg := func(region string) traffic.Segment {
				return traffic.Segment{Who: traffic.Group{Region: region, Route: "home", Version: "7.1"}, N: 10, OK: 10, MS: []float64{9, 9, 9, 9, 9, 9, 9, 9, 9, 9}}
			}
			c.rec.Add(traffic.Second{T: s, Sent: 30, TargetRate: 30, Segments: []traffic.Segment{seg("ap"), seg("eu"), seg("us")}})
		}
		c.recordAction(endpoint.Action{Verb: "restart container", Object: "x", Status: 204, Changes: true})
		c.keep.set(func(s *State) {
			s.FirstChange, s.HurtAt, s.Gaps = now.Add(-c.pace.Hold-3*time.Second), now.Add(-c.pace.Hold-5*time.Second), []Gap{tt.gap}
		})
		c.mitigated()
		if got := !c.keep.get().MitigateAt.IsZero(); got != tt.want {
			t.Errorf("gap %s: mitigated %v; want %v", name, got, tt.want)
		}
	}
}

func TestFaultsToLay(t *testing.T) {
	for _, tt := range []struct {
		lab  string
		st   State
		want int
	}{
		{"2b-packet-loss", State{}, 1},
		{"2b-packet-loss", State{Mended: true}, 0},
		{"2b-packet-loss", State{InjectorLost: "x"}, 0},
		{"3a-memory-leak", State{}, 0},
	} {
		if got := running(t, tt.lab, "").faultsToLay(tt.st); len(got) != tt.want {
			t.Errorf("%s, mended %v, lost %q: %v; want %d", tt.lab, tt.st.Mended, tt.st.InjectorLost, got, tt.want)
		}
	}
}

// What is played comes with one order, is kept, and nothing is told before it.
func TestOrder(t *testing.T) {
	c := running(t, "2b-packet-loss", "us-b")
	c.lab = nil
	c.keep.set(func(s *State) { *s = State{} })
	for _, h := range []struct {
		name string
		code func(path string) int
	}{
		{"API", func(path string) int {
			code, _ := api(c, c.handler(t.Context()), "GET", path, "", "Authorization", bearer)
			return code
		}},
		{"desk", func(path string) int { code, _ := api(c, c.desk(), "GET", path, ""); return code }},
	} {
		for _, path := range []string{"/v1/brief", "/v1/status", "/v1/timeline", "/v1/report"} {
			if code := h.code(path); code != 409 {
				t.Errorf("%s, GET %s before there is an order: %d; want 409", h.name, path, code)
			}
		}
	}
	if code, _ := api(c, c.handler(t.Context()), "POST", "/v1/start", `{"lab":"3a-memory-leak","more":1}`, "Authorization", bearer); code != 400 {
		t.Errorf("an order with an unknown key: %d", code)
	}
	if err := c.accept(Order{Lab: "9z"}); err == nil || c.keep.get().Phase != "" {
		t.Errorf("a lab that is none: %v, phase %q", err, c.keep.get().Phase)
	}
	order := Order{Lab: "3a-memory-leak", Variant: "web-recorder", Profile: catalog.ProfileFull}
	if err := c.accept(order); err != nil || c.lab == nil || c.lab.Variant.ID != "web-recorder" {
		t.Fatalf("%v, %+v", err, c.lab)
	}
	if err := c.accept(Order{Lab: "2b-packet-loss", Variant: "us-b"}); err == nil || c.lab.ID != order.Lab {
		t.Errorf("a second order: %v, now %s", err, c.lab.ID)
	}
	again, err := openKeeper(strings.TrimSuffix(c.keep.path, "/state.json"))
	if err != nil || !reflect.DeepEqual(again.get().Order, order) {
		t.Errorf("after a restart: %+v, %v", again.get().Order, err)
	}
	if l, err := catalog.Load(again.get().Order.Lab, again.get().Order.Variant); err != nil || l.Variant.ID != "web-recorder" {
		t.Errorf("%v, %v", l, err)
	}
}
