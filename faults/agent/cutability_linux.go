package agent

import (
	"fmt"

	"github.com/google/nftables"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/netspace"
)

// refusalAbility says whether nftables refuses packets, by a rule in an empty network
// namespace.
func refusalAbility() []carrier.Ability {
	a := carrier.Ability{Name: "refusals", OK: true, Detail: "nftables refuses packets, for reject"}
	if err := netspace.Empty(refuseOnce); err != nil {
		e := noRefusals(err)
		a.OK, a.Detail, a.Remedy = false, e.Message+"; reject cannot be used", e.Remedy
	}
	return []carrier.Ability{a}
}

// refuseOnce sets the rules of a refusal in this thread's network.
func refuseOnce() error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	table := conn.AddTable(&nftables.Table{Name: tableName, Family: nftables.TableFamilyINet})
	chain := conn.AddChain(&nftables.Chain{Name: "cut-out", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityRef(cutPriority)})
	for _, exprs := range cutExprs(effect{cut: cutRefuse, answer: faults.AnswerReset, out: &action{}}, dirOut) {
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs})
	}
	return conn.Flush()
}

// noRefusals is the error where the kernel cannot.
func noRefusals(why error) *Error {
	return &Error{Code: NotSupported, Message: fmt.Sprintf("not supported: nftables cannot refuse here, nft_reject_inet is missing: %v", why),
		Remedy: "load the kernel module nft_reject_inet, or use a black-hole, which needs none"}
}
