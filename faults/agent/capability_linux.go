package agent

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"faultlab/faults/agent/carrier"
)

// ifbModule is there when the kernel's module ifb is loaded or built in.
const ifbModule = "/sys/module/ifb"

const (
	netemRemedy   = "load the kernel modules sch_netem, sch_prio and cls_u32 (Debian: in linux-image; `modprobe sch_netem`)"
	netemInRemedy = "load the kernel modules ifb (with `numifbs=0`, or it makes two idle devices), sch_ingress and act_mirred"
	queueRemedy   = "load the kernel modules nfnetlink_queue and xt_NFQUEUE or nft_queue (`modprobe nfnetlink_queue`)"
	ownerRemedy   = "use Linux 5.12 or later; until then `faultlab` sweeps the inert rules of a killed agent"
)

// probeKernel tries each back-end for real in an empty namespace.
func probeKernel() Capabilities {
	var c Capabilities
	ns, err := newNamespace()
	if err != nil {
		why := Capability{Detail: fmt.Sprintf("cannot make a network namespace: %v", err), Remedy: "run as root with CAP_SYS_ADMIN and CAP_NET_ADMIN"}
		if os.Geteuid() != 0 {
			why.Detail = "not root: " + why.Detail
		}
		return Capabilities{Netem: why, NetemIn: why, NFQueue: why, OwnerTables: why}
	}
	defer ns.Close()
	others := make(chan []carrier.Ability, 1)
	go func() { // the kernel takes its time over rules
		var out []carrier.Ability
		for _, list := range abilities {
			out = append(out, list()...)
		}
		others <- out
	}()
	c.NFQueue, c.OwnerTables = probeQueue(ns)
	c.Netem, c.NetemIn = probeNetem(ns, c.NFQueue.OK)
	c.Others = <-others
	return c
}

// probeNetem puts a small tree on the namespace's loopback, and sends through another
// what arrives there. Trying an IFB loads its module, which makes two idle devices in the
// host's network: that is not done where the queue can do the same.
func probeNetem(ns netns.NsHandle, queue bool) (out, in Capability) {
	no := func(format string, args ...any) (out, in Capability) {
		c := Capability{Detail: fmt.Sprintf(format, args...), Remedy: netemRemedy}
		return c, c
	}
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return no("cannot open rtnetlink: %v", err)
	}
	defer h.Close()
	lo, err := h.LinkByName("lo")
	if err != nil {
		return no("no loopback in a new namespace: %v", err)
	}
	index := lo.Attrs().Index
	probe := netlink.NewNetem(netlink.QdiscAttrs{LinkIndex: index, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(1, 0)}, netlink.NetemQdiscAttrs{Latency: 1})
	if err := h.QdiscAdd(probe); err != nil {
		return no("%s missing: %v", "sch_netem", err)
	}
	if err := h.QdiscDel(probe); err != nil {
		return no("sch_netem does not go away: %v", err)
	}
	prio := rootQdisc(index)
	if err := h.QdiscAdd(prio); err != nil {
		return no("sch_prio missing: %v", err)
	}
	if err := h.FilterAdd(selector{}.filter(index, 2, dirOut, 1, unix.ETH_P_IP)); err != nil {
		return no("cls_u32 missing: %v", err)
	}
	out = Capability{OK: true, Detail: "sch_netem, sch_prio and cls_u32 work"}
	out.bucket = h.QdiscAdd(bucket(index, netlink.MakeHandle(rootMajor, 1), netlink.MakeHandle(limitMajor, 0), link{1 << 20, time.Second}, 1500)) == nil
	if _, err := os.Stat(ifbModule); err != nil && queue {
		return out, Capability{Detail: "ifb is not loaded; packets that arrive go through the queue", Remedy: netemInRemedy}
	}
	ifb, err := addArrivals(h, lo)
	if err != nil {
		return out, Capability{Detail: "ifb missing: " + err.Error(), Remedy: netemInRemedy}
	}
	if err := redirect(h, index, ifb); err != nil {
		return out, Capability{Detail: "sch_ingress or act_mirred missing: " + err.Error(), Remedy: netemInRemedy}
	}
	return out, Capability{OK: true, Detail: "ifb, sch_ingress and act_mirred work"}
}

// probeQueue makes the table, a rule and the queue.
func probeQueue(ns netns.NsHandle) (queueCap, owner Capability) {
	no := func(format string, args ...any) Capability {
		return Capability{Detail: fmt.Sprintf(format, args...), Remedy: queueRemedy}
	}
	r, err := openRules(int(ns))
	if err != nil {
		why := no("nf_tables missing: %v", err)
		why.Remedy = "load the kernel module nf_tables; " + queueRemedy
		return why, why
	}
	owner = Capability{OK: r.owned, Detail: "the rules of a killed agent vanish with it"}
	if !r.owned {
		owner = Capability{Detail: "nf_tables has no owned tables (Linux 5.12)", Remedy: ownerRemedy}
	}
	q := &queue{rules: r}
	defer q.close()
	if err := r.hook(); err != nil {
		return no("nf_tables without inet chains: %v", err), owner
	}
	var errs []error
	for _, native := range []bool{true, false} {
		r.native = native
		err := r.set([]effect{{out: &action{}, in: &action{}}}, queueNumber)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if err := q.listen(); err != nil {
			return no("nfnetlink_queue missing: %v", err), owner
		}
		how := "NFQUEUE by the xt target"
		if native {
			how = "NFQUEUE by nft's queue expression"
		}
		return Capability{OK: true, Detail: how + " works", native: native}, owner
	}
	return no("neither nft_queue nor xt_NFQUEUE: %v", errors.Join(errs...)), owner
}
