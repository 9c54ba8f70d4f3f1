package endpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// maxBody bounds what a create call may send: the largest real ones have a few KiB.
const maxBody = 1 << 20

func notFound(kind, name string) error {
	return &refusal{http.StatusNotFound, fmt.Sprintf("No such %s: %s", kind, name)}
}

func forbidden(format string, a ...any) error {
	return &refusal{http.StatusForbidden, fmt.Sprintf(format, a...)}
}

func ownImage(s *server, r *http.Request, args []string) error {
	if !s.Images(args[0]) && !strings.HasPrefix(args[0], "sha256:") {
		return notFound("image", args[0])
	}
	return nil
}

func (s *server) containerLabels(r *http.Request, name string) (map[string]string, error) {
	var c struct {
		Name   string
		Config struct{ Labels map[string]string }
	}
	code, err := s.get(r.Context(), "/containers/"+url.PathEscape(name)+"/json", &c)
	if err != nil {
		return nil, err
	}
	if code != http.StatusOK || !s.own(c.Config.Labels) {
		return nil, notFound("container", name)
	}
	s.names.Store(name, strings.TrimPrefix(c.Name, "/"))
	return c.Config.Labels, nil
}

func ownContainer(s *server, r *http.Request, args []string) error {
	labels, err := s.containerLabels(r, args[0])
	if err == nil && labels[LabelRole] == "bastion" && r.Method != http.MethodGet {
		return forbidden("the bastion is run by the platform team")
	}
	return err
}

func ownExec(s *server, r *http.Request, args []string) error {
	var x struct{ ContainerID string }
	code, err := s.get(r.Context(), "/exec/"+url.PathEscape(args[0])+"/json", &x)
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return notFound("exec instance", args[0])
	}
	_, err = s.containerLabels(r, x.ContainerID)
	return err
}

func ownNetwork(s *server, r *http.Request, args []string) error {
	return ownLabelled(s, r, "network", "/networks/", args[0])
}

func ownVolume(s *server, r *http.Request, args []string) error {
	return ownLabelled(s, r, "volume", "/volumes/", args[0])
}

func ownLabelled(s *server, r *http.Request, kind, base, name string) error {
	var o struct{ Labels map[string]string }
	code, err := s.get(r.Context(), base+url.PathEscape(name), &o)
	if err != nil {
		return err
	}
	if code != http.StatusOK || !s.own(o.Labels) {
		return notFound(kind, name)
	}
	return nil
}

// body reads a JSON object, lets change edit it, and puts it back.
func body(r *http.Request, change func(map[string]any) error) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return err
	}
	if len(raw) > maxBody {
		return &refusal{http.StatusRequestEntityTooLarge, "the request is larger than 1 MiB"}
	}
	o := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&o); err != nil && len(bytes.TrimSpace(raw)) > 0 {
		return &refusal{http.StatusBadRequest, "the request's JSON cannot be read: " + err.Error()}
	}
	if err := change(o); err != nil {
		return err
	}
	out, err := json.Marshal(o)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(out))
	r.ContentLength = int64(len(out))
	r.Header.Set("Content-Length", fmt.Sprint(len(out)))
	return nil
}

// key finds an object's key as the engine would: letter case does not count.
func key(o map[string]any, name string) string {
	for k := range o {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

func sub(o map[string]any, name string) map[string]any {
	m, _ := o[key(o, name)].(map[string]any)
	return m
}

func createVolume(s *server, r *http.Request, _ []string) error {
	return body(r, func(o map[string]any) error {
		if d, _ := o[key(o, "Driver")].(string); d != "" && d != "local" {
			return forbidden("volumes use the local driver here")
		}
		if len(sub(o, "DriverOpts")) > 0 {
			return forbidden("volumes take no driver options here")
		}
		o[key(o, "Labels")] = s.stamp(sub(o, "Labels"))
		return nil
	})
}

func connectOwn(s *server, r *http.Request, _ []string) error {
	var name string
	if err := body(r, func(o map[string]any) error { name, _ = o[key(o, "Container")].(string); return nil }); err != nil {
		return err
	}
	_, err := s.containerLabels(r, name)
	return err
}

func plainExec(s *server, r *http.Request, _ []string) error {
	return body(r, func(o map[string]any) error {
		if p, _ := o[key(o, "Privileged")].(bool); p {
			return forbidden("privileged exec is not available here")
		}
		return nil
	})
}

// hostKeys are the parts of a container's HostConfig that reach beyond it.
var hostKeys = []string{"Privileged", "CapAdd", "Devices", "DeviceRequests", "DeviceCgroupRules", "SecurityOpt", "Sysctls", "CgroupParent", "Runtime", "VolumesFrom", "PortBindings", "PublishAllPorts", "UsernsMode", "UTSMode", "VolumeDriver", "OomScoreAdj"}

func createContainer(s *server, r *http.Request, _ []string) error {
	return body(r, func(o map[string]any) error {
		if img, _ := o[key(o, "Image")].(string); !s.Images(img) {
			return notFound("image", img)
		}
		o[key(o, "Labels")] = s.stamp(sub(o, "Labels"))
		host := sub(o, "HostConfig")
		for k, v := range host {
			if slices.ContainsFunc(hostKeys, func(h string) bool { return strings.EqualFold(h, k) }) && !empty(v) {
				return forbidden("%s is not available here", k)
			}
		}
		for _, ns := range []string{"PidMode", "IpcMode", "NetworkMode", "CgroupnsMode"} {
			v, _ := host[key(host, ns)].(string)
			if v == "host" || strings.HasPrefix(v, "container:") {
				return forbidden("%s %s is not available here", ns, v)
			}
		}
		return s.binds(r, host)
	})
}

// empty tells whether a JSON value is the zero of its kind.
func empty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case bool:
		return !x
	case string:
		return x == ""
	case json.Number:
		return x == "0"
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return false
}

// binds translates workspace paths to the volume's path on the engine's machine.
// A named volume must exist and be the lab's: the engine would make a missing one
// without labels, and nobody would clear it away.
func (s *server) binds(r *http.Request, host map[string]any) error {
	list, _ := host[key(host, "Binds")].([]any)
	for i, b := range list {
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
		list[i] = src + ":" + rest
	}
	mounts, _ := host[key(host, "Mounts")].([]any)
	for _, m := range mounts {
		o, _ := m.(map[string]any)
		switch kind, _ := o[key(o, "Type")].(string); kind {
		case "bind":
			src, _ := o[key(o, "Source")].(string)
			src, err := s.translate(src)
			if err != nil {
				return err
			}
			o[key(o, "Source")] = src
		case "volume", "tmpfs":
			if len(sub(sub(o, "VolumeOptions"), "DriverConfig")) > 0 {
				return forbidden("volumes take no driver options here")
			}
			if src, _ := o[key(o, "Source")].(string); kind == "volume" {
				if err := ownVolume(s, r, []string{src}); err != nil {
					return err
				}
			}
		default:
			return forbidden("mounts of type %q are not available here", kind)
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
