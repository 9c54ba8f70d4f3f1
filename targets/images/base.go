// Package images says what goes into the lab's images. It is data and text
// only: package lists, Dockerfiles and the table of releases. Building them is
// the caller's work.
//
// There is one system image. Its base is a Debian with every daemon and every
// shell tool the sample system needs; on top come the shop's binary and a
// seeded database. Every release of every service is a tag of that image that
// differs in environment and entry point only, so nothing is ever pulled while
// a lab runs.
package images

import (
	"fmt"
	"strings"
)

// Suite is the Debian release that the base image is made of.
const Suite = "trixie"

// Label marks every image made for labs with what it is: control, base, system or
// shop. Who removes what carries it removes all of them.
const Label = "faultlab.image"

// packages is the one list behind both ways to the base image. Recommended
// packages are not followed: what is wanted is named.
var packages = []string{
	// the daemons of the sample system
	"dnsmasq-base",
	"haproxy",
	"postgresql-17",
	"prometheus",
	"prometheus-alertmanager",
	"redis-server",
	// the trainee's way to deploy
	"docker-cli",
	"docker-compose",
	"git",
	// the trainee's way to look
	"bind9-dnsutils",
	"curl",
	"htop",
	"iproute2",
	"iputils-ping",
	"jq",
	"lsof",
	"mtr-tiny",
	"netcat-openbsd",
	"openssl",
	"procps",
	"promtool",
	"psmisc",
	"strace",
	"tcpdump",
	"wrk",
	// comfort
	"bash-completion",
	"bsdextrautils",
	"ca-certificates",
	"less",
	"nano",
	"tmux",
	"vim-tiny",
	// for what is kept packed
	"zstd",
}

// exclusions are dpkg path patterns of files that never reach the image. A
// star also matches slashes, as in dpkg(1). Licence texts stay: see inclusions.
var exclusions = []string{
	// documentation and translations
	"/usr/share/doc/*",
	"/usr/share/doc-base/*",
	"/usr/share/groff/*",
	"/usr/share/info/*",
	"/usr/share/linda/*",
	"/usr/share/lintian/*",
	"/usr/share/locale/*",
	"/usr/share/man/*",
	"/usr/share/perl/*/pod/*",
	"/usr/share/postgresql/*/man/*",
	"/usr/share/vim/vim*/doc/*",
	// only C.UTF-8 is used, and libc brings that ready-made
	"/usr/share/i18n/charmaps/*",
	"/usr/share/i18n/locales/*",
	"/usr/lib/*/gconv/*",
	// PostgreSQL runs with jit=off; LLVM alone is a fifth of the whole
	"/usr/lib/*/libLLVM*",
	"/usr/lib/*/libz3.so*",
	"/usr/lib/llvm-*",
	"/usr/lib/postgresql/*/lib/bitcode/*",
	"/usr/lib/postgresql/*/lib/llvmjit*",
	// traffic control is the injector's tool, not the trainee's
	"/sbin/tc",
	"/usr/sbin/tc",
	"/usr/lib/tc/*",
	"/usr/lib/*/tc/*",
	"/usr/share/tc/*",
	"/usr/share/bash-completion/completions/tc",
	// parts of perl that only other languages and developers need
	"/usr/lib/*/perl/*/CORE/*",
	"/usr/lib/*/perl/*/auto/Encode/CN/*",
	"/usr/lib/*/perl/*/auto/Encode/JP/*",
	"/usr/lib/*/perl/*/auto/Encode/KR/*",
	"/usr/lib/*/perl/*/auto/Encode/TW/*",
	"/usr/lib/*/perl/*/auto/Unicode/*",
	"/usr/share/perl/*/Module/CoreList*",
	"/usr/share/perl/*/Unicode/Collate/*",
	"/usr/share/perl/*/unicore/Name.pl",
	"/usr/share/perl/*/unicore/TestNorm.pl",
	// git over the network and git's servers: the repository is local
	"/usr/bin/git-shell",
	"/usr/bin/scalar",
	"/usr/lib/git-core/git-daemon",
	"/usr/lib/git-core/git-http-*",
	"/usr/lib/git-core/git-imap-send",
	"/usr/lib/git-core/git-remote-http",
	"/usr/lib/git-core/git-shell",
	"/usr/lib/git-core/scalar",
	"/usr/share/gitweb/*",
	// what Prometheus' graph page needs in a browser: nobody has one there
	"/usr/share/javascript/*",
	"/usr/share/nodejs/*",
	"/usr/share/fonts/*",
	// the same program as redis-server, which is a link to redis-check-rdb
	"/usr/bin/redis-check-aof",
}

