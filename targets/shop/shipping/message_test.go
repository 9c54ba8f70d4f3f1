package shipping

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestOrderOfAMessage(t *testing.T) {
	good := `{"id":7,"key":"order-000001","tenant":"fjord","region":"eu","items":3,"total_cents":4200,"paid_at":"2026-11-26T07:12:14.123456+00:00"}`
	with := func(old, now string) map[string]any {
		return map[string]any{"order": strings.Replace(good, old, now, 1)}
	}
	for name, tt := range map[string]struct {
		values map[string]any
		says   string // empty: it is good
	}{
		"good":              {with("", ""), ""},
		"more than we know": {with(`"items"`, `"gift":true,"items"`), ""},
		"another field too": {map[string]any{"order": good, "trace": "1"}, ""},
		"no field":          {map[string]any{"ordre": good}, "no field order"},
		"nothing":           {map[string]any{}, "no field order"},
		"empty":             {map[string]any{"order": ""}, "the order is not one"},
		"half":              {map[string]any{"order": good[:40]}, "the order is not one"},
		"a list":            {map[string]any{"order": "[]"}, "the order is not one"},
		"no text":           {map[string]any{"order": "\x00\xff"}, "the order is not one"},
		"id":                {with(`"id":7`, `"id":0`), "id is 0; want at least 1"},
		"id as text":        {with(`"id":7`, `"id":"7"`), "the order is not one"},
		"huge id":           {with(`"id":7`, `"id":99999999999999999999`), "the order is not one"},
		"key":               {with("order-000001", "o"), "key has 1 characters; want 8 to 100"},
		"no items":          {with(`"items":3`, `"items":0`), "items is 0; want 1 to 4950"},
		"many items":        {with(`"items":3`, `"items":4951`), "items is 4951"},
		"free":              {with("4200", "-1"), "total_cents is -1; want at least 1"},
	} {
		o, err := message{id: "1-0", values: tt.values}.order()
		switch {
		case tt.says == "" && (err != nil || o.ID != 7 || o.Items != 3 || o.PaidAt.Year() != 2026):
			t.Errorf("%s: %+v, %v", name, o, err)
		case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || !lies(err)):
			t.Errorf("%s: %v; want %q, and that the message is to blame", name, err, tt.says)
		}
	}
}

// Whatever is in a message, it can be read or refused, and written down.
func FuzzOrderOfAMessage(f *testing.F) {
	f.Add(`{"id":7,"key":"order-000001","items":3,"total_cents":4200}`)
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, text string) {
		m := message{values: map[string]any{"order": text}}
		if o, err := m.order(); err == nil && (o.ID < 1 || o.Items < 1) {
			t.Errorf("%q is read as %+v", text, o)
		}
		if strings.ContainsRune(m.text(), 0) || strings.ContainsRune(clean(text), 0) {
			t.Errorf("%q keeps its zero bytes", text)
		}
	})
}

func TestWhoIsToBlame(t *testing.T) {
	for code, want := range map[string]bool{
		"22003": true, "23514": true, "": false, "57014": false, "57P03": false, "42501": false, "40P01": false, "25006": false,
	} {
		if err := fmt.Errorf("ship order: %w", &pgconn.PgError{Code: code}); lies(err) != want {
			t.Errorf("%s: %v; want %v", code, lies(err), want)
		}
	}
	if lies(errors.New("connection refused")) {
		t.Error("a message is blamed for the network")
	}
}

func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		first, most time.Duration
		n           int
		want        time.Duration
	}{
		{200 * time.Millisecond, 30 * time.Second, 1, 200 * time.Millisecond},
		{200 * time.Millisecond, 30 * time.Second, 0, 200 * time.Millisecond},
		{200 * time.Millisecond, 30 * time.Second, 4, 1600 * time.Millisecond},
		{200 * time.Millisecond, 30 * time.Second, 9, 30 * time.Second},
		{200 * time.Millisecond, 30 * time.Second, 1_000_000, 30 * time.Second},
		{time.Hour, time.Second, 1, time.Second},
		{time.Millisecond, 24 * time.Hour, 1 << 40, 24 * time.Hour},
	} {
		got := backoff(tt.first, tt.most, tt.n)
		if got != tt.want {
			t.Errorf("backoff(%v, %v, %d) is %v; want %v", tt.first, tt.most, tt.n, got, tt.want)
		}
		if j := jitter(got); j > got || j < got*8/10 {
			t.Errorf("%v becomes %v; want 80 to 100 percent", got, j)
		}
	}
}
