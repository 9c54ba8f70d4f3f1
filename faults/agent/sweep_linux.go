package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/database"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// sweep removes trees and tables of dead agents in the namespaces of processes.
func (k *linux) sweep(pids []int) ([]string, error) {
	removed := []string{}
	for _, pid := range pids {
		more, err := k.sweepOne(pid)
		removed = append(removed, more...)
		if err != nil {
			return removed, fmt.Errorf("sweep process %d: %w", pid, err)
		}
	}
	return removed, nil
}

func (k *linux) sweepOne(pid int) ([]string, error) {
	ns, err := openNamespace(pid)
	if err != nil {
		return nil, err
	}
	defer ns.close()
	k.mu.Lock()
	_, mine := k.spaces[ns.inode]
	k.mu.Unlock()
	if mine {
		return nil, nil // what is there is in use
	}
	// Taking the table shows that no living agent holds it, and making it
	// replaced one that a dead agent left.
	var removed []string
	if k.capabilities().NFQueue.OK {
		r, err := openRules(int(ns.fd))
		if err != nil {
			return nil, err
		}
		defer r.close()
	}
	h, err := netlink.NewHandleAt(ns.fd, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	trees, err := clearTrees(h)
	for _, name := range trees {
		removed = append(removed, fmt.Sprintf("netem tree on %s of process %d", name, pid))
	}
	if err != nil {
		return removed, err
	}
	back, err := database.Sweep(pid, ns.do)
	return append(removed, back...), err
}

// clearTrees removes the trees of ours in a namespace and names their interfaces.
func clearTrees(h *netlink.Handle) (removed []string, err error) {
	list, err := h.LinkList()
	if err != nil {
		return nil, err
	}
	for _, l := range list {
		if isArrivals(l) {
			// With what leads to it; that interface may have gone.
			index, _ := strconv.Atoi(strings.TrimPrefix(l.Attrs().Name, arrivalsName))
			if _, err := clearArrivals(h, index); err != nil {
				return removed, err
			}
			removed = append(removed, l.Attrs().Name)
			continue
		}
		// Filters of ours that lead to an IFB which somebody removed drop all that arrives.
		found, err := endRedirect(h, l.Attrs().Index, false)
		if err != nil {
			return removed, err
		}
		q, err := rootOf(h, l)
		if err != nil {
			return removed, err
		}
		if q != nil && q.Attrs().Handle == netlink.MakeHandle(rootMajor, 0) {
			if err := h.QdiscDel(q); err != nil {
				return removed, err
			}
			found = true
		}
		if found {
			removed = append(removed, l.Attrs().Name)
		}
	}
	return removed, nil
}

// keepTrees has a keeper remove the trees of a namespace if this agent dies.
func (s *linuxSpace) keepTrees(k carrier.Keeper) func([]int) (func(), error) {
	return func(bare []int) (func(), error) {
		return k.Keep(removeTreesAct, treesOf{PID: s.pid, Inode: s.inode, Bare: bare})
	}
}

// removeTrees is the keeper's act. Where another agent holds the namespace it fails,
// because the one that died may be that: its rules go with it, if not before this. A
// living one has removed what was there when it came.
func removeTrees(args json.RawMessage) error {
	var of treesOf
	if err := json.Unmarshal(args, &of); err != nil {
		return err
	}
	ns, err := openNamespace(of.PID)
	if errors.Is(err, &Error{Code: TargetGone}) {
		return nil
	}
	if err != nil {
		return err
	}
	defer ns.close()
	if ns.inode != of.Inode {
		return nil
	}
	r, err := openRules(int(ns.fd))
	if err == nil {
		defer r.close()
	} else if errors.Is(err, &Error{Code: Refused}) {
		return err
	} // without nftables nobody can tell who holds it
	h, err := netlink.NewHandleAt(ns.fd, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	if _, err = clearTrees(h); err == nil {
		shorten(h, of.Bare)
	}
	return err
}
