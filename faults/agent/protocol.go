package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// Protocol is the version of the wire format; both halves must have the same.
const Protocol = 1

const (
	maxLine = 1 << 20 // bytes of one message

	// DefaultTTL is how long a fault lasts when nothing is said.
	DefaultTTL = time.Hour
	// MaxTTL is the longest a fault may last.
	MaxTTL = 24 * time.Hour
)

// The operations of the protocol.
const (
	opHello  = "hello"
	opInject = "inject"
	opRevert = "revert"
	opStatus = "status"
	opSweep  = "sweep"
	opPing   = "ping"
)

// request is one line from the client. ID is echoed and must not be 0.
type request struct {
	ID        uint64         `json:"id"`
	Op        string         `json:"op"`
	Inject    *InjectRequest `json:"inject,omitempty"`
	Injection string         `json:"injection,omitempty"` // revert: which
	PIDs      []int          `json:"pids,omitempty"`      // sweep: whose network namespaces
}

// response is one line from the agent. With ID 0 it answers nothing: it is
// the news that an injection has ended, or a complaint about a line that
// could not be read.
type response struct {
	ID      uint64   `json:"id"`
	Error   *Error   `json:"error,omitempty"`
	Hello   *Hello   `json:"hello,omitempty"`
	Entry   *Entry   `json:"entry,omitempty"`
	Entries []Entry  `json:"entries,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// Hello is what an agent says about itself.
type Hello struct {
	Protocol     int          `json:"protocol"`
	PID          int          `json:"pid"` // as the agent sees it
	Capabilities Capabilities `json:"capabilities"`
}

// InjectRequest asks the agent for one fault on one process's network namespace.
type InjectRequest struct {
	ID     string          `json:"id"`               // 1 to 64 characters, unique in this agent
	Kind   string          `json:"kind"`             // of the fault
	Params json.RawMessage `json:"params"`           // of the fault
	Target string          `json:"target,omitempty"` // for the journal; default pid:N
	PID    int             `json:"pid"`              // a process in the target, in the agent's pid namespace
	TTL    string          `json:"ttl,omitempty"`    // a duration; default 1h, at most 24h
	Seed   uint64          `json:"seed,omitempty"`   // 0: the agent chooses and records one
	Probes []string        `json:"probes,omitempty"` // addresses, or address:port, to measure against

	SeedOptional bool `json:"seed_optional,omitempty"` // see [InjectOptions]
}

// ttl gives the time to live in range.
func (r *InjectRequest) ttl() (time.Duration, error) {
	if r.TTL == "" {
		return DefaultTTL, nil
	}
	d, err := time.ParseDuration(r.TTL)
	if err != nil {
		return 0, errorf(BadRequest, "ttl is %.40q; want a duration such as \"30m\"", r.TTL)
	}
	return d, CheckTTL(d)
}

// CheckTTL reports a time to live out of range.
func CheckTTL(d time.Duration) error {
	if d <= 0 || d > MaxTTL {
		return errorf(BadRequest, "ttl is %s; want above 0, up to %s", d, MaxTTL)
	}
	return nil
}

func (r *InjectRequest) validate() error {
	if n := len(r.ID); n == 0 || n > 64 {
		return errorf(BadRequest, "injection id has %d characters; want 1 to 64", n)
	}
	if r.PID <= 0 {
		return errorf(BadRequest, "pid is %d; want above 0", r.PID)
	}
	if len(r.Probes) > 32 {
		return errorf(BadRequest, "there are %d probe addresses; want at most 32", len(r.Probes))
	}
	for _, p := range r.Probes {
		if _, err := parseProbe(p); err != nil {
			return err
		}
	}
	return nil
}

// endpoint is an address to probe; port 0 leaves the choice to the method.
type endpoint struct {
	addr  netip.Addr
	port  uint16
	local uint16 // the target's port; 0: one of the agent's own
}

func (e endpoint) String() string {
	if e.port == 0 {
		return e.addr.String()
	}
	return netip.AddrPortFrom(e.addr, e.port).String()
}

// parseProbe reads an address or an address with a port.
func parseProbe(s string) (endpoint, error) {
	var e endpoint
	if a, err := netip.ParseAddr(s); err == nil {
		e.addr = a.Unmap()
	} else if ap, err := netip.ParseAddrPort(s); err == nil {
		e = endpoint{addr: ap.Addr().Unmap(), port: ap.Port()}
	} else {
		return e, errorf(BadRequest, "probe address is %.60q; want an IP address, or one with a port", s)
	}
	if e.addr.Zone() != "" || e.addr.IsLoopback() || e.addr.IsMulticast() || e.addr.IsUnspecified() {
		return e, errorf(BadRequest, "probe address is %.60q; want a unicast address other than loopback, without a zone", s)
	}
	return e, nil
}

// targetName is how the journal calls the target.
func (r *InjectRequest) targetName() string {
	if r.Target != "" {
		return r.Target
	}
	return "pid:" + strconv.Itoa(r.PID)
}

// asError makes any error one that can cross the wire.
func asError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		if err.Error() == e.Message {
			return e
		}
		return &Error{Code: e.Code, Message: err.Error(), Remedy: e.Remedy}
	}
	return &Error{Code: Failed, Message: fmt.Sprint(err)}
}
