package httpserver

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// startSpan begins the span of a request, as a child of the caller's if the
// request says so. Most spans are not recorded, and those cost nothing but their
// ids, which the logs have: whatever describes a span is made up only for one
// that is. A ready-made middleware would work it all out for every request.
func (s *Server) startSpan(r *http.Request, requestID string) (context.Context, trace.Span) {
	ctx := otel.GetTextMapPropagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := s.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer)) // the route is added when it is known
	if span.IsRecording() {
		span.SetAttributes(attribute.String("http.request.method", r.Method), attribute.String("lyceum.request_id", requestID))
	}
	return ctx, span
}

// nameSpan tells the span which route it is about.
func nameSpan(span trace.Span, b *boundRoute) {
	if span.IsRecording() {
		span.SetName(b.Method + " " + b.Path)
		span.SetAttributes(attribute.String("http.route", b.Path), attribute.String("lyceum.module", b.module))
	}
}

// endSpan tells how it went. What the caller got wrong is no error of ours.
func endSpan(span trace.Span, status int) {
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
	}
	span.End()
}
