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
	// queueNumber is where we look for a free queue first; others start at 0.
	queueNumber = 0xfa17
	// queueLength is how many packets may wait: 10 s at 100,000 a second. The
	// kernel lets through what does not fit.
	queueLength = 1 << 20
	// headBytes of each packet are shown to us: IPv6 with extension headers and the start of the transport's.
	headBytes = 256
	// receiveBuffer of the socket; what does not fit is let through.
	receiveBuffer = 8 << 20
)

// queue delays and drops the packets of one namespace in this process.
type queue struct {
	rules *rules
	pipe  pipeline

	num    uint16
	nfq    *nfqueue.Nfqueue // nil while there is nothing to do
	cancel context.CancelFunc
	held   *holdings
}

// install adds an effect to the pipeline and the rules that feed it.
func (q *queue) install(e effect) error {
	if err := q.listen(); err != nil {
		return err
	}
	if err := q.rules.hook(); err != nil {
		return err
	}
	q.pipe.add(e)
	return q.rules.set(q.pipe.effects(), q.num)
}

// uninstall removes an effect; with the last one the queue closes.
func (q *queue) uninstall(id string) error {
	q.pipe.remove(id)
	if q.nfq == nil {
		return nil
	}
	left := q.pipe.effects()
	if q.rules.chains[dirOut] != nil {
		if err := q.rules.set(left, q.num); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return nil
	}
	// The rules feed nothing any more. What waits is let go before the chains
	// are, because the kernel drops what is queued when a hook is removed.
	q.silence()
	return q.rules.unhook()
}

// listen opens the queue if it is not open.
func (q *queue) listen() error {
	if q.nfq != nil {
		return nil
	}
	var err error
	for q.num = queueNumber; q.num < queueNumber+8; q.num++ {
		if err = q.bind(); !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EBUSY) {
			break // not taken by somebody else
		}
	}
	return err
}

func (q *queue) bind() error {
	nfq, err := nfqueue.Open(&nfqueue.Config{
		NetNS: q.rules.conn.NetNS, NfQueue: q.num, AfFamily: unix.AF_UNSPEC,
		MaxQueueLen: queueLength, MaxPacketLen: headBytes,
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
		func(a nfqueue.Attribute) int { q.packet(nfq, held, a); return 0 },
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
		return errors.Join(fmt.Errorf("bind queue %d: %w", q.num, err), nfq.Close())
	}
	q.nfq, q.cancel, q.held = nfq, cancel, held
	return nil
}

// packet decides about one packet. Errors of a verdict mean that the packet is gone already.
func (q *queue) packet(nfq *nfqueue.Nfqueue, held *holdings, a nfqueue.Attribute) {
	now := time.Now()
	if a.PacketID == nil {
		return
	}
	var drop bool
	var delay time.Duration
	if a.Payload != nil && a.Hook != nil {
		dir := dirOut
		if *a.Hook == unix.NF_INET_PRE_ROUTING {
			dir = dirIn
		}
		drop, delay = q.pipe.decide(*a.Payload, dir)
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

// silence lets go of what waits and closes the queue. Nothing feeds it any more.
func (q *queue) silence() {
	if q.nfq == nil {
		return
	}
	// Packets on their way to us while the rules went find an empty pipeline
	// and pass; closing the socket under them would drop them.
	q.pipe.clear()
	time.Sleep(5 * time.Millisecond)
	q.held.close()
	q.cancel()
	_ = q.nfq.Close()
	q.nfq = nil
}

// clear takes every effect away and keeps the table, the lock.
func (q *queue) clear() error {
	var err error
	if q.nfq != nil && q.rules.chains[dirOut] != nil {
		err = q.rules.set(nil, q.num)
	}
	q.silence()
	return errors.Join(err, q.rules.unhook())
}

// close takes everything away, the table as well.
func (q *queue) close() error { return errors.Join(q.clear(), q.rules.close()) }
