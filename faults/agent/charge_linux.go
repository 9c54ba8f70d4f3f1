package agent

import (
	nfqueue "github.com/florianl/go-nfqueue/v2"
	"golang.org/x/sys/unix"
)

// What waits in the queue is still its socket's: to the kernel it is not sent yet. TCP
// lets a connection have two packets of that, or what it sends in a millisecond
// (tcp_small_queue_check in the kernel's net/ipv4/tcp_output.c), so that behind a delay
// its window is never used, and never grows. Therefore a data segment that waits for
// long is dropped at once, which frees it and which its socket is not told, and a copy
// is sent when it is due.

// copiedBytes may wait as copies; more waits in the queue, which slows its senders down.
const copiedBytes = 32 << 20

// chargedWhole reports whether a packet is a data segment on its way out which a copy
// can stand for: all of it is here with its checksum, and it has no mark, which may
// decide on its route.
func chargedWhole(a nfqueue.Attribute) bool {
	if *a.Hook != unix.NF_INET_LOCAL_OUT || a.Mark != nil || a.SkbInfo != nil || len(*a.Payload) < length(*a.Payload) {
		return false
	}
	s, ok := parseSegment(*a.Payload)
	return ok && s.carriesData()
}
