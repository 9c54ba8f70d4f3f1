package traffic

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFreshSearches(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	addr := edge(t, func(w http.ResponseWriter, r *http.Request) {
		query := r.FormValue("q")
		mu.Lock()
		asked[query]++
		mu.Unlock()
		n := searchProducts
		switch {
		case r.URL.Path != "/search" || r.Header.Get("X-Tenant") == "" || !strings.HasPrefix(r.UserAgent(), "ShopApp/"):
			http.NotFound(w, r)
			return
		case strings.HasPrefix(r.Host, "ap."):
			n = 1
		case strings.HasPrefix(r.Host, "eu."):
			time.Sleep(300 * time.Millisecond)
		}
		item := fmt.Sprintf(`,{"id":1,"name":%q,"price_cents":5}`, "Tall "+query)
		fmt.Fprintf(w, `{"query":%q,"products":[%s]}`, query, strings.Repeat(item, n)[1:])
	})
	got, err := SendFresh(t.Context(), Fresh{Edge: addr, Count: 30, Every: 10 * time.Millisecond, Timeout: 3 * time.Second, Seed: 7})
	if err != nil || len(got) != 30 || len(asked) != 30 {
		t.Fatalf("%d searches, %d queries, %v; want 30 of each", len(got), len(asked), err)
	}
	usual, plan := map[string]bool{}, NewPlan(1, Shape{})
	for range 100_000 {
		usual[plan.Next().Query] = true
	}
	for i, s := range got {
		want := ""
		if s.Region == "ap" {
			want = "body" // one product of 24
		}
		if s.Region != regions[i%3].value || s.Err != want || usual[s.Query] {
			t.Errorf("%d: %+v, known %v; want %q of a query that is new", i, s, usual[s.Query], want)
		}
		if slow := s.MS >= 300; slow != (s.Region == "eu") {
			t.Errorf("%+v; want 300 ms in eu alone", s)
		}
	}
}

// Searches set out when they are due, whether or not those before were answered.
func TestFreshSearchesDoNotWait(t *testing.T) {
	addr := edge(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	began := time.Now()
	got, err := SendFresh(t.Context(), Fresh{Edge: addr, Count: 20, Every: 5 * time.Millisecond, Timeout: time.Second})
	if err != nil || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %v; want 20 that gave up after a second", err, time.Since(began))
	}
	for _, s := range got {
		if s.Err != "timeout" {
			t.Errorf("%+v; want a timeout", s)
		}
	}
	if _, err := SendFresh(t.Context(), Fresh{Edge: addr, Every: time.Second, Timeout: time.Second}); err == nil {
		t.Error("no searches are sent without an error")
	}
}
