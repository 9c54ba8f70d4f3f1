package shop

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// relatedShown is the number of related products on a product page.
const relatedShown = 6

// products is what catalog reads from; *store is the real one.
type products interface {
	search(ctx context.Context, query string, prefix bool, limit int) ([]Product, error)
	product(ctx context.Context, id int64) (Product, error)
	related(ctx context.Context, p Product, limit int) ([]Product, error)
	featured(ctx context.Context, limit int) ([]Product, error)
	ping(ctx context.Context) error
}

// catalog answers questions about products.
type catalog struct {
	config    CatalogConfig
	release   Release
	store     products
	telemetry *telemetry
	lifecycle lifecycle
	cache     *cache
	memo      *Memo    // nil where the release has none
	suggest   *Suggest // nil where the release has none
	lookups   *prometheus.CounterVec
}

// RunCatalog serves catalog until ctx ends. It does not wait for the
// database: until that answers, readyz says no and requests get a 503.
func RunCatalog(ctx context.Context, id Identity, c CatalogConfig, log *slog.Logger) error {
	release, err := FindRelease(CatalogService, id.Release)
	if err != nil {
		return err
	}
	s, err := openStore(ctx, c.Database)
	if err != nil {
		return err
	}
	defer s.pool.Close()
	t := newTelemetry(id, log, c.Log)
	t.own.MustRegister(poolMetrics(s.pool)...)
	cat := newCatalog(c, release, s, t)
	return serve(ctx, c.Listen, cat.handler(), &cat.lifecycle, log)
}

func newCatalog(c CatalogConfig, release Release, s products, t *telemetry) *catalog {
	cat := &catalog{config: c, release: release, store: s, telemetry: t, cache: newCache(c.Cache)}
	cat.lifecycle.check = cat.databaseAnswers
	cat.lookups = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cache_lookups_total", Help: "Lookups of finished answers, by cache and result (hit or miss).",
	}, []string{"cache", "result"})
	t.own.MustRegister(cat.lookups)
	if release.memo {
		cat.memo = NewMemo(c.Memo.MaxEntries)
	}
	if release.suggest {
		cat.suggest = NewSuggest(c.Suggest.MaxEntries)
	}
	return cat
}

func (c *catalog) databaseAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Database.QueryTimeout)
	defer cancel()
	if err := c.store.ping(ctx); err != nil {
		return errors.New("database does not answer")
	}
	return nil
}

func (c *catalog) handler() http.Handler {
	mux := http.NewServeMux()
	operations(mux, &c.lifecycle, c.telemetry)
	mux.Handle("GET /v1/products", c.telemetry.route("products", c.getProducts))
	mux.Handle("GET /v1/products/{id}", c.telemetry.route("product", c.getProduct))
	mux.Handle("GET /v1/featured", c.telemetry.route("featured", c.getFeatured))
	if c.suggest != nil {
		mux.Handle("GET /v1/suggest", c.telemetry.route("suggest", c.getSuggest))
	}
	return mux
}

func (c *catalog) getProducts(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("q")
	limit, ok := c.limit(w, r, 24, 100)
	if !ok {
		return
	}
	if len(searchWords(query)) == 0 {
		fail(w, r, http.StatusBadRequest, "bad_query", "q has no word")
		return
	}
	c.answer(w, r, "", func(ctx context.Context) (Answer, error) {
		list, err := c.store.search(ctx, query, c.release.prefix, limit)
		return Answer{Query: query, Products: list}, err
	})
}

func (c *catalog) getProduct(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		fail(w, r, http.StatusBadRequest, "bad_id", "the id of a product is a number from 1")
		return
	}
	c.answer(w, r, "product/"+strconv.FormatInt(id, 10), func(ctx context.Context) (Answer, error) {
		p, err := c.store.product(ctx, id)
		if err != nil || !c.release.related {
			return Answer{Product: &p}, err
		}
		related, err := c.store.related(ctx, p, relatedShown)
		return Answer{Product: &p, Related: related}, err
	})
}

func (c *catalog) getFeatured(w http.ResponseWriter, r *http.Request) {
	limit, ok := c.limit(w, r, 10, 40)
	if !ok {
		return
	}
	c.answer(w, r, "featured/"+strconv.Itoa(limit), func(ctx context.Context) (Answer, error) {
		list, err := c.store.featured(ctx, limit)
		return Answer{Products: list}, err
	})
}

func (c *catalog) getSuggest(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, map[string]any{"suggestions": c.suggest.Complete(r.FormValue("q"), 8)})
}

// limit reads the parameter limit; when it is wrong it answers and says false.
func (c *catalog) limit(w http.ResponseWriter, r *http.Request, usual, most int) (int, bool) {
	text := r.FormValue("limit")
	if text == "" {
		return usual, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		fail(w, r, http.StatusBadRequest, "bad_limit", "limit is 1 to "+strconv.Itoa(most))
		return 0, false
	}
	return n, true
}

// answer replies with what load gives. Answers with a cacheKey come from the
// short-lived cache where possible.
func (c *catalog) answer(w http.ResponseWriter, r *http.Request, cacheKey string, load loader) {
	var memoKey string
	if c.memo != nil {
		memoKey = MemoKey(r)
		body, ok := c.memo.Get(memoKey)
		c.looked("memo", ok)
		if ok {
			replyBody(w, http.StatusOK, body)
			return
		}
	}
	done, err := c.finish(r.Context(), cacheKey, load)
	if err != nil {
		c.failed(w, r, err)
		return
	}
	if c.memo != nil {
		c.memo.Put(memoKey, done.answer, done.body)
	}
	if c.suggest != nil {
		c.suggest.Learn(done.answer)
	}
	replyBody(w, http.StatusOK, done.body)
}

// loader makes an answer from the database.
type loader func(context.Context) (Answer, error)

func (c *catalog) finish(ctx context.Context, cacheKey string, load loader) (finished, error) {
	if cacheKey != "" {
		done, ok := c.cache.get(cacheKey)
		c.looked("short", ok)
		if ok {
			return done, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Database.QueryTimeout)
	defer cancel()
	answer, err := load(ctx)
	if err != nil {
		return finished{}, err
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return finished{}, err
	}
	done := finished{answer: answer, body: body}
	if cacheKey != "" {
		c.cache.put(cacheKey, done)
	}
	return done, nil
}

func (c *catalog) looked(cache string, hit bool) {
	result := "miss"
	if hit {
		result = "hit"
	}
	c.lookups.WithLabelValues(cache, result).Inc()
}

func (c *catalog) failed(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errNotFound):
		fail(w, r, http.StatusNotFound, "not_found", err.Error())
	case r.Context().Err() != nil:
		fail(w, r, 499, "caller_gone", "the caller gave up")
	case errors.Is(err, context.DeadlineExceeded):
		c.logError(r, err)
		fail(w, r, http.StatusGatewayTimeout, "database_timeout", "the database did not answer in time")
	default:
		c.logError(r, err)
		fail(w, r, http.StatusServiceUnavailable, "database_unavailable", "the database cannot be used")
	}
}

func (c *catalog) logError(r *http.Request, err error) {
	c.telemetry.log.Error("database", "err", err.Error(), "request_id", r.Header.Get("X-Request-Id"),
		"waited_ms", c.config.Database.QueryTimeout/time.Millisecond)
}
