package reports_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/reports"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shoptest"
)

type bench struct {
	*testing.T
	server *dbtest.Server
	db     *pgxpool.Pool // as the shop, who owns it
}

func (b *bench) exec(sql string, args ...any) {
	b.Helper()
	if _, err := b.db.Exec(context.Background(), sql, args...); err != nil {
		b.Fatal(err)
	}
}

// text gives a value as the database shows it.
func (b *bench) text(sql string, args ...any) string {
	b.Helper()
	var s string
	if err := b.db.QueryRow(context.Background(), "SELECT coalesce(("+sql+")::text, '')", args...).Scan(&s); err != nil {
		b.Fatal(err)
	}
	return s
}

// job runs the service every second until the test ends or stop is called.
func (b *bench) job(change func(*reports.Config)) (on *service.Service, stop func()) {
	b.Helper()
	c := reports.DefaultConfig()
	c.Database.Host, c.Database.Port, c.Database.Password = "127.0.0.1", b.server.Port, dbtest.ReportsPassword
	c.Every, c.Chunk.Pause, c.Days = time.Second, 0, 0
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		b.Fatal(err)
	}
	on = shoptest.Service(reports.Name, "1.0.0")
	closing, err := reports.Build(context.Background(), on, &c)
	if err != nil {
		b.Fatal(err)
	}
	closed := false
	stop = func() {
		if !closed {
			closing()
		}
		closed = true
	}
	b.Cleanup(stop)
	return on, stop
}

func (b *bench) until(what string, holds func() bool) {
	b.Helper()
	for began := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			b.Fatalf("not after 30 s: %s; runs:\n%s", what, b.text("SELECT string_agg(r::text, E'\n' ORDER BY id) FROM report_runs r"))
		}
	}
}

// runs waits until a service has made n runs with a result.
func (b *bench) runs(on *service.Service, result string, n float64) {
	b.Helper()
	b.until(fmt.Sprintf("%v runs are %s", n, result), func() bool { return b.metric(on, "report_runs_total", result) >= n })
}

func (b *bench) metric(on *service.Service, name, labels string) float64 {
	b.Helper()
	for line := range strings.Lines(shoptest.Get(b, on.Handler(), "/metrics", "").Body.String()) {
		if strings.HasPrefix(line, name+"{") && strings.Contains(line, labels) {
			var v float64
			if _, err := fmt.Sscan(line[strings.LastIndex(line, "}")+1:], &v); err != nil {
				b.Fatal(err)
			}
			return v
		}
	}
	return -1
}

// What the report has to say, by one statement over everything.
const (
	salesSQL = `SELECT string_agg(format('%s %s %s %s', day, region, n, cents), E'\n' ORDER BY day, region) FROM (
		SELECT (created_at AT TIME ZONE 'UTC')::date AS day, region, count(*) AS n, sum(total_cents) AS cents
		FROM orders WHERE state = 'paid' GROUP BY 1, 2) s`
	reportedSQL = `SELECT string_agg(format('%s %s %s %s', day, region, orders, total_cents), E'\n' ORDER BY day, region) FROM report_sales`
	topSQL      = `SELECT string_agg(format('%s %s %s %s', day, rank, product_id, quantity), E'\n' ORDER BY day, rank) FROM (
		SELECT day, product_id, quantity, row_number() OVER (PARTITION BY day ORDER BY quantity DESC, cents DESC, product_id) AS rank FROM (
			SELECT (created_at AT TIME ZONE 'UTC')::date AS day, product_id, sum(quantity) AS quantity, sum(quantity * price_cents) AS cents
			FROM orders JOIN order_lines ON order_id = id WHERE state = 'paid' GROUP BY 1, 2) p) r WHERE rank <= 3`
	reportedTopSQL = `SELECT string_agg(format('%s %s %s %s', day, rank, product_id, quantity), E'\n' ORDER BY day, rank) FROM report_products`
)

