package agent

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// rootMajor marks our tree; the bands' netem qdiscs follow it.
	rootMajor = 0xfa17
	leafMajor = 0xfa20
	// netemLimit is how many packets may wait: 10 s at 100,000 a second.
	netemLimit = 1_000_000
	// maxDrain bounds the wait for packets held back when a band goes; later ones are lost.
	maxDrain = 2 * time.Second
	// firstPriority is where the filters of a tree begin; later ones go before them.
	firstPriority = 60000
)

// netem carries effects with the kernel's emulator, on every interface of a
// namespace but loopback.
type netem struct {
	links *netlink.Handle
	list  []effect
	trees []*tree
	total map[string]Packets

	keep    func() (release func(), err error) // has the trees removed if this agent dies
	release func()                             // nil: not kept
}

// tree is the qdisc tree of one interface.
type tree struct {
	index      int
	plan       treePlan
	priorities []uint16           // of the filters in place
	seen       map[int]packetSums // by band, at the last settling
}

type packetSums struct{ sent, dropped uint64 }

func (n *netem) has(id string) bool {
	return slices.ContainsFunc(n.list, func(e effect) bool { return e.id == id })
}

func (n *netem) install(e effect) error {
	if err := n.grow(); err != nil {
		return err
	}
	n.list = append(n.list, e)
	return n.update()
}

func (n *netem) uninstall(id string) error {
	if !n.has(id) {
		return nil
	}
	n.settle()
	n.list = slices.DeleteFunc(n.list, func(e effect) bool { return e.id == id })
	delete(n.total, id)
	if len(n.list) == 0 {
		return n.close()
	}
	return n.update()
}

// grow makes a tree on each interface that has none.
func (n *netem) grow() error {
	list, err := n.links.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	if n.release == nil {
		if n.release, err = n.keep(); err != nil {
			return err
		}
	}
	for _, l := range list {
		index := l.Attrs().Index
		if l.Attrs().Name == "lo" || l.Attrs().Flags&unix.IFF_UP == 0 ||
			slices.ContainsFunc(n.trees, func(t *tree) bool { return t.index == index }) {
			continue
		}
		if err := clearRoot(n.links, l); err != nil {
			return err
		}
		t := &tree{index: index, seen: map[int]packetSums{}}
		n.trees = append(n.trees, t)
		if err := n.links.QdiscAdd(rootQdisc(index)); err != nil {
			return fmt.Errorf("add prio qdisc to %s: %w", l.Attrs().Name, err)
		}
		if err := n.links.QdiscAdd(leafQdisc(index, 0, action{})); err != nil {
			return fmt.Errorf("add netem qdisc to %s: %w", l.Attrs().Name, err)
		}
	}
	return nil
}

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

// update brings every tree to what the effects ask for.
func (n *netem) update() error {
	n.settle()
	for _, t := range n.trees {
		plan, err := planTree(n.list, t.plan)
		if err != nil {
			return err
		}
		if err := t.change(n.links, plan); err != nil {
			return err
		}
	}
	return nil
}

// change goes from the tree's plan to another without dropping what waits:
// new bands first, then filters, and old bands when they have run dry.
func (t *tree) change(h *netlink.Handle, plan treePlan) error {
	for band, a := range plan.bands {
		// A band that is there is changed in place: what waits in it stays.
		if err := h.QdiscReplace(leafQdisc(t.index, band, a)); err != nil {
			return fmt.Errorf("set netem qdisc of band %d: %w", band, err)
		}
	}
	before := t.plan
	// From here on the new bands exist; a failure is undone by the next change.
	merged := treePlan{cells: plan.cells, users: plan.users, bands: map[int]action{}}
	for _, p := range []treePlan{before, plan} {
		for b, a := range p.bands {
			merged.bands[b] = a
		}
	}
	t.plan = merged
	if err := t.filters(h, plan); err != nil {
		return err
	}
	var dry []int
	for b := range before.bands {
		if _, ok := plan.bands[b]; !ok {
			dry = append(dry, b)
		}
	}
	if len(dry) > 0 {
		t.drain(h, func(band int) bool { return slices.Contains(dry, band) })
	}
	for _, b := range dry {
		if err := h.QdiscDel(leafQdisc(t.index, b, action{})); err != nil {
			return fmt.Errorf("remove netem qdisc of band %d: %w", b, err)
		}
		delete(t.seen, b)
	}
	t.plan = plan
	return nil
}

// filters puts the new filters before the old ones and removes those.
func (t *tree) filters(h *netlink.Handle, plan treePlan) error {
	families := []uint16{unix.ETH_P_IP, unix.ETH_P_IPV6}
	first := firstPriority
	if len(t.priorities) > 0 {
		first = int(slices.Min(t.priorities))
	}
	first -= 2 * len(plan.cells)
	if first < 1 {
		first = firstPriority + 2 // begin again; old and new are mixed for a moment
	}
	var added []uint16
	for i, c := range plan.cells {
		for f, family := range families {
			if c.prefix.IsValid() && c.prefix.Addr().Is6() != (family == unix.ETH_P_IPV6) {
				continue
			}
			p := uint16(first + 2*i + f)
			if err := h.FilterAdd(c.selector.filter(t.index, c.band, p, family)); err != nil {
				t.priorities = append(t.priorities, added...)
				return fmt.Errorf("add filter for %s: %w", c.selector, err)
			}
			added = append(added, p)
		}
	}
	old := t.priorities
	t.priorities = added
	for _, p := range old {
		if err := h.FilterDel(emptyFilter(t.index, p)); err != nil {
			return fmt.Errorf("remove filter: %w", err)
		}
	}
	return nil
}

// close removes the trees when what waits in them has gone out.
func (n *netem) close() error {
	var errs []error
	for _, t := range n.trees {
		for _, p := range t.priorities {
			_ = n.links.FilterDel(emptyFilter(t.index, p)) // the tree goes with its filters anyway
		}
	}
	for _, t := range n.trees {
		t.drain(n.links, func(band int) bool { return band > 0 })
		err := n.links.QdiscDel(rootQdisc(t.index))
		if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("remove qdisc: %w", err))
		}
	}
	if len(errs) == 0 {
		n.list, n.trees = nil, nil
		if n.release != nil {
			n.release()
			n.release = nil
		}
	}
	return errors.Join(errs...)
}
