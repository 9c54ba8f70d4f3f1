package agent

import (
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
	do    func(f func() error) error // in the namespace
	list  []effect
	trees []*tree
	total map[string]Packets
	notes map[string][]string // by effect, also of those taken away
	avoid []int               // interfaces that came later and would not have a tree

	// bare are interfaces whose transmit queue has the length 0; see [bareLinks].
	bare    []int
	keep    func(bare []int) (release func(), err error) // has the trees removed if this agent dies
	release func()                                       // nil: not kept
}

// tree is the qdisc tree for one direction of one interface.
type tree struct {
	dir        int
	link       int // the interface
	index      int // of what the tree hangs on: the interface, or the IFB that its arrivals go through
	plan       treePlan
	priorities []uint16           // of the filters in place
	seen       map[int]packetSums // by band, at the last settling
}

type packetSums struct{ sent, dropped uint64 }

func (n *netem) has(id string) bool {
	return slices.ContainsFunc(n.list, func(e effect) bool { return e.id == id })
}

// install puts an effect in place. What is half done after an error is undone by uninstall.
func (n *netem) install(e effect) error {
	n.list = append(n.list, e)
	for dir := range 2 {
		if len(facing(n.list, dir)) > 0 {
			if err := n.grow(dir); err != nil {
				return err
			}
		}
	}
	return n.update()
}

func (n *netem) uninstall(id string) error {
	if !n.has(id) {
		return nil
	}
	n.settle()
	n.prune()
	left := slices.DeleteFunc(slices.Clone(n.list), func(e effect) bool { return e.id == id })
	for dir := range 2 {
		if len(facing(left, dir)) == 0 {
			if err := n.fell(dir); err != nil {
				return err
			}
		}
	}
	n.list = left
	delete(n.total, id)
	return n.update()
}

// grow makes a tree for a direction of each interface that has none.
func (n *netem) grow(dir int) error {
	list, err := n.links.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	if err := n.promise(list); err != nil {
		return err
	}
	for _, l := range n.treeless(list, dir) {
		if err := n.plant(newTree(l, dir), l); err != nil {
			return err
		}
	}
	return nil
}

// promise has the keeper know of every interface whose queue a tree lengthens.
func (n *netem) promise(list []netlink.Link) error {
	more := slices.DeleteFunc(bareLinks(list), func(index int) bool { return slices.Contains(n.bare, index) })
	if n.release != nil && len(more) == 0 {
		return nil
	}
	bare := slices.Concat(n.bare, more)
	release, err := n.keep(bare)
	if err != nil {
		return err
	}
	if n.release != nil {
		n.release() // the new promise holds all of it
	}
	n.bare, n.release = bare, release
	return nil
}

// treeless gives the interfaces that should have a tree for a direction and have none.
func (n *netem) treeless(list []netlink.Link, dir int) (out []netlink.Link) {
	for _, l := range list {
		index := l.Attrs().Index
		if l.Attrs().Name != "lo" && l.Attrs().Flags&unix.IFF_UP != 0 && !isArrivals(l) &&
			!slices.ContainsFunc(n.trees, func(t *tree) bool { return t.link == index && t.dir == dir }) {
			out = append(out, l)
		}
	}
	return out
}

func newTree(l netlink.Link, dir int) *tree {
	return &tree{dir: dir, link: l.Attrs().Index, index: l.Attrs().Index, seen: map[int]packetSums{}}
}

// plant puts a tree with a plain band 0 on an interface, or behind it.
func (n *netem) plant(t *tree, l netlink.Link) (err error) {
	free := clearRoot
	if t.dir == dirIn {
		free = freeArrivals
	}
	if err := free(n.links, l); err != nil {
		return err
	}
	if t.dir == dirIn {
		if t.index, err = addArrivals(n.links, l); err != nil {
			return err
		}
	}
	n.trees = append(n.trees, t)
	if err := n.links.QdiscAdd(rootQdisc(t.index)); err != nil {
		return fmt.Errorf("add prio qdisc to %s: %w", l.Attrs().Name, err)
	}
	if err := n.do(func() error { return plainBand(t.index) }); err != nil {
		return fmt.Errorf("add pfifo qdisc to %s: %w", l.Attrs().Name, err)
	}
	if t.dir == dirIn {
		if err := redirect(n.links, t.link, t.index); err != nil {
			return fmt.Errorf("redirect what arrives on %s: %w", l.Attrs().Name, err)
		}
	}
	return nil
}

// update brings every tree to what the effects ask for.
func (n *netem) update() error {
	n.settle()
	n.prune()
	for _, t := range n.trees {
		plan, err := planTree(facing(n.list, t.dir), t.plan)
		if err != nil {
			return err
		}
		if err := t.change(n, plan); err != nil {
			return err
		}
	}
	return nil
}

// change goes from the tree's plan to another without dropping what waits:
// new bands first, then filters, and old bands when they have run dry.
func (t *tree) change(n *netem, plan treePlan) error {
	h := n.links
	if err := n.do(func() error {
		for band, a := range plan.bands {
			// A band that is there is changed in place: what waits in it stays.
			if _, err := leafRequest(t.index, band, a).Execute(unix.NETLINK_ROUTE, 0); err != nil {
				return fmt.Errorf("set netem qdisc of band %d: %w", band, err)
			}
		}
		return t.limit(h, plan)
	}); err != nil {
		return err
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
		for f, family := range ipVersions {
			if c.prefix.IsValid() && c.prefix.Addr().Is6() != (family == unix.ETH_P_IPV6) {
				continue
			}
			p := uint16(first + 2*i + f)
			if err := h.FilterAdd(c.selector.filter(t.index, c.band, t.dir, p, family)); err != nil {
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
