package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
)

// web is the API the users' apps call.
type web struct {
	config    WebConfig
	release   Release
	catalog   *catalogClient
	telemetry *telemetry
	lifecycle lifecycle
	recorder  *Recorder // nil where the release has none
}

// RunWeb serves web until ctx ends.
func RunWeb(ctx context.Context, id Identity, c WebConfig, log *slog.Logger) error {
	release, err := FindRelease(WebService, id.Release)
	if err != nil {
		return err
	}
	site := newWeb(c, release, newTelemetry(id, log, c.Log))
	return serve(ctx, c.Listen, site.handler(), &site.lifecycle, log)
}

func newWeb(c WebConfig, release Release, t *telemetry) *web {
	s := &web{config: c, release: release, telemetry: t, catalog: newCatalogClient(c.Catalog, t.own)}
	if release.recorder {
		s.recorder = NewRecorder(c.Recorder.MaxEntries)
	}
	return s
}

func (s *web) handler() http.Handler {
	mux := http.NewServeMux()
	operations(mux, &s.lifecycle, s.telemetry)
	mux.Handle("GET /{$}", s.telemetry.route("home", s.getHome))
	mux.Handle("GET /search", s.telemetry.route("search", s.getSearch))
	mux.Handle("GET /product/{id}", s.telemetry.route("product", s.getProduct))
	if s.recorder != nil {
		mux.HandleFunc("GET /debug/replay/{id}", s.recorder.Replay)
	}
	return mux
}

func (s *web) getHome(w http.ResponseWriter, r *http.Request) {
	s.page(w, r, "/v1/featured?limit="+strconv.Itoa(s.config.Home.Featured))
}

func (s *web) getSearch(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("q")
	if len(searchWords(query)) == 0 {
		fail(w, r, http.StatusBadRequest, "bad_query", "q has no word")
		return
	}
	s.page(w, r, "/v1/products?q="+url.QueryEscape(query)+"&limit="+strconv.Itoa(s.config.Search.Limit))
}

func (s *web) getProduct(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		fail(w, r, http.StatusBadRequest, "bad_id", "the id of a product is a number from 1")
		return
	}
	s.page(w, r, "/v1/products/"+strconv.FormatInt(id, 10))
}

// page answers with what the catalog has at path. Both speak of Answers, so
// most releases pass the body on as it is.
func (s *web) page(w http.ResponseWriter, r *http.Request, path string) {
	upstream, err := s.catalog.get(r, path)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	body := upstream
	if !s.release.related {
		if body, err = withoutRelated(upstream); err != nil {
			s.failed(w, r, err)
			return
		}
	}
	replyBody(w, http.StatusOK, body)
	if s.recorder != nil {
		s.recorder.Record(r, http.StatusOK, w.Header(), upstream, body)
	}
}

func withoutRelated(upstream []byte) ([]byte, error) {
	var a Answer
	if err := json.Unmarshal(upstream, &a); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	a.Related = nil
	return json.Marshal(a)
}

func (s *web) failed(w http.ResponseWriter, r *http.Request, err error) {
	var up *upstreamError
	if errors.As(err, &up) && up.status >= 400 && up.status < 500 {
		fail(w, r, up.status, "not_found", "the catalog has no such product")
		return
	}
	if r.Context().Err() != nil {
		fail(w, r, 499, "caller_gone", "the caller gave up")
		return
	}
	s.telemetry.log.Error("catalog call failed", "err", err.Error(), "request_id", r.Header.Get("X-Request-Id"))
	if up != nil && (up.timeout || up.status == http.StatusGatewayTimeout) {
		fail(w, r, http.StatusGatewayTimeout, "upstream_timeout", "the catalog did not answer in time")
		return
	}
	fail(w, r, http.StatusBadGateway, "upstream_failed", "the catalog could not be used")
}
