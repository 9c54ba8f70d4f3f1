package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"faultlab/faults/engine"
	"faultlab/targets/traffic"
)

// Fresh sends its searches from where the users are, with queries of another seed each time.
func (w world) Fresh(ctx context.Context, count int, over time.Duration) ([]traffic.FreshSearch, error) {
	r, err := w.inTraffic(ctx, "shop", "traffic", "fresh", "--edge", host(w.users, edgeHost).String()+":80",
		"--count", fmt.Sprint(count), "--every", (over / time.Duration(count)).String(), "--seed", fmt.Sprint(rand.Uint64()))
	if err != nil {
		return nil, err
	}
	var got []traffic.FreshSearch
	if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
		return nil, fmt.Errorf("send searches: %s: %w", lastLines(r.Stderr, 2), err)
	}
	return got, nil
}

// SQL has psql ask inside the database's container, over its socket.
func (w world) SQL(ctx context.Context, query string) (string, error) {
	all, err := w.services(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all["db"], func(c engine.Container) bool { return c.State == "running" })
	if i < 0 {
		return "", errors.New("the database does not run")
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	r, err := w.eng.Exec(ctx, all["db"][i].ID, engine.Command{Args: []string{
		"psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "grader", "-d", "shop", "-c", query}})
	if err != nil {
		return "", err
	}
	if r.Code != 0 {
		return "", fmt.Errorf("the database does not answer the grader: %s", lastLines(r.Stderr, 2))
	}
	return strings.TrimSpace(r.Stdout), nil
}
