package faults

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The bounds of faults on calls.
const (
	maxHold  = time.Minute // far above the time-outs of clients
	maxText  = 4096        // of a body or a probe
	maxAfter = 1 << 40     // bytes
	maxRate  = 1 << 40     // bytes per second
)

// Calls chooses the calls that a fault of a proxy concerns: TCP connections to a port,
// made to the target (from outside and over its loopback) or, with the side calling, by
// it. HTTP/1 requests are taken one by one, other protocols connection by connection.
//
// The server sees the caller's address, with a port that is not the caller's own. A
// caller is connected before the server is: where nobody listens any more, it meets a
// reset instead of a refusal.
type Calls struct {
	// Port is the port that is called; 1 to 65535.
	Port int `json:"port"`
	// Percent of the calls are concerned; above 0, up to 100.
	Percent float64 `json:"percent"`
	// Side says where the fault stands: called (default) in front of a port of the
	// target, for all who call it; calling in front of what the target calls, so that
	// it alone suffers. What is called need not be a container.
	Side Side `json:"side,omitempty"`
	// Peer is who is at the other end: the callers, or with the side calling who is
	// called; default all. Calls of others pass by the proxy.
	Peer Hosts `json:"peer,omitzero"`
	// Established says what becomes of connections that are older than the fault, and,
	// when it is taken away, of those that lead through its proxy: end (default) or leave.
	Established Established `json:"established,omitempty"`
	// Seed fixes which calls: the same seed takes the same ones by their order. 0
	// leaves the choice to the agent, which records it.
	Seed uint64 `json:"seed,omitempty"`
	// Probe is what the proof asks the server: a path to GET, or, for another protocol,
	// a text with Go's escapes such as "PING\r\n". Empty asks for the shortest path that
	// the fault concerns; on ports 5432 and 6379 what PostgreSQL and Redis answer.
	Probe string `json:"probe,omitempty"`
}

// Side is the end of a call that a fault stands at.
type Side string

// The sides. The empty one means Called.
const (
	Called  Side = "called"
	Calling Side = "calling"
)

// Established says what becomes of connections that a fault has not seen begin.
type Established string

// What becomes of them. Empty means End.
const (
	// End ends them so that their callers meet the fault, or are free of it: those
	// without a call at once, the others when it is answered, all after two seconds. A
	// pool replaces what was idle without an error of its own. The other end gets a
	// reset; the socket's owner, on the calling side the caller, ECONNABORTED.
	End Established = "end"
	// Leave leaves them as they are: a caller with a pool may never meet the fault, and
	// one whose connection leads through the proxy keeps it, without the fault.
	Leave Established = "leave"
)

// Hosts chooses peers by address and by name; the zero value is all.
type Hosts struct {
	// Addresses are IPv4 or IPv6 addresses or CIDR prefixes. With Names at most 64.
	Addresses []string `json:"addresses,omitempty"`
	// Names are host names as the target resolves them: all their addresses, followed
	// when they change.
	Names []string `json:"names,omitempty"`
}

// IsZero reports whether everybody is meant.
func (h Hosts) IsZero() bool { return len(h.Addresses) == 0 && len(h.Names) == 0 }

// Prefixes gives the addresses in masked form, like [Peer.Prefixes].
func (h Hosts) Prefixes() ([]netip.Prefix, error) { return h.peer().Prefixes() }

func (h Hosts) peer() Peer { return Peer{Addresses: h.Addresses, Names: h.Names} }

// Text gives the bytes of a probe that is not a path.
func (c Calls) Text() (string, error) {
	switch {
	case c.Probe == "" && c.Port == 5432:
		return "\x00\x00\x00\x08\x04\xd2\x16\x2f", nil // SSLRequest, answered by S or N
	case c.Probe == "" && c.Port == 6379:
		return "PING\r\n", nil
	case c.Probe == "" || strings.HasPrefix(c.Probe, "/"):
		return "", nil
	}
	return strconv.Unquote(`"` + strings.ReplaceAll(c.Probe, `"`, `\"`) + `"`)
}

func (c Calls) validate() error {
	if c.Port < 1 || c.Port > 65535 {
		return fmt.Errorf("port is %d; want 1 to 65535", c.Port)
	}
	switch c.Side {
	case "", Called, Calling:
	default:
		return fmt.Errorf("side is %.40q; want called or calling", string(c.Side))
	}
	switch c.Established {
	case "", End, Leave:
	default:
		return fmt.Errorf("established is %.40q; want end or leave", string(c.Established))
	}
	if err := c.Peer.peer().validate(); err != nil {
		return err
	}
	// Written so that NaN is refused as well.
	if !(c.Percent > 0 && c.Percent <= 100) {
		return fmt.Errorf("percent is %v; want above 0, up to 100", c.Percent)
	}
	if len(c.Probe) > maxText || strings.HasPrefix(c.Probe, "/") && strings.ContainsAny(c.Probe, " \r\n\x00") {
		return fmt.Errorf("probe is %.40q; want a path without blanks, or a text, up to %d bytes", c.Probe, maxText)
	}
	if _, err := c.Text(); err != nil {
		return fmt.Errorf("probe is %.40q; want a path, or a text with escapes such as \\r\\n", c.Probe)
	}
	return nil
}

func validateCalls(c Calls, r Requests) error {
	return errors.Join(c.validate(), r.validate())
}

func validateAfter(n int64) error {
	if n < 0 || n > maxAfter {
		return fmt.Errorf("after is %d; want 0 to %d bytes", n, int64(maxAfter))
	}
	return nil
}
