package host

import "github.com/prometheus/client_golang/prometheus"

// register adds the metrics of all programs and of the host's memory.
func (h *host) register() {
	h.Metrics.MustRegister(h.orphans)
	for _, p := range h.programs {
		labels := prometheus.Labels{"program": p.Name}
		read := func(value func() float64) func() float64 {
			return func() float64 {
				h.mu.Lock()
				defer h.mu.Unlock()
				return value()
			}
		}
		gauge := func(name, help string, value func() float64) {
			h.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, read(value)))
		}
		counter := func(name, help string, value func() float64) {
			h.Metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, read(value)))
		}
		gauge("program_up", "1 while the program runs.", func() float64 {
			if p.pid != 0 {
				return 1
			}
			return 0
		})
		gauge("program_rss_bytes", "Resident memory of the program and its children at the last look.", func() float64 { return float64(h.resident(p)) })
		gauge("program_last_exit_code", "How it ended last, 128 and the signal for one; -1: it has not ended yet.", func() float64 { return float64(p.lastExit) })
		counter("program_restarts_total", "Times the program was started again.", func() float64 { return float64(p.restarts) })
		counter("program_oom_kills_total", "Times the program was seen to be killed for want of memory.", func() float64 { return float64(p.oomKills) })
	}
	if h.memory != nil {
		memory := func(name, help string, value func() uint64) {
			h.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
		}
		memory("host_memory_used_bytes", "Memory of all programs together, and of files they have read, as the kernel counts it.", h.memory.used)
		memory("host_memory_limit_bytes", "Memory that all programs may use together; 0: as much as there is.", h.memory.limit)
	}
}

// resident sums up the memory of a program's processes; mu is held.
func (h *host) resident(p *program) uint64 {
	if p.pid == 0 {
		return 0
	}
	sum := h.seen[p.pid].resident
	for _, l := range below(h.seen, p.pid) {
		sum += l.resident
	}
	return sum
}
