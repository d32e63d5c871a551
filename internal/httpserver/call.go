package httpserver

import (
	"context"
	"log/slog"
	"time"
)

// call is what the server knows of a request while it runs. Only the goroutine
// of the request touches it.
type call struct {
	server    *Server
	log       *slog.Logger
	requestID string
	method    string
	started   time.Time

	route      *boundRoute // nil until one has matched
	proxied    bool        // a trusted proxy has sent it
	problem    string      // the reason of the problem that was sent
	clientGone bool
	expires    time.Time // of the access token; zero without one
	release    func()    // gives the place in the in-flight limit back
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// RequestID is the id of the request that ctx belongs to, as the caller sent it
// in X-Request-Id or as the server made it up.
func RequestID(ctx context.Context) string {
	if c := callOf(ctx); c != nil {
		return c.requestID
	}
	return ""
}

// pattern is the bounded name of the route, for logs and metrics.
func (c *call) pattern() string {
	if c.route == nil {
		return "unmatched"
	}
	return c.route.Path
}

func (c *call) module() string {
	if c.route == nil {
		return ""
	}
	return c.route.module
}
