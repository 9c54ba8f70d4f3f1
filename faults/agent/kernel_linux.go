package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/ledger"
	"faultlab/faults/agent/trap"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"faultlab/faults/agent/dependency"
	"faultlab/faults/agent/disk"
)

// linux is the kernel we run on.
type linux struct {
	probeOnce func() Capabilities
	backend   string // tests: only this back-end
	proxies   dependency.Proxies
	holds     trap.Holds
	fills     disk.Fills

	ledger ledger.Ledger

	mu     sync.Mutex
	spaces map[uint64]*linuxSpace // by inode of the namespace
}

func newKernel() (kernel, error) {
	k := &linux{probeOnce: sync.OnceValue(probeKernel), spaces: map[uint64]*linuxSpace{}}
	k.proxies.Reserve()
	return k, nil
}

// Probe tries what the kernel of this machine can do, in a namespace of its own.
func Probe() (Capabilities, error) { return probeKernel(), nil }

func (k *linux) capabilities() Capabilities { return k.probeOnce() }

// linuxSpace is one target's namespace with its back-ends.
type linuxSpace struct {
	kernel *linux
	*namespace
	links *netlink.Handle

	mu      sync.Mutex
	order   []effect // of both back-ends
	queue   *queue   // nil where the kernel has no nftables
	netem   *netem   // nil until used
	looking bool     // for interfaces that come later
	keeper  carrier.Keeper
	cuts    cuts
	dns     *dnsGate // nil until used
}

func (k *linux) open(pid int) (space, error) {
	ns, err := openNamespace(pid)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.spaces[ns.inode]; s != nil {
		ns.close()
		return s, nil
	}
	s := &linuxSpace{kernel: k, namespace: ns}
	if s.links, err = netlink.NewHandleAt(ns.fd, unix.NETLINK_ROUTE); err != nil {
		ns.close()
		return nil, err
	}
	r, err := openRules(int(ns.fd))
	switch {
	case err == nil:
		r.native = k.capabilities().NFQueue.native
		s.queue = &queue{rules: r, ns: ns}
		s.cuts.queue = s.queue
	case errors.Is(err, &Error{Code: Refused}), k.capabilities().NFQueue.OK:
		s.links.Close()
		ns.close()
		return nil, err
	}
	if k.capabilities().Netem.OK {
		// What is here is a dead agent's, whose keeper leaves it to us now.
		if _, err := clearTrees(s.links); err != nil {
			err = fmt.Errorf("remove what a dead agent left: %w", err)
			if s.queue != nil {
				err = errors.Join(err, s.queue.rules.close())
			}
			s.links.Close()
			ns.close()
			return nil, err
		}
	}
	k.spaces[ns.inode] = s
	return s, nil
}

func (s *linuxSpace) install(e effect) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.cut != "" {
		return s.installCut(e)
	}
	n := s.emulator()
	backend, err := s.kernel.ladder(e, n.list)
	if err != nil {
		return "", err
	}
	if backend == "netem" {
		e.seed, e.kernel = 0, true
		if k := e.link(); k.rate > 0 {
			e.bucket = bucketBytes(k, usualMTU)
		}
		err = s.emulate(e)
	} else {
		if e.seed == 0 && e.random() {
			e.seed = newSeed()
		}
		err = s.queue.install(e)
	}
	// Also after an error: what is half done must be undone by uninstall.
	s.order = append(s.order, e)
	return backend, err
}

// emulator is netem's carrier; it does nothing while it has no effect. s is locked.
func (s *linuxSpace) emulator() *netem {
	if s.netem == nil {
		s.netem = &netem{links: s.links, do: s.do, keep: s.keepTrees(s.keeper)}
	}
	return s.netem
}

// emulate has netem carry an effect, also on interfaces that come later. s is locked.
func (s *linuxSpace) emulate(e effect) error {
	if !s.looking {
		s.looking = true
		go s.lookForLinks()
	}
	return s.emulator().install(e)
}

func (s *linuxSpace) uninstall(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.netem != nil {
		errs = append(errs, s.netem.uninstall(id))
	}
	if s.queue != nil {
		errs = append(errs, s.cuts.uninstall(id), s.queue.uninstall(id), s.cuts.unhook())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.order = slices.DeleteFunc(s.order, func(e effect) bool { return e.id == id })
	return nil
}

func (s *linuxSpace) effects() []effect {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}

func (s *linuxSpace) packets(id string) Packets {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.cuts.packets(id); ok {
		return p
	}
	if s.netem != nil && s.netem.has(id) {
		return s.netem.packets(id)
	}
	if s.queue != nil {
		return s.queue.pipe.packets(id)
	}
	return Packets{}
}

func (s *linuxSpace) probe(ctx context.Context, run probeRun) (probeResult, error) {
	return s.namespace.probe(ctx, run)
}

func (s *linuxSpace) gone() <-chan struct{} { return s.over }

func (s *linuxSpace) clear() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.netem != nil {
		errs = append(errs, s.netem.close())
	}
	if s.queue != nil {
		errs = append(errs, s.cuts.clear(), s.queue.clear(), s.cuts.unhook())
		if s.dns != nil {
			errs = append(errs, s.dns.shut())
		}
	}
	s.order = nil
	return errors.Join(errs...)
}

func (s *linuxSpace) close() error {
	err := s.clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kernel.mu.Lock()
	if s.kernel.spaces[s.inode] == s {
		delete(s.kernel.spaces, s.inode)
	}
	s.kernel.mu.Unlock()
	if s.queue != nil {
		err = errors.Join(err, s.queue.rules.close())
	}
	s.links.Close()
	s.namespace.close()
	return err
}

// candidates are the match's own single addresses, gateways, the first
// addresses of the connected networks and neighbours heard of.
func (s *linuxSpace) candidates(m match) []endpoint {
	var out []endpoint
	add := func(a netip.Addr) {
		a = a.Unmap()
		if a.IsValid() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() && !slices.Contains(out, endpoint{addr: a}) {
			out = append(out, endpoint{addr: a})
		}
	}
	for _, p := range m.prefixes {
		if p.IsSingleIP() {
			add(p.Addr())
		}
	}
	routes, _ := s.links.RouteList(nil, netlink.FAMILY_ALL)
	for _, r := range routes {
		if a, ok := netip.AddrFromSlice(r.Gw); ok {
			add(a)
		}
	}
	addrs, _ := s.links.AddrList(nil, netlink.FAMILY_V4)
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP.To4()); ok {
			ones, _ := a.Mask.Size()
			add(netip.PrefixFrom(ip, ones).Masked().Addr().Next())
		}
	}
	neighbours, _ := s.links.NeighList(0, netlink.FAMILY_ALL)
	for _, n := range neighbours {
		if a, ok := netip.AddrFromSlice(n.IP); ok && n.State&(unix.NUD_REACHABLE|unix.NUD_STALE|unix.NUD_DELAY|unix.NUD_PERMANENT) != 0 {
			add(a)
		}
	}
	return out
}

func (s *linuxSpace) local(a netip.Addr) bool {
	addrs, _ := s.links.AddrList(nil, netlink.FAMILY_ALL)
	return slices.ContainsFunc(addrs, func(o netlink.Addr) bool {
		ip, ok := netip.AddrFromSlice(o.IP)
		return ok && ip.Unmap() == a
	})
}

func (k *linux) close() error { return nil }
