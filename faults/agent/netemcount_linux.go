package agent

import (
	"slices"
	"time"

	"github.com/vishvananda/netlink"
)

// settle adds what the bands counted since the last time to each effect's total.
func (n *netem) settle() {
	if n.total == nil {
		n.total = map[string]Packets{}
	}
	for _, t := range n.trees {
		list, err := n.links.QdiscList(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: t.index}})
		if err != nil {
			continue // counters only
		}
		for _, q := range list {
			major, _ := netlink.MajorMinor(q.Attrs().Handle)
			band := int(major) - leafMajor
			st := q.Attrs().Statistics
			if band < 1 || band >= netemBands || st == nil || st.Basic == nil || st.Queue == nil {
				continue
			}
			now := packetSums{uint64(st.Basic.Packets), uint64(st.Queue.Drops)}
			was := t.seen[band]
			t.seen[band] = now
			for _, id := range t.plan.users[band] {
				p := n.total[id]
				p.Dropped += now.dropped - was.dropped
				p.Hit += now.sent - was.sent + now.dropped - was.dropped
				if t.plan.bands[band].delay > 0 {
					p.Delayed += now.sent - was.sent
				}
				n.total[id] = p
			}
		}
	}
}

// drain waits until no packet is held back in the bands any more.
func (t *tree) drain(h *netlink.Handle, in func(band int) bool) {
	for end := time.Now().Add(maxDrain); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		list, err := h.QdiscList(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: t.index}})
		if err != nil {
			return // the interface has gone
		}
		if !slices.ContainsFunc(list, func(q netlink.Qdisc) bool {
			major, _ := netlink.MajorMinor(q.Attrs().Handle)
			band, st := int(major)-leafMajor, q.Attrs().Statistics
			return band >= 0 && band < netemBands && in(band) && st != nil && st.Queue != nil && st.Queue.Qlen > 0
		}) {
			return
		}
	}
}

func (n *netem) packets(id string) Packets {
	n.settle()
	return n.total[id]
}
