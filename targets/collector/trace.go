// Package collector takes the spans that the shop's services send by OTLP/HTTP, keeps
// the latest traces in a bounded memory, and answers for them on a socket.
//
// It runs in a container of its own on the shop's network, where a trainee's containers
// reach it too. So it is a process of the shop's image, which knows no lab, with a small
// memory, no way out of the network, and one thing to be asked there: to take spans. What
// it has kept is to be had on its unix socket only, in a volume that it shares with
// control: whoever floods it or breaks it is not a step nearer to control, whose API and
// engine's socket are on no network of the lab's.
package collector

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// TraceID names a trace: 32 hex digits as text.
type TraceID [16]byte

// String is the id as logs have it.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText is String.
func (id TraceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 32 hex digits.
func (id *TraceID) UnmarshalText(text []byte) error { return unhex(id[:], text) }

// SpanID names a span within its trace: 16 hex digits as text; empty text for none.
type SpanID [8]byte

// String is the id as logs have it.
func (id SpanID) String() string {
	if id == (SpanID{}) {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// MarshalText is String.
func (id SpanID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 16 hex digits, or none.
func (id *SpanID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = SpanID{}
		return nil
	}
	return unhex(id[:], text)
}

func unhex(into, text []byte) error {
	if len(text) != 2*len(into) {
		return fmt.Errorf("id %q has %d characters; want %d", text, len(text), 2*len(into))
	}
	_, err := hex.Decode(into, text)
	return err
}

// Process is who recorded a span.
type Process struct {
	Service  string `json:"service"` // e.g. catalog
	Release  string `json:"release,omitempty"`
	Region   string `json:"region,omitempty"`
	Zone     string `json:"zone,omitempty"`
	Instance string `json:"instance,omitempty"` // the container
}

// Name is the service and its zone: "catalog us-a".
func (p *Process) Name() string { return strings.TrimSpace(p.Service + " " + p.Zone) }

// Attribute is a fact about a span.
type Attribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Event is a moment in a span.
type Event struct {
	At         time.Time   `json:"at"`
	Name       string      `json:"name"`
	Attributes []Attribute `json:"attributes,omitempty"`
}

// Span is one step of what a request needed.
type Span struct {
	ID         SpanID        `json:"id"`
	Parent     SpanID        `json:"parent"` // none: the request came without an id
	Process    *Process      `json:"process"`
	Name       string        `json:"name"`
	Kind       string        `json:"kind"` // server, client, internal, producer or consumer
	Start      time.Time     `json:"start"`
	Duration   time.Duration `json:"duration_ns"`
	Failed     bool          `json:"failed"`
	Message    string        `json:"message,omitempty"` // why it failed
	Attributes []Attribute   `json:"attributes,omitempty"`
	Events     []Event       `json:"events,omitempty"`

	bytes int // that it takes in memory
}

// Get is the value of an attribute, or "".
func (s *Span) Get(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// Trace is one request with its steps, the earliest first.
type Trace struct {
	Summary
	Spans []Span `json:"spans"`
}

// Summary is a trace in one line.
type Summary struct {
	ID       TraceID   `json:"trace_id"`
	Start    time.Time `json:"start"`
	Millis   float64   `json:"ms"`     // until it was answered; what messages led to comes later
	Site     string    `json:"site"`   // the users' site asked: us, eu, ap, or internal
	Route    string    `json:"route"`  // home, search, ...
	Status   string    `json:"status"` // of the answer; "" while it is not known
	Tenant   string    `json:"tenant,omitempty"`
	Version  string    `json:"app_version,omitempty"`
	Cohort   string    `json:"cohort,omitempty"`
	Services []string  `json:"services"` // names of processes, "web eu-a"
	Steps    int       `json:"steps"`
	Failed   bool      `json:"failed"`          // any step of it
	Error    string    `json:"error,omitempty"` // where it failed first
	Left     int       `json:"left,omitempty"`  // further steps, which were too many to keep
}

// summarize sums up spans, which it sorts: the earliest first, parents before children.
func summarize(id TraceID, spans []Span) Summary {
	slices.SortStableFunc(spans, func(a, b Span) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(b.Duration, a.Duration))
	})
	s := Summary{ID: id, Steps: len(spans)}
	if len(spans) == 0 {
		return s
	}
	known := map[SpanID]*Span{}
	for i := range spans {
		known[spans[i].ID] = &spans[i]
	}
	root := &spans[0]
	for i := range spans {
		if spans[i].Kind == "server" && known[spans[i].Parent] == nil {
			root = &spans[i]
			break
		}
	}
	end := root.Start.Add(root.Duration)
	var failed *Span
	for i := range spans {
		x := &spans[i]
		if e := x.Start.Add(x.Duration); e.After(end) && !afterwards(x, known) {
			end = e
		}
		if name := x.Process.Name(); !slices.Contains(s.Services, name) {
			s.Services = append(s.Services, name)
		}
		// Of steps that failed because one of theirs did, the last one begun is the one.
		if x.Failed && (failed == nil || failed.ID == x.Parent) {
			failed = x
		}
	}
	s.Start, s.Millis = spans[0].Start, float64(end.Sub(spans[0].Start).Microseconds())/1000
	s.Site, s.Route, s.Status = root.Get("site"), cmp.Or(root.Get("route"), root.Name), root.Get("http.response.status_code")
	s.Tenant, s.Version, s.Cohort = root.Get("tenant"), root.Get("app_version"), root.Get("cohort")
	if failed != nil {
		s.Failed = true
		s.Error = strings.TrimSuffix(failed.Process.Name()+": "+failed.Name+": "+failed.Message, ": ")
	}
	return s
}

// afterwards says that nobody waited for a step: it is of a message that was sent, or that
// was handled, for another step.
func afterwards(s *Span, known map[SpanID]*Span) bool {
	for range maxSteps { // there may be a circle
		parent := known[s.Parent]
		if parent == nil {
			return false
		}
		if s.Kind == "producer" || s.Kind == "consumer" {
			return true
		}
		s = parent
	}
	return false
}
