package itemfile

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/lyceum-lms/platform/internal/markup"
)

// Limits guard against archives that are made to do harm. The zero value of a
// field means its default.
type Limits struct {
	Entries    int   // files and folders; default 200 000
	TotalBytes int64 // of all files, unpacked; default 8 GiB
	FileBytes  int64 // of one file, unpacked; default 1 GiB
	// Ratio is how many times the archive's size its files may have, unpacked,
	// once they have more than 64 MiB; default 300.
	Ratio     int64
	PathBytes int // of one path; default 1024
	PathDepth int // elements of one path; default 32
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
	orDefault(&l.Entries, 200_000)
	orDefault64(&l.TotalBytes, 8<<30)
	orDefault64(&l.FileBytes, 1<<30)
	orDefault64(&l.Ratio, 300)
	orDefault(&l.PathBytes, 1024)
	orDefault(&l.PathDepth, 32)
	return l
}

// ratioFrom is the unpacked size below which the ratio is nobody's concern.
const ratioFrom = 64 << 20

// Archive is a zip file. Nothing of it is ever written to disk, and none of its
// names reaches the file system. It is for one goroutine.
type Archive struct {
	source Source
	limits Limits
	files  map[string]*zip.File // by cleaned path
	names  []string             // in the archive's order
	folded map[string]string    // lower-case path -> path
	media  map[string]Media     // by path, once measured
	lines  []Line
}

// OpenArchive lists the files of a zip file. Entries that cannot be or must not
// be read are left out and told in Lines; an archive that is a danger as a whole
// is refused.
func OpenArchive(ctx context.Context, src Source, limits Limits) (*Archive, error) {
	limits = limits.withDefaults()
	// The last entries are met twice when the directory's end is looked for.
	guard := &directoryGuard{data: src.Data, left: limits.Entries + 2000}
	r, err := zip.NewReader(guard, src.Size)
	switch {
	case guard.left < 0:
		return nil, Refuse(Place{File: src.Name}, "the archive has more than %d files", limits.Entries)
	case errors.Is(err, zip.ErrInsecurePath): // each path is looked at below
	case errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrAlgorithm) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return nil, Refuse(Place{File: src.Name}, "this is not a zip archive, or a damaged one")
	case err != nil:
		return nil, fmt.Errorf("read the archive %s: %w", src.Name, err)
	case len(r.File) > limits.Entries:
		return nil, Refuse(Place{File: src.Name}, "the archive has more than %d files", limits.Entries)
	}
	guard.off = true
	a := &Archive{
		source: src, limits: limits, files: make(map[string]*zip.File, len(r.File)),
		names: make([]string, 0, len(r.File)), folded: map[string]string{}, media: map[string]Media{},
	}
	if err := a.weigh(r.File); err != nil {
		return nil, err
	}
	for i, f := range r.File {
		if i%1000 == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("list the archive %s: %w", src.Name, ctx.Err())
		}
		a.add(f)
	}
	return a, nil
}

// directoryGuard counts the entries of the directory while it is read: the
// number that the archive states may be a lie, as may be its offsets.
type directoryGuard struct {
	data io.ReaderAt
	left int
	off  bool
}

func (g *directoryGuard) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, zip.ErrFormat // the directory says so
	}
	n, err := g.data.ReadAt(p, off)
	if !g.off {
		if g.left -= bytes.Count(p[:n], []byte("PK\x01\x02")); g.left < 0 {
			return 0, zip.ErrFormat
		}
	}
	return n, err
}

// weigh holds the limits that concern all files together.
func (a *Archive) weigh(files []*zip.File) error {
	at := Place{File: a.source.Name}
	var packed, unpacked uint64 // packed with the headers of the files
	for _, f := range files {
		if f.Flags&1 != 0 {
			return Refuse(at, "the archive is protected by a password (%q is encrypted): export it without one", markup.Shorten(f.Name, 100))
		}
		if f.UncompressedSize64 > uint64(a.limits.FileBytes) {
			return Refuse(at, "%q has %d bytes, more than the %d that a file may have", markup.Shorten(f.Name, 100), f.UncompressedSize64, a.limits.FileBytes)
		}
		if f.CompressedSize64 > uint64(a.source.Size) {
			return Refuse(at, "the archive is damaged: %q would be larger than the archive", markup.Shorten(f.Name, 100))
		}
		const headers = 30 + 46 // before the file and in the directory, each with the name
		packed += f.CompressedSize64 + headers + 2*uint64(len(f.Name))
		unpacked += f.UncompressedSize64
		if unpacked > uint64(a.limits.TotalBytes) {
			return Refuse(at, "the archive unpacks to more than %d bytes", a.limits.TotalBytes)
		}
	}
	if packed > uint64(a.source.Size) {
		return Refuse(at, "files of the archive share their bytes, as those of archive bombs do")
	}
	if unpacked > ratioFrom && unpacked/uint64(a.limits.Ratio) > uint64(a.source.Size) {
		return Refuse(at, "the archive unpacks to %d times its size, as archive bombs do", unpacked/uint64(max(a.source.Size, 1)))
	}
	return nil
}

