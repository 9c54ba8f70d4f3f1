// Package control owns one running lab: it brings the shop up, breaks it, watches
// what users get, grades, and takes everything away again. It runs in a container
// of its own, one per lab, so a lab outlives the command that started it.
package control

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"faultlab/labs/endpoint"
	"faultlab/labs/traces"
)

// Roles of the containers of a lab, under endpoint.LabelRole.
const (
	RoleControl   = "control"
	RoleAgent     = "agent"
	RoleTraffic   = "traffic"
	RolePartner   = "partner"   // those who charge customers' cards; not the trainee's
	RoleCollector = "collector" // takes the services' spans; out of the trainee's hands
	RolePager     = "pager"     // what Alertmanager calls; out of the trainee's hands
	RoleBastion   = "bastion"
	RoleShop      = "shop"
	RoleDeploy    = "deploy"  // what the grader runs docker compose in
	RoleSweeper   = "sweeper" // the container that clears a lab away when control gives up
)

// LabelScenario tells the command which scenario a lab plays. The lab's own id is on
// nothing that the engine tells of: see Order.
const LabelScenario = "faultlab.scenario"

// Paths inside the containers.
const (
	statePath     = "/var/lib/faultlab" // control's volume
	runPath       = "/run/engine"       // sockets shared with the bastion
	workspacePath = "/workspace"        // the trainee's repository
	enginePath    = "/var/run/docker.sock"
	tracesPath    = "/run/traces" // a socket shared with the collector
	pagerPath     = "/run/pager"  // a socket shared with the pager
)

// Port is where control listens inside its container.
const Port = "7411/tcp"

// envConfig is the environment variable that carries the settings.
const envConfig = "FAULTLAB_CONTROL"

// Config is what control is started with. Whoever may ask the engine can read it.
type Config struct {
	ID        string        `json:"id"` // of the running lab, e.g. k3f9x2
	Seed      uint64        `json:"seed"`
	Pace      string        `json:"pace"`     // real or fast
	Control   string        `json:"control"`  // image of this binary
	Registry  string        `json:"registry"` // prefix of the shop's images
	Token     string        `json:"token"`    // what the API asks for
	CreatedAt time.Time     `json:"created_at"`
	TTL       time.Duration `json:"ttl"` // the lab removes itself after this time

	IPv4Alone string `json:"ipv4_alone,omitempty"` // why users must not come over IPv6; "": they may
}

// Order says what is to be played. It comes with the call that starts the lab and is
// kept in control's volume: the engine tells a container's settings to a trainee who
// works on the engine's own machine.
type Order struct {
	Lab     string `json:"lab"`     // e.g. 3a-memory-leak
	Variant string `json:"variant"` // its id
	Profile string `json:"profile"` // full or core; empty: the lab's

	Export traces.Export `json:"export,omitzero"` // the user's own tracing backend, with its keys
}

// Env is the environment that hands the settings to control.
func (c Config) Env() (map[string]string, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return map[string]string{envConfig: string(b)}, nil
}

// FromEnv reads settings from a container's environment.
func FromEnv(env map[string]string) (Config, error) {
	var c Config
	if err := json.Unmarshal([]byte(env[envConfig]), &c); err != nil {
		return c, fmt.Errorf("read control's settings from %s: %w", envConfig, err)
	}
	return c, nil
}

// OwnConfig reads the settings of the container this runs in.
func OwnConfig() (Config, error) {
	return FromEnv(map[string]string{envConfig: os.Getenv(envConfig)})
}

// Labels are what every object of a lab carries. Visible ones exist for the trainee.
func Labels(id, role string, visible bool) map[string]string {
	l := map[string]string{endpoint.LabelLab: id, endpoint.LabelRole: role}
	if visible {
		l[endpoint.LabelVisible] = "yes"
	}
	return l
}

// Name is the name of a lab's object, e.g. k3f9x2_control.
func Name(id, part string) string { return id + "_" + part }

// Volumes that a lab needs, by part of the name; the command makes them before it
// starts control.
var Volumes = []struct {
	Part, Path string
	Visible    bool
}{
	{"state", statePath, false},
	{"run", runPath, false},
	{"workspace", workspacePath, true},
	{"traces", tracesPath, false},
	{"pager", pagerPath, false},
}

// label is the filter for everything of a lab.
func label(id string) string { return endpoint.LabelLab + "=" + id }

// Problem is an error with what the user can do about it.
type Problem struct {
	Message, Remedy string
}

func (p *Problem) Error() string { return p.Message }

// Hint is the remedy.
func (p *Problem) Hint() string { return p.Remedy }
