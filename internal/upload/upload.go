// Package upload finds the file in a request and receives it: from a form, or
// as the body itself. What is wrong with an upload becomes a problem that says
// so; all else is left as it is.
package upload

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lyceum-lms/platform/internal/problem"
)

// FormOverhead is what a form may add to the file in it, for the limit of a
// route's body.
const FormOverhead = 1 << 20

// maxName is the longest file name that is kept, in runes.
const maxName = 200

// Options say what is expected.
type Options struct {
	// Types are the media types that a body may have that is the file itself.
	// Empty: any but a form's.
	Types []string
	// Name is that of a file that comes without one.
	Name string
	// Limit is how many bytes the file may have.
	Limit int64
	// Otherwise is the problem of a request that has another type.
	Otherwise *problem.Problem
}

// File is an upload that is being received: a reader of its content.
type File struct {
	// Name is a plain file name, fit to be shown.
	Name  string
	r     io.Reader
	limit int64
	n     int64
	err   error
}

// Of finds the file in a request: the first file of a form, or else the body.
func Of(r *http.Request, o Options) (*File, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		mediaType = ""
	}
	switch {
	case mediaType == "multipart/form-data":
		return ofForm(r, params["boundary"], o)
	case mediaType == "" && len(o.Types) > 0, len(o.Types) > 0 && !slices.Contains(o.Types, mediaType):
		return nil, o.Otherwise
	}
	name := ""
	if _, params, err := mime.ParseMediaType(r.Header.Get("Content-Disposition")); err == nil {
		name = params["filename"]
	}
	return newFile(name, r.Body, o), nil
}

func ofForm(r *http.Request, boundary string, o Options) (*File, error) {
	if boundary == "" {
		return nil, problem.New(problem.Malformed, "no-boundary", "The form has no boundary.")
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, problem.New(problem.Malformed, "bad-form", "The form cannot be read.").WithCause(err)
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, problem.New(problem.Invalid, "no-file", "The form has no file in it.")
		}
		if err != nil {
			return nil, problem.New(problem.Malformed, "bad-form", "The form cannot be read.").WithCause(err)
		}
		if part.FileName() != "" {
			return newFile(part.FileName(), part, o), nil
		}
	}
}

func newFile(name string, r io.Reader, o Options) *File {
	return &File{Name: PlainName(name, o.Name), r: io.LimitReader(r, o.Limit+1), limit: o.Limit}
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	f.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// Bytes is how much has been read.
func (f *File) Bytes() int64 { return f.n }

// Check says, once all has been read, whether it may be kept.
func (f *File) Check() error {
	switch {
	case f.n == 0:
		return problem.New(problem.Invalid, "empty-upload", "The upload is empty.")
	case f.n > f.limit:
		return f.tooLarge()
	}
	return nil
}

func (f *File) tooLarge() error {
	return problem.New(problem.TooLarge, "upload-too-large", "The upload has more than %d bytes.", f.limit)
}

// Fault tells what is wrong with the upload from what is wrong with us: err is
// what came of receiving it.
func (f *File) Fault(err error) error {
	var tooLarge *http.MaxBytesError
	var known *problem.Problem
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &tooLarge):
		return f.tooLarge()
	case f.err != nil:
		return problem.New(problem.Malformed, "upload-broken-off", "The upload did not arrive completely or in time.").WithCause(err)
	}
	return fmt.Errorf("receive an upload: %w", err)
}

// PlainName is what is kept of a client's file name, to show it; otherwise if
// nothing is left.
func PlainName(name, otherwise string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
	if name == "." || name == ".." || name == "/" || name == "" {
		return otherwise
	}
	if utf8.RuneCountInString(name) > maxName {
		name = string([]rune(name)[:maxName])
	}
	return name
}
