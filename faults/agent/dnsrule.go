package agent

import (
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"faultlab/faults"
)

// dnsRule is a fault on lookups as queries meet it.
type dnsRule struct {
	id      string
	lookups faults.Lookups
	seed    uint64
	delay   time.Duration    // the query waits so long
	silent  bool             // it vanishes
	code    dnsmessage.RCode // it is answered so,
	addrs   []netip.Addr     // with these

	user, probe                     *sequence
	hit, ended, delayed, probedHits atomic.Uint64
}

// dnsRuleOf turns a validated fault into its rule; nil for a fault of another family.
func dnsRuleOf(id string, f faults.Fault, seed uint64) (*dnsRule, error) {
	r := &dnsRule{id: id, seed: seed}
	switch f := f.(type) {
	case faults.DNSError:
		r.lookups = f.Lookups
		r.code = map[string]dnsmessage.RCode{"": dnsmessage.RCodeNameError, "nxdomain": dnsmessage.RCodeNameError,
			"servfail": dnsmessage.RCodeServerFailure, "refused": dnsmessage.RCodeRefused}[f.Code]
	case faults.DNSTimeout:
		r.lookups, r.silent = f.Lookups, true
	case faults.DNSDelay:
		r.lookups, r.delay = f.Lookups, f.Delay
	case faults.DNSAddress:
		var err error
		r.lookups = f.Lookups
		if r.addrs, err = f.Parsed(); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	if r.lookups.Seed != 0 {
		r.seed = r.lookups.Seed
	}
	if r.seed == 0 && r.lookups.Share() < 1 {
		r.seed = newSeed()
	}
	r.user, r.probe = newSequence(r.seed, 0), newSequence(r.seed, 1)
	return r, nil
}

// takes tells whether a query meets the fault; the caller holds the rules' lock.
func (r *dnsRule) takes(q query, probe bool) bool {
	if !r.lookups.Concerns(q.name, q.typ) || len(r.addrs) > 0 && q.typ != "A" && q.typ != "AAAA" {
		return false
	}
	seq := r.user
	if probe {
		seq = r.probe
	}
	if share := r.lookups.Share(); share < 1 && seq.Float64() >= share {
		return false
	}
	r.hit.Add(1)
	if probe {
		r.probedHits.Add(1)
	}
	if r.delay > 0 {
		r.delayed.Add(1)
	} else {
		r.ended.Add(1)
	}
	return true
}

func (r *dnsRule) packets() Packets {
	return Packets{Hit: r.hit.Load(), Dropped: r.ended.Load(), Delayed: r.delayed.Load()}
}