// inclusions are exceptions to exclusions, in the same notation. The manual
// page is one that its package registers as an alternative and fails without.
var inclusions = []string{
	"/usr/share/postgresql/*/man/man1/psql.1.gz",
	"/usr/share/doc/*/copyright",
}

// Packages returns the Debian packages of the base image, sorted by purpose.
func Packages() []string { return append([]string(nil), packages...) }

// Bootstrap describes one run of mmdebstrap, the way to the base image where
// no registry answers. The zero value uses the archives that mmdebstrap takes by
// itself for the suite, with its updates and security fixes.
type Bootstrap struct {
	Mode   string // mmdebstrap's --mode; default "auto"
	Mirror string // a Debian archive to use instead, without a security archive
}

// Args returns the arguments of mmdebstrap that write the base image as a tar
// stream to standard output, ready for an image import. The tool's messages go
// to standard error.
func (b Bootstrap) Args() []string {
	args := []string{
		"--mode=" + or(b.Mode, "auto"),
		"--variant=minbase",
		"--format=tar",
		"--include=" + strings.Join(packages, ","),
		`--aptopt=APT::Install-Recommends "false"`,
		`--aptopt=Acquire::Languages "none"`,
		"--dpkgopt=force-unsafe-io",
	}
	for _, line := range dpkgFilter() {
		args = append(args, "--dpkgopt="+line)
	}
	args = append(args,
		`--essential-hook=chroot "$1" sh -e -c '`+prepare+`'`,
		`--customize-hook=chroot "$1" sh -e -c '`+finish()+`'`,
		// copies of the building machine's; an engine mounts its own over them
		`--customize-hook=for f in hostname hosts resolv.conf; do rm -f "$1/etc/$f"; : > "$1/etc/$f"; done`,
		Suite, "-",
	)
	if b.Mirror != "" {
		args = append(args, fmt.Sprintf("deb %s %s main", b.Mirror, Suite))
	}
	return args
}

// Dockerfile returns the text of a Dockerfile that makes the base image where a
// registry answers. It needs no build context. The last stage is flat, so that
// what is removed does not stay in a lower layer. The first stage stays on the engine
// without a name, and so carries the label itself.
func Dockerfile() string {
	var b strings.Builder
	b.WriteString("FROM debian:" + Suite + "-slim AS root\n")
	b.WriteString("LABEL " + Label + "=base\n")
	b.WriteString("ENV DEBIAN_FRONTEND=noninteractive\n")
	b.WriteString("RUN printf '%s\\n' \\\n")
	for _, line := range append([]string{"force-unsafe-io"}, dpkgFilter()...) {
		fmt.Fprintf(&b, "    '%s' \\\n", line)
	}
	b.WriteString("    > /etc/dpkg/dpkg.cfg.d/99build\n")
	fmt.Fprintf(&b, "RUN %s\n", chain(prepare))
	b.WriteString("RUN apt-get update \\\n && apt-get -y dist-upgrade \\\n")
	b.WriteString(" && apt-get install -y --no-install-recommends \\\n")
	for _, p := range packages[:len(packages)-1] {
		fmt.Fprintf(&b, "    %s \\\n", p)
	}
	fmt.Fprintf(&b, "    %s\n", packages[len(packages)-1])
	fmt.Fprintf(&b, "RUN %s\n", chain(finish()))
	b.WriteString("\nFROM scratch\nCOPY --from=root / /\nCMD [\"bash\"]\n")
	return b.String()
}

// dpkgFilter returns the path filter as lines of dpkg's configuration. The
// order matters: the last line that matches a path wins.
func dpkgFilter() []string {
	var lines []string
	for _, p := range exclusions {
		lines = append(lines, "path-exclude="+p)
	}
	for _, p := range inclusions {
		lines = append(lines, "path-include="+p)
	}
	return lines
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
