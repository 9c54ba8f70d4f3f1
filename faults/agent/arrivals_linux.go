package agent

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A queueing discipline works on what a device sends. What arrives on an interface is
// therefore redirected to an IFB, a device that sends each packet back to where it came
// from, and the tree for arrivals hangs on that.

const (
	// arrivalsName and the index of its interface make an IFB's name.
	arrivalsName = "faultlab"
	// arrivalsPriority of the filters that redirect, and the IPv6 one's after it. The
	// qdisc that they hang on has the same handle whoever made it; they tell ours.
	arrivalsPriority = 0xfa17
)

// ipVersions are the protocols of packets that faults concern.
var ipVersions = []uint16{unix.ETH_P_IP, unix.ETH_P_IPV6}

var ingressHandle = netlink.MakeHandle(0xffff, 0)

// isArrivals tells our IFBs.
func isArrivals(l netlink.Link) bool {
	index, ours := strings.CutPrefix(l.Attrs().Name, arrivalsName)
	_, err := strconv.Atoi(index)
	return ours && err == nil && l.Type() == "ifb"
}

// findArrivals gives the IFB of an interface; nil if there is none.
func findArrivals(h *netlink.Handle, index int) (netlink.Link, error) {
	l, err := h.LinkByName(arrivalsName + strconv.Itoa(index))
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the IFB of interface %d: %w", index, err)
	}
	if !isArrivals(l) {
		return nil, &Error{Code: Refused, Message: fmt.Sprintf("interface %s is not ours", l.Attrs().Name), Remedy: "give it another name"}
	}
	return l, nil
}

// freeArrivals makes sure that nobody else takes what arrives on an interface. What is
// ours but not known here is a dead agent's: we hold the namespace.
func freeArrivals(h *netlink.Handle, l netlink.Link) error {
	if _, err := clearArrivals(h, l.Attrs().Index); err != nil {
		return err
	}
	q, err := ingressOf(h, l.Attrs().Index)
	if err != nil || q == nil {
		return err
	}
	return &Error{Code: Refused,
		Message: fmt.Sprintf("interface %s has a %s qdisc that is not ours", l.Attrs().Name, q.Type()),
		Remedy:  fmt.Sprintf("remove it with `tc qdisc del dev %s %s` if it is not needed", l.Attrs().Name, q.Type())}
}

// ingressOf gives what was put where packets arrive: ingress or clsact.
func ingressOf(h *netlink.Handle, index int) (netlink.Qdisc, error) {
	list, err := h.QdiscList(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: index}})
	if err != nil {
		return nil, fmt.Errorf("list qdiscs of interface %d: %w", index, err)
	}
	for _, q := range list {
		if q.Attrs().Parent == netlink.HANDLE_INGRESS {
			return q, nil
		}
	}
	return nil, nil
}

// addArrivals makes the IFB of an interface.
func addArrivals(h *netlink.Handle, l netlink.Link) (int, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = arrivalsName + strconv.Itoa(l.Attrs().Index)
	ifb := &netlink.Ifb{LinkAttrs: attrs}
	if err := h.LinkAdd(ifb); err != nil {
		return 0, fmt.Errorf("add IFB for %s: %w", l.Attrs().Name, err)
	}
	// It speaks to nobody and needs no address; a kernel without IPv6 gives none anyway.
	_ = h.LinkSetIP6AddrGenMode(ifb, nl.IN6_ADDR_GEN_MODE_NONE)
	if err := h.LinkSetUp(ifb); err != nil {
		return 0, errors.Join(fmt.Errorf("set IFB for %s up: %w", l.Attrs().Name, err), h.LinkDel(ifb))
	}
	return ifb.Index, nil
}

// redirect sends what arrives on an interface through its IFB.
func redirect(h *netlink.Handle, index, ifb int) error {
	q := &netlink.Ingress{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: ingressHandle, Parent: netlink.HANDLE_INGRESS}}
	if err := h.QdiscAdd(q); err != nil {
		return fmt.Errorf("add ingress qdisc: %w", err)
	}
	for i, family := range ipVersions {
		f := arrivalsFilter(index, i)
		f.Protocol = family
		f.Sel = &netlink.TcU32Sel{Flags: netlink.TC_U32_TERMINAL, Nkeys: 1, Keys: selector{}.keys(family, dirIn)}
		f.Actions = []netlink.Action{netlink.NewMirredAction(ifb)}
		if err := h.FilterAdd(f); err != nil {
			return fmt.Errorf("add filter that redirects: %w", err)
		}
	}
	return nil
}

func arrivalsFilter(index, family int) *netlink.U32 {
	f := emptyFilter(index, uint16(arrivalsPriority+family))
	f.Parent = ingressHandle
	return f
}

// endRedirect takes our filters away, and the qdisc they hung on unless somebody else
// has put more there. An empty qdisc is ours if there is an IFB of ours for it.
func endRedirect(h *netlink.Handle, index int, ifb bool) (ended bool, err error) {
	q, err := ingressOf(h, index)
	if err != nil || q == nil || q.Type() != "ingress" {
		return false, err
	}
	list, err := h.FilterList(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: index}}, ingressHandle)
	if err != nil {
		return false, fmt.Errorf("list filters of arrivals: %w", err)
	}
	others := false
	found := map[uint16]bool{}
	for _, f := range list {
		p := f.Attrs().Priority
		if f.Type() == "u32" && (p == arrivalsPriority || p == arrivalsPriority+1) {
			found[p] = true
		} else {
			others = true
		}
	}
	for family := range ipVersions {
		f := arrivalsFilter(index, family)
		if !found[f.Priority] {
			continue
		}
		if err := h.FilterDel(f); err != nil {
			return ended, fmt.Errorf("remove filter that redirects: %w", err)
		}
		ended = true
	}
	if others || !ended && !ifb {
		return ended, nil
	}
	if err := h.QdiscDel(q); err != nil {
		return ended, fmt.Errorf("remove ingress qdisc: %w", err)
	}
	return true, nil
}

// removeArrivals removes the IFB of an interface when nothing is in it any more.
func removeArrivals(h *netlink.Handle, index int) error {
	for end := time.Now().Add(maxDrain); ; time.Sleep(time.Millisecond) {
		l, err := findArrivals(h, index)
		if err != nil || l == nil {
			return err
		}
		// An IFB counts what it takes as received and what it gives back as sent.
		if s := l.Attrs().Statistics; s == nil || s.TxPackets+s.RxDropped >= s.RxPackets || time.Now().After(end) {
			return h.LinkDel(l)
		}
	}
}

// clearArrivals removes what is ours of an interface's arrivals, at once.
func clearArrivals(h *netlink.Handle, index int) (removed bool, err error) {
	ifb, err := findArrivals(h, index)
	if err != nil {
		return false, err
	}
	if removed, err = endRedirect(h, index, ifb != nil); err != nil || ifb == nil {
		return removed, err
	}
	if err := h.LinkDel(ifb); err != nil {
		return removed, fmt.Errorf("remove IFB %s: %w", ifb.Attrs().Name, err)
	}
	return true, nil
}
