package stress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"faultlab/faults"
	"faultlab/faults/agent"
	"faultlab/faults/agent/guesttest"
	"faultlab/faults/agent/netspace"
)

// TestInjectionsOfNetem is TestInjections in a kernel that has netem, with processes for
// containers: faults on packets.
func TestInjectionsOfNetem(t *testing.T) {
	if *onNetem == 0 || guesttest.Inside() {
		t.Skip("none asked for")
	}
	text := guesttest.Run(t, guesttest.Build(t), 2*time.Hour, "-test.run", "^TestInjections$",
		"-injections", strconv.Itoa(*onNetem), "-seed", strconv.FormatUint(*seed, 10))
	t.Log(text)
	_, found, _ := strings.Cut(text, "# Stress")
	fmt.Fprintf(os.Stdout, "\n# In the guest kernel, with netem\n\n# Stress%s\n", found)
}

// The guest's network: over one cable a peer with two addresses.
const (
	guestTarget    = "10.99.7.1"
	guestPeer      = "10.99.7.2"
	guestBystander = "10.99.7.3"
)

// newGuest is a scene of processes, with an agent.
func newGuest(t *testing.T) *scene {
	needRoot(t)
	target := guestServer(t, "", 0)
	far := guestServer(t, guestPeer, 0)
	must(t, netspace.Inside(target, func() error {
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth0", PeerNamespace: netlink.NsPid(far)})
	}))
	must(t, guestUp(target, guestTarget))
	must(t, guestUp(far, guestPeer, guestBystander))
	guestServer(t, guestBystander, far)
	s := &scene{t: t, peer: guestPeer, bystander: guestBystander, pid: func() int { return target }, rows: netemRows, unseeded: true}
	s.reachable()
	clean := rulesOf(target)
	s.left = func() []string {
		if rules := rulesOf(target); rules != clean {
			return []string{"in the target: " + unlike(clean, rules)}
		}
		return nil
	}
	s.guestAgent(target)
	return s
}

// guestServer starts a server in a network of its own, or in that of another.
func guestServer(t *testing.T, address string, with int) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"=server", listenEnv+"="+address)
	cmd.Stderr = os.Stderr
	if with == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		must(t, cmd.Start())
	} else {
		must(t, netspace.Inside(with, cmd.Start))
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

func guestUp(pid int, addresses ...string) error {
	return netspace.Inside(pid, func() error {
		for _, name := range []string{"lo", "eth0"} {
			link, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			// Addresses are there at once, and not on trial first.
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/accept_dad", []byte("0"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			if err := netlink.LinkSetUp(link); err != nil {
				return err
			}
			for _, a := range addresses {
				if addr, err := netlink.ParseAddr(a + "/24"); err != nil {
					return err
				} else if name == "eth0" {
					if err := netlink.AddrAdd(link, addr); err != nil {
						return fmt.Errorf("%s: %w", a, err)
					}
				}
			}
		}
		return nil
	})
}

// guestAgent starts an agent that puts the scene's faults into a process's network.
func (s *scene) guestAgent(target int) {
	cmd := exec.Command("/proc/self/exe", "agent")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(s.t, err)
	out, err := cmd.StdoutPipe()
	must(s.t, err)
	must(s.t, cmd.Start())
	c := agent.NewClient(struct {
		io.Reader
		io.WriteCloser
	}{out, in})
	s.close = func() error {
		c.Close()
		return cmd.Wait()
	}
	count := 0
	s.inject = func(ctx context.Context, f faults.Fault, o agent.InjectOptions) (injection, error) {
		params, err := json.Marshal(f)
		must(s.t, err)
		count++
		e, err := c.Inject(ctx, agent.InjectRequest{ID: fmt.Sprint("f", count), Kind: f.Kind(), Params: params, PID: target,
			TTL: o.TTL.String(), Seed: o.Seed, Probes: o.Probes})
		if err != nil {
			return nil, err
		}
		return &guestInjection{c, *e}, nil
	}
}

type guestInjection struct {
	client *agent.Client
	entry  agent.Entry
}

func (g *guestInjection) Status() agent.Entry { return g.entry }

func (g *guestInjection) Revert(ctx context.Context) error {
	e, err := g.client.Revert(ctx, g.entry.ID)
	if err == nil {
		g.entry = *e
	}
	return err
}

// pace waits between two datagrams: the guest's timer is coarse, so there many go at once.
func pace(i int) {
	switch {
	case !guesttest.Inside():
		time.Sleep(100 * time.Microsecond)
	case i%50 == 49:
		time.Sleep(time.Millisecond)
	}
}

// late is how much later than set an answer may come on a busy machine.
func late() time.Duration {
	if guesttest.Inside() {
		return 60 * time.Millisecond
	}
	return 30 * time.Millisecond
}
