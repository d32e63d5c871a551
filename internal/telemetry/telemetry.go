// Package telemetry sets up what a process tells about itself: structured logs
// that name the trace they belong to, a metrics registry and OpenTelemetry
// traces.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Config says what to report and where to.
type Config struct {
	// OTLPEndpoint is the base URL of an OTLP/HTTP receiver of traces, such as
	// http://localhost:4318. If empty, no trace is recorded; trace ids go from
	// request to job and log all the same.
	OTLPEndpoint string
	ServiceName  string
	Version      string
	// LogFormat is "text" or "json"; "json" if empty.
	LogFormat string
	// LogLevel is "debug", "info", "warn" or "error"; "info" if empty.
	LogLevel string
	// Out receives the logs.
	Out io.Writer
}

// Telemetry is one process's.
type Telemetry struct {
	// Log adds trace_id and span_id to records whose context has a span.
	Log *slog.Logger
	// Registry holds the metrics of the Go runtime, of the process and of the
	// build; modules add theirs.
	Registry *prometheus.Registry

	traces *sdktrace.TracerProvider
}

// Start sets everything up. It makes its tracer provider and the W3C Trace
// Context propagator the process's own, so it is called once, by main. It does
// not reach for the endpoint: an absent receiver costs spans and log lines.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	log, err := newLogger(cfg)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{Log: log}
	if t.Registry, err = newRegistry(cfg.Version); err != nil {
		return nil, err
	}
	if t.traces, err = newTraces(ctx, cfg); err != nil {
		return nil, err
	}
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetTracerProvider(t.traces)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces cannot be reported", "error", err) }))
	return t, nil
}

// Shutdown sends the spans that wait, as long as ctx allows. Log and Registry
// go on working.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if err := t.traces.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

func newRegistry(version string) (*prometheus.Registry, error) {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lyceum_build_info", Help: "1, labelled with what is running.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	err := errors.Join(reg.Register(collectors.NewGoCollector()), reg.Register(build),
		reg.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
	if err != nil {
		return nil, fmt.Errorf("register the process's metrics: %w", err)
	}
	return reg, nil
}

func newTraces(ctx context.Context, cfg Config) (*sdktrace.TracerProvider, error) {
	if cfg.OTLPEndpoint == "" {
		// A sampled flag that comes from outside is not a reason to record.
		return sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())), nil
	}
	endpoint, err := url.Parse(cfg.OTLPEndpoint)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		return nil, errors.New("the OTLP endpoint is not an http or https URL")
	}
	// The exporter takes the URL as it is; receivers expect traces under this path.
	if endpoint.Path == "" || endpoint.Path == "/" {
		endpoint = endpoint.JoinPath("/v1/traces")
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint.String()))
	if err != nil {
		return nil, fmt.Errorf("set up the reporting of traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithAttributes(
		attribute.String("service.name", cfg.ServiceName), attribute.String("service.version", cfg.Version)))
	if err != nil {
		return nil, fmt.Errorf("describe this process to the receiver of traces: %w", err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about)), nil
}
