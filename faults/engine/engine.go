// Package engine is the one place that knows the Docker Engine's API types.
//
// Everything else in the project speaks of containers, networks, volumes and
// images in this package's own small types, so that a move to the client's
// successor module changes this folder and nothing more. It needs an engine of
// API 1.41 (Docker 20.10) or newer.
package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"
)

// Engine is a connection to one Docker Engine. It is safe for concurrent use.
type Engine struct {
	cli *client.Client
}

// Info says what kind of engine answers.
type Info struct {
	Version       string // of the engine, e.g. "20.10.24"
	APIVersion    string // newest the engine speaks, e.g. "1.41"
	OS, Arch      string // of the engine's machine, Go's names: "linux", "amd64"
	CgroupVersion string // "1" or "2"
	Storage       string // storage driver
	CPUs          int
	MemoryBytes   int64
	RootDir       string // where the engine keeps images and volumes, on its machine
	Rootless      bool
	Kernel        string
}

// Unavailable says that no engine can be used, and what to do about it.
type Unavailable struct {
	Reason string // what was seen, one line
	Remedy string // what the user can do
	Err    error
}

func (e *Unavailable) Error() string { return e.Reason }
func (e *Unavailable) Unwrap() error { return e.Err }

// Hint is the remedy, for the command's second error line.
func (e *Unavailable) Hint() string { return e.Remedy }

// Open connects to the engine that the environment names (DOCKER_HOST and its
// companions; by default the local socket) and makes sure it answers. The error
// is *Unavailable when it does not.
func Open(ctx context.Context) (*Engine, error) {
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, &Unavailable{Reason: fmt.Sprintf("the Docker settings cannot be used: %v", err), Remedy: "check DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH", Err: err}
	}
	pong, err := cli.Ping(ctx)
	if err != nil {
		cli.Close()
		return nil, unavailable(cli.DaemonHost(), err)
	}
	cli.NegotiateAPIVersionPing(pong)
	return &Engine{cli: cli}, nil
}

func unavailable(host string, err error) error {
	if errors.Is(err, os.ErrPermission) || strings.Contains(err.Error(), "permission denied") {
		return &Unavailable{
			Reason: fmt.Sprintf("no permission to use the Docker Engine at %s", host),
			Remedy: "run as a member of the docker group (sudo usermod -aG docker $USER, then log in again) or as root",
			Err:    err,
		}
	}
	return &Unavailable{
		Reason: fmt.Sprintf("no Docker Engine answers at %s", host),
		Remedy: "start it (systemctl start docker, or Docker Desktop), install it (Debian: apt-get install docker.io), or set DOCKER_HOST; faultlab doctor tells more",
		Err:    err,
	}
}

// Close lets go of the connection. What was started goes on.
func (e *Engine) Close() error { return e.cli.Close() }

// SocketPath is the path of the engine's unix socket, or "" when it is reached
// in another way.
func (e *Engine) SocketPath() string {
	u, err := url.Parse(e.cli.DaemonHost())
	if err != nil || u.Scheme != "unix" {
		return ""
	}
	return u.Path
}

// Info asks the engine about itself and its machine.
func (e *Engine) Info(ctx context.Context) (Info, error) {
	v, err := e.cli.ServerVersion(ctx)
	if err != nil {
		return Info{}, fmt.Errorf("ask the engine for its version: %w", err)
	}
	i, err := e.cli.Info(ctx)
	if err != nil {
		return Info{}, fmt.Errorf("ask the engine about its machine: %w", err)
	}
	info := Info{
		Version: v.Version, APIVersion: v.APIVersion, OS: v.Os, Arch: v.Arch,
		CgroupVersion: i.CgroupVersion, Storage: i.Driver, CPUs: i.NCPU, MemoryBytes: i.MemTotal,
		RootDir: i.DockerRootDir, Kernel: i.KernelVersion,
	}
	for _, o := range i.SecurityOptions {
		if strings.Contains(o, "rootless") {
			info.Rootless = true
		}
	}
	return info, nil
}

// IsNotFound tells whether err says that a container, network, volume or image
// does not exist.
func IsNotFound(err error) bool { return errdefs.IsNotFound(err) }

// IsConflict tells whether err says that a name is taken or that an object is
// in a state that forbids what was asked.
func IsConflict(err error) bool { return errdefs.IsConflict(err) }
