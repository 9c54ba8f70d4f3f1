package agent

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A fault on packets that came later leaves nothing to compare calls with: what is before
// it can be taken away all the same, alone on its port or beside another.
func TestDependencyCallingBeforePackets(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	port := l.serveIn(l.peer, func(ln net.Listener) { http.Serve(ln, page) })
	a := startAgent(t, "")
	put := func(kind, params string) string {
		return a.put(t, l, kind, fmt.Sprintf(`{"side":"calling","port":%d,"percent":100,"peer":{"addresses":[%q]},%s}`, port, peerAddr, params)).ID
	}
	for _, tt := range []struct{ kind, params, packets string }{
		{"dependency-slow", `"delay":"40ms"`, `"delay":"60ms"`},
		{"dependency-rate", `"bytes_per_second":200000,"probe":"/big"`, `"delay":"60ms","direction":"both"`},
		{"dependency-hang", `"path":"/a/*"`, `"delay":"400ms"`},
	} {
		for _, beside := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.kind, ", beside another: ", beside), func(t *testing.T) {
				other := ""
				if beside {
					other = put("http-error", `"status":503,"path":"/b/*"`)
				}
				id := put(tt.kind, tt.params)
				slow := a.put(t, l, "latency", fmt.Sprintf(`{%s,"peer":{"addresses":[%q]}}`, tt.packets, peerAddr)).ID
				got := a.take(t, id)
				t.Log(got.State, got.Reason)
				if got.State != Reverted {
					t.Errorf("reverted as %+v", got)
				}
				a.take(t, slow)
				if g := get(user(t, l.target), fmt.Sprintf("http://%s:%d/a/1", peerAddr, port)); g.status != 200 || g.took > 30*time.Millisecond {
					t.Errorf("after revert: %+v", g)
				}
				if beside {
					a.take(t, other)
				}
			})
		}
	}
	if after := l.snapshot(); after != before {
		t.Errorf("left: %s", after)
	}
}

// A call through the proxy meets a fault on packets as often as one that goes by itself.
func TestDependencyCallingUnderLatency(t *testing.T) {
	l := newLab(t)
	port := l.serveIn(l.peer, func(ln net.Listener) { http.Serve(ln, page) })
	a := startAgent(t, "")
	call := func() (least time.Duration) {
		least = time.Hour
		for range 3 {
			g := get(user(t, l.target), fmt.Sprintf("http://%s:%d/x", peerAddr, port))
			if g.status != 200 {
				t.Errorf("it gives %+v", g)
			}
			least = min(least, g.took)
		}
		return least
	}
	for _, direction := range []string{"out", "in", "both"} {
		slow := a.put(t, l, "latency", fmt.Sprintf(`{"delay":"60ms","direction":%q,"peer":{"addresses":[%q]}}`, direction, peerAddr)).ID
		alone := call()
		id := a.put(t, l, "dependency-slow", fmt.Sprintf(`{"side":"calling","port":%d,"percent":100,"peer":{"addresses":[%q]},"delay":"20ms"}`, port, peerAddr)).ID
		if both := call(); both < alone+19*time.Millisecond || both > alone+20*time.Millisecond+tolerance() {
			t.Errorf("%s: a call takes %v, and %v with 20 ms more of its own", direction, alone, both)
		}
		a.take(t, id)
		a.take(t, slow)
	}
}

// What cannot be proved leaves nothing, not even while its probes are on their way.
func TestDependencyCallingUnprovedLeavesNothing(t *testing.T) {
	l := newLab(t)
	port := l.serveIn(l.peer, func(ln net.Listener) { http.Serve(ln, page) })
	a := startAgent(t, "")
	for _, established := range []string{"end", "leave"} {
		loss := a.put(t, l, "loss", fmt.Sprintf(`{"percent":40,"direction":"both","seed":7,"peer":{"addresses":[%q]}}`, peerAddr)).ID
		e, err := a.try(t, l, "http-error", fmt.Sprintf(`{"side":"calling","port":%d,"percent":100,"status":503,"established":%q,"peer":{"addresses":[%q]}}`, port, established, peerAddr))
		if err == nil {
			a.take(t, e.ID)
		}
		if after := l.snapshot(); strings.Contains(after, "faultlab-from") {
			t.Errorf("after %v: %s", err, after)
		}
		a.take(t, loss)
	}
}
