package traffic

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"faultlab/targets/db"
)

// FreshSearch is a search that nobody has sent before, and what came of it.
type FreshSearch struct {
	Region string  `json:"region"`
	Query  string  `json:"query"`
	MS     float64 `json:"ms"`  // until the whole page was there, or the failure
	Err    string  `json:"err"` // timeout, status, body or connect; empty: the right page
}

// Fresh says which searches to send.
type Fresh struct {
	Edge    string        // host:port where users enter
	Count   int           // of searches, the regions taking turns
	Every   time.Duration // from one to the next; they do not wait for answers
	Timeout time.Duration // a user's patience
	Seed    uint64        // of the queries
}

// SendFresh sends searches that look like those of other users and are for what they
// search for, in another order of the words and with other capitals: no cache of
// answers has them, whatever it was filled with. The whole page is wanted of each.
func SendFresh(ctx context.Context, f Fresh) ([]FreshSearch, error) {
	if f.Edge == "" || f.Count < 1 || f.Every <= 0 || f.Timeout <= 0 {
		return nil, fmt.Errorf("edge is %q, count %d, every %v, timeout %v; want host:port, and above 0", f.Edge, f.Count, f.Every, f.Timeout)
	}
	plan, run, count := NewPlan(f.Seed, Shape{}), newRun(), new(atomic.Int64)
	by := map[string]*users{}
	for _, region := range regions {
		by[region.value] = newUsers(region.value, f.Edge, run, f.Timeout, count, newKnown())
	}
	tick := time.NewTicker(f.Every)
	defer tick.Stop()
	out := make([]FreshSearch, f.Count)
	var under sync.WaitGroup
	defer under.Wait()
	for i := range out {
		r := plan.Next()
		r.Region, r.Route, r.Query, r.Whole = regions[i%len(regions)].value, Search, plan.fresh(), true
		under.Go(func() {
			began := time.Now()
			how, _ := by[r.Region].send(ctx, r)
			out[i] = FreshSearch{r.Region, r.Query, milliseconds(time.Since(began)), how.String()}
		})
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
	under.Wait()
	return out, ctx.Err()
}

// String names a failure as Second.Segments count it; "" is success.
func (o outcome) String() string {
	return [...]string{succeeded: "", timedOut: "timeout", badStatus: "status", badBody: "body", noConnection: "connect", overflowed: "overflow"}[o]
}

// fresh is what somebody looks for, written as hardly anybody does.
func (p *Plan) fresh() string {
	words := []string{db.Materials[p.random.IntN(len(db.Materials))], db.Nouns[p.random.IntN(len(db.Nouns))]}
	p.random.Shuffle(2, func(i, j int) { words[i], words[j] = words[j], words[i] })
	return strings.Map(p.anyCase, strings.Join(words, " "))
}

func (p *Plan) anyCase(r rune) rune {
	if p.random.IntN(2) == 0 {
		return unicode.ToLower(r)
	}
	return unicode.ToUpper(r)
}
