package workspace

import "strings"

// shippingComes, monitoringComes, jobsCome and backupComes are the commits that brought what is younger
// than the repository.
func shippingComes() Past {
	return Past{Age: 16 * day, Adds: []string{
		"config/shipping.yaml", "services/shipping/CHANGELOG.md", "db/migrations/0004_shipping.sql",
	}, Commit: Commit{Priya,
		"shipping: release 1.0.0, paid orders go to the warehouse by themselves\n\n" +
			"The queue is a stream in redis, which must not evict it.",
		[]Edit{
			{"compose.yaml", dataAndNames, cut("compose.yaml", "  # ---- shipping", "  # ---- jobs") + dataAndNames},
			{"config/checkout.yaml", "  after: 10s\n", "  after: 10s\n" + cut("config/checkout.yaml", "\n# Who is told", "")},
			{"redis/redis.conf",
				"# Redis: the catalog's cache. Nothing in it is needed: it may be lost at any time.\n",
				cut("redis/redis.conf", "# Redis:", "# Read when")},
			{"redis/redis.conf",
				"# The oldest unused answers leave when it is full.\nmaxmemory 12mb\nmaxmemory-policy allkeys-lru\n",
				cut("redis/redis.conf", "# When it is full", "\n# a client")},
			{"db/pg_hba.conf", "shop,grader ", "shop,shipping,grader "},
			{"RUNBOOK.md", whoOwnsWhat, cut("RUNBOOK.md", "## Orders and shipping", "## Jobs") + whoOwnsWhat},
		}}}
}

func jobsCome() Past {
	return Past{Age: 13 * day, Adds: []string{
		"config/host.yaml", "config/reports.yaml", "config/edge-stats.sh", "services/reports/CHANGELOG.md", "db/migrations/0005_reports.sql",
	}, Commit: Commit{Maya,
		"jobs: a machine for reports and what else runs beside the shop\n\n" +
			"All of it uses 40 MB. The database takes 50 connections now: catalogs at three\n" +
			"replicas, two workers and reports came to 37.",
		[]Edit{
			{"compose.yaml", dataAndNames, cut("compose.yaml", "  # ---- jobs", dataAndNames) + dataAndNames},
			{"db/pg_hba.conf", "shop,shipping,grader ", "shop,shipping,reports,grader "},
			{"db/postgresql.conf", "max_connections = 40\n", "max_connections = 50\n"},
			{"config/catalog.yaml", "the database takes 40 in all", "the database takes 50 in all"},
			{"RUNBOOK.md", whoOwnsWhat, cut("RUNBOOK.md", "## Jobs", "## The replica") + whoOwnsWhat},
		}}}
}

func backupComes() Past {
	return Past{Age: 6 * day, Adds: []string{"db/migrations/0006_payment_providers.sql"}, Commit: Commit{Priya,
		"checkout: a second payment partner\n\nNot asked unless we say so: see the runbook. It takes 0.4 % more.",
		[]Edit{
			{"compose.yaml", "calls the payment partner\n", "calls the payment partners\n"},
			{"config/checkout.yaml", `# The payment partner. Not ours: the vendor team has the contract and the contacts.
payments:
  url: http://primary.payments.example:8080
  timeout: 1s          # one attempt
  retries: 0           # further attempts after a failed one; a charge has a key and is made once
  retry_budget_percent: 0
  max_idle_conns: 16
  breaker:
    failures: 5        # in a row that open it; 0: no breaker
    open_for: 5s
`, strings.Replace(cut("config/checkout.yaml", "# The payment partners,", "\nworkers:"), deadlineKey(), "", 1)},
			{"RUNBOOK.md", whoOwnsWhat, cut("RUNBOOK.md", "## Payments", whoOwnsWhat) + whoOwnsWhat},
		}}}
}

func monitoringComes() Past {
	return Past{Age: 14 * day, Adds: []string{
		"prometheus/prometheus.yml", "prometheus/rules/recording.yml", "prometheus/rules/alerts.yml", "prometheus/tests/alerts.yml",
		"alertmanager/alertmanager.yml",
	}, Commit: Commit{Aiko,
		"prometheus, alertmanager: here, not with the old hosting\n\n" +
			"Same objectives as before: 99.5 % right answers, 95 % within 250 ms, by region and\n" +
			"by page. Sites without COMPOSE_PROFILES=monitoring run without them.",
		[]Edit{
			{"compose.yaml", "volumes:\n  db-data:\n\n", cut("compose.yaml", "  # ---- monitoring", "volumes:\n  db-data") +
				"volumes:\n  db-data:\n  prometheus-data:\n  alertmanager-data:\n\n"},
			{"RUNBOOK.md", "## Deploy a release\n", cut("RUNBOOK.md", "## Numbers and alerts", "## Deploy a release\n") + "## Deploy a release\n"},
		}}}
}

func replicaComes() Past {
	return Past{Age: 6*day + 5*hour, Adds: []string{"db/replica.sh", "db/replica.conf"}, Commit: Commit{Jonas,
		"db: a replica in us-b, where reports reads orders\n\n" +
			"db was restarted for it, which took 2 s. It is in nobody's way:\n" +
			"nothing waits for it.",
		[]Edit{
			{"compose.yaml", beforeRedis, cut("compose.yaml", "  # copies db's", beforeRedis) + beforeRedis},
			{"compose.yaml", "  db-data:\n", "  db-data:\n  db-replica-data:\n"},
			{"db/postgresql.conf", "wal_level = minimal\nmax_wal_senders = 0\n", cut("db/postgresql.conf", "wal_level", "min_wal_size")},
			{"db/pg_hba.conf", "scram-sha-256\n", "scram-sha-256\n" + cut("db/pg_hba.conf", "host    replication", "")},
			{"config/reports.yaml", chunks, cut("config/reports.yaml", "# Orders are read there", chunks) + chunks},
			{"RUNBOOK.md", whoOwnsWhat, cut("RUNBOOK.md", "## The replica", "## Payments") + whoOwnsWhat},
		}}}
}

// What came later was put before these.
const (
	dataAndNames = "  # ---- data and names"
	whoOwnsWhat  = "## Who owns what\n"
	beforeRedis  = "  redis:\n    <<: *service\n"
	chunks       = "# Orders are read a few at a time"
)

// cut gives the part of an embedded file from one text up to another, or to the end.
func cut(file, from, to string) string {
	data, err := embedded.ReadFile("files/" + file)
	if err != nil {
		panic(err) // embedded files do not fail
	}
	_, rest, found := strings.Cut(string(data), from)
	part, _, ended := strings.Cut(rest, to)
	if to == "" {
		part, ended = rest, true
	}
	if !found || !ended {
		panic(file + " does not hold " + from + ", and " + to + " after it")
	}
	return from + part
}
