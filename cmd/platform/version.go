package main

import (
	"fmt"

	"github.com/lyceum-lms/platform/internal/app"
)

type versionCmd struct{}

func (versionCmd) Run() error {
	fmt.Println(app.Version())
	return nil
}
