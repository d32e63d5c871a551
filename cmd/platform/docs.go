package main

import "github.com/lyceum-lms/platform/internal/app"

type docsCmd struct {
	Dir string `default:"docs" help:"Directory to write into." type:"path"`
}

func (d docsCmd) Run() error { return app.WriteDocs(d.Dir) }
