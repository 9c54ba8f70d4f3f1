package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// maxBasket is how many products a basket holds.
const maxBasket = 50

// postBasket says what is in a basket and what it costs today. The basket itself is in
// the user's app.
func (s *site) postBasket(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Lines []api.Line `json:"lines"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&asked); err != nil || len(asked.Lines) > maxBasket {
		service.Fail(w, r, http.StatusBadRequest, "bad_basket", "the body is not a basket")
		return
	}
	basket := api.Basket{Lines: []api.BasketLine{}}
	for _, l := range asked.Lines {
		if l.ProductID < 1 || l.Quantity < 1 || l.Quantity > 99 {
			service.Fail(w, r, http.StatusBadRequest, "bad_basket", "a line wants a product's id, and a quantity from 1 to 99")
			return
		}
		body, err := s.catalog.Get(r, "/v1/products/"+strconv.FormatInt(l.ProductID, 10))
		var a api.Answer
		if err == nil {
			err = json.Unmarshal(body, &a)
		}
		if err == nil && a.Product == nil {
			err = errors.New("the catalog's answer has no product")
		}
		if err != nil {
			s.failed(w, r, "catalog", err)
			return
		}
		basket.Lines = append(basket.Lines, api.BasketLine{Line: l, Name: a.Product.Name, PriceCents: a.Product.PriceCents})
		basket.TotalCents += int64(l.Quantity) * int64(a.Product.PriceCents)
	}
	service.Reply(w, http.StatusOK, basket)
}
