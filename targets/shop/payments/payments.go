// Package payments stands for the partner who charges customers' cards. It is not the
// shop's: nobody of the shop can change it or restart it.
package payments

import (
	"container/list"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// Name of the service.
const Name = "payments"

// Releases are all releases.
var Releases = []service.Release[struct{}]{{
	Version: "2026.2",
	Changes: []string{"Added: POST /v1/charges/{key}/void withdraws a charge that may not have come"},
}}

// Config is the configuration file of payments.
type Config struct {
	service.Base `yaml:",inline"`
	APIKey       string `yaml:"api_key"`     // what callers have to present; default empty: anyone may call
	LimitCents   int64  `yaml:"limit_cents"` // of one charge; default 5,000,000
	Kept         int    `yaml:"kept"`        // charges remembered; 1,000 to 1,000,000, default 20,000
	Journal      string `yaml:"journal"`     // file that keeps them when the partner is killed; default empty: none
}

// DefaultConfig is what an empty configuration file means.
func DefaultConfig() Config {
	return Config{Base: service.DefaultBase(), LimitCents: 5_000_000, Kept: 20_000}
}

// Validate checks every value against its range.
func (c Config) Validate() error {
	var limit error
	if c.LimitCents < 1 {
		limit = errors.New("limit_cents is " + strconv.FormatInt(c.LimitCents, 10) + "; want at least 1")
	}
	return errors.Join(c.Base.Validate(), limit, service.Between("kept", c.Kept, 1000, 1_000_000))
}

// partner remembers charges by key, the latest ones.
type partner struct {
	config Config
	mu     sync.Mutex
	byKey  map[string]*list.Element // of api.Charge
	order  *list.List               // front is the newest
	count  int64
	keep   *journal // nil: none
}

// Build adds the routes to a service.
func Build(_ context.Context, on *service.Service, c *Config) (closing func(), err error) {
	if _, err := service.Find(Releases, Name, on.ID.Release); err != nil {
		return nil, err
	}
	p := &partner{config: *c, byKey: map[string]*list.Element{}, order: list.New()}
	if c.Journal != "" {
		var past []api.Charge
		if p.keep, past, err = openJournal(c.Journal); err != nil {
			return nil, err
		}
		for _, charge := range past {
			p.remember(charge)
		}
		closing = func() { _ = p.keep.file.Close() }
	}
	on.Handle("POST /v1/charges", "charge", p.authorized(p.postCharge))
	on.Handle("POST /v1/charges/{key}/void", "void", p.authorized(p.postVoid))
	on.Handle("GET /v1/charges/{key}", "lookup", p.authorized(p.getCharge))
	return closing, nil
}

func (p *partner) authorized(next http.HandlerFunc) http.HandlerFunc {
	want := []byte("Bearer " + p.config.APIKey)
	return func(w http.ResponseWriter, r *http.Request) {
		if p.config.APIKey != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			service.Fail(w, r, http.StatusUnauthorized, "unauthorized", "the API key is wrong or missing")
			return
		}
		next(w, r)
	}
}

func (p *partner) postCharge(w http.ResponseWriter, r *http.Request) {
	var req api.ChargeRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&req); err != nil || req.Key == "" || len(req.Key) > 100 || req.AmountCents < 1 {
		service.Fail(w, r, http.StatusBadRequest, "bad_charge", "a charge has a key of 1 to 100 characters and an amount of at least 1")
		return
	}
	state := api.Approved
	if req.AmountCents > p.config.LimitCents {
		state = api.Refused
	}
	p.settle(w, r, req.Key, req.AmountCents, state)
}

// postVoid withdraws a charge that has not come. One that has come stays as it is.
func (p *partner) postVoid(w http.ResponseWriter, r *http.Request) {
	p.settle(w, r, r.PathValue("key"), 0, api.Voided)
}

func (p *partner) getCharge(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	e, ok := p.byKey[r.PathValue("key")]
	p.mu.Unlock()
	if !ok {
		service.Fail(w, r, http.StatusNotFound, "not_found", "no charge has this key")
		return
	}
	service.Reply(w, http.StatusOK, e.Value.(api.Charge))
}

// settle answers with the charge of a key; a new one gets the state.
func (p *partner) settle(w http.ResponseWriter, r *http.Request, key string, amount int64, state api.ChargeState) {
	c, err := p.charge(key, amount, state)
	if err != nil {
		service.Fail(w, r, http.StatusInternalServerError, "not_kept", err.Error())
		return
	}
	service.Reply(w, http.StatusOK, c)
}

func (p *partner) charge(key string, amount int64, state api.ChargeState) (api.Charge, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.byKey[key]; ok {
		return e.Value.(api.Charge), nil
	}
	c := api.Charge{ID: "ch_" + strconv.FormatInt(p.count+1, 36), Key: key, AmountCents: amount, State: state}
	if p.keep != nil {
		if err := p.keep.write(c); err != nil {
			return c, err
		}
	}
	p.remember(c)
	return c, nil
}

// remember adds a charge and forgets the oldest when there are too many.
func (p *partner) remember(c api.Charge) {
	p.count++
	p.byKey[c.Key] = p.order.PushFront(c)
	if p.order.Len() > p.config.Kept {
		oldest := p.order.Back()
		delete(p.byKey, p.order.Remove(oldest).(api.Charge).Key)
	}
}
