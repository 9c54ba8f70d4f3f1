package stress

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// lookups is what a fault does to the queries of the target.
type lookups struct {
	names   []string // of the zone, concerned
	typ     string   // "": every type
	share   float64
	delay   time.Duration
	answers map[string]string // by type, what is heard instead of the right answer; none: that, later
}

func (l *lookups) concerns(q question) bool {
	return l != nil && slices.Contains(l.names, q.name) && (l.typ == "" || l.typ == q.typ)
}

// namesDrawn are ways to say which names are concerned.
var namesDrawn = []struct {
	pattern string
	names   []string
}{
	{"", []string{"db.stress.test", "cache.stress.test"}},
	{"*.stress.test", []string{"db.stress.test", "cache.stress.test"}},
	{"db.stress.test", []string{"db.stress.test"}},
	{"DB.Stress.*", []string{"db.stress.test"}},
	{"*ache*", []string{"cache.stress.test"}},
}

func everyType(answer string) map[string]string {
	return map[string]string{"A": answer, "AAAA": answer}
}

// lookupRows are the kinds that a program in the target feels when it looks names up.
var lookupRows = []row{
	{"dns-error", func(r *rand.Rand, s *scene) claim {
		l, params := drawLookups(r, true)
		code := pick(r, []string{"", "nxdomain", "servfail", "refused"})
		heard := unknownName
		if code != "" {
			params = append(params, "code="+code)
		}
		switch code {
		case "servfail":
			heard = servfail
		case "refused":
			heard = misbehaving
		}
		l.answers = everyType(heard)
		return claim{fault: made("dns-error", params...), lookups: l}
	}},
	{"dns-timeout", func(r *rand.Rand, s *scene) claim {
		l, params := drawLookups(r, true)
		l.answers = everyType(noAnswer)
		return claim{fault: made("dns-timeout", params...), lookups: l}
	}},
	{"dns-delay", func(r *rand.Rand, s *scene) claim {
		l, params := drawLookups(r, false)
		l.delay = time.Duration(20+r.IntN(180)) * time.Millisecond
		return claim{fault: made("dns-delay", append(params, "delay="+l.delay.String())...), lookups: l}
	}},
	{"dns-address", func(r *rand.Rand, s *scene) claim {
		l, params := drawLookups(r, true)
		// A query for addresses of the other version is told that there are none.
		switch r.IntN(3) {
		case 0:
			l.answers = map[string]string{"A": "198.51.100.1,198.51.100.2", "AAAA": unknownName}
			params = append(params, "addresses=198.51.100.2,198.51.100.1")
		case 1:
			l.answers = map[string]string{"A": unknownName, "AAAA": "2001:db8::bad"}
			params = append(params, "addresses=2001:db8::bad")
		default:
			l.answers = map[string]string{"A": "198.51.100.3", "AAAA": "2001:db8::bad"}
			params = append(params, "addresses=198.51.100.3,2001:db8::bad")
		}
		return claim{fault: made("dns-address", params...), lookups: l}
	}},
}

// drawLookups draws which lookups a fault concerns, perhaps a share of them.
func drawLookups(r *rand.Rand, shares bool) (*lookups, []string) {
	which := pick(r, namesDrawn)
	l := &lookups{names: which.names, share: 1, typ: pick(r, []string{"", "", "A", "AAAA"})}
	params := []string{fmt.Sprint("seed=", 1+r.IntN(1000))}
	if which.pattern != "" {
		params = append(params, "name="+which.pattern)
	}
	if l.typ != "" {
		params = append(params, "type="+l.typ)
	}
	if percent := 30 + r.IntN(40); shares && r.IntN(3) == 0 {
		l.share = float64(percent) / 100
		params = append(params, fmt.Sprint("percent=", percent))
	}
	return l, params
}
