package main

import "slices"

// shown is a change to the shop that turns out badly, and what is seen of it.
type shown struct {
	Mode string // what goes wrong, e.g. "3b fd-leak"
	// Change is the name of one of workspace.Changes, or a lab with one variant, of which
	// the deploy is meant: "3a-memory-leak/catalog-memo".
	Change string
	// While and End are run beside the bastion, before all else and after the rollback: a
	// fault that brings to light what the release does not bear.
	While, End string
	Sights     []sight
	// Undo is run after the revert; "": what was run after the commit.
	Undo string
}

// sight is something to look at: a line for bash on the bastion, or, where it begins with
// "faultlab", beside it. Bad is found in what it prints while the change is in, Well in
// what it prints without, never the other way round.
type sight struct{ Look, Bad, Well string }

const (
	up       = "docker compose up -d --quiet-pull"
	searches = "docker compose exec -T db psql -U postgres shop -c \"EXPLAIN SELECT id FROM products WHERE to_tsvector('simple', name) @@ to_tsquery('simple', 'lamp')\""
	// The statement that once made the index, as in db/migrations/0001_products.sql.
	indexAgain = "psql -q -v ON_ERROR_STOP=1 -c 'DROP INDEX IF EXISTS products_name_stems, products_name_words' -c \"$(grep 'CREATE INDEX products_name_words' db/migrations/0001_products.sql)\""
)

// users looks at what users get, in a row of status.
func users(row string) sight {
	return sight{"faultlab status --id $LAB | grep -E 'in the last|segment|" + row + " '", row + ` .*<- suffers`, row + ` .*\d *\n`}
}

// all are shown in this order.
func all() []shown {
	return slices.Concat(releases(), migrations(), names(), settings())
}

func releases() []shown {
	var list []shown
	for _, change := range []string{"checkout-one-setup", "checkout-deadline"} {
		list = append(list, shown{Mode: "1b hung-dependency", Change: change,
			While: "faultlab inject ${LAB}_partner dependency-hang --param port=8080 --param percent=100 --detach --for 5m",
			End:   "faultlab revert ${LAB}_partner",
			Sights: []sight{
				{"query 'workers_busy / workers_max'", `^1  \{`, `^0(\.[0-4]\d*)?  \{`},
				{`curl -sf 'http://checkout:8080/debug/pprof/goroutine?debug=1' | awk -v RS= '/partner\).post/ { n += $1; print } END { print n + 0 " wait for the partner" }'`,
					`(?m)^1[3-6] wait`, `(?m)^[0-5] wait`},
				{"traces --route checkout --limit 3", `no place was free`, `checkout +\d\d\d`},
			}})
	}
	for _, w := range [][2]string{{"web-suggestions", "web-us-a"}, {"web-suggestions-eu", "web-eu"}, {"web-suggestions-ap", "web-ap"}} {
		list = append(list, shown{Mode: "3b fd-leak", Change: w[0], Sights: []sight{
			{"docker compose exec -T " + w[1] + " ss -Htn state close-wait | awk 'NR <= 3; END { print NR \" in CLOSE-WAIT\" }'", `(?m)^([2-9]\d|\d{3,}) in`, `(?m)^[0-4] in`},
			{"docker compose exec -T " + w[1] + " sh -c 'ls /proc/1/fd | wc -l'", `^(\d{3,}|[6-9]\d)\n`, `^[1-4]?\d\n`},
		}})
	}
	for _, leak := range []struct{ variant, at, by, load string }{
		{"catalog-memo", "catalog-a", "Memo", "-c 4 'http://us.shop.example/search?q=lamp'"},
		{"catalog-suggest", "catalog-a", "Suggest", "-c 4 'http://us.shop.example/search?q=lamp'"},
		{"web-recorder", "web-eu", "Recorder", "-c 20 'http://eu.shop.example/search?q=lamp'"},
	} {
		list = append(list, shown{Mode: "3a memory-leak", Change: "3a-memory-leak/" + leak.variant, Sights: []sight{
			{"pprof -top -cum 'http://" + leak.at + ":8080/debug/pprof/heap?gc=1' 2> /dev/null | grep -E 'flat|faultlab' | head -n 12", leak.by, `flat`},
			{"wrk -t 1 -d 4s " + leak.load + " | grep requests; docker inspect -f 'restarts={{.RestartCount}} oom={{.State.OOMKilled}} exit={{.State.ExitCode}}' $(docker compose ps -aq " + leak.at + ")",
				`restarts=[1-9]`, `restarts=0 oom=false`},
		}})
	}
	return append(list,
		shown{Mode: "4b idle-transaction", Change: "reports-featured",
			Undo: "docker compose up -d --force-recreate jobs && psql -q -c 'REVOKE ALL ON featured FROM reports'",
			Sights: []sight{
				{`psql -c "SELECT pid, usename, state, wait_event_type, pg_blocking_pids(pid) AS blocked_by, left(query, 40) AS query FROM pg_stat_activity WHERE datname = 'shop' AND (state = 'idle in transaction' OR wait_event_type = 'Lock') ORDER BY state DESC"`,
					`reports +\| idle in transaction[^$]*\| Lock`, `\(0 rows\)`},
				{`psql -c "SELECT usename, state, mode, granted FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE relation = 'featured'::regclass AND mode = 'AccessExclusiveLock'"`,
					`AccessExclusiveLock \| t`, `\(0 rows\)`},
				users("route home"),
			}},
		shown{Mode: "4c n-plus-one", Change: "catalog-single", Sights: []sight{
			{"trace $(traces --route search --limit 20 --json | jq -r '.traces | max_by(.steps).trace_id')", `(product[^$]*){10}`, `search`},
			{"traces --route search --limit 5", `search +200 +[\d.]+ +([2-9]\d|\d{3,}) `, `search +200 +[\d.]+ +\d `},
		}},
		shown{Mode: "7b hot-tenant", Change: "tenant-prices", Undo: up + " && psql -q -c 'DROP TABLE price_rules'", Sights: []sight{
			users("tenant harbour"),
			{"for t in aurora harbour; do as-user us -s -o /dev/null -H X-Tenant:$t -w \"$t %{http_code} %{time_total}\\n\" /product/$((RANDOM + 1)); done", `harbour 200 (0\.0[3-9]|0\.[1-9]|[1-9])`, `harbour 200 0\.0[0-2]`},
			{"if psql -XAtc \"SELECT to_regclass('price_rules')\" | grep -q .; then psql -c \"EXPLAIN (ANALYZE, COSTS OFF) SELECT percent FROM price_rules WHERE tenant = 'harbour' AND sku = (SELECT sku FROM products WHERE id = 7)\"; else echo 'there are no price rules'; fi", `Rows Removed by Filter: [1-9]\d{4}`, `there are no price rules`},
		}},
	)
}

