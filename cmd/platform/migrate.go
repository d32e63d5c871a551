package main

import (
	"context"
	"os"

	"github.com/lyceum-lms/platform/internal/app"
)

type migrateCmd struct {
	Status bool `help:"Only print how far each schema has come."`
}

func (m migrateCmd) Run(ctx context.Context, c app.Config) error {
	return app.Migrate(ctx, c, m.Status, os.Stdout)
}
