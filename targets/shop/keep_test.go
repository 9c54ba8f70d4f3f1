package shop

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCacheForgets(t *testing.T) {
	now := time.Unix(0, 0)
	c := newCache(CacheConfig{MaxEntries: 2, TTL: time.Second})
	c.now = func() time.Time { return now }
	c.put("a", finished{body: []byte("A")})
	c.put("b", finished{})
	if done, ok := c.get("a"); !ok || string(done.body) != "A" {
		t.Error("a is not there")
	}
	c.put("c", finished{})
	if _, ok := c.get("b"); ok {
		t.Error("b is there, though it was used least recently")
	}
	now = now.Add(time.Second)
	if _, ok := c.get("a"); ok {
		t.Error("a is there after its time")
	}
	c.put("c", finished{body: []byte("new")})
	if done, ok := c.get("c"); !ok || string(done.body) != "new" || c.order.Len() != 1 || len(c.entries) != 1 {
		t.Errorf("c is %q, %v; %d entries", done.body, ok, c.order.Len())
	}
	off := newCache(CacheConfig{TTL: time.Second})
	off.put("a", finished{})
	if _, ok := off.get("a"); ok {
		t.Error("a cache of no entries keeps one")
	}
}

func TestMemoAnswersTheSameRequestAgain(t *testing.T) {
	cat := testCatalog(t, "2.14.0", DefaultCatalogConfig(), shelf{})
	h := cat.handler()
	first := get(t, h, "/v1/products/7", "same")
	again := get(t, h, "/v1/products/7", "same")
	if first.Body.String() != again.Body.String() || cat.memo.order.Len() != 1 {
		t.Errorf("%d answers remembered; want 1 and the same body", cat.memo.order.Len())
	}
}

func TestMemoKeepsToItsBound(t *testing.T) {
	m := NewMemo(3)
	for i := range 10 {
		key := fmt.Sprint(i)
		m.Put(key, Answer{}, []byte(key))
		m.Get("0")
		m.Put(key, Answer{}, []byte(key+"!"))
	}
	if m.order.Len() != 3 || len(m.entries) != 3 {
		t.Errorf("%d in order, %d entries; want 3", m.order.Len(), len(m.entries))
	}
	if _, ok := m.Get("0"); !ok {
		t.Error("the most recently used entry was forgotten")
	}
	if body, ok := m.Get("9"); !ok || string(body) != "9!" {
		t.Errorf("got %q, %v", body, ok)
	}
}

func TestSuggest(t *testing.T) {
	product := func(id int64, name string) Answer {
		return Answer{Product: &Product{ID: id, Name: name, Category: "lighting"}}
	}
	for _, bound := range []int{0, 3} {
		s := NewSuggest(bound)
		for i := range 9 {
			s.Learn(product(int64(i), fmt.Sprintf("Oak Lamp %d", i)))
		}
		s.Learn(product(8, "Oak Lamp 8"))
		got := s.Complete(" La", 2)
		if len(got) != 2 || got[0].ID != 8 || got[1].ID != 7 || got[0].Text != "Oak Lamp 8" || got[0].In != "lighting" {
			t.Errorf("bound %d: got %+v", bound, got)
		}
		if all := s.Complete("lamp", 100); bound > 0 && len(all) != 2 || bound == 0 && len(all) != 9 {
			t.Errorf("bound %d: %d suggestions", bound, len(all))
		}
		if got := s.Complete("", 5); got == nil || len(got) != 0 {
			t.Errorf("bound %d: nothing typed, got %+v", bound, got)
		}
	}
	h := testCatalog(t, "2.15.0", DefaultCatalogConfig(), shelf{}).handler()
	get(t, h, "/v1/products?q=walnut+lamp", "")
	if w := get(t, h, "/v1/suggest?q=wal", ""); !strings.Contains(w.Body.String(), "walnut lamp") {
		t.Errorf("got %s", w.Body)
	}
	if w := get(t, testCatalog(t, "2.13.1", DefaultCatalogConfig(), shelf{}).handler(), "/v1/suggest?q=wal", ""); w.Code != http.StatusNotFound {
		t.Errorf("2.13.1 suggests: %d", w.Code)
	}
}

func TestRecorderReplaysThePage(t *testing.T) {
	c := DefaultWebConfig()
	c.Recorder.MaxEntries = 2
	w := testWeb(t, "5.9.0", c, testCatalog(t, "2.13.1", DefaultCatalogConfig(), shelf{}).handler())
	h := w.handler()
	page := get(t, h, "/product/7", "id-7").Body.String()
	get(t, h, "/product/8", "id-8")
	get(t, h, "/product/8", "id-8")
	if replay := get(t, h, "/debug/replay/id-7", ""); replay.Body.String() != page || replay.Header().Get("X-Replay-Of") != "/product/7" {
		t.Errorf("replay is not the page: %d", replay.Code)
	}
	get(t, h, "/product/9", "id-9")
	if replay := get(t, h, "/debug/replay/id-7", ""); replay.Code != http.StatusNotFound || len(w.recorder.pages) != 2 {
		t.Errorf("the oldest page is still there: %d; %d pages", replay.Code, len(w.recorder.pages))
	}
}

func TestRetryBudget(t *testing.T) {
	free := newRetryBudget(0)
	b := newRetryBudget(20)
	allowed := 0
	for range 1000 {
		b.deposit()
		free.deposit()
		if b.withdraw() {
			allowed++
		}
		if !free.withdraw() {
			t.Fatal("no budget refuses")
		}
	}
	if allowed < 200 || allowed > 212 {
		t.Errorf("%d retries for 1000 calls; want a fifth and the savings of 10", allowed)
	}
}

func TestRouteGivesARequestAnID(t *testing.T) {
	w := get(t, testCatalog(t, "2.13.1", DefaultCatalogConfig(), shelf{}).handler(), "/v1/featured", "")
	if len(w.Header().Get("X-Request-Id")) < 16 {
		t.Errorf("got %q", w.Header().Get("X-Request-Id"))
	}
}