func migrations() []shown {
	var list []shown
	for _, change := range []string{"search-english", "search-in-stock", "search-rebuild"} {
		list = append(list, shown{Mode: "4a missing-index", Change: change, Undo: indexAgain, Sights: []sight{
			{searches, `Seq Scan on products`, `Index Scan on products_name_words`},
			users("route search"),
		}})
	}
	return append(list, shown{Mode: "4a missing-index", Change: "products-by-tenant",
		Undo: "psql -q -v ON_ERROR_STOP=1 -c 'ALTER TABLE products DROP CONSTRAINT products_pkey, ADD PRIMARY KEY (id)' -c 'ALTER TABLE featured ADD FOREIGN KEY (product_id) REFERENCES products' -c 'ALTER TABLE order_lines ADD FOREIGN KEY (product_id) REFERENCES products'",
		Sights: []sight{
			{"psql -c 'EXPLAIN SELECT name FROM products WHERE id = 7'", `Seq Scan on products|cost=[\d.]+\.\.\d{3}`, `Index Scan using products_pkey on products  \(cost=[\d.]+\.\.\d\.`},
			{"psql -c '\\d products'", `PRIMARY KEY, btree \(tenant, id\)`, `PRIMARY KEY, btree \(id\)`},
		}})
}

func names() []shown {
	return []shown{
		{Mode: "1c dns-breakage", Change: "dns-partner-moves", Sights: []sight{
			{"dig +short primary.payments.example", `\.13\n`, `\.30\n`},
			{"docker compose exec -T checkout getent hosts primary.payments.example", `\.13 `, `\.30 `},
			users("route checkout"),
		}},
		{Mode: "1c dns-breakage", Change: "dns-partner-zone", Sights: []sight{
			{"(dig +tries=1 +time=2 primary.payments.example || true) | grep ';; '", `REFUSED|SERVFAIL|timed out|no servers`, `NOERROR`},
			users("route checkout"),
		}},
		{Mode: "1c dns-breakage", Change: "dns-short-names", Sights: []sight{
			{"docker compose exec -T catalog-a getent hosts db.shop.internal", `\.10 `, `\.20 `},
			users("all"),
		}},
	}
}

func settings() []shown {
	var list []shown
	for _, change := range []string{"edge-region-map", "edge-region-order"} {
		list = append(list, shown{Mode: "7a region-latency", Change: change, Sights: []sight{
			{"as-user eu /product/7", `zone ap-a`, `zone eu-a`},
			{"faultlab status --id $LAB | grep -E 'in the last|segment|region'", `region eu +\d+ +[\d.]+ +1[3-9]\d `, `region eu +\d+ +[\d.]+ +[89]\d `}, // the median
		}})
	}
	return append(list, shown{Mode: "6a unlimited-neighbour", Change: "edge-stats-by-the-second", Sights: []sight{
		{"docker compose exec -T jobs ps axo pid,ppid,rss,args --sort -rss --no-headers | cut -c1-70 | head", `awk`, `shop reports`},
		{"docker compose logs --no-log-prefix jobs | { grep -i 'out of memory\\|killed process' || echo 'nothing was killed'; }", `Killed process .*shop`, `nothing was killed`},
	}})
}
