package stress

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"time"
)

// dataDir is a file system of the target's own, in memory, and dataSize its bytes.
const (
	dataDir  = "/data"
	dataSize = 8 << 20
)

// disk is what a fault does to the target's file system.
type disk struct {
	readonly bool
	left     int // bytes that can be written
}

// diskRows are the kinds that a program feels when it writes a file.
var diskRows = []row{
	{"disk-fill", func(r *rand.Rand, s *scene) claim {
		percent := 20 + r.IntN(81)
		d := &disk{left: dataSize * (100 - percent) / 100}
		param := fmt.Sprint("percent=", percent)
		if r.IntN(2) == 0 {
			d.left = 4096 * (1 + r.IntN(1500))
			param = fmt.Sprint("leave_bytes=", d.left)
		}
		return claim{fault: made("disk-fill", "path="+dataDir, param), disk: d}
	}},
	{"disk-readonly", func(r *rand.Rand, s *scene) claim {
		return claim{fault: made("disk-readonly", "path="+dataDir), disk: &disk{readonly: true}}
	}},
}

// room writes a file until it cannot be continued, and says how far it came and why.
func room() string {
	f, err := os.CreateTemp(dataDir, "")
	written := 0
	if err == nil {
		defer os.Remove(f.Name())
		defer f.Close()
		block := make([]byte, 64<<10)
		for written < 2*dataSize && err == nil {
			var n int
			n, err = f.Write(block)
			written += n
		}
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Sprint(written, " full")
	case errors.Is(err, syscall.EROFS):
		return fmt.Sprint(written, " read-only")
	}
	return fmt.Sprint(written, " ", err)
}

// feelDisk has the target write a file. Some of its file system's blocks may be in use for the file's name.
func (s *scene) feelDisk(pid int, claims []claim) error {
	if !s.disk {
		return nil
	}
	left, why := dataSize, "full"
	for _, c := range claims {
		switch d := c.disk; {
		case d == nil:
		case d.readonly:
			why = "read-only"
		default:
			left = min(left, d.left)
		}
	}
	if why == "read-only" {
		left = 0
	}
	how, text, _, err := ask(pid, loopback, "room", 20*time.Second)
	if err != nil {
		return err
	}
	written := -1
	_, got, _ := strings.Cut(text, " ")
	fmt.Sscan(text, &written)
	const slack = 64 << 10
	if got != why || written < left-slack || written > left+slack {
		return fmt.Errorf("a file in %s: %s %q; want %d bytes, then %s", dataDir, how, text, left, why)
	}
	return nil
}
