package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"faultlab/faults/agent/dependency"
	"faultlab/faults/agent/nft"
)

const (
	tableName = "faultlab"
	// queuePriority puts our chains before connection tracking (-200) and raw
	// (-300): a packet that waits has no tracked connection yet that could clash.
	queuePriority = -310
)

// rules is our nftables table in one namespace. The table itself is also the
// lock that keeps two agents off one target.
type rules struct {
	conn   *nftables.Conn
	table  *nftables.Table
	chains [2]*nftables.Chain // by direction
	owned  bool
	native bool // the kernel has nft's own queue expression; else the xt target
}

// openRules makes the empty table. A table of a dead agent on a kernel without
// owned tables is replaced; one of a living agent is an error.
func openRules(fd int) (*rules, error) {
	var raw *netlink.Conn
	conn, err := nftables.New(nftables.WithNetNSFd(fd), nftables.AsLasting(),
		nftables.WithSockOptions(func(c *netlink.Conn) error { raw = c; return nil }))
	if err != nil {
		return nil, fmt.Errorf("open nftables socket: %w", err)
	}
	r := &rules{conn: conn, table: &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}}
	err = nft.NewTable(raw, tableName, nft.Owner, 0)
	switch {
	case err == nil:
		r.owned = true
	case errors.Is(err, unix.EPERM):
		err = &Error{Code: Refused, Message: "another agent holds this target's network namespace",
			Remedy: "revert its faults first, or end it"}
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		// Either there is a table nobody owns, or the kernel knows no owners.
		conn.DelTable(r.table)
		_ = conn.Flush()
		if err = nft.NewTable(raw, tableName, nft.Owner, 0); err == nil {
			r.owned = true
		} else {
			err = nft.NewTable(raw, tableName, 0, 0)
		}
	}
	if err != nil {
		conn.CloseLasting()
		return nil, fmt.Errorf("make nftables table: %w", err)
	}
	return r, nil
}

// hook makes the two chains, which see every packet but do nothing yet.
func (r *rules) hook() error {
	if r.chains[dirOut] != nil {
		return nil
	}
	chain := func(name string, hook *nftables.ChainHook) *nftables.Chain {
		return r.conn.AddChain(&nftables.Chain{Name: name, Table: r.table, Type: nftables.ChainTypeFilter,
			Hooknum: hook, Priority: nftables.ChainPriorityRef(queuePriority)})
	}
	out, in := chain("out", nftables.ChainHookOutput), chain("in", nftables.ChainHookPrerouting)
	if err := r.conn.Flush(); err != nil {
		return fmt.Errorf("make nftables chains: %w", err)
	}
	r.chains = [2]*nftables.Chain{out, in}
	return nil
}

// set replaces all rules at once by those that hand what the effects concern to a queue.
func (r *rules) set(effects []effect, queue uint16) error {
	for dir, chain := range r.chains {
		r.conn.FlushChain(chain)
		if dir == dirOut && len(effects) > 0 {
			for _, mark := range []uint32{dependency.PassedOn, copyMark} {
				r.conn.AddRule(&nftables.Rule{Table: r.table, Chain: chain, Exprs: letGo(mark)})
			}
		}
		for _, rule := range queueRules(effects, dir) {
			r.conn.AddRule(&nftables.Rule{Table: r.table, Chain: chain, Exprs: append(rule, r.queue(queue))})
		}
	}
	if err := r.conn.Flush(); err != nil {
		return fmt.Errorf("set nftables rules: %w", err)
	}
	return nil
}

// queue hands a packet to userspace, or on when nobody listens there.
func (r *rules) queue(num uint16) expr.Any {
	if r.native {
		return &expr.Queue{Num: num, Total: 1, Flag: expr.QueueFlagBypass}
	}
	// struct xt_NFQ_info_v3: queuenum, queues_total, flags (1 = bypass), padding.
	info := xt.Unknown{byte(num), byte(num >> 8), 1, 0, 1, 0, 0, 0}
	return &expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info}
}

// unhook removes the chains but keeps the table, the lock.
func (r *rules) unhook() error {
	if r.chains[dirOut] == nil {
		return nil
	}
	for _, c := range r.chains {
		r.conn.FlushChain(c)
		r.conn.DelChain(c)
	}
	if err := r.conn.Flush(); err != nil {
		return fmt.Errorf("remove nftables chains: %w", err)
	}
	r.chains = [2]*nftables.Chain{}
	return nil
}

func (r *rules) close() error {
	r.conn.DelTable(r.table)
	err := r.conn.Flush()
	return errors.Join(err, r.conn.CloseLasting())
}

// queueRules gives the conditions of the rules for one direction.
func queueRules(effects []effect, dir int) [][]expr.Any {
	var out [][]expr.Any
	for _, e := range effects {
		if dir == dirOut && e.out == nil || dir == dirIn && e.in == nil {
			continue
		}
		prefixes := e.match.prefixes
		if len(prefixes) == 0 {
			prefixes = []netip.Prefix{{}} // any
		}
		for _, pre := range prefixes {
			for _, proto := range transports(e.match) {
				exprs := notLoopback(dir)
				if pre.IsValid() {
					exprs = append(exprs, address(pre, dir)...)
				}
				if proto != "" {
					exprs = append(exprs, transport(proto, e.match, dir)...)
				}
				ways := [][]expr.Any{nil}
				if e.thrifty {
					ways = notBareACK(proto)
				}
				for _, more := range ways {
					out = append(out, append(slices.Concat(exprs, more), &expr.Counter{}))
				}
			}
		}
	}
	return out
}
