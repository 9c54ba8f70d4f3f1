package workspace

import (
	"embed"
	"slices"
	"strings"
)

//go:embed changes
var changes embed.FS

// Change is something that a person of the shop does one day and that turns out badly: a
// commit, and what they run after it.
type Change struct {
	Name string // e.g. "search-english"
	Commit
	Run string // by bash on the bastion, in the workspace
}

// Changes are those that labs can have made. Their edits hold marks that [Localize] fills
// in, and apply to [Files].
func Changes() []Change {
	return slices.Concat(releaseChanges(), migrationChanges(), nameChanges(), settingChanges())
}

// Localize fills in the marks that stand for the shop's network; shopNet is the first
// three octets of it, as for [Files].
func Localize(text, shopNet string) string { return strings.ReplaceAll(text, netMark, shopNet) }

const up = "docker compose up -d --quiet-pull"

// releaseChanges deploy a release.
func releaseChanges() []Change {
	release := func(name string, by Person, service, from, to, why string) Change {
		return Change{name, Commit{by, service + ": release " + to + why, []Edit{
			{"compose.yaml", "${REGISTRY}/" + service + ":" + from, "${REGISTRY}/" + service + ":" + to},
		}}, up}
	}
	return []Change{
		release("checkout-one-setup", Priya, "checkout", "3.4.0", "3.5.0", "\n\nSupport had eleven charges this week that nobody knew the end of."),
		release("checkout-deadline", Priya, "checkout", "3.4.0", "3.6.0", "\n\nSkips 3.5.0."),
		release("catalog-single", Tomas, "catalog", "2.13.1", "2.16.0", "\n\nEnds the complaints about prices that differ between list and page."),
		release("web-suggestions", Priya, "web", "5.8.0", "5.10.0", "\n\nSuggestions begin to show when catalog 2.15.0 or later is there."),
		{"web-suggestions-eu", Commit{Priya, "web: release 5.10.0 in eu first", []Edit{
			{"compose.yaml", "  web-eu:\n    <<: *web\n", "  web-eu:\n    <<: *web\n    image: ${REGISTRY}/web:5.10.0\n"},
		}}, up},
		{"web-suggestions-ap", Commit{Priya, "web: release 5.10.0 in ap first", []Edit{
			{"compose.yaml", "  web-ap:\n    <<: *web\n", "  web-ap:\n    <<: *web\n    image: ${REGISTRY}/web:5.10.0\n"},
		}}, up},
		{"reports-featured", Commit{Maya, "reports: release 1.1.0, the home page follows sales\n\nWith migration 0008, which lets it write the list.", []Edit{
			migration("0008_featured_by_sales.sql"),
			{"config/host.yaml", "SHOP_RELEASE: 1.0.0", "SHOP_RELEASE: 1.1.0"},
		}}, applied("0008_featured_by_sales.sql") + "\ndocker compose up -d --force-recreate jobs"},
		{"tenant-prices", Commit{Tomas, "catalog: release 2.17.0, tenants' own prices\n\nWith migration 0008. Harbour's contract is the first that names every product.", []Edit{
			migration("0008_price_rules.sql"),
			{"compose.yaml", "${REGISTRY}/catalog:2.13.1", "${REGISTRY}/catalog:2.17.0"},
		}}, applied("0008_price_rules.sql") + "\n" + up},
	}
}

// migrationChanges change the database.
func migrationChanges() []Change {
	migrate := func(name, file, message string) Change {
		return Change{name, Commit{Jonas, message, []Edit{migration(file)}}, applied(file)}
	}
	return []Change{
		migrate("search-english", "0008_search_english.sql", "db: 0008, search by stems\n\nBuilt beside the old index, so that writes go on."),
		migrate("search-in-stock", "0008_search_in_stock.sql", "db: 0008, what is sold out leaves the search index\n\nBuilt beside the old one, so that writes go on."),
		// The last statement is cancelled, and psql goes on as it does by itself.
		{"search-rebuild", Commit{Jonas, "db: 0008, the search index is built anew\n\nIt has twice the size it needs.", []Edit{migration("0008_search_rebuild.sql")}},
			"psql -q -f db/migrations/0008_search_rebuild.sql"},
		migrate("products-by-tenant", "0008_products_by_tenant.sql", "db: 0008, products are told apart by tenant and id\n\nFirst step of the split by tenant. Took 400 ms on the copy."),
	}
}

// migration is the edit that brings one.
func migration(file string) Edit { return Edit{File: "db/migrations/" + file, New: changeText(file)} }

// applied runs a migration as the README of migrations says.
func applied(file string) string {
	return "psql -q -v ON_ERROR_STOP=1 -f db/migrations/" + file
}

// changeText gives a file of the folder changes.
func changeText(file string) string {
	text, err := changes.ReadFile("changes/" + file)
	if err != nil {
		panic(err) // embedded files do not fail
	}
	return string(text)
}
