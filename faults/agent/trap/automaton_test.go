package trap

import (
	"regexp"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"orders", "SELECT * FROM orders", true},
		{"orders", "SELECT * FROM Orders WHERE id = $1", true},
		{"ORDERS", "select * from order", false},
		{"orders", "", false},
		{"*", "", true},
		{"", "COMMIT", true},
		{"select*from orders", "SELECT id,\n\tnote\nFROM\n  orders", true},
		{"select*from orders", "UPDATE orders SET note = (SELECT 1 FROM items)", false},
		{"update*orders*set*note", "UPDATE public.orders SET a = 1, note = 2", true},
		{"update*orders*set*note", "UPDATE public.orders SET note2", true},
		{"update*orders*set*note", "UPDATE set note orders", false},
		{"aab", "aaab", true},
		{"abab c", "ababab  c", true},
		{"a * b", "a b", false}, // two spaces, and what is between
		{"a * b", "a  b", true},
		{" from ", "xfrom y", false},
		{"*from*", "FROM", true},
		{"é", "SELECT 'é'", true},
	} {
		if got, err := Match(tt.pattern, tt.text); err != nil || got != tt.want {
			t.Errorf("%q in %q: %v, %v", tt.pattern, tt.text, got, err)
		}
	}
	if _, err := Match(strings.Repeat("ab ", 200), ""); err == nil {
		t.Error("a pattern that is too long")
	}
	if ok, _ := Match("x", strings.Repeat(" ", longest)+"x"); ok {
		t.Error("beyond what is looked at")
	}
}

// FuzzMatch compares with a regular expression, and finds that a pattern of the
// greatest length has an automaton.
func FuzzMatch(f *testing.F) {
	f.Add("select*from orders", "SELECT 1 FROM  orders")
	f.Add("aab*b", "aaabab")
	f.Add("a a  a*a", "a a\ta a a")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > longest || strings.ContainsFunc(pattern+text, func(r rune) bool { return r == 0 || r > '~' }) {
			return
		}
		var re strings.Builder
		re.WriteString("(?is)")
		for i, part := range strings.Split(pattern, "*") {
			if i > 0 {
				re.WriteString(".*")
			}
			part = regexp.MustCompile(`[ \t-\r]+`).ReplaceAllString(part, " ")
			re.WriteString(strings.ReplaceAll(regexp.QuoteMeta(part), " ", `[ \t-\r]+`))
		}
		want := regexp.MustCompile(re.String()).MatchString(text)
		if got, err := Match(pattern, text); err != nil || got != want {
			t.Errorf("%q in %q: %v, %v; want %v", pattern, text, got, err, want)
		}
		if ok, err := Match(pattern, "/* "+Text(pattern)+" */"); err != nil || !ok {
			t.Errorf("%q is not in its own text", pattern)
		}
	})
}
