package agent

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// clearRoot makes sure that the root of an interface is free. A tree of ours
// that is not known here is a dead agent's: we hold the namespace.
func clearRoot(h *netlink.Handle, l netlink.Link) error {
	q, err := rootOf(h, l)
	if err != nil || q == nil {
		return err
	}
	if q.Attrs().Handle == netlink.MakeHandle(rootMajor, 0) {
		if err := h.QdiscDel(q); err != nil {
			return fmt.Errorf("remove leftover qdisc of %s: %w", l.Attrs().Name, err)
		}
		return nil
	}
	return &Error{Code: Refused,
		Message: fmt.Sprintf("interface %s has a %s qdisc that is not ours", l.Attrs().Name, q.Type()),
		Remedy:  "remove it with `tc qdisc del dev " + l.Attrs().Name + " root` if it is not needed"}
}

// rootOf gives the root qdisc somebody put on an interface; the kernel's own have handle 0.
func rootOf(h *netlink.Handle, l netlink.Link) (netlink.Qdisc, error) {
	list, err := h.QdiscList(l)
	if err != nil {
		return nil, fmt.Errorf("list qdiscs of %s: %w", l.Attrs().Name, err)
	}
	for _, q := range list {
		if q.Attrs().Parent == netlink.HANDLE_ROOT && q.Attrs().Handle != 0 {
			return q, nil
		}
	}
	return nil, nil
}

// fell removes the trees of a direction when what waits in them has gone on. What is sent
// at the moment when the root qdisc of an interface goes, or comes, the kernel drops.
func (n *netem) fell(dir int) error {
	var errs []error
	for _, t := range n.trees {
		if t.dir != dir {
			continue
		}
		if dir == dirIn {
			// Nothing more goes in; the filters keep what is there in its bands.
			if _, err := endRedirect(n.links, t.link, true); err != nil {
				errs = append(errs, err)
			}
			continue
		}
		for _, p := range t.priorities {
			_ = n.links.FilterDel(emptyFilter(t.index, p)) // the tree goes with its filters anyway
		}
	}
	left := n.trees[:0:0]
	for _, t := range n.trees {
		if t.dir != dir || len(errs) > 0 {
			left = append(left, t)
			continue
		}
		t.drain(n.links, func(band int) bool { return band > 0 || dir == dirIn })
		var err error
		if dir == dirIn {
			err = removeArrivals(n.links, t.link)
		} else {
			err = n.links.QdiscDel(rootQdisc(t.index))
		}
		if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("remove qdisc: %w", err))
			left = append(left, t)
		}
	}
	if n.trees = left; len(left) == 0 && n.release != nil {
		shorten(n.links, n.bare)
		n.release()
		n.bare, n.release = nil, nil
	}
	return errors.Join(errs...)
}

// bareLinks are the interfaces whose transmit queue has the length 0, as those of
// containers often have. The kernel makes it 1000 when a qdisc is put on one.
func bareLinks(list []netlink.Link) (out []int) {
	for _, l := range list {
		if l.Attrs().TxQLen == 0 {
			out = append(out, l.Attrs().Index)
		}
	}
	return out
}

// shorten gives interfaces their length 0 again. That is seen and not felt: without a
// qdisc nothing waits there.
func shorten(h *netlink.Handle, links []int) {
	for _, index := range links {
		_ = h.LinkSetTxQLen(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: index}}, 0) // it may have gone
	}
}

// close removes the trees of both directions.
func (n *netem) close() error {
	n.list = nil
	return errors.Join(n.fell(dirOut), n.fell(dirIn))
}
