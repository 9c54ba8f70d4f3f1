package service

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// statementTrace makes a step of every statement, and of waits for a connection.
type statementTrace struct{}

var (
	_ pgx.QueryTracer       = statementTrace{}
	_ pgx.BatchTracer       = statementTrace{}
	_ pgxpool.AcquireTracer = statementTrace{}
)

// TraceQueryStart begins the step of a statement.
func (statementTrace) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return startStatement(ctx, data.SQL)
}

// TraceQueryEnd ends it.
func (statementTrace) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	endStatement(ctx, data.CommandTag, data.Err)
}

// TraceBatchStart begins the step of the statement that comes with its mark.
func (statementTrace) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if n := len(data.Batch.QueuedQueries); n > 0 {
		return startStatement(ctx, data.Batch.QueuedQueries[n-1].SQL)
	}
	return ctx
}

// TraceBatchQuery notes how many rows there were.
func (statementTrace) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	if span := stepOf(ctx); span != nil && data.SQL != markSQL {
		span.SetAttributes(rows(data.CommandTag))
	}
}

// TraceBatchEnd ends the step.
func (statementTrace) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	if span := stepOf(ctx); span != nil {
		endSpan(span, data.Err)
	}
}

type acquireKey struct{}

// TraceAcquireStart notes since when a connection is waited for.
func (statementTrace) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	return context.WithValue(ctx, acquireKey{}, time.Now())
}

// TraceAcquireEnd tells how long that took, where it is worth telling.
func (statementTrace) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if began, ok := ctx.Value(acquireKey{}).(time.Time); ok {
		Waited(ctx, "a database connection", began, data.Err)
	}
}

// stepKey marks the context of a statement, so that no other step is taken for it.
type stepKey struct{}

func startStatement(ctx context.Context, sql string) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	s := summaryOf(sql)
	ctx, span := startSpan(ctx, s.name, trace.SpanKindClient,
		attribute.String("db.system.name", "postgresql"), attribute.String("db.query.text", s.text))
	return context.WithValue(ctx, stepKey{}, span)
}

func stepOf(ctx context.Context) trace.Span {
	span, _ := ctx.Value(stepKey{}).(trace.Span)
	return span
}

func endStatement(ctx context.Context, tag pgconn.CommandTag, err error) {
	span := stepOf(ctx)
	if span == nil {
		return
	}
	if err == nil {
		span.SetAttributes(rows(tag))
	}
	endSpan(span, err)
}

func rows(tag pgconn.CommandTag) attribute.KeyValue {
	return attribute.Int64("db.rows", tag.RowsAffected())
}

// summary is what a trace tells of a statement.
type summary struct{ name, text string }

// longestText is how much of a statement a trace tells, in bytes.
const longestText = 240

// nameMark begins a statement that has a name, which is the rest of its first line. It
// is constant, as statements have to be to stay prepared.
const nameMark = "-- name: "

// summaries are those of the statements in the code, of which there are few.
var summaries sync.Map

func summaryOf(sql string) summary {
	if strings.HasPrefix(sql, beginMarked) { // of which every request has another one
		return summary{"begin", "begin"}
	}
	if s, ok := summaries.Load(sql); ok {
		return s.(summary)
	}
	var s summary
	text := sql
	if first, rest, ok := strings.Cut(sql, "\n"); ok && strings.HasPrefix(first, nameMark) {
		s.name, text = strings.TrimSpace(first[len(nameMark):]), rest
	}
	words := strings.Fields(text)
	if s.name == "" && len(words) > 0 {
		s.name = strings.ToLower(words[0])
	}
	if s.text = strings.Join(words, " "); len(s.text) > longestText {
		s.text = strings.ToValidUTF8(s.text[:longestText], "") + "..."
	}
	summaries.Store(sql, s)
	return s
}
