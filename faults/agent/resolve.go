package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultlab/faults/agent/carrier"
)

// nameTimeout is how long one name server has for one name.
const nameTimeout = 2 * time.Second

// resolver looks names up as a target would: its hosts file first, then its name servers.
type resolver struct {
	target  carrier.Target
	hosts   map[string][]netip.Addr
	servers []string // address:port
	search  []string
	ndots   int
}

// targetResolver reads the target's files, which may change while it runs.
func targetResolver(t carrier.Target) (*resolver, error) {
	conf, err := targetFile(t.PID, "etc/resolv.conf")
	if err != nil {
		return nil, errorf(Failed, "read the target's resolv.conf: %v", err)
	}
	hosts, _ := targetFile(t.PID, "etc/hosts") // it needs none
	r := &resolver{target: t, hosts: parseHosts(hosts)}
	r.parse(conf)
	return r, nil
}

// parse reads what resolv.conf(5) says about servers, search domains and dots.
func (r *resolver) parse(conf string) {
	r.ndots = 1
	for f := range fieldsOf(conf, "#;") {
		switch f[0] {
		case "nameserver":
			if len(f) > 1 && len(r.servers) < 3 { // MAXNS of the C library
				r.servers = append(r.servers, net.JoinHostPort(f[1], "53"))
			}
		case "domain", "search":
			r.search = f[1:]
		case "options":
			for _, o := range f[1:] {
				if n, ok := strings.CutPrefix(o, "ndots:"); ok {
					if v, err := strconv.Atoi(n); err == nil {
						r.ndots = min(max(v, 0), 15)
					}
				}
			}
		}
	}
	if len(r.servers) == 0 {
		r.servers = []string{"127.0.0.1:53"}
	}
}

// parseHosts reads hosts(5).
func parseHosts(text string) map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	for f := range fieldsOf(text, "#") {
		a, err := netip.ParseAddr(f[0])
		if err != nil {
			continue
		}
		for _, name := range f[1:] {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			out[name] = append(out[name], a)
		}
	}
	return out
}

// fieldsOf gives the words of each line that has any, up to a comment.
func fieldsOf(text, comment string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
			line := s.Text()
			if i := strings.IndexAny(line, comment); i >= 0 {
				line = line[:i]
			}
			if f := strings.Fields(line); len(f) > 0 && !yield(f) {
				return
			}
		}
	}
}

// candidates are the full names that a name may stand for, in the order they are tried.
func (r *resolver) candidates(name string) []string {
	if strings.HasSuffix(name, ".") {
		return []string{name}
	}
	var out []string
	for _, domain := range r.search {
		out = append(out, name+"."+strings.Trim(domain, ".")+".")
	}
	if strings.Count(name, ".") >= r.ndots {
		return append([]string{name + "."}, out...)
	}
	return append(out, name+".")
}

// lookUp gives a name's addresses in order, none of loopback.
func (r *resolver) lookUp(ctx context.Context, name string) ([]netip.Addr, error) {
	addrs := r.hosts[strings.ToLower(strings.TrimSuffix(name, "."))]
	if len(addrs) == 0 {
		var err error
		if addrs, err = r.ask(ctx, name); err != nil {
			return nil, err
		}
	}
	var out []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); !a.IsLoopback() && !a.IsUnspecified() && a.Zone() == "" {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, errorf(BadRequest, "peer name %q is %s in the target; want addresses other than loopback, which faults never touch", name, listed(addrs))
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out), nil
}

// ask asks the name servers, each candidate in turn until one exists. One that nobody
// tells about might exist: those behind it are not asked for instead.
func (r *resolver) ask(ctx context.Context, name string) ([]netip.Addr, error) {
	servers := strings.Join(r.servers, ", ")
	for _, full := range r.candidates(name) {
		addrs, err := r.first(ctx, full)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, &Error{Code: Failed, Message: fmt.Sprintf("peer name %q: the target's name servers (%s) do not answer: %v", name, servers, err),
				Remedy: "see whether names resolve in the container, or give the peer's addresses"}
		}
		if len(addrs) > 0 {
			return addrs, nil
		}
	}
	return nil, &Error{Code: BadRequest, Message: fmt.Sprintf("peer name %q does not resolve in the target: %s knows no such name", name, servers),
		Remedy: "check it in the container with `getent hosts " + name + "`"}
}

// first asks the servers until one knows: the addresses, or none for no such name.
func (r *resolver) first(ctx context.Context, full string) (addrs []netip.Addr, err error) {
	for _, server := range r.servers {
		var dns *net.DNSError
		if addrs, err = r.exchange(ctx, full, server); err == nil || errors.As(err, &dns) && dns.IsNotFound {
			return addrs, nil
		}
	}
	return nil, err
}

// exchange asks one server for one full name, from inside the target's network.
func (r *resolver) exchange(ctx context.Context, full, server string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (c net.Conn, err error) {
		err = r.target.InNetwork(func() error {
			c, err = (&net.Dialer{}).DialContext(ctx, network, server)
			return err
		})
		return c, err
	}}
	return resolver.LookupNetIP(ctx, "ip", full)
}
