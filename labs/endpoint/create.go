package endpoint

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
)

func createVolume(s *server, r *http.Request, _ []string) error {
	return body(r, func(o map[string]any) error {
		if d, err := text(o, "Driver"); err != nil || d != "" && d != "local" {
			return forbidden("volumes use the local driver here")
		}
		opts, err := sub(o, "DriverOpts")
		if err != nil {
			return err
		}
		if len(opts) > 0 {
			return forbidden("volumes take no driver options here")
		}
		if !empty(o[key(o, "ClusterVolumeSpec")]) {
			return forbidden("volumes use the local driver here")
		}
		name, err := text(o, "Name")
		if err != nil {
			return err
		}
		if reserved.MatchString(name) {
			return forbidden("the name %s is not available here", name)
		}
		o[key(o, "Labels")] = s.stamp(labels(o))
		return nil
	})
}

func connectOwn(s *server, r *http.Request, _ []string) error {
	var name string
	err := body(r, func(o map[string]any) (err error) { name, err = text(o, "Container"); return err })
	if err != nil {
		return err
	}
	l, err := s.containerLabels(r, name)
	if err == nil && l[LabelRole] == "bastion" {
		return forbidden("the bastion is run by the platform team")
	}
	return err
}

func plainExec(s *server, r *http.Request, _ []string) error {
	return body(r, func(o map[string]any) error {
		if !empty(o[key(o, "Privileged")]) {
			return forbidden("privileged exec is not available here")
		}
		return nil
	})
}

// hostKeys are the parts of a container's HostConfig that may be set. What is not
// among them must be absent or empty: it reaches beyond the container.
var hostKeys = []string{
	"Binds", "Mounts", "Tmpfs", "NetworkMode", "IpcMode", "CgroupnsMode", "RestartPolicy", "LogConfig", "AutoRemove", "Init", "ReadonlyRootfs",
	"Memory", "MemoryReservation", "MemorySwap", "MemorySwappiness", "NanoCpus", "CpuShares", "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems",
	"BlkioWeight", "PidsLimit", "Ulimits", "Sysctls", "ShmSize", "CapDrop", "GroupAdd", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "ConsoleSize",
}

func createContainer(s *server, r *http.Request, _ []string) error {
	return body(r, func(o map[string]any) error { return s.container(r, o) })
}

// container checks a create call's body and rewrites it.
func (s *server) container(r *http.Request, o map[string]any) error {
	img, err := text(o, "Image")
	if err != nil {
		return err
	}
	if !s.Images(img) {
		return notFound("image", img)
	}
	o[key(o, "Labels")] = s.stamp(labels(o))
	host, err := sub(o, "HostConfig")
	if err != nil {
		return err
	}
	for k, v := range host {
		known := slices.ContainsFunc(hostKeys, func(h string) bool { return strings.EqualFold(h, k) })
		// An empty list of masked paths is not the same as none: it unmasks them.
		if strings.EqualFold(k, "MaskedPaths") || strings.EqualFold(k, "ReadonlyPaths") {
			known = v == nil
			if !known {
				return forbidden("%s is not available here", k)
			}
		}
		if !known && !empty(v) {
			return forbidden("%s is not available here", k)
		}
	}
	for ns, allowed := range map[string][]string{"IpcMode": {"", "none", "private", "shareable"}, "CgroupnsMode": {"", "private"}} {
		if v, err := text(host, ns); err != nil || !slices.Contains(allowed, v) {
			return forbidden("%s %s is not available here", ns, v)
		}
	}
	if err := plainLog(host); err != nil {
		return err
	}
	if err := ownSysctls(host); err != nil {
		return err
	}
	if err := s.networks(r, o, host); err != nil {
		return err
	}
	if err := s.binds(r, host); err != nil {
		return err
	}
	if err := s.mounts(r, host); err != nil {
		return err
	}
	return anonymous(o, host)
}

// plainLog keeps the engine from sending logs anywhere.
func plainLog(host map[string]any) error {
	log, err := sub(host, "LogConfig")
	if err != nil {
		return err
	}
	if kind, err := text(log, "Type"); err != nil || !slices.Contains([]string{"", "json-file", "local", "none"}, kind) {
		return forbidden("the log driver %q is not available here; json-file, local and none are", kind)
	}
	return nil
}

// ownSysctls lets TCP be tuned, which each container has a copy of.
func ownSysctls(host map[string]any) error {
	all, err := sub(host, "Sysctls")
	for name := range all {
		if !strings.HasPrefix(name, "net.ipv4.tcp_") {
			return forbidden("the setting %q is not available here; those of net.ipv4.tcp_ are", name)
		}
	}
	return err
}

