package labs_test

import (
	"regexp"
	"testing"

	"faultlab/faults/engine"
	"faultlab/labs"
	"faultlab/labs/control"
)

// TestBastionAtWork uses the bastion as people do who look for something in a healthy
// shop, and makes the mistakes they make: the real tool's own error is there, and what
// ran goes on.
func TestBastionAtWork(t *testing.T) {
	_, _, lab := healthyLab(t)
	run := func(script string) string {
		t.Helper()
		r, err := lab.Exec(t.Context(), engine.Command{Args: []string{"bash", "-c", "{ " + script + "; } < /dev/null 2>&1"}})
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		return r.Stdout
	}
	look := func(script, want string) {
		t.Helper()
		if got := run(script); !regexp.MustCompile(`(?m)` + want).MatchString(got) {
			t.Errorf("%s:\n%s\nwant %s", script, got, want)
		}
	}
	look(`psql -XAtc 'select count(*) > 0 from products'`, `^t$`)
	look(`redis-cli ping`, `^PONG$`)
	look(`docker compose exec redis redis-cli ping`, `^PONG$`)
	for region, zone := range map[string]string{"us": "us-[ab]", "eu": "eu-a", "ap": "ap-a"} {
		look("as-user "+region+" /product/7", `^200 .* zone `+zone+`  release 5\.8\.0 `)
		look("curl -si http://"+region+".shop.example/product/7", `^x-zone: `+zone)
	}
	look(`as-user eu -s /product/7 | jq .product.id`, `^7$`)
	look(`as-user eu -sv -H 'X-Tenant: fjord' -o /dev/null /product/7 |& grep -ci '^> x-tenant'`, `^1$`)
	look(`docker compose logs --no-log-prefix web-eu | jq -r 'select(.msg == "serving").service'`, `^web$`)
	look(`curl -s 'http://edge.shop.internal:8404/;csv' | cut -d, -f1,2,5,18,61 | column -ts,`, `^eu +eu-a-1 +\d+ +UP`)
	look(`pprof -top 'http://web-eu:8080/debug/pprof/heap?gc=1'`, `flat%`)
	look(`pprof -top -seconds 1 http://catalog-a:8080/debug/pprof/profile`, `Type: cpu`)
	look(`mtr -rwc 1 web-eu`, `web-eu.* 0\.0%`)
	look(`wrk -c 1 -t 1 -d 1s http://eu.shop.example/product/7`, `Requests/sec`)
	look(`docker compose exec -u root web-eu timeout 10 tcpdump -nni eth0 -c 2 port 8080`, `2 packets captured`)
	look(`docker compose exec web-eu sh -c 'timeout -s INT 1 strace -fp 1'`, `attached`)
	look(`docker compose exec web-eu lsof -p 1`, `TCP`)
	look(`docker top $(docker compose ps -q web-eu)`, `shop web`)
	look(`docker inspect -f '{{.RestartCount}} {{.State.OOMKilled}}' $(docker compose ps -q web-eu)`, `^0 false$`)

	served := `; for i in 1 2 3; do as-user eu /product/$i; done | grep -c ^200`
	look(`sed -i 's/^  web-eu:/  web-eu: {/' compose.yaml; docker compose up -d`+served, `(?s)^yaml: line \d+: .*\n3\n`)
	run(`git checkout -q .`)
	look(`sed -i 's/balance roundrobin/balance at-random/' edge/haproxy.cfg; docker compose exec edge haproxy -c -f /etc/haproxy/haproxy.cfg`, `haproxy.cfg:\d+\] : balance only supports`)
	look(`docker compose kill -s USR2 edge; for i in $(seq 20); do docker compose logs edge | grep ALERT && break; sleep .2; done`+served, `(?s)ALERT.*haproxy.cfg:\d+\].*\n3\n`)
	run(`git checkout -q .; docker compose kill -s USR2 edge`)
	look(`echo nonsense db.shop.internal >> dns/shop.internal.hosts; docker compose kill -s HUP dns; for i in $(seq 20); do docker compose logs dns | grep bad && break; sleep .2; done; dig +short db.shop.internal`+served, `(?s)bad address at .*hosts line \d+.*\.20\n3\n`)
	look(`echo nonsense >> dns/dnsmasq.conf; docker compose exec dns dnsmasq --test -C /etc/dnsmasq/dnsmasq.conf`+served, `(?s)bad option at line \d+.*\n3\n`)
	run(`git checkout -q .; docker compose kill -s HUP dns`)
	look(`sed -i 's/^log:/lgo:/' config/catalog.yaml; docker compose exec catalog-a shop catalog --check`+served, `(?s)catalog.yaml: .*field lgo not found.*\n3\n`)
	look(`docker compose up -d --force-recreate catalog-a; for i in $(seq 20); do docker compose logs catalog-a | grep lgo && break; sleep .2; done; sleep 3`+served, `(?s)field lgo not found.*\n3\n`)
	run(`git checkout -q .; docker compose up -d --force-recreate catalog-a`)
	look(`docker compose exec catalog-a shop catalog --check`, `catalog.yaml is valid`)
	look(`echo 'work_mem = lots' >> db/postgresql.conf; docker compose kill -s HUP db; for i in $(seq 20); do docker compose logs db | grep lots && break; sleep .2; done`+served, `(?s)invalid value for parameter "work_mem": "lots".*\n3\n`)
	look(`docker compose exec db psql -U postgres -c 'SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL'`, `work_mem`)
}

// healthyLab starts the control, which goes with the test.
func healthyLab(t *testing.T) (*engine.Engine, string, *labs.Lab) {
	t.Helper()
	e, id := killLab(t)
	if _, err := labs.Start(t.Context(), e, labs.StartOptions{Name: "0c", ID: id, Pace: "fast", Seed: 1}, func(control.Progress) {}); err != nil {
		t.Fatal(err)
	}
	lab, err := labs.Find(t.Context(), e, id)
	if err != nil {
		t.Fatal(err)
	}
	return e, id, lab
}
