package monitor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// Alert is an alert that Prometheus sees.
type Alert struct {
	State       string            `json:"state"` // pending, firing, silenced or inhibited
	Since       time.Time         `json:"since"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Value       string            `json:"value"`
}

// Alerts are the alerts that are pending or firing now, pages first, the oldest first.
// Without an answer of Alertmanager, those that are silenced or inhibited are called
// firing, and the error says so beside what there is.
func (c *Client) Alerts(ctx context.Context) ([]Alert, error) {
	var got struct {
		Data struct {
			Alerts []struct {
				State       string
				ActiveAt    time.Time
				Labels      map[string]string
				Annotations map[string]string
				Value       string
			}
		}
	}
	if err := c.get(ctx, "/prometheus/api/v1/alerts", nil, &got); err != nil {
		return nil, err
	}
	var held []struct {
		Labels map[string]string
		Status struct {
			SilencedBy  []string
			InhibitedBy []string
		}
	}
	var unsure error
	if err := c.get(ctx, "/alertmanager/api/v2/alerts", nil, &held); err != nil {
		unsure = errors.New("Alertmanager does not answer: what is silenced is not known")
	}
	out := []Alert{}
	for _, a := range got.Data.Alerts {
		x := Alert{State: a.State, Since: a.ActiveAt, Labels: a.Labels, Annotations: a.Annotations, Value: a.Value}
		for _, h := range held {
			switch {
			case x.State != "firing" || !maps.Equal(h.Labels, a.Labels):
			case len(h.Status.SilencedBy) > 0:
				x.State = "silenced"
			case len(h.Status.InhibitedBy) > 0:
				x.State = "inhibited"
			}
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b Alert) int {
		if p, q := a.Labels["severity"] == "page", b.Labels["severity"] == "page"; p != q {
			if p {
				return -1
			}
			return 1
		}
		return a.Since.Compare(b.Since)
	})
	return out, unsure
}