// networks refuses what is not the lab's, the engine's default network too: it
// leads out of the lab.
func (s *server) networks(r *http.Request, o, host map[string]any) error {
	mode, err := text(host, "NetworkMode")
	if err != nil {
		return err
	}
	switch {
	case mode == "" || mode == "default" || mode == "bridge":
		return forbidden("say which network the container joins (--network NAME); docker network ls lists them")
	case mode == "host" || strings.HasPrefix(mode, "container:"):
		return forbidden("NetworkMode %s is not available here", mode)
	case mode != "none":
		if err := ownNetwork(s, r, []string{mode}); err != nil {
			return err
		}
	}
	nets, err := sub(o, "NetworkingConfig")
	if err != nil {
		return err
	}
	switch ends := nets[key(nets, "EndpointsConfig")].(type) {
	case nil:
	case map[string]any:
		for name := range ends {
			if name == mode {
				continue
			}
			if err := ownNetwork(s, r, []string{name}); err != nil {
				return err
			}
		}
	default:
		return &refusal{http.StatusBadRequest, "EndpointsConfig is not an object"}
	}
	return nil
}

// binds translates workspace paths to the volume's path on the engine's machine.
// A named volume must exist and be the lab's: the engine would make a missing one
// without labels, and nobody would clear it away.
func (s *server) binds(r *http.Request, host map[string]any) error {
	binds, err := list(host, "Binds")
	if err != nil {
		return err
	}
	for i, b := range binds {
		text, _ := b.(string)
		src, rest, ok := strings.Cut(text, ":")
		if !ok {
			return forbidden("the mount %q names no source; anonymous volumes are not available here", text)
		}
		if !strings.HasPrefix(src, "/") {
			if err := ownVolume(s, r, []string{src}); err != nil {
				return err
			}
			continue
		}
		src, err := s.translate(src)
		if err != nil {
			return err
		}
		binds[i] = src + ":" + rest
	}
	return nil
}

func (s *server) mounts(r *http.Request, host map[string]any) error {
	all, err := list(host, "Mounts")
	if err != nil {
		return err
	}
	for _, m := range all {
		o, ok := m.(map[string]any)
		if !ok {
			return &refusal{http.StatusBadRequest, "a mount is not an object"}
		}
		if err := unique(o); err != nil {
			return err
		}
		kind, err := text(o, "Type")
		if err != nil {
			return err
		}
		src, err := text(o, "Source")
		if err != nil {
			return err
		}
		opts, err := sub(o, "VolumeOptions")
		if err != nil {
			return err
		}
		if !empty(opts[key(opts, "DriverConfig")]) {
			return forbidden("volumes take no driver options here")
		}
		switch kind {
		case "bind":
			if src, err = s.translate(src); err == nil {
				o[key(o, "Source")] = src
			}
		case "volume":
			err = ownVolume(s, r, []string{src})
		case "tmpfs":
		default:
			err = forbidden("mounts of type %q are not available here", kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// anonymous refuses volumes without a name: nobody would clear them away. Some
// clients list the targets of other mounts there too; those make none.
func anonymous(o, host map[string]any) error {
	vols, err := sub(o, "Volumes")
	if err != nil || len(vols) == 0 {
		return err
	}
	var targets []string
	binds, _ := list(host, "Binds")
	for _, b := range binds {
		if parts := strings.Split(fmt.Sprint(b), ":"); len(parts) > 1 {
			targets = append(targets, path.Clean(parts[1]))
		}
	}
	mounts, _ := list(host, "Mounts")
	for _, m := range mounts {
		if o, ok := m.(map[string]any); ok {
			t, _ := text(o, "Target")
			targets = append(targets, path.Clean(t))
		}
	}
	for v := range vols {
		if !slices.Contains(targets, path.Clean(v)) {
			return forbidden("the volume at %s has no name; anonymous volumes are not available here", v)
		}
	}
	return nil
}

func (s *server) translate(src string) (string, error) {
	clean := path.Clean(src)
	rel, ok := strings.CutPrefix(clean, s.Workspace)
	if !ok || rel != "" && rel[0] != '/' {
		return "", forbidden("%s cannot be mounted: only what lies in %s can", src, s.Workspace)
	}
	if err := s.Resolve(rel); err != nil {
		return "", forbidden("%s cannot be mounted: %v", src, err)
	}
	return s.Volume + rel, nil
}
