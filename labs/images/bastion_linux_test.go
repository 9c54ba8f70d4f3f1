package images_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
	"faultlab/labs/images"
)

// TestBastion runs what people look for on a jump host in the bastion's own image, and
// finds nothing there of what lays faults.
func TestBastion(t *testing.T) {
	e := enginetest.Open(t)
	set, err := images.Ensure(t.Context(), e, func(int, int, string) {})
	if err != nil {
		t.Fatal(err)
	}
	id, err := e.Run(t.Context(), engine.Spec{Image: set.Registry + "/bastion:1", NoNetwork: true, Init: true, AutoRemove: true, Hostname: "bastion"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Remove(context.Background(), id) })
	run := func(script string) string {
		r, err := e.Exec(t.Context(), id, engine.Command{Args: []string{"bash", "-lc", script + " 2>&1"}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Stdout
	}
	run(`cd /workspace; git init -q; git commit -q --allow-empty -m first; echo COMPOSE_PROJECT_NAME=shop-k3f9x2 > .env; echo SHOP_NET=127.0.0 >> .env`)
	for command, want := range map[string]string{
		"docker --version":           `^Docker version`,
		"docker compose version":     `^Docker Compose version`,
		"git --version":              `^git version`,
		"psql --version":             `^psql \(PostgreSQL\) 17`,
		"redis-cli --version":        `^redis-cli \d`,
		"dig -v":                     `^DiG`,
		"curl --version":             `^curl \d`,
		"mtr --version":              `^mtr \d`,
		"ss --version":               `^ss utility`,
		"tcpdump --version":          `^tcpdump version`,
		"strace -c true":             `execve`,
		"htop --version":             `^htop \d`,
		"echo '{\"a\": 5}' | jq .a":  `^5\n$`,
		"openssl version":            `^OpenSSL`,
		"wrk -v":                     `^wrk`,
		"pprof -help":                `(?i)usage`,
		"lsof -p $$":                 `bash`,
		"tmux -V":                    `^tmux`,
		"echo a,b | column -ts,":     `^a  b`,
		"vi --version":               `VIM`,
		"nano --version":             `GNU nano`,
		"less --version":             `^less`,
		"ps aux; top -bn1 | head -1": `load average`,
		"watch --version; ping -V; nc -h; host -V":  `ping from`,
		"escalate --help":                           `^escalate: page another team`,
		"as-user":                                   `^as-user: ask the shop`,
		"as-user mars /":                            `^as-user: ask the shop`,
		"as-user eu /product/7":                     `(?m)^000 .*Failed to connect to eu\.shop\.example`,
		"as-user eu -6 /product/7":                  `(?m)^000 .*Could not resolve host`,
		"redis-cli ping":                            `redis.shop.internal:6379`,
		"REDIS_HOST= redis-cli ping":                `127.0.0.1:6379`,
		"redis-cli -h 127.0.0.9 ping":               `127.0.0.9:6379`,
		"printenv PGHOST PGUSER PGDATABASE":         `^db.shop.internal\nshop\nshop\n$`,
		`bash -ic 'cd /workspace; echo "${PS1@P}"'`: `bastion.*shop-k3f9x2 us.*/workspace.* (main|master)`,
		"SHLVL=0 bash -ic true":                     `RUNBOOK.md`,
		"docker compose logs < /dev/null":           `engine|daemon|configuration`,
	} {
		if got := run(command); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: %q; want %s", command, got, want)
		}
	}
	for words, want := range map[string]string{
		"git rever":             "revert",
		"docker compose lo":     "logs",
		"dc lo":                 "logs",
		"escalate ":             "database",
		"escalate network --ab": "--about",
		"traces --region e":     "eu",
		"as-user ":              "eu",
		"pprof -to":             "-top",
	} {
		if got := run(`bash -ic ` + quoted(complete(words))); !strings.Contains(" "+strings.ReplaceAll(got, "\n", " ")+" ", " "+want+" ") {
			t.Errorf("%q is completed to %q; want %s among it", words, got, want)
		}
	}
	const injectors = `for p in tc nft iptables ip6tables faultlab; do command -v $p; done; find /usr/lib -path '*/tc/*'; find / -xdev -name '*faultlab*' -o -xdev -name 'netem*'`
	for _, line := range strings.Split(strings.TrimSpace(run(injectors)), "\n") {
		if !strings.Contains(line, "No such file") && line != "" {
			t.Errorf("the bastion holds %s", line)
		}
	}
}

// complete is a script that prints what a line's last word is completed to.
func complete(line string) string {
	words := strings.Split(line, " ")
	return `COMP_LINE="` + line + `"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMP_KEY=9
COMP_WORDS=("` + strings.Join(words, `" "`) + `"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
complete -p "${COMP_WORDS[0]}" > /dev/null 2>&1 || _completion_loader "${COMP_WORDS[0]}"
f=$(complete -p "${COMP_WORDS[0]}" | sed "s/.*-F //; s/ .*//")
"$f" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf "%s\n" "${COMPREPLY[@]}"`
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
