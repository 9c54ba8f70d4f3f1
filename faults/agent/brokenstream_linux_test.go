package agent

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// fenced is a kernel that only one process can be reached through, and only with faults
// on its network: whatever a stream asks for, the machine is safe.
type fenced struct {
	kernel
	pid int
}

func (k fenced) open(pid int) (space, error) {
	if pid != k.pid {
		return nil, errorf(Refused, "process %d is behind the fence", pid)
	}
	return k.kernel.open(pid)
}

func (k fenced) carrier(s space, o carrier.Order) (carrier.Carrier, error) {
	network := func(i faults.KindInfo) bool { return i.Kind == o.Fault.Kind() && i.Family == "network" }
	if o.Target.PID != k.pid || !slices.ContainsFunc(faults.Kinds(), network) {
		return nil, errorf(Refused, "%s is behind the fence", o.Fault.Kind())
	}
	return k.kernel.carrier(s, o)
}

func (k fenced) sweep(pids []int) ([]string, error) {
	return k.kernel.sweep(slices.DeleteFunc(pids, func(p int) bool { return p != k.pid }))
}

// deaf is a client that reads no answers.
type deaf struct{}

func (deaf) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

// A client may send anything and break off anywhere: the agent ends, and no fault is left
// in the real kernel. TARGET in the stream stands for the target's pid.
func FuzzBrokenStream(f *testing.F) {
	inject := func(id int, kind, params string) string {
		return `{"id":` + strconv.Itoa(id) + `,"op":"inject","inject":{"id":"f` + strconv.Itoa(id) + `","kind":"` + kind +
			`","params":` + params + `,"pid":TARGET,"probes":["` + peerAddr + `"]}}` + "\n"
	}
	all := inject(1, "latency", `{"delay":"30ms"}`) + inject(2, "loss", `{"percent":50,"direction":"both"}`) + inject(3, "black-hole", `{}`)
	f.Add(all, uint16(len(all)), uint8(255), false)
	f.Add(all, uint16(len(all)-1), uint8(0), false)
	f.Add(all, uint16(len(all)/2), uint8(100), true)
	f.Add(inject(1, "reset", `{"direction":"in"}`)+`{"id":2,"op":"revert","injection":"f1"}`+"\n"+inject(1, "reject", `{}`), uint16(1<<15), uint8(50), false)
	f.Add(inject(1, "partition", `{"peer":{"addresses":["`+peerAddr+`"]}}`)+"{\x00\n"+`{"id":2,"op":"sweep","pids":[TARGET,1]}`+"\n", uint16(1<<15), uint8(200), true)
	f.Fuzz(func(t *testing.T, stream string, cut uint16, hold uint8, noReader bool) {
		l := newLab(t)
		before := l.snapshot()
		stream = strings.ReplaceAll(stream, "TARGET", strconv.Itoa(l.pid()))
		stream = stream[:min(len(stream), int(cut))]
		k, err := newKernel()
		must(t, err)
		defer k.close()
		in, feed := io.Pipe()
		go func() {
			io.WriteString(feed, stream)
			time.Sleep(2 * time.Duration(hold) * time.Millisecond) // what was asked for is under way, or in place
			feed.CloseWithError(io.ErrUnexpectedEOF)
		}()
		var out io.Writer = io.Discard
		if noReader {
			out = deaf{}
		}
		ended := make(chan error, 1)
		go func() { ended <- serve(context.Background(), fenced{k, l.pid()}, in, out) }()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("the agent ends with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the agent does not end with its input")
		}
		l.untouched(before, 2*time.Second)
	})
}
