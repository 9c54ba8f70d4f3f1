package workspace

// earlier holds what is older than two weeks. Its last commit begins the
// repository and brings every file that no other commit adds.
func earlier() []Past {
	return []Past{
		monitoringComes(),
		{Age: 15 * day, Commit: Commit{Aiko,
			"edge: keep the last addresses for 30 s when the resolver is silent",
			[]Edit{
				{"edge/haproxy.cfg", "    hold timeout 10s\n    hold other 10s\n", "    hold timeout 30s\n    hold other 30s\n"},
			}}},
		shippingComes(),
		{Age: 18 * day, Commit: Commit{Maya,
			"web: memory limit back to 40 MB\n\nIt uses 20. The higher limit was for the profiling week.",
			[]Edit{{"compose.yaml",
				"${REGISTRY}/web:5.7.2\n  volumes: [\"./config:/etc/shop:ro\"]\n  mem_limit: 96m\n  memswap_limit: 96m\n",
				"${REGISTRY}/web:5.7.2\n  volumes: [\"./config:/etc/shop:ro\"]\n  mem_limit: 40m\n  memswap_limit: 40m\n"}}}},
		{Age: 19 * day, Commit: Commit{Maya,
			"runbook: how to move a service to another zone",
			[]Edit{{"RUNBOOK.md",
				"`state ready` brings it back. `show servers state` shows where we are.\n\n## Who owns what\n",
				"`state ready` brings it back. `show servers state` shows where we are.\n\n" +
					"## Move a service to another zone\n\n" +
					"A zone that is drained can leave its region short. To place a service elsewhere:\n\n" +
					"1. in `compose.yaml` change its `place` label and `ZONE` (and, for another\n" +
					"   region, `region` and `REGION`),\n" +
					"2. commit, `docker compose up -d`. The container is made anew in that zone.\n\n" +
					"## Who owns what\n"}}}},
		{Age: 20 * day, Adds: []string{"db/migrations/0003_orders.sql"}, Commit: Commit{Jonas,
			"db: 0003, orders move here from the old shop's database", nil}},
		{Age: 22 * day, Commit: Commit{Jonas,
			"db: end transactions that idle for a minute",
			[]Edit{{"db/postgresql.conf",
				"timezone = 'UTC'\n\n",
				"timezone = 'UTC'\n\n# a client that forgets its transaction does not hold locks for ever\nidle_in_transaction_session_timeout = 60s\n"}}}},
		{Age: 24 * day, Commit: Commit{Tomas,
			"catalog: release 2.12.0",
			[]Edit{{"compose.yaml", "${REGISTRY}/catalog:2.11.3", "${REGISTRY}/catalog:2.12.0"}}}},
		{Age: 25 * day, Adds: []string{"db/migrations/0002_featured.sql"}, Commit: Commit{Jonas,
			"db: 0002, table of featured products", nil}},
		{Age: 30 * day, Commit: Commit{Priya,
			"web: release 5.7.2",
			[]Edit{{"compose.yaml", "${REGISTRY}/web:5.7.1", "${REGISTRY}/web:5.7.2"}}}},
		{Age: 33 * day, Commit: Commit{Aiko,
			"edge: retry a refused connection on another server at once",
			[]Edit{{"edge/haproxy.cfg", "    option redispatch 2\n", "    option redispatch 1\n"}}}},
		{Age: 36 * day, Commit: Commit{Jonas,
			"Revert \"catalog: 12 connections a replica\"\n\nNo faster, and migrations could not get a connection.",
			[]Edit{{"config/catalog.yaml",
				"  pool: 12\n",
				"  pool: 4              # per replica; the database takes 40 in all\n"}}}},
		{Age: 37 * day, Commit: Commit{Tomas,
			"catalog: 12 connections a replica",
			[]Edit{{"config/catalog.yaml",
				"  pool: 4              # per replica; the database takes 40 in all\n",
				"  pool: 12\n"}}}},
		{Age: 41 * day, Adds: []string{"docs/architecture.txt"}, Commit: Commit{Maya,
			"docs: the picture", nil}},
		{Age: 44 * day, Commit: Commit{Priya,
			"web: release 5.7.1\n\nRelated to the report of empty pages in ap.",
			[]Edit{{"compose.yaml", "${REGISTRY}/web:5.7.0", "${REGISTRY}/web:5.7.1"}}}},
		{Age: 48 * day, Commit: Commit{Maya,
			"compose: bound the logs\n\nThe disk of us-b was full of them on Sunday.",
			[]Edit{{"compose.yaml",
				"      max-size: 50m\n",
				"      max-size: 5m\n"}}}},
		{Age: 56 * day, Commit: Commit{Maya,
			"The shop's deploy repository\n\nTaken over from the old configuration management as it was.", nil}},
	}
}
