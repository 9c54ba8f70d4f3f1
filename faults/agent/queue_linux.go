package agent

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// queueNumber is where we look for a free queue first; others start at 0.
	queueNumber = 0xfa17
	// headBytes of each packet are shown to us: IPv6 with extension headers and the start of the transport's.
	headBytes = 256
)

// queue decides about the packets of one namespace in this process.
type queue struct {
	rules *rules
	ns    *namespace
	pipe  pipeline
	tap
	copies *resets // nil while no copies are sent
	shown  uint32  // bytes of a packet
}

// install adds an effect to the pipeline and the rules that feed it.
func (q *queue) install(e effect) error {
	if err := q.listen(); err != nil {
		return err
	}
	if err := q.rules.hook(); err != nil {
		return err
	}
	if err := q.suit(append(q.pipe.effects(), e)); err != nil {
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
		return q.suit(left)
	}
	// The rules feed nothing any more. What waits is let go before the chains
	// are, because the kernel drops what is queued when a hook is removed.
	q.silence()
	return q.rules.unhook()
}

// suit has the queue hand over packets as the effects need them.
func (q *queue) suit(effects []effect) error {
	if err := q.ready(effects); err != nil {
		return err
	}
	return q.whole(!slices.ContainsFunc(effects, func(e effect) bool { return !e.lengthens() || e.charges() }))
}

// listen opens the queue if it is not open.
func (q *queue) listen() error {
	if q.nfq != nil {
		return nil
	}
	q.shown = headBytes
	return q.open(q.rules.conn.NetNS, queueNumber, headBytes, func(b []byte, hook uint8) verdict {
		dir := dirOut
		if hook == unix.NF_INET_PRE_ROUTING {
			dir = dirIn
		}
		return q.pipe.judge(b, dir, time.Now())
	})
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
	q.tap.close()
	q.closeCopies()
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
