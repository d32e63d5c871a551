package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

func newLogger(cfg Config) (*slog.Logger, error) {
	if cfg.Out == nil {
		return nil, errors.New("there is nowhere to log to")
	}
	options := &slog.HandlerOptions{}
	switch cfg.LogLevel {
	case "debug":
		options.Level = slog.LevelDebug
	case "", "info":
		options.Level = slog.LevelInfo
	case "warn":
		options.Level = slog.LevelWarn
	case "error":
		options.Level = slog.LevelError
	default:
		return nil, fmt.Errorf("the log level %q is not debug, info, warn or error", cfg.LogLevel)
	}
	switch cfg.LogFormat {
	case "", "json":
		return slog.New(traceHandler{slog.NewJSONHandler(cfg.Out, options)}), nil
	case "text":
		return slog.New(traceHandler{slog.NewTextHandler(cfg.Out, options)}), nil
	default:
		return nil, fmt.Errorf("the log format %q is not text or json", cfg.LogFormat)
	}
}

// traceHandler adds the ids of the span that a record's context has.
type traceHandler struct {
	slog.Handler
}

// Handle implements slog.Handler.
func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name)}
}
