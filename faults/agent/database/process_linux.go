package database

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/trap"
)

// process finds the process of a session, which has a number of its own in the target,
// by when its server was started.
func (s server) process(session int, started uint64) (int, error) {
	var lacks error
	files, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if numbers := strings.Fields(status(pid, "NSpid")); len(numbers) == 0 || numbers[len(numbers)-1] != strconv.Itoa(session) || !sameNetwork(pid, s.pid) {
			continue
		}
		at, err := trap.Variable(pid, "PgStartTime")
		if err == nil && at == started {
			return pid, nil
		}
		lacks = err
	}
	if lacks != nil {
		return 0, lacks
	}
	return 0, carrier.Errorf(carrier.Failed, "the process of our own session, %d in the target, is not to be found", session)
}

func sameNetwork(a, b int) bool {
	x, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", a))
	y, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", b))
	return err == nil && err2 == nil && x == y
}

// status is a line of a process's status.
func status(pid int, name string) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for l := range strings.Lines(string(b)) {
		if key, value, _ := strings.Cut(l, ":"); key == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
