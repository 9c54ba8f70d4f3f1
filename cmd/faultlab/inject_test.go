package main

import (
	"encoding/json"
	"testing"
	"time"

	"faultlab/faults/agent"
)

func TestLiveLine(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	entry := func(kind, set string, p agent.Packets, m agent.Measurement) agent.Entry {
		return agent.Entry{Kind: kind, Set: json.RawMessage(set), Packets: p, Measured: &m, EndsAt: now.Add(113 * time.Second)}
	}
	latency := entry("latency", `{"delay":"200ms"}`, agent.Packets{Hit: 1234, Delayed: 1234}, agent.Measurement{AddedMS: 200.4, Method: "icmp", Probes: 15})
	cases := []struct {
		name  string
		e     agent.Entry
		width int
		want  string
	}{
		{"a wide terminal", latency, 199, "latency: 1m53s left; measured +200.4 ms, 0.0 % lost; hit 1234, delayed 1234; set delay 200ms"},
		{"80 columns", latency, 79, "latency: 1m53s left; measured +200.4 ms, 0.0 % lost; hit 1234, delayed 1234; s…"},
		{"loss in 80 columns", entry("loss", `{"percent":10,"direction":"both"}`, agent.Packets{Hit: 9876, Dropped: 987}, agent.Measurement{LossPercent: 19.5}), 79,
			"loss: 1m53s left; measured +0.0 ms, 19.5 % lost; hit 9876, dropped 987; set pe…"},
		{"what counts no packets", entry("pause", `{}`, agent.Packets{}, agent.Measurement{Saw: "8 processes stand still"}), 79,
			"pause: 1m53s left; measured 8 processes stand still"},
		{"a long sight", entry("dns-error", `{"name":"db"}`, agent.Packets{Hit: 3}, agent.Measurement{Saw: "3 of 3 lookups of db.shop.internal answered NXDOMAIN, before NOERROR"}), 79,
			"dns-error: 1m53s left; measured 3 of 3 lookups of db.shop.internal answered NX…"},
		{"while it waits", agent.Entry{Kind: "latency", Reason: "the container is not running", EndsAt: now.Add(time.Minute)}, 79,
			"latency: 1m0s left; the container is not running"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := liveLine(c.e, now, c.width)
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if n := len([]rune(got)); n > c.width {
				t.Errorf("%d characters; want at most %d", n, c.width)
			}
		})
	}
}
