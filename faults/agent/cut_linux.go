package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// cutPriority puts the chains that end traffic right behind the queue: a packet that
// is refused has waited as long as one that is answered.
const cutPriority = queuePriority + 1

// cuts ends traffic in the kernel, by rules in our table. Each effect has chains of
// its own that two base chains jump to: taking a base chain away would drop what
// waits in the queue.
type cuts struct {
	queue *queue // nil where the kernel has no nftables
	base  [2]*nftables.Chain
	list  []*cutRules
	last  int
}

// cutRules are the chains of one effect.
type cutRules struct {
	effect
	chains [2]*nftables.Chain // by direction
	before uint64             // counted by rules that have been replaced
	reset  *resets            // of connections; they have no chains
}

// installCut puts an effect that ends traffic in place; s is locked.
func (s *linuxSpace) installCut(e effect) (string, error) {
	c := s.kernel.capabilities()
	queueOK := c.NFQueue.OK && s.kernel.backend != "netem"
	switch {
	case s.queue == nil && e.cut == cutDrop && e.in == nil && c.Netem.OK:
		s.order = append(s.order, e)
		return "netem", s.emulate(effect{id: e.id, match: e.match, out: &action{loss: 1}})
	case s.queue == nil:
		return "", &Error{Code: NotSupported, Message: "not supported: traffic is ended by nf_tables, and " + c.NFQueue.Detail,
			Remedy: "load the kernel module nf_tables; or use a black-hole with direction out, which netem carries"}
	case e.cut == cutReset && !queueOK:
		return "", &Error{Code: NotSupported, Message: "not supported: connections are reset by the queue, and " + c.NFQueue.Detail, Remedy: c.NFQueue.Remedy}
	}
	s.order = append(s.order, e) // also what fails must be undone by uninstall
	r := &cutRules{effect: e}
	s.cuts.list = append(s.cuts.list, r)
	if e.cut == cutReset {
		var err error
		if r.reset, err = openResets(s.namespace); err != nil {
			return "", err
		}
		for _, a := range []*action{e.out, e.in} {
			if a != nil {
				a.reset = r.reset
			}
		}
		return "queue", s.queue.install(e)
	}
	if queueOK && e.out != nil {
		// What the target sends goes through the queue, which lets it pass: a packet that
		// is dropped under its sender's hands fails with EPERM, and a real network tells
		// nothing. What the queue cannot hold is ended like the rest.
		if err := s.queue.install(effect{id: e.id, match: e.match, out: &action{}}); err != nil {
			return "", err
		}
	}
	return "nft", s.cuts.install(r)
}

func (c *cuts) install(r *cutRules) error {
	conn, table := c.queue.rules.conn, c.queue.rules.table
	if c.base[dirOut] == nil {
		chain := func(name string, hook *nftables.ChainHook) *nftables.Chain {
			return conn.AddChain(&nftables.Chain{Name: name, Table: table, Type: nftables.ChainTypeFilter,
				Hooknum: hook, Priority: nftables.ChainPriorityRef(cutPriority)})
		}
		base := [2]*nftables.Chain{chain("cut-out", nftables.ChainHookOutput), chain("cut-in", nftables.ChainHookPrerouting)}
		if err := conn.Flush(); err != nil {
			return fmt.Errorf("make nftables chains: %w", err)
		}
		c.base = base
	}
	c.last++
	for dir, a := range []*action{r.out, r.in} {
		if a == nil {
			continue
		}
		r.chains[dir] = conn.AddChain(&nftables.Chain{Name: fmt.Sprintf("cut%d-%d", c.last, dir), Table: table})
		c.fill(r, dir)
		conn.AddRule(&nftables.Rule{Table: table, Chain: c.base[dir], Exprs: append(notLoopback(dir), jump(r.chains[dir].Name))})
	}
	err := conn.Flush()
	if err == nil {
		return nil
	}
	r.chains = [2]*nftables.Chain{}
	if r.cut == cutRefuse && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP)) {
		return noRefusals(err)
	}
	return fmt.Errorf("set nftables rules: %w", err)
}

func (c *cuts) fill(r *cutRules, dir int) {
	for _, exprs := range cutExprs(r.effect, dir) {
		c.queue.rules.conn.AddRule(&nftables.Rule{Table: c.queue.rules.table, Chain: r.chains[dir], Exprs: exprs})
	}
}

// retarget replaces an effect's rules by those of its new addresses, all at once.
func (c *cuts) retarget(id string, prefixes []netip.Prefix) error {
	for _, r := range c.list {
		if r.id != id {
			continue
		}
		r.match.prefixes = prefixes
		if r.reset != nil {
			return nil
		}
		counted := c.count(r)
		for dir, chain := range r.chains {
			if chain != nil {
				c.queue.rules.conn.FlushChain(chain)
				c.fill(r, dir)
			}
		}
		if err := c.queue.rules.conn.Flush(); err != nil {
			return fmt.Errorf("set nftables rules: %w", err)
		}
		r.before += counted
	}
	return nil
}

// uninstall takes an effect's chains away; the others keep theirs, and their counters.
func (c *cuts) uninstall(id string) error {
	i := slices.IndexFunc(c.list, func(r *cutRules) bool { return r.id == id })
	if i < 0 {
		return nil
	}
	r := c.list[i]
	if r.reset != nil {
		c.queue.pipe.remove(id) // who decides about packets must not meet a closed socket
		r.reset.close()
	}
	conn := c.queue.rules.conn
	for dir, chain := range r.chains {
		if chain == nil {
			continue
		}
		conn.FlushChain(c.base[dir])
		for _, o := range c.list {
			if o != r && o.chains[dir] != nil {
				conn.AddRule(&nftables.Rule{Table: c.queue.rules.table, Chain: c.base[dir], Exprs: append(notLoopback(dir), jump(o.chains[dir].Name))})
			}
		}
		conn.FlushChain(chain)
		conn.DelChain(chain)
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("remove nftables chains: %w", err)
	}
	c.list = slices.Delete(c.list, i, i+1)
	return nil
}

func (c *cuts) clear() error {
	var errs []error
	for len(c.list) > 0 {
		if err := c.uninstall(c.list[0].id); err != nil {
			errs = append(errs, err)
			c.list = c.list[1:] // the table goes in the end
		}
	}
	return errors.Join(errs...)
}

// unhook removes the base chains when nothing needs them and nothing waits in the queue.
func (c *cuts) unhook() error {
	if c.base[dirOut] == nil || len(c.list) > 0 || c.queue.nfq != nil {
		return nil
	}
	for _, b := range c.base {
		c.queue.rules.conn.DelChain(b)
	}
	if err := c.queue.rules.conn.Flush(); err != nil {
		return fmt.Errorf("remove nftables chains: %w", err)
	}
	c.base = [2]*nftables.Chain{}
	return nil
}

// packets counts what the rules of an effect have ended.
func (c *cuts) packets(id string) (Packets, bool) {
	for _, r := range c.list {
		if r.id == id && r.reset == nil {
			n := r.before + c.count(r)
			return Packets{Hit: n, Dropped: n}, true
		}
	}
	return Packets{}, false
}