func TestReports(t *testing.T) {
	server := dbtest.Start(t)
	db, err := pgxpool.New(context.Background(), server.URL("shop", dbtest.ShopPassword))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	b := &bench{T: t, server: server, db: db}
	// Five days with 400 orders of three regions, one of eight not paid, and gaps in the ids.
	b.exec(`INSERT INTO orders (key, tenant, region, state, total_cents, created_at)
		SELECT 'order-' || n, 'fjord', (ARRAY['us', 'eu', 'ap'])[1 + n % 3], CASE WHEN n % 8 = 0 THEN 'declined' ELSE 'paid' END, 0,
		       now() - interval '4 days' + n * interval '14 minutes 24 seconds' - interval '1 minute' FROM generate_series(1, 400) AS n`)
	b.exec(`INSERT INTO order_lines (order_id, product_id, quantity, price_cents)
		SELECT id, 1 + (id * 7 + line * 13) % 20, 1 + (id + line) % 9, 100 + id % 50 FROM orders, generate_series(1, 2) AS line`)
	b.exec(`UPDATE orders SET total_cents = (SELECT sum(quantity * price_cents) FROM order_lines WHERE order_id = id)`)
	b.exec(`DELETE FROM order_lines WHERE order_id BETWEEN 100 AND 130`)
	b.exec(`DELETE FROM orders WHERE id BETWEEN 100 AND 130`)
	for name, test := range map[string]func(*bench){
		"the sums are right whatever the chunks are": sums,
		"only the last days are made anew":           lastDays,
		"one run at a time":                          oneAtATime,
		"a statement takes too long":                 tooLong,
		"a run takes too long":                       tooLongAltogether,
		"a stop in the middle":                       stopInTheMiddle,
		"a run that was killed is put on record":     killed,
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{T: t, server: server, db: db}
			b.exec("TRUNCATE report_runs, report_sales, report_products")
			test(b)
		})
	}
}

func sums(b *bench) {
	for _, size := range []int{0, 1000, 7} {
		on, stop := b.job(func(c *reports.Config) { c.Chunk.Size, c.Top = size, 3 })
		b.runs(on, "ok", 1)
		stop()
		if got, want := b.text(reportedSQL), b.text(salesSQL); got != want || want == "" {
			b.Errorf("chunks of %d: sales are\n%s\nwant\n%s", size, got, want)
		}
		if got, want := b.text(reportedTopSQL), b.text(topSQL); got != want || want == "" {
			b.Errorf("chunks of %d: products are\n%s\nwant\n%s", size, got, want)
		}
		runs := b.metric(on, "report_runs_total", "ok") + b.metric(on, "report_runs_total", "failed")
		if got := b.metric(on, "report_chunks_total", ""); size == 7 && got < 50 || size != 7 && got > runs {
			b.Errorf("chunks of %d: %v were read", size, got)
		}
	}
	if got := b.text("SELECT count(*) FROM report_runs WHERE finished_at IS NOT NULL AND error IS NULL AND rows > 0"); got == "0" {
		b.Error("no run is on record")
	}
	// After a start the metrics tell of the run before it.
	on, _ := b.job(func(c *reports.Config) { c.Every = 24 * time.Hour })
	b.until("the metrics tell of the last success", func() bool {
		return float64(time.Now().Unix())-b.metric(on, "report_last_success_timestamp_seconds", "") < 60 && b.metric(on, "report_last_rows", "") > 0
	})
}

func lastDays(b *bench) {
	old := b.text("SELECT (now() AT TIME ZONE 'UTC')::date - 3")
	b.exec("INSERT INTO report_sales VALUES ($1::date, 'us', 1, 2, 0), ((now() AT TIME ZONE 'UTC')::date, 'nowhere', 1, 2, 0)", old)
	on, stop := b.job(func(c *reports.Config) { c.Days, c.Chunk.Size = 2, 10 })
	b.runs(on, "ok", 1)
	stop()
	want := b.text(strings.Replace(salesSQL, "WHERE state", "WHERE created_at >= date_trunc('day', now(), 'UTC') - interval '1 day' AND state", 1))
	if got := b.text(reportedSQL); got != old+" us 1 2\n"+want {
		b.Errorf("sales are\n%s\nwant the old row, and\n%s", got, want)
	}
	if chunks, runs := b.metric(on, "report_chunks_total", ""), b.metric(on, "report_runs_total", "ok"); chunks > 30*runs {
		b.Errorf("%v chunks were read in %v runs; want those of the last days only", chunks, runs)
	}
}

