package control

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"faultlab/labs/grade"
)

// handler is control's API. Everything but /healthz wants the token.
func (c *Control) handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("POST /v1/start", c.serveStart)
	mux.HandleFunc("POST /v1/grade", c.serveGrade)
	mux.HandleFunc("POST /v1/adopt", func(w http.ResponseWriter, r *http.Request) {
		if err := c.keep.set(func(s *State) { s.Adopted = true }); err != nil {
			problem(w, http.StatusInternalServerError, err)
			return
		}
		reply(w, struct{}{})
	})
	c.deskRoutes(mux)
	mux.HandleFunc("GET /v1/report", func(w http.ResponseWriter, r *http.Request) {
		reveal := r.URL.Query().Get("answers") == "yes"
		reply(w, c.report(reveal))
	})
	known := c.started(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			got := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			if c.cfg.Token == "" || subtle.ConstantTimeCompare([]byte(got), []byte(c.cfg.Token)) != 1 {
				problem(w, http.StatusUnauthorized, errors.New("the token is missing or wrong"))
				return
			}
		}
		known.ServeHTTP(w, r)
	})
}

// started refuses what needs to know which lab this is while there is no order.
func (c *Control) started(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && r.URL.Path != "/v1/start" && c.keep.get().Phase == "" {
			problem(w, http.StatusConflict, &Problem{"the lab has not been told what to play yet", "wait until it has started"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// deskRoutes are the parts that the bastion may use too.
func (c *Control) deskRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/brief", func(w http.ResponseWriter, r *http.Request) {
		c.look("read the brief")
		reply(w, Brief{c.lab.Brief, c.pages()})
	})
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("quiet") == "" {
			c.look("looked at what users see")
		}
		last := StatusWindow
		if text := r.URL.Query().Get("last"); text != "" {
			var err error
			if last, err = time.ParseDuration(text); err != nil || last < StatusWindow {
				problem(w, http.StatusUnprocessableEntity, &Problem{fmt.Sprintf("status cannot look back %q", text), "ask for 15s or more, such as 10m"})
				return
			}
		}
		reply(w, c.status(last))
	})
	c.traceRoutes(mux)
	c.monitorRoutes(mux)
	mux.HandleFunc("GET /v1/timeline", func(w http.ResponseWriter, r *http.Request) { reply(w, c.line.list(false)) })
	mux.HandleFunc("POST /v1/note", func(w http.ResponseWriter, r *http.Request) {
		var n struct{ Text string }
		if read(w, r, &n) {
			c.look(n.Text)
			reply(w, struct{}{})
		}
	})
	mux.HandleFunc("POST /v1/escalate", func(w http.ResponseWriter, r *http.Request) {
		var e Escalation
		if !read(w, r, &e) {
			return
		}
		answer, err := c.escalate(e)
		if err != nil {
			problem(w, http.StatusUnprocessableEntity, err)
			return
		}
		reply(w, map[string]string{"reply": answer})
	})
	mux.HandleFunc("POST /v1/diagnosis", func(w http.ResponseWriter, r *http.Request) {
		var d grade.Diagnosis
		if !read(w, r, &d) {
			return
		}
		if err := c.diagnose(d); err != nil {
			problem(w, http.StatusUnprocessableEntity, err)
			return
		}
		reply(w, d)
	})
}

// desk is what the bastion reaches on its socket; who has the bastion is the
// trainee, so it asks for no token.
func (c *Control) desk() http.Handler {
	mux := http.NewServeMux()
	c.deskRoutes(mux)
	return c.started(mux)
}

// serveStart starts the lab and streams its progress. A starter that goes away
// before the incident is on, or does not take the lab over (POST /v1/adopt), leaves
// a lab that nobody knows of: it is removed.
func (c *Control) serveStart(w http.ResponseWriter, r *http.Request) {
	var o Order
	if !read(w, r, &o) {
		return
	}
	say := stream(w)
	ready, err := c.start(r.Context(), o, say)
	if err != nil {
		say(failure(err))
		if r.Context().Err() != nil {
			c.giveUp(c.life, "the command that started it went away")
		}
		return
	}
	say(Progress{Ready: ready})
	c.expectTakeover()
}

// expectTakeover removes the lab unless its starter takes it over in time.
func (c *Control) expectTakeover() {
	time.AfterFunc(takeover, func() {
		if !c.keep.get().Adopted {
			c.giveUp(c.life, "the command that started it did not take it over")
		}
	})
}

func (c *Control) serveGrade(w http.ResponseWriter, r *http.Request) {
	say := stream(w)
	g, err := c.grade(r.Context(), say)
	if err != nil {
		say(failure(err))
		return
	}
	say(Progress{Graded: g})
}

func failure(err error) Progress {
	p := Progress{Error: err.Error()}
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		p.Hint = h.Hint()
	}
	return p
}

// stream writes one JSON line for each progress, at once.
func stream(w http.ResponseWriter) func(Progress) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	return func(p Progress) {
		enc.Encode(p)
		http.NewResponseController(w).Flush()
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func problem(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(failure(err))
}

// read takes a JSON body of at most 64 KiB; unknown keys are errors.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	body := http.MaxBytesReader(w, r.Body, 64<<10)
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		problem(w, http.StatusBadRequest, err)
		return false
	}
	// To its end: only then does the server notice a client that goes away.
	if _, err := io.Copy(io.Discard, body); err != nil {
		problem(w, http.StatusBadRequest, err)
		return false
	}
	return true
}
