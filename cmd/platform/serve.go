package main

import (
	"context"
	"os"

	"github.com/lyceum-lms/platform/internal/app"
)

type serveCmd struct{}

func (serveCmd) Run(ctx context.Context, c app.Config) error {
	return app.Serve(ctx, c, os.Stdout)
}
