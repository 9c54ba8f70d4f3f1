package ledger

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func (s Slot) read() (string, error) {
	if s.PID == 0 {
		text, err := s.Group.Read(s.File)
		if err == nil && s.Device != "" {
			text = deviceValue(text, s.Device, s.Limit)
		}
		return text, err
	}
	if start, err := Started(s.PID); err != nil || start != s.Start {
		return "", os.ErrNotExist
	}
	var l unix.Rlimit
	if err := unix.Prlimit(s.PID, unix.RLIMIT_NOFILE, nil, &l); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d:%d", l.Cur, l.Max), nil
}

func (s Slot) write(value string) error {
	if s.PID == 0 {
		if s.Device != "" {
			value = deviceLine(s.Device, s.Limit, value)
		}
		return s.Group.Write(s.File, value)
	}
	var l unix.Rlimit
	if _, err := fmt.Sscanf(value, "%d:%d", &l.Cur, &l.Max); err != nil {
		return fmt.Errorf("limits %q: %w", value, err)
	}
	if _, err := s.read(); err != nil {
		return err
	}
	return unix.Prlimit(s.PID, unix.RLIMIT_NOFILE, &l, nil)
}

// mayRaise tells whether this process can raise a hard limit.
func mayRaise() bool {
	var data [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// gone says that what a slot belongs to has ended.
func gone(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ESRCH)
}

// Started is when a process started, in clock ticks since boot: with its number it
// names the process for good.
func Started(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name is in parentheses and may have any character; 22 is the start.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	return strconv.ParseUint(f[19], 10, 64)
}
