package agent

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"faultlab/faults"
)

func TestPlanTree(t *testing.T) {
	d := func(n time.Duration) *action { return &action{delay: n} }
	m := func(port int, proto string, addrs ...string) match {
		pre, err := faults.Peer{Addresses: addrs}.Prefixes()
		if err != nil {
			t.Fatal(err)
		}
		return match{prefixes: pre, port: uint16(port), proto: proto}
	}
	effects := []effect{
		{id: "all", out: d(1)},
		{id: "net", match: m(0, "", "10.0.0.0/8"), out: d(10)},
		{id: "host", match: m(0, "", "10.0.0.2"), out: d(100)},
		{id: "port", match: m(80, ""), out: d(1000)},
	}
	plan, err := planTree(effects, treePlan{})
	if err != nil {
		t.Fatal(err)
	}
	// Whatever the packet, the first filter that catches it gives the sum of what concerns it.
	for _, p := range []struct {
		addr  string
		port  uint16
		proto string
		want  time.Duration
	}{
		{"10.0.0.2", 80, "tcp", 1111}, {"10.0.0.2", 81, "tcp", 111}, {"10.0.0.3", 80, "udp", 1011},
		{"11.0.0.1", 80, "tcp", 1001}, {"11.0.0.1", 0, "icmp", 1}, {"fd00::1", 80, "tcp", 1001},
	} {
		a := netip.MustParseAddr(p.addr)
		i := slices.IndexFunc(plan.cells, func(c cell) bool {
			s := c.selector
			return match{port: s.port, proto: s.proto}.matches(endpoint{addr: a, port: p.port}, p.proto) && (!s.prefix.IsValid() || s.prefix.Contains(a))
		})
		if i < 0 || plan.bands[plan.cells[i].band].delay != p.want {
			t.Errorf("%+v: cell %d of %+v", p, i, plan)
		}
		if o := expect(effects, endpoint{addr: a, port: p.port}, p.proto); o.delay != p.want {
			t.Errorf("%+v: expected %v", p, o.delay)
		}
	}
	// Traffic keeps its band when effects come and go.
	less, err := planTree(effects[:3], plan)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range less.cells {
		i := slices.IndexFunc(plan.cells, func(o cell) bool { return o.selector == c.selector })
		if i >= 0 && plan.cells[i].band != c.band {
			t.Errorf("%v went from band %d to %d", c.selector, plan.cells[i].band, c.band)
		}
	}
	var many []effect
	for i := range 5 {
		many = append(many, effect{id: string(rune('a' + i)), match: m(0, "", "10.0.0.0/"+string(rune('1'+i))), out: d(1)},
			effect{id: string(rune('p' + i)), match: m(80+i, "tcp"), out: d(1)})
	}
	if _, err := planTree(many, treePlan{}); !errors.Is(err, &Error{Code: NotSupported}) {
		t.Errorf("too many bands: %v", err)
	}
}

// What a band of netem does is the sum of what its effects do.
func TestCombined(t *testing.T) {
	single, burst := action{loss: .2}, action{loss: .1, burst: 5}
	jitter := func(delay, jitter time.Duration, shape faults.Distribution) action {
		return action{delay: delay, jitter: jitter, shape: shape}
	}
	for _, tt := range []struct {
		name string
		of   []action
		want action // its table aside
		refused,
		table bool
	}{
		{"losses", []action{single, single}, action{loss: .36}, false, false},
		{"bursts", []action{burst}, action{loss: .1, burst: 5}, false, false},
		{"bursts and losses", []action{single, burst, single}, action{loss: .1, burst: 5, besides: .36}, false, false},
		{"two of bursts", []action{burst, burst}, action{}, true, false},
		{"delays", []action{{delay: time.Second}, {delay: time.Millisecond}}, action{delay: 1001 * time.Millisecond}, false, false},
		// Netem's table reaches 32767/8192 deviations.
		{"jitter", []action{jitter(40*time.Millisecond, 20*time.Millisecond, "")}, action{delay: 40 * time.Millisecond, jitter: 5 * time.Millisecond}, false, true},
		{"jitter and delay", []action{jitter(40*time.Millisecond, 20*time.Millisecond, ""), {delay: time.Second}},
			action{delay: 1040 * time.Millisecond, jitter: 5 * time.Millisecond}, false, true},
		{"two jitters", []action{jitter(40*time.Millisecond, 20*time.Millisecond, ""), jitter(60*time.Millisecond, 20*time.Millisecond, "")},
			action{delay: 100 * time.Millisecond, jitter: 9996 * time.Microsecond}, false, true},
		{"the smallest", []action{jitter(time.Millisecond, 1, "")}, action{delay: time.Millisecond, jitter: time.Microsecond}, false, true},
		{"too wide", []action{jitter(10*time.Second, 9*time.Second, "")}, action{}, true, false},
	} {
		var effects []effect
		for _, a := range tt.of {
			effects = append(effects, effect{id: "x", out: &a})
		}
		got, err := combined(effects, selector{})
		if errors.Is(err, &Error{Code: NotSupported}) != tt.refused || err != nil && !tt.refused {
			t.Errorf("%s: %v", tt.name, err)
		}
		if (got.table != nil) != (tt.table && !tt.refused) {
			t.Errorf("%s: %d values in the table", tt.name, len(got.table))
		}
		// What netem makes of the table is what was asked for, to its grain.
		for i, v := range got.table.netem(got.delay, got.jitter) {
			if made := got.delay + got.jitter*time.Duration(v)/8192; (made - got.table[i]).Abs() > got.jitter/8192+1 {
				t.Fatalf("%s: value %d is %v, want %v", tt.name, i, made, got.table[i])
			}
		}
		got.table = nil
		if near := func(a, b time.Duration) bool { return (a - b).Abs() < 5*time.Microsecond }; !near(got.delay, tt.want.delay) || !near(got.jitter, tt.want.jitter) ||
			math.Abs(got.loss-tt.want.loss) > 1e-9 || math.Abs(got.besides-tt.want.besides) > 1e-9 || got.burst != tt.want.burst {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestEffectOf(t *testing.T) {
	e, err := effectOf("x", faults.Latency{Delay: 80, Direction: faults.Both, RTT: true}, 0)
	if err != nil || e.out == nil || e.in == nil || e.out.delay != 40 {
		t.Errorf("%+v %v", e, err)
	}
	e, err = effectOf("x", faults.PacketLoss{Percent: 25, Direction: faults.In, Seed: 4}, 9)
	if err != nil || e.out != nil || e.in.loss != 0.25 || e.seed != 4 {
		t.Errorf("%+v %v", e, err)
	}
	for kind, params := range map[string]string{"latency": `{"delay":"1ms"}`, "loss": `{"percent":1}`} {
		f, err := faults.Decode(kind, []byte(params))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := effectOf("x", f, 0); err != nil {
			t.Errorf("kind %s has no effect: %v", kind, err)
		}
	}
}
