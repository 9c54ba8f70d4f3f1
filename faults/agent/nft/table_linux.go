package nft

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Owner is NFT_TABLE_F_OWNER (Linux 5.12): the table belongs to the socket that made it
// and goes when the socket does, however its process ends.
const Owner = 2

// NewTable makes an inet table with table flags such as [Owner], and with flags of the
// message such as netlink.Excl. It sends the batch itself, because nftables.Conn cannot
// set the table's flags.
func NewTable(c *netlink.Conn, name string, table byte, how netlink.HeaderFlags) error {
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_TABLE_NAME, Data: append([]byte(name), 0)},
		{Type: unix.NFTA_TABLE_FLAGS, Data: []byte{0, 0, 0, table}},
	})
	if err != nil {
		return err
	}
	return send(c, unix.NFT_MSG_NEWTABLE, netlink.Create|how, attrs)
}

// AddRule adds a rule to a chain of an inet table, for what [nftables.Conn] has no
// expression for: each is one as the kernel reads it.
func AddRule(c *netlink.Conn, table, chain string, exprs ...[]byte) error {
	var list []netlink.Attribute
	for _, e := range exprs {
		list = append(list, netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_LIST_ELEM, Data: e})
	}
	rule, err := netlink.MarshalAttributes(list)
	if err != nil {
		return err
	}
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_RULE_TABLE, Data: append([]byte(table), 0)},
		{Type: unix.NFTA_RULE_CHAIN, Data: append([]byte(chain), 0)},
		{Type: unix.NLA_F_NESTED | unix.NFTA_RULE_EXPRESSIONS, Data: rule},
	})
	if err != nil {
		return err
	}
	return send(c, unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, attrs)
}

// send sends one message about an inet table.
func send(c *netlink.Conn, typ uint16, flags netlink.HeaderFlags, attrs []byte) error {
	message := func(typ uint16, flags netlink.HeaderFlags, family, subsys byte, data []byte) netlink.Message {
		return netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(typ), Flags: netlink.Request | flags},
			Data:   append([]byte{family, unix.NFNETLINK_V0, 0, subsys}, data...), // nfgenmsg
		}
	}
	_, err := c.SendMessages([]netlink.Message{
		message(unix.NFNL_MSG_BATCH_BEGIN, 0, 0, unix.NFNL_SUBSYS_NFTABLES, nil),
		message(unix.NFNL_SUBSYS_NFTABLES<<8|typ, netlink.Acknowledge|flags, unix.NFPROTO_INET, 0, attrs),
		message(unix.NFNL_MSG_BATCH_END, 0, 0, unix.NFNL_SUBSYS_NFTABLES, nil),
	})
	if err != nil {
		return err
	}
	_, err = c.Receive() // the acknowledgement, or the error it carries
	return err
}
