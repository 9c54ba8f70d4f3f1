package dependency

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

const attempts = 3 // a count outside its band is taken again: bands are 99.9 percent

// fault carries one fault: a stage of the proxy of its port.
type fault struct {
	proxies *Proxies
	order   carrier.Order
	calls   faults.Calls
	stage   *stage
	proxy   *proxy
	drawn   bool
	ask     inquiry
	base    outcome
	proved  bool
}

// Carry gives the carrier of a fault of this family, and nil for others.
func (ps *Proxies) Carry(o carrier.Order) (carrier.Carrier, error) {
	calls, only, a, ok := compile(o.Fault)
	if !ok {
		return nil, nil
	}
	seed := o.Seed
	if calls.Seed != 0 {
		seed = calls.Seed
	}
	drawn := calls.Percent < 100 || a.jitter > 0
	if seed == 0 && drawn {
		seed = rand.Uint64N(1<<53-1) + 1 // survives any JSON reader
	}
	return &fault{proxies: ps, order: o, calls: calls, drawn: drawn, stage: newStage(o.ID, calls, only, a, seed)}, nil
}

// Place implements [carrier.Carrier].
func (f *fault) Place(ctx context.Context) (carrier.Placed, error) {
	var err error
	bare := &proxy{port: uint16(f.calls.Port), in: f.order.Target.InNetwork}
	if f.ask, err = f.inquire(); err != nil {
		return carrier.Placed{}, err
	}
	for _, a := range bare.addresses() {
		if c, err := bare.dial(ctx, a, ownMark, nil); err == nil {
			c.Close()
			f.ask.to = a
			break
		}
	}
	if f.ask.to == "" {
		return carrier.Placed{}, &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("nothing accepts connections on port %d of the target", f.calls.Port),
			Remedy: "name the port that the server listens on inside the container"}
	}
	if f.proxy, err = f.proxies.add(f.order.Target, uint16(f.calls.Port), f.stage); err != nil {
		return carrier.Placed{}, err
	}
	// The stage is in place but not on yet: what a call gets through the proxy.
	if err := f.baseline(ctx, bare); err != nil {
		return carrier.Placed{}, err
	}
	c := call{method: f.ask.method, path: f.ask.path}
	if s := hides(f.others(), c); s != nil {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "injection %s takes all these calls already", s.id)
	}
	f.stage.on.Store(true)
	m, err := f.prove(ctx)
	if err != nil {
		return carrier.Placed{}, err
	}
	f.proved = true
	p := carrier.Placed{Backend: "proxy", Measured: m}
	if f.drawn {
		p.Seed = f.stage.seed
	}
	return p, nil
}

func (f *fault) others() []*stage {
	f.proxy.mu.Lock()
	defer f.proxy.mu.Unlock()
	return f.proxy.stages[:len(f.proxy.stages)-1]
}

// inquire finds what to ask: something harmless that the fault concerns.
func (f *fault) inquire() (inquiry, error) {
	only, none := f.stage.only, func(format string, args ...any) (inquiry, error) {
		return inquiry{}, &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf(format, args...), Remedy: "let the fault concern a path that can be asked for with GET, or name one as probe"}
	}
	text, err := f.calls.Text()
	if err != nil {
		return none("probe: %v", err)
	}
	if text != "" {
		if f.stage.status != 0 || !only.IsZero() {
			return none("the probe is not a path, and the fault concerns HTTP requests only")
		}
		return inquiry{text: text}, nil
	}
	path := f.calls.Probe
	if path == "" {
		path = strings.ReplaceAll(only.Path, "*", "")
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	bare, _, _ := strings.Cut(path, "?")
	for _, method := range []string{"GET", "HEAD"} {
		if only.Match(method, bare) {
			return inquiry{method: method, path: path}, nil
		}
	}
	return none("GET %s is not what the fault concerns", bare)
}

