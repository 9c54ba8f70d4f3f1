package agent

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What each kernel carries an effect with, and what it says where it cannot.
func TestLadderByKernel(t *testing.T) {
	has := func(names string) Capabilities {
		of := func(name string) Capability {
			return Capability{OK: strings.Contains(names, name), Detail: name + " missing", Remedy: "load " + name}
		}
		return Capabilities{Netem: of("netem"), NetemIn: of("ifb"), NFQueue: of("nfqueue")}
	}
	out := func(a action) effect { return effect{id: "x", out: &a} }
	in := effect{id: "x", in: &action{delay: time.Second}}
	both := effect{id: "x", out: &action{loss: .5}, in: &action{loss: .5}}
	seeded := out(action{loss: .5})
	seeded.seed = 7
	spare := seeded
	spare.spare = true
	still := out(action{delay: 1})
	still.seed = 7
	wide := out(action{delay: 10 * time.Second, jitter: 10 * time.Second})
	burst := out(action{loss: .1, burst: 5})
	for _, tt := range []struct {
		kernel string
		e      effect
		beside []effect
		want   string // a back-end, or part of the error
	}{
		{"netem ifb nfqueue", out(action{delay: 1}), nil, "netem"},
		{"netem ifb nfqueue", in, nil, "netem"},
		{"netem ifb nfqueue", both, nil, "netem"},
		{"netem ifb nfqueue", seeded, nil, "queue"},
		{"netem ifb nfqueue", burst, nil, "netem"},
		{"netem ifb nfqueue", burst, []effect{burst}, "queue"},
		{"netem ifb nfqueue", burst, []effect{in}, "netem"},
		{"netem ifb nfqueue", out(action{loss: .1, exact: true}), nil, "queue"},
		{"netem ifb nfqueue", wide, nil, "queue"},
		{"netem nfqueue", in, nil, "queue"},
		{"netem nfqueue", both, nil, "queue"},
		{"netem nfqueue", burst, nil, "netem"},
		{"nfqueue", in, nil, "queue"},
		{"netem", in, nil, "not supported: ifb missing; nfqueue missing"},
		{"netem", both, nil, "ifb missing"},
		{"netem", out(action{loss: .1, exact: true}), nil, "an exact count"},
		{"netem ifb", seeded, nil, "cannot repeat the choices of a seed; nfqueue missing"},
		{"netem ifb", spare, nil, "netem"},
		{"netem ifb", still, nil, "netem"},
		{"netem ifb nfqueue", spare, nil, "queue"},
		{"", spare, nil, "nfqueue missing"},
		{"netem ifb", both, nil, "netem"},
		{"netem ifb", burst, []effect{burst}, "two faults lose packets of the same peer in bursts"},
		{"netem ifb", wide, nil, "more than 8.6s"},
		{"", in, nil, "not supported: netem missing; nfqueue missing"},
	} {
		k := &linux{probeOnce: func() Capabilities { return has(tt.kernel) }}
		got, err := k.ladder(tt.e, tt.beside)
		if err != nil {
			e := &Error{Code: NotSupported}
			if !errors.Is(err, e) || !errors.As(err, &e) || e.Remedy == "" && strings.Contains(err.Error(), "missing") {
				t.Errorf("%q: %v, a remedy %q", tt.kernel, err, e.Remedy)
			}
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%q carries %+v by %q, want %q", tt.kernel, tt.e, got, tt.want)
		}
	}
}
