package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"faultlab/faults/agent"
)

// machine writes down what figures depend on.
func (w *world) machine(ctx context.Context, commit string) error {
	info, err := w.Info(ctx)
	if err != nil {
		return err
	}
	caps, err := agent.Probe()
	if err != nil {
		return err
	}
	has := func(c agent.Capability) string {
		if c.OK {
			return "yes"
		}
		return "no: " + c.Detail
	}
	load, _ := os.ReadFile("/proc/loadavg")
	w.facts = append(w.facts,
		fmt.Sprintf("kernel %s, %s, %d cores, %.1f GiB of memory, load at the start %s", info.Kernel, processor(), info.CPUs,
			float64(info.MemoryBytes)/(1<<30), strings.Join(strings.Fields(string(load))[:min(3, len(strings.Fields(string(load))))], " ")),
		fmt.Sprintf("Docker Engine %s (API %s, cgroup v%s)", info.Version, info.APIVersion, info.CgroupVersion),
		fmt.Sprintf("commit %s, %s", commit, time.Now().UTC().Format(time.DateOnly)),
		"back-end queue (NFQUEUE): "+has(caps.NFQueue),
		"back-end netem: "+has(caps.Netem),
	)
	if !caps.Netem.OK {
		w.facts[len(w.facts)-1] += "; nothing below is measured on it"
	}
	if w.toxiproxy == "" {
		w.facts = append(w.facts, "Toxiproxy: not there; nothing below is compared with it")
	}
	return nil
}

// processor is the model's name of the first one.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if k, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return "unknown processor"
}