func (a *Archive) add(f *zip.File) {
	raw := f.Name
	if f.NonUTF8 && !utf8.ValidString(raw) {
		if decoded, err := charmap.CodePage437.NewDecoder().String(raw); err == nil {
			raw = decoded
		}
	}
	name, why := cleanPath(raw, a.limits)
	mode := f.Mode()
	switch {
	case why != "":
		a.skip(raw, why)
		return
	case mode.IsDir() || strings.HasSuffix(raw, "/") || strings.HasSuffix(raw, `\`):
		return
	case mode&fs.ModeSymlink != 0:
		a.skip(name, "it is a symbolic link, which is not followed")
		return
	case !mode.IsRegular():
		a.skip(name, "it is not a file")
		return
	case f.Method != zip.Store && f.Method != zip.Deflate:
		a.skip(name, fmt.Sprintf("it is compressed in a way that is not known (method %d): pack the archive with ordinary zip", f.Method))
		return
	case isLitter(name):
		return
	}
	if _, twice := a.files[name]; twice {
		a.skip(name, "a file of this name is there twice; the first is taken")
		return
	}
	a.files[name] = f
	a.names = append(a.names, name)
	lower := strings.ToLower(name)
	if _, taken := a.folded[lower]; !taken {
		a.folded[lower] = name
	}
	if isArchive(name) {
		a.tell(Info, name, "an archive within the archive: it is not opened")
	}
}

// maxArchiveLines bounds what an archive of nothing but tricks can make a report
// hold.
const maxArchiveLines = 1000

func (a *Archive) skip(name, why string) { a.tell(Skipped, name, why) }

func (a *Archive) tell(s Severity, name, why string) {
	switch {
	case len(a.lines) < maxArchiveLines:
		a.lines = append(a.lines, Line{Severity: s, Place: Place{File: a.source.Name}, What: "file " + fmt.Sprintf("%q", markup.Shorten(name, 200)), Why: why})
	case len(a.lines) == maxArchiveLines:
		a.lines = append(a.lines, Line{Severity: Skipped, Place: Place{File: a.source.Name}, What: "further files", Why: "more are left out or remarkable than can be listed"})
	}
}

// cleanPath is the path with plain slashes, or why there must not be one like it.
func cleanPath(raw string, limits Limits) (name, why string) {
	name = strings.ReplaceAll(raw, `\`, "/") // some programs of Windows write it
	switch {
	case len(raw) > limits.PathBytes:
		return "", fmt.Sprintf("its path has more than %d bytes", limits.PathBytes)
	case !utf8.ValidString(raw):
		return "", "its name is not readable"
	case strings.ContainsFunc(raw, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", "its name has control characters"
	case strings.HasPrefix(name, "/"):
		return "", "its path is absolute"
	case len(name) >= 2 && name[1] == ':':
		return "", "its path begins with a drive"
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", `its path leaves the archive ("..")`
		}
	}
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		return "", "it has no name"
	}
	if strings.Count(name, "/") >= limits.PathDepth {
		return "", fmt.Sprintf("it is nested deeper than %d folders", limits.PathDepth)
	}
	return name, ""
}

// isLitter knows the files that systems leave in archives.
func isLitter(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(base, "._") || base == ".DS_Store" || base == "Thumbs.db" || base == "desktop.ini"
}

func isArchive(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".zip", ".imscc", ".mbz", ".tar", ".tgz", ".gz", ".7z", ".rar":
		return true
	}
	return false
}

// Name is the archive's own file name.
func (a *Archive) Name() string { return a.source.Name }

// Lines tell of the entries that were left out or are remarkable.
func (a *Archive) Lines() []Line { return a.lines }

// Names are the paths of the files, in the archive's order. They must not be
// changed.
func (a *Archive) Names() []string { return a.names }

// Find returns the path of the file that is meant: the one of that path, else
// the one of that path when it is percent-decoded, else one that differs only in
// upper and lower case.
func (a *Archive) Find(name string) (string, bool) {
	tries := []string{name}
	if decoded, err := url.PathUnescape(name); err == nil && decoded != name {
		tries = append(tries, decoded)
	}
	for _, t := range tries {
		t = strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(t, `\`, "/")), "/")
		if _, ok := a.files[t]; ok {
			return t, true
		}
		if found, ok := a.folded[strings.ToLower(t)]; ok {
			return found, true
		}
	}
	return "", false
}

// Beside finds the file that a reference in another file means: a path relative
// to that file's folder, with or without a query and a fragment.
func (a *Archive) Beside(file, reference string) (string, bool) {
	tries := []string{reference}
	if cut := strings.IndexAny(reference, "?#"); cut >= 0 {
		tries = append(tries, reference[:cut])
	}
	for _, t := range tries {
		if t == "" {
			continue
		}
		joined := path.Join(path.Dir("/"+file), t)
		if strings.HasPrefix(t, "/") {
			joined = t
		}
		if found, ok := a.Find(joined); ok {
			return found, true
		}
	}
	return "", false
}

// Bytes is the size of a file, unpacked, or 0 when there is none.
func (a *Archive) Bytes(name string) int64 {
	if f := a.files[name]; f != nil {
		return int64(f.UncompressedSize64)
	}
	return 0
}

// Open reads a file from its beginning. A damaged one is refused.
func (a *Archive) Open(name string) (io.ReadCloser, error) {
	f := a.files[name]
	if f == nil {
		return nil, Refuse(Place{File: name}, "the archive does not contain it")
	}
	r, err := f.Open()
	if err != nil {
		return nil, a.damaged(name, err)
	}
	return &entryReader{archive: a, name: name, ReadCloser: r, left: int64(f.UncompressedSize64)}, nil
}

// damaged tells a fault of the archive from one of the machine.
func (a *Archive) damaged(name string, err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrAlgorithm) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &corrupt) {
		return Refuse(Place{File: name}, "the archive is damaged here: %v", err)
	}
	return fmt.Errorf("read %s: %w", name, err)
}

// entryReader reads no more than the archive's directory has announced, and
// checked, whatever the compressed bytes hold.
type entryReader struct {
	io.ReadCloser
	archive *Archive
	name    string
	left    int64
}

func (r *entryReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, Refuse(Place{File: r.name}, "the archive is damaged: the file is larger than it says")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.archive.damaged(r.name, err)
	}
	return n, err
}

// Close tells damage that has stopped the reading once more.
func (r *entryReader) Close() error {
	if err := r.ReadCloser.Close(); err != nil {
		return r.archive.damaged(r.name, err)
	}
	return nil
}

// Media returns a file as one that an item shows. The file is read once for its
// digest.
func (a *Archive) Media(name string) (Media, error) {
	if m, known := a.media[name]; known {
		return m, nil
	}
	r, err := a.Open(name)
	if err != nil {
		return Media{}, err
	}
	digest := sha256.New()
	n, err := io.Copy(digest, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return Media{}, err
	}
	m := Media{
		SHA256: hex.EncodeToString(digest.Sum(nil)), Name: path.Base(name), Bytes: n,
		Open: func() (io.ReadCloser, error) { return a.Open(name) },
	}
	a.media[name] = m
	return m, nil
}

// Manifest is the path of the imsmanifest.xml that is nearest to the root:
// packages are often packed with a folder around them.
func (a *Archive) Manifest() (string, bool) { return a.nearest("imsmanifest.xml") }

func (a *Archive) nearest(base string) (string, bool) {
	best, found := "", false
	for _, name := range a.names {
		if !strings.EqualFold(path.Base(name), base) {
			continue
		}
		if !found || strings.Count(name, "/") < strings.Count(best, "/") {
			best, found = name, true
		}
	}
	return best, found
}

// WithEnding are the paths that end so, whatever the case, in their order by
// name.
func (a *Archive) WithEnding(endings ...string) []string {
	var out []string
	for _, name := range a.names {
		lower := strings.ToLower(name)
		if slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(lower, e) }) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
