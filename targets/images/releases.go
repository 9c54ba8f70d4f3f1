package images

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// Release is one tag of the system image: a service at a version.
type Release struct {
	Service    string            // repository name, e.g. "web"
	Tag        string            // e.g. "5.8.0"
	Env        map[string]string // added to the system image's environment
	Entrypoint []string
	User       string // default root
	Workdir    string // default /
	StopSignal string // default SIGTERM
}

// Releases returns every tag that a lab may use, oldest first per service.
func Releases() []Release {
	var out []Release
	for _, tag := range []string{"5.7.2", "5.8.0", "5.9.0"} {
		out = append(out, shop("web", tag))
	}
	for _, tag := range []string{"2.12.0", "2.13.1", "2.14.0", "2.15.0"} {
		out = append(out, shop("catalog", tag))
	}
	return append(out,
		Release{
			Service:    "edge",
			Tag:        "3.0",
			Entrypoint: []string{"haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"},
			// SIGUSR1 would wait for users' idle connections
			StopSignal: "SIGTERM",
		},
		Release{
			Service: "postgres",
			Tag:     "17",
			Env:     map[string]string{"PGDATA": DataDir},
			Entrypoint: []string{"postgres", "-D", DataDir,
				"-c", "config_file=/etc/postgresql/postgresql.conf"},
			User: "postgres",
			// the fast stop: SIGTERM would wait for the clients to leave
			StopSignal: "SIGINT",
		},
		Release{
			Service:    "dns",
			Tag:        "2.91",
			Entrypoint: []string{"dnsmasq", "-k", "--conf-file=/etc/dnsmasq/dnsmasq.conf"},
		},
		Release{
			Service: "bastion",
			Tag:     "1",
			Env: map[string]string{
				"EDITOR":     "nano",
				"PGHOST":     "db.shop.internal",
				"PGUSER":     "shop",
				"PGDATABASE": "shop",
				"PGPASSWORD": "shop",
			},
			// bash as the first process also reaps what shells leave behind
			Entrypoint: []string{"bash", "-c", "trap exit TERM; while :; do sleep 1d & wait $!; done"},
			Workdir:    "/workspace",
		},
		Release{
			Service:    "traffic",
			Tag:        "1",
			Entrypoint: []string{"shop", "traffic"},
			User:       "root",
		},
	)
}

func shop(service, tag string) Release {
	return Release{
		Service:    service,
		Tag:        tag,
		Env:        map[string]string{"SHOP_SERVICE": service, "SHOP_RELEASE": tag},
		Entrypoint: []string{"shop", service},
		User:       "nobody",
	}
}

// Name returns the image's name below a registry: "web:5.8.0".
func (r Release) Name() string { return r.Service + ":" + r.Tag }

// Dockerfile returns the text of a Dockerfile that makes the release of the
// system image. It adds no layer and needs no build context.
func (r Release) Dockerfile(system string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "FROM %s\n", system)
	fmt.Fprintf(&b, "LABEL org.opencontainers.image.title=%q org.opencontainers.image.version=%q\n", r.Service, r.Tag)
	keys := make([]string, 0, len(r.Env))
	for k := range r.Env {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		fmt.Fprintf(&b, "ENV %s=%q\n", k, r.Env[k])
	}
	if r.Workdir != "" {
		fmt.Fprintf(&b, "WORKDIR %s\n", r.Workdir)
	}
	if r.User != "" {
		fmt.Fprintf(&b, "USER %s\n", r.User)
	}
	if r.StopSignal != "" {
		fmt.Fprintf(&b, "STOPSIGNAL %s\n", r.StopSignal)
	}
	argv, err := json.Marshal(r.Entrypoint)
	if err != nil {
		panic(err) // strings always marshal
	}
	// json writes & as an escape, which Dockerfiles read as JSON too
	fmt.Fprintf(&b, "ENTRYPOINT %s\nCMD []\n", argv)
	return b.String()
}
