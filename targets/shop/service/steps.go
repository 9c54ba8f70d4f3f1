package service

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceField is the field of a queue's message that says which trace it belongs to, as
// the header of the same name does (W3C Trace Context).
const TraceField = "traceparent"

// Step begins a step of what a request needs, which end ends: it failed if there was an
// error.
func Step(ctx context.Context, name string, attrs ...attribute.KeyValue) (_ context.Context, end func(error)) {
	ctx, span := startSpan(ctx, name, trace.SpanKindInternal, attrs...)
	return ctx, func(err error) { endSpan(span, err) }
}

// Root begins the trace of what is done for no request.
func (s *Service) Root(ctx context.Context, name string, attrs ...attribute.KeyValue) (_ context.Context, end func(error)) {
	return s.begin(ctx, name, trace.WithNewRoot(), trace.WithAttributes(attrs...))
}

// Consume begins the step that handles a message. The trace is the one that the message
// names; a new one if it names none.
func (s *Service) Consume(ctx context.Context, name, traceparent string, attrs ...attribute.KeyValue) (_ context.Context, end func(error)) {
	return s.begin(named(ctx, traceparent), name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attrs...))
}

// Produce begins the step that sends a message for the trace that traceparent names. It
// gives what the message has to name. Without a trace there is neither.
func (s *Service) Produce(ctx context.Context, name, traceparent string) (message string, end func(error)) {
	if traceparent == "" {
		return "", func(error) {}
	}
	ctx, end = s.begin(named(ctx, traceparent), name, trace.WithSpanKind(trace.SpanKindProducer))
	return Traceparent(ctx), end
}

// Traceparent names the step that ctx is in, and its trace; "" if there is none.
func Traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return carrier[TraceField]
}

func (s *Service) begin(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, func(error)) {
	ctx, span := s.tracer.Start(ctx, name, o...)
	return ctx, func(err error) { endSpan(span, err) }
}

// named is ctx with the step that traceparent names; without one if that is not valid.
func named(ctx context.Context, traceparent string) context.Context {
	return w3c.Extract(ctx, propagation.MapCarrier{TraceField: traceparent})
}
