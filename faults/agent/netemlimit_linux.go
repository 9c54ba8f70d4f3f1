package agent

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// limitMajor marks the qdiscs that limit the rates of bands.
const limitMajor = 0xfa40

// plainBand makes band 0 a plain queue: a netem there would keep others on the
// interface from sending packets twice.
func plainBand(index int) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_REPLACE|unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL, Ifindex: int32(index), Parent: netlink.MakeHandle(rootMajor, 1), Handle: netlink.MakeHandle(leafMajor, 0)})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("pfifo")))
	req.AddData(nl.NewRtAttr(nl.TCA_OPTIONS, binary.NativeEndian.AppendUint32(nil, netemLimit))) // struct tc_fifo_qopt
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// limit puts a token bucket behind the netem of each band with a rate. One that has
// none any more gets a bucket that lets everything go: taken away it would drop what
// waits in it. It goes with its band.
func (t *tree) limit(h *netlink.Handle, plan treePlan) error {
	for band, a := range plan.bands {
		k := a.link
		if k.rate == 0 && t.plan.bands[band].link.rate == 0 {
			continue
		}
		if k.rate == 0 {
			k = link{maxBucket * 8, time.Second}
		}
		l, err := h.LinkByIndex(t.index)
		if err != nil {
			return fmt.Errorf("find interface: %w", err)
		}
		if err := h.QdiscReplace(bucket(t.index, netlink.MakeHandle(uint16(leafMajor+band), 1), netlink.MakeHandle(uint16(limitMajor+band), 0), k, l.Attrs().MTU)); err != nil {
			return fmt.Errorf("set tbf qdisc of band %d: %w", band, err)
		}
	}
	return nil
}

const (
	// maxBucket is in bytes per second, more than any link here carries.
	maxBucket = 1 << 32
	// frame is what an interface adds to a packet, and some to spare for the rounding of
	// times.
	frame = 64
)

// usualMTU is that of Ethernet.
const usualMTU = 1500

// late is how late the kernel may let packets go without losing some of the rate.
const late = 2 * time.Millisecond

// bucketBytes is what a bucket holds: a packet, and what the rate brings while a timer of
// the kernel is late. Without timers of high resolution that is four of its ticks more.
func bucketBytes(k link, mtu int) int {
	var tick unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC, &tick); err != nil {
		tick = unix.NsecToTimespec(int64(time.Millisecond))
	}
	return mtu + frame + int(float64(k.rate)/8*(late+4*time.Duration(tick.Nano())).Seconds())
}

// bucket is the kernel's token bucket. It lets packets wait as long as the link does.
func bucket(index int, parent, handle uint32, k link, mtu int) *netlink.Tbf {
	rate, burst := float64(max(k.rate/8, 1)), float64(bucketBytes(k, mtu))
	return &netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Parent: parent, Handle: handle},
		Rate:       uint64(rate),
		Limit:      uint32(min(burst+rate*k.wait.Seconds(), 1<<31)),
		Buffer:     uint32(min(burst/rate*1e6*netlink.TickInUsec(), 1<<32-1)),
	}
}
