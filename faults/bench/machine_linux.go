package main

import (
	"bufio"
	"context"
	"debug/buildinfo"
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
	text, _ := os.ReadFile("/proc/loadavg")
	load := strings.Fields(string(text))
	w.facts = append(w.facts,
		fmt.Sprintf("kernel %s, %s, %d cores, %.1f GiB of memory, load at the start %s", info.Kernel, processor(), info.CPUs,
			float64(info.MemoryBytes)/(1<<30), strings.Join(load[:min(3, len(load))], " ")),
		fmt.Sprintf("Docker Engine %s (API %s, cgroup v%s)", info.Version, info.APIVersion, info.CgroupVersion),
		fmt.Sprintf("commit %s, %s", commit, time.Now().UTC().Format(time.DateOnly)),
		"back-end queue (NFQUEUE): "+has(caps.NFQueue),
		"back-end netem: "+has(caps.Netem),
	)
	if !caps.Netem.OK {
		w.facts[len(w.facts)-1] += "; nothing below is measured on it"
	}
	w.facts = append(w.facts, "Toxiproxy: "+version(w.toxiproxy))
	return nil
}

// version is the one that a Go binary was built from.
func version(binary string) string {
	if binary == "" {
		return "not there; nothing below is compared with it"
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "of an unknown version"
	}
	return info.Main.Version + ", in the target's own network"
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
