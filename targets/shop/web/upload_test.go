package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shoptest"
	"faultlab/targets/shop/web"
)

func post(h http.Handler, path string, body io.Reader) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, body))
	return w
}

func TestUpload(t *testing.T) {
	c := web.DefaultConfig()
	c.Upload.MaxKiB = 16
	h := shoptest.Web(t, "5.8.0", c, goodCatalog(t))
	full := bytes.Repeat([]byte{7, 0, 255}, 16<<10)[:16<<10]
	for name, tt := range map[string]struct {
		body   io.Reader
		status int
	}{
		"largest":   {bytes.NewReader(full), 200},
		"too large": {io.MultiReader(bytes.NewReader(full), strings.NewReader("x")), 413},
		"empty":     {strings.NewReader(""), 400},
		"cut off":   {io.MultiReader(strings.NewReader("pic"), iotest.ErrReader(errors.New("reset"))), 400},
	} {
		w := post(h, "/upload", tt.body)
		if w.Code != tt.status {
			t.Errorf("%s: %d %s; want %d", name, w.Code, w.Body, tt.status)
		}
		var u api.Upload
		if err := json.Unmarshal(w.Body.Bytes(), &u); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if tt.status == 200 && (u.Bytes != 16<<10 || u.SHA256 != fmt.Sprintf("%x", sha256.Sum256(full))) {
			t.Errorf("%s: %+v", name, u)
		}
	}
}

// What an upload takes does not depend on its size.
func TestUploadIsNotKept(t *testing.T) {
	c := web.DefaultConfig()
	c.Upload.MaxKiB = 65536
	h := shoptest.Web(t, "5.8.0", c, goodCatalog(t))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if w := post(h, "/upload", io.LimitReader(zeros{}, 64<<20)); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 2<<20 {
		t.Errorf("an upload of 64 MiB took %d KiB of memory", took>>10)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBasket(t *testing.T) {
	h := shoptest.Web(t, "5.8.0", web.DefaultConfig(), goodCatalog(t))
	var b api.Basket
	w := post(h, "/basket", strings.NewReader(`{"lines":[{"product_id":7,"quantity":2},{"product_id":9,"quantity":1}]}`))
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || w.Code != http.StatusOK || len(b.Lines) != 2 {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	sum := int64(0)
	for i, want := range []api.Line{{ProductID: 7, Quantity: 2}, {ProductID: 9, Quantity: 1}} {
		l := b.Lines[i]
		if l.Line != want || l.Name == "" || l.PriceCents < 1 {
			t.Errorf("line %d is %+v; want %+v with name and price", i, l, want)
		}
		sum += int64(l.Quantity * l.PriceCents)
	}
	if b.TotalCents != sum {
		t.Errorf("basket is over %d; its lines come to %d", b.TotalCents, sum)
	}
	if w := post(h, "/basket", strings.NewReader(`{"lines":[]}`)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"lines":[]`) {
		t.Errorf("empty: %d %s", w.Code, w.Body)
	}
	for _, body := range []string{"", "[]", `{"lines":[{"product_id":0,"quantity":1}]}`, `{"lines":[{"product_id":1,"quantity":0}]}`,
		`{"lines":[` + strings.Repeat(`{"product_id":1,"quantity":1},`, 50) + `{"product_id":1,"quantity":1}]}`} {
		if w := post(h, "/basket", strings.NewReader(body)); w.Code != http.StatusBadRequest {
			t.Errorf("%.40s: %d; want 400", body, w.Code)
		}
	}
	for name, catalog := range map[string]http.HandlerFunc{
		"fails": func(w http.ResponseWriter, r *http.Request) {
			service.Fail(w, r, http.StatusServiceUnavailable, "no", "no")
		},
		"has no answer": func(w http.ResponseWriter, _ *http.Request) { service.Reply(w, http.StatusOK, api.Answer{}) },
	} {
		failing := shoptest.Web(t, "5.8.0", web.DefaultConfig(), catalog)
		if w := post(failing, "/basket", strings.NewReader(`{"lines":[{"product_id":7,"quantity":2}]}`)); w.Code != http.StatusBadGateway {
			t.Errorf("the catalog %s: %d %s", name, w.Code, w.Body)
		}
	}
}
