package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	nfqueue "github.com/florianl/go-nfqueue/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// queueLength is how many packets may wait: 10 s at 100,000 a second. The
	// kernel lets through what does not fit.
	queueLength = 1 << 20
	// receiveBuffer of the socket; what does not fit is let through.
	receiveBuffer = 8 << 20
)

// tap is one NFQUEUE of a namespace, and what waits in it.
type tap struct {
	num    uint16
	nfq    *nfqueue.Nfqueue // nil while there is nothing to do
	cancel context.CancelFunc
	held   *holdings
	spare  func(packet []byte, device uint32) // sends copies; nil: there are none
}

// decider gets the first bytes of each packet with the hook it is at, and says what
// becomes of it.
type decider func(b []byte, hook uint8) verdict

// open listens at a free queue number from first on.
func (t *tap) open(netNS int, first uint16, bytes uint32, decide decider) error {
	var err error
	for t.num = first; t.num < first+8; t.num++ {
		if err = t.bind(netNS, bytes, decide); !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EBUSY) {
			break // not taken by somebody else
		}
	}
	return err
}

func (t *tap) bind(netNS int, bytes uint32, decide decider) error {
	nfq, err := nfqueue.Open(&nfqueue.Config{
		NetNS: netNS, NfQueue: t.num, AfFamily: unix.AF_UNSPEC,
		MaxQueueLen: queueLength, MaxPacketLen: bytes,
		Copymode: nfqueue.NfQnlCopyPacket, Flags: nfqueue.NfQaCfgFlagFailOpen,
	})
	if err != nil {
		return fmt.Errorf("open queue: %w", err)
	}
	_ = nfq.SetOption(netlink.NoENOBUFS, true)
	_ = nfq.Con.SetReadBuffer(receiveBuffer)
	held, err := newHoldings(func(p held) { t.pass(nfq, p) })
	if err != nil {
		return errors.Join(err, nfq.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = nfq.RegisterWithErrorFunc(ctx,
		func(a nfqueue.Attribute) int { t.give(nfq, held, a, decide); return 0 },
		func(err error) int {
			if ctx.Err() != nil || errors.Is(err, os.ErrClosed) || errors.Is(err, unix.EBADF) {
				return 1 // the socket is gone; the rules' bypass flag lets packets through
			}
			// Such as the kernel's answer to a verdict on a packet that is gone: the
			// next message has nothing to do with it.
			time.Sleep(time.Microsecond)
			return 0
		})
	if err != nil {
		cancel()
		held.close()
		return errors.Join(fmt.Errorf("bind queue %d: %w", t.num, err), nfq.Close())
	}
	t.nfq, t.cancel, t.held = nfq, cancel, held
	return nil
}

// give gives the verdict on one packet. Errors of it mean that the packet is gone already.
func (t *tap) give(nfq *nfqueue.Nfqueue, waiting *holdings, a nfqueue.Attribute, decide decider) {
	now := time.Now()
	if a.PacketID == nil {
		return
	}
	var v verdict
	if a.Payload != nil && a.Hook != nil {
		v = decide(*a.Payload, *a.Hook)
		if v.long && !v.drop && waiting.copied() < copiedBytes && chargedWhole(a) {
			v.replace()
		}
	}
	var device uint32
	if a.OutDev != nil {
		device = *a.OutDev
	}
	if v.drop {
		_ = nfq.SetVerdict(*a.PacketID, nfqueue.NfDrop)
	} else {
		t.send(nfq, waiting, held{id: *a.PacketID, packet: v.packet}, now, v.delay)
	}
	for _, c := range v.copies {
		if c.packet == nil {
			c.packet = slices.Clone(*a.Payload)
		}
		t.send(nfq, waiting, held{packet: c.packet, spare: true, device: device}, now, c.delay)
	}
}

// send lets a packet pass, now or later.
func (t *tap) send(nfq *nfqueue.Nfqueue, waiting *holdings, p held, now time.Time, delay time.Duration) {
	if delay <= 0 {
		t.pass(nfq, p)
		return
	}
	p.due = now.Add(delay)
	waiting.hold(p)
}

// pass lets a packet go on, as it is or as it has become.
func (t *tap) pass(nfq *nfqueue.Nfqueue, p held) {
	switch {
	case p.spare:
		t.spare(p.packet, p.device)
	case p.packet != nil:
		_ = nfq.SetVerdictWithOption(p.id, nfqueue.NfAccept, nfqueue.WithAlteredPacket(p.packet))
	default:
		_ = nfq.SetVerdict(p.id, nfqueue.NfAccept)
	}
}

// close lets go of what waits and closes the queue. Nothing may feed it any more.
func (t *tap) close() {
	if t.nfq == nil {
		return
	}
	t.held.close()
	t.cancel()
	_ = t.nfq.Close()
	t.nfq = nil
}
