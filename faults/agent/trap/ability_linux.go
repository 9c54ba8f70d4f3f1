package trap

import (
	"fmt"
	"os"

	"faultlab/faults/agent/carrier"
)

// Abilities says whether traps can be set, by having the kernel take a program for one.
func Abilities() []carrier.Ability {
	a := carrier.Ability{Name: "breakpoints with BPF", OK: true, Detail: "can be set, for pg-slow-statement"}
	if err := try(); err != nil {
		a.OK, a.Detail, a.Remedy = false, err.Error()+"; pg-slow-statement cannot be used", remedy
	}
	return []carrier.Ability{a}
}

func try() error {
	if _, err := os.Stat("/sys/bus/event_source/devices/uprobe"); err != nil {
		return fmt.Errorf("the kernel has no breakpoints in user space: %w", err)
	}
	every, err := compile("*")
	if err != nil {
		return err
	}
	unlock()
	p, err := load(Where{}, What{Share: 1}, every, nil)
	if err != nil {
		return fmt.Errorf("the kernel takes no program: %w", oneLine{err})
	}
	p.close()
	return nil
}
