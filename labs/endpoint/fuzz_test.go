package endpoint

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzMatch: no panic, no argument that could step out of its place, and only
// plain paths are found.
func FuzzMatch(f *testing.F) {
	for _, r := range routes {
		f.Add(r.method, strings.NewReplacer("**", "a/b/c:1", "*", "x").Replace(r.pattern))
	}
	for _, p := range []string{"", "/", "//", "/containers/../json", "/images/a/../b/json", "/images//json", "/images/./json", "/containers/\x00/json", "/images/a/json/json", "containers/json"} {
		f.Add("GET", p)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		r, args := match(method, path)
		if r == nil {
			return
		}
		for _, a := range args {
			for part := range strings.SplitSeq(a, "/") {
				if part == "" || part == "." || part == ".." {
					t.Fatalf("%q stands for %q", a, path)
				}
			}
		}
		// What was matched can be put together again from pattern and arguments.
		rest := args
		var back []string
		for p := range strings.SplitSeq(r.pattern, "/") {
			if p == "*" || p == "**" {
				p, rest = rest[0], rest[1:]
			}
			back = append(back, p)
		}
		if got := strings.Join(back, "/"); got != path || len(rest) != 0 || r.method != method {
			t.Fatalf("%s %q matched %s %q with %q", method, path, r.method, r.pattern, args)
		}
	})
}

// noEngine answers as an engine that has one network and one volume of the lab's.
type noEngine struct{}

func (noEngine) RoundTrip(r *http.Request) (*http.Response, error) {
	code, body := http.StatusNotFound, "{}"
	if r.URL.Path == "/networks/shop" || r.URL.Path == "/volumes/data" {
		code, body = http.StatusOK, `{"Labels":{"faultlab.lab":"l","faultlab.visible":"yes"}}`
	}
	return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// asEngine is a create call as the engine's decoder reads it.
type asEngine struct {
	Image      string
	Labels     map[string]string
	Volumes    map[string]any
	HostConfig struct {
		Privileged, PublishAllPorts, OomKillDisable                                    bool
		CapAdd, SecurityOpt, VolumesFrom, Links, DeviceCgroupRules                     []string
		Devices, DeviceRequests                                                        []any
		MaskedPaths, ReadonlyPaths                                                     *[]string
		PortBindings, Sysctls                                                          map[string]any
		PidMode, IpcMode, NetworkMode, CgroupnsMode, UTSMode, UsernsMode, CgroupParent string
		Runtime, VolumeDriver                                                          string
		Binds                                                                          []string
		LogConfig                                                                      struct{ Type string }
		Mounts                                                                         []struct{ Type, Source string }
	}
	NetworkingConfig struct{ EndpointsConfig map[string]any }
}

// FuzzCreate: no panic, and what the engine would read holds nothing forbidden.
func FuzzCreate(f *testing.F) {
	for _, s := range []string{
		``, `null`, `[]`, `{"Image":"ok/web:1","HostConfig":{"NetworkMode":"shop","Binds":["/workspace/a:/a:ro","data:/d"]}}`,
		`{"Image":"ok/web:1","HostConfig":{"NetworkMode":"none","Privileged":true}}`, `{"Image":"ok/web:1","hoſtconfig":{"NetworkMode":"none","privileged":true},"HostConfig":{"NetworkMode":"none"}}`,
		`{"Image":"ok/web:1","HostConfig":{"NetworkMode":"none","Mounts":[{"Type":"bind","Source":"/workspace/x","Target":"/x"},{"Type":"volume","Source":"data","Target":"/y"}]},"Volumes":{"/x":{}}}`,
		`{"Image":"ok/web:1","Labels":{"faultlab.lab":"m"},"HostConfig":{"NetworkMode":"shop","LogConfig":{"Type":"syslog"},"MaskedPaths":[]},"NetworkingConfig":{"EndpointsConfig":{"shop":{},"x":{}}}}`,
		`{"Image":"ok/web:1","HostConfig":{"NetworkMode":"none"}} {"HostConfig":{"Privileged":true}}`,
	} {
		f.Add([]byte(s))
	}
	s := &server{Config: Config{Lab: "l", Workspace: "/workspace", Volume: "/vol", Resolve: func(string) error { return nil },
		Images: func(ref string) bool { return strings.HasPrefix(ref, "ok/") }}, engine: &http.Client{Transport: noEngine{}}}
	r, _ := http.NewRequest("POST", "http://x/containers/create", nil)
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := rewrite(raw, func(o map[string]any) error { return s.container(r, o) })
		if err != nil {
			return
		}
		var got asEngine
		if json.Unmarshal(out, &got) != nil {
			return // the engine refuses it
		}
		h := got.HostConfig
		bad := h.Privileged || h.PublishAllPorts || h.OomKillDisable || len(h.CapAdd)+len(h.SecurityOpt)+len(h.VolumesFrom)+len(h.Links)+len(h.DeviceCgroupRules)+len(h.Devices)+len(h.DeviceRequests)+len(h.PortBindings)+len(h.Sysctls) > 0 ||
			h.MaskedPaths != nil || h.ReadonlyPaths != nil || h.PidMode+h.UTSMode+h.UsernsMode+h.CgroupParent+h.Runtime+h.VolumeDriver != "" || h.IpcMode == "host" || h.CgroupnsMode == "host" ||
			h.NetworkMode != "none" && h.NetworkMode != "shop" || !strings.HasPrefix(got.Image, "ok/") || got.Labels[LabelLab] != "l" || got.Labels[LabelVisible] != "yes" || h.LogConfig.Type == "syslog"
		for _, b := range h.Binds {
			bad = bad || !strings.HasPrefix(b, "/vol/") && !strings.HasPrefix(b, "/vol:") && !strings.HasPrefix(b, "data:")
		}
		for _, m := range h.Mounts {
			bad = bad || m.Type != "tmpfs" && !strings.HasPrefix(m.Source+"/", "/vol/") && m.Source != "data"
		}
		for n := range got.NetworkingConfig.EndpointsConfig {
			bad = bad || n != "shop" && n != h.NetworkMode
		}
		if bad {
			t.Fatalf("%s\nbecame\n%s", raw, out)
		}
	})
}
