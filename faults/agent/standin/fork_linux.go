package standin

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// fork makes processes that sleep, at most so many, and ends them; it gives how many
// there were when the kernel made no more.
func fork(most int) (n int, refused bool) {
	runtime.LockOSThread() // they end with the thread that made them
	defer runtime.UnlockOSThread()
	var made []int
	for len(made) < most && !refused {
		pid, errno := sleeper()
		if errno == 0 {
			made = append(made, int(pid))
		}
		refused = errno == syscall.EAGAIN
		if errno != 0 && !refused {
			break
		}
	}
	for _, pid := range made {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		for {
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
				break
			}
		}
	}
	return len(made), refused
}

// sleeper forks a process without any more of Go in it: nothing may grow its stack.
//
//go:nosplit
//go:norace
func sleeper() (pid uintptr, errno syscall.Errno) {
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0)
	for {
		syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}
