package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/lyceum-lms/platform/internal/auth"
)

// keysPath is where users publishes the keys that verify access tokens.
const keysPath = "/v1/auth/keys"

// keysMinInterval is short, because processes that start together wait for users.
const keysMinInterval = 250 * time.Millisecond

// keyWatch keeps the keys of a process without users those of users.
type keyWatch struct {
	*auth.KeySource
	cancel context.CancelFunc // nil until started
	ended  chan struct{}
}

// newKeyWatch is nil where users runs, and in a process that only forwards:
// those that it forwards to look at the tokens.
func newKeyWatch(cfg Config, verifier *auth.Verifier, log *slog.Logger) (*keyWatch, error) {
	if cfg.runs("users") || len(cfg.hosted()) == 0 {
		return nil, nil // nobody is to be asked
	}
	upstreams, err := cfg.upstreams()
	if err != nil {
		return nil, err
	}
	var urls []string
	for _, u := range upstreams["users"] {
		urls = append(urls, u.JoinPath(keysPath).String())
	}
	source, err := auth.NewKeySource(auth.KeySourceOptions{URLs: urls, Verifier: verifier, Log: log, MinInterval: keysMinInterval})
	if err != nil {
		return nil, err
	}
	return &keyWatch{KeySource: source, ended: make(chan struct{})}, nil
}

func (w *keyWatch) start(ctx context.Context) {
	// It outlives the call, until stop.
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(w.ended)
		w.Run(ctx)
	}()
}

func (w *keyWatch) stop() {
	if w.cancel == nil {
		return
	}
	w.cancel()
	<-w.ended
}
