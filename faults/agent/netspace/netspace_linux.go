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
