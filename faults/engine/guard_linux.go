package engine

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The guard's patience, in its own steps: what was on its way to the engine arrives
// first, and creating a container may take a while.
const (
	guardStep  = 250e6 // ns
	guardLimit = 5e9   // ns, for an answer
	guardFirst = 3     // steps before the first request
	guardSteps = 32    // in all: 8 s
)

// guardian is what the guard's process needs: all of it is made before the fork, because
// there is no more of Go after it.
type guardian struct {
	pipe    uintptr // end of file: whoever made us is dead; a byte: we are not needed
	most    uintptr // descriptors there may be
	address unix.RawSockaddrUnix
	length  uintptr
	request *byte
	size    uintptr
	step    unix.Timespec
	limit   unix.Timeval // for one request
	answer  [16]byte
}

// guard forks a process that sends request to the engine's socket if this process dies
// before release is called. It is out of the process group, holds nothing open, and
// hears no signal but KILL. Where it cannot be made there is none.
func guard(socket, request string) (release func()) {
	g := &guardian{step: unix.NsecToTimespec(guardStep), limit: unix.NsecToTimeval(guardLimit), most: 1 << 16}
	if len(socket) >= len(g.address.Path) {
		return func() {}
	}
	g.address.Family = unix.AF_UNIX
	for i := range socket {
		g.address.Path[i] = int8(socket[i])
	}
	g.length = unsafe.Offsetof(g.address.Path) + uintptr(len(socket)) + 1
	text := []byte(request)
	g.request, g.size = unsafe.SliceData(text), uintptr(len(text))
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		g.most = min(g.most, uintptr(files.Cur))
	}
	var pipe [2]int
	if unix.Pipe2(pipe[:], unix.O_CLOEXEC) != nil {
		return func() {}
	}
	defer unix.Close(pipe[0])
	g.pipe = uintptr(pipe[0])
	pid, ok := g.start()
	if !ok {
		unix.Close(pipe[1])
		return func() {}
	}
	return func() {
		_, _ = unix.Write(pipe[1], []byte{1})
		unix.Close(pipe[1])
		for {
			if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != unix.EINTR {
				return
			}
		}
	}
}

// start forks with all signals blocked: the handlers of Go must not run in the child.
func (g *guardian) start() (pid int, ok bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, old unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old) != nil {
		return 0, false
	}
	n, errno := g.fork()
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	return int(n), errno == 0
}

// fork returns in the parent only. Its end is no signal to the parent, whose own
// children may be waited for by others. Nothing in here may grow the stack.
//
//go:nosplit
//go:norace
func (g *guardian) fork() (pid uintptr, errno syscall.Errno) {
	if pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, 0, 0, 0, 0, 0, 0); errno != 0 || pid != 0 {
		return pid, errno
	}
	syscall.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
	// The pipe's other end and the maker's connections must close with the maker.
	_, _, errno = syscall.RawSyscall(unix.SYS_CLOSE_RANGE, g.pipe+1, uintptr(^uint32(0)), 0)
	for fd := uintptr(0); fd < g.most; fd++ {
		if fd == g.pipe && errno == 0 {
			break
		}
		if fd != g.pipe {
			syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		}
	}
	n, _, _ := syscall.RawSyscall(unix.SYS_READ, g.pipe, uintptr(unsafe.Pointer(&g.answer)), 1)
	for step := 0; n == 0 && step < guardSteps; step++ {
		if step >= guardFirst && g.ask() {
			break
		}
		syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&g.step)), 0, 0)
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// ask sends the request and tells whether it was answered by 204, removed, or 409, it
// runs; it may be that the container is not there yet.
//
//go:nosplit
//go:norace
func (g *guardian) ask() bool {
	fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if errno != 0 {
		return false
	}
	g.answer[9] = 0
	for _, option := range [...]uintptr{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		syscall.RawSyscall6(unix.SYS_SETSOCKOPT, fd, unix.SOL_SOCKET, option, uintptr(unsafe.Pointer(&g.limit)), unsafe.Sizeof(g.limit), 0)
	}
	if _, _, errno = syscall.RawSyscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&g.address)), g.length); errno == 0 {
		syscall.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(g.request)), g.size)
		syscall.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&g.answer)), unsafe.Sizeof(g.answer))
	}
	syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	// "HTTP/1.1 204 No Content"
	return g.answer[9] == '2' || g.answer[9] == '4' && g.answer[11] == '9'
}
