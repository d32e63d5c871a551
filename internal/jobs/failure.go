package jobs

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// failureLog logs the runs of jobs that fail, without the jobs' arguments: they
// may lead to a person. It is also a middleware, since River does not report
// jobs to the error handler that cancel themselves.
type failureLog struct {
	river.MiddlewareDefaults
	log *slog.Logger
}

// Work implements rivertype.WorkerMiddleware.
func (f *failureLog) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	err := work(ctx)
	if outcomeOf(job, err) == outcomeCancelled {
		f.failed(ctx, job, slog.LevelError, outcomeCancelled, slog.Any("error", err))
	}
	return err
}

// HandleError implements river.ErrorHandler. River calls it for errors that
// were neither a snooze, a cancellation nor caused by a stop.
func (f *failureLog) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	outcome, level := outcomeOf(job, err), slog.LevelWarn
	if outcome == outcomeDiscarded {
		level = slog.LevelError
	}
	f.failed(ctx, job, level, outcome, slog.Any("error", err))
	return nil
}

// HandlePanic implements river.ErrorHandler. A job that panics is retried like
// any other.
func (f *failureLog) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, stack string) *river.ErrorHandlerResult {
	f.failed(ctx, job, slog.LevelError, outcomePanicked, slog.String("error", fmt.Sprint(value)), slog.String("stack", stack))
	return nil
}

func (f *failureLog) failed(ctx context.Context, job *rivertype.JobRow, level slog.Level, outcome string, more ...slog.Attr) {
	attrs := append([]slog.Attr{
		slog.String("kind", job.Kind), slog.Int64("job_id", job.ID), slog.String("outcome", outcome),
		slog.Int("attempt", job.Attempt), slog.Int("max_attempts", job.MaxAttempts),
	}, more...)
	f.log.LogAttrs(withRemoteTrace(ctx, job.Metadata), level, "job failed", attrs...)
}

// riverHandler passes on River's own warnings and errors. Below that it reports
// its housekeeping, and failures that failureLog reports too.
type riverHandler struct {
	slog.Handler
}

// Enabled implements slog.Handler.
func (h riverHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h riverHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return riverHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h riverHandler) WithGroup(name string) slog.Handler {
	return riverHandler{h.Handler.WithGroup(name)}
}
