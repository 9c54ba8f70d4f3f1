package database

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/netspace"
)

// inRoot opens a file of the target, links resolved as they are there.
func inRoot(pid int, name string, flags int) (int, error) {
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open the root of process %d: %w", pid, err)
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, strings.TrimPrefix(name, "/"), &unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return -1, fmt.Errorf("open %s in the target: %w", name, err)
	}
	return fd, nil
}

// socketPath is where a server in the target listens for port on a unix socket, as
// the kernel knows it; "" if nowhere.
func socketPath(pid, port int) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/net/unix", pid))
	if err != nil {
		return ""
	}
	defer f.Close()
	suffix := fmt.Sprintf("/.s.PGSQL.%d", port)
	for s := bufio.NewScanner(f); s.Scan(); {
		if at := strings.IndexByte(s.Text(), '/'); at >= 0 && strings.HasSuffix(s.Text(), suffix) {
			return s.Text()[at:]
		}
	}
	return ""
}

// sockets are the ports of PostgreSQL servers that listen on a unix socket in the target.
func sockets(pid int) []int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/unix", pid))
	var out []int
	for l := range strings.Lines(string(b)) {
		var port int
		if _, after, ok := strings.Cut(strings.TrimSpace(l), "/.s.PGSQL."); ok {
			if n, _ := fmt.Sscanf(after, "%d", &port); n == 1 && fmt.Sprint(port) == after {
				out = append(out, port)
			}
		}
	}
	return out
}

// peer is a server's unix socket and who owns it.
type peer struct {
	path  string
	owner string // name in the target, "" if it has none
	uid   int
}

func findPeer(pid, port int) (peer, error) {
	p := peer{path: socketPath(pid, port)}
	if p.path == "" {
		return p, &carrier.Error{Code: carrier.BadRequest, Message: fmt.Sprintf("no PostgreSQL listens on a unix socket for port %d in the target", port),
			Remedy: "give connection.port, or connection.user and connection.password to use TCP"}
	}
	fd, err := inRoot(pid, p.path, unix.O_PATH)
	if err != nil {
		return p, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return p, fmt.Errorf("look at %s: %w", p.path, err)
	}
	p.uid = int(st.Uid)
	p.owner = userName(pid, p.uid)
	return p, nil
}

// dialPeer connects to a unix socket in the target as its owner. The directory is
// opened first: a path through /proc may be too long for an address, and only root
// may walk it. The server sees the user of the thread that connects.
func dialPeer(pid int, p peer) (net.Conn, error) {
	dir, err := inRoot(pid, path.Dir(p.path), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), p.path)
	defer file.Close()
	// A server that does not take connections must not hold us for ever.
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 5})
	to := &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir, path.Base(p.path))}
	if err := asUser(p.uid, func() error { return unix.Connect(fd, to) }); err != nil {
		return nil, fmt.Errorf("connect to %s as user %d: %w", p.path, p.uid, err)
	}
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{})
	return net.FileConn(file)
}

// asUser runs f on a thread whose effective user is uid; the others keep theirs.
func asUser(uid int, f func() error) error {
	errc := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home := os.Geteuid()
		if uid == home {
			errc <- f()
			runtime.UnlockOSThread()
			return
		}
		dumpable, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		keep := ^uintptr(0)
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(uid), keep); e != 0 {
			runtime.UnlockOSThread()
			errc <- fmt.Errorf("become user %d: %w", uid, e)
			return
		}
		err := f()
		// A thread that cannot go home stays locked and dies with this goroutine.
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(home), keep); e == 0 {
			runtime.UnlockOSThread()
		}
		if dumpable == 1 { // the kernel takes it away from who changes users
			_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
		}
		errc <- err
	}()
	return <-errc
}

// networkOf runs functions in the network namespace of a process, for the keeper.
func networkOf(pid int) func(f func() error) error {
	return func(f func() error) error { return netspace.Inside(pid, f) }
}

// userName is what a user is called in the target.
func userName(pid, uid int) string {
	fd, err := inRoot(pid, "/etc/passwd", unix.O_RDONLY)
	if err != nil {
		return ""
	}
	f := os.NewFile(uintptr(fd), "passwd")
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Split(s.Text(), ":"); len(fields) > 2 && fields[2] == fmt.Sprint(uid) {
			return fields[0]
		}
	}
	return ""
}
