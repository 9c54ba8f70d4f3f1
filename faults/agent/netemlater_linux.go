package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// linkInterval is how often netem looks for interfaces that came later, such as those of
// networks that the container is connected to meanwhile.
const linkInterval = time.Second

// lookForLinks goes on while netem carries an effect and the target lives.
func (s *linuxSpace) lookForLinks() {
	tick := time.NewTicker(linkInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.over:
			return
		case <-tick.C:
		}
		s.mu.Lock()
		if len(s.netem.list) == 0 {
			s.looking = false
			s.mu.Unlock()
			return
		}
		s.netem.extend()
		s.mu.Unlock()
	}
}

func (s *linuxSpace) notes(id string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.netem == nil {
		return nil
	}
	return slices.Clone(s.netem.notes[id])
}

// extend gives interfaces that came later their trees. One that would not have a tree is
// left alone from then on, and the effects are told.
func (n *netem) extend() {
	list, err := n.links.LinkList()
	if err != nil {
		return // next time
	}
	n.pruneBy(list)
	var on []string
	for dir := range 2 {
		if len(facing(n.list, dir)) == 0 {
			continue
		}
		for _, l := range n.treeless(list, dir) {
			a := l.Attrs()
			if slices.Contains(n.avoid, a.Index) {
				continue
			}
			err := n.promise(list)
			if err == nil {
				err = n.plant(newTree(l, dir), l)
			}
			if err != nil {
				n.avoid = append(n.avoid, a.Index)
				n.uproot(l, dir)
				n.tell("interface %s came later and the fault is not on it: %v", a.Name, err)
			} else if !slices.Contains(on, a.Name) {
				on = append(on, a.Name)
			}
		}
	}
	if len(on) == 0 {
		return
	}
	if err := n.update(); err != nil {
		n.tell("interface %s came later and the fault may not be on it: %v", strings.Join(on, ", "), err)
		return
	}
	n.tell("interface %s came later; the fault is on it as well", strings.Join(on, ", "))
}

// uproot removes what a tree that was not planted has left.
func (n *netem) uproot(l netlink.Link, dir int) {
	n.trees = slices.DeleteFunc(n.trees, func(t *tree) bool { return t.link == l.Attrs().Index && t.dir == dir })
	if dir == dirIn {
		_, _ = clearArrivals(n.links, l.Attrs().Index)
		return
	}
	if q, err := rootOf(n.links, l); err == nil && q != nil && q.Attrs().Handle == netlink.MakeHandle(rootMajor, 0) {
		_ = n.links.QdiscDel(q)
	}
}

// prune forgets the trees of interfaces that have gone, and removes their IFBs.
func (n *netem) prune() {
	if list, err := n.links.LinkList(); err == nil {
		n.pruneBy(list)
	}
}

func (n *netem) pruneBy(list []netlink.Link) {
	n.trees = slices.DeleteFunc(n.trees, func(t *tree) bool {
		if slices.ContainsFunc(list, func(l netlink.Link) bool { return l.Attrs().Index == t.link }) {
			return false
		}
		if t.dir == dirIn {
			if ifb, err := findArrivals(n.links, t.link); err == nil && ifb != nil {
				_ = n.links.LinkDel(ifb)
			}
		}
		return true
	})
}

// tell puts something on the record of every effect.
func (n *netem) tell(format string, args ...any) {
	if n.notes == nil {
		n.notes = map[string][]string{}
	}
	text := time.Now().UTC().Format(time.RFC3339) + " " + fmt.Sprintf(format, args...)
	for _, e := range n.list {
		list := append(n.notes[e.id], text)
		n.notes[e.id] = list[max(0, len(list)-maxNotes):]
	}
}
