package images

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// DataDir is where PostgreSQL's data lies in the system image. A named volume
// mounted there starts as a copy of it.
const DataDir = "/var/lib/postgresql/data"

// BinaryName is the name in the build context of the shop's static binary.
const BinaryName = "shop"

//go:embed rootfs
var rootfs embed.FS

// Rootfs returns the files that System copies to the image's root, by their
// path in the build context ("rootfs/etc/...").
func Rootfs() map[string][]byte {
	files := map[string][]byte{}
	err := fs.WalkDir(rootfs, "rootfs", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = rootfs.ReadFile(name)
		return err
	})
	if err != nil {
		panic(err) // embedded files do not fail
	}
	return files
}

// SQL is one file of statements that fills the database while the system image
// is built. Psql runs it as superuser with two variables: shop_password, which
// is AppPassword, and grader_password, which is random and kept nowhere; who
// needs that role sets a password of its own once the database runs.
type SQL struct {
	File     string // name below sql/ in the build context
	Database string // where it runs: "postgres" before the file that makes "shop"
}

// AppPassword is the password of the database role shop, which the services use.
const AppPassword = "shop"

// System returns the text of the system image's Dockerfile. The build context
// must hold the shop's binary under BinaryName, the files of Rootfs, and the
// files of steps under sql/. They run in the given order and have to make the
// database shop.
//
// The database is made while building, so that a lab's database starts from a
// finished data directory in less than a second.
func System(base string, steps []SQL) string {
	var b strings.Builder
	fmt.Fprintf(&b, "FROM %s\n", base)
	b.WriteString("ENV PATH=" + binPath + " LANG=C.UTF-8 PAGER=less LESS=-FRX\n")
	b.WriteString("COPY rootfs/ /\nCOPY sql/ /tmp/sql/\n")
	fmt.Fprintf(&b, "RUN %s\n", chain(seed(steps)))
	fmt.Fprintf(&b, "COPY %s /usr/local/bin/shop\n", BinaryName)
	b.WriteString("CMD [\"bash\"]\n")
	return b.String()
}

// PostgreSQL's own programs come before the wrappers in /usr/bin, which start
// perl first.
const binPath = "/usr/local/sbin:/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// seed returns the script that makes the data directory. It trades safety for
// speed, since a build that dies is thrown away, and ends with a checkpoint and
// a clean stop, so that a start has nothing to recover.
func seed(steps []SQL) string {
	const (
		as   = "setpriv --reuid=postgres --regid=postgres --init-groups "
		psql = as + "psql -q -X -v ON_ERROR_STOP=1 "
	)
	lines := []string{
		"mkdir -p /etc/shop /workspace",
		"install -d -o haproxy -g haproxy /run/haproxy",
		"install -d -o postgres -g postgres -m 0775 /run/postgresql",
		"install -d -o postgres -g postgres -m 0700 " + DataDir,
		"cd /tmp",
		as + "initdb -D " + DataDir + " --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8" +
			" --wal-segsize=1 --no-data-checksums --no-sync --no-instructions > /dev/null",
		as + "pg_ctl -D " + DataDir + " -w -s -l /tmp/build.log start -o \"-c fsync=off -c full_page_writes=off" +
			" -c listen_addresses= -c jit=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=1GB" +
			" -c shared_buffers=64MB -c maintenance_work_mem=64MB -c autovacuum=off" +
			" -c shared_preload_libraries=pg_stat_statements\"",
		"random=$(head -c 18 /dev/urandom | base64)",
	}
	for _, s := range steps {
		lines = append(lines, psql+"-d "+s.Database+" -v shop_password="+AppPassword+
			" -v grader_password=$random -f /tmp/sql/"+s.File+" > /dev/null")
	}
	return strings.Join(append(lines,
		psql+"-d shop -c \"CREATE EXTENSION pg_stat_statements\" -c \"GRANT pg_read_all_stats TO shop\"",
		as+"vacuumdb -q --all --freeze --analyze",
		psql+"-d postgres -c CHECKPOINT",
		as+"pg_ctl -D "+DataDir+" -w -s -m fast stop",
		"rm -rf /tmp/* /run/postgresql/.s* /run/postgresql/*",
	), "\n")
}
