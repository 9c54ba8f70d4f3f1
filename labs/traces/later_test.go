package traces

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"faultlab/targets/collector"
)

// What a message led to after the answer is told by its time, beside the bars of what the
// user waited for.
func TestWhatCameAfterTheAnswer(t *testing.T) {
	trace := example()
	shipping := &collector.Process{Service: "shipping", Zone: "us-a", Release: "1.0.0"}
	trace.Spans = append(trace.Spans, collector.Span{ID: collector.SpanID{6}, Parent: collector.SpanID{3}, Process: shipping,
		Name: "ship order", Kind: "consumer", Start: trace.Start.Add(1512 * time.Millisecond), Duration: 3e6})
	for _, width := range []int{0, 80, 200} {
		var out bytes.Buffer
		if err := PrintTrace(&out, Term{Width: width}, trace); err != nil {
			t.Fatal(err)
		}
		var line string
		for l := range strings.Lines(out.String()) {
			if strings.HasPrefix(l, "shipping us-a 1.0.0") {
				line = strings.TrimSpace(l)
			}
		}
		if !strings.Contains(line, "ship order") || !strings.HasSuffix(line, " at 1512.0 >") {
			t.Errorf("at width %d: %q", width, line)
		}
	}
}
