package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"faultlab/faults/engine"
	"faultlab/labs/traces"
	"faultlab/targets/collector"
)

// collectorSocket is where the collector answers; the name of traces.shop.internal
// (targets/workspace/files/dns) has the address collectorHost.
const (
	collectorSocket = tracesPath + "/collector.sock"
	collectorHost   = 40
	nobody          = 65534
)

// startCollector starts what takes the services' spans. It is on the shop's network, as
// it must be, and control is not: control asks it on a socket in a volume that nobody
// else has. See package collector for why it is a container of its own.
func (c *Control) startCollector(ctx context.Context) error {
	if err := os.Chown(tracesPath, nobody, nobody); err != nil {
		return fmt.Errorf("hand over the collector's volume: %w", err)
	}
	_, err := c.eng.Run(ctx, engine.Spec{
		Name: Name(c.cfg.ID, RoleCollector), Image: c.cfg.Registry + "/collector:1", Labels: Labels(c.cfg.ID, RoleCollector, false),
		Cmd: []string{"--socket", collectorSocket}, Volumes: map[string]string{Name(c.cfg.ID, "traces"): tracesPath},
		Networks: []engine.Join{{Network: Name(c.cfg.ID, "shop"), IP: host(c.shop, collectorHost)}},
		Restart:  "always", MemoryBytes: 96 << 20, PidsLimit: 64, CapDrop: []string{"ALL"}, ReadOnlyRoot: true, LogMaxSize: "1m",
	})
	return err
}

// exportTraces sends traces on to the user's own backend, if there is one. The shop's
// network has no way out: control has one.
func (c *Control) exportTraces(ctx context.Context) {
	traces.Forward(ctx, c.traces, c.keep.get().Order.Export, c.log)
}

// traceRoutes are the traces on the desk.
func (c *Control) traceRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		var q collector.Query
		if !read(w, r, &q) {
			return
		}
		if err := traces.Check(q); err != nil {
			problem(w, http.StatusUnprocessableEntity, err)
			return
		}
		c.look("looked at traces")
		l, err := c.traces.List(r.Context(), q)
		answer(w, l, err)
	})
	mux.HandleFunc("GET /v1/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if err := traces.CheckID(id); err != nil {
			problem(w, http.StatusUnprocessableEntity, err)
			return
		}
		c.look("looked at trace " + id)
		t, err := c.traces.Get(r.Context(), id)
		answer(w, t, err)
	})
	mux.HandleFunc("POST /v1/show", func(w http.ResponseWriter, r *http.Request) {
		var q traces.Request
		if !read(w, r, &q) {
			return
		}
		text, err := c.show(r.Context(), q)
		answer(w, map[string]string{"text": text}, err)
	})
}

// answer replies with v, or says what is wrong with the question.
func answer(w http.ResponseWriter, v any, err error) {
	var usage *traces.UsageError
	switch {
	case err == nil:
		reply(w, v)
	case errors.Is(err, collector.ErrNotFound), errors.Is(err, collector.ErrAmbiguous):
		problem(w, http.StatusNotFound, &Problem{err.Error(), "traces lists what is kept; old ones go, failed and slow ones last"})
	case errors.As(err, &usage):
		problem(w, http.StatusUnprocessableEntity, err)
	default:
		problem(w, http.StatusBadGateway, &Problem{"traces cannot be had at the moment", "what takes them is being started; try again in a few seconds"})
	}
}

// show is what a command line of the bastion prints.
func (c *Control) show(ctx context.Context, q traces.Request) (string, error) {
	asked, err := traces.Parse(q)
	if err != nil {
		return "", err
	}
	if asked.Help != "" {
		return asked.Help, nil
	}
	term := traces.Term{Width: max(0, min(q.Width, 1000))}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if asked.Trace != "" {
		c.look("looked at trace " + asked.Trace)
		t, err := c.traces.Get(ctx, asked.Trace)
		switch {
		case err != nil:
			return "", err
		case asked.JSON:
			err = enc.Encode(t)
		default:
			err = traces.PrintTrace(&out, term, t)
		}
		return out.String(), err
	}
	c.look("looked at traces")
	l, err := c.traces.List(ctx, asked.Query)
	switch {
	case err != nil:
		return "", err
	case asked.JSON:
		err = enc.Encode(l)
	default:
		err = traces.PrintList(&out, term, l)
	}
	return out.String(), err
}
