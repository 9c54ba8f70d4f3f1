package engine

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// Container is what is known of one container at the moment of asking.
type Container struct {
	ID           string
	Name         string // without the leading slash
	Image        string // as it was named at creation
	ImageID      string
	Labels       map[string]string
	Env          map[string]string
	State        string // created, running, paused, restarting, exited, dead
	Health       string // healthy, unhealthy, starting, or "" without a health check
	Pid          int    // of its first process, in the engine machine's pid namespace; 0 if not running
	ExitCode     int
	OOMKilled    bool
	RestartCount int
	Created      time.Time
	StartedAt    time.Time
	FinishedAt   time.Time
	MemoryLimit  int64 // bytes; 0 is none
	SwapLimit    int64 // bytes of memory and swap together; 0 unset, -1 unlimited
	NanoCPUs     int64
	PidsLimit    int64
	RestartPoly  string            // restart policy's name
	HealthTest   []string          // the health check's command
	HostNetwork  bool              // shares the machine's network namespace
	Networks     map[string]string // network name -> IPv4 address
	Ports        map[string]string // "8080/tcp" -> "127.0.0.1:49153"
	Mounts       []Mount
	Entrypoint   []string
	Cmd          []string
}

// Mount is one mount of a container.
type Mount struct {
	Type        string // bind, volume or tmpfs
	Name        string // of the volume
	Source      string // path on the engine's machine
	Destination string
	ReadOnly    bool
}

// Running tells whether the container's first process lives.
func (c Container) Running() bool { return c.State == "running" || c.State == "paused" }

// Inspect looks at one container by id, id prefix or name.
func (e *Engine) Inspect(ctx context.Context, id string) (Container, error) {
	r, err := e.cli.ContainerInspect(ctx, id)
	if err != nil {
		return Container{}, fmt.Errorf("inspect container %s: %w", id, err)
	}
	return fromInspect(r), nil
}

func fromInspect(r container.InspectResponse) Container {
	c := Container{
		ID: r.ID, Name: strings.TrimPrefix(r.Name, "/"), ImageID: r.Image, RestartCount: r.RestartCount,
		Created: parseTime(r.Created), Networks: map[string]string{}, Ports: map[string]string{}, Env: map[string]string{},
	}
	if r.Config != nil {
		c.Image, c.Labels, c.Entrypoint, c.Cmd = r.Config.Image, r.Config.Labels, r.Config.Entrypoint, r.Config.Cmd
		for _, kv := range r.Config.Env {
			k, v, _ := strings.Cut(kv, "=")
			c.Env[k] = v
		}
		if r.Config.Healthcheck != nil {
			c.HealthTest = r.Config.Healthcheck.Test
		}
	}
	if r.State != nil {
		c.State, c.Pid, c.ExitCode, c.OOMKilled = r.State.Status, r.State.Pid, r.State.ExitCode, r.State.OOMKilled
		c.StartedAt, c.FinishedAt = parseTime(r.State.StartedAt), parseTime(r.State.FinishedAt)
		if r.State.Health != nil {
			c.Health = r.State.Health.Status
		}
	}
	if h := r.HostConfig; h != nil {
		c.MemoryLimit, c.SwapLimit, c.NanoCPUs = h.Memory, h.MemorySwap, h.NanoCPUs
		c.RestartPoly, c.HostNetwork = string(h.RestartPolicy.Name), h.NetworkMode.IsHost()
		if h.PidsLimit != nil {
			c.PidsLimit = *h.PidsLimit
		}
	}
	if r.NetworkSettings != nil {
		for name, ep := range r.NetworkSettings.Networks {
			c.Networks[name] = ep.IPAddress
		}
		for port, binds := range r.NetworkSettings.Ports {
			for _, b := range binds {
				c.Ports[string(port)] = b.HostIP + ":" + b.HostPort
			}
		}
	}
	for _, m := range r.Mounts {
		c.Mounts = append(c.Mounts, Mount{Type: string(m.Type), Name: m.Name, Source: m.Source, Destination: m.Destination, ReadOnly: !m.RW})
	}
	return c
}

func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1971 {
		return time.Time{}
	}
	return t
}

// List inspects every container, running or not, that carries all the labels
// ("key" or "key=value"), sorted by name. One that vanishes meanwhile is left out.
func (e *Engine) List(ctx context.Context, labels ...string) ([]Container, error) {
	sums, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: labelFilter(labels)})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	var out []Container
	for _, s := range sums {
		c, err := e.Inspect(ctx, s.ID)
		if IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

func labelFilter(labels []string) filters.Args {
	f := filters.NewArgs()
	for _, l := range labels {
		f.Add("label", l)
	}
	return f
}

// Remove ends a container at once and takes it away with its anonymous volumes.
// One that does not exist is no error.
func (e *Engine) Remove(ctx context.Context, id string) error {
	err := e.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !IsNotFound(err) && !strings.Contains(err.Error(), "already in progress") {
		return fmt.Errorf("remove container %s: %w", id, err)
	}
	return nil
}

// Start starts a created or stopped container.
func (e *Engine) Start(ctx context.Context, id string) error {
	if err := e.cli.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return fmt.Errorf("start container %s: %w", id, err)
	}
	return nil
}

// Stop asks a container to end and kills it after grace (whole seconds).
func (e *Engine) Stop(ctx context.Context, id string, grace time.Duration) error {
	s := int(grace.Seconds())
	if err := e.cli.ContainerStop(ctx, id, container.StopOptions{Timeout: &s}); err != nil {
		return fmt.Errorf("stop container %s: %w", id, err)
	}
	return nil
}

// Restart stops a container (killing it after grace) and starts it again.
func (e *Engine) Restart(ctx context.Context, id string, grace time.Duration) error {
	s := int(grace.Seconds())
	if err := e.cli.ContainerRestart(ctx, id, container.StopOptions{Timeout: &s}); err != nil {
		return fmt.Errorf("restart container %s: %w", id, err)
	}
	return nil
}

// Kill sends a signal ("SIGKILL", "USR2", ...) to a container's first process.
func (e *Engine) Kill(ctx context.Context, id, signal string) error {
	if err := e.cli.ContainerKill(ctx, id, signal); err != nil {
		return fmt.Errorf("send %s to container %s: %w", signal, id, err)
	}
	return nil
}

// Wait blocks until the container does not run and gives its exit code.
func (e *Engine) Wait(ctx context.Context, id string) (int, error) {
	codes, errs := e.cli.ContainerWait(ctx, id, container.WaitConditionNotRunning)
	select {
	case c := <-codes:
		return int(c.StatusCode), nil
	case err := <-errs:
		return 0, fmt.Errorf("wait for container %s: %w", id, err)
	}
}
