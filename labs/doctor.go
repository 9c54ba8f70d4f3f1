package labs

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/targets/images"
)

// Finding is one thing that doctor looked at.
type Finding struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Optional bool   `json:"optional,omitempty"` // not needed as things stand
	Detail   string `json:"detail"`
	Remedy   string `json:"remedy"` // what to do when it is not ok
}

// Health is what this machine and its engine can do.
type Health struct {
	OK             bool      `json:"ok"`
	NetworkBackend string    `json:"network_backend"` // netem, queue, or "" when there is none
	Checks         []Finding `json:"checks"`
}

// Doctor looks at the machine, the engine, the images and the kernel. It starts
// the agent once, for a moment, to ask the kernel of the engine's machine; see dual, too.
func Doctor(ctx context.Context) Health {
	h := Health{OK: true}
	add := func(f Finding) {
		h.Checks = append(h.Checks, f)
		h.OK = h.OK && (f.OK || f.Optional)
	}
	e, err := engine.Open(ctx)
	if err != nil {
		f := Finding{Name: "engine", Detail: err.Error()}
		var u *engine.Unavailable
		if errors.As(err, &u) {
			f.Remedy = u.Remedy
		}
		add(f)
		return h
	}
	defer e.Close()
	info, err := e.Info(ctx)
	if err != nil {
		add(Finding{Name: "engine", Detail: err.Error()})
		return h
	}
	add(Finding{Name: "engine", OK: true, Detail: fmt.Sprintf("Docker %s, API %s, %s/%s, cgroup v%s, %s", info.Version, info.APIVersion, info.OS, info.Arch, info.CgroupVersion, info.Storage)})
	add(Finding{Name: "engine runs linux", OK: info.OS == "linux", Detail: info.OS + ", kernel " + info.Kernel, Remedy: "switch Docker Desktop to Linux containers"})
	add(Finding{Name: "engine is not rootless", OK: !info.Rootless, Detail: fmt.Sprintf("rootless: %v", info.Rootless), Remedy: "faults enter other containers' namespaces; use an engine that runs as root"})
	add(Finding{Name: "socket", OK: e.SocketPath() != "", Detail: e.SocketPath(), Remedy: "labs and inject --detach need the engine's unix socket (inject and Go tests do without); run faultlab on the engine's machine"})
	add(Finding{Name: "memory", OK: info.MemoryBytes >= 1<<30, Detail: fmt.Sprintf("%.1f GiB, %d processors", float64(info.MemoryBytes)/(1<<30), info.CPUs), Remedy: "a lab takes up to 400 MiB; give the engine at least 1 GiB"})
	baseImage(ctx, e, add)
	h.NetworkBackend = kernel(ctx, e, add)
	add(dual(ctx, e))
	leftovers(ctx, e, add)
	return h
}

// baseImage tells how the base image comes about.
func baseImage(ctx context.Context, e *engine.Engine, add func(Finding)) {
	all, err := e.Images(ctx, images.Label)
	var bytes int64
	for _, i := range all {
		bytes = max(bytes, i.Bytes)
	}
	if err == nil && len(all) > 0 {
		add(Finding{Name: "images", OK: true, Detail: fmt.Sprintf("%d made by faultlab, the largest %d MB; remove them with: docker image prune -a --filter label=%s", len(all), bytes/1e6, images.Label)})
	} else {
		add(Finding{Name: "images", OK: true, Detail: "none yet; the first start makes them, which takes a few minutes"})
	}
	_, goErr := exec.LookPath("go")
	add(Finding{Name: "go", OK: goErr == nil, Detail: found(goErr), Remedy: "install Go; images are built from the source tree"})
	have, err := e.HasImage(ctx, "debian:"+images.Suite+"-slim")
	_, boot := exec.LookPath("mmdebstrap")
	add(Finding{Name: "mmdebstrap", OK: boot == nil, Optional: true, Detail: fmt.Sprintf("%s; Debian's image on the engine: %v", found(boot), have && err == nil),
		Remedy: "only where no registry answers: apt-get install mmdebstrap"})
}

func found(err error) string {
	if err != nil {
		return "not installed"
	}
	return "installed"
}

// kernel asks the agent what the kernel can do and names the back-end that
// network faults will use.
func kernel(ctx context.Context, e *engine.Engine, add func(Finding)) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	bad := func(err error) string {
		f := Finding{Name: "agent", Detail: err.Error()}
		var h interface{ Hint() string }
		if errors.As(err, &h) {
			f.Remedy = h.Hint()
		}
		add(f)
		return ""
	}
	image, err := agent.BuildImage(ctx, e)
	if err != nil {
		return bad(err)
	}
	a, err := agent.Start(ctx, agent.Options{Engine: e, Image: image})
	if err != nil {
		return bad(err)
	}
	defer a.Close(context.WithoutCancel(ctx))
	caps, err := a.Capabilities(ctx)
	if err != nil {
		return bad(err)
	}
	add(Finding{Name: "agent", OK: true, Detail: "starts, and enters namespaces"})
	backend := caps.Backend()
	for _, c := range []struct {
		name string
		agent.Capability
	}{{"netem", caps.Netem}, {"netem for arrivals", caps.NetemIn}, {"queue", caps.NFQueue}, {"owner tables", caps.OwnerTables}} {
		add(Finding{Name: "kernel: " + c.name, OK: c.OK, Optional: backend != "", Detail: c.Detail, Remedy: c.Remedy})
	}
	for _, c := range caps.Others {
		add(Finding{Name: "kernel: " + c.Name, OK: c.OK, Optional: true, Detail: c.Detail, Remedy: c.Remedy})
	}
	return backend
}

// leftovers looks for labs that were cut down.
func leftovers(ctx context.Context, e *engine.Engine, add func(Finding)) {
	all, err := List(ctx, e)
	if err != nil {
		add(Finding{Name: "labs", Detail: err.Error()})
		return
	}
	left := 0
	for _, r := range all {
		if r.State == "leftover" {
			left++
		}
	}
	add(Finding{Name: "labs", OK: left == 0, Detail: fmt.Sprintf("%d on this engine, %d of them leftovers", len(all), left), Remedy: "faultlab stop --all"})
}
