package grade_test

import (
	"strings"
	"testing"

	"faultlab/faults/engine"
	"faultlab/labs/grade"
)

func TestHowServicesAreMade(t *testing.T) {
	const settings, data = "/etc/shop", "/data"
	at := func(destination string) engine.Mount { return engine.Mount{Type: "bind", Destination: destination} }
	volume := func(name string) engine.Mount {
		return engine.Mount{Type: "volume", Name: name, Destination: data}
	}
	container := func() engine.Container {
		return engine.Container{State: "running", MemoryLimit: 40 << 20, SwapLimit: 40 << 20, Labels: map[string]string{"place": "us-a"},
			Image: "app:1", Entrypoint: []string{"shop", "app"}, Env: map[string]string{"PATH": "/usr/bin", "ZONE": "us-a"},
			RestartPoly: "always", HealthTest: []string{"CMD", "shop", "probe"}, Mounts: []engine.Mount{at(settings), volume("orders")}}
	}
	mounted := func(ms ...engine.Mount) func(*engine.Container) {
		return func(c *engine.Container) { c.Mounts = ms }
	}
	tests := []struct {
		name   string
		change func(*engine.Container)
		want   string // "": it is the same system
	}{
		{"as it was", func(*engine.Container) {}, ""},
		{"another release", func(c *engine.Container) { c.Image = "app:2" }, ""},
		{"another setting", func(c *engine.Container) { c.Env["GOGC"] = "50" }, ""},
		{"another place", func(c *engine.Container) { c.Labels["place"], c.Env["ZONE"] = "us-b", "us-b" }, ""},
		{"arguments added", func(c *engine.Container) { c.Cmd = []string{"--quietly"} }, "not started as"},
		{"programs from elsewhere", func(c *engine.Container) { c.Env["PATH"] = "/etc/shop:/usr/bin" }, "not started as"},

		{"a program over the image's", mounted(at(settings), volume("orders"), at("/usr/bin/shop")), "mounted at /usr/bin/shop"},
		{"by a way round", mounted(at(settings), volume("orders"), at("/etc/shop/../../usr/bin")), "mounted at /usr/bin"},
		{"a folder around the settings", mounted(at(settings), volume("orders"), at("/etc")), "mounted at /etc,"},
		{"a name that begins alike", mounted(at(settings), volume("orders"), at("/etc/shop2")), "mounted at /etc/shop2"},
		{"in a folder, on what may be a link", mounted(at(settings), volume("orders"), at("/etc/shop/app.yaml")), "mounted at /etc/shop/app.yaml"},
		{"settings from another folder", mounted(engine.Mount{Type: "bind", Source: "/x", Destination: settings}, volume("orders")), ""},
		{"only one file of the settings", mounted(volume("orders"), at("/etc/shop/app.yaml")), ""},
		{"room in memory", mounted(at(settings), volume("orders"), engine.Mount{Type: "tmpfs", Destination: "/tmp"}), ""},
		{"settings gone", mounted(volume("orders")), "lost what was mounted at /etc/shop"},
		{"settings in memory only", mounted(volume("orders"), engine.Mount{Type: "tmpfs", Destination: settings}), "lost what was mounted at /etc/shop"},
		{"another volume for the data", mounted(at(settings), volume("new")), "lost what was mounted at /data"},

		{"not started again", func(c *engine.Container) { c.RestartPoly = "no" }, `restart policy "no"`},
		{"started again after errors only", func(c *engine.Container) { c.RestartPoly = "on-failure" }, `restart policy "on-failure"`},
		{"started again unless stopped", func(c *engine.Container) { c.RestartPoly = "unless-stopped" }, ""},

		{"another health check", func(c *engine.Container) { c.HealthTest = []string{"CMD", "true"} }, ""},
		{"health check off", func(c *engine.Container) { c.HealthTest = []string{"NONE"} }, "lost its health check"},
		{"health check gone", func(c *engine.Container) { c.HealthTest = nil }, "lost its health check"},
	}
	healthy := map[string][]engine.Container{"app": {container()}, "other": {container()}}
	healthy["other"][0].Labels = map[string]string{"place": "us-b"}
	inv := grade.Take(healthy)
	for _, tt := range tests {
		c := container()
		tt.change(&c)
		bad := strings.Join(grade.Misshapen(inv, map[string][]engine.Container{"app": {c}, "other": healthy["other"]}), "; ")
		if tt.want == "" && bad != "" || tt.want != "" && (!strings.Contains(bad, tt.want) || strings.Contains(bad, ";")) {
			t.Errorf("%s: %q; want %q", tt.name, bad, tt.want)
		}
	}

	bare := container()
	bare.HealthTest = nil
	inv = grade.Take(map[string][]engine.Container{"app": {bare}})
	if bad := grade.Misshapen(inv, map[string][]engine.Container{"app": {container()}}); len(bad) > 0 {
		t.Errorf("a health check more: %v", bad)
	}
}
