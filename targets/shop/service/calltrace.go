package service

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"strings"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// startCall begins the step of one attempt to call an upstream. What opening a
// connection took is told where one had to be opened. connected becomes true when there
// is one.
func (c *Upstream) startCall(ctx context.Context, call Call, attempt int, connected *bool) (context.Context, trace.Span) {
	ctx, span := startSpan(ctx, call.Method+" "+c.name, trace.SpanKindClient)
	got := func(httptrace.GotConnInfo) { *connected = true }
	if !span.IsRecording() {
		return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: got}), span
	}
	path, _, _ := strings.Cut(call.Path, "?")
	span.SetAttributes(attribute.String("server.address", strings.TrimPrefix(c.config.URL, "http://")), attribute.String("url.path", path))
	if attempt > 0 {
		span.SetAttributes(attribute.Int("http.request.resend_count", attempt))
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      got,
		DNSStart:     func(httptrace.DNSStartInfo) { span.AddEvent("look up the name") },
		ConnectStart: func(_, addr string) { span.AddEvent("connect to " + addr) },
		ConnectDone: func(_, addr string, err error) {
			if err == nil {
				span.AddEvent("connected to " + addr)
			}
		},
	}), span
}

func endCall(span trace.Span, err error) {
	if !span.IsRecording() {
		return
	}
	var up *UpstreamError
	if errors.As(err, &up) {
		if up.Status != 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", up.Status))
		}
		span.SetAttributes(attribute.String("error.type", upstreamResult(err)))
		if up.Status >= 400 && up.Status < 500 { // an answer, if not the one hoped for
			err = nil
		}
	}
	endSpan(span, err)
}

// CommandTrace makes a step of every command to Redis that a traced request needs. It
// is a hook of the client's.
type CommandTrace struct{}

var _ redis.Hook = CommandTrace{}

// DialHook makes a step of opening a connection.
func (CommandTrace) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, span := startSpan(ctx, "connect to redis", trace.SpanKindClient, attribute.String("server.address", addr))
		c, err := next(ctx, network, addr)
		endSpan(span, err)
		return c, err
	}
}

// ProcessHook makes a step of a command. That a key is not there is no failure.
func (CommandTrace) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		ctx, span := startSpan(ctx, "redis "+cmd.Name(), trace.SpanKindClient, attribute.String("db.system.name", "redis"))
		err := next(ctx, cmd)
		if errors.Is(err, redis.Nil) {
			span.SetAttributes(attribute.Bool("found", false))
			span.End()
			return err
		}
		endSpan(span, err)
		return err
	}
}

// ProcessPipelineHook makes a step of commands that are sent together.
func (CommandTrace) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ctx, span := startSpan(ctx, "redis pipeline", trace.SpanKindClient, attribute.Int("commands", len(cmds)))
		err := next(ctx, cmds)
		endSpan(span, err)
		return err
	}
}
