package stress

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
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

// eating starts a process that takes so much memory, and says how many MiB it had when it
// was ended, or had all; below 0 if it came to another end.
func eating(mib string) int {
	cmd := exec.Command("/proc/self/exe", mib)
	cmd.Env = append(os.Environ(), roleEnv+"=eater")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return -1
	}
	if err := cmd.Start(); err != nil {
		return -2
	}
	had := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		had, _ = strconv.Atoi(lines.Text())
	}
	cmd.Wait()
	if st := cmd.ProcessState.Sys().(syscall.WaitStatus); st.Signaled() && st.Signal() == syscall.SIGKILL || st.Exited() && st.ExitStatus() == 0 {
		return had
	}
	return -3
}

// eat takes memory, and tells of each MiB. Where there is too little the kernel ends this
// process before any other.
func eat(mib string, tell io.Writer) error {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return err
	}
	most, err := strconv.Atoi(mib)
	if err != nil {
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
