// Package carrier is what the agent and those who carry its faults agree on: what
// a carrier is asked for, what it answers, and how it fails.
//
// A family of faults has a package of its own beside this one. It turns an [Order]
// into a [Carrier]; the agent calls that in turn with the others on the same target,
// keeps the journal and the time to live, and takes everything away when it ends.
package carrier

import (
	"context"
	"time"

	"faultlab/faults"
)

// Target is where a fault goes.
type Target struct {
	Name string // container id, or pid:N
	PID  int    // of its first process, in the agent's pid namespace
	// InNetwork runs f on a thread in the target's network namespace. Sockets that f
	// opens stay there.
	InNetwork func(f func() error) error
}

// Order asks for one fault on one target.
type Order struct {
	ID     string // of the injection, unique in this agent
	Fault  faults.Fault
	Target Target
	Seed   uint64   // 0: none asked for
	Probes []string // addresses, or address:port, to measure against; empty: find some
	Keeper Keeper

	SeedOptional bool // do without Seed where it would be refused, and note so
}

// Carrier carries one fault. The calls come one at a time, except Packets.
type Carrier interface {
	// Place puts the fault in place and answers when a probe has felt it. What it has
	// begun when it fails, or when ctx ends, is taken away by Drop, which follows.
	Place(ctx context.Context) (Placed, error)
	// Take takes the fault away and answers when a probe finds it gone. An error of
	// code NoProbe says that it is away and nobody was left to measure against, one of
	// code Unmeasurable that nothing of this fault can be measured again. It may be
	// called again after an error.
	Take(ctx context.Context) error
	// Drop takes the fault away at once and proves nothing: injecting failed, the
	// target has gone, or the agent is ending. It may come after any other call.
	Drop() error
	// Packets counts what the fault has done so far.
	Packets() Packets
}

// Noter is a carrier that keeps a record of what has changed since Place, such as
// the addresses of a peer's name. Notes is called like Packets.
type Noter interface{ Notes() []string }

// Witness is a carrier that tells what the probe of Take measured: the fault's target
// without the fault. Gone is called after Take has succeeded; nil is nothing.
type Witness interface{ Gone() *Measurement }

// Seen is the Witness of a carrier that embeds it.
type Seen struct{ gone *Measurement }

// See keeps a measurement of Take's.
func (s *Seen) See(m *Measurement) { s.gone = m }

// Gone implements [Witness].
func (s *Seen) Gone() *Measurement { return s.gone }

// Placed is what Place answers.
type Placed struct {
	Backend  string // what carries the fault, such as queue or cgroup
	Seed     uint64 // in use; 0: nothing is drawn, or it cannot be repeated
	Measured *Measurement
	// Done says that the fault is over by itself, such as a process that was killed:
	// there is nothing to take away, and the injection ends at once.
	Done string
	// Follows says how the fault has ended this life of the target's. There is nothing
	// to take away, and the fault is placed again when the target has started again.
	Follows string
}

// Keeper puts things back when the agent is killed: what the kernel does not undo by
// itself when a process dies, such as a limit of a control group.
type Keeper interface {
	// Keep has an act of the agent's table of acts done with args (written as JSON) if
	// this agent dies before release is called. Call it before the effect begins: when
	// it returns nil, the promise is made.
	Keep(act string, args any) (release func(), err error)
}

// Packets counts what a fault did since it became active, probes included: packets for
// a network fault; requests, lookups, connections or processes for others.
type Packets struct {
	Hit     uint64 `json:"hit"`               // matched the peer and the direction
	Dropped uint64 `json:"dropped"`           // of them dropped, refused or ended
	Delayed uint64 `json:"delayed"`           // of them delayed
	Damaged uint64 `json:"damaged,omitempty"` // of them with a bit flipped
	Doubled uint64 `json:"doubled,omitempty"` // of them sent twice
	Ahead   uint64 `json:"ahead,omitempty"`   // of them let overtake others
}

// Measurement is what probes saw, before and with the fault.
type Measurement struct {
	Method  string `json:"method"`  // icmp, tcp-syn, dns, or how else it was seen
	Address string `json:"address"` // who answered, or where it was seen
	Probes  int    `json:"probes"`  // sent with the fault on
	Lost    int    `json:"lost"`    // of them without an answer
	// LossPercent is the share of lost probes; the band is where it should lie
	// in 99.9 of 100 runs (binomial) given what is set.
	LossPercent float64    `json:"loss_percent"`
	LossBand    [2]float64 `json:"loss_band"`
	BeforeMS    float64    `json:"before_ms"` // median round trip, or time of one probe, before
	AfterMS     float64    `json:"after_ms"`  // the same with the fault
	AddedMS     float64    `json:"added_ms"`  // the difference
	// Saw says in words and numbers what the probe saw, where delay and loss do not
	// tell it: "3 of 3 lookups of db.shop.internal answered NXDOMAIN, before NOERROR".
	Saw string `json:"saw,omitempty"`
}

// Milliseconds is a duration as measurements have it.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Ability says whether a part of the kernel that faults need is there.
type Ability struct {
	Name   string `json:"name"` // such as "cgroup cpu"
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`           // what was found, and which kinds of faults need it
	Remedy string `json:"remedy,omitempty"` // where it is missing
}
