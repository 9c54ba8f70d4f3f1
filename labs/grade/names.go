package grade

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"faultlab/labs/catalog"
)

// Resolver is the shop's resolver among those who are asked for names.
const Resolver = "the resolver"

// names is V5 of addresses: every name means what it meant when the shop was healthy, to
// the resolver and in every container, and one that nobody has ever had means nothing.
func (r *Runner) names(ctx context.Context, c catalog.Check) Result {
	want := r.World.Inventory().Names
	if len(want) == 0 {
		return unknown(errors.New("there is no record of the names to compare with"))
	}
	_, domain, _ := strings.Cut(c.Names[0], ".")
	asked := append(slices.Clone(c.Names), fmt.Sprintf("x%08x.%s", rand.Uint32(), domain))
	var got map[string]map[string]string
	var wrong []string
	for try := range 2 { // the first may meet a resolver that has only just been started
		if try > 0 {
			if err := r.World.WaitUntil(ctx, r.World.Now().Add(settle)); err != nil {
				return unknown(err)
			}
		}
		var err error
		if got, err = r.World.Resolve(ctx, asked); err != nil {
			return unknown(err)
		}
		if wrong = strayed(asked, want, got); len(wrong) == 0 {
			break
		}
	}
	res := Result{Limit: "every name means what it meant, to the resolver and in every container", Verdict: verdict(len(wrong) > 0)}
	if n := len(wrong); n > 0 {
		res.Measured = fmt.Sprintf("%d answers are not what they were: %s", n, strings.Join(wrong[:min(3, n)], "; "))
		return res
	}
	res.Measured = fmt.Sprintf("%d names mean what they meant, to the resolver and in %d containers", len(c.Names), len(got)-1)
	return res
}

// strayed lists the answers that are not those that are wanted, the resolver's first.
func strayed(asked []string, want map[string]string, got map[string]map[string]string) []string {
	who := slices.Sorted(maps.Keys(got))
	if i := slices.Index(who, Resolver); i > 0 {
		who = slices.Insert(slices.Delete(who, i, i+1), 0, Resolver)
	}
	var out []string
	for _, w := range who {
		for _, name := range asked {
			if now, was := got[w][name], want[name]; now != was {
				out = append(out, fmt.Sprintf("%s has %s for %s; it was %s", w, address(now), name, address(was)))
			}
		}
	}
	return out
}

func address(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
