package grade

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
)

// point is one reading of a container's memory.
type point struct {
	service string
	at      time.Duration // since the soak began
	bytes   float64
}

// sampleEvery is how often memory is read in a soak.
const sampleEvery = 500 * time.Millisecond

// sample reads the memory of the check's services for as long as it says, and of
// whatever was not there before the incident: requests may have been led there.
func (r *Runner) sample(ctx context.Context, c catalog.Check) (map[string][]point, time.Duration, error) {
	inv := r.World.Inventory()
	out := map[string][]point{}
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	began := time.Now()
	for time.Since(began) < c.Lasting {
		services, err := r.World.Services(ctx)
		if err != nil {
			return nil, 0, err
		}
		// At the same time: one reading may take the engine most of a second.
		var mu sync.Mutex
		var wg sync.WaitGroup
		for name, cs := range services {
			if !slices.Contains(c.Services, name) && inv.Knows(name) {
				continue
			}
			for _, ct := range cs {
				wg.Go(func() {
					u, err := r.World.Usage(ctx, ct.ID)
					if err != nil {
						return // not running at this moment; ended() and enough() tell
					}
					mu.Lock()
					defer mu.Unlock()
					out[ct.ID] = append(out[ct.ID], point{name, time.Since(began), float64(u.MemoryBytes)})
				})
			}
		}
		wg.Wait()
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-tick.C:
		}
	}
	return out, time.Since(began), nil
}

// enough tells whether every container that was there was read often enough: a
// slope through a few points says nothing.
func enough(c catalog.Check, before map[string][]engine.Container, samples map[string][]point) error {
	var blind []string
	for _, name := range c.Services {
		for _, ct := range before[name] {
			pts := samples[ct.ID]
			if n := len(pts); n < 4 || pts[n-1].at-pts[0].at < c.Lasting/2 {
				blind = append(blind, fmt.Sprintf("%s (%d times)", ct.Name, n))
			}
		}
	}
	if len(blind) > 0 {
		return fmt.Errorf("the memory of some could not be read for long enough: %s", strings.Join(blind, ", "))
	}
	return nil
}

// grow finds the service that grows most per request: the growth of all its
// containers in the soak's second half (the first fills caches and the
// collector's head room) by the requests a second that it answered itself, so
// that a leak is not thinned by leading requests past it. Where those are not
// known, the users' requests a second stand in. Peaks are held against the limits
// that containers had in the beginning.
func (s *soaking) grow(samples map[string][]point, inv Inventory, answered map[string]float64, users float64) {
	total := map[string]float64{}
	for _, pts := range samples {
		total[pts[0].service] += max(0, slope(pts[len(pts)/2:]))
	}
	for name, bytes := range total {
		rate := users
		if answered[name] > 0 {
			rate = min(answered[name], users)
		}
		if rate > 0 {
			s.growth = max(s.growth, bytes/rate/1024)
		}
	}
	for _, pts := range samples {
		peak := 0.0
		for _, p := range pts {
			peak = max(peak, p.bytes)
		}
		if limit := inv.Services[pts[0].service].MemoryBytes; limit > 0 && peak > .9*float64(limit) {
			s.over = append(s.over, fmt.Sprintf("a %s reached %.0f MiB; its original limit is %d MiB", pts[0].service, peak/(1<<20), limit>>20))
		}
	}
	slices.Sort(s.over)
}

// slope is the median of the slopes between all pairs of points, in bytes per
// second (Theil-Sen): one late collection does not bend it.
func slope(pts []point) float64 {
	var all []float64
	for i, a := range pts {
		for _, b := range pts[i+1:] {
			if b.at > a.at {
				all = append(all, (b.bytes-a.bytes)/(b.at-a.at).Seconds())
			}
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}
