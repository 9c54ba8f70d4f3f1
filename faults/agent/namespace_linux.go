package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespace is one open network namespace.
type namespace struct {
	fd    netns.NsHandle
	inode uint64
	pid   int

	once sync.Once
	over chan struct{} // closed when the process has ended, or by close
	wake int           // eventfd that ends the watch
	wg   sync.WaitGroup
}

// openNamespace opens the network namespace of a process and watches the process.
func openNamespace(pid int) (*namespace, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, errorf(TargetGone, "process %d: %v", pid, err)
	}
	fd, err := netns.GetFromPath(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		unix.Close(pidfd)
		return nil, errorf(TargetGone, "open network namespace of process %d: %v", pid, err)
	}
	inode, err := inodeOf(int(fd))
	if err == nil {
		err = notOurs(inode, pid)
	}
	var wake int
	if err == nil {
		wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC)
	}
	if err != nil {
		unix.Close(pidfd)
		fd.Close()
		return nil, err
	}
	n := &namespace{fd: fd, inode: inode, pid: pid, over: make(chan struct{}), wake: wake}
	n.wg.Go(func() { n.watch(pidfd) })
	return n, nil
}

// watch sleeps in the kernel until the process ends or the namespace is closed.
func (n *namespace) watch(pidfd int) {
	defer unix.Close(pidfd)
	defer close(n.over)
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}, {Fd: int32(n.wake), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// alive gives a context that ends with the target's process as well: nobody is there to
// answer for it.
func (n *namespace) alive(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-n.over:
			cancel(errorf(TargetGone, "process %d of the target has ended", n.pid))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (n *namespace) close() {
	n.once.Do(func() {
		unix.Write(n.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		n.wg.Wait()
		unix.Close(n.wake)
		n.fd.Close()
	})
}

// do runs f on a thread that is in the namespace. Sockets f opens stay in it.
func (n *namespace) do(f func() error) error { return inNamespace(n.fd, f) }

func inNamespace(fd netns.NsHandle, f func() error) error {
	errc := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() { // never the main thread: /proc shows its namespaces as the process's
			defer runtime.UnlockOSThread()
			errc <- inNamespace(fd, f)
			return
		}
		home, err := netns.Get()
		if err != nil {
			errc <- fmt.Errorf("get own network namespace: %w", err)
			return
		}
		defer home.Close()
		if err := netns.Set(fd); err != nil {
			runtime.UnlockOSThread()
			errc <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		err = f()
		// A thread that cannot go home stays locked and dies with this goroutine.
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
		errc <- err
	}()
	return <-errc
}

// newNamespace makes an empty namespace that ends with its last user.
func newNamespace() (ns netns.NsHandle, err error) {
	home, err := netns.Get()
	if err != nil {
		return ns, fmt.Errorf("get own network namespace: %w", err)
	}
	defer home.Close()
	// Away and home again by inNamespace; in between the thread leaves for the new one.
	err = inNamespace(home, func() error {
		ns, err = netns.New()
		return err
	})
	return ns, err
}

func inodeOf(fd int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, fmt.Errorf("stat network namespace: %w", err)
	}
	return st.Ino, nil
}

// notOurs refuses the network namespaces of the host and of the agent. Process 1
// is the host's init where the agent shares the host's pid namespace; some
// hosts hide it, then the first kernel thread stands for it.
func notOurs(inode uint64, pid int) error {
	for _, p := range []string{"1", "2", "self"} {
		fi, err := os.Stat("/proc/" + p + "/ns/net")
		if err != nil {
			continue
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Ino == inode {
			return &Error{Code: Refused,
				Message: fmt.Sprintf("process %d is in the host's network namespace; want a container with a network of its own", pid),
				Remedy:  "run the container without --network host"}
		}
	}
	return nil
}
