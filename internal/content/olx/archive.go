package olx

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// InvalidError says why a source cannot be read as a course export. Its text
// may be shown to whoever supplied the source.
type InvalidError struct {
	Place  string // the file or archive entry at fault, as far as known
	Reason string
}

func (e *InvalidError) Error() string {
	if e.Place == "" {
		return "invalid course export: " + e.Reason
	}
	return fmt.Sprintf("invalid course export: %q: %s", e.Place, e.Reason)
}

func invalid(place, reason string, args ...any) error {
	const longest = 200 // an error is no place for a megabyte of file name
	if len(place) > longest {
		place = strings.ToValidUTF8(place[:longest], "") + "..."
	}
	return &InvalidError{Place: place, Reason: fmt.Sprintf(reason, args...)}
}

// Limits guard against bombs. The zero value of a field means its default.
type Limits struct {
	TotalBytes  int64 // of all files, unpacked; default 2 GiB
	FileBytes   int64 // of one file, unpacked; default 512 MiB
	MarkupBytes int64 // of one XML, HTML or JSON file; default 4 MiB
	Files       int   // files and folders; default 50 000
	PathBytes   int   // of one path; default 512
	PathDepth   int   // elements of one path; default 16
	Blocks      int   // blocks of the course at all levels; default 20 000
}

func (l Limits) withDefaults() Limits {
	orDefault := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	orDefault64 := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	orDefault64(&l.TotalBytes, 2<<30)
	orDefault64(&l.FileBytes, 512<<20)
	orDefault64(&l.MarkupBytes, 4<<20)
	orDefault(&l.Files, 50_000)
	orDefault(&l.PathBytes, 512)
	orDefault(&l.PathDepth, 16)
	orDefault(&l.Blocks, 20_000)
	return l
}

// Source is the files of one export. It must be closed after the last read of
// a course's assets.
type Source struct {
	limits  Limits
	files   map[string]int64 // size by path, relative to the folder of course.xml
	outside []string         // files beside that folder
	prefix  string           // that folder, "" or ending in "/"
	open    func(path string) (io.ReadCloser, error)
	close   func() error
}

// Open opens an export that is a .tar.gz or .tar file, or a folder.
func Open(ctx context.Context, path string, limits Limits) (*Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open course export: %w", err)
	}
	if info.IsDir() {
		// os.Root refuses to leave the folder, whatever is in it.
		root, err := os.OpenRoot(path)
		if err != nil {
			return nil, fmt.Errorf("open course folder: %w", err)
		}
		src, err := OpenFS(ctx, root.FS(), limits)
		if err != nil {
			return nil, errors.Join(err, root.Close())
		}
		src.close = root.Close
		return src, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open course export: %w", err)
	}
	defer func() { _ = file.Close() }()
	return OpenArchive(ctx, file, limits)
}

// OpenFS opens an export that is already unpacked, such as an embedded one.
func OpenFS(ctx context.Context, fsys fs.FS, limits Limits) (*Source, error) {
	limits = limits.withDefaults()
	inv := inventory{limits: limits, files: map[string]int64{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if name == "." {
			return nil
		}
		if d.IsDir() {
			_, err := inv.folder(name)
			return err
		}
		if !d.Type().IsRegular() {
			return invalid(name, "only files and folders are accepted, this is %s", d.Type())
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		_, err = inv.file(name, info.Size())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list course export: %w", err)
	}
	open := func(name string) (io.ReadCloser, error) { return fsys.Open(name) }
	return inv.source(open, func() error { return nil })
}

// OpenArchive reads a tar archive, compressed with gzip or not, to its end. Its
// files are kept in one nameless temporary file until the source is closed, so
// that no name from the archive ever reaches the file system.
func OpenArchive(ctx context.Context, r io.Reader, limits Limits) (_ *Source, err error) {
	limits = limits.withDefaults()
	spool, err := os.CreateTemp("", "course-export-*")
	if err != nil {
		return nil, fmt.Errorf("make room for the course export: %w", err)
	}
	// Unlinked at once: nothing is left behind, not even by a killed process.
	// Where the system refuses to, closing does it.
	unlinked := os.Remove(spool.Name()) == nil
	discard := func() error {
		err := spool.Close()
		if !unlinked {
			err = errors.Join(err, os.Remove(spool.Name()))
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, discard())
		}
	}()

	inv := inventory{limits: limits, files: map[string]int64{}}
	offsets := map[string]int64{}
	var end int64
	stream, err := decompress(r, limits)
	if err != nil {
		return nil, err
	}
	for entries := tar.NewReader(stream); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, unreadable("", err)
		}
		switch header.Typeflag {
		case tar.TypeXGlobalHeader:
		case tar.TypeDir:
			if _, err := inv.folder(header.Name); err != nil {
				return nil, err
			}
		case tar.TypeReg:
			name, err := inv.file(header.Name, header.Size)
			if err != nil {
				return nil, err
			}
			n, err := io.Copy(spool, entries)
			if err != nil {
				return nil, unreadable(header.Name, err)
			}
			offsets[name] = end
			end += n
		default:
			return nil, invalid(header.Name, "only files and folders are accepted, this is a link, a device or the like (type %q)", header.Typeflag)
		}
	}
	open := func(name string) (io.ReadCloser, error) {
		at, ok := offsets[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(io.NewSectionReader(spool, at, inv.files[name])), nil
	}
	return inv.source(open, discard)
}

