// Package catalog holds the labs: one folder each, data only, and what reads them.
//
// A folder has lab.yaml (the schema is the Lab type; unknown keys are errors),
// brief.md, debrief.md, right/*.sh and wrong/*.sh. Text of lab.yaml and the
// briefs may use ${name} for the vars of the variant that is played.
package catalog

import (
	"encoding/json"
	"maps"
	"time"

	"faultlab/faults"
)

// Lab is one incident in one variant.
type Lab struct {
	ID      string  `yaml:"-"` // the folder's name, e.g. 3a-memory-leak
	Variant Variant `yaml:"-"` // the one that Load was asked for
	Brief   string  `yaml:"-"` // what the pager says; no spoilers
	Debrief string  `yaml:"-"` // what it was; only for after the end

	Scenario   string    `yaml:"scenario"` // s1..s7, or Controls
	Title      string    `yaml:"title"`    // names the cause: for facilitators only
	Mode       string    `yaml:"mode"`     // the failure mode, e.g. memory-leak
	Difficulty int       `yaml:"difficulty"`
	Minutes    int       `yaml:"minutes"`
	Variants   []Variant `yaml:"variants"`

	Profile     string       `yaml:"profile"` // full, with Prometheus and Alertmanager, or core, without; default full
	Break       []Step       `yaml:"break"`   // empty only in Controls
	Users       SLO          `yaml:"users"`   // what users must get; outside it they suffer
	Diagnosis   Accepted     `yaml:"diagnosis"`
	Checks      []Check      `yaml:"checks"`
	Escalations []Escalation `yaml:"escalations"`
	Fixes       []Fix        `yaml:"-"` // right and wrong, from the folder
}

// Controls is the scenario of labs in which users do not suffer. It is not among
// [Scenarios]: who is told of it knows the answer.
const Controls = "s0"

// Healthy says that nothing breaks: such a lab has no fixes, and one variant will do.
func (l *Lab) Healthy() bool { return l.Scenario == Controls && len(l.Break) == 0 }

// What of the shop runs.
const (
	ProfileFull = "full"
	ProfileCore = "core"
)

// Variant is one seeded form of a lab.
type Variant struct {
	ID   string            `yaml:"id"`
	Vars map[string]string `yaml:"vars"`
}

// Step is one thing that is done to break the system. Exactly one of its fields
// is set.
type Step struct {
	Deploy *Deploy `yaml:"deploy"`
	Fault  *Fault  `yaml:"fault"`
}

// Deploy is a change committed to the workspace as a person would, and rolled out.
type Deploy struct {
	// Change is the name of one of [workspace.Changes], instead of author, message, edits
	// and run.
	Change string `yaml:"change"`

	Author  string `yaml:"author"` // "Name <mail>"
	Message string `yaml:"message"`
	Edits   []Edit `yaml:"edits"`
	Up      bool   `yaml:"up"`  // run docker compose up -d afterwards
	Run     string `yaml:"run"` // what the author runs after the commit and up, by bash on the bastion, in the workspace
}

// Edit replaces one text by another in a file of the workspace. Old must stand
// there exactly as often as Times says (default: once). Without Old the file is a new one.
// {{SHOP_NET}} in either stands for the first three octets of the shop's network.
type Edit struct {
	File  string `yaml:"file"`
	Old   string `yaml:"old"`
	New   string `yaml:"new"`
	Times int    `yaml:"times"`
}

// Fault is a fault of the library laid on a place's uplink or on a link between two
// regions: it meets whatever runs in that place, or what crosses that link, also what is
// created there later.
type Fault struct {
	Kind   string         `yaml:"kind"`
	Uplink string         `yaml:"uplink"` // the place
	Link   string         `yaml:"link"`   // instead: one of [places.Links]; the peer is the other end
	Params map[string]any `yaml:"params"`
}

// JSON is the fault's parameters in the form that faults.Decode reads.
func (f Fault) JSON() []byte {
	b, err := json.Marshal(f.Params)
	if err != nil {
		panic(err) // values come from YAML scalars, lists and string maps
	}
	return b
}

// Toward is the library's fault on what a container exchanges with a peer; with everybody
// that its parameters name where the peer is zero.
func (f Fault) Toward(p faults.Peer) (faults.Fault, error) {
	if !p.IsZero() {
		params := map[string]any{"peer": p}
		maps.Copy(params, f.Params)
		f.Params = params
	}
	return faults.Decode(f.Kind, f.JSON())
}

// SLO is what users must get. Zero limits do not count.
type SLO struct {
	Success float64       `yaml:"success"` // percent of requests answered rightly, at least
	P95     time.Duration `yaml:"p95"`
	P99     time.Duration `yaml:"p99"`
	Region  string        `yaml:"region"` // only these users; default all, each region by itself too
}

// Accepted lists the answers that the diagnosis form takes as right.
type Accepted struct {
	Component []string `yaml:"component"`
	Mechanism []string `yaml:"mechanism"`
	Family    []string `yaml:"family"` // mechanisms that earn half: the right family
	Trigger   []string `yaml:"trigger"`
	Scope     []string `yaml:"scope"`
}

// Escalation is what another team does when it is told of something.
type Escalation struct {
	Team  string        `yaml:"team"`
	About []string      `yaml:"about"` // any of these words in the message's subject
	After time.Duration `yaml:"after"` // until it is mended; a fifth of it at fast pace
	Reply string        `yaml:"reply"` // what the team answers at once
	Done  string        `yaml:"done"`  // what it says when it has mended it; "": that is not theirs
}

// Check is one proof. Kind says which of the parameters count; see package grade.
type Check struct {
	ID    string `yaml:"id"`
	Proof string `yaml:"proof"` // V1..V12
	Kind  string `yaml:"kind"`
	Why   string `yaml:"why"` // what failing means, without the answer

	SLO      SLO           `yaml:"slo"`
	Services []string      `yaml:"services"`
	Rate     float64       `yaml:"rate"`      // times normal traffic
	Lasting  time.Duration `yaml:"lasting"`   // how long the measurement runs at fast pace
	SlopeKiB float64       `yaml:"slope_kib"` // growth of memory per request, KiB, at most
	Attempts float64       `yaml:"attempts"`  // requests that reach the services per request of a user, at most
	Rows     float64       `yaml:"rows"`      // that the database reads for a page nobody asked for before, at most
	Fault    *Fault        `yaml:"fault"`
	Team     string        `yaml:"team"`
	Names    []string      `yaml:"names"` // that are looked up
}

// Fix is a script of the lab's folder that a trainee might have run.
type Fix struct {
	Name   string // file name without .sh
	Right  bool
	Script string
	Catch  []string // the checks one of which must turn red (wrong fixes)
}
