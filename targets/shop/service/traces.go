package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// TracesConfig says where a service sends what it did for each request.
type TracesConfig struct {
	Endpoint string  `yaml:"endpoint"` // http://host:port of an OTLP receiver; empty: nothing is sent; default empty
	Share    float64 `yaml:"share"`    // of traces that are sent; 0 to 1, default 1
}

// DefaultTraces is what a configuration without a traces section means.
func DefaultTraces() TracesConfig { return TracesConfig{Share: 1} }

// Validate checks every value against its range.
func (c TracesConfig) Validate() error {
	var errs []error
	if c.Endpoint != "" {
		errs = append(errs, HTTPURL("traces.endpoint", c.Endpoint))
	}
	if !(c.Share >= 0 && c.Share <= 1) {
		errs = append(errs, fmt.Errorf("traces.share is %v; want 0 to 1", c.Share))
	}
	return errors.Join(errs...)
}

// scope names who made the spans.
const scope = "shop"

// w3c reads and writes the header traceparent.
var w3c propagation.TraceContext

// noTracer makes spans that record nothing. They still pass on the ids that came with
// a request, so that logs can be followed without traces.
var noTracer = noop.NewTracerProvider().Tracer(scope)

// Traced has a service send spans; stop sends what is left. With no endpoint it does
// nothing.
func (s *Service) Traced(c TracesConfig) (stop func(context.Context), err error) {
	if c.Endpoint == "" {
		return func(context.Context) {}, nil
	}
	sender, err := newSender(c.Endpoint, s.Log, s.Metrics)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find our own name: %w", err)
	}
	// Whoever asks first decides whether a trace is sent at all; of those that are, the
	// share is chosen by their ids, so that all services choose the same ones.
	share := sdktrace.TraceIDRatioBased(c.Share)
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.ParentBased(share, sdktrace.WithRemoteParentSampled(share))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", s.ID.Service), attribute.String("service.version", s.ID.Release),
			attribute.String("service.instance.id", host),
			attribute.String("cloud.region", s.ID.Region), attribute.String("cloud.availability_zone", s.ID.Zone),
		)),
		sdktrace.WithSpanProcessor(sender),
	)
	s.tracer = provider.Tracer(scope)
	return func(ctx context.Context) {
		if err := provider.Shutdown(ctx); err != nil {
			s.Log.Info("spans are lost in the stop", "err", err.Error())
		}
	}, nil
}

// startSpan begins a step of what a request needs, with the tracer of the span that
// ctx has; without one it records nothing.
func startSpan(ctx context.Context, name string, kind trace.SpanKind, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, noop.Span{}
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
}

// worthTelling is the shortest wait that becomes a step of its own.
const worthTelling = time.Millisecond

// Waited records, as a step of a request, that it waited for something since began.
// Waits of less than a millisecond are left out.
func Waited(ctx context.Context, what string, began time.Time, err error) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() || err == nil && time.Since(began) < worthTelling {
		return
	}
	_, span := parent.TracerProvider().Tracer(scope).Start(ctx, "wait for "+what, trace.WithTimestamp(began))
	endSpan(span, err)
}

// endSpan ends a step, which failed if err is not nil.
func endSpan(span trace.Span, err error) {
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// Failed records an error on the step that a request is in. What is answered decides
// whether the step failed.
func Failed(r *http.Request, err error) { trace.SpanFromContext(r.Context()).RecordError(err) }

// serverSpan begins the step that answers a request; pattern is its route.
func (s *Service) serverSpan(r *http.Request, pattern, route, requestID string) (*http.Request, trace.Span) {
	ctx := w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := s.tracer.Start(ctx, strings.TrimSuffix(pattern, "{$}"), trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		_, path, _ := strings.Cut(pattern, " ")
		attrs := []attribute.KeyValue{
			attribute.String("http.request.method", r.Method), attribute.String("http.route", strings.TrimSuffix(path, "{$}")),
			attribute.String("url.path", r.URL.Path), attribute.String("route", route),
			attribute.String("site", site(r.Host)), attribute.String("request_id", requestID),
		}
		if r.URL.RawQuery != "" {
			attrs = append(attrs, attribute.String("url.query", r.URL.RawQuery))
		}
		for _, h := range [...]struct{ key, header string }{
			{"tenant", "X-Tenant"}, {"app_version", "X-App-Version"}, {"device", "X-Device"}, {"cohort", "X-Cohort"},
		} {
			if v := r.Header.Get(h.header); v != "" {
				attrs = append(attrs, attribute.String(h.key, v))
			}
		}
		span.SetAttributes(attrs...)
	}
	return r.WithContext(ctx), span
}

// answered ends the step that answers a request.
func answered(span trace.Span, status int) {
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= 500 {
			if said, ok := span.(sdktrace.ReadOnlySpan); !ok || said.Status().Code == codes.Unset {
				span.SetStatus(codes.Error, http.StatusText(status))
			}
		}
	}
	span.End()
}

// traceLog adds to what is logged for a request the ids of its trace and step.
type traceLog struct{ slog.Handler }

func (h traceLog) Handle(ctx context.Context, r slog.Record) error {
	if c := trace.SpanContextFromContext(ctx); c.IsValid() {
		r.AddAttrs(slog.String("trace_id", c.TraceID().String()), slog.String("span_id", c.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h traceLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceLog{h.Handler.WithAttrs(attrs)}
}

func (h traceLog) WithGroup(name string) slog.Handler { return traceLog{h.Handler.WithGroup(name)} }
