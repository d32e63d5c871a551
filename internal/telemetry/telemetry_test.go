package telemetry

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

const remoteParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// Without an endpoint nothing is recorded, but a request's trace id reaches
// its logs and what it calls.
func TestTraceIDsWithoutARecorder(t *testing.T) {
	var out bytes.Buffer
	tel, err := Start(t.Context(), Config{ServiceName: "lyceum", Version: "1.2.3", LogFormat: "json", Out: &out})
	require.NoError(t, err)
	ctx := otel.GetTextMapPropagator().Extract(t.Context(), propagation.MapCarrier{"traceparent": remoteParent})
	ctx, span := otel.Tracer("test").Start(ctx, "work")
	require.False(t, span.IsRecording(), "the caller's sampled flag does not make us record")

	tel.Log.With("module", "users").InfoContext(ctx, "hello")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", line["trace_id"])
	require.Equal(t, span.SpanContext().SpanID().String(), line["span_id"])
	require.NotEqual(t, "b7ad6b7169203331", line["span_id"])
	require.Equal(t, "users", line["module"])

	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	require.Contains(t, carrier["traceparent"], "0af7651916cd43dd8448eb211c80319c")

	out.Reset()
	tel.Log.Info("without a request")
	require.NotContains(t, out.String(), "trace_id")
	require.NoError(t, tel.Shutdown(t.Context()))
}

func TestTracesReachTheReceiver(t *testing.T) {
	received := make(chan *coltrace.ExportTraceServiceRequest, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var request coltrace.ExportTraceServiceRequest
		if proto.Unmarshal(body, &request) == nil {
			received <- &request
		}
	}))
	defer receiver.Close()
	tel, err := Start(t.Context(), Config{
		OTLPEndpoint: receiver.URL, ServiceName: "lyceum-test", Version: "1.2.3", Out: t.Output(),
	})
	require.NoError(t, err)
	_, span := otel.Tracer("test").Start(t.Context(), "grade an attempt")
	span.End()
	require.NoError(t, tel.Shutdown(t.Context()), "shutting down sends what waits")

	select {
	case request := <-received:
		spans := request.ResourceSpans[0]
		require.Equal(t, "grade an attempt", spans.ScopeSpans[0].Spans[0].Name)
		about := map[string]string{}
		for _, a := range spans.Resource.Attributes {
			about[a.Key] = a.Value.GetStringValue()
		}
		require.Equal(t, "lyceum-test", about["service.name"])
		require.Equal(t, "1.2.3", about["service.version"])
	case <-time.After(10 * time.Second):
		t.Fatal("no trace arrived")
	}
}

func TestRegistryKnowsTheBuild(t *testing.T) {
	tel, err := Start(t.Context(), Config{Version: "1.2.3", Out: t.Output()})
	require.NoError(t, err)
	families, err := tel.Registry.Gather()
	require.NoError(t, err)
	labels := map[string]map[string]string{}
	for _, f := range families {
		labels[f.GetName()] = map[string]string{}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels[f.GetName()][l.GetName()] = l.GetValue()
		}
	}
	require.Equal(t, "1.2.3", labels["lyceum_build_info"]["version"])
	require.Contains(t, labels, "go_goroutines")
	require.Contains(t, labels, "process_start_time_seconds")
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]Config{
		"format":   {LogFormat: "xml", Out: t.Output()},
		"level":    {LogLevel: "loud", Out: t.Output()},
		"no out":   {},
		"endpoint": {OTLPEndpoint: "localhost:4318", Out: t.Output()},
	} {
		_, err := Start(t.Context(), cfg)
		require.Error(t, err, name)
	}
}

func TestLogLevel(t *testing.T) {
	var out bytes.Buffer
	tel, err := Start(t.Context(), Config{LogLevel: "warn", LogFormat: "text", Out: &out})
	require.NoError(t, err)
	tel.Log.Info("quiet")
	require.Empty(t, out.String())
	tel.Log.Warn("loud")
	require.Contains(t, out.String(), "level=WARN")
}
