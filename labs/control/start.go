package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/endpoint"
	"faultlab/labs/grade"
	"faultlab/targets/workspace"
)

// Progress is one line of the stream that a start or a grading answers with.
type Progress struct {
	Phase string `json:"phase,omitempty"` // images, containers, baseline, break; grade
	Done  int    `json:"done,omitempty"`
	Of    int    `json:"of,omitempty"`
	Text  string `json:"text,omitempty"`

	Error  string       `json:"error,omitempty"` // the last line, when it failed
	Hint   string       `json:"hint,omitempty"`
	Ready  *Ready       `json:"ready,omitempty"` // the last line of a start
	Graded *grade.Grade `json:"graded,omitempty"`
}

// Ready says that the incident is on.
type Ready struct {
	StartedAt time.Time `json:"started_at"`
	BrokenAt  time.Time `json:"broken_at"`
	PagedAt   time.Time `json:"paged_at,omitzero"` // zero: nothing breaks
	ExpiresAt time.Time `json:"expires_at"`
	Brief     string    `json:"brief"` // what the pager says
}

// baseline is how long users must be well before the system is broken.
var baseline = map[string]time.Duration{"real": 5 * time.Second, "fast": 2 * time.Second}

// start brings the shop up, makes sure it is healthy, breaks it, and waits until
// users suffer; then the pager speaks.
func (c *Control) start(ctx context.Context, o Order, say func(Progress)) (*Ready, error) {
	if err := c.accept(o); err != nil {
		return nil, err
	}
	if err := c.bringUp(ctx, say); err != nil {
		return nil, err
	}
	if err := c.baseline(ctx, say); err != nil {
		return nil, err
	}
	if err := c.breakIt(ctx, say); err != nil {
		return nil, err
	}
	st := c.keep.get()
	return &Ready{StartedAt: c.cfg.CreatedAt, BrokenAt: st.BrokenAt, PagedAt: st.PagedAt, ExpiresAt: c.cfg.CreatedAt.Add(c.cfg.TTL), Brief: c.lab.Brief}, nil
}

// accept takes an order; there is one for each control.
func (c *Control) accept(o Order) error {
	lab, err := catalog.Load(o.Lab, o.Variant)
	if err != nil {
		return err
	}
	o.Profile = cmp.Or(o.Profile, lab.Profile, catalog.ProfileFull)
	was := ""
	err = c.keep.set(func(s *State) {
		if was = s.Phase; was == "" {
			c.lab, s.Order, s.Phase = lab, o, "starting"
		}
	})
	if err == nil && was != "" {
		err = fmt.Errorf("the lab is %s already", was)
	}
	return err
}

// bringUp makes networks, bastion, traffic and agent, and has the bastion bring
// the shop up with docker compose.
func (c *Control) bringUp(ctx context.Context, say func(Progress)) error {
	say(Progress{Phase: "containers", Text: "networks and bastion"})
	var err error
	if c.shop, err = createNetwork(ctx, c.eng, c.cfg.ID, "shop", false); err != nil {
		return err
	}
	if err := c.keep.set(func(s *State) { s.Shop = c.shop.String() }); err != nil {
		return err
	}
	if err := c.usersNetwork(ctx); err != nil {
		return err
	}
	if err := c.startBastion(ctx); err != nil {
		return err
	}
	if err := c.fillWorkspace(ctx); err != nil {
		return err
	}
	side := make(chan error, 5)
	go func() { side <- c.startTraffic(ctx) }()
	go func() { side <- c.startPartners(ctx) }()
	go func() { side <- c.startCollector(ctx) }()
	go func() { side <- c.startPager(ctx) }()
	go func() { _, err := c.uplinks.carrier(ctx); side <- err }()
	if err := c.composeUp(ctx, say); err != nil {
		return err
	}
	if err := errors.Join(<-side, <-side, <-side, <-side, <-side); err != nil {
		return err
	}
	if err := c.links.update(ctx); err != nil {
		return fmt.Errorf("set the distances between regions: %w", err)
	}
	go c.links.keep(c.life)
	go c.uplinks.follow(c.life)
	go c.watchContainers(c.life)
	go c.feed(c.life, time.Time{})
	go c.exportTraces(c.life)
	go c.followPager(c.life)
	return nil
}

func (c *Control) startBastion(ctx context.Context) error {
	s := c.bastionLike(RoleBastion)
	s.Hostname = "bastion"
	s.Networks, s.NoNetwork = []engine.Join{
		{Network: Name(c.cfg.ID, "shop"), IP: host(c.shop, 5)},
		{Network: Name(c.cfg.ID, "users"), IP: host(c.users, 5), IP6: host6(c.users6, 5)}, // for as-user -6
	}, false
	s.DNS = []string{host(c.shop, 53).String()}
	_, err := c.eng.Run(ctx, s)
	return err
}

