package catalog

import (
	"fmt"
	"testing"
	"time"

	"faultlab/targets/shop/api"
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

func TestMemoKeepsToItsBound(t *testing.T) {
	m := NewMemo(3)
	for i := range 10 {
		key := fmt.Sprint(i)
		m.Put(key, api.Answer{}, []byte(key))
		m.Get("0")
		m.Put(key, api.Answer{}, []byte(key+"!"))
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
	product := func(id int64, name string) api.Answer {
		return api.Answer{Product: &api.Product{ID: id, Name: name, Category: "lighting"}}
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
}
