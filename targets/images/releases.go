package images

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// searchPath has PostgreSQL's own programs before the wrappers in /usr/bin,
// which start perl first.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// common is the environment of every release.
var common = map[string]string{
	"LANG":  "C.UTF-8",
	"LESS":  "-FRX",
	"PAGER": "less",
	"PATH":  searchPath,
}

// Release is one tag of the system image: a service at a version.
//
// StopSignal is never empty: without one an engine takes every signal sent by
// "docker kill", a reload too, for a wish to stop, and no longer restarts the
// container when it dies.
type Release struct {
	Service    string            // repository name, e.g. "web"
	Tag        string            // e.g. "5.8.0"
	Env        map[string]string // besides what every release has
	Entrypoint []string
	User       string // default root
	Workdir    string // default /
	StopSignal string
}

// Releases returns every tag that a lab may use, oldest first per service.
func Releases() []Release {
	var out []Release
	for _, tag := range []string{"5.7.2", "5.8.0", "5.9.0", "5.10.0"} {
		out = append(out, shop("web", tag))
	}
	for _, tag := range []string{"2.12.0", "2.13.1", "2.14.0", "2.15.0", "2.16.0", "2.17.0"} {
		out = append(out, shop("catalog", tag))
	}
	partner := shop("payments", "2026.2")
	partner.Entrypoint = []string{"sh", "-c", "echo journal: /tmp/charges > /tmp/payments.yaml && exec shop payments --config /tmp/payments.yaml"}
	for _, tag := range []string{"3.4.0", "3.5.0", "3.6.0"} {
		out = append(out, shop("checkout", tag))
	}
	out = append(out, partner, shop("shipping", "1.0.0"), shop("reports", "1.0.0"), shop("reports", "1.1.0"), shop("host", "1.0.0"))
	return append(out,
		Release{
			Service:    "edge",
			Tag:        "3.0",
			Entrypoint: []string{"haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"},
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
			Service:    "redis",
			Tag:        "8",
			Entrypoint: []string{"redis-server", "/etc/redis/redis.conf"},
			User:       "redis",
			Workdir:    "/tmp",
			StopSignal: "SIGTERM",
		},
		Release{
			Service:    "dns",
			Tag:        "2.91",
			Entrypoint: []string{"dnsmasq", "-k", "--conf-file=/etc/dnsmasq/dnsmasq.conf"},
			StopSignal: "SIGTERM",
		},
		Release{
			Service: "prometheus",
			Tag:     "2.53",
			Env:     map[string]string{"GOGC": "40", "GOMAXPROCS": "1", "GOMEMLIMIT": "64MiB"},
			Entrypoint: []string{"prometheus", "--config.file=/etc/prometheus/prometheus.yml", "--web.listen-address=:9090",
				"--storage.tsdb.path=/var/lib/prometheus/metrics2", "--storage.tsdb.retention.time=6h",
				"--storage.tsdb.wal-segment-size=10MB", "--query.max-concurrency=4", "--query.max-samples=2000000",
				"--query.timeout=10s", "--web.max-connections=32", "--log.level=warn"},
			User:       "prometheus",
			Workdir:    "/var/lib/prometheus/metrics2",
			StopSignal: "SIGTERM",
		},
		Release{
			Service: "alertmanager",
			Tag:     "0.28",
			Env:     map[string]string{"GOGC": "40", "GOMAXPROCS": "1", "GOMEMLIMIT": "24MiB"},
			// alone: it listens for no others of its kind
			Entrypoint: []string{"prometheus-alertmanager", "--config.file=/etc/alertmanager/alertmanager.yml", "--web.listen-address=:9093",
				"--cluster.listen-address=", "--storage.path=/var/lib/prometheus/alertmanager", "--data.retention=24h", "--log.level=info"},
			User:       "prometheus",
			Workdir:    "/var/lib/prometheus/alertmanager",
			StopSignal: "SIGTERM",
		},
		Release{
			Service: "bastion",
			Tag:     "1",
			Env: map[string]string{
				"EDITOR":     "nano",
				"REDIS_HOST": "redis.shop.internal",
				"REGION":     "us",
				"PGHOST":     "db.shop.internal",
				"PGUSER":     "shop",
				"PGDATABASE": "shop",
				"PGPASSWORD": "shop",
			},
			// bash as the first process also reaps what shells leave behind
			Entrypoint: []string{"bash", "-c", "trap exit TERM; while :; do sleep 1d & wait $!; done"},
			Workdir:    "/workspace",
			StopSignal: "SIGTERM",
		},
		Release{
			Service:    "traffic",
			Tag:        "1",
			Entrypoint: []string{"shop", "traffic"},
			StopSignal: "SIGTERM",
		},
		Release{
			Service: "collector",
			Tag:     "1",
			// What it keeps is most of its memory; a larger share for garbage is not worth it.
			Env:        map[string]string{"GOGC": "50", "GOMEMLIMIT": "64MiB"},
			Entrypoint: []string{"shop", "collector"},
			User:       "nobody",
			StopSignal: "SIGTERM",
		},
		Release{
			Service:    "pager",
			Tag:        "1",
			Entrypoint: []string{"shop", "pager"},
			User:       "nobody",
			StopSignal: "SIGTERM",
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
		StopSignal: "SIGTERM",
	}
}

// Name returns the image's name below a registry: "web:5.8.0".
func (r Release) Name() string { return r.Service + ":" + r.Tag }

// Dockerfile returns the text of a Dockerfile that makes the release of the
// system image. It adds no layer and needs no build context.
func (r Release) Dockerfile(system string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "FROM %s\n", system)
	b.WriteString("LABEL")
	labels := r.labels()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, " %s=%q", name, labels[name])
	}
	b.WriteString("\n")
	b.WriteString("ENV")
	for _, kv := range r.environment() {
		name, value, _ := strings.Cut(kv, "=")
		fmt.Fprintf(&b, " %s=%q", name, value)
	}
	b.WriteString("\n")
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
	fmt.Fprintf(&b, "ENTRYPOINT %s\nCMD []\n", argv)
	return b.String()
}

func (r Release) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":   r.Service,
		"org.opencontainers.image.version": r.Tag,
		Label:                              "shop",
	}
}

// environment returns the whole environment as NAME=value, sorted.
func (r Release) environment() []string {
	all := maps.Clone(common)
	maps.Copy(all, r.Env)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, name+"="+all[name])
	}
	return out
}
