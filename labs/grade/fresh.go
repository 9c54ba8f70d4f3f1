package grade

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/places"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

// How many searches fresh sends, and over how long. A server's session tells what it
// has read about once a second, so they are spread over several.
const (
	freshCount = 24
	freshOver  = 6 * time.Second
	freshRest  = 2 * time.Second // until all that was read has been told
)

// freshLeast is how many rows a search that finds a page of 24 must have had read: a
// database that counts nothing has not read little.
const freshLeast = 12

// rowsSQL is how many rows of tables the database has read since it counts.
const rowsSQL = `SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint FROM pg_stat_user_tables`

// fresh is V1 for searches that no cache of answers can have: each must be answered
// rightly and in time, and the database may not read more rows for it than the check
// allows. What the usual users have it read meanwhile counts too, and is little.
func (r *Runner) fresh(ctx context.Context, c catalog.Check) Result {
	load := r.load(ctx)
	from := r.World.Now()
	before, berr := r.rows(ctx)
	got, err := r.World.Fresh(ctx, freshCount, freshOver)
	if err != nil {
		return unknown(err)
	}
	to := r.World.Now()
	if err := r.World.WaitUntil(ctx, to.Add(freshRest)); err != nil {
		return unknown(fmt.Errorf("traffic stopped reporting: %w", err))
	}
	after, aerr := r.rows(ctx)
	each := (after - before) / freshCount

	ok, p95, how := tried(got)
	res := Result{
		Measured: fmt.Sprintf("%d searches that nobody had sent before: %d answered rightly%s, p95 %.0f ms besides the way from their region", len(got), ok, how, p95),
		Limit:    fmt.Sprintf("%s; at most %.0f rows of tables read for each", sli.Limit{Success: c.SLO.Success, P95: c.SLO.P95}, c.Rows),
	}
	late := 100*float64(ok) < c.SLO.Success*freshCount || p95 > float64(c.SLO.P95)/float64(time.Millisecond)
	err = errors.Join(berr, aerr)
	if err == nil && each < freshLeast {
		err = fmt.Errorf("the database counted %.0f rows for each of %d searches; its statistics cannot be relied on", each, freshCount)
	}
	if err == nil {
		res.Measured += fmt.Sprintf("; meanwhile %.0f rows of tables were read for each", each)
	}
	switch {
	case err == nil && each > c.Rows:
		res.Verdict = Fail
	case late:
		if oerr := r.overloaded(ctx, load, r.World.Window(from, to, sli.Filter{})); oerr != nil {
			return unknown(oerr)
		}
		res.Verdict = Fail
	case err != nil:
		return unknown(err)
	default:
		res.Verdict = Pass
	}
	return res
}

func (r *Runner) rows(ctx context.Context) (float64, error) {
	text, err := r.World.SQL(ctx, rowsSQL)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("read how many rows the database has read: %w", err)
	}
	return n, nil
}

// tried sums up searches: how many were answered rightly, their 95th percentile in ms
// (nearest rank), less the round trip home, and the first failure.
func tried(got []traffic.FreshSearch) (ok int, p95 float64, how string) {
	var ms []float64
	for _, s := range got {
		ms = append(ms, s.MS-float64(places.RTT(places.Home, s.Region).Milliseconds()))
		switch {
		case s.Err == "":
			ok++
		case how == "":
			how = fmt.Sprintf(" (%q in %s: %s)", s.Query, s.Region, s.Err)
		}
	}
	if slices.Sort(ms); len(ms) > 0 {
		p95 = ms[int(math.Ceil(.95*float64(len(ms))))-1]
	}
	return ok, p95, how
}
