package catalog

import (
	"fmt"
	"testing"

	"faultlab/targets/shop/api"
)

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
