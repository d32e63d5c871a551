// Package democourse is the course that a fresh platform starts with: "A First
// Look at the Night Sky", written for this project as an Open edX export, so that
// it comes in the same way as any other course.
package democourse

import (
	"embed"
	"io/fs"
)

//go:embed all:course
var files embed.FS

// FS returns the files of the export. Its root is the course's own folder, with
// course.xml in it.
func FS() fs.FS {
	sub, err := fs.Sub(files, "course")
	if err != nil {
		panic(err) // only for an invalid name
	}
	return sub
}
