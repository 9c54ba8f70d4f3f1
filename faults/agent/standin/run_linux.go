package standin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// mib is one MiB, and page the step in which memory is touched.
const (
	mib  = 1 << 20
	page = 4096
)

// Run is the process: it does what lines of in ask, until in ends.
func Run(in io.Reader, out io.Writer) error {
	// Where memory is short, this goes before anything of the target's.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	var held atomic.Int64
	var disk file
	lines, answers := bufio.NewScanner(in), json.NewEncoder(out)
	for lines.Scan() {
		var a ask
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return err
		}
		r, err := answer{}, error(nil)
		switch a.Do {
		case "watch":
			err = watch(a.PID)
		case "pulse":
		case "spin":
			r.CPU, r.Wall = spin(a.N, time.Duration(a.Millis)*time.Millisecond)
		case "fork":
			r.N, r.Refused = fork(a.N)
		case "touch":
			err = touch(a.N)
		case "hold":
			go hold(a.Rate, a.N, &held)
		case "held":
			r.MiB = float64(held.Load()) / mib
		case "file":
			err = disk.open(a.Path, a.N, a.Size)
		case "read", "write":
			r.Wall, err = disk.transfer(a.Do == "write", a.N, a.Size)
		default:
			err = fmt.Errorf("unknown %q", a.Do)
		}
		if err != nil {
			r.Error = err.Error()
		}
		if err := answers.Encode(r); err != nil {
			return err
		}
	}
	return lines.Err()
}

// watch ends this process when the target's ends: it must not keep the target's
// control groups from being removed.
func watch(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	go func() {
		for {
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); !errors.Is(err, unix.EINTR) {
				os.Exit(0)
			}
		}
	}()
	return nil
}

func spin(threads int, d time.Duration) (cpu, wall float64) {
	used := func() float64 {
		var u unix.Rusage
		_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	before, began := used(), time.Now()
	var wg sync.WaitGroup
	for range max(threads, 1) {
		wg.Go(func() {
			for time.Since(began) < d {
			}
		})
	}
	wg.Wait()
	return used() - before, time.Since(began).Seconds()
}

// linger is how long memory that was touched stays, for whoever looks how much it is.
const linger = 20 * time.Millisecond

// touch writes to memory and at once allows the kernel to take it back: it counts as
// used until the kernel needs it, and nobody is ended for want of it.
func touch(n int) error {
	all, err := unix.Mmap(-1, 0, n*mib, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	defer unix.Munmap(all)
	for at := 0; at < len(all); at += mib / 4 {
		part := all[at : at+mib/4]
		for i := 0; i < len(part); i += page {
			part[i] = 1
		}
		if err := unix.Madvise(part, unix.MADV_FREE); err != nil {
			return err
		}
	}
	time.Sleep(linger)
	return nil
}

// hold takes memory in small steps, so that it grows evenly.
func hold(rate float64, most int, held *atomic.Int64) {
	const step = 64 << 10
	began := time.Now()
	for total := int64(0); total < int64(most)*mib; {
		due := min(int64(time.Since(began).Seconds()*rate*mib), int64(most)*mib)
		for ; total+step <= due || total < due && due == int64(most)*mib; total += step {
			part, err := unix.Mmap(-1, 0, step, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
			if err != nil {
				return
			}
			for i := 0; i < len(part); i += page {
				part[i] = 1
			}
			held.Store(total + step)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
