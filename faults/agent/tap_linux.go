package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
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
}

// open listens at a free queue number from first on. decide gets the first bytes of
// each packet with the hook it is at, and says whether it is dropped, or how long it waits.
func (t *tap) open(netNS int, first uint16, bytes uint32, decide func(b []byte, hook uint8) (drop bool, delay time.Duration)) error {
	var err error
	for t.num = first; t.num < first+8; t.num++ {
		if err = t.bind(netNS, bytes, decide); !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EBUSY) {
			break // not taken by somebody else
		}
	}
	return err
}

func (t *tap) bind(netNS int, bytes uint32, decide func(b []byte, hook uint8) (drop bool, delay time.Duration)) error {
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
	held, err := newHoldings(func(id uint32) { _ = nfq.SetVerdict(id, nfqueue.NfAccept) })
	if err != nil {
		return errors.Join(err, nfq.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = nfq.RegisterWithErrorFunc(ctx,
		func(a nfqueue.Attribute) int { give(nfq, held, a, decide); return 0 },
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
func give(nfq *nfqueue.Nfqueue, held *holdings, a nfqueue.Attribute, decide func(b []byte, hook uint8) (bool, time.Duration)) {
	now := time.Now()
	if a.PacketID == nil {
		return
	}
	var drop bool
	var delay time.Duration
	if a.Payload != nil && a.Hook != nil {
		drop, delay = decide(*a.Payload, *a.Hook)
	}
	switch {
	case drop:
		_ = nfq.SetVerdict(*a.PacketID, nfqueue.NfDrop)
	case delay > 0:
		held.hold(*a.PacketID, now.Add(delay))
	default:
		_ = nfq.SetVerdict(*a.PacketID, nfqueue.NfAccept)
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
