package checkout

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"faultlab/targets/shop/service"
)

// PoolConfig bounds what is done at the same time.
type PoolConfig struct {
	Max  int           `yaml:"max"`  // 1 to 10,000
	Wait time.Duration `yaml:"wait"` // for a free place; 0 to 1m
}

// Validate checks the bound; key is its section.
func (c PoolConfig) Validate(key string) error {
	return errors.Join(
		service.Between(key+".max", c.Max, 1, 10_000),
		service.Between(key+".wait", c.Wait, 0, time.Minute),
	)
}

// pool bounds what is done at the same time. A nil one bounds nothing.
type pool struct {
	slots   chan struct{} // one entry for each that is under way
	place   string        // what is waited for, as traces tell it
	wait    time.Duration
	refused prometheus.Counter
}

// poolHelp are the texts of a pool: of a place in it, for traces, and of its metrics.
type poolHelp struct {
	place, refused, busy, max string
}

// newPool gives a pool whose metrics begin with name.
func newPool(c PoolConfig, name string, help poolHelp, register prometheus.Registerer) *pool {
	p := &pool{
		slots: make(chan struct{}, c.Max), place: help.place, wait: c.Wait,
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: name + "_refused_total", Help: help.refused}),
	}
	register.MustRegister(p.refused,
		gauge(name+"_busy", help.busy, func() float64 { return float64(len(p.slots)) }),
		gauge(name+"_max", help.max, func() float64 { return float64(cap(p.slots)) }),
	)
	return p
}

// enter waits for a free place, which leave gives back, and says whether there was one.
func (p *pool) enter(ctx context.Context) bool {
	if p == nil {
		return true
	}
	select {
	case p.slots <- struct{}{}:
		return true
	default:
	}
	wait := time.NewTimer(p.wait)
	defer wait.Stop()
	began, err := time.Now(), errors.New("no place was free in time")
	select {
	case p.slots <- struct{}{}:
		err = nil
	case <-wait.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	service.Waited(ctx, p.place, began, err)
	if err != nil {
		p.refused.Inc()
	}
	return err == nil
}

func (p *pool) leave() {
	if p != nil {
		<-p.slots
	}
}
