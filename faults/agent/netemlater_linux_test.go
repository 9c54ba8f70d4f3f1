package agent

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

const (
	laterAddr     = "10.98.7.1"
	laterPeerAddr = "10.98.7.2"
)

// connect gives the target a second cable to the peer, as connecting a container to a
// network does. The target's end is given to before, if there is one, until it is set up.
func (l *testLab) connect(before func(netlink.Link) error) {
	l.t.Helper()
	must(l.t, inNamespace(l.target, func() error {
		attrs := netlink.LinkAttrs{Name: "eth1", TxQLen: 0}
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth1", PeerNamespace: netlink.NsFd(l.peer)})
	}))
	for ns, cidr := range map[netns.NsHandle]string{l.target: laterAddr + "/24", l.peer: laterPeerAddr + "/24"} {
		must(l.t, inNamespace(ns, func() error {
			link, err := netlink.LinkByName("eth1")
			if err != nil {
				return err
			}
			addr, err := netlink.ParseAddr(cidr)
			if err != nil {
				return err
			}
			if before != nil && ns == l.target {
				if err := before(link); err != nil {
					return err
				}
			}
			return errors.Join(netlink.AddrAdd(link, addr), netlink.LinkSetUp(link))
		}))
	}
	for range 100 {
		if len(l.ping(laterPeerAddr, 1, 0, 200*time.Millisecond)) == 1 {
			return
		}
	}
	l.t.Fatal("the second cable does not come up")
}

func (l *testLab) disconnect() {
	l.t.Helper()
	must(l.t, inNamespace(l.target, func() error {
		link, err := netlink.LinkByName("eth1")
		if err != nil {
			return err
		}
		return netlink.LinkDel(link)
	}))
}

// Interfaces that come while a fault is on get it as well; those that go take nothing with them.
func TestNetemOnLaterInterfaces(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, stays := range []bool{true, false} {
			e := a.put(t, l, "latency", `{"delay":"30ms","direction":"both"}`)
			l.connect(nil)
			var rtt time.Duration
			// Of several the quickest, from the first time on: a machine that stalls makes one look delayed.
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && rtt < 60*time.Millisecond; {
				rtt = quickest(l.ping(laterPeerAddr, 15, 5*time.Millisecond, time.Second))
			}
			if rtt < 60*time.Millisecond || rtt > 60*time.Millisecond+tolerance() {
				t.Errorf("the round trip by the second interface is %v, want 60 ms", rtt)
			}
			if !stays {
				l.disconnect()
				if rtt := quickest(l.ping(peerAddr, 3, 0, time.Second)); rtt < 60*time.Millisecond {
					t.Errorf("the round trip by the first interface is %v when the second has gone", rtt)
				}
			}
			got := a.take(t, e.ID)
			if got.State != Reverted || got.Reason != "" {
				t.Errorf("reverted as %+v", got)
			}
			if notes := strings.Join(got.Notes, "\n"); strings.Contains(notes, "eth1 came later; the fault is on it as well") != (backend == "netem") {
				t.Errorf("notes %q", notes)
			}
			if !stays {
				continue
			}
			if rtt := quickest(l.ping(laterPeerAddr, 5, 0, time.Second)); rtt > 30*time.Millisecond {
				t.Errorf("the round trip by the second interface is %v after the revert", rtt)
			}
			must(t, inNamespace(l.target, func() error {
				link, err := netlink.LinkByName("eth1")
				if err == nil && link.Attrs().TxQLen != 0 {
					t.Errorf("its transmit queue has the length %d, it was 0", link.Attrs().TxQLen)
				}
				return err
			}))
			l.disconnect()
		}
	})
}

// What is somebody else's on an interface that comes later is left alone, and that is told.
func TestNetemLeavesLaterQdiscs(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		if backend != "netem" {
			t.Skip("only netem needs the qdisc of an interface")
		}
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		e := a.put(t, l, "latency", `{"delay":"30ms"}`)
		foreign := netlink.MakeHandle(1, 0)
		l.connect(func(link netlink.Link) error {
			return netlink.QdiscAdd(netlink.NewPrio(netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_ROOT, Handle: foreign}))
		})
		told := ""
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && told == ""; {
			list, err := a.Status(t.Context())
			must(t, err)
			told = strings.Join(list[0].Notes, "\n")
		}
		if !strings.Contains(told, "the fault is not on it: interface eth1 has a prio qdisc that is not ours") {
			t.Errorf("notes %q", told)
		}
		if got := a.take(t, e.ID); got.State != Reverted || got.Reason != "" || len(got.Notes) != 1 {
			t.Errorf("reverted as %+v", got)
		}
		must(t, inNamespace(l.target, func() error {
			link, err := netlink.LinkByName("eth1")
			if err != nil {
				return err
			}
			qs, err := netlink.QdiscList(link)
			if err == nil && !slices.ContainsFunc(qs, func(q netlink.Qdisc) bool { return q.Attrs().Handle == foreign }) {
				err = errors.New("the qdisc of others has gone")
			}
			return err
		}))
		l.disconnect()
	})
}

// A seed that netem cannot keep is refused where it is asked for, and told where it is not needed.
func TestNetemAndSeeds(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		a := startAgent(t, backend)
		for _, tt := range []struct {
			params  string
			more    func(r *InjectRequest)
			refused bool // by netem alone
		}{
			{`{"percent":30,"seed":5}`, func(r *InjectRequest) {}, true},
			{`{"percent":30,"seed":5}`, func(r *InjectRequest) { r.SeedOptional = true }, true},
			{`{"percent":30}`, func(r *InjectRequest) { r.Seed = 5 }, true},
			{`{"percent":30}`, func(r *InjectRequest) { r.Seed, r.SeedOptional = 5, true }, false},
		} {
			e, err := a.try(t, l, "loss", tt.params, tt.more)
			if tt.refused && backend == "netem" {
				if !errors.Is(err, &Error{Code: NotSupported}) || !strings.Contains(err.Error(), "seed") {
					t.Errorf("%s: %v", tt.params, err)
				}
				continue
			}
			must(t, err)
			seed, noted := uint64(5), false
			if backend == "netem" {
				seed, noted = 0, true
			}
			if e.Backend != backend || e.Seed != seed || (len(e.Notes) == 1 && strings.Contains(e.Notes[0], "the seed 5 is not used")) != noted {
				t.Errorf("%s: seed %d by %s, notes %q", tt.params, e.Seed, e.Backend, e.Notes)
			}
			a.take(t, e.ID)
		}
	})
}
