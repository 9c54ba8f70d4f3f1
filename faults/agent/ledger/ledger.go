// Package ledger sets absolute values of the kernel's, such as a limit of a control
// group, for several faults at once: the strictest holds, each is taken away alone, and
// the last one puts back what was there, byte for byte. What somebody else has set
// meanwhile is left alone.
package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"
)

// PutBackAct is the name of [PutBack] in the agent's table of acts.
const PutBackAct = "put-back"

// Slot is where one value is kept: a file of a control group, in it the line of a
// Device, or with a PID the limits of open files of a process that started at Start, as
// [Files] writes them.
type Slot struct {
	Group cgroup.Group `json:"group,omitzero"`
	File  string       `json:"file,omitempty"`
	// Device is one of blkio.throttle's or io.max's, such as 254:0, and Limit the name
	// of a limit on a line of io.max, such as rbps.
	Device string `json:"device,omitempty"`
	Limit  string `json:"limit,omitempty"`
	PID    int    `json:"pid,omitempty"`
	Start  uint64 `json:"start,omitempty"` // in clock ticks since boot
}

// Bid is the value a fault wants in a slot.
type Bid struct {
	Slot  Slot
	Value string
}

// account is one slot with all who set it.
type account struct {
	original string
	ours     []string // every value we have written
	bids     map[string]string
	release  func()
}

// Ledger is an agent's book of slots. The zero Ledger is ready for use.
type Ledger struct {
	mu       sync.Mutex
	accounts map[Slot]*account
	order    []Slot // as they came; values that bind each other are put back the other way round
}

// promise is what a keeper is told of a slot.
type promise struct {
	Slot     Slot     `json:"slot"`
	Original string   `json:"original"`
	Ours     []string `json:"ours"`
}

// Set enters the bids of an injection and makes them hold where they are the
// strictest. What it has begun when it fails is undone by Unset.
func (l *Ledger) Set(k carrier.Keeper, id string, bids ...Bid) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accounts == nil {
		l.accounts = map[Slot]*account{}
	}
	for _, b := range bids {
		a := l.accounts[b.Slot]
		if a == nil {
			original, err := b.Slot.read()
			if err != nil {
				return err
			}
			a = &account{original: original, bids: map[string]string{}, release: func() {}}
			l.accounts[b.Slot] = a
			l.order = append(l.order, b.Slot)
		}
		if !slices.Contains(a.ours, b.Value) {
			ours := append(slices.Clone(a.ours), b.Value)
			release, err := k.Keep(PutBackAct, promise{b.Slot, a.original, ours})
			if err != nil {
				if len(a.bids) == 0 {
					l.forget(b.Slot)
				}
				return err
			}
			a.release()
			a.ours, a.release = ours, release
		}
		a.bids[id] = b.Value
		if err := b.Slot.write(a.effective()); err != nil {
			return fmt.Errorf("set %s to %s: %w", b.Slot, a.effective(), err)
		}
	}
	return nil
}

// Unset takes the bids of an injection away. It may be called again after an error.
func (l *Ledger) Unset(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, slot := range slices.Backward(slices.Clone(l.order)) {
		a := l.accounts[slot]
		if _, ok := a.bids[id]; !ok {
			continue
		}
		value := a.bids[id]
		delete(a.bids, id)
		if err := slot.replace(a.ours, a.effective()); err != nil {
			a.bids[id] = value
			errs = append(errs, err)
			continue
		}
		if len(a.bids) == 0 {
			a.release()
			l.forget(slot)
		}
	}
	return errors.Join(errs...)
}

func (l *Ledger) forget(s Slot) {
	delete(l.accounts, s)
	l.order = slices.DeleteFunc(l.order, func(o Slot) bool { return o == s })
}

// Original is what a slot had before any fault.
func (l *Ledger) Original(s Slot) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[s]; a != nil {
		return a.original, nil
	}
	return s.read()
}

// Enforce makes the bids of an injection hold where something laxer has taken their
// place, and says where that was. What was found there is what will be put back.
func (l *Ledger) Enforce(k carrier.Keeper, id string) ([]Slot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var again []Slot
	var errs []error
	for _, slot := range l.order {
		a := l.accounts[slot]
		if _, ok := a.bids[id]; !ok {
			continue
		}
		now, err := slot.read()
		if gone(err) || err == nil && !laxer(now, a.effective()) {
			continue
		}
		if err == nil {
			err = l.adopt(k, slot, a, now)
		}
		if err != nil && !gone(err) {
			errs = append(errs, fmt.Errorf("set %s again: %w", slot, err))
			continue
		}
		again = append(again, slot)
	}
	return again, errors.Join(errs...)
}

// adopt takes what somebody else has set for the original and sets the slot again.
func (l *Ledger) adopt(k carrier.Keeper, slot Slot, a *account, now string) error {
	original := slot.without(now, a.ours, a.original)
	release, err := k.Keep(PutBackAct, promise{slot, original, a.ours})
	if err != nil {
		return err
	}
	a.release()
	a.original, a.release = original, release
	return slot.write(a.effective())
}

// Held says whether any bid is in a slot.
func (l *Ledger) Held(s Slot) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accounts[s] != nil
}

// effective is the strictest of what is asked for, or the original.
func (a *account) effective() string {
	best := a.original
	for _, v := range a.bids {
		if Strictness(v) < Strictness(best) {
			best = v
		}
	}
	return best
}

// Strictness orders the values of a slot: the lower, the stricter. It knows numbers,
// "max" and -1 for no limit, "quota period" as a share, a freezer's state, and limits
// as [Files] writes them, where the soft one counts.
func Strictness(value string) float64 {
	value, _, _ = strings.Cut(value, ":")
	first, period, pair := strings.Cut(value, " ")
	switch first {
	case "max", "-1", "THAWED":
		return math.Inf(1)
	case "FROZEN":
		return 0
	}
	n, err := strconv.ParseFloat(first, 64)
	if err != nil || math.IsNaN(n) {
		return math.Inf(1)
	}
	if p, err := strconv.ParseFloat(period, 64); pair && err == nil && p > 0 && !math.IsInf(p, 1) {
		n /= p
	}
	return n
}

// replace writes value where one of ours still is; the end of its owner ends it too.
func (s Slot) replace(ours []string, value string) error {
	now, err := s.read()
	switch {
	case gone(err):
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", s, err)
	}
	if value = s.without(now, ours, value); value == now {
		return nil
	}
	if err := s.write(value); err != nil && !gone(err) {
		return fmt.Errorf("set %s to %s: %w", s, value, err)
	}
	return nil
}

// Value is what the slot has now.
func (s Slot) Value() (string, error) { return s.read() }

func (s Slot) String() string {
	if s.PID != 0 {
		return fmt.Sprintf("the limits of open files of process %d", s.PID)
	}
	if s.Device != "" {
		return s.File + " of " + s.Group.Path + " for " + s.Device
	}
	return s.File + " of " + s.Group.Path
}

// PutBack is the keeper's act: it puts the original back where a value of ours is.
func PutBack(args json.RawMessage) error {
	var p promise
	if err := json.Unmarshal(args, &p); err != nil {
		return err
	}
	return p.Slot.replace(p.Ours, p.Original)
}
