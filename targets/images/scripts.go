package images

import "strings"

// Both scripts run inside the new root by `sh -e -c '...'`, so they hold no
// single quotes and every command stands on a line of its own.

// prepare runs before the packages are configured. The package would make a
// database cluster of 40 MB that nobody uses.
const prepare = `mkdir -p /etc/postgresql-common
echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf`

// tidy removes what a build leaves behind: caches, logs, the build's own dpkg
// filter, and whatever would tell one way of building from the other.
const tidy = `find /usr/share/doc -depth -type f ! -name copyright -delete
find /usr/share/doc -depth -type l -delete
find /usr/share/doc -depth -type d -empty -delete
find /var/log -type f -delete
find /var/cache -type f -delete
find / -xdev -name "*.pyc" -delete
find /etc/alternatives -xtype l -delete
rm -rf /var/lib/apt/lists/* /tmp/* /var/tmp/* /run/* /usr/share/doc/*/examples
mkdir -p /run/lock
rm -f /etc/dpkg/dpkg.cfg.d/99build /etc/dpkg/dpkg.cfg.d/99mmdebstrap /etc/dpkg/dpkg.cfg.d/docker
rm -f /etc/apt/apt.conf.d/docker-* /etc/apt/apt.conf.d/99mmdebstrap /usr/sbin/policy-rc.d
rm -rf /var/lib/dpkg/*-old /var/cache/debconf/* /var/lib/systemd/* /etc/machine-id /etc/.pwd.lock
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
ldconfig`

// finish runs after the packages are configured. It also applies the
// exclusions to what was there before dpkg knew of them.
func finish() string {
	var b strings.Builder
	for _, p := range exclusions {
		if strings.HasPrefix(p, "/usr/share/doc/") {
			continue // tidy keeps the licence texts apart
		}
		b.WriteString("rm -rf " + p + "\n")
	}
	b.WriteString(pack())
	b.WriteString(tidy)
	return b.String()
}

// packed are programs that the image holds compressed: they are half of what everything
// else is, and seldom started. What stands in their place unpacks them when they are
// first started in a container (rootfs/usr/local/bin/unpack).
var packed = []string{"amtool", "prometheus", "promtool"}

func pack() string {
	b := strings.Builder{}
	b.WriteString("mkdir -p /usr/lib/packed /var/cache/unpacked\nchmod 1777 /var/cache/unpacked\n")
	for _, p := range packed {
		b.WriteString("zstd -q -6 --rm /usr/bin/" + p + " -o /usr/lib/packed/" + p + ".zst\n")
		b.WriteString("ln -s /usr/local/bin/unpack /usr/bin/" + p + "\n")
	}
	return b.String()
}

// chain writes a script's lines as one RUN of a Dockerfile.
func chain(script string) string {
	return strings.Join(strings.Split(script, "\n"), " \\\n && ")
}
