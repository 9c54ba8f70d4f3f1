package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
	"faultlab/faults/engine"
)

// world is an engine with a target, a peer of it and a bystander, each a container.
type world struct {
	*engine.Engine
	report
	id              string // marks what belongs to this run
	image           string // of this binary
	agentImage      string
	ours            bool       // nobody had the agent's image before
	target          string     // id of its container
	receiver        string     // id of the peer's
	pid             int        // of its first process
	own             netip.Addr // the target's
	peer, bystander netip.Addr
	toxiproxy       string  // its binary; "" where there is none
	share           float64 // of the full numbers
	netem           bool    // the kernel has it
	notes           func(format string, args ...any)
}

const label = "faultlab.bench"

// count is a share of a full number, at least 2.
func (w *world) count(full int) int { return max(2, int(float64(full)*w.share)) }

// open makes images and containers. What it has made when it fails, close removes.
func (w *world) open(ctx context.Context) error {
	b := make([]byte, 4)
	rand.Read(b)
	w.id = fmt.Sprintf("%x", b)
	var err error
	if w.Engine, err = engine.Open(ctx); err != nil {
		return err
	}
	before, err := w.Images(ctx, "faultlab.image=control")
	if err != nil {
		return err
	}
	if w.agentImage, err = agent.BuildImage(ctx, w.Engine); err != nil {
		return err
	}
	after, err := w.Images(ctx, "faultlab.image=control")
	if err != nil {
		return err
	}
	w.ours = len(after) > len(before)
	w.image = "faultlab-bench:" + w.id
	if err := w.importSelf(ctx); err != nil {
		return err
	}
	if w.target, err = w.server(ctx, "target"); err != nil {
		return err
	}
	if w.receiver, err = w.server(ctx, "peer"); err != nil {
		return err
	}
	bystander, err := w.server(ctx, "bystander")
	if err != nil {
		return err
	}
	for id, to := range map[string]*netip.Addr{w.target: &w.own, w.receiver: &w.peer, bystander: &w.bystander} {
		if *to, err = w.address(ctx, id); err != nil {
			return err
		}
	}
	if err := w.look(ctx); err != nil {
		return err
	}
	caps, err := agent.Probe()
	w.netem = caps.Netem.OK
	return err
}

// importSelf makes the image of the servers from this executable, which is static.
func (w *world) importSelf(ctx context.Context) error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	t := tar.NewWriter(&file)
	err = t.WriteHeader(&tar.Header{Name: "bench", Mode: 0o755, Size: int64(len(b))})
	if err == nil {
		_, err = t.Write(b)
	}
	if err = errors.Join(err, t.Close()); err != nil {
		return err
	}
	return w.Import(ctx, &file, w.image, []string{`ENTRYPOINT ["/bench"]`})
}

// server runs a container and waits until it answers. It may have sockets with large
// buffers: what a slow reader loses is not the fault's doing.
func (w *world) server(ctx context.Context, name string, more ...func(*engine.Spec)) (string, error) {
	s := engine.Spec{
		Name: "bench-" + name + "-" + w.id, Image: w.image, Cmd: []string{"serve"},
		Labels: map[string]string{label: w.id}, CapAdd: []string{"NET_ADMIN"},
	}
	for _, f := range more {
		f(&s)
	}
	id, err := w.Run(ctx, s)
	if err != nil {
		return "", err
	}
	at, err := w.address(ctx, id)
	if err != nil {
		return "", err
	}
	for try := 0; ; try++ {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(at.String(), strconv.Itoa(portCounted)), time.Second)
		if err == nil {
			return id, c.Close()
		}
		if try == 100 || ctx.Err() != nil {
			return "", fmt.Errorf("the server in %s does not answer: %w", name, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (w *world) address(ctx context.Context, id string) (netip.Addr, error) {
	c, err := w.Inspect(ctx, id)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, ip := range c.Networks {
		return netip.ParseAddr(ip)
	}
	return netip.Addr{}, fmt.Errorf("container %s has no address", c.Name)
}

// look finds the target's first process of now.
func (w *world) look(ctx context.Context) error {
	c, err := w.Inspect(ctx, w.target)
	if err == nil && c.Pid == 0 {
		err = fmt.Errorf("container %s does not run", c.Name)
	}
	w.pid = c.Pid
	return err
}

// close removes everything that was made.
func (w *world) close(ctx context.Context) error {
	if w.Engine == nil {
		return nil
	}
	list, err := w.List(ctx, label+"="+w.id)
	errs := []error{err}
	for _, c := range list {
		errs = append(errs, w.Remove(ctx, c.ID))
	}
	for image, mine := range map[string]bool{w.image: true, w.agentImage: w.ours} {
		if there, err := w.HasImage(ctx, image); mine && err == nil && there {
			errs = append(errs, w.RemoveImage(ctx, image))
		}
	}
	return errors.Join(append(errs, w.Engine.Close())...)
}

// start runs an agent. Stop it with agent.Close.
func (w *world) start(ctx context.Context) (*agent.Agent, error) {
	return agent.Start(ctx, agent.Options{
		Engine: w.Engine, Image: w.agentImage, TargetLabel: label + "=" + w.id, Labels: map[string]string{label: w.id},
	})
}

// with has an agent while f runs.
func (w *world) with(ctx context.Context, f func(a *agent.Agent) error) error {
	a, err := w.start(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(a), a.Close(ctx))
}

// seed of what the queue draws. Netem cannot repeat a sequence, so it is not given what has one.
const seed = 20260101

// inject puts a fault on the target, on the back-end that is wanted ("": any).
func (w *world) inject(ctx context.Context, a *agent.Agent, f faults.Fault, backend string) (*agent.Injection, error) {
	return w.injectAt(ctx, a, w.target, f, backend)
}

func (w *world) injectAt(ctx context.Context, a *agent.Agent, container string, f faults.Fault, backend string) (*agent.Injection, error) {
	var o agent.InjectOptions
	if backend == "queue" {
		o.Seed = seed
	}
	in, err := a.Inject(ctx, container, f, o)
	if err != nil {
		return nil, err
	}
	if got := in.Status().Backend; backend != "" && got != backend {
		return nil, errors.Join(fmt.Errorf("%s is carried by %s; want %s", f.Kind(), got, backend), in.Revert(context.WithoutCancel(ctx)))
	}
	return in, nil
}

// faulted has a fault in place while do runs.
func (w *world) faulted(ctx context.Context, a *agent.Agent, f faults.Fault, backend string, do func(in *agent.Injection) error) error {
	in, err := w.inject(ctx, a, f, backend)
	if err != nil {
		return err
	}
	return errors.Join(do(in), in.Revert(context.WithoutCancel(ctx)))
}

// backends are those this kernel has.
func (w *world) backends() []string {
	if w.netem {
		return []string{"queue", "netem"}
	}
	return []string{"queue"}
}

// latency delays what goes to an address, one-way, on a back-end. Where there is netem a
// delay is its unless something is drawn by a seed: a nanosecond, then.
func (w *world) latency(d time.Duration, to netip.Addr, backend string) faults.Latency {
	f := delayTo(to.String())
	f.Delay = d
	if w.netem && backend == "queue" {
		f.Jitter = time.Nanosecond
	}
	return f
}

// delayTo is the delay that is felt, for what goes to an address.
func delayTo(address string) faults.Latency {
	return faults.Latency{Delay: felt, Peer: faults.Peer{Addresses: []string{address}}}
}
