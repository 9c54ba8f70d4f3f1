package stress

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// report gathers what the tests count and measure; TestMain prints it as Markdown.
var report = &summary{counts: map[string]map[string]int{}, times: map[string][]time.Duration{}}

type summary struct {
	mu         sync.Mutex
	counts     map[string]map[string]int // section, then what is counted
	times      map[string][]time.Duration
	violations []string
	worlds     []string // ids of what the tests made
}

func (s *summary) count(section, what string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts[section] == nil {
		s.counts[section] = map[string]int{}
	}
	s.counts[section][what] += n
}

// witnessed counts a fault whose effect a user looks at.
func (s *summary) witnessed(kind string) {
	s.count("Witnessed, by kind", kind, 1)
	s.count(sectionInjections, "active and looked at by a user", 1)
}

func (s *summary) time(what string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[what] = append(s.times[what], d)
}

// violation is what must not be: it fails the test, which goes on.
func (s *summary) violation(t *testing.T, format string, a ...any) {
	t.Helper()
	text := fmt.Sprintf(format, a...)
	t.Error(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, t.Name()+": "+text)
}

func (s *summary) print(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.counts) == 0 && len(s.times) == 0 {
		return
	}
	fmt.Fprintf(w, "\n# Stress of the fault library, seed %d\n", *seed)
	for _, section := range slices.Sorted(maps.Keys(s.counts)) {
		fmt.Fprintf(w, "\n## %s\n\n| what | count |\n|---|---|\n", section)
		for _, what := range slices.Sorted(maps.Keys(s.counts[section])) {
			fmt.Fprintf(w, "| %s | %d |\n", what, s.counts[section][what])
		}
	}
	fmt.Fprint(w, "\n## Times\n\n| what | n | p50 | p95 | most |\n|---|---|---|---|---|\n")
	for _, what := range slices.Sorted(maps.Keys(s.times)) {
		d := slices.Sorted(slices.Values(s.times[what]))
		at := func(p int) time.Duration { return d[(len(d)-1)*p/100].Round(time.Millisecond) }
		fmt.Fprintf(w, "| %s | %d | %v | %v | %v |\n", what, len(d), at(50), at(95), at(100))
	}
	fmt.Fprintf(w, "\n## Violations: %d\n\n", len(s.violations))
	for _, v := range s.violations {
		fmt.Fprintf(w, "- %s\n", strings.ReplaceAll(v, "\n", "\n  "))
	}
}
