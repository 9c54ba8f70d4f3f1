package main

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

// users looks at what users get: rows of status that begin with a segment's name.
func users(segment string) sight {
	return sight{"faultlab status --id $LAB | grep -E 'Users|SEGMENT|segment|" + segment + "'", segment + " .*<- suffers", segment + ` .*\d *\n`}
}

// all are shown in this order.
func all() []shown {
	var list []shown
	for _, change := range []string{"checkout-one-setup", "checkout-deadline"} {
		list = append(list, shown{Mode: "1b hung-dependency", Change: change,
			While: "faultlab inject ${LAB}_partner dependency-hang --param port=8080 --param percent=100 --detach --for 5m",
			End:   "faultlab revert ${LAB}_partner",
			Sights: []sight{
				{"query 'workers_busy / workers_max'", `^1  \{`, `^0(\.[0-4]\d*)?  \{`},
				{`curl -sf 'http://checkout:8080/debug/pprof/goroutine?debug=1' | awk -v RS= '/partner\).post/ { n += $1; print } END { print n + 0 " wait for the partner" }'`,
					`(?m)^1[3-6] wait`, `(?m)^[0-5] wait`},
				{"traces --slow --route checkout --limit 5", `503|504`, `shown of`},
			}})
	}
	for _, name := range []struct{ change, lab, web string }{
		{"web-suggestions", "", "web-us-a"}, {"web-suggestions-eu", "", "web-eu"}, {"web-suggestions-ap", "", "web-ap"},
	} {
		list = append(list, shown{Mode: "3b fd-leak", Change: name.change, Sights: []sight{
			{"docker compose exec -T " + name.web + " ss -Htn state close-wait | awk 'NR <= 3; END { print NR \" in CLOSE-WAIT\" }'", `(?m)^[2-9]\d+ in|^\d{3,} in`, `(?m)^[0-4] in`},
			{"docker compose exec -T " + name.web + " sh -c 'ls /proc/1/fd | wc -l'", `^(\d{3,}|[6-9]\d)\n`, `^[1-4]?\d\n`},
		}})
	}
	for _, leak := range []struct{ variant, at, by string }{
		{"catalog-memo", "catalog-a", "memo"}, {"catalog-suggest", "catalog-a", "suggest"}, {"web-recorder", "web-eu", "recorder"},
	} {
		list = append(list, shown{Mode: "3a memory-leak", Change: "3a-memory-leak/" + leak.variant, Sights: []sight{
			{"pprof -top 'http://" + leak.at + ":8080/debug/pprof/heap?gc=1' 2>/dev/null | head -n 12", leak.by, `Showing nodes`},
			{"docker inspect -f '{{.Name}} restarts={{.RestartCount}} oom={{.State.OOMKilled}} exit={{.State.ExitCode}}' $(docker compose ps -aq " + leak.at + ")", `restarts=[1-9]`, `restarts=0 oom=false`},
		}})
	}
	for _, change := range []string{"search-english", "search-in-stock", "search-rebuild"} {
		list = append(list, shown{Mode: "4a missing-index", Change: change, Undo: indexAgain, Sights: []sight{
			{searches, `Seq Scan on products`, `Index Scan on products_name_words`},
			users("route search"),
		}})
	}
	return append(list,
		shown{Mode: "4c n-plus-one", Change: "catalog-single", Sights: []sight{
			{"traces --route search --limit 20 | awk 'NR > 1 && $6 > max { max = $6; t = $2 } END { print max \" steps at most\"; system(\"trace \" t) }'",
				`(?m)^([2-9]\d|\d{3,}) steps`, `^\d steps`},
		}},
		shown{Mode: "7a region-latency", Change: "edge-region-map", Sights: []sight{
			{"as-user eu /product/7", `zone ap-a`, `zone eu-a`}, users("region eu"),
		}},
		shown{Mode: "7a region-latency", Change: "edge-region-order", Sights: []sight{
			{"as-user eu /product/7", `zone ap-a`, `zone eu-a`}, users("region eu"),
		}},
	)
}
