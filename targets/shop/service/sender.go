package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// How spans are sent. A queue that is full takes about 1 MiB.
const (
	spanQueue    = 512             // spans that wait; further ones are dropped
	spanBatch    = 128             // sent together at most
	sendEvery    = 2 * time.Second // what waits is sent at least so often
	sendTimeout  = 2 * time.Second // of a batch, connecting included
	sendAgain    = 5 * time.Second // after a failure nothing is sent for so long
	sendLastCall = 500 * time.Millisecond
)

// sender sends ended spans in batches, from a goroutine of its own. It never holds up a
// request: what cannot be sent is dropped and counted.
type sender struct {
	queue   chan sdktrace.ReadOnlySpan
	otlp    *otlptrace.Exporter
	log     *slog.Logger
	sent    prometheus.Counter
	dropped *prometheus.CounterVec

	closed  atomic.Bool
	once    sync.Once
	closing chan struct{} // closed when no more spans come
	done    chan struct{} // closed when the goroutine has ended
}

// Why spans are dropped.
const (
	queueFull = "queue_full" // more came than could be sent
	notTaken  = "not_taken"  // the receiver was away, or refused them
	stopping  = "stopping"   // the service ended first
)

func newSender(endpoint string, log *slog.Logger, register prometheus.Registerer) (*sender, error) {
	s := &sender{
		queue: make(chan sdktrace.ReadOnlySpan, spanQueue), log: log,
		sent: prometheus.NewCounter(prometheus.CounterOpts{Name: "traces_spans_sent_total", Help: "Spans that the receiver took."}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "traces_spans_dropped_total", Help: "Spans that were not sent, by reason (queue_full, not_taken, stopping).",
		}, []string{"reason"}),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	for _, reason := range []string{queueFull, notTaken, stopping} {
		s.dropped.WithLabelValues(reason)
	}
	register.MustRegister(s.sent, s.dropped)
	var err error
	if s.otlp, err = otlptrace.New(context.Background(), newPoster(endpoint)); err != nil {
		return nil, fmt.Errorf("send spans: %w", err)
	}
	go s.run()
	return s, nil
}

// OnStart does nothing.
func (s *sender) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd takes a span, if there is room.
func (s *sender) OnEnd(span sdktrace.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() {
		return
	}
	if s.closed.Load() {
		s.dropped.WithLabelValues(stopping).Inc()
		return
	}
	select {
	case s.queue <- span:
	default:
		s.dropped.WithLabelValues(queueFull).Inc()
	}
}

// ForceFlush does nothing: what waits is sent within two seconds.
func (s *sender) ForceFlush(context.Context) error { return nil }

// Shutdown sends what waits, for half a second at most.
func (s *sender) Shutdown(ctx context.Context) error {
	s.closed.Store(true)
	s.once.Do(func() { close(s.closing) })
	select {
	case <-s.done:
		return s.otlp.Shutdown(ctx)
	case <-ctx.Done():
		return fmt.Errorf("send the last spans: %w", ctx.Err())
	}
}

func (s *sender) run() {
	defer close(s.done)
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	batch := make([]sdktrace.ReadOnlySpan, 0, spanBatch)
	var failing bool
	for {
		full, closing := false, false
		select {
		case span := <-s.queue:
			batch = append(batch, span)
			full = len(batch) == spanBatch
		case <-tick.C:
			full = len(batch) > 0
		case <-s.closing:
			closing = true
		}
		if closing {
			s.last(batch)
			return
		}
		if !full {
			continue
		}
		err := s.send(batch, sendTimeout)
		clear(batch)
		batch = batch[:0]
		switch {
		case err != nil && !failing:
			s.log.Warn("spans cannot be sent; they are dropped until that is over", "err", err.Error())
		case err == nil && failing:
			s.log.Info("spans are sent again")
		}
		if failing = err != nil; failing {
			select {
			case <-time.After(sendAgain):
			case <-s.closing:
			}
		}
	}
}

// last sends what is left, while there is time.
func (s *sender) last(batch []sdktrace.ReadOnlySpan) {
	deadline := time.Now().Add(sendLastCall)
	for {
		for len(batch) < spanBatch {
			select {
			case span := <-s.queue:
				batch = append(batch, span)
				continue
			default:
			}
			break
		}
		if len(batch) == 0 {
			return
		}
		if err := s.send(batch, time.Until(deadline)); err != nil {
			s.dropped.WithLabelValues(stopping).Add(float64(len(s.queue)))
			return
		}
		batch = batch[:0]
	}
}

func (s *sender) send(batch []sdktrace.ReadOnlySpan, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := s.otlp.ExportSpans(ctx, batch); err != nil {
		s.dropped.WithLabelValues(notTaken).Add(float64(len(batch)))
		return err
	}
	s.sent.Add(float64(len(batch)))
	return nil
}

// poster posts spans as OTLP/HTTP wants them. The exporter that comes with
// OpenTelemetry for this would link gRPC, which is never used here.
type poster struct {
	url  string
	http *http.Client
}

func newPoster(endpoint string) *poster {
	return &poster{url: strings.TrimSuffix(endpoint, "/") + "/v1/traces", http: &http.Client{
		Transport: &http.Transport{MaxIdleConns: 1, IdleConnTimeout: 30 * time.Second, DisableCompression: true},
	}}
}

func (p *poster) Start(context.Context) error { return nil }

func (p *poster) Stop(context.Context) error {
	p.http.CloseIdleConnections()
	return nil
}

// UploadTraces sends one batch. TracesData is, byte for byte, the request of OTLP.
func (p *poster) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("the receiver of spans answered %d", resp.StatusCode), err)
	}
	return err
}
