// Package catalog answers questions about products.
package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// relatedShown is the number of related products on a product page.
const relatedShown = 6

// Products is what catalog reads from; [*Store] is the real one.
type Products interface {
	// Search gives up to limit products whose names have all words of the query; with
	// prefix, the last word may be incomplete.
	Search(ctx context.Context, query string, prefix bool, limit int) ([]api.Product, error)
	// Product gives one product, or [ErrNotFound].
	Product(ctx context.Context, id int64) (api.Product, error)
	// Related gives up to limit products of the same category.
	Related(ctx context.Context, p api.Product, limit int) ([]api.Product, error)
	// Featured gives what the home page shows.
	Featured(ctx context.Context, limit int) ([]api.Product, error)
	// Ping says whether the products can be read.
	Ping(ctx context.Context) error
}

// catalog is one catalog.
type catalog struct {
	*service.Service
	config   Config
	features features
	store    Products
	cache    *cache
	memo     *Memo    // nil where the release has none
	suggest  *Suggest // nil where the release has none
	prices   pricer   // nil where the release has none
	lookups  *prometheus.CounterVec
}

// Build adds catalog's routes to a service. It does not wait for the database: until
// that answers, readyz says no and requests get a 503.
func Build(ctx context.Context, on *service.Service, c *Config) (closing func(), err error) {
	pool, err := service.OpenDatabase(ctx, c.Database, Name)
	if err != nil {
		return nil, err
	}
	on.Metrics.MustRegister(service.PoolMetrics(pool.Pool)...)
	done, err := BuildOn(&Store{pool}, on, c)
	return func() {
		if done != nil {
			done()
		}
		pool.Close()
	}, err
}

// BuildOn adds catalog's routes to a service that reads from given products.
func BuildOn(store Products, on *service.Service, c *Config) (closing func(), err error) {
	s := &catalog{Service: on, config: *c, store: store, cache: openCache(c.Cache)}
	if s.features, err = service.Find(Releases, Name, on.ID.Release); err != nil {
		return nil, err
	}
	if real, ok := store.(*Store); ok {
		if s.features.single {
			s.store = single{real}
		}
		if s.features.prices {
			s.prices = real
		}
	}
	s.lookups = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cache_lookups_total", Help: "Lookups of finished answers, by cache and result (hit, miss or error).",
	}, []string{"cache", "result"})
	on.Metrics.MustRegister(s.lookups)
	on.ReadyWithDatabase(c.Database, store.Ping)
	on.Handle("GET /v1/products", "products", s.getProducts)
	on.Handle("GET /v1/products/{id}", "product", s.getProduct)
	on.Handle("GET /v1/featured", "featured", s.getFeatured)
	if s.features.memo {
		s.memo = NewMemo(c.Memo.MaxEntries)
	}
	if s.features.suggest {
		s.suggest = NewSuggest(c.Suggest.MaxEntries)
		on.Handle("GET /v1/suggest", "suggest", s.getSuggest)
	}
	return s.cache.close, nil
}

func (c *catalog) getProducts(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("q")
	limit, ok := c.limit(w, r, 24, 100)
	if !ok {
		return
	}
	if len(api.Words(query)) == 0 {
		service.Fail(w, r, http.StatusBadRequest, "bad_query", "q has no word")
		return
	}
	c.answer(w, r, "", func(ctx context.Context) (api.Answer, error) {
		list, err := c.store.Search(ctx, query, c.features.prefix, limit)
		return api.Answer{Query: query, Products: list}, err
	})
}

func (c *catalog) getProduct(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		service.Fail(w, r, http.StatusBadRequest, "bad_id", "the id of a product is a number from 1")
		return
	}
	c.answer(w, r, "product/"+strconv.FormatInt(id, 10), func(ctx context.Context) (api.Answer, error) {
		p, err := c.store.Product(ctx, id)
		if err != nil || !c.features.related {
			return api.Answer{Product: &p}, err
		}
		related, err := c.store.Related(ctx, p, relatedShown)
		return api.Answer{Product: &p, Related: related}, err
	})
}

func (c *catalog) getFeatured(w http.ResponseWriter, r *http.Request) {
	limit, ok := c.limit(w, r, 10, 40)
	if !ok {
		return
	}
	c.answer(w, r, "featured/"+strconv.Itoa(limit), func(ctx context.Context) (api.Answer, error) {
		list, err := c.store.Featured(ctx, limit)
		return api.Answer{Products: list}, err
	})
}

func (c *catalog) getSuggest(w http.ResponseWriter, r *http.Request) {
	service.Reply(w, http.StatusOK, map[string]any{"suggestions": c.suggest.Complete(r.FormValue("q"), 8)})
}

// limit reads the parameter limit; when it is wrong it answers and says false.
func (c *catalog) limit(w http.ResponseWriter, r *http.Request, usual, most int) (int, bool) {
	text := r.FormValue("limit")
	if text == "" {
		return usual, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		service.Fail(w, r, http.StatusBadRequest, "bad_limit", "limit is 1 to "+strconv.Itoa(most))
		return 0, false
	}
	return n, true
}

// answer replies with what load gives. Answers with a cacheKey come from the
// short-lived cache where possible.
func (c *catalog) answer(w http.ResponseWriter, r *http.Request, cacheKey string, load loader) {
	cacheKey, load = c.priced(r, cacheKey, load)
	var memoKey string
	if c.memo != nil {
		memoKey = MemoKey(r)
		body, ok := c.memo.Get(memoKey)
		if ok {
			c.looked("memo", hit)
			service.ReplyBody(w, http.StatusOK, body)
			return
		}
		c.looked("memo", miss)
	}
	body, err := c.finish(r.Context(), cacheKey, load)
	if err != nil {
		c.failed(w, r, err)
		return
	}
	if err := c.remember(memoKey, body); err != nil {
		c.failed(w, r, err)
		return
	}
	service.ReplyBody(w, http.StatusOK, body)
}

// remember keeps of an answer what the release keeps.
func (c *catalog) remember(memoKey string, body []byte) error {
	if c.memo == nil && c.suggest == nil {
		return nil
	}
	var a api.Answer
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("read our own answer: %w", err)
	}
	if c.memo != nil {
		c.memo.Put(memoKey, a, body)
	}
	if c.suggest != nil {
		c.suggest.Learn(a)
	}
	return nil
}

// loader makes an answer from the database.
type loader func(context.Context) (api.Answer, error)

// finish gives the body of an answer, from the cache where it is there.
func (c *catalog) finish(ctx context.Context, cacheKey string, load loader) ([]byte, error) {
	if cacheKey != "" {
		body, result := c.cache.get(ctx, cacheKey)
		c.looked("redis", result)
		if result == hit {
			return body, nil
		}
	}
	loading, cancel := context.WithTimeout(ctx, c.config.Database.QueryTimeout)
	defer cancel()
	answer, err := load(loading)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(answer)
	if err == nil && cacheKey != "" {
		c.cache.put(ctx, cacheKey, body)
	}
	return body, err
}

func (c *catalog) looked(cache, result string) {
	if result != unasked {
		c.lookups.WithLabelValues(cache, result).Inc()
	}
}

func (c *catalog) failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, ErrNotFound) {
		service.Fail(w, r, http.StatusNotFound, "not_found", err.Error())
		return
	}
	c.FailDatabase(w, r, err, "waited_ms", c.config.Database.QueryTimeout/time.Millisecond)
}
