package workspace

// checkoutNotes, webNotes, catalogNotes and reportsNotes are the commits that brought
// notes and settings of releases that are not deployed yet.
func checkoutNotes() Past {
	return Past{Age: 33 * hour, Commit: Commit{Priya,
		"checkout: notes and settings for 3.5.0 and 3.6.0\n\nNot deployed yet. 3.4 and 3.5 ignore the new key.",
		[]Edit{
			{"services/checkout/CHANGELOG.md", "# checkout\n\n## 3.4.0\n",
				"# checkout\n\n" + cut("services/checkout/CHANGELOG.md", "## 3.6.0", "## 3.4.0\n") + "## 3.4.0\n"},
			{"config/checkout.yaml", "  failover: off        # off, open-breaker or error\n  providers:\n",
				"  failover: off        # off, open-breaker or error\n" + deadlineKey() + "  providers:\n"},
		}}}
}

func deadlineKey() string { return cut("config/checkout.yaml", "  deadline:", "  providers:\n") }

func webNotes() Past {
	return Past{Age: 15 * hour, Commit: Commit{Priya,
		"web: notes for 5.10.0\n\nNot deployed yet.",
		[]Edit{{"services/web/CHANGELOG.md", "# web\n\n## 5.9.0\n",
			"# web\n\n" + cut("services/web/CHANGELOG.md", "## 5.10.0", "## 5.9.0\n") + "## 5.9.0\n"}}}}
}

func catalogNotes() Past {
	return Past{Age: 50 * hour, Commit: Commit{Tomas,
		"catalog: notes for 2.16.0 and 2.17.0\n\nNot deployed yet; 2.17.0 waits for its migration.",
		[]Edit{{"services/catalog/CHANGELOG.md", "# catalog\n\n## 2.15.0\n",
			"# catalog\n\n" + cut("services/catalog/CHANGELOG.md", "## 2.17.0", "## 2.15.0\n") + "## 2.15.0\n"}}}}
}

func reportsNotes() Past {
	return Past{Age: 3*day + 5*hour, Commit: Commit{Maya,
		"reports: notes and settings for 1.1.0\n\nNot deployed yet: merchandising wants to see the list first.",
		[]Edit{
			{"services/reports/CHANGELOG.md", "# reports\n\n## 1.0.0\n",
				"# reports\n\n" + cut("services/reports/CHANGELOG.md", "## 1.1.0", "## 1.0.0\n") + "## 1.0.0\n"},
			{"config/reports.yaml", "  pause: 100ms         # after each\n  retries: 2\n",
				"  pause: 100ms         # after each\n  retries: 2\n" + cut("config/reports.yaml", "\n# From 1.1.0 on.", "")},
		}}}
}

func filesLimited() Past {
	return Past{Age: 10 * day, Commit: Commit{Maya,
		"compose: webs may open 512 files\n\nThey use 60. The default was a million, and hid Sunday's loop until the host had none left.",
		[]Edit{{"compose.yaml", "  mem_limit: 40m\n  memswap_limit: 40m\n\nx-catalog",
			"  mem_limit: 40m\n  memswap_limit: 40m\n  ulimits: {nofile: 512}\n\nx-catalog"}}}}
}
