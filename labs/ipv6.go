package labs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"faultlab/faults/engine"
	"faultlab/labs/control"
)

// The flags of a default route, and of one of which a router told, in /proc/net/ipv6_route.
const (
	routeDefault = 0x10000
	routeTold    = 0x40000
)

// ipv4Alone says why no lab on this machine may have IPv6, and the remedy; or nothing. An
// engine that makes a network with IPv6 turns IPv6 forwarding on, and a kernel that begins
// to forward drops the default routes that routers told it of, unless accept_ra is 2: the
// machine would be cut off. proc is where /proc is. An engine in a machine of its own, as
// Docker Desktop has, concerns this one not at all.
func ipv4Alone(proc string) (why, remedy string) {
	read := func(name string) string {
		b, _ := os.ReadFile(filepath.Join(proc, name))
		return strings.TrimSpace(string(b))
	}
	if read("sys/net/ipv6/conf/all/forwarding") != "0" {
		return "", ""
	}
	for line := range strings.Lines(read("net/ipv6_route")) {
		f := strings.Fields(line) // ..., flags, device
		if len(f) != 10 {
			continue
		}
		flags, _ := strconv.ParseUint(f[8], 16, 64)
		if flags&routeDefault == 0 || flags&routeTold == 0 || read("sys/net/ipv6/conf/"+f[9]+"/accept_ra") == "2" {
			continue
		}
		return fmt.Sprintf("the engine would turn IPv6 forwarding on, and this machine would lose its default route by %s, of which a router told", f[9]),
			fmt.Sprintf("sysctl net.ipv6.conf.%s.accept_ra=2", f[9])
	}
	return "", ""
}

// dual tells whether a lab's users come over IPv6 too. It makes a network of that kind,
// for a moment.
func dual(ctx context.Context, e *engine.Engine) Finding {
	f := Finding{Name: "IPv6", OK: true, Optional: true, Detail: "users of a lab come over IPv4 and IPv6"}
	why, remedy := ipv4Alone("/proc")
	if why == "" {
		if err := control.TryIPv6(ctx, e, "doctor"+random(4)); err != nil {
			why, remedy = err.Error(), "boot the engine's machine with IPv6 (without ipv6.disable=1)"
		}
	}
	if why != "" {
		f.OK, f.Detail, f.Remedy = false, "users of a lab come over IPv4 alone: "+why, remedy
	}
	return f
}
