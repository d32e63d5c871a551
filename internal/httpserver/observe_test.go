package httpserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/lyceum-lms/platform/internal/auth"
)

func TestOneLineASecond(t *testing.T) {
	t.Parallel()
	var l lineLimit
	now := time.Unix(1_800_000_000, 0)
	for _, step := range []struct {
		after   time.Duration
		skipped int64
		ok      bool
	}{{0, 0, true}, {time.Millisecond, 0, false}, {999 * time.Millisecond, 0, false}, {time.Second, 2, true}, {3 * time.Second, 0, true}} {
		skipped, ok := l.take(now.Add(step.after))
		require.Equal(t, step.ok, ok, "after %s", step.after)
		require.Equal(t, step.skipped, skipped, "after %s", step.after)
	}
}

// It changes the process's tracer provider, so it does not run beside others.
func TestSpanOfARequest(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	provider, propagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() { otel.SetTracerProvider(provider); otel.SetTextMapPropagator(propagator) })

	s := New(Options{Verifier: auth.NewVerifier("i", "a", time.Now), Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	type none struct{}
	Handle(s.Router("users", []string{"/v1/users"}, nil), Route{
		Method: "GET", Path: "/v1/users/{id}", ID: "get", Summary: "Get", Permission: auth.Public,
	}, func(_ context.Context, in *struct {
		ID string `path:"id"`
	}) (*none, error) {
		if in.ID == "bad" {
			return nil, errors.New("broken")
		}
		return &none{}, nil
	})
	require.NoError(t, s.Check())
	for _, id := range []string{"good", "bad"} {
		r := httptest.NewRequest(http.MethodGet, "/v1/users/"+id, nil)
		r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	ended := spans.Ended()
	require.Len(t, ended, 2)
	for i, status := range []int{204, 500} {
		span := ended[i]
		require.Equal(t, "GET /v1/users/{id}", span.Name())
		require.Equal(t, "0af7651916cd43dd8448eb211c80319c", span.SpanContext().TraceID().String())
		require.Equal(t, "b7ad6b7169203331", span.Parent().SpanID().String())
		require.Subset(t, span.Attributes(), []attribute.KeyValue{
			attribute.String("http.request.method", "GET"), attribute.String("http.route", "/v1/users/{id}"),
			attribute.String("lyceum.module", "users"), attribute.Int("http.response.status_code", status),
		})
	}
	require.Equal(t, codes.Unset, ended[0].Status().Code)
	require.Equal(t, codes.Error, ended[1].Status().Code)
}
