package labs

import (
	"context"
	"net/http"

	"faultlab/labs/control"
	"faultlab/labs/monitor"
)

// Query asks the lab's Prometheus. A lab that runs without one refuses.
func (l *Lab) Query(ctx context.Context, q monitor.Query) (*monitor.Result, error) {
	var out monitor.Result
	if err := q.Check(); err != nil {
		return nil, refuse(err.Error(), "faultlab query --help")
	}
	err := l.call(ctx, http.MethodPost, "/v1/query", q, &out)
	return &out, err
}

// Alerts are those that Prometheus sees, and the pages that arrived.
func (l *Lab) Alerts(ctx context.Context) (control.Alerts, error) {
	var out control.Alerts
	err := l.call(ctx, http.MethodGet, "/v1/alerts", nil, &out)
	return out, err
}
