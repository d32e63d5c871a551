package main

import (
	"context"
	"fmt"

	"github.com/lyceum-lms/platform/internal/app"
)

type mediaKeyCmd struct{}

// Run prints a secret: that is what it is for.
func (mediaKeyCmd) Run(ctx context.Context, c app.Config) error {
	key, err := app.MediaKey(ctx, c)
	if err != nil {
		return err
	}
	fmt.Println(key)
	return nil
}
