package netspace

import (
	"fmt"
	"runtime"

	"github.com/vishvananda/netns"
)

// Inside runs f on a thread in the network namespace of a process. The thread ends
// with f; what f opens stays in that namespace.
func Inside(pid int, f func() error) error {
	errc := make(chan error, 1)
	go func() {
		// The thread stays locked and ends with this goroutine.
		runtime.LockOSThread()
		ns, err := netns.GetFromPath(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil {
			defer ns.Close()
			err = netns.Set(ns)
		}
		if err == nil {
			err = f()
		}
		errc <- err
	}()
	return <-errc
}

// Empty runs f on a thread in a network namespace of its own, in which there is nothing.
// The namespace ends with f and what f has open.
func Empty(f func() error) error {
	errc := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		ns, err := netns.New() // this thread is in it from here on
		if err != nil {
			errc <- fmt.Errorf("make a network namespace: %w", err)
			return
		}
		defer ns.Close()
		errc <- f()
	}()
	return <-errc
}
