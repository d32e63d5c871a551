package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// tracing puts the trace of the inserting request into a job's metadata and
// runs the job as part of that trace.
type tracing struct {
	river.MiddlewareDefaults
	module string
}

// InsertMany implements rivertype.JobInsertMiddleware.
func (t *tracing) InsertMany(ctx context.Context, jobs []*rivertype.JobInsertParams,
	insert func(context.Context) ([]*rivertype.JobInsertResult, error),
) ([]*rivertype.JobInsertResult, error) {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	if len(carrier) > 0 {
		for _, job := range jobs {
			metadata, err := withFields(job.Metadata, carrier)
			if err != nil {
				return nil, fmt.Errorf("add the trace to a job of kind %s: %w", job.Kind, err)
			}
			job.Metadata = metadata
		}
	}
	return insert(ctx)
}

func withFields(metadata []byte, fields map[string]string) ([]byte, error) {
	members := map[string]json.RawMessage{}
	if len(metadata) > 0 {
		if err := json.Unmarshal(metadata, &members); err != nil {
			return nil, fmt.Errorf("read its metadata: %w", err)
		}
	}
	for name, value := range fields {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		members[name] = text
	}
	return json.Marshal(members)
}

// Work implements rivertype.WorkerMiddleware.
func (t *tracing) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	ctx, span := otel.Tracer("lyceum/jobs").Start(withRemoteTrace(ctx, job.Metadata), "job "+job.Kind,
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
			attribute.String("lyceum.module", t.module), attribute.String("job.kind", job.Kind),
			attribute.Int64("job.id", job.ID), attribute.Int("job.attempt", job.Attempt),
		))
	defer span.End()
	err := work(ctx)
	if outcome := outcomeOf(job, err); outcome == outcomeFailed || outcome == outcomeDiscarded {
		span.RecordError(err)
		span.SetStatus(codes.Error, outcome)
	}
	return err
}

// withRemoteTrace returns ctx with the span that a job's metadata names, if
// they name one.
func withRemoteTrace(ctx context.Context, metadata []byte) context.Context {
	var fields struct {
		TraceParent string `json:"traceparent"`
		TraceState  string `json:"tracestate"`
	}
	if err := json.Unmarshal(metadata, &fields); err != nil || fields.TraceParent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{
		"traceparent": fields.TraceParent, "tracestate": fields.TraceState,
	})
}
