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
	// NFQA_CFG_MASK and NFQA_CFG_FLAGS, of linux/netfilter/nfnetlink_queue.h.
	const mask, flags = 4, 5
	chosen := binary.BigEndian.AppendUint32(nil, nfqueue.NfQaCfgFlagGSO)
	set := make([]byte, 4)
	if on {
		set = chosen
	}
	return t.configure(netlink.Attribute{Type: mask, Data: chosen}, netlink.Attribute{Type: flags, Data: set})
}

// show has so many bytes of each packet shown from now on.
func (t *tap) show(bytes uint32) error {
	// NFQA_CFG_PARAMS with a struct nfqnl_msg_config_params.
	const params = 2
	return t.configure(netlink.Attribute{Type: params, Data: append(binary.BigEndian.AppendUint32(nil, bytes), nfqueue.NfQnlCopyPacket)})
}

// configure sends NFQNL_MSG_CONFIG. The kernel has done as it says when this returns.
func (t *tap) configure(list ...netlink.Attribute) error {
	const config = unix.NFNL_SUBSYS_QUEUE<<8 | 2
	attrs, err := netlink.MarshalAttributes(list)
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
