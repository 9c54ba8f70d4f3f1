package reports_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/reports"
)

func TestOrdersAreReadFromTheReplica(t *testing.T) {
	server := dbtest.Start(t)
	server.Log(t, 0)
	replica := server.Replica(t)
	db, err := pgxpool.New(context.Background(), server.URL("shop", dbtest.ShopPassword))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	b := &bench{T: t, server: server, db: db}
	sales := func(s *dbtest.Server) int {
		t.Helper()
		log, err := os.ReadFile(s.LogFile())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(log), "-- name: sales")
	}
	const key = `INSERT INTO orders (key, tenant, region, state, total_cents) VALUES ($1, 'fjord', 'eu', 'paid', 100)`
	b.exec(key, "before-all")
	on, _ := b.job(func(c *reports.Config) {
		c.Replica.Host, c.Replica.Port, c.Replica.Wait = c.Database.Host, replica.Port, 300*time.Millisecond
	})
	// more waits for a report with an order that is made now, and gives how often sales
	// were read from the database and from the replica meanwhile.
	more := func(order string) (database, standby int) {
		t.Helper()
		database, standby = sales(server), sales(replica)
		b.exec(key, order)
		want := b.text(salesSQL)
		b.until("the report has "+order, func() bool { return b.text(reportedSQL) == want })
		return sales(server) - database, sales(replica) - standby
	}

	if database, standby := more("while-well"); database != 0 || standby == 0 {
		t.Errorf("sales were read %d times from the database, %d times from the replica", database, standby)
	}
	if n := b.metric(on, "report_replica_fallbacks_total", ""); n != 0 {
		t.Errorf("%v runs fell back while the replica was well", n)
	}
	replica.Exec(t, "SELECT pg_wal_replay_pause()")
	if database, standby := more("while-behind"); database == 0 || standby != 0 {
		t.Errorf("behind: sales were read %d times from the database, %d times from the replica", database, standby)
	}
	replica.Exec(t, "SELECT pg_wal_replay_resume()")
	replica.Stop(t)
	if database, _ := more("while-away"); database == 0 {
		t.Error("away: sales were not read from the database")
	}
	fell := b.metric(on, "report_replica_fallbacks_total", "")
	if fell < 2 {
		t.Errorf("%v runs fell back; want one for each time", fell)
	}
	replica.Run(t)
	b.until("the replica is used again", func() bool {
		_, standby := more("back " + time.Now().String())
		return standby > 0
	})
	if failed := b.metric(on, "report_runs_total", "failed"); failed != 0 {
		t.Errorf("%v runs failed: %s", failed, b.text("SELECT string_agg(error, ',') FROM report_runs"))
	}
}
