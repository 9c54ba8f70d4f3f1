package control

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"faultlab/labs/grade"
)

// Load reads what the machine's processors have done, which the kernel tells in every
// container, and what the lab's containers have.
func (w world) Load(ctx context.Context) (*grade.Load, error) {
	all, err := w.eng.List(ctx, label(w.cfg.ID))
	if err != nil {
		return nil, err
	}
	l := &grade.Load{Own: map[string]time.Duration{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range all {
		if !c.Running() {
			continue
		}
		wg.Go(func() {
			u, err := w.eng.Usage(ctx, c.ID)
			if err != nil {
				return // gone meanwhile
			}
			mu.Lock()
			defer mu.Unlock()
			l.Own[c.ID] = u.CPU
		})
	}
	wg.Wait()
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, fmt.Errorf("read the machine's load: %w", err)
	}
	stat, err := fs.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the machine's load: %w", err)
	}
	t := stat.CPUTotal // seconds
	busy := t.User + t.Nice + t.System + t.IRQ + t.SoftIRQ + t.Steal
	l.Busy = time.Duration(busy * float64(time.Second))
	l.Capacity = l.Busy + time.Duration((t.Idle+t.Iowait)*float64(time.Second))
	return l, nil
}
