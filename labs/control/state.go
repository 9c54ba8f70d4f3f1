package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"faultlab/labs/grade"
	"faultlab/targets/pager"
)

// State is what control must know again after a restart of its own.
type State struct {
	Order     Order     `json:"order"`
	Phase     string    `json:"phase"`   // "", starting, running
	Adopted   bool      `json:"adopted"` // the starter knows that the start succeeded
	HealthyAt time.Time `json:"healthy_at,omitzero"`
	BrokenAt  time.Time `json:"broken_at,omitzero"`
	HurtAt    time.Time `json:"hurt_at,omitzero"`
	PagedAt   time.Time `json:"paged_at,omitzero"`

	PagerRun string         `json:"pager_run"` // which run of the pager, and how far it was read
	PagerSeq int            `json:"pager_seq"`
	Firing   []pager.Notice `json:"firing"` // what it told of that has not ended

	Shop      string `json:"shop_subnet"`   // e.g. 10.213.4.0/24
	Users     string `json:"users_subnet"`  // where traffic is
	Users6    string `json:"users_subnet6"` // its IPv6 subnet; "": it has none
	IPv4Alone string `json:"ipv4_alone"`    // and why not

	FirstLook   time.Time `json:"first_look,omitzero"`   // the trainee's first action of any kind
	FirstChange time.Time `json:"first_change,omitzero"` // the first that changed something: the trainee's, or a team's that they paged
	LastChange  time.Time `json:"last_change,omitzero"`  // the newest that did
	Changed     bool      `json:"changed"`               // whether there was one
	MitigateAt  time.Time `json:"mitigate_at,omitzero"`  // users well again after a change, and they stayed so
	FixedAt     time.Time `json:"fixed_at,omitzero"`     // the grading that proved the fix was asked for

	Told         []string       `json:"told"`          // teams that were told the right facts
	Misled       map[string]int `json:"misled"`        // how often each team was paged about what was in order
	Mended       bool           `json:"mended"`        // a team took the injected fault away
	InjectorLost string         `json:"injector_lost"` // why the injection broke off, if it did
	Gaps         []Gap          `json:"gaps"`          // when it was not in force, because control had ended
	Revealed     bool           `json:"revealed"`      // the answer has been shown

	Inventory grade.Inventory  `json:"inventory"`
	Diagnosis *grade.Diagnosis `json:"diagnosis,omitempty"`
	Grades    []grade.Grade    `json:"grades"`
}

// change keeps that something was changed.
func (s *State) change(at time.Time) {
	if !s.Changed {
		s.FirstChange = at
	}
	s.LastChange, s.Changed = at, true
}

// keeper guards the state and writes it to control's volume at every change.
type keeper struct {
	mu    sync.Mutex
	path  string
	state State
}

func openKeeper(dir string) (*keeper, error) {
	k := &keeper{path: filepath.Join(dir, "state.json")}
	b, err := os.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the lab's state: %w", err)
	}
	if err := json.Unmarshal(b, &k.state); err != nil {
		return nil, fmt.Errorf("read the lab's state: %w", err)
	}
	return k, nil
}

// get gives the state as it is now. Maps and lists in it are shared: who changes
// the state replaces maps, and adds to lists at their end.
func (k *keeper) get() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// set changes the state and makes it last: a kill at any moment leaves the old
// file or the new one.
func (k *keeper) set(change func(*State)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.state)
	b, err := json.Marshal(k.state)
	if err != nil {
		return err
	}
	tmp := k.path + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("keep the lab's state: %w", err)
	}
	return os.Rename(tmp, k.path)
}
