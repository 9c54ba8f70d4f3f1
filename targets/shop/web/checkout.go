package web

import (
	"encoding/json"
	"errors"
	"net/http"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// postCheckout places an order. It is passed on once: the user's app may send it again
// with the same key, and gets the same order.
func (s *site) postCheckout(w http.ResponseWriter, r *http.Request) {
	var order api.OrderRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&order); err != nil {
		service.Fail(w, r, http.StatusBadRequest, "bad_order", "the body is not an order")
		return
	}
	r.Header.Set("X-Region", s.ID.Region)
	body, err := s.checkout.Call(r.Context(), service.Call{Method: http.MethodPost, Path: "/v1/orders", From: r.Header, Body: order})
	var up *service.UpstreamError
	switch {
	case err == nil:
		service.ReplyBody(w, http.StatusOK, body)
	case errors.As(err, &up) && up.Status >= 400 && up.Status < 500 && json.Valid(up.Answer):
		service.ReplyBody(w, up.Status, up.Answer)
	default:
		s.failed(w, r, "checkout", err)
	}
}
