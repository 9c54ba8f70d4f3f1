package collector

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// What is kept of a span at most; the rest is cut off.
const (
	maxText       = 1000 // bytes of a name, a value or a message
	maxAttributes = 32   // of a span or an event
	maxEvents     = 16   // of a span
)

// What parts of a span take in memory, besides their texts.
const (
	spanBytes      = 256 // with its place in a trace
	attributeBytes = 32
	eventBytes     = 64
)

// decode reads the body of an OTLP request: spans by trace.
func (t *texts) decode(body []byte) (map[TraceID][]Span, error) {
	var data tracepb.TracesData // byte for byte the request
	if err := proto.Unmarshal(body, &data); err != nil {
		return nil, fmt.Errorf("the body is not an OTLP request: %w", err)
	}
	out := map[TraceID][]Span{}
	for _, r := range data.ResourceSpans {
		process := t.processOf(r.GetResource())
		for _, scope := range r.ScopeSpans {
			for _, s := range scope.Spans {
				var trace TraceID
				span := Span{Process: process}
				if len(s.TraceId) != len(trace) || len(s.SpanId) != len(span.ID) || len(s.ParentSpanId) != 0 && len(s.ParentSpanId) != len(span.Parent) {
					return nil, fmt.Errorf("span %q has ids of %d, %d and %d bytes; want 16, 8, and 0 or 8", cut(s.Name), len(s.TraceId), len(s.SpanId), len(s.ParentSpanId))
				}
				copy(trace[:], s.TraceId)
				copy(span.ID[:], s.SpanId)
				copy(span.Parent[:], s.ParentSpanId)
				t.fill(&span, s)
				out[trace] = append(out[trace], span)
			}
		}
	}
	return out, nil
}

// fill takes over what is in a span besides its ids.
func (t *texts) fill(s *Span, p *tracepb.Span) {
	t.fresh = 0
	s.Name, s.Kind = t.shared(p.Name), kinds[p.Kind]
	s.Start = at(p.StartTimeUnixNano)
	s.Duration = max(0, at(p.EndTimeUnixNano).Sub(s.Start))
	s.Failed = p.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR
	s.Message = t.shared(p.GetStatus().GetMessage())
	s.Attributes = t.attributes(p.Attributes)
	for _, e := range p.Events[:min(len(p.Events), maxEvents)] {
		s.Events = append(s.Events, Event{At: at(e.TimeUnixNano), Name: t.shared(e.Name), Attributes: t.attributes(e.Attributes)})
	}
	s.bytes = spanBytes + attributeBytes*len(s.Attributes) + eventBytes*len(s.Events) + t.fresh
	for i := range s.Events {
		s.bytes += attributeBytes * len(s.Events[i].Attributes)
	}
}

// at is a time in nanoseconds, as far as time.Duration goes.
func at(ns uint64) time.Time { return time.Unix(0, int64(min(ns, math.MaxInt64))) }

var kinds = map[tracepb.Span_SpanKind]string{
	tracepb.Span_SPAN_KIND_SERVER: "server", tracepb.Span_SPAN_KIND_CLIENT: "client", tracepb.Span_SPAN_KIND_INTERNAL: "internal",
	tracepb.Span_SPAN_KIND_PRODUCER: "producer", tracepb.Span_SPAN_KIND_CONSUMER: "consumer",
}

func (t *texts) processOf(r *resourcepb.Resource) *Process {
	p := &Process{Service: "unknown"}
	for _, a := range t.attributes(r.GetAttributes()) {
		switch a.Key {
		case "service.name":
			p.Service = a.Value
		case "service.version":
			p.Release = a.Value
		case "service.instance.id":
			p.Instance = a.Value
		case "cloud.region":
			p.Region = a.Value
		case "cloud.availability_zone":
			p.Zone = a.Value
		}
	}
	return p
}

func (t *texts) attributes(in []*commonpb.KeyValue) []Attribute {
	if len(in) == 0 {
		return nil
	}
	out := make([]Attribute, 0, min(len(in), maxAttributes))
	for _, a := range in[:min(len(in), maxAttributes)] {
		out = append(out, Attribute{t.shared(a.Key), t.shared(text(a.Value))})
	}
	return out
}

// text is a value as people read it; of lists and maps only that they are some.
func text(v *commonpb.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *commonpb.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *commonpb.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', 6, 64)
	case nil:
		return ""
	}
	return "(more than one value)"
}

// texts keeps one copy of each short text that comes again and again.
type texts struct {
	known map[string]string
	fresh int // bytes of the texts that were new since it was last set to 0
}

const (
	maxShared = 300  // bytes of a text that is shared
	maxTexts  = 4096 // that many are known at most; then all are forgotten
)

func newTexts() *texts { return &texts{known: map[string]string{}} }

func (t *texts) shared(s string) string {
	s = cut(s)
	if known, ok := t.known[s]; ok {
		return known
	}
	t.fresh += len(s)
	if len(s) > maxShared {
		return s
	}
	if len(t.known) >= maxTexts {
		clear(t.known)
	}
	t.known[s] = s
	return s
}

func cut(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}
