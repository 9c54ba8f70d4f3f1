package host

import (
	"os"
	"strconv"
	"time"

	"github.com/prometheus/procfs"
)

// lookAtAll looks at every process that descends from this one.
func lookAtAll() (map[int]look, error) {
	procs, err := procfs.AllProcs()
	if err != nil {
		return nil, err
	}
	all := make(map[int]look, len(procs))
	for _, p := range procs {
		if stat, err := p.Stat(); err == nil { // the others are gone
			all[p.PID] = look{pid: p.PID, parent: stat.PPID, name: stat.Comm}
		}
	}
	out := map[int]look{}
	for _, l := range below(all, os.Getpid()) {
		if l, ok := lookAt(l.pid); ok {
			out[l.pid] = l
		}
	}
	return out, nil
}

// lookAt looks at one process. There is nothing to see when it is gone, or dead and
// not reaped yet.
func lookAt(pid int) (look, bool) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return look{}, false
	}
	stat, err := p.Stat()
	if err != nil {
		return look{}, false
	}
	status, err := p.NewStatus()
	if err != nil || status.VmSize == 0 {
		return look{}, false
	}
	l := look{
		at: time.Now(), pid: pid, parent: stat.PPID, name: stat.Comm, uid: status.UIDs[0],
		total: status.VmSize, resident: status.VmRSS, anon: status.RssAnon, file: status.RssFile, shared: status.RssShmem,
		pageTables: status.VmPTE,
	}
	if adj, err := oomScoreAdj(strconv.Itoa(pid)); err == nil {
		l.oomScoreAdj, l.adjustedSeen = adj, true
	}
	return l, true
}
