package netspace

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Inside runs f on a thread in the network namespace of a process. The thread ends
// with f; what f opens stays in that namespace.
func Inside(pid int, f func() error) error {
	return Thread(func() error {
		ns, err := netns.GetFromPath(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err != nil {
			return err
		}
		defer ns.Close()
		if err := netns.Set(ns); err != nil {
			return err
		}
		return f()
	})
}

// Thread runs f on a thread of its own, which ends with f: f may change what a thread
// has for itself, such as its network namespace. It is never the main thread, which
// would not end, and whose namespaces are what /proc shows as the process's.
func Thread(f func() error) error {
	errc := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			defer runtime.UnlockOSThread()
			errc <- Thread(f) // the main thread is taken meanwhile
			return
		}
		errc <- f() // still locked: the thread ends with this goroutine
	}()
	return <-errc
}

// Empty is Inside for a network namespace of its own, in which there is nothing. The
// namespace ends with f and what f has open.
func Empty(f func() error) error {
	return Thread(func() error {
		ns, err := netns.New() // this thread is in it from here on
		if err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		defer ns.Close()
		return f()
	})
}
