package agent

import (
	"encoding/binary"
	"fmt"
	"reflect"

	nfqueue "github.com/florianl/go-nfqueue/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// lengthens reports whether all that the effect does is to add the same delay to every packet.
func (e effect) lengthens() bool {
	for _, a := range []*action{e.out, e.in} {
		if a != nil && !reflect.DeepEqual(*a, action{delay: a.delay}) {
			return false
		}
	}
	return true
}

// whole has the queue hand over what the kernel has put together for one connection (GSO)
// in one piece, up to 64 KiB, or packet by packet. In one piece it is some 40 times
// fewer verdicts, and the same to those who only wait; packet by packet is what the others
// need, who count, choose or change packets. It holds for what is queued from now on.
func (t *tap) whole(on bool) error {
	// NFQNL_MSG_CONFIG with NFQA_CFG_MASK and NFQA_CFG_FLAGS, of linux/netfilter/nfnetlink_queue.h.
	const config, mask, flags = unix.NFNL_SUBSYS_QUEUE<<8 | 2, 4, 5
	chosen := binary.BigEndian.AppendUint32(nil, nfqueue.NfQaCfgFlagGSO)
	set := make([]byte, 4)
	if on {
		set = chosen
	}
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: mask, Data: chosen}, {Type: flags, Data: set}})
	if err != nil {
		return err
	}
	// struct nfgenmsg: family, version, number of the queue.
	head := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, t.num)
	_, err = t.nfq.Con.Send(netlink.Message{Header: netlink.Header{Type: config, Flags: netlink.Request}, Data: append(head, attrs...)})
	if err != nil {
		return fmt.Errorf("set how the queue hands over packets: %w", err)
	}
	return nil
}
