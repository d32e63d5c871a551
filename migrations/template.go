package migrations

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
)

// templateFS shows the files below it with {{schema}} replaced by a module's
// schema.
type templateFS struct {
	fs.FS
	schema string
}

// Open implements fs.FS.
func (t templateFS) Open(name string) (fs.File, error) {
	file, err := t.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return file, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return renderedFile{file, bytes.NewReader(bytes.ReplaceAll(text, []byte("{{schema}}"), []byte(t.schema)))}, nil
}

type renderedFile struct {
	fs.File
	text *bytes.Reader
}

// Read implements fs.File.
func (f renderedFile) Read(p []byte) (int, error) { return f.text.Read(p) }
