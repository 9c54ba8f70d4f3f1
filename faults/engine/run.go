package engine

import (
	"context"
	"fmt"
	"net/netip"
	"sort"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/strslice"
	"github.com/docker/go-connections/nat"
)

// Spec says how a container is to be made. Zero fields are the engine's defaults.
type Spec struct {
	Name       string
	Hostname   string
	Image      string
	Entrypoint []string
	Cmd        []string
	Env        map[string]string
	Labels     map[string]string
	WorkDir    string
	User       string
	Tty        bool
	StdinOnce  bool // open stdin, and close it when the first attached client goes away

	Privileged     bool
	HostPid        bool
	HostCgroups    bool // sees the control groups of the whole machine
	ReadOnlyRoot   bool
	CapDrop        []string
	CapAdd         []string
	AutoRemove     bool
	Init           bool
	Restart        string // "", always, unless-stopped, on-failure
	MemoryBytes    int64
	PidsLimit      int64
	Binds          []string          // "/host/path:/in/container[:ro]"
	Volumes        map[string]string // volume name -> path in the container
	AnonVolumes    []string          // paths that get a volume of their own, removed with the container
	Tmpfs          map[string]string // path -> options
	Publish        []string          // container ports ("8080/tcp") published on 127.0.0.1 at a free port
	Networks       []Join            // none: the engine's default bridge
	NoNetwork      bool
	DNS            []string
	DNSSearch      []string
	ExtraHosts     []string // "name:address"; the address host-gateway is the engine's machine
	LogMaxSize     string   // of one json-file log file, e.g. "20m"; "" is the engine's own setting
	LogMaxFiles    int
	OOMScoreAdjust int
}

// Join puts a container into a network.
type Join struct {
	Network string
	IP, IP6 netip.Addr // zero: the engine chooses; there is no IPv6 where the network has none
	Aliases []string
}

// Create makes a container without starting it and gives its id.
func (e *Engine) Create(ctx context.Context, s Spec) (string, error) {
	cfg, host, nets := s.config()
	first := &network.NetworkingConfig{}
	if len(nets) > 0 {
		first.EndpointsConfig = map[string]*network.EndpointSettings{s.Networks[0].Network: nets[0]}
	}
	r, err := e.cli.ContainerCreate(ctx, cfg, host, first, nil, s.Name)
	if err != nil {
		return "", fmt.Errorf("create container %s: %w", s.Name, err)
	}
	for i, j := range s.Networks {
		if i == 0 {
			continue
		}
		if err := e.cli.NetworkConnect(ctx, j.Network, r.ID, nets[i]); err != nil {
			e.Remove(context.WithoutCancel(ctx), r.ID)
			return "", fmt.Errorf("join container %s to network %s: %w", s.Name, j.Network, err)
		}
	}
	return r.ID, nil
}

// Run makes a container and starts it. When starting fails nothing is left.
func (e *Engine) Run(ctx context.Context, s Spec) (string, error) {
	id, err := e.Create(ctx, s)
	if err != nil {
		return "", err
	}
	if err := e.Start(ctx, id); err != nil {
		e.Remove(context.WithoutCancel(ctx), id)
		return "", err
	}
	return id, nil
}

func (s Spec) config() (*container.Config, *container.HostConfig, []*network.EndpointSettings) {
	cfg := &container.Config{
		Hostname: s.Hostname, Image: s.Image, Entrypoint: strslice.StrSlice(s.Entrypoint), Cmd: strslice.StrSlice(s.Cmd),
		Labels: s.Labels, WorkingDir: s.WorkDir, User: s.User, Tty: s.Tty,
		OpenStdin: s.StdinOnce || s.Tty, StdinOnce: s.StdinOnce, AttachStdin: s.StdinOnce,
		ExposedPorts: nat.PortSet{},
	}
	for k, v := range s.Env {
		cfg.Env = append(cfg.Env, k+"="+v)
	}
	sort.Strings(cfg.Env)
	host := &container.HostConfig{
		Privileged: s.Privileged, ReadonlyRootfs: s.ReadOnlyRoot, CapDrop: s.CapDrop, CapAdd: s.CapAdd,
		AutoRemove: s.AutoRemove, Binds: s.Binds, Tmpfs: s.Tmpfs, DNS: s.DNS, DNSSearch: s.DNSSearch, ExtraHosts: s.ExtraHosts,
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyMode(s.Restart)},
		PortBindings:  nat.PortMap{},
		OomScoreAdj:   s.OOMScoreAdjust,
		Resources:     container.Resources{Memory: s.MemoryBytes, MemorySwap: s.MemoryBytes},
	}
	if s.Init {
		host.Init = &s.Init
	}
	if s.HostPid {
		host.PidMode = "host"
	}
	if s.HostCgroups {
		host.CgroupnsMode = container.CgroupnsModeHost
	}
	if s.PidsLimit > 0 {
		host.PidsLimit = &s.PidsLimit
	}
	if s.LogMaxSize != "" {
		host.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": s.LogMaxSize, "max-file": fmt.Sprint(max(1, s.LogMaxFiles))}}
	}
	for name, path := range s.Volumes {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: name, Target: path})
	}
	for _, path := range s.AnonVolumes {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: path})
	}
	for _, p := range s.Publish {
		cfg.ExposedPorts[nat.Port(p)] = struct{}{}
		host.PortBindings[nat.Port(p)] = []nat.PortBinding{{HostIP: "127.0.0.1"}}
	}
	var nets []*network.EndpointSettings
	for _, j := range s.Networks {
		ep := &network.EndpointSettings{Aliases: j.Aliases}
		if j.IP.IsValid() || j.IP6.IsValid() {
			ep.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: text(j.IP), IPv6Address: text(j.IP6)}
		}
		nets = append(nets, ep)
	}
	switch {
	case s.NoNetwork:
		host.NetworkMode = "none"
	case len(s.Networks) > 0:
		host.NetworkMode = container.NetworkMode(s.Networks[0].Network)
	}
	return cfg, host, nets
}

// text is an address as the engine wants it; "" for none.
func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
