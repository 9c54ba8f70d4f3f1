package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/endpoint"
	"faultlab/labs/grade"
	"faultlab/labs/monitor"
	"faultlab/labs/sli"
	"faultlab/targets/collector"
)

// Control is one running lab.
type Control struct {
	cfg  Config
	eng  *engine.Engine
	lab  *catalog.Lab // nil until an order came
	pace grade.Pace
	rec  *sli.Recorder
	line *timeline
	keep *keeper
	log  *slog.Logger

	life        context.Context // ends with this process; what outlives a request runs on it
	shop, users netip.Prefix
	users6      netip.Prefix // not valid: users come over IPv4 alone
	uplinks     *uplinks
	links       *links
	traces      *collector.Client
	monitor     *monitor.Client
	grading     sync.Mutex   // one grading at a time
	changing    sync.Mutex   // one change of the workspace by control at a time
	died        atomic.Int64 // when a container of the shop last ended with an error, in Unix nanoseconds
}

// patience is how long control waits for its starter before it gives the lab up.
const patience = 15 * time.Second

// takeover is how long the starter may take to confirm that it knows the lab is on.
const takeover = 3 * time.Second

// Serve runs control until ctx ends. A lab that nobody starts, whose start is
// abandoned, or whose time is up, removes itself.
func Serve(ctx context.Context, cfg Config, log *slog.Logger) error {
	eng, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	pace, ok := grade.Paces[cfg.Pace]
	if !ok {
		return fmt.Errorf("pace is %q; want real or fast", cfg.Pace)
	}
	c := &Control{cfg: cfg, eng: eng, pace: pace, rec: sli.NewRecorder(), log: log, traces: collector.NewClient(collectorSocket)}
	if c.keep, err = openKeeper(statePath); err != nil {
		return err
	}
	if st := c.keep.get(); st.Phase != "" {
		if c.lab, err = catalog.Load(st.Order.Lab, st.Order.Variant); err != nil {
			return err
		}
	}
	if c.line, err = openTimeline(statePath); err != nil {
		return err
	}
	c.uplinks, c.links = newUplinks(c), newLinks(c)
	c.monitor = monitor.New(pagerSocket)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.life = ctx
	return c.serve(ctx)
}

func (c *Control) serve(ctx context.Context) error {
	stopEndpoint, err := c.serveEndpoint(ctx)
	if err != nil {
		return err
	}
	defer stopEndpoint()
	api := &http.Server{Addr: ":7411", Handler: c.handler(ctx), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- api.ListenAndServe() }()
	defer api.Close()

	switch c.keep.get().Phase {
	case "running":
		if err := c.resume(ctx); err != nil {
			c.log.Error("the lab cannot go on", "err", err)
			c.giveUp(ctx, "it could not go on after a restart of control: "+err.Error())
		}
	case "starting":
		// A starter that lives removes it itself.
		time.AfterFunc(takeover, func() { c.giveUp(c.life, "control was ended while the lab was starting") })
	default:
		time.AfterFunc(patience, func() {
			if c.keep.get().Phase == "" {
				c.giveUp(ctx, "nobody started it")
			}
		})
	}
	expiry := time.NewTimer(time.Until(c.cfg.CreatedAt.Add(c.cfg.TTL)))
	defer expiry.Stop()
	select {
	case <-ctx.Done():
		c.uplinks.close(context.WithoutCancel(ctx))
		return nil
	case err := <-failed:
		return fmt.Errorf("serve the API: %w", err)
	case <-expiry.C:
		c.giveUp(ctx, "its time is up")
		<-ctx.Done()
		return nil
	}
}

// serveEndpoint offers the scoped Docker API and the desk on sockets that the
// bastion shares. Sockets of an earlier life are replaced.
func (c *Control) serveEndpoint(ctx context.Context) (func(), error) {
	vol, err := c.eng.Volume(ctx, Name(c.cfg.ID, "workspace"))
	if err != nil {
		return nil, err
	}
	docker := endpoint.New(endpoint.Config{
		Lab: c.cfg.ID, Socket: enginePath, Workspace: workspacePath, Volume: vol.Mountpoint,
		Resolve: func(rel string) error { return mountable(workspacePath, rel) }, Record: c.recordAction, Images: c.ownImage,
	})
	var closers []func() error
	for name, h := range map[string]http.Handler{"docker.sock": docker, "desk.sock": c.desk()} {
		path := filepath.Join(runPath, name)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("clear %s: %w", path, err)
		}
		l, err := net.Listen("unix", path)
		if err != nil {
			return nil, fmt.Errorf("listen for the bastion: %w", err)
		}
		srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
		go srv.Serve(l)
		closers = append(closers, srv.Close)
	}
	return func() {
		for _, f := range closers {
			f()
		}
	}, nil
}

// mountable says whether a path below one may be mounted: neither it nor
// what leads to it may be a symbolic link, which the engine would follow on its
// own machine.
func mountable(path, rel string) error {
	for _, part := range splitPath(rel) {
		path = filepath.Join(path, part)
		st, err := os.Lstat(path)
		if err != nil {
			return errors.New("it does not exist")
		}
		if st.Mode()&os.ModeSymlink != 0 {
			return errors.New("it leads through a symbolic link")
		}
	}
	return nil
}

// agentOptions is how the lab's agent is started.
func (c *Control) agentOptions() agent.Options {
	return agent.Options{
		Engine: c.eng, Image: c.cfg.Control, Name: Name(c.cfg.ID, RoleAgent), Labels: Labels(c.cfg.ID, RoleAgent, false),
		TargetLabel: label(c.cfg.ID),
	}
}

// giveUp removes the lab from outside: a container cannot finish its own removal. It
// returns when this process is to end; a sweeper that failed is followed by another.
func (c *Control) giveUp(ctx context.Context, why string) {
	c.log.Warn("removing the lab", "why", why)
	c.line.add(Event{Actor: "system", Kind: "phase", Text: "the lab is removed: " + why, Secret: true}) // why may tell what is broken
	for {
		_, err := c.eng.Run(context.WithoutCancel(ctx), engine.Spec{
			Name: Name(c.cfg.ID, RoleSweeper), Image: c.cfg.Control, Cmd: []string{"sweep", c.cfg.ID}, AutoRemove: true, NoNetwork: true,
			Binds: []string{enginePath + ":" + enginePath}, Labels: Labels(c.cfg.ID, RoleSweeper, false),
		})
		if err != nil {
			c.log.Error("the lab could not be removed yet", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(sweepAgain):
			c.log.Warn("the lab is still there")
		}
	}
}

// sweepAgain is how long a sweeper may take until control, which it removes first, is gone.
const sweepAgain = 10 * time.Second
