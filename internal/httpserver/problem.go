package httpserver

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/problem"
)

// statusClientGone is logged and counted, never sent: the client closed the
// connection before there was an answer.
const statusClientGone = 499

// Problem is an error as it is sent: RFC 9457, application/problem+json.
type Problem struct {
	Type     string               `json:"type" format:"uri-reference" example:"/problems/attempt-closed" doc:"Names the kind of problem. Stable; its last segment is the reason."`
	Title    string               `json:"title" example:"Conflict" doc:"The meaning of the status."`
	Status   int                  `json:"status" example:"409" doc:"The HTTP status."`
	Detail   string               `json:"detail,omitempty" example:"The attempt is closed." doc:"A sentence for people."`
	Instance string               `json:"instance,omitempty" format:"uri-reference" example:"urn:request:019b2f3c5a" doc:"This occurrence: the id of the request."`
	Errors   []problem.FieldError `json:"errors,omitempty" doc:"The values that are wrong."`

	header http.Header
	cause  error
}

// Error implements error.
func (p *Problem) Error() string { return p.Type + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

const problemTypes = "/problems/"

// newProblem turns any error into what may be sent of it. It is the only place
// that does.
func newProblem(ctx context.Context, err error) *Problem {
	var sent *Problem
	if errors.As(err, &sent) {
		return sent
	}
	var p *problem.Problem
	if !errors.As(err, &p) {
		p = translate(err)
	}
	reason := p.Reason
	if reason == "" {
		reason = string(p.Code)
	}
	status := p.Status()
	if status == 0 {
		status = http.StatusInternalServerError
	}
	if reason == reasonTimeout {
		status = http.StatusGatewayTimeout
	}
	out := &Problem{
		Type: problemTypes + reason, Title: http.StatusText(status), Status: status,
		Detail: p.Detail, Errors: p.Fields, cause: err, header: http.Header{},
	}
	if id := RequestID(ctx); id != "" {
		out.Instance = "urn:request:" + id
	}
	if p.RetryAfter > 0 {
		out.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	if status == http.StatusUnauthorized {
		out.header.Set("WWW-Authenticate", `Bearer realm="lyceum"`)
	}
	return out
}

const reasonTimeout = "timeout"

// translate says what an error that is not a problem means to the caller.
func translate(err error) *problem.Problem {
	var tooLarge *http.MaxBytesError
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &tooLarge):
		return problem.New(problem.TooLarge, "too-large", "The body is larger than %d bytes.", tooLarge.Limit).WithCause(err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &pg) && pg.Code == "57014":
		return problem.New(problem.Unavailable, reasonTimeout, "The request took too long and was given up.").WithCause(err)
	case postgres.LoginRefused(err):
		return problem.New(problem.Unavailable, "module-moved", "This part of the platform is being moved. Try again shortly.").
			After(time.Second).WithCause(err)
	case errors.As(err, &connect), pg != nil && passes(pg.Code), lostConnection(err):
		return problem.New(problem.Unavailable, "unavailable", "The service is busy. Try again shortly.").
			After(time.Second).WithCause(err)
	}
	return problem.Of(err)
}

// lostConnection tells that a connection to the database broke, or was found
// broken, in the middle of it, as all do when the server restarts.
func lostConnection(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

// passes tells PostgreSQL's errors that another try may not meet: lost
// connections, too many of them, a server that starts or stops, locks and
// conflicts with other transactions.
func passes(sqlState string) bool {
	switch sqlState {
	case "40001", "40P01", "55P03", "25P03", "57P01", "57P02", "57P03":
		return true
	}
	return strings.HasPrefix(sqlState, "08") || strings.HasPrefix(sqlState, "53")
}

// WriteProblem answers with the problem form of err, for raw handlers. It must
// be called before anything else has been written.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := newProblem(r.Context(), err)
	report(r.Context(), p)
	body, err := json.Marshal(p)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	for _, name := range []string{"ETag", "Last-Modified", "Content-Disposition", "Content-Length", "Content-Encoding"} {
		h.Del(name)
	}
	h.Set("Content-Type", p.ContentType(""))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // the client has gone: nobody to tell
}

// report hands the cause of a problem to the access log, and to the error log
// if it is ours to mend.
func report(ctx context.Context, p *Problem) {
	c := callOf(ctx)
	if c == nil {
		return
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		c.clientGone = true
		return
	}
	c.problem = strings.TrimPrefix(p.Type, problemTypes)
	if p.Status == http.StatusInternalServerError || p.Status == http.StatusBadGateway || p.Status == http.StatusGatewayTimeout ||
		p.Status == http.StatusServiceUnavailable && p.cause != nil && errors.Unwrap(p.cause) != nil {
		c.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request_id", c.requestID),
			slog.String("method", c.method), slog.String("route", c.pattern()), slog.Int("status", p.Status), slog.Any("error", p.cause))
	}
}

var useProblems sync.Once

// installProblems makes huma build its own errors (validation, above all) in
// our form. Its constructors are variables of its package, so this is done once
// for the process; the values depend on nothing but their arguments.
func installProblems() {
	useProblems.Do(func() {
		huma.NewError = func(status int, text string, errs ...error) huma.StatusError {
			return fromHuma(context.Background(), status, text, errs) //nolint:forbidigo // the hook has none
		}
		huma.NewErrorWithContext = func(ctx huma.Context, status int, text string, errs ...error) huma.StatusError {
			p := fromHuma(ctx.Context(), status, text, errs)
			report(ctx.Context(), p)
			for name, values := range p.header {
				ctx.SetHeader(name, values[0])
			}
			ctx.SetHeader("Cache-Control", "no-store")
			return p
		}
		// Without this "Role" passes for "role", after the duplicate check has
		// taken them for two names.
		huma.ValidateStrictCasing = true
	})
}

// fromHuma is newProblem for huma's own findings. Values are not sent back:
// they may be passwords.
func fromHuma(ctx context.Context, status int, text string, errs []error) *Problem {
	var p *problem.Problem
	switch status {
	case http.StatusUnprocessableEntity:
		p = problem.New(problem.Invalid, "invalid-request", "The request has invalid values.")
	case http.StatusBadRequest:
		p = problem.New(problem.Malformed, "malformed-request", "The request cannot be read: %s.", text)
	case http.StatusRequestEntityTooLarge:
		p = problem.New(problem.TooLarge, "too-large", "The body is too large.")
	default:
		out := newProblem(ctx, problem.New(problem.Internal, reasonOf(status), "%s", http.StatusText(status)))
		out.Status, out.Title, out.cause = status, http.StatusText(status), errors.Join(errs...)
		return out
	}
	for _, err := range errs {
		var detail *huma.ErrorDetail
		if errors.As(err, &detail) {
			p.Fields = append(p.Fields, problem.FieldError{Location: detail.Location, Message: detail.Message})
		} else if err != nil {
			p.Fields = append(p.Fields, problem.FieldError{Message: err.Error()})
		}
	}
	return newProblem(ctx, p)
}

func reasonOf(status int) string {
	if status == http.StatusInternalServerError || status == 0 {
		return "internal"
	}
	return strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "-")
}
