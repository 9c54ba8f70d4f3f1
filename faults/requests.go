package faults

import (
	"fmt"
	"slices"
	"strings"
)

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