func oneAtATime(b *bench) {
	slow := func(c *reports.Config) { c.Chunk.Size, c.Chunk.Pause = 200, time.Minute }
	first, stop := b.job(slow)
	b.until("the first one runs", func() bool {
		return b.metric(first, "report_running", "") == 1 && b.metric(first, "report_chunks_total", "") > 0
	})
	second, _ := b.job(nil)
	b.runs(second, "skipped", 1)
	if got := b.metric(second, "report_runs_total", "ok"); got != 0 {
		b.Errorf("%v runs beside the first", got)
	}
	if got := b.text("SELECT count(*) FROM report_runs"); got != "1" {
		b.Errorf("%s runs are on record; want 1", got)
	}
	stop()
	b.runs(second, "ok", 1)
}

func tooLong(b *bench) {
	ctx := context.Background()
	tx, err := b.db.Begin(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "LOCK TABLE order_lines"); err != nil {
		b.Fatal(err)
	}
	on, _ := b.job(func(c *reports.Config) { c.StatementTimeout, c.Chunk.Retries = 100*time.Millisecond, 1 })
	b.runs(on, "failed", 1)
	if got := b.text("SELECT error FROM report_runs WHERE finished_at IS NOT NULL ORDER BY id LIMIT 1"); !strings.Contains(got, "orders 1 to 400: ") || !strings.Contains(got, "statement timeout") {
		b.Errorf("the record says %q; want the chunk and the statement timeout", got)
	}
	if got := b.text("SELECT count(*) FROM report_sales"); got != "0" {
		b.Errorf("%s rows of a report that failed", got)
	}
	if got := b.metric(on, "report_chunk_retries_total", ""); got < 1 {
		b.Errorf("%v retries; want 1 for each run", got)
	}
	if err := tx.Rollback(ctx); err != nil {
		b.Fatal(err)
	}
	b.runs(on, "ok", 1)
}

func tooLongAltogether(b *bench) {
	on, _ := b.job(func(c *reports.Config) { c.Limit, c.Chunk.Size, c.Chunk.Pause = time.Second, 200, time.Minute })
	b.runs(on, "failed", 2)
	if got := b.text("SELECT error FROM report_runs WHERE finished_at IS NOT NULL ORDER BY id LIMIT 1"); !strings.Contains(got, "deadline exceeded") {
		b.Errorf("the record says %q", got)
	}
}

func stopInTheMiddle(b *bench) {
	on, stop := b.job(func(c *reports.Config) { c.Chunk.Size, c.Chunk.Pause = 200, time.Minute })
	b.until("it runs", func() bool { return b.metric(on, "report_chunks_total", "") > 0 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > time.Second {
		b.Errorf("the stop took %v", took)
	}
	if got := b.text("SELECT error FROM report_runs WHERE finished_at IS NOT NULL"); !strings.Contains(got, "canceled") {
		b.Errorf("the record says %q", got)
	}
	if got := b.text("SELECT count(*) FROM report_sales"); got != "0" {
		b.Errorf("%s rows of half a report", got)
	}
}

// Its connection is gone, and with it the lock.
func killed(b *bench) {
	b.job(func(c *reports.Config) { c.Chunk.Size, c.Chunk.Pause = 200, 2*time.Second })
	victim := "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
	b.until("it has the lock", func() bool { return b.text(victim) != "" && b.text("SELECT count(*) FROM report_runs") == "1" })
	b.exec("INSERT INTO report_runs DEFAULT VALUES") // as of a process that was killed
	conn, err := pgx.Connect(context.Background(), b.server.URL("reports", dbtest.ReportsPassword))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "SELECT pg_terminate_backend(("+victim+"))"); err != nil {
		b.Fatal(err)
	}
	b.until("the next run is well", func() bool {
		return b.text("SELECT count(*) FROM report_runs WHERE finished_at IS NOT NULL AND error IS NULL") != "0"
	})
	if got := b.text("SELECT string_agg(error, ',' ORDER BY id) FROM report_runs WHERE error IS NOT NULL"); !strings.HasSuffix(got, ",cut off") {
		b.Errorf("the records say %q; want an error of the first, and that the second was cut off", got)
	}
}
