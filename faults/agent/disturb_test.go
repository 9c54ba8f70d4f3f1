package agent

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"faultlab/faults"
)

func TestPlanOfDisturbances(t *testing.T) {
	to := func(addr string) match {
		return match{prefixes: []netip.Prefix{netip.MustParsePrefix(addr)}}
	}
	rate, twice := &action{link: link{1000, 1}}, &action{twice: .5}
	order, delay := &action{order: ordering{.5, 1, 5}}, &action{delay: 3}
	for _, tt := range []struct {
		name    string
		effects []effect
		ok      bool
	}{
		{"rate and delay of one peer", []effect{{id: "a", match: to("10.0.0.0/8"), out: rate}, {id: "b", match: to("10.0.0.0/8"), out: delay}}, true},
		{"delay of some that share a rate", []effect{{id: "a", out: rate}, {id: "b", match: to("10.0.0.0/8"), out: delay}}, false},
		{"two rates", []effect{{id: "a", out: rate}, {id: "b", out: rate}}, false},
		{"two rates apart", []effect{{id: "a", match: to("10.0.0.0/8"), out: rate}, {id: "b", match: to("11.0.0.0/8"), out: rate}}, true},
		{"copies alone", []effect{{id: "a", match: to("10.0.0.0/8"), out: twice}}, true},
		{"copies beside another peer", []effect{{id: "a", match: to("10.0.0.0/8"), out: twice}, {id: "b", match: to("11.0.0.0/8"), out: delay}}, false},
		{"order and delay", []effect{{id: "a", out: order}, {id: "b", out: delay}}, false},
		{"order and loss", []effect{{id: "a", out: order}, {id: "b", out: &action{loss: .1}}}, true},
		{"two orders", []effect{{id: "a", out: order}, {id: "b", out: order}}, false},
	} {
		plan, err := planTree(tt.effects, treePlan{})
		if tt.ok != (err == nil) || err != nil && !errors.Is(err, &Error{Code: NotSupported}) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil && tt.name == "order and loss" && (plan.bands[1].delay != 5 || math.Abs(plan.bands[1].loss-.1) > 1e-9) {
			t.Errorf("%s: %+v", tt.name, plan.bands[1])
		}
	}
	// A peer with another address keeps its band: a second netem could not be.
	before, err := planTree([]effect{{id: "a", match: to("10.0.0.1/32"), out: twice}}, treePlan{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := planTree([]effect{{id: "a", match: to("10.0.0.2/32"), out: twice}}, before)
	if err != nil || after.cells[0].band != before.cells[0].band {
		t.Errorf("band %d, before %d, %v", after.cells[0].band, before.cells[0].band, err)
	}
}

func TestEffectOfDisturbances(t *testing.T) {
	peer := faults.Peer{Addresses: []string{"10.0.0.0/8"}}
	for _, tt := range []struct {
		fault faults.Fault
		want  action
		seed  uint64
	}{
		{faults.Rate{BitsPerSecond: 9000, Direction: faults.Both, Peer: peer}, action{link: link{9000, 100 * time.Millisecond}}, 4},
		{faults.Duplicate{Percent: 25, Direction: faults.Both, Peer: peer, Seed: 5}, action{twice: .25}, 5},
		{faults.Corrupt{Percent: 25, Direction: faults.Both, Peer: peer}, action{damaged: .25}, 4},
		{faults.Reorder{Percent: 25, Delay: 3, Direction: faults.Both, Peer: peer, Seed: 6}, action{order: ordering{.25, 1, 3}}, 6},
	} {
		e, err := effectOf("x", tt.fault, 4)
		if err != nil || e.out == nil || e.in == nil || !reflect.DeepEqual(*e.out, tt.want) || e.seed != tt.seed || len(e.match.prefixes) != 1 {
			t.Errorf("%+v: %+v, %v", tt.fault, e, err)
		}
		if trained := e.either().trained(); trained != (tt.want.order.share > 0 || tt.want.link.rate > 0) {
			t.Errorf("%s is proved by a train: %v", tt.fault.Kind(), trained)
		}
	}
}

func TestFreeTag(t *testing.T) {
	var effects []effect
	seen := map[byte]bool{}
	for i := range maxTag {
		e := effect{id: fmt.Sprint(i)}
		e.tag = freeTag(effects, e.id)
		effects, seen[e.tag] = append(effects, e), true
	}
	if len(seen) != maxTag || seen[0] || slices.Max(slices.Collect(maps.Keys(seen))) > maxTag {
		t.Errorf("tags %v", seen)
	}
	if tag := freeTag(effects, "x"); tag == 0 || tag > maxTag {
		t.Errorf("with none left: %d", tag)
	}
	if freeTag(nil, "a") == freeTag(nil, "b") {
		t.Error("two ids begin with the same tag")
	}
}
