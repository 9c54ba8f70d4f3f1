package host

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"faultlab/targets/shop/service"
)

// Name of the service.
const Name = "host"

// Config is the configuration file of a host.
type Config struct {
	service.Base `yaml:",inline"`
	LookEvery    time.Duration `yaml:"look_every"`   // how often the memory of processes is read; 50ms to 1m, default 1s
	StopTimeout  time.Duration `yaml:"stop_timeout"` // until what has not stopped is killed; 100ms to 5m, default 5s
	Programs     []Program     `yaml:"programs"`     // 1 to 50
}

// Program is what runs on a host.
type Program struct {
	Name        string            `yaml:"name"`        // letters, digits and hyphens, at most 40; each once
	Command     []string          `yaml:"command"`     // a program, by path or as PATH finds it, and its arguments
	Environment map[string]string `yaml:"environment"` // besides what the host has
	Directory   string            `yaml:"directory"`   // where it starts; default the host's
	Restart     Restart           `yaml:"restart"`     // always, on-failure or never; default always
	Backoff     Backoff           `yaml:"backoff"`
	Memory      MemoryLimit       `yaml:"memory"`
	StopSignal  string            `yaml:"stop_signal"` // TERM, INT, QUIT or HUP; default TERM
}

// Restart says after which ends a program is started again.
type Restart string

// The restart policies.
const (
	Always    Restart = "always"
	OnFailure Restart = "on-failure" // not after exit code 0
	Never     Restart = "never"
)

// Backoff is how long a program stays down before it is started again: longer after
// each end, until it has run for a while.
type Backoff struct {
	First      time.Duration `yaml:"first"`       // 10ms to 10m; default 1s
	Max        time.Duration `yaml:"max"`         // it doubles up to this; first to 1h, default 30s
	ResetAfter time.Duration `yaml:"reset_after"` // a run this long makes it first again; 0 (always) to 1h, default 10s
}

// MemoryLimit is a limit that a program has besides the host's own.
type MemoryLimit struct {
	LimitMiB int     `yaml:"limit_mib"` // 4 to 1,048,576; 0 = none; default 0
	By       LimitBy `yaml:"by"`        // cgroup, address-space or auto; default auto
}

// LimitBy says what keeps a limit.
type LimitBy string

// What can keep a limit.
const (
	ByGroup        LimitBy = "cgroup"        // a control group below the host's: what is over it is killed. The host has to be allowed to make one
	ByAddressSpace LimitBy = "address-space" // RLIMIT_AS: allocating fails. Memory that is only reserved counts, too
	ByEither       LimitBy = "auto"          // a control group where one can be made; the log says which it is
)

// DefaultConfig is what an empty configuration file means; it still wants programs.
func DefaultConfig() Config {
	return Config{Base: service.DefaultBase(), LookEvery: time.Second, StopTimeout: 5 * time.Second}
}

// DefaultProgram is what an entry of a name and a command means.
func DefaultProgram(name string, command ...string) Program {
	return Program{
		Name: name, Command: command, Restart: Always,
		Backoff: Backoff{First: time.Second, Max: 30 * time.Second, ResetAfter: 10 * time.Second},
		Memory:  MemoryLimit{By: ByEither}, StopSignal: "TERM",
	}
}

// UnmarshalYAML reads a program over the defaults.
func (p *Program) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Program // without this method
	read := plain(DefaultProgram(""))
	if err := unmarshal(&read); err != nil {
		return err
	}
	*p = Program(read)
	return nil
}

// Validate checks every value against its range.
func (c Config) Validate() error {
	errs := []error{
		c.Log.Validate(),
		service.Between("look_every", c.LookEvery, 50*time.Millisecond, time.Minute),
		service.Between("stop_timeout", c.StopTimeout, 100*time.Millisecond, 5*time.Minute),
	}
	if len(c.Programs) < 1 || len(c.Programs) > 50 {
		errs = append(errs, fmt.Errorf("there are %d programs; want 1 to 50", len(c.Programs)))
	}
	seen := map[string]bool{}
	for i, p := range c.Programs {
		errs = append(errs, p.validate(fmt.Sprintf("programs[%d]", i), seen[p.Name]))
		seen[p.Name] = true
	}
	return errors.Join(errs...)
}

var programName = regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`)

func (p Program) validate(key string, twice bool) error {
	var errs []error
	wrong := func(what, got, want string) {
		errs = append(errs, fmt.Errorf("%s.%s is %q; want %s", key, what, got, want))
	}
	if !programName.MatchString(p.Name) || twice {
		wrong("name", p.Name, "1 to 40 letters, digits and hyphens, each name once")
	}
	if len(p.Command) == 0 || p.Command[0] == "" {
		errs = append(errs, fmt.Errorf("%s.command is empty; want a program and its arguments", key))
	}
	switch p.Restart {
	case Always, OnFailure, Never:
	default:
		wrong("restart", string(p.Restart), "always, on-failure or never")
	}
	switch p.Memory.By {
	case ByGroup, ByAddressSpace, ByEither:
	default:
		wrong("memory.by", string(p.Memory.By), "cgroup, address-space or auto")
	}
	switch p.StopSignal {
	case "TERM", "INT", "QUIT", "HUP":
	default:
		wrong("stop_signal", p.StopSignal, "TERM, INT, QUIT or HUP")
	}
	if p.Memory.LimitMiB != 0 {
		errs = append(errs, service.Between(key+".memory.limit_mib", p.Memory.LimitMiB, 4, 1<<20))
	}
	return errors.Join(append(errs,
		service.Between(key+".backoff.first", p.Backoff.First, 10*time.Millisecond, 10*time.Minute),
		service.Between(key+".backoff.max", p.Backoff.Max, p.Backoff.First, time.Hour),
		service.Between(key+".backoff.reset_after", p.Backoff.ResetAfter, 0, time.Hour),
	)...)
}

// next gives how long to wait after a run, when it was previous before that; 0: it was
// the first run.
func (b Backoff) next(previous, ran time.Duration) time.Duration {
	if previous == 0 || ran >= b.ResetAfter {
		return b.First
	}
	return min(2*previous, b.Max)
}
