// Package web is the API that the users' apps call.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// site is one web.
type site struct {
	*service.Service
	config   Config
	features features
	catalog  *service.Upstream
	checkout *service.Upstream
	recorder *Recorder  // nil where the release has none
	suggest  *suggester // nil where the release has none
}

// Build adds web's routes to a service.
func Build(_ context.Context, on *service.Service, c *Config) (closing func(), err error) {
	s := &site{
		Service: on, config: *c,
		catalog:  service.NewUpstream("catalog", c.Catalog, on.Metrics),
		checkout: service.NewUpstream("checkout", c.Checkout, on.Metrics),
	}
	if s.features, err = service.Find(Releases, Name, on.ID.Release); err != nil {
		return nil, err
	}
	if s.features.suggest {
		s.suggest = newSuggester(c.Catalog.URL, c.Catalog.MaxIdleConns)
	}
	on.Handle("GET /{$}", "home", s.getHome)
	on.Handle("GET /search", "search", s.getSearch)
	on.Handle("GET /product/{id}", "product", s.getProduct)
	on.Handle("POST /basket", "basket", s.postBasket)
	on.Handle("POST /checkout", "checkout", s.postCheckout)
	on.Handle("POST /upload", "upload", s.postUpload)
	if s.features.recorder {
		s.recorder = NewRecorder(c.Recorder.MaxEntries)
		on.HandleQuietly("GET /debug/replay/{id}", s.recorder.Replay)
	}
	return nil, nil
}

func (s *site) getHome(w http.ResponseWriter, r *http.Request) {
	s.page(w, r, "/v1/featured?limit="+strconv.Itoa(s.config.Home.Featured))
}

func (s *site) getSearch(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("q")
	if len(api.Words(query)) == 0 {
		service.Fail(w, r, http.StatusBadRequest, "bad_query", "q has no word")
		return
	}
	s.page(w, r, "/v1/products?q="+url.QueryEscape(query)+"&limit="+strconv.Itoa(s.config.Search.Limit))
}

func (s *site) getProduct(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		service.Fail(w, r, http.StatusBadRequest, "bad_id", "the id of a product is a number from 1")
		return
	}
	s.page(w, r, "/v1/products/"+strconv.FormatInt(id, 10))
}

// page answers with what the catalog has at path. Both speak of Answers, so
// most releases pass the body on as it is.
func (s *site) page(w http.ResponseWriter, r *http.Request, path string) {
	upstream, err := s.catalog.Get(r, path)
	if err != nil {
		s.failed(w, r, "catalog", err)
		return
	}
	body := upstream
	if !s.features.related {
		if body, err = withoutRelated(upstream); err != nil {
			s.failed(w, r, "catalog", err)
			return
		}
	}
	if query := r.FormValue("q"); s.suggest != nil && query != "" {
		body = s.suggest.with(query, body)
	}
	service.ReplyBody(w, http.StatusOK, body)
	if s.recorder != nil {
		s.recorder.Record(r, http.StatusOK, w.Header(), upstream, body)
	}
}

func withoutRelated(upstream []byte) ([]byte, error) {
	var a api.Answer
	if err := json.Unmarshal(upstream, &a); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	a.Related = nil
	return json.Marshal(a)
}

// failed answers for a call of another service that failed.
func (s *site) failed(w http.ResponseWriter, r *http.Request, upstream string, err error) {
	var up *service.UpstreamError
	if errors.As(err, &up) && up.Status >= 400 && up.Status < 500 {
		service.Fail(w, r, up.Status, "not_found", "the catalog has no such product")
		return
	}
	if r.Context().Err() != nil {
		service.Fail(w, r, 499, "caller_gone", "the caller gave up")
		return
	}
	service.Failed(r, err)
	s.Log.ErrorContext(r.Context(), upstream+" call failed", "err", err.Error(), "request_id", service.RequestID(r))
	if up != nil && (up.Timeout || up.Status == http.StatusGatewayTimeout) {
		service.Fail(w, r, http.StatusGatewayTimeout, "upstream_timeout", upstream+" did not answer in time")
		return
	}
	service.Fail(w, r, http.StatusBadGateway, "upstream_failed", upstream+" could not be used")
}
