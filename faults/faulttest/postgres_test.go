package faulttest_test

import (
	"cmp"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/wait"

	"faultlab/faults"
	"faultlab/faults/faulttest"
)

// A client of a PostgreSQL run by testcontainers-go gives up in time when the network
// to it is slow.
func TestPostgresBehindASlowNetwork(t *testing.T) {
	db := startPostgres(t)
	conn := connect(t, db)

	faulttest.Start(t).Inject(db.GetContainerID(), faults.Latency{Delay: 400 * time.Millisecond})

	hasty, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := conn.Exec(hasty, "select 1"); err == nil || time.Since(began) > 350*time.Millisecond {
		t.Errorf("answered %v after %v; want it to give up after 200 ms", err, time.Since(began))
	}
}

// startPostgres runs the image that FAULTLAB_POSTGRES names, with a user, a password
// and a database shop; by default the usual one, from a registry.
func startPostgres(t *testing.T) testcontainers.Container {
	t.Helper()
	t.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true") // what its reaper does is done by CleanupContainer
	t.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	image := cmp.Or(os.Getenv("FAULTLAB_POSTGRES"), "postgres:17")
	// The image of the labs wants these two files; the usual one does not look at them.
	file := func(path, text string) testcontainers.ContainerFile {
		return testcontainers.ContainerFile{Reader: strings.NewReader(text), ContainerFilePath: path, FileMode: 0o644}
	}
	db, err := testcontainers.Run(t.Context(), image, testcontainers.WithExposedPorts("5432/tcp"),
		testcontainers.WithEnv(map[string]string{"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "shop", "POSTGRES_DB": "shop"}),
		testcontainers.WithFiles(
			file("/etc/postgresql/postgresql.conf", "listen_addresses = '*'\nhba_file = '/etc/postgresql/pg_hba.conf'\n"),
			file("/etc/postgresql/pg_hba.conf", "host all all all scram-sha-256\n")),
		testcontainers.WithLogger(log.TestLogger(t)),
		testcontainers.WithWaitStrategy(wait.ForListeningPort("5432/tcp").SkipInternalCheck()))
	testcontainers.CleanupContainer(t, db)
	if err != nil {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatalf("required here: %s: %v", image, err)
		}
		t.Skipf("no PostgreSQL image (%s): %v", image, err)
	}
	return db
}

// connect waits until the database takes connections.
func connect(t *testing.T, db testcontainers.Container) *pgx.Conn {
	t.Helper()
	at, err := db.PortEndpoint(t.Context(), "5432/tcp", "")
	for range 100 {
		var conn *pgx.Conn
		if err == nil {
			conn, err = pgx.Connect(t.Context(), "postgres://shop:shop@"+at+"/shop")
		}
		if err == nil {
			t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
			return conn
		}
		time.Sleep(100 * time.Millisecond)
		at, err = db.PortEndpoint(t.Context(), "5432/tcp", "")
	}
	t.Fatal(err)
	return nil
}
