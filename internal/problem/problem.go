// Package problem is the one error type that may reach a caller, and its
// RFC 9457 form. Any error that is not a *Problem is internal: the caller sees
// a fixed text, the log sees the cause.
package problem

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of failure it is. Each maps to one HTTP status.
type Code string

// The codes are few on purpose: a client can act differently on each of them.
const (
	Invalid         Code = "invalid"         // 422: the request is understood and wrong
	Malformed       Code = "malformed"       // 400: the request cannot be understood
	Unauthenticated Code = "unauthenticated" // 401
	Forbidden       Code = "forbidden"       // 403
	NotFound        Code = "not-found"       // 404; also what the caller must not know of
	Conflict        Code = "conflict"        // 409: the state does not allow it now
	Gone            Code = "gone"            // 410
	Precondition    Code = "precondition"    // 412: If-Match does not match
	TooLarge        Code = "too-large"       // 413
	TooMany         Code = "too-many"        // 429
	Unavailable     Code = "unavailable"     // 503
	Internal        Code = "internal"        // 500

	// Those of a process that passes requests on to another.
	UpstreamFailed  Code = "upstream-failed"  // 502: the other process broke off or talks nonsense
	UpstreamTimeout Code = "upstream-timeout" // 504: it did not answer in time
	Loop            Code = "loop"             // 508: the request came back to where it had been
)

var statuses = map[Code]int{
	Invalid: 422, Malformed: 400, Unauthenticated: 401, Forbidden: 403, NotFound: 404,
	Conflict: 409, Gone: 410, Precondition: 412, TooLarge: 413, TooMany: 429,
	Unavailable: 503, Internal: 500, UpstreamFailed: 502, UpstreamTimeout: 504, Loop: 508,
}

// FieldError is one invalid value of a request.
type FieldError struct {
	// Location is the path of the value, such as "body.email" or "query.limit".
	Location string `json:"location"`
	Message  string `json:"message"`
}

// Problem is an error whose text the caller may read.
type Problem struct {
	Code Code
	// Reason is the stable machine-readable name of this failure, such as
	// "attempt-closed". It ends the problem's type URI. Empty means Code.
	Reason string
	// Detail is a sentence for the caller. It holds nothing internal.
	Detail string
	Fields []FieldError
	// RetryAfter, when positive, is sent as Retry-After in whole seconds.
	RetryAfter time.Duration
	cause      error
}

// New returns a problem with a stable reason and a sentence for the caller.
func New(code Code, reason, detail string, args ...any) *Problem {
	return &Problem{Code: code, Reason: reason, Detail: fmt.Sprintf(detail, args...)}
}

// InvalidField returns an Invalid problem about a single value.
func InvalidField(location, message string, args ...any) *Problem {
	p := New(Invalid, "invalid-value", "The request has an invalid value.")
	p.Fields = []FieldError{{Location: location, Message: fmt.Sprintf(message, args...)}}
	return p
}

// NotFoundf is the answer for what does not exist and for what the caller must
// not know of: the two are indistinguishable.
func NotFoundf(detail string, args ...any) *Problem {
	return New(NotFound, "not-found", detail, args...)
}

// WithCause keeps the error that led here for the log. It returns p.
func (p *Problem) WithCause(err error) *Problem { p.cause = err; return p }

// After sets Retry-After. It returns p.
func (p *Problem) After(d time.Duration) *Problem { p.RetryAfter = d; return p }

// Error is for logs and tests.
func (p *Problem) Error() string {
	s := string(p.Code) + ": " + p.Detail
	for _, f := range p.Fields {
		s += fmt.Sprintf(" [%s: %s]", f.Location, f.Message)
	}
	if p.cause != nil {
		s += ": " + p.cause.Error()
	}
	return s
}

// Unwrap returns the cause given to WithCause.
func (p *Problem) Unwrap() error { return p.cause }

// Status is the HTTP status of the code.
func (p *Problem) Status() int { return statuses[p.Code] }

// Of returns the problem inside err, or an Internal one that hides err's text.
func Of(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return New(Internal, "internal", "Something went wrong on our side.").WithCause(err)
}

// Is reports whether err is a problem with this reason.
func Is(err error, reason string) bool {
	var p *Problem
	return errors.As(err, &p) && p.Reason == reason
}
