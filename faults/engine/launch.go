package engine

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/wait"
)

// Launch starts a container through testcontainers-go and waits until a GET of
// path on its first published port answers 200, at most for the time given. The
// container outlives this process: the reaper of testcontainers is off. When it
// does not become ready its log's end is in the error and nothing is left.
func (e *Engine) Launch(ctx context.Context, s Spec, path string, within time.Duration) (string, error) {
	// The library reads its settings once, from the environment. Ports are
	// published on the loopback, so its guess of a gateway address, made when we
	// run inside a container ourselves, would miss them.
	for k, v := range map[string]string{"TESTCONTAINERS_RYUK_DISABLED": "true", "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1"} {
		if err := os.Setenv(k, v); err != nil {
			return "", fmt.Errorf("set up testcontainers: %w", err)
		}
	}
	cfg, host, _ := s.config()
	req := testcontainers.ContainerRequest{
		Name: s.Name, Image: s.Image, Entrypoint: s.Entrypoint, Cmd: s.Cmd, Env: s.Env, Labels: s.Labels, ExposedPorts: s.Publish,
		ConfigModifier: func(c *container.Config) { c.Hostname, c.User, c.WorkingDir = cfg.Hostname, cfg.User, cfg.WorkingDir },
		HostConfigModifier: func(h *container.HostConfig) {
			*h = *host
		},
		WaitingFor: wait.ForHTTP(path).WithPort(nat.Port(s.Publish[0])).WithStartupTimeout(within).WithPollInterval(50 * time.Millisecond),
	}
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: req, Started: true, Logger: quiet{},
	})
	if err != nil {
		why := fmt.Errorf("start container %s: %w", s.Name, err)
		if c != nil {
			clean := context.WithoutCancel(ctx)
			var tail tailWriter
			e.Logs(clean, c.GetContainerID(), &tail, time.Time{}, false, true)
			if len(tail) > 0 {
				why = fmt.Errorf("%w; its log ends: %s", why, tail)
			}
			e.Remove(clean, c.GetContainerID())
		}
		return "", why
	}
	return c.GetContainerID(), nil
}

var _ log.Logger = quiet{}

// quiet keeps the library's own progress lines off our stderr.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// tailWriter keeps the last bytes written to it.
type tailWriter []byte

func (t *tailWriter) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	if n := len(*t); n > 800 {
		*t = (*t)[n-800:]
	}
	return len(p), nil
}
