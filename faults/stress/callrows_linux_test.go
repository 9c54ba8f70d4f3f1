package stress

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// calls is what a fault does to requests that the target gets, or makes.
type calls struct {
	side  string   // called or calling, as in the fault
	ends  []string // addresses at the other end, concerned; none: everybody
	under string   // the paths concerned begin so
	share float64
	first bool   // a connection meets it before any request does
	reply string // what is heard instead of the page; "": that, later
	delay time.Duration
	vary  time.Duration // either way, of the delay
	rate  int           // bytes per second of an answer; 0: as it comes
}

func (c *calls) concerns(side, end, path string) bool {
	return c != nil && c.side == side && (len(c.ends) == 0 || slices.Contains(c.ends, end)) && strings.HasPrefix(path, c.under)
}

// callRows are the kinds that who calls the target feels, or who calls from it.
var callRows = []row{
	callRow("dependency-refuse", true, func(r *rand.Rand, c *calls) []string {
		c.first, c.under, c.reply = true, "", reply(0, wasReset, 0)
		return nil
	}),
	callRow("dependency-hang", true, func(r *rand.Rand, c *calls) []string {
		after, params := drawAfter(r)
		if c.reply = reply(200, silent, after); after == 0 {
			c.reply = reply(0, silent, 0)
		}
		return params
	}),
	callRow("http-error", true, func(r *rand.Rand, c *calls) []string {
		status := 400 + r.IntN(200)
		c.reply = reply(status, whole, len("not today"))
		return []string{fmt.Sprint("status=", status), "body=not today"}
	}),
	callRow("dependency-truncate", true, func(r *rand.Rand, c *calls) []string {
		after, params := drawAfter(r)
		c.reply = reply(200, cutShort, after)
		return params
	}),
	callRow("dependency-reset", true, func(r *rand.Rand, c *calls) []string {
		after, params := drawAfter(r)
		c.reply = reply(200, wasReset, after)
		return params
	}),
	callRow("dependency-slow", false, func(r *rand.Rand, c *calls) []string {
		c.delay = time.Duration(40+r.IntN(160)) * time.Millisecond
		params := []string{"delay=" + c.delay.String()}
		if r.IntN(3) == 0 {
			c.vary = c.delay / 4
			params = append(params, "jitter="+c.vary.String())
		}
		return params
	}),
	callRow("dependency-rate", false, func(r *rand.Rand, c *calls) []string {
		c.rate = 40000 + r.IntN(60000)
		return []string{fmt.Sprint("bytes_per_second=", c.rate)}
	}),
}

// drawAfter draws how much of a page still comes.
func drawAfter(r *rand.Rand) (int, []string) {
	after := r.IntN(2) * (1 + r.IntN(pageSize/2))
	if after == 0 {
		return 0, nil
	}
	return after, []string{fmt.Sprint("after=", after)}
}

// callRow draws on which side a fault stands, whom it concerns and which requests; more
// draws the rest. One that ends calls may concern a share of them.
func callRow(kind string, ends bool, more func(r *rand.Rand, c *calls) []string) row {
	return row{kind, func(r *rand.Rand, s *scene) claim {
		c := &calls{side: pick(r, []string{"called", "calling"}), share: 1}
		params := []string{fmt.Sprint("port=", webPort), fmt.Sprint("seed=", 1+r.IntN(1000))}
		if c.side == "calling" {
			params = append(params, "side=calling")
		}
		// On the calling side it is proved at a peer that is named.
		if r.IntN(2) == 0 || c.side == "calling" {
			c.ends = []string{s.peer}
			params = append(params, "peer.addresses="+s.peer)
		}
		percent := 100
		if share := 30 + r.IntN(40); ends && r.IntN(3) == 0 {
			percent, c.share = share, float64(share)/100
		}
		if r.IntN(3) == 0 {
			params = append(params, "established=leave")
		}
		if r.IntN(3) == 0 {
			c.under = "/a/"
		}
		params = append(params, more(r, c)...)
		if c.under != "" {
			params = append(params, "path=/a/*", "methods=GET")
		}
		out := claim{fault: made(kind, append(params, fmt.Sprint("percent=", percent))...), calls: c, is: []string{c.side}}
		if ends { // of two that end calls the library proves none behind the other
			out.is, out.not = append(out.is, "ends "+c.side), []string{"ends " + c.side}
		}
		return out
	}}
}
