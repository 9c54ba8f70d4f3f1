package control

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"faultlab/labs/endpoint"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

func TestMitigationComesAfterAChange(t *testing.T) {
	c := running(t, "3a-memory-leak", "")
	c.rec = sli.NewRecorder()
	now := time.Now()
	for s := now.Unix() - 100; s < now.Unix(); s++ {
		seg := func(region string) traffic.Segment {
			return traffic.Segment{Who: traffic.Group{Region: region, Route: "home", Version: "7.1"}, N: 10, OK: 10, MS: []float64{9, 9, 9, 9, 9, 9, 9, 9, 9, 9}}
		}
		c.rec.Add(traffic.Second{T: s, Sent: 30, TargetRate: 30, Segments: []traffic.Segment{seg("ap"), seg("eu"), seg("us")}})
	}
	c.mitigated()
	if !c.keep.get().MitigateAt.IsZero() {
		t.Error("mitigated without a change")
	}
	c.recordAction(endpoint.Action{Verb: "restart container", Object: "x", Status: 204, Changes: true})
	c.mitigated()
	if !c.keep.get().MitigateAt.IsZero() {
		t.Error("mitigated by a change that users were well before")
	}
	c.keep.set(func(s *State) {
		s.FirstChange, s.HurtAt = now.Add(-c.pace.Hold-3*time.Second), now.Add(-c.pace.Hold-5*time.Second)
	})
	c.mitigated()
	if c.keep.get().MitigateAt.IsZero() {
		t.Error("not mitigated, though users were well for long enough after the change")
	}
}

// What is done in the database goes past control: a look, and users that are well after it.
func TestMitigationInTheDatabase(t *testing.T) {
	for _, lab := range []string{"4a-missing-index", "3a-memory-leak"} {
		c := running(t, lab, "")
		c.rec = sli.NewRecorder()
		now := time.Now()
		for s := now.Unix() - 100; s < now.Unix(); s++ {
			second := traffic.Second{T: s, Sent: 30, TargetRate: 30}
			for _, region := range []string{"ap", "eu", "us"} {
				second.Segments = append(second.Segments, traffic.Segment{Who: traffic.Group{Region: region, Route: "home", Version: "7.1"}, N: 10, OK: 10, MS: slices.Repeat([]float64{9}, 10)})
			}
			c.rec.Add(second)
		}
		from := now.Add(-c.pace.Hold - 10*time.Second)
		c.keep.set(func(s *State) { s.HurtAt = from })
		c.mitigated()
		if !c.keep.get().MitigateAt.IsZero() {
			t.Errorf("%s: mitigated, and nobody has looked", lab)
		}
		c.keep.set(func(s *State) { s.FirstLook = from.Add(time.Second) })
		c.mitigated()
		if got, want := !c.keep.get().MitigateAt.IsZero(), lab == "4a-missing-index"; got != want {
			t.Errorf("%s: mitigated %v after a look alone; want %v", lab, got, want)
		}
	}
}

// A container that dies every now and then fails few of a minute's requests.
func TestNoMitigationBetweenDeaths(t *testing.T) {
	c := running(t, "3a-memory-leak", "")
	c.rec = sli.NewRecorder()
	now := time.Now()
	for s := now.Unix() - 100; s < now.Unix(); s++ {
		second := traffic.Second{T: s, Sent: 45, TargetRate: 45}
		for region, n := range map[string]int{"us": 22, "eu": 14, "ap": 9} {
			seg := traffic.Segment{Who: traffic.Group{Region: region, Route: "home", Version: "7.1"}, N: n, OK: n, MS: slices.Repeat([]float64{9}, n)}
			if region == "us" && (now.Unix()-s)%20 == 0 {
				seg.OK, seg.Errs.Status = n-2, 2
			}
			second.Segments = append(second.Segments, seg)
		}
		c.rec.Add(second)
	}
	from := now.Add(-c.pace.Hold - 10*time.Second)
	c.keep.set(func(s *State) { s.HurtAt = from; s.change(from) })
	if bad := c.suffering(from, now); len(bad) > 0 {
		t.Fatalf("over all that time users suffer: %v", bad)
	}
	c.mitigated()
	if at := c.keep.get().MitigateAt; !at.IsZero() {
		t.Errorf("mitigated at %v", at)
	}
}

// A team that was paged mends its part: that is a change too, and users can be well after it.
func TestMendingIsAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := running(t, "2b-packet-loss", "us-b")
		paged := time.Now()
		if _, err := c.escalate(Escalation{"network", "us-b", "15 % loss"}); err != nil {
			t.Fatal(err)
		}
		if st := c.keep.get(); st.Changed || st.Mended {
			t.Errorf("a page alone counts as a change: %+v", st)
		}
		time.Sleep(c.lab.Escalations[0].After / 5)
		synctest.Wait()
		if st := c.keep.get(); !st.Mended || !st.Changed || !st.FirstChange.Equal(paged.Add(c.lab.Escalations[0].After/5)) {
			t.Errorf("after the mend: mended %v, changed %v at %v", st.Mended, st.Changed, st.FirstChange)
		}
	})
}
