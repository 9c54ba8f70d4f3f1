package dependency

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// reach finds a server that accepts connections: of the called side the target itself.
func (f *Fault) reach(ctx context.Context, bare *proxy) error {
	list := bare.addresses()
	if f.calls.Side == faults.Calling {
		list = f.callees(bare)
	}
	for _, a := range list {
		dialing, cancel := context.WithTimeout(ctx, 2*time.Second)
		c, err := bare.dial(dialing, a, ownMark, nil)
		cancel()
		if err == nil {
			_ = c.Close()
			f.ask.to = a
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case f.calls.Side != faults.Calling:
		return &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("nothing accepts connections on port %d of the target", f.calls.Port),
			Remedy: "name the port that the server listens on inside the container"}
	case len(list) == 0:
		return &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("the target calls nobody on port %d just now, so that the fault cannot be proved", f.calls.Port),
			Remedy: "name whom it calls as peer, or an address as probe"}
	}
	return &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("none of %s accepts a connection from the target", strings.Join(list, ", ")),
		Remedy: "name the port that the peer listens on, or an address that answers as probe"}
}

// callees are whom to probe on the calling side: those asked for, the peers that are one
// address, and those that the target is connected to.
func (f *Fault) callees(bare *proxy) (out []string) {
	port := uint16(f.calls.Port)
	add := func(a netip.Addr) {
		if s := netip.AddrPortFrom(a, port).String(); f.stage.concerns(a) && len(out) < 16 {
			out = append(out, s)
		}
	}
	for _, s := range f.order.Probes {
		if host, _, err := net.SplitHostPort(s); err == nil {
			s = host
		}
		if a, err := netip.ParseAddr(s); err == nil {
			add(a.Unmap())
		}
	}
	for _, p := range *f.stage.peers.Load() {
		if p.IsSingleIP() {
			add(p.Addr())
		}
	}
	_ = bare.in(func() error {
		conns, err := established(bare.concerned)
		for _, s := range conns {
			add(s.remote.Addr())
		}
		return err
	})
	return out
}

// inquire finds what to ask: something harmless that the fault concerns.
func (f *Fault) inquire() (inquiry, error) {
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
func (f *Fault) baseline(ctx context.Context, bare *proxy) error {
	needsHTTP := f.stage.status != 0 || !f.stage.only.IsZero()
	wait := 5 * time.Second
	if !needsHTTP && f.calls.Probe == "" {
		wait = 500 * time.Millisecond // something may stand in for a server that does not answer
	}
	size := int64(0) // of the answer, where it is known
	try := func() {
		f.base = f.proxy.one(ctx, f.order.ID, f.ask, wait, size)
		for i := 0; i < 4 && f.base.fine(); i++ { // again and warm: the quickest is what the server takes
			if o := f.proxy.one(ctx, f.order.ID, f.ask, wait, size); o.fine() && o.first < f.base.first {
				f.base = o
			}
		}
		if f.ask.method == "" {
			f.base.whole = f.base.first // the wait for nothing more is not the server's
		}
	}
	try()
	silent := f.base.slow && f.base.bytes == 0 // where TLS is spoken HTTP is refused
	if f.ask.method != "" && !silent && (f.base.status == 0 || f.base.status == 400) && bare.tls(ctx, f.ask.to) {
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
	if err := ctx.Err(); err != nil {
		return err
	}
	why, remedy := "", "name a probe that it answers: a path to GET, or a text such as PING\\r\\n"
	if !f.base.fine() || f.ask.method != "" && f.base.status == 0 {
		why = fmt.Sprintf("%s does not answer the probe as it should: %+v", f.ask.to, f.base)
	} else if u := f.stage.unfit(f.base); u != "" {
		why, remedy = "the answer to the probe cannot show the fault: "+u, "name another path as probe"
	}
	if why == "" {
		return nil
	}
	enough, after, ok := f.stage.telling()
	if needsHTTP || f.calls.Probe != "" || !ok {
		return &carrier.Error{Code: carrier.NoProbe, Message: why, Remedy: remedy}
	}
	wait, size = 5*time.Second, enough
	if err := f.standIn(size, after); err != nil {
		return err
	}
	if try(); !f.base.fine() || f.stage.unfit(f.base) != "" {
		return &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("%s; nor does what stands in for it: %+v", why, f.base), Remedy: remedy}
	}
	return ctx.Err()
}
