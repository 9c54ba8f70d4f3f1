package host

import (
	"fmt"
	"time"
)

// look is what was seen of a process at a time. All sizes are in bytes.
type look struct {
	at           time.Time
	pid, parent  int
	name         string // as the kernel has it, 15 characters at most
	uid          uint64
	total        uint64 // virtual memory
	resident     uint64
	anon         uint64
	file         uint64
	shared       uint64
	pageTables   uint64
	oomScoreAdj  int
	adjustedSeen bool // oomScoreAdj was read
}

// killed is the line that the kernel logs when it kills a process for want of memory,
// with what was seen of it last: nothing but its id, if that was never. The reason is
// before it where it is known.
//
// The form is that of __oom_kill_process in the kernel's mm/oom_kill.c.
func (l look) killed(reason string) string {
	kb := func(bytes uint64) uint64 { return bytes >> 10 }
	if reason != "" {
		reason += ": "
	}
	if l.at.IsZero() {
		return fmt.Sprintf("%sKilled process %d", reason, l.pid)
	}
	line := fmt.Sprintf("%sKilled process %d (%s) total-vm:%dkB, anon-rss:%dkB, file-rss:%dkB, shmem-rss:%dkB, UID:%d pgtables:%dkB",
		reason, l.pid, l.name, kb(l.total), kb(l.anon), kb(l.file), kb(l.shared), l.uid, kb(l.pageTables))
	if l.adjustedSeen {
		line += fmt.Sprintf(" oom_score_adj:%d", l.oomScoreAdj)
	}
	return line
}

// below gives those processes of a look that descend from one, which is not among them.
func below(all map[int]look, root int) []look {
	var out []look
	for _, l := range all {
		// A process whose ancestors were read at different times may have itself above it.
		for p, steps := l, 0; steps < len(all); steps++ {
			if p.parent == root {
				out = append(out, l)
				break
			}
			parent, ok := all[p.parent]
			if !ok {
				break
			}
			p = parent
		}
	}
	return out
}
