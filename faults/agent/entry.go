package agent

import (
	"encoding/json"
	"fmt"
	"time"
)

// State is where an injection stands.
type State string

// The states. An injection is in the journal from Active on; the other three are ends.
const (
	Active   State = "active"   // a probe saw the effect
	Reverted State = "reverted" // taken away on request
	Expired  State = "expired"  // taken away because its time was over
	Lost     State = "lost"     // the target or the agent went away, and the effect with it
)

// Measurement is what probes saw, before and with the fault.
type Measurement struct {
	Method  string `json:"method"`  // icmp, tcp-syn or dns
	Address string `json:"address"` // who answered
	Probes  int    `json:"probes"`  // sent with the fault on
	Lost    int    `json:"lost"`    // of them without an answer
	// LossPercent is the share of lost probes; the band is where it should lie
	// in 99.9 of 100 runs (binomial) given what is set.
	LossPercent float64    `json:"loss_percent"`
	LossBand    [2]float64 `json:"loss_band"`
	BeforeMS    float64    `json:"before_ms"` // median round trip before
	AfterMS     float64    `json:"after_ms"`  // median round trip with the fault
	AddedMS     float64    `json:"added_ms"`  // the difference
}

// Packets counts what the fault did to packets since it became active, probes included.
type Packets struct {
	Hit     uint64 `json:"hit"`     // matched the peer and the direction
	Dropped uint64 `json:"dropped"` // of them dropped
	Delayed uint64 `json:"delayed"` // of them delayed
}

// Entry is one injection in the journal.
type Entry struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Target  string          `json:"target"`        // container id, or pid:N
	PID     int             `json:"pid,omitempty"` // of the target when injected
	Backend string          `json:"backend"`       // netem or queue
	Set     json.RawMessage `json:"set"`           // the fault's parameters
	// Seed is the one in use; with it and the same packets the same drops and
	// delays happen again. 0 with netem, which cannot repeat itself.
	Seed        uint64       `json:"seed,omitempty"`
	Measured    *Measurement `json:"measured,omitempty"`
	Packets     Packets      `json:"packets"`
	RequestedAt time.Time    `json:"requested_at,omitzero"`
	ActiveAt    time.Time    `json:"active_at,omitzero"`
	RevertedAt  time.Time    `json:"reverted_at,omitzero"`
	EndsAt      time.Time    `json:"ends_at,omitzero"`
	State       State        `json:"state"`
	Reason      string       `json:"reason,omitempty"`
}

// Code classifies an [Error].
type Code string

// The codes of errors that cross the wire.
const (
	BadRequest   Code = "bad-request"   // not understood, or out of range
	NotSupported Code = "not-supported" // the kernel lacks something
	Unproved     Code = "unproved"      // the effect was not seen; it was undone
	NoProbe      Code = "no-probe"      // nobody answered a probe; nothing was done
	NotFound     Code = "not-found"     // no such injection
	Refused      Code = "refused"       // not ours to touch
	TargetGone   Code = "target-gone"   // the process or the container has ended
	Failed       Code = "failed"        // the kernel or the engine refused an operation
	Dead         Code = "agent-dead"    // the agent has gone away
)

// Error is an error with its class and, where there is one, the remedy.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// Hint is the remedy, for the command's second error line.
func (e *Error) Hint() string { return e.Remedy }

// Is makes errors.Is(err, &Error{Code: c}) ask for the class alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}

func errorf(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

// Capability is one thing the kernel has or lacks.
type Capability struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`

	native bool // nfqueue: by nft's own expression, not by the xt target
}

// Capabilities says which back-ends work here.
type Capabilities struct {
	Netem       Capability `json:"netem"`        // delays and drops in the kernel
	NFQueue     Capability `json:"nfqueue"`      // delays and drops in the agent
	OwnerTables Capability `json:"owner_tables"` // rules vanish with a killed agent
}

// Backend names the first back-end of the ladder that works, or "" for none.
func (c Capabilities) Backend() string {
	switch {
	case c.Netem.OK:
		return "netem"
	case c.NFQueue.OK:
		return "queue"
	}
	return ""
}
