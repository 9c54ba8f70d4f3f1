package control

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"faultlab/labs/grade"
)

// names are those that the lab's checks look up.
func (c *Control) names() []string {
	var out []string
	for _, k := range c.lab.Checks {
		if k.Kind == "names" {
			out = append(out, k.Names...)
		}
	}
	return out
}

// askZone prints a line for each name: the name, and the addresses that the server, which
// is the first argument, has for it.
const askZone = `server=$1; shift
for n; do
  echo "$n" $(dig +short +time=1 +tries=2 -t A -q "$n" "@$server" | grep -E '^[0-9.]+$' | sort -u)
done`

// zone asks the shop's resolver for names, from where no trainee comes.
func (w world) zone(ctx context.Context, names []string) (map[string]string, error) {
	text, err := w.inside(ctx, Name(w.cfg.ID, RolePartner), append([]string{"sh", "-c", askZone, "sh", host(w.shop, 53).String()}, names...)...)
	if err != nil {
		return nil, fmt.Errorf("ask the resolver for names: %w", err)
	}
	return answers(text), nil
}

// lookUp prints a line for each name: the name, and what programs find for it. What stands
// in the container's own file of hosts is nobody's answer.
const lookUp = `for n; do
  a=$(timeout 2 getent ahostsv4 "$n" | cut -d' ' -f1 | sort -u)
  if sed 's/#.*//' /etc/hosts | grep -qwiFe "$n"; then a="$a in its own hosts file"; fi
  echo "$n" $a
done`

// Resolve asks the resolver, and every container of a service that there was.
func (w world) Resolve(ctx context.Context, names []string) (map[string]map[string]string, error) {
	all, err := w.services(ctx)
	if err != nil {
		return nil, err
	}
	zone, err := w.zone(ctx, names)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]string{grade.Resolver: zone}
	was := w.Inventory()
	var mu sync.Mutex
	var g errgroup.Group
	for service, cs := range all {
		for _, c := range cs {
			if !was.Knows(service) || c.State != "running" {
				continue
			}
			g.Go(func() error {
				text, err := w.inside(ctx, c.ID, append([]string{"sh", "-c", lookUp, "sh"}, names...)...)
				if err != nil {
					return fmt.Errorf("look names up in %s: %w", c.Name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				out[c.Name] = answers(text)
				return nil
			})
		}
	}
	return out, g.Wait()
}

// answers reads lines of a name and what was found for it.
func answers(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, found, _ := strings.Cut(strings.TrimSpace(line), " "); name != "" {
			out[name] = found
		}
	}
	return out
}
