package stress

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// spareThreads are ready in a server: Go's runtime ends a program that gets no thread when
// it wants one, and one fault takes care that there is none.
const spareThreads = 24

// spare makes threads, which stay when nobody needs them.
func spare() {
	var all, here sync.WaitGroup
	here.Add(spareThreads)
	for range spareThreads {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			here.Done()
			here.Wait()
		})
	}
	all.Wait()
}

// forks makes processes until the kernel refuses, and says how many tasks the container
// had then. So many would be made without a limit that none is near.
func forks() int {
	had, _ := filepath.Glob("/proc/[0-9]*/task/*")
	var made []int
	for len(made) < 8*spareThreads {
		pid, errno := fork()
		if errno != 0 {
			break
		}
		made = append(made, pid)
	}
	for _, pid := range made {
		syscall.Kill(pid, syscall.SIGKILL)
		syscall.Wait4(pid, nil, 0, nil)
	}
	return len(had) + len(made)
}

// fork makes a process that waits to be ended. It runs nothing of the runtime's, which
// has but one thread there.
//
//go:nosplit
//go:norace
func fork() (int, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return int(pid), errno
	}
	for {
		syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}

// eating has a program of the target's memory group take so much, and says how many MiB it
// had when it was ended, or had all. The target's own program rests meanwhile: what it needs
// before all of the other's is back would make the kernel end it too.
func eating(pid, mib int) (had int, err error) {
	cmd := exec.Command("/proc/self/exe", strconv.Itoa(mib))
	cmd.Env = append(os.Environ(), roleEnv+"=eater")
	begin, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := errors.Join(cmd.Start(), syscall.Kill(pid, syscall.SIGSTOP)); err != nil {
		return 0, err
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	if err := os.WriteFile(filepath.Join(memoryGroup(pid), "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	begin.Close()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		had, _ = strconv.Atoi(lines.Text())
	}
	err = cmd.Wait()
	if st := cmd.ProcessState.Sys().(syscall.WaitStatus); st.Signaled() && st.Signal() == syscall.SIGKILL {
		return had, nil
	}
	return had, err
}

// memoryGroup is the directory of a process's control group for memory, in either version.
func memoryGroup(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	for line := range strings.Lines(string(text)) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 && (f[1] == "" || f[1] == "memory") {
			if dir := filepath.Join("/sys/fs/cgroup", f[1], f[2]); fileIn(dir, "memory.stat") {
				return dir
			}
		}
	}
	return ""
}

func fileIn(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

// eat takes memory when its input ends, and tells of each MiB. Where there is too little
// the kernel ends this process before any other.
func eat(mib string, begin io.Reader, tell io.Writer) error {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return err
	}
	most, err := strconv.Atoi(mib)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, begin); err != nil {
		return err
	}
	var all [][]byte
	for len(all) < most {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = 1
		}
		all = append(all, b)
		fmt.Fprintln(tell, len(all))
	}
	runtime.KeepAlive(all)
	return nil
}
