package endpoint_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"faultlab/labs/endpoint"
)

func TestCreate(t *testing.T) {
	l := open(t)
	shop, other := l.id+"_shop", l.id+"_else"
	with := func(host string) string { // in a HostConfig that is otherwise fine
		return fmt.Sprintf(`{"Image":%q,"HostConfig":{"NetworkMode":%q%s}}`, image, shop, host)
	}
	refused := map[string]struct{ body, want string }{
		"privileged":                  {with(`,"Privileged":true`), "Privileged"},
		"privileged, small":           {with(`,"privileged":true`), "privileged"},
		"privileged, long s":          {with(`,"Priſileged":false,"SecurityOpt":["x"]`), "SecurityOpt"},
		"doubled in another case":     {with(`,"Privileged":false,"PRIVILEGED":true`), "both"},
		"second HostConfig":           {strings.TrimSuffix(with(``), "}") + `,"hostconfig":{"Privileged":true}}`, "both"},
		"second HostConfig, same":     {strings.TrimSuffix(with(``), "}") + `,"HostConfig":{"NetworkMode":"none","Privileged":true}}`, "Privileged"},
		"kelvin sign":                 {with(`,"Devices":[{"PathOnHost":"/dev/\u212Amsg"}]`), "Devices"},
		"HostConfig is a list":        {fmt.Sprintf(`{"Image":%q,"HostConfig":[]}`, image), "not an object"},
		"capabilities":                {with(`,"CapAdd":["NET_ADMIN"]`), "CapAdd"},
		"host pids":                   {with(`,"PidMode":"host"`), "PidMode"},
		"another's pids":              {with(`,"PidMode":"container:` + l.hidden.ID + `"`), "PidMode"},
		"host ipc":                    {with(`,"IpcMode":"host"`), "IpcMode"},
		"host cgroups":                {with(`,"CgroupnsMode":"host"`), "CgroupnsMode"},
		"host users":                  {with(`,"UsernsMode":"host"`), "UsernsMode"},
		"host names":                  {with(`,"UTSMode":"host"`), "UTSMode"},
		"devices":                     {with(`,"Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda"}]`), "Devices"},
		"device rules":                {with(`,"DeviceCgroupRules":["a *:* rwm"]`), "DeviceCgroupRules"},
		"device requests":             {with(`,"DeviceRequests":[{"Count":-1}]`), "DeviceRequests"},
		"security options":            {with(`,"SecurityOpt":["seccomp=unconfined"]`), "SecurityOpt"},
		"unmasked paths":              {with(`,"MaskedPaths":[]`), "MaskedPaths"},
		"writable proc":               {with(`,"ReadonlyPaths":[]`), "ReadonlyPaths"},
		"sysctls":                     {with(`,"Sysctls":{"net.core.somaxconn":"9"}`), "net.core.somaxconn"},
		"sysctls, one of two":         {with(`,"Sysctls":{"net.ipv4.tcp_keepalive_time":"9","net.ipv4.ip_forward":"1"}`), "net.ipv4.ip_forward"},
		"sysctls that are a list":     {with(`,"sysctls":["net.ipv4.ip_forward=1"]`), "not an object"},
		"cgroup parent":               {with(`,"CgroupParent":"/"`), "CgroupParent"},
		"runtime":                     {with(`,"Runtime":"evil"`), "Runtime"},
		"volumes from":                {with(`,"VolumesFrom":["` + l.hidden.Name + `"]`), "VolumesFrom"},
		"links":                       {with(`,"Links":["` + l.hidden.Name + `:x"]`), "Links"},
		"ports":                       {with(`,"PortBindings":{"80/tcp":[{"HostPort":"80"}]}`), "PortBindings"},
		"all ports":                   {with(`,"PublishAllPorts":true`), "PublishAllPorts"},
		"no oom killer":               {with(`,"OomKillDisable":true`), "OomKillDisable"},
		"oom score":                   {with(`,"OomScoreAdj":-1000`), "OomScoreAdj"},
		"a key nobody knows":          {with(`,"Teleport":true`), "Teleport"},
		"logs sent away":              {with(`,"LogConfig":{"Type":"syslog","Config":{"syslog-address":"tcp://10.0.0.1:1"}}`), "log driver"},
		"host network":                {fmt.Sprintf(`{"Image":%q,"HostConfig":{"NetworkMode":"host"}}`, image), "NetworkMode host"},
		"another's network space":     {fmt.Sprintf(`{"Image":%q,"HostConfig":{"NetworkMode":"container:%s"}}`, image, l.hidden.ID), "NetworkMode container"},
		"default network":             {fmt.Sprintf(`{"Image":%q,"HostConfig":{"NetworkMode":"default"}}`, image), "docker network ls"},
		"bridge":                      {fmt.Sprintf(`{"Image":%q,"HostConfig":{"NetworkMode":"bridge"}}`, image), "docker network ls"},
		"no HostConfig":               {fmt.Sprintf(`{"Image":%q}`, image), "docker network ls"},
		"foreign network":             {fmt.Sprintf(`{"Image":%q,"HostConfig":{"NetworkMode":%q}}`, image, other), "No such network"},
		"foreign second network":      {fmt.Sprintf(`{"Image":%q,"HostConfig":{"NetworkMode":%q},"NetworkingConfig":{"EndpointsConfig":{%q:{},%q:{}}}}`, image, shop, shop, other), "No such network"},
		"host's path":                 {with(`,"Binds":["/etc:/x"]`), "only what lies in /workspace"},
		"host's root":                 {with(`,"Binds":["/:/x"]`), "only what lies in /workspace"},
		"engine's socket":             {with(`,"Binds":["/var/run/docker.sock:/x"]`), "only what lies in"},
		"out of the workspace":        {with(`,"Binds":["/workspace/../etc:/x"]`), "only what lies in"},
		"beside the workspace":        {with(`,"Binds":["/workspace2:/x"]`), "only what lies in"},
		"through a link":              {with(`,"Binds":["/workspace/link:/x"]`), "symbolic link"},
		"foreign volume":              {with(`,"Binds":["` + l.id + `-foreign:/x"]`), "No such volume"},
		"hidden volume":               {with(`,"Binds":["` + l.id + `_state:/x"]`), "No such volume"},
		"missing volume":              {with(`,"Binds":["` + l.id + `-nothing:/x"]`), "No such volume"},
		"dots as a volume":            {with(`,"Binds":["..:/x"]`), "No such volume"},
		"anonymous bind":              {with(`,"Binds":["/x"]`), "names no source"},
		"anonymous volume":            {fmt.Sprintf(`{"Image":%q,"Volumes":{"/x":{}},"HostConfig":{"NetworkMode":%q}}`, image, shop), "no name"},
		"mounted host's path":         {with(`,"Mounts":[{"Type":"bind","Source":"/etc","Target":"/x"}]`), "only what lies in"},
		"mounted twice said":          {with(`,"Mounts":[{"Type":"bind","Source":"/workspace/a","source":"/etc","Target":"/x"}]`), "both"},
		"mounted hidden volume":       {with(`,"Mounts":[{"Type":"volume","Source":"` + l.id + `_state","Target":"/x"}]`), "No such volume"},
		"mounted anonymous volume":    {with(`,"Mounts":[{"Type":"volume","Target":"/x"}]`), "No such volume"},
		"mounted by a driver":         {with(`,"Mounts":[{"Type":"volume","Source":"` + l.id + `-data","Target":"/x","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"device":"/"}}}}]`), "driver options"},
		"mount of an unknown type":    {with(`,"Mounts":[{"Type":"npipe","Source":"x","Target":"/x"}]`), "npipe"},
		"mount without a type":        {with(`,"Mounts":[{"Source":"/etc","Target":"/x"}]`), "not available"},
		"hidden image":                {fmt.Sprintf(`{"Image":%q,"HostConfig":{"NetworkMode":"none"}}`, unseen), "No such image"},
		"any image by id":             {fmt.Sprintf(`{"Image":%q,"HostConfig":{"NetworkMode":"none"}}`, l.hidden.ImageID), "No such image"},
		"not JSON":                    {`Image=x`, "cannot be read"},
		"null":                        {`null`, "No such image"},
		"larger than anything honest": {`{"Image":"` + strings.Repeat("x", 1<<20) + `"}`, "1 MiB"},
	}
	for name, tt := range refused {
		for _, header := range [][]string{nil, {"Transfer-Encoding: chunked"}} {
			body := tt.body
			if header != nil {
				body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			}
			code, got := l.ask(t, "POST", "/v1.41/containers/create?name="+l.id+"-bad", body, header...)
			var said struct{ Message string }
			if code < 400 || json.Unmarshal([]byte(got), &said) != nil || !strings.Contains(said.Message, tt.want) {
				t.Errorf("%s: %d %s; want a refusal about %q", name, code, got, tt.want)
			}
		}
	}
	for _, name := range []string{"other_control", l.id + "_agent", l.id + "_sweeper", "other_partner", "other_collector", "x1_traces", l.id + "_deploy", "/x1_state"} {
		for _, target := range []string{"/containers/create?name=" + name, "/containers/" + l.own.ID + "/rename?name=" + name} {
			if code, got := l.ask(t, "POST", target, with("")); code != 403 {
				t.Errorf("%s: %d %s", target, code, got)
			}
		}
	}
	for _, body := range []string{`{"Name":"x","Driver":"nfs"}`, `{"Name":"x","DriverOpts":{"device":"/"}}`, `{"Name":"x","driveropts":{"device":"/"}}`, `{"Name":"x","Driver":"local","driver":"nfs"}`, `{"Name":"other_state"}`} {
		if code, got := l.ask(t, "POST", "/volumes/create", body); code != 403 && code != 400 {
			t.Errorf("volume %s: %d %s", body, code, got)
		}
	}

	t.Run("what is made is the lab's, whatever it says", func(t *testing.T) {
		body := fmt.Sprintf(`{"image":%q,"Labels":{"faultlab.lab":"other","faultlab.visible":"no","faultlab.role":"control","FAULTLAB.x":"y","mine":"yes","Mine":"too"},
			"Env":["ROLE=ticker"],"Volumes":{"/v":{}},
			"HostConfig":{"NetworkMode":%q,"Binds":["%s-data:/v"],"MaskedPaths":null,"MemorySwappiness":-1,"Sysctls":{"net.ipv4.tcp_slow_start_after_idle":"0"},"ConsoleSize":[0,0],"PidsLimit":0,"LogConfig":{"Type":"","Config":{}},"RestartPolicy":{"Name":"no"},"Tmpfs":{"/t":""}},
			"NetworkingConfig":{"EndpointsConfig":{%q:{"Aliases":["a"]}}}}`, image, shop, l.id, shop)
		for i, header := range [][]string{nil, {"Transfer-Encoding: chunked"}} {
			send := body
			if header != nil {
				send = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			}
			name := fmt.Sprintf("%s-made%d", l.id, i)
			code, got := l.ask(t, "POST", "/containers/create?name="+name, send, header...)
			c, err := l.e.Inspect(t.Context(), name)
			if code != 201 || err != nil {
				t.Fatalf("%d %s, %v", code, got, err)
			}
			defer l.e.Remove(t.Context(), name)
			if c.Labels[endpoint.LabelLab] != l.id || c.Labels[endpoint.LabelRole] != "shop" || c.Labels[endpoint.LabelVisible] != "yes" || c.Labels["mine"] != "yes" || c.Labels["Mine"] != "too" {
				t.Errorf("labels %v", c.Labels)
			}
			if len(c.Mounts) != 1 || c.Mounts[0].Name != l.id+"-data" {
				t.Errorf("mounts %v", c.Mounts)
			}
			if !l.did("create container", true) {
				t.Error("not recorded")
			}
		}
		name := l.id + "-vol"
		code, got := l.ask(t, "POST", "/volumes/create", fmt.Sprintf(`{"Name":%q,"Labels":{"faultlab.lab":"other"}}`, name))
		v, err := l.e.Volume(t.Context(), name)
		if code != 201 || err != nil || v.Labels[endpoint.LabelLab] != l.id {
			t.Errorf("%d %s; %+v, %v", code, got, v, err)
		}
		l.e.RemoveVolume(t.Context(), name)
	})
}
