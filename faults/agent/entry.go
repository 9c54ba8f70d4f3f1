package agent

import (
	"encoding/json"
	"strings"
	"time"

	"faultlab/faults/agent/carrier"
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

// Unseen says of one that has ended why nobody saw that its effect was there until then,
// or that it was gone afterwards: the agent died, the fault was not put back after a
// restart, or nobody was left to measure against. It is empty for any other end.
func (e Entry) Unseen() string {
	broken := e.State == Lost && (e.Reason == agentEnded || strings.HasPrefix(e.Reason, notPutBack))
	if broken || e.Unmeasured {
		return e.Reason
	}
	return ""
}

// Beginnings of reasons.
const (
	agentEnded = "the agent has ended"
	notPutBack = "not put back after a restart: "
)

// What carriers and the agent share; see package carrier.
type (
	// Measurement is what probes saw, before and with the fault.
	Measurement = carrier.Measurement
	// Packets counts what the fault did since it became active, probes included.
	Packets = carrier.Packets
	// Error is an error with its class and, where there is one, the remedy.
	Error = carrier.Error
	// Code classifies an [Error].
	Code = carrier.Code
)

// The codes of errors that cross the wire.
const (
	BadRequest   = carrier.BadRequest
	NotSupported = carrier.NotSupported
	Unproved     = carrier.Unproved
	NoProbe      = carrier.NoProbe
	Unmeasurable = carrier.Unmeasurable
	NotFound     = carrier.NotFound
	Refused      = carrier.Refused
	TargetGone   = carrier.TargetGone
	Failed       = carrier.Failed
	Dead         = carrier.Dead
)

func errorf(c Code, format string, args ...any) *Error { return carrier.Errorf(c, format, args...) }

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
	Seed     uint64       `json:"seed,omitempty"`
	Measured *Measurement `json:"measured,omitempty"`
	// Gone is what was measured when it was taken away, where its probe tells.
	Gone *Measurement `json:"gone,omitempty"`
	// Unmeasured says that it was taken away and nobody was left to measure against;
	// Reason tells why.
	Unmeasured  bool      `json:"unmeasured,omitempty"`
	Packets     Packets   `json:"packets"`
	RequestedAt time.Time `json:"requested_at,omitzero"`
	ActiveAt    time.Time `json:"active_at,omitzero"`
	RevertedAt  time.Time `json:"reverted_at,omitzero"`
	EndsAt      time.Time `json:"ends_at,omitzero"`
	State       State     `json:"state"`
	Reason      string    `json:"reason,omitempty"`
	// Notes tell, with their times, what has changed since it was asked for, such as the
	// addresses of a peer's name.
	Notes []string `json:"notes,omitempty"`
}

// Capability is one thing the kernel has or lacks.
type Capability struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`

	native bool // nfqueue: by nft's own expression, not by the xt target
	bucket bool // netem: beside sch_tbf, which limits rates
}

// Capabilities says which back-ends work here.
type Capabilities struct {
	Netem       Capability `json:"netem"`        // delays and drops in the kernel
	NetemIn     Capability `json:"netem_in"`     // the same for packets that arrive
	NFQueue     Capability `json:"nfqueue"`      // delays and drops in the agent
	OwnerTables Capability `json:"owner_tables"` // rules vanish with a killed agent
	// Others are what the families of faults other than those on packets need.
	Others []carrier.Ability `json:"others,omitempty"`
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
