package payments_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/payments"
	"faultlab/targets/shop/shoptest"
)

func partner(t *testing.T, c payments.Config) http.Handler {
	t.Helper()
	s := shoptest.Service(payments.Name, "2026.2")
	if _, err := payments.Build(context.Background(), s, &c); err != nil {
		t.Fatal(err)
	}
	return s.Handler()
}

func ask(h http.Handler, method, path, key, body string) (int, api.Charge) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var c api.Charge
	_ = json.Unmarshal(w.Body.Bytes(), &c)
	return w.Code, c
}

// A key is one charge, whatever comes after it.
func TestAKeyIsOneCharge(t *testing.T) {
	h := partner(t, payments.DefaultConfig())
	_, first := ask(h, "POST", "/v1/charges", "", `{"key":"order-1","amount_cents":500}`)
	if first.State != api.Approved || first.AmountCents != 500 || first.ID == "" {
		t.Fatalf("%+v", first)
	}
	for _, path := range []string{"/v1/charges", "/v1/charges/order-1/void"} {
		if _, again := ask(h, "POST", path, "", `{"key":"order-1","amount_cents":9}`); again != first {
			t.Errorf("%s: %+v; want %+v", path, again, first)
		}
	}
	if _, found := ask(h, "GET", "/v1/charges/order-1", "", ""); found != first {
		t.Errorf("lookup: %+v", found)
	}
	// What was withdrawn before it came cannot be charged any more.
	ask(h, "POST", "/v1/charges/order-2/void", "", "")
	if _, late := ask(h, "POST", "/v1/charges", "", `{"key":"order-2","amount_cents":500}`); late.State != api.Voided {
		t.Errorf("charged after the void: %+v", late)
	}
}

func TestWhatIsRefused(t *testing.T) {
	c := payments.DefaultConfig()
	c.APIKey, c.LimitCents = "k", 1000
	h := partner(t, c)
	for _, tt := range []struct {
		method, path, key, body string
		status                  int
		state                   api.ChargeState
	}{
		{"POST", "/v1/charges", "", `{"key":"a","amount_cents":1}`, 401, ""},
		{"POST", "/v1/charges", "wrong", `{"key":"a","amount_cents":1}`, 401, ""},
		{"POST", "/v1/charges", "k", `{"key":"a","amount_cents":1000}`, 200, api.Approved},
		{"POST", "/v1/charges", "k", `{"key":"b","amount_cents":1001}`, 200, api.Refused},
		{"POST", "/v1/charges", "k", `{"key":"","amount_cents":1}`, 400, ""},
		{"POST", "/v1/charges", "k", `{"key":"c","amount_cents":0}`, 400, ""},
		{"POST", "/v1/charges", "k", `{`, 400, ""},
		{"GET", "/v1/charges/none", "k", "", 404, ""},
	} {
		if status, charge := ask(h, tt.method, tt.path, tt.key, tt.body); status != tt.status || charge.State != tt.state {
			t.Errorf("%s %s %s: %d %q; want %d %q", tt.method, tt.path, tt.body, status, charge.State, tt.status, tt.state)
		}
	}
}

func TestOldChargesAreForgotten(t *testing.T) {
	c := payments.DefaultConfig()
	c.Kept = 1000
	h := partner(t, c)
	for i := range 1001 {
		ask(h, "POST", "/v1/charges", "", fmt.Sprintf(`{"key":"order-%d","amount_cents":1}`, i))
	}
	for key, want := range map[string]int{"order-0": 404, "order-1": 200, "order-1000": 200} {
		if status, _ := ask(h, "GET", "/v1/charges/"+key, "", ""); status != want {
			t.Errorf("%s: %d; want %d", key, status, want)
		}
	}
}

// What was answered is known after the partner was killed, even in the middle of a line.
func TestJournalOutlivesTheProcess(t *testing.T) {
	c := payments.DefaultConfig()
	c.Journal = filepath.Join(t.TempDir(), "charges")
	_, first := ask(partner(t, c), "POST", "/v1/charges", "", `{"key":"order-1","amount_cents":500}`)
	for i, cut := range []string{"", `{"id":"ch_9","key":"order-9","amou`} {
		file, err := os.OpenFile(c.Journal, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.WriteString(cut)
		_ = file.Close()
		h := partner(t, c)
		if _, found := ask(h, "POST", "/v1/charges/order-1/void", "", ""); found != first {
			t.Errorf("%+v; want %+v", found, first)
		}
		if status, _ := ask(h, "GET", "/v1/charges/order-9", "", ""); status != 404 {
			t.Errorf("a cut line is a charge: %d", status)
		}
		if _, next := ask(h, "POST", "/v1/charges", "", fmt.Sprintf(`{"key":"later-%d","amount_cents":1}`, i)); next.ID == first.ID || next.State != api.Approved {
			t.Errorf("the next is %+v", next)
		}
	}
	h := partner(t, c)
	for _, key := range []string{"order-1", "later-0", "later-1"} {
		if status, _ := ask(h, "GET", "/v1/charges/"+key, "", ""); status != 200 {
			t.Errorf("%s: %d", key, status)
		}
	}
	if err := os.WriteFile(c.Journal, []byte("no charge\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := payments.Build(context.Background(), shoptest.Service(payments.Name, "2026.2"), &c); err == nil {
		t.Error("a journal that cannot be read is taken")
	}
}