// baseline finds out what the server answers, and whether that can show the fault.
func (f *fault) baseline(ctx context.Context, bare *proxy) error {
	needsHTTP := f.stage.status != 0 || !f.stage.only.IsZero()
	try := func() {
		f.base = f.proxy.one(ctx, f.order.ID, f.ask, 5*time.Second, 0)
		for range 4 { // again and warm: the quickest is what the server takes
			if o := f.proxy.one(ctx, f.order.ID, f.ask, 5*time.Second, 0); o.fine() && o.first < f.base.first {
				f.base = o
			}
		}
		if f.ask.method == "" {
			f.base.whole = f.base.first // the wait for nothing more is not the server's
		}
	}
	try()
	if f.ask.method != "" && (f.base.status == 0 || f.base.status == 400) && bare.tls(ctx, f.ask.to) {
		if needsHTTP {
			return &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("port %d speaks TLS, which cannot be looked into", f.calls.Port),
				Remedy: "use a fault without methods and path that works on bytes, such as dependency-hang, or put it where TLS ends"}
		}
		f.ask = inquiry{to: f.ask.to, text: hello()}
		try()
	}
	if f.ask.method != "" && f.base.status == 0 && !needsHTTP && f.stage.refuse {
		f.base = outcome{} // any server shows that, and no answer is waited for
		return nil
	}
	if !f.base.fine() {
		if err := ctx.Err(); err != nil {
			return err
		}
		return &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("%s does not answer the probe as it should: %+v", f.ask.to, f.base),
			Remedy: "name a probe that it answers: a path to GET, or a text such as PING\\r\\n"}
	}
	if why := f.stage.unfit(f.base); why != "" {
		return &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("the answer to the probe cannot show the fault: %s", why), Remedy: "name another path as probe"}
	}
	return nil
}

func (f *fault) probe(ctx context.Context, n int) []outcome {
	return f.proxy.many(ctx, f.order.ID, f.ask, n, f.stage.most(f.base), f.base.bytes)
}

// prove probes until the fault is felt as set.
func (f *fault) prove(ctx context.Context) (*carrier.Measurement, error) {
	var m *carrier.Measurement
	for try := range attempts {
		n := count(f.stage.share)
		if n > 5 {
			n <<= try
		}
		got := f.probe(ctx, n)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var ok bool
		m, ok = f.stage.judge(f.base, got)
		m.Method, m.Address = "tcp", f.ask.to
		if f.ask.method != "" {
			m.Method = "http"
		}
		m.Saw = fmt.Sprintf("%.0f of %d calls met %s, before none", m.LossPercent*float64(n)/100, n, f.order.Fault.Kind())
		if ok {
			return m, nil
		}
	}
	return nil, carrier.Errorf(carrier.Unproved, "effect not seen at %s: %s; want %.1f%% to %.1f%%; added %.2f ms", f.ask.to, m.Saw, m.LossBand[0], m.LossBand[1], m.AddedMS)
}

// Take implements [carrier.Carrier].
func (f *fault) Take(ctx context.Context) error {
	if err := f.Drop(); err != nil {
		return err
	}
	if !f.proved {
		return nil
	}
	var last outcome
	for range attempts {
		felt, fine := 0, 0
		n := count(f.stage.share)
		for _, o := range f.probe(ctx, n) {
			last = o
			if f.stage.felt(f.base, o) {
				felt++
			}
			if o.fine() || f.base.bytes == 0 {
				fine++
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if fine > 0 && f.stage.absent(felt, n) {
			return nil
		}
		if !last.connected {
			return carrier.Errorf(carrier.NoProbe, "not measured again: %s does not accept connections any more", f.ask.to)
		}
	}
	return carrier.Errorf(carrier.Unproved, "effect still seen at %s after taking it away: %+v", f.ask.to, last)
}

// Drop implements [carrier.Carrier].
func (f *fault) Drop() error {
	if f.proxy == nil {
		return nil
	}
	if err := f.proxies.remove(f.proxy, f.stage); err != nil {
		return errors.Join(errors.New("take the proxy away"), err)
	}
	return nil
}

// Packets counts calls.
func (f *fault) Packets() carrier.Packets {
	s := f.stage
	return carrier.Packets{Hit: s.hit.Load(), Dropped: s.ended.Load(), Delayed: s.delayed.Load()}
}
