package collector

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

var zone = &Process{Service: "web", Zone: "eu-a"}

func traceID(n int) (id TraceID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// steps makes n spans of a trace, one under the other, each of a size.
func steps(trace, n, bytes int, took time.Duration, failed bool) map[TraceID][]Span {
	var list []Span
	for i := range n {
		var s Span
		binary.BigEndian.PutUint64(s.ID[:], uint64(1000*trace+i+1))
		if i > 0 {
			s.Parent = list[i-1].ID
		}
		s.Process, s.Kind, s.Name, s.bytes = zone, "server", "GET /", bytes
		s.Start, s.Duration, s.Failed = time.Unix(int64(trace), int64(i)), took, failed && i == n-1
		s.Attributes = []Attribute{{"site", "eu"}, {"route", "home"}}
		list = append(list, s)
	}
	return map[TraceID][]Span{traceID(trace): list}
}

// held checks what must always be true of a ring, and gives which traces it has.
func held(t *testing.T, r *Ring) map[int]int {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	out, bytes := map[int]int{}, 0
	for id, k := range r.traces {
		n := traceBytes
		for i := range k.spans {
			n += max(k.spans[i].bytes, spanBytes)
		}
		if n != k.bytes {
			t.Fatalf("trace %s takes %d bytes and counts %d", id, n, k.bytes)
		}
		bytes += n
		out[int(binary.BigEndian.Uint64(id[:]))] = len(k.spans)
	}
	if bytes != r.bytes[0]+r.bytes[1] || r.order[0].Len()+r.order[1].Len() != len(r.traces) {
		t.Fatalf("%d bytes in %d traces; counted %v, %d and %d", bytes, len(r.traces), r.bytes, r.order[0].Len(), r.order[1].Len())
	}
	if bytes > r.limit {
		t.Fatalf("%d bytes; want at most %d", bytes, r.limit)
	}
	return out
}

// Ordinary traces go first, the oldest before the others, and always whole.
func TestWhatIsKept(t *testing.T) {
	const each = traceBytes + 4*1000
	r := NewRing(20 * each)
	for i := 1; i <= 100; i++ {
		took, failed := time.Millisecond, false
		switch i {
		case 5:
			failed = true
		case 6:
			took = slowFrom
		}
		r.Add(steps(i, 4, 1000, took, failed))
		held(t, r)
	}
	got := held(t, r)
	for i := 1; i <= 100; i++ {
		n, ok := got[i]
		if want := i == 5 || i == 6 || i > 82; ok != want || ok && n != 4 {
			t.Errorf("trace %d is kept: %v with %d of 4 steps; want %v", i, ok, n, want)
		}
	}
}

// When most traces are failed ones, ordinary ones still have a quarter of the memory.
func TestOrdinaryTracesAreNotPushedOut(t *testing.T) {
	const each = traceBytes + 4*1000
	r := NewRing(20 * each)
	for i := 1; i <= 1000; i++ {
		r.Add(steps(i, 4, 1000, time.Millisecond, i%10 != 0))
	}
	well, last := 0, 0
	for i := range held(t, r) {
		if i%10 == 0 {
			well++
		}
		last = max(last, i)
	}
	if well != 5 || last != 1000 {
		t.Errorf("%d ordinary traces of 20 are kept, the last of all is %d; want 5, 1000", well, last)
	}
}

// A trace that becomes slow later, by a span from another service, is kept longer too.
func TestLateStepsCount(t *testing.T) {
	const each = traceBytes + 1000
	r := NewRing(10 * each)
	r.Add(steps(1, 1, 1000, time.Millisecond, false))
	late := steps(1, 2, 1000, time.Millisecond, true)[traceID(1)][1:]
	r.Add(map[TraceID][]Span{traceID(1): late})
	for i := 2; i < 100; i++ {
		r.Add(steps(i, 1, 1000, time.Millisecond, false))
	}
	if n := held(t, r)[1]; n != 2 {
		t.Errorf("%d steps are kept of a trace that failed late; want 2", n)
	}
}

func TestOneTraceDoesNotTakeAll(t *testing.T) {
	r := NewRing(1 << 20)
	for range 10 {
		r.Add(steps(1, 100, 1000, time.Millisecond, true))
	}
	if n := held(t, r)[1]; n != maxSteps {
		t.Errorf("%d steps; want %d", n, maxSteps)
	}
	got, ok := r.Get(traceID(1))
	if l := r.List(Query{Fresh: true}); !ok || got.Left != 1000-maxSteps || l.TooMany != 1000-maxSteps || l.Counts.Spans != 1000 {
		t.Errorf("left out: %d, counted %+v; want %d", got.Left, l.Counts, 1000-maxSteps)
	}
	// One that is larger than all the memory is not kept, and leaves nothing behind.
	r = NewRing(10_000)
	r.Add(steps(1, 20, 1000, time.Millisecond, false))
	if got := held(t, r); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestQueries(t *testing.T) {
	r := NewRing(1 << 20)
	for i := 1; i <= 20; i++ {
		set := steps(i, 2, 500, time.Duration(i)*10*time.Millisecond, i == 7)
		if i == 9 {
			spans := set[traceID(i)]
			spans[0].Attributes = []Attribute{{"site", "ap"}, {"route", "search"}, {"http.response.status_code", "200"}, {"tenant", "fjord"}}
			spans[1].Process = &Process{Service: "catalog", Zone: "us-a"}
		}
		r.Add(set)
	}
	ids := func(l List) string {
		var out []string
		for _, s := range l.Traces {
			out = append(out, fmt.Sprint(binary.BigEndian.Uint64(s.ID[:])))
		}
		return strings.Join(out, " ")
	}
	for _, tt := range []struct {
		q       Query
		want    string
		matched int
	}{
		{Query{Limit: 3}, "20 19 18", 20},
		{Query{Slow: true, Limit: 2, MinMS: 100}, "20 19", 11},
		{Query{Errors: true}, "7", 1},
		{Query{Region: "ap"}, "9", 1},
		{Query{Route: "search"}, "9", 1},
		{Query{Service: "catalog"}, "9", 1},
		{Query{Service: "catalog-us-a"}, "9", 1},
		{Query{Service: "catalog-us-b"}, "", 0},
		{Query{Service: "web", Limit: 1}, "20", 20},
		{Query{MinMS: 1e6}, "", 0},
	} {
		tt.q.Fresh = true
		l := r.List(tt.q)
		if got := ids(l); got != tt.want || l.Matched != tt.matched || l.Kept != 20 || !l.Since.Equal(time.Unix(1, 0)) {
			t.Errorf("%+v: %q, %d matched, %d kept since %v; want %q, %d", tt.q, got, l.Matched, l.Kept, l.Since, tt.want, tt.matched)
		}
	}
	if l := r.List(Query{Region: "ap", Fresh: true}); l.Traces[0].Status != "200" || l.Traces[0].Tenant != "fjord" || l.Traces[0].Steps != 2 {
		t.Errorf("%+v", l.Traces[0])
	}
}

// A trace is listed when no more of it comes, and can be had by its id at once.
func TestStillComingIn(t *testing.T) {
	r, now := NewRing(1<<20), time.Unix(1000, 0)
	r.now = func() time.Time { return now }
	r.Add(steps(1, 1, 500, 0, false))
	now = now.Add(Settled - 1)
	r.Add(steps(2, 1, 500, 0, false))
	if l := r.List(Query{}); len(l.Traces) != 0 || l.Kept != 2 || l.Coming != 2 {
		t.Errorf("%+v", l)
	}
	if _, ok := r.Get(traceID(2)); !ok {
		t.Error("it cannot be had by its id")
	}
	now = now.Add(1)
	if l := r.List(Query{}); len(l.Traces) != 1 || l.Traces[0].ID != traceID(1) || l.Coming != 1 {
		t.Errorf("%+v", l)
	}
}

func TestFind(t *testing.T) {
	r := NewRing(1 << 20)
	for _, i := range []int{0x11, 0x12, 0x2222} {
		r.Add(steps(i, 1, 500, 0, false))
	}
	for _, tt := range []struct {
		prefix string
		ids    int
	}{{"0000000000002222", 1}, {"00000000000000", 2}, {"ffff", 0}, {traceID(0x11).String(), 1}, {strings.Repeat("0", 40), 0}, {"", 3}} {
		got, ids := r.Find(tt.prefix)
		if len(ids) != tt.ids || (len(got.Spans) > 0) != (tt.ids == 1) {
			t.Errorf("%q: %d ids, %d spans; want %d", tt.prefix, len(ids), len(got.Spans), tt.ids)
		}
	}
}

// Where a request failed first is what its summary says.
func TestWhereItFailed(t *testing.T) {
	p := func(name string) *Process { return &Process{Service: name, Zone: "us-a"} }
	id := func(n byte) SpanID { return SpanID{n} }
	at := func(ms int) time.Time { return time.Unix(0, int64(ms)*1e6) }
	s := summarize(TraceID{1}, []Span{
		{ID: id(4), Parent: id(3), Process: p("catalog"), Name: "search", Kind: "client", Start: at(3), Duration: 5e6, Failed: true, Message: "timeout"},
		{ID: id(1), Parent: id(9), Process: p("web"), Name: "GET /search", Kind: "server", Start: at(0), Duration: 10e6, Failed: true, Message: "catalog did not answer"},
		{ID: id(3), Parent: id(2), Process: p("catalog"), Name: "GET /v1/products", Kind: "server", Start: at(2), Duration: 7e6, Failed: true},
		{ID: id(2), Parent: id(1), Process: p("web"), Name: "GET catalog", Kind: "client", Start: at(1), Duration: 9e6, Failed: true},
		{ID: id(5), Parent: id(1), Process: p("web"), Name: "later", Kind: "internal", Start: at(11), Duration: 1e6, Failed: true},
	})
	if s.Error != "catalog us-a: search: timeout" || !s.Failed || s.Millis != 12 || s.Route != "GET /search" || strings.Join(s.Services, ",") != "web us-a,catalog us-a" {
		t.Errorf("%+v", s)
	}
}

// A request took as long as its user waited: not for what was done with a message later.
func TestWhatNobodyWaitedFor(t *testing.T) {
	p := &Process{Service: "x"}
	at := func(ms int) time.Time { return time.Unix(0, int64(ms)*1e6) }
	span := func(n, parent byte, kind string, from int, ms time.Duration) Span {
		return Span{ID: SpanID{n}, Parent: SpanID{parent}, Process: p, Name: "s", Kind: kind, Start: at(from), Duration: ms * 1e6}
	}
	request := []Span{span(1, 9, "server", 0, 20), span(2, 1, "client", 5, 10), span(3, 1, "producer", 500, 2), span(4, 3, "consumer", 600, 40), span(5, 4, "client", 610, 10)}
	for _, tt := range []struct {
		name  string
		spans []Span
		want  float64
	}{
		{"a request with a message", request, 20},
		{"a message without the request", request[2:], 2},
		{"a message alone", request[3:], 40},
		{"a request with a late step of its own", append(request[:2:2], span(6, 2, "internal", 40, 10)), 50},
		{"a circle", []Span{span(1, 2, "client", 0, 10), span(2, 1, "client", 5, 15)}, 20},
	} {
		if got := summarize(TraceID{1}, tt.spans); got.Millis != tt.want {
			t.Errorf("%s took %v ms; want %v", tt.name, got.Millis, tt.want)
		}
	}
}

func TestRingAtTheSameTime(t *testing.T) {
	r := NewRing(100_000)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 300 {
				r.Add(steps(i*4+w, 3, 300, time.Millisecond, i%5 == 0))
				r.Add(steps(i, 1, 300, time.Millisecond, false))
				r.Get(traceID(i))
				if i%50 == 0 {
					r.List(Query{Slow: true, Fresh: true})
				}
			}
		})
	}
	wg.Wait()
	held(t, r)
}
