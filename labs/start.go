package labs

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/control"
	"faultlab/labs/grade"
	"faultlab/labs/images"
	"faultlab/labs/traces"
)

// StartOptions say what to start.
type StartOptions struct {
	Name    string        // a lab (3a, 3a-memory-leak, either with /variant) or a scenario (s3)
	Seed    uint64        // 0: a random one
	Pace    string        // real or fast; "" is real
	ID      string        // "": a random one
	Profile string        // full or core; "": what the lab says
	TTL     time.Duration // 0: four hours; the lab removes itself after it
	Set     *images.Set   // nil: made when missing

	Export traces.Export // the user's own tracing backend; the zero value: none
}

// Started is a lab whose incident is on.
type Started struct {
	ID        string    `json:"id"`
	Scenario  string    `json:"scenario"`
	Seed      uint64    `json:"seed"`
	Pace      string    `json:"pace"`
	Console   string    `json:"console"` // the address of its pages; "" while there are none
	StartedAt time.Time `json:"started_at"`
	BrokenAt  time.Time `json:"broken_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Brief     string    `json:"brief"` // what the pager says
}

const defaultTTL = 4 * time.Hour

var validID = regexp.MustCompile(`^[a-z][a-z0-9]{1,15}$`)

// Start makes images where they are missing, brings a lab up, waits until it is
// healthy, breaks it, and answers when users suffer and the pager has gone off.
// When it fails or ctx ends, nothing of the lab is left.
func Start(ctx context.Context, e *engine.Engine, o StartOptions, say func(control.Progress)) (*Started, error) {
	cfg, lab, err := o.settle()
	if err != nil {
		return nil, err
	}
	if err := free(ctx, e, cfg.ID); err != nil {
		return nil, err
	}
	if e.SocketPath() == "" {
		return nil, refuse("the engine is reached over the network; a lab needs its unix socket", "run faultlab on the engine's own machine, or point DOCKER_HOST at its unix socket")
	}
	set := o.Set
	if set == nil {
		if set, err = MakeImages(ctx, e, say); err != nil {
			return nil, err
		}
		// That may have taken minutes.
		if err := free(ctx, e, cfg.ID); err != nil {
			return nil, err
		}
	}
	cfg.Control, cfg.Registry, cfg.CreatedAt = set.Control, set.Registry, time.Now()
	cfg.IPv4Alone, _ = ipv4Alone("/proc")
	order := control.Order{Lab: lab.ID, Variant: lab.Variant.ID, Profile: o.Profile, Export: o.Export}
	ready, err := launch(ctx, e, cfg, order, lab.Scenario, say)
	if err != nil {
		if anothers(ctx, e, cfg) {
			return nil, taken(cfg.ID)
		}
		err = errors.Join(err, Remove(context.WithoutCancel(ctx), e, cfg.ID, nil))
		if ctx.Err() != nil {
			return nil, refuse("interrupted; everything of the lab was removed", "")
		}
		return nil, err
	}
	return &Started{ID: cfg.ID, Scenario: lab.Scenario, Seed: cfg.Seed, Pace: cfg.Pace,
		StartedAt: ready.StartedAt, BrokenAt: ready.BrokenAt, ExpiresAt: ready.ExpiresAt, Brief: ready.Brief}, nil
}

// MakeImages makes what is missing of the images that labs run from, and names them.
func MakeImages(ctx context.Context, e *engine.Engine, say func(control.Progress)) (*images.Set, error) {
	set, err := images.Ensure(ctx, e, func(done, of int, text string) {
		say(control.Progress{Phase: "images", Done: done, Of: of, Text: text})
	})
	if err != nil {
		return nil, err
	}
	return &set, nil
}

// settle fills in what was left open and chooses lab and variant.
func (o StartOptions) settle() (control.Config, *catalog.Lab, error) {
	cfg := control.Config{ID: o.ID, Seed: o.Seed, Pace: o.Pace, TTL: o.TTL, Token: random(16)}
	if cfg.Seed == 0 {
		var b [8]byte
		rand.Read(b[:])
		// Short enough to say aloud, and far from the 53 bits that JSON numbers hold.
		cfg.Seed = binary.LittleEndian.Uint64(b[:])>>43 + 1
	}
	if cfg.Pace == "" {
		cfg.Pace = "real"
	}
	if _, ok := grade.Paces[cfg.Pace]; !ok {
		return cfg, nil, refuse(fmt.Sprintf("pace is %q", cfg.Pace), "--pace is real or fast")
	}
	if !slices.Contains([]string{"", catalog.ProfileFull, catalog.ProfileCore}, o.Profile) {
		return cfg, nil, refuse(fmt.Sprintf("profile is %q", o.Profile), "--profile is full or core; without it, what the lab needs")
	}
	if cfg.TTL == 0 {
		cfg.TTL = defaultTTL
	}
	if cfg.TTL < time.Minute || cfg.TTL > 24*time.Hour {
		return cfg, nil, refuse(fmt.Sprintf("the time to live is %v", cfg.TTL), "--ttl is from 1m to 24h")
	}
	if cfg.ID == "" {
		cfg.ID = "lab" + random(2)
	}
	if !validID.MatchString(cfg.ID) {
		return cfg, nil, refuse(fmt.Sprintf("the id %q cannot be used", cfg.ID), "--id is a small letter and 1 to 15 more small letters or digits")
	}
	lab, err := catalog.Pick(o.Name, cfg.Seed)
	if err != nil {
		return cfg, nil, err
	}
	return cfg, lab, nil
}

// random gives n bytes in hex.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func free(ctx context.Context, e *engine.Engine, id string) error {
	all, err := List(ctx, e)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.ID == id {
			return taken(id)
		}
	}
	return nil
}

func taken(id string) error {
	return refuse(fmt.Sprintf("the id %q is taken", id), fmt.Sprintf("choose another, or remove that lab: faultlab stop %s", id))
}

// anothers tells whether the lab of this id is one that another start has made
// meanwhile, and must stay: its control has another token.
func anothers(ctx context.Context, e *engine.Engine, cfg control.Config) bool {
	c, err := e.Inspect(context.WithoutCancel(ctx), control.Name(cfg.ID, control.RoleControl))
	if err != nil {
		return false
	}
	has, err := control.FromEnv(c.Env)
	return err != nil || has.Token != cfg.Token
}

// launch starts control and has it start the lab.
func launch(ctx context.Context, e *engine.Engine, cfg control.Config, order control.Order, scenario string, say func(control.Progress)) (*control.Ready, error) {
	say(control.Progress{Phase: "containers", Text: "control"})
	volumes := map[string]string{}
	for _, v := range control.Volumes {
		name := control.Name(cfg.ID, v.Part)
		if _, err := e.CreateVolume(ctx, name, control.Labels(cfg.ID, control.RoleShop, v.Visible)); err != nil {
			return nil, err
		}
		volumes[name] = v.Path
	}
	env, err := cfg.Env()
	if err != nil {
		return nil, err
	}
	labels := control.Labels(cfg.ID, control.RoleControl, false)
	labels[control.LabelScenario] = scenario
	spec := engine.Spec{
		Name: control.Name(cfg.ID, control.RoleControl), Image: cfg.Control, Cmd: []string{"control"}, Env: env, Labels: labels,
		Binds: []string{e.SocketPath() + ":/var/run/docker.sock"}, Volumes: volumes, Publish: []string{control.Port},
		MemoryBytes: 256 << 20, LogMaxSize: "2m", ReadOnlyRoot: true,
		ExtraHosts: []string{traces.HostName + ":host-gateway"}, // where a user's tracing backend may be
		Restart:    "on-failure",                                // killed, it comes back by itself: who else would hold the fault, and end the lab in time?
	}
	if _, err := e.Launch(ctx, spec, "/healthz", 20*time.Second); err != nil {
		return nil, err
	}
	l, err := Find(ctx, e, cfg.ID)
	if err != nil {
		return nil, err
	}
	p, err := l.stream(ctx, "/v1/start", order, say)
	if err != nil {
		return nil, err
	}
	return p.Ready, l.call(ctx, http.MethodPost, "/v1/adopt", nil, &struct{}{})
}

// Remove takes everything of a lab away; see control.Remove.
func Remove(ctx context.Context, e *engine.Engine, id string, done func(string)) error {
	return control.Remove(ctx, e, id, "", done)
}
