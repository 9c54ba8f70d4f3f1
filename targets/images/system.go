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

// ReplicaDir is where a replica's data lies.
const ReplicaDir = "/var/lib/postgresql/replica"

// Names in the build context of the static binaries that the image holds.
const (
	BinaryName  = "shop"
	ProfileName = "pprof" // reads the profiles of the shop's services
)

//go:embed all:rootfs
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
// is built. Psql runs it as superuser with the passwords of the roles as variables:
// shop_password, shipping_password, reports_password and replica_password, and grader_password, which
// is random and kept nowhere; who needs that role sets a password of its own once the
// database runs.
type SQL struct {
	File     string // name below SQLDir in the build context
	Database string // where it runs: "postgres" before the file that makes "shop"
}

// SQLDir is where the build context holds the files named by System's steps.
const SQLDir = "rootfs" + sqlDir

// sqlDir is not below /tmp, whose mode a COPY would change.
const sqlDir = "/usr/local/share/shop"

// Passwords of the database roles that the services use.
const (
	AppPassword      = "shop"     // of role shop
	ShippingPassword = "shipping" // of role shipping
	ReportsPassword  = "reports"  // of role reports
	ReplicaPassword  = "replica"  // of role replica
)

// System returns the text of the system image's Dockerfile. The build context
// must hold the binaries under BinaryName and ProfileName, the files of Rootfs, and
// the files of steps under SQLDir. They run in the given order and have to make the
// database shop.
//
// The database is made while building, so that a lab's database starts from a
// finished data directory in less than a second.
//
// There are few instructions on purpose, with what changes most at the end: an
// engine without native diffs walks the whole tree after each of them.
func System(base string, steps []SQL) string {
	var b strings.Builder
	fmt.Fprintf(&b, "FROM %s\n", base)
	b.WriteString("COPY rootfs/ /\n")
	fmt.Fprintf(&b, "RUN %s\n", chain(seed(steps)))
	fmt.Fprintf(&b, "COPY %s %s /usr/local/bin/\n", ProfileName, BinaryName)
	return b.String()
}

// seed returns the script that makes the data directory. It trades safety for
// speed, since a build that dies is thrown away. It ends with a clean stop and an
// empty write-ahead log, so that a start has nothing to recover and a volume
// little to copy.
func seed(steps []SQL) string {
	const (
		as   = "setpriv --reuid=postgres --regid=postgres --init-groups "
		psql = as + "psql -q -X -v ON_ERROR_STOP=1 "
	)
	lines := []string{
		"export PATH=" + searchPath,
		"mkdir -p /etc/shop /workspace",
		"install -d -o haproxy -g haproxy /run/haproxy",
		"install -d -o postgres -g postgres -m 0775 /run/postgresql",
		"install -d -o postgres -g postgres -m 0700 " + DataDir + " " + ReplicaDir,
		"cd /tmp",
		as + "initdb -D " + DataDir + " --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8" +
			" --wal-segsize=1 --no-sync --no-instructions > /dev/null",
		as + "pg_ctl -D " + DataDir + " -w -s -l /run/postgresql/log start -o \"-c fsync=off -c full_page_writes=off" +
			" -c listen_addresses= -c jit=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=1GB" +
			" -c shared_buffers=64MB -c maintenance_work_mem=64MB -c autovacuum=off" +
			" -c shared_preload_libraries=pg_stat_statements\"",
		"random=$(head -c 18 /dev/urandom | base64)",
	}
	for _, s := range steps {
		lines = append(lines, psql+"-d "+s.Database+" -v shop_password="+AppPassword+
			" -v shipping_password="+ShippingPassword+" -v reports_password="+ReportsPassword+" -v replica_password="+ReplicaPassword+
			" -v grader_password=$random -f "+sqlDir+"/"+s.File+" > /dev/null")
	}
	return strings.Join(append(lines,
		psql+"-d shop -c \"CREATE EXTENSION pg_stat_statements\" -c \"GRANT pg_read_all_stats TO shop\"",
		as+"vacuumdb -q --all --freeze --analyze",
		as+"pg_ctl -D "+DataDir+" -w -s -m fast stop",
		as+"pg_resetwal -D "+DataDir+" > /dev/null",
		"rm -rf "+sqlDir+" /tmp/* /run/postgresql/*",
	), "\n")
}
