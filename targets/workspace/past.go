package workspace

import "time"

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// History returns the commits that led to Files, newest first.
func History() []Past {
	return append(lately(), earlier()...)
}

// lately holds the last two weeks.
func lately() []Past {
	return []Past{
		{Age: 3 * hour, Commit: Commit{Aiko,
			"edge: refresh the statistics page every 5 s\n\nTen seconds is too long to watch a deploy.",
			[]Edit{{"edge/haproxy.cfg", "stats refresh 10s", "stats refresh 5s"}}}},
		{Age: 9 * hour, Commit: Commit{Jonas,
			"db: log statements from 200 ms on\n\n500 ms hides the ones that are merely slow.",
			[]Edit{{"db/postgresql.conf", "log_min_duration_statement = 500ms", "log_min_duration_statement = 200ms"}}}},
		webNotes(),
		{Age: 21 * hour, Commit: Commit{Priya,
			"web: notes and settings for 5.9.0\n\nNot deployed yet. Older releases ignore the new key.",
			[]Edit{
				{"services/web/CHANGELOG.md", "# web\n\n## 5.8.0\n",
					"# web\n\n" +
						"## 5.9.0\n- Added: customer care can replay the page a customer saw (/debug/replay/{request id})\n" +
						"- Added: configuration key recorder.max_entries\n" +
						"- Changed: error answers name the upstream that failed\n\n" +
						"## 5.8.0\n"},
				{"config/web.yaml", "  limit: 24\n", "  limit: 24\n\n# From 5.9.0 on. 0: no limit.\nrecorder:\n  max_entries: 0\n"},
			}}},
		{Age: 29 * hour, Commit: Commit{Tomas,
			"catalog: keep cached products for 10 s instead of 15\n\nMerchandising wants price changes to show sooner.",
			[]Edit{{"config/catalog.yaml", "  ttl: 15s\n", "  ttl: 10s\n"}}}},
		checkoutNotes(),
		{Age: 44 * hour, Commit: Commit{Aiko,
			"dns: answers may be kept for 5 s",
			[]Edit{{"dns/dnsmasq.conf", "local-ttl=10\n", "local-ttl=5\n"}}}},
		catalogNotes(),
		{Age: 3*day + 2*hour, Commit: Commit{Priya,
			"web: release 5.8.0",
			[]Edit{{"compose.yaml", "${REGISTRY}/web:5.7.2", "${REGISTRY}/web:5.8.0"}}}},
		reportsNotes(),
		{Age: 4 * day, Adds: []string{"db/migrations/0007_category_foreign_key.sql"}, Commit: Commit{Jonas,
			"db: 0007, products refer to their category\n\nValidated apart from adding it, so that writes go on.", nil}},
		{Age: 4*day + 3*hour, Commit: Commit{Priya,
			"web: notes for 5.8.0",
			[]Edit{{"services/web/CHANGELOG.md", "# web\n\n## 5.7.2\n",
				"# web\n\n" +
					"## 5.8.0\n- Added: product pages show related products of the same category\n" +
					"- Changed: upstream deadline and retries come from the configuration\n\n" +
					"## 5.7.2\n"}}}},
		{Age: 5 * day, Commit: Commit{Tomas,
			"catalog: notes and settings for 2.14.0 and 2.15.0\n\nNot deployed yet. 2.13 ignores the new keys.",
			[]Edit{
				{"services/catalog/CHANGELOG.md", "# catalog\n\n## 2.13.1\n",
					"# catalog\n\n" +
						"## 2.15.0\n- Added: GET /v1/suggest completes what a customer types, recent products first\n" +
						"- Added: configuration key suggest.max_entries\n" +
						"- Removed: the memo of finished answers, the short cache serves the same purpose\n\n" +
						"## 2.14.0\n- Added: finished answers are remembered, saves up to 40 % of queries at peak\n" +
						"- Added: configuration key memo.max_entries\n" +
						"- Fixed: limit is checked before the query runs\n\n" +
						"## 2.13.1\n"},
				{"config/catalog.yaml", "  ttl: 15s\n  timeout: 50ms        # of a lookup, connecting included\n  pool: 8\n", "  ttl: 15s\n  timeout: 50ms        # of a lookup, connecting included\n  pool: 8\n\n" +
					"# From 2.14.0 on. 0: no limit.\nmemo:\n  max_entries: 0\n\n" +
					"# From 2.15.0 on. 0: no limit.\nsuggest:\n  max_entries: 0\n"},
			}}},
		backupComes(),
		replicaComes(),
		{Age: 7 * day, Commit: Commit{Tomas,
			"catalog: release 2.13.1\n\nSkips 2.13.0, which failed its canary in us-b.",
			[]Edit{{"compose.yaml", "${REGISTRY}/catalog:2.12.0", "${REGISTRY}/catalog:2.13.1"}}}},
		{Age: 8 * day, Commit: Commit{Maya,
			"Revert \"web: 48 products on a search page\"\n\nPages weigh twice as much; ap complained within the hour.",
			[]Edit{{"config/web.yaml", "  limit: 48\n", "  limit: 24\n"}}}},
		{Age: 9 * day, Commit: Commit{Priya,
			"web: 48 products on a search page",
			[]Edit{{"config/web.yaml", "  limit: 24\n", "  limit: 48\n"}}}},
		filesLimited(),
		{Age: 11 * day, Commit: Commit{Tomas,
			"catalog: notes for 2.13.1",
			[]Edit{{"services/catalog/CHANGELOG.md", "# catalog\n\n## 2.12.0\n",
				"# catalog\n\n" +
					"## 2.13.1\n- Added: the last word of a search may be incomplete\n" +
					"- Fixed: readiness follows the database\n\n" +
					"## 2.12.0\n"}}}},
		{Age: 12 * day, Commit: Commit{Aiko,
			"edge: give up on a server after 4 s\n\nUsers are gone after 3 s; 10 s only kept connections busy.",
			[]Edit{{"edge/haproxy.cfg", "timeout server 10s", "timeout server 4s"}}}},
		jobsCome(),
	}
}