// bastionLike is a container with the bastion's tools, workspace and Docker endpoint,
// and without a network.
func (c *Control) bastionLike(role string) engine.Spec {
	return engine.Spec{
		Name: Name(c.cfg.ID, role), Image: c.cfg.Registry + "/bastion:1",
		Labels: Labels(c.cfg.ID, role, role == RoleBastion), Init: true, WorkDir: workspacePath,
		Env:       map[string]string{"DOCKER_HOST": "unix://" + runPath + "/docker.sock", "COMPOSE_PROGRESS": "plain", "COMPOSE_MENU": "0"},
		Volumes:   map[string]string{Name(c.cfg.ID, "workspace"): workspacePath, Name(c.cfg.ID, "run"): runPath},
		NoNetwork: true, MemoryBytes: 256 << 20, PidsLimit: 256, LogMaxSize: "1m",
	}
}

func (c *Control) startTraffic(ctx context.Context) error {
	cmd := []string{"--edge", host(c.users, edgeHost).String() + ":80", "--rate", "0", "--seed", fmt.Sprint(c.cfg.Seed)}
	if edge := host6(c.users6, edgeHost); edge.IsValid() {
		cmd = append(cmd, "--edge6", "["+edge.String()+"]:80")
	}
	_, err := c.eng.Run(ctx, engine.Spec{
		Name: Name(c.cfg.ID, RoleTraffic), Image: c.cfg.Registry + "/traffic:1", Labels: Labels(c.cfg.ID, RoleTraffic, false), Cmd: cmd,
		Networks: []engine.Join{{Network: Name(c.cfg.ID, "users"), IP: host(c.users, 100), IP6: host6(c.users6, 100)}},
		Restart:  "always", MemoryBytes: 128 << 20, LogMaxSize: "20m", LogMaxFiles: 3,
	})
	return err
}

// partners are the payment partners, with the host part of the address that the shop's
// dns gives for each.
var partners = []struct {
	part string
	host byte
}{{RolePartner, 30}, {"backup", 31}}

// startPartners starts the payment partners, which are not in the trainee's hands.
func (c *Control) startPartners(ctx context.Context) error {
	for _, p := range partners {
		_, err := c.eng.Run(ctx, engine.Spec{
			Name: Name(c.cfg.ID, p.part), Image: c.cfg.Registry + "/payments:2026.2", Labels: Labels(c.cfg.ID, RolePartner, false),
			Networks: []engine.Join{{Network: Name(c.cfg.ID, "shop"), IP: host(c.shop, p.host)}},
			Restart:  "always", MemoryBytes: 64 << 20, LogMaxSize: "5m",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fillWorkspace puts the team's repository, with its history, into the workspace.
func (c *Control) fillWorkspace(ctx context.Context) error {
	files, err := workspace.Files(prefix3(c.shop))
	if err != nil {
		return err
	}
	stream, err := workspace.FastImport(c.cfg.CreatedAt, c.cfg.Seed, files, workspace.History())
	if err != nil {
		return err
	}
	env, err := workspace.Env{
		Project: "shop-" + c.cfg.ID, ShopNetwork: Name(c.cfg.ID, "shop"), UsersNetwork: Name(c.cfg.ID, "users"),
		ShopNet: prefix3(c.shop), UsersNet: prefix3(c.users), UsersNet6: prefix6(c.users6), Registry: c.cfg.Registry, Monitoring: c.monitored(),
	}.Text()
	if err != nil {
		return err
	}
	script := "set -e; git init -q -b main .; git fast-import --quiet; git reset -q --hard; cat > /dev/null"
	if _, err := c.bastion(ctx, script, strings.NewReader(string(stream))); err != nil {
		return fmt.Errorf("fill the workspace: %w", err)
	}
	if _, err := c.bastion(ctx, "cat > .env", strings.NewReader(env)); err != nil {
		return fmt.Errorf("fill the workspace: %w", err)
	}
	return nil
}

// services is how many containers compose.yaml brings up, for progress, and monitoring how
// many more there are with Prometheus and Alertmanager.
const (
	services   = 14
	monitoring = 2
)

// giveBack drops the programs just run from the page cache. They are 100 MB, count as the
// bastion's memory, and are of no use until the trainee deploys.
const giveBack = `for f in "$(command -v docker)" /usr/libexec/docker/cli-plugins/docker-compose; do dd if="$f" iflag=nocache count=0 status=none || :; done`

// composeUp runs what a trainee can run, and reports how many containers are up.
func (c *Control) composeUp(ctx context.Context, say func(Progress)) error {
	of := services
	if c.monitored() {
		of += monitoring
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.bastion(ctx, "docker compose up -d --quiet-pull && "+giveBack, nil)
		done <- err
	}()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("bring the shop up: %w", err)
			}
			say(Progress{Phase: "containers", Done: of, Of: of, Text: "up"})
			return nil
		case <-tick.C:
			n := 0
			cs, _ := c.eng.List(ctx, label(c.cfg.ID), endpoint.LabelRole+"="+RoleShop)
			for _, x := range cs {
				if x.Running() {
					n++
				}
			}
			say(Progress{Phase: "containers", Done: n, Of: of, Text: fmt.Sprintf("%d of %d up", n, of)})
		}
	}
}

// edgeHost is the host part of the edge's addresses, as compose.yaml has it.
const edgeHost = 10

// probes are addresses in the shop's network that answer as long as the shop
// runs; the agent measures its effects against them.
func probes(shop netip.Prefix) []string {
	return []string{host(shop, 53).String(), host(shop, edgeHost).String()}
}