// decompress sniffs gzip and bounds the stream, so that even headers and
// padding cannot be a bomb.
func decompress(r io.Reader, limits Limits) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	var stream io.Reader = buffered
	if magic, err := buffered.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		if stream, err = gzip.NewReader(buffered); err != nil {
			return nil, unreadable("", err)
		}
	}
	const headers = 4 << 10 // of tar, per entry, generously
	return &boundedReader{r: stream, left: limits.TotalBytes + int64(limits.Files)*headers + 1<<20}, nil
}

// unreadable tells damage of the archive from the failure of a disk or client.
func unreadable(place string, err error) error {
	var refused *InvalidError
	var system *fs.PathError
	switch {
	case errors.As(err, &refused):
		return err
	case errors.As(err, &system), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("read course export: %w", err)
	}
	return invalid(place, "the archive is damaged or not a .tar.gz: %v", err)
}

type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, invalid("", "unpacks to more than is accepted")
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

// inventory collects the files of a source and holds the limits.
type inventory struct {
	limits  Limits
	files   map[string]int64
	entries int
	total   int64
}

func (inv *inventory) folder(name string) (string, error) {
	if inv.entries++; inv.entries > inv.limits.Files {
		return "", invalid(name, "more than %d files and folders", inv.limits.Files)
	}
	return cleanPath(name, inv.limits)
}

func (inv *inventory) file(name string, size int64) (string, error) {
	name, err := inv.folder(name)
	if err != nil {
		return "", err
	}
	if name == "." {
		return "", invalid(name, "a file without a name")
	}
	if _, twice := inv.files[name]; twice {
		return "", invalid(name, "is there twice")
	}
	if size < 0 || size > inv.limits.FileBytes {
		return "", invalid(name, "has %d bytes, more than the %d that a file may have", size, inv.limits.FileBytes)
	}
	if inv.total += size; inv.total > inv.limits.TotalBytes {
		return "", invalid(name, "the export unpacks to more than %d bytes", inv.limits.TotalBytes)
	}
	inv.files[name] = size
	return name, nil
}

// cleanPath refuses every path that could mean anything but a file below the
// root: absolute ones, "..", back slashes, control characters.
func cleanPath(name string, limits Limits) (string, error) {
	if len(name) > limits.PathBytes {
		return "", invalid(name, "a path of more than %d bytes", limits.PathBytes)
	}
	if !utf8.ValidString(name) {
		return "", invalid(strings.ToValidUTF8(name, "?"), "the path is not UTF-8")
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return "", invalid(name, "the path has a back slash or a control character")
	}
	trimmed := strings.TrimSuffix(name, "/")
	for strings.HasPrefix(trimmed, "./") {
		trimmed = trimmed[2:]
	}
	if !fs.ValidPath(trimmed) {
		return "", invalid(name, "the path is absolute, leaves the export or is not in its plain form")
	}
	if strings.Count(trimmed, "/") >= limits.PathDepth {
		return "", invalid(name, "nested deeper than %d folders", limits.PathDepth)
	}
	return trimmed, nil
}

// source finds the course within the files: the folder of the one course.xml
// that is nearest to the root.
func (inv *inventory) source(open func(string) (io.ReadCloser, error), closer func() error) (*Source, error) {
	root, found := "", false
	for _, name := range slices.Sorted(maps.Keys(inv.files)) {
		if path.Base(name) != "course.xml" {
			continue
		}
		dir := strings.TrimSuffix(name, "course.xml")
		switch depth := strings.Count(dir, "/"); {
		case !found || depth < strings.Count(root, "/"):
			root, found = dir, true
		case depth == strings.Count(root, "/"):
			return nil, invalid(name, "a second course beside %q", root+"course.xml")
		}
	}
	if !found {
		return nil, invalid("", "there is no course.xml in it")
	}
	src := &Source{
		limits: inv.limits, files: make(map[string]int64, len(inv.files)), prefix: root, close: closer,
		open: func(name string) (io.ReadCloser, error) { return open(root + name) },
	}
	for name, size := range inv.files {
		if inside, ok := strings.CutPrefix(name, root); ok {
			src.files[inside] = size
		} else {
			src.outside = append(src.outside, name)
		}
	}
	slices.Sort(src.outside)
	return src, nil
}

// Close frees what the source holds. Assets cannot be opened afterwards.
func (s *Source) Close() error { return s.close() }

func (s *Source) has(name string) bool {
	_, ok := s.files[name]
	return ok
}

// names returns the files whose path starts with prefix, in order.
func (s *Source) names(prefix string) []string {
	var names []string
	for name := range s.files {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// errTooLarge and errNotText are why a markup file is not parsed.
var (
	errTooLarge = errors.New("the file is larger than a markup file may be")
	errNotText  = errors.New("the file is not UTF-8")
)

// markup reads an XML, HTML or JSON file.
func (s *Source) markup(name string) ([]byte, error) {
	if s.files[name] > s.limits.MarkupBytes {
		return nil, errTooLarge
	}
	file, err := s.open(name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, s.limits.MarkupBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > s.limits.MarkupBytes {
		return nil, errTooLarge
	}
	if !utf8.Valid(data) {
		return nil, errNotText
	}
	return data, nil
}
