package faults

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bounds of faults on calls.
const (
	maxHold  = time.Minute // far above the time-outs of clients
	maxText  = 4096        // of a body or a probe
	maxAfter = 1 << 40     // bytes
	maxRate  = 1 << 40     // bytes per second
)

// Calls chooses the calls that a fault of a proxy concerns: TCP connections to a port
// of the target, from outside and over its loopback. Connections that exist when the
// fault is put in place are left alone; HTTP/1 requests on later ones are taken one by
// one, other protocols connection by connection. While such a fault is in place, the
// server sees the target's own address in place of the caller's.
type Calls struct {
	// Port is the port of the target that is called; 1 to 65535.
	Port int `json:"port"`
	// Percent of the calls are concerned; above 0, up to 100.
	Percent float64 `json:"percent"`
	// Seed fixes which calls: the same seed takes the same ones by their order. 0
	// leaves the choice to the agent, which records it.
	Seed uint64 `json:"seed,omitempty"`
	// Probe is what the proof asks the server: a path to GET, or, for another protocol,
	// a text with Go's escapes such as "PING\r\n". Empty asks for the shortest path that
	// the fault concerns; on ports 5432 and 6379 what PostgreSQL and Redis answer.
	Probe string `json:"probe,omitempty"`
}

// Text gives the bytes of a probe that is not a path.
func (c Calls) Text() (string, error) {
	switch {
	case c.Probe == "" && c.Port == 5432:
		return "\x00\x00\x00\x08\x04\xd2\x16\x2f", nil // SSLRequest, answered by S or N
	case c.Probe == "" && c.Port == 6379:
		return "PING\r\n", nil
	case c.Probe == "" || strings.HasPrefix(c.Probe, "/"):
		return "", nil
	}
	return strconv.Unquote(`"` + strings.ReplaceAll(c.Probe, `"`, `\"`) + `"`)
}

func (c Calls) validate() error {
	if c.Port < 1 || c.Port > 65535 {
		return fmt.Errorf("port is %d; want 1 to 65535", c.Port)
	}
	// Written so that NaN is refused as well.
	if !(c.Percent > 0 && c.Percent <= 100) {
		return fmt.Errorf("percent is %v; want above 0, up to 100", c.Percent)
	}
	if len(c.Probe) > maxText || strings.HasPrefix(c.Probe, "/") && strings.ContainsAny(c.Probe, " \r\n\x00") {
		return fmt.Errorf("probe is %.40q; want a path without blanks, or a text, up to %d bytes", c.Probe, maxText)
	}
	if _, err := c.Text(); err != nil {
		return fmt.Errorf("probe is %.40q; want a path, or a text with escapes such as \\r\\n", c.Probe)
	}
	return nil
}

// Requests chooses HTTP requests; the zero value is all of them, and calls of other
// protocols as well. What is sent over TLS cannot be looked into, and matches no choice.
type Requests struct {
	// Methods are those concerned, such as GET; none means any. At most 16.
	Methods []string `json:"methods,omitempty"`
	// Path is a pattern for the path without the query: * stands for any text, also
	// with slashes; empty means any.
	Path string `json:"path,omitempty"`
}

// IsZero reports whether every call is meant.
func (r Requests) IsZero() bool { return len(r.Methods) == 0 && r.Path == "" }

// Match reports whether a request is meant.
func (r Requests) Match(method, path string) bool {
	if len(r.Methods) > 0 && !slices.Contains(r.Methods, method) {
		return false
	}
	return r.Path == "" || glob(r.Path, path)
}

// glob matches a text against a pattern in which * is any text.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	if len(parts) == 1 {
		return s == ""
	}
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}

func (r Requests) validate() error {
	if len(r.Methods) > 16 {
		return fmt.Errorf("methods are %d; want at most 16", len(r.Methods))
	}
	for _, m := range r.Methods {
		if m == "" || len(m) > 32 || strings.ContainsFunc(m, func(c rune) bool { return c < 'A' || c > 'Z' }) {
			return fmt.Errorf("method is %.40q; want capital letters such as GET", m)
		}
	}
	if r.Path != "" && (r.Path[0] != '/' && r.Path[0] != '*' || len(r.Path) > maxText || strings.ContainsAny(r.Path, " ?\r\n\x00")) {
		return fmt.Errorf("path is %.40q; want a pattern such as /cart/*, without blanks and ?, up to %d bytes", r.Path, maxText)
	}
	return nil
}

func validateCalls(c Calls, r Requests) error {
	return errors.Join(c.validate(), r.validate())
}

func validateAfter(n int64) error {
	if n < 0 || n > maxAfter {
		return fmt.Errorf("after is %d; want 0 to %d bytes", n, int64(maxAfter))
	}
	return nil
}
