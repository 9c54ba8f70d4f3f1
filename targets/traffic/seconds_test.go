package traffic

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func read(text string) ([]Second, error) {
	var all []Second
	for s, err := range ReadSeconds(strings.NewReader(text)) {
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

func TestReadSecondsGivesWhatWasWritten(t *testing.T) {
	want := Second{T: 9, TargetRate: 45, Sent: 46, Outstanding: 2, LagMS: 0.4, Segments: []Segment{{
		Who: Group{Region: "us", Route: Search, Version: "7.1", Tenant: "fjord", Device: "ios", Cohort: "control"}, N: 2, OK: 1, Errs: Errors{Timeout: 1}, MS: []float64{4.1, 3000},
	}}}
	line, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(string(line) + "\n\n" + string(line) + "\n")
	if err != nil || !reflect.DeepEqual(got, []Second{want, want}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReadSecondsNamesTheBrokenLine(t *testing.T) {
	got, err := read("{\"t\":1}\n{\"t\":\n{\"t\":3}\n")
	if len(got) != 1 || err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %d seconds and %v; want one and an error about line 2", len(got), err)
	}
}

func TestReadSecondsStopsWhenAsked(t *testing.T) {
	for range ReadSeconds(strings.NewReader("{\"t\":1}\n{\"t\":2}\n")) {
		break
	}
}

func FuzzReadSeconds(f *testing.F) {
	f.Add(`{"t":1,"segs":[{"n":1,"ms":[1]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		for range ReadSeconds(strings.NewReader(text)) {
			n++
		}
		if n > strings.Count(text, "\n")+1 {
			t.Errorf("%d seconds from %q", n, text)
		}
	})
}

func TestTallyPutsEventsIntoTheirSecond(t *testing.T) {
	now := time.Unix(100, 900e6)
	tally := newTally(func() time.Time { return now })
	tally.setRate(45)
	r := Request{Group: Group{Region: "eu", Route: Home, Version: "7.1"}}
	tally.arrived(1500 * time.Microsecond)
	tally.arrived(0)
	now = time.Unix(101, 100e6)
	tally.ended(r, succeeded, 203_440*time.Microsecond, &Placed{Key: "k-1", TotalCents: 7})
	now = time.Unix(103, 0) // nothing happens in second 102
	tally.ended(r, timedOut, 3*time.Second, nil)
	tally.arrived(0)

	got := tally.take()
	if len(got) != 3 {
		t.Fatalf("%d seconds; want 100 to 102", len(got))
	}
	want := []Second{
		{T: 100, TargetRate: 45, Sent: 2, Outstanding: 2, LagMS: 1.5, Segments: []Segment{}},
		{T: 101, TargetRate: 45, Outstanding: 1, Segments: []Segment{
			{Who: Group{Region: "eu", Route: Home, Version: "7.1"}, N: 1, OK: 1, MS: []float64{203.4}}}, Orders: []Placed{{Key: "k-1", TotalCents: 7}}},
		{T: 102, TargetRate: 45, Outstanding: 1, Segments: []Segment{}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	rest := tally.rest()
	if len(rest) != 1 || rest[0].T != 103 || rest[0].Sent != 1 || rest[0].Segments[0].Errs.Timeout != 1 {
		t.Errorf("rest: %+v", rest)
	}
	if line, _ := json.Marshal(want[0]); !strings.Contains(string(line), `"segs":[]`) {
		t.Errorf("an empty second is %s; want segs to be a list", line)
	}
}
