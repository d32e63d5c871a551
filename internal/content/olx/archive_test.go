package olx

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// entry is a file of an archive made by archiveOf; with a header it is anything.
type entry struct {
	name, text string
	header     *tar.Header
}

func archiveOf(t testing.TB, compress bool, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser = struct {
		io.Writer
		io.Closer
	}{&buf, io.NopCloser(nil)}
	if compress {
		w = gzip.NewWriter(&buf)
	}
	tw := tar.NewWriter(w)
	for _, e := range entries {
		h := e.header
		if h == nil {
			h = &tar.Header{Typeflag: tar.TypeReg, Mode: 0o644}
		}
		h.Name = e.name
		h.Size = int64(len(e.text))
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); compress && err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func minimal(extra ...entry) []entry {
	return append([]entry{
		{name: "course/course.xml", text: `<course url_name="r" org="O" course="N"><chapter display_name="C"><sequential><vertical><html url_name="h"><p>hello</p></html></vertical></sequential></chapter></course>`},
	}, extra...)
}

func TestArchives(t *testing.T) {
	for name, data := range map[string][]byte{
		"compressed": archiveOf(t, true, minimal()...),
		"plain":      archiveOf(t, false, minimal()...),
		"with folders, ./ and the course at the root": archiveOf(t, true,
			entry{name: "./", header: &tar.Header{Typeflag: tar.TypeDir}},
			entry{name: "./about/", header: &tar.Header{Typeflag: tar.TypeDir}},
			entry{name: "./course.xml", text: minimal()[0].text}),
	} {
		t.Run(name, func(t *testing.T) {
			src, err := OpenArchive(context.Background(), bytes.NewReader(data), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			course, _, err := Parse(context.Background(), src, Options{OrganisationID: organisation})
			if err != nil {
				t.Fatal(err)
			}
			if got := course.Chapters[0].Subsections[0].Units[0].Blocks[0].HTML; got != "<p>hello</p>" {
				t.Errorf("got %q", got)
			}
			if err := src.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHostileArchives: each of them is refused as invalid, and by its own fault.
func TestHostileArchives(t *testing.T) {
	small := Limits{TotalBytes: 1 << 20, FileBytes: 1 << 19, Files: 20, PathBytes: 100, PathDepth: 5}
	many := minimal()
	for i := range 25 {
		many = append(many, entry{name: "static/" + strings.Repeat("x", i+1), text: "x"})
	}
	half := strings.Repeat("\x00", 1<<19)
	for _, tc := range []struct {
		name    string
		entries []entry
		why     string
	}{
		{"slip by ..", minimal(entry{name: "../../etc/passwd", text: "x"}), "leaves the export"},
		{"slip in the middle", minimal(entry{name: "static/../../x", text: "x"}), "leaves the export"},
		{"absolute", minimal(entry{name: "/etc/passwd", text: "x"}), "absolute"},
		{"back slash", minimal(entry{name: `static\..\x`, text: "x"}), "back slash"},
		{"NUL-like control", minimal(entry{name: "static/a\x01b", text: "x"}), "control character"},
		{"not UTF-8", minimal(entry{name: "static/\xff", text: "x"}), "not UTF-8"},
		{"symbolic link", minimal(entry{name: "static/l", header: &tar.Header{Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}}), "link"},
		{"hard link", minimal(entry{name: "static/l", header: &tar.Header{Typeflag: tar.TypeLink, Linkname: "course/course.xml"}}), "link"},
		{"device", minimal(entry{name: "static/d", header: &tar.Header{Typeflag: tar.TypeChar}}), "device"},
		{"pipe", minimal(entry{name: "static/p", header: &tar.Header{Typeflag: tar.TypeFifo}}), "link, a device or the like"},
		{"one large file", minimal(entry{name: "static/big", text: half + "x"}), "more than the"},
		{"many bytes", minimal(entry{name: "a", text: half}, entry{name: "b", text: half}, entry{name: "c", text: half}), "unpacks to more"},
		{"many files", many, "more than 20"},
		{"long path", minimal(entry{name: strings.Repeat("a", 101), text: "x"}), "more than 100 bytes"},
		{"deep path", minimal(entry{name: "a/b/c/d/e/f", text: "x"}), "nested deeper"},
		{"the same file twice", minimal(minimal()...), "twice"},
		{"no course", []entry{{name: "readme.txt", text: "x"}}, "no course.xml"},
		{"two courses", []entry{{name: "a/course.xml", text: "x"}, {name: "b/course.xml", text: "x"}}, "second course"},
	} {
		for _, compress := range []bool{true, false} {
			t.Run(tc.name, func(t *testing.T) {
				src, err := OpenArchive(context.Background(), bytes.NewReader(archiveOf(t, compress, tc.entries...)), small)
				if err == nil {
					_ = src.Close()
					t.Fatal("was accepted")
				}
				var refused *InvalidError
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), tc.why) {
					t.Errorf("got %v, want an InvalidError with %q", err, tc.why)
				}
			})
		}
	}
}

// TestBombInHeaders: what is no file's content counts as well.
func TestBombInHeaders(t *testing.T) {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	tw := tar.NewWriter(z)
	for range 3000 {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": strings.Repeat("x", 8000)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	_, err := OpenArchive(context.Background(), &buf, Limits{TotalBytes: 1 << 20, Files: 10})
	var refused *InvalidError
	if !errors.As(err, &refused) {
		t.Errorf("got %v, want an InvalidError", err)
	}
}

func TestDamagedArchives(t *testing.T) {
	whole := archiveOf(t, true, minimal()...)
	for name, data := range map[string][]byte{
		"empty": {}, "text": []byte("this is no archive, and long enough to be read as one"), "cut": whole[:len(whole)/2],
		"zip": []byte("PK\x03\x04" + strings.Repeat("\x00", 600)), "flipped": append(append([]byte{}, whole[:60]...), bytes.Repeat([]byte{0xff}, 80)...),
	} {
		_, err := OpenArchive(context.Background(), bytes.NewReader(data), Limits{})
		var refused *InvalidError
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want an InvalidError", name, err)
		}
	}
}

func TestFailureOfTheSenderIsNotTheArchivesFault(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := OpenArchive(ctx, bytes.NewReader(archiveOf(t, true, minimal()...)), Limits{})
	var refused *InvalidError
	if !errors.Is(err, context.Canceled) || errors.As(err, &refused) {
		t.Errorf("got %v, want the cancellation", err)
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("course.xml", minimal()[0].text)
	src, err := Open(context.Background(), dir, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Parse(context.Background(), src, Options{OrganisationID: organisation}); err != nil {
		t.Error(err)
	}
	if err := src.Close(); err != nil {
		t.Error(err)
	}

	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here")
	}
	_, err = Open(context.Background(), dir, Limits{})
	var refused *InvalidError
	if !errors.As(err, &refused) || refused.Place != "link" {
		t.Errorf("a folder with a link: got %v, want an InvalidError about it", err)
	}
}

func TestAssetsAreReadFromTheArchive(t *testing.T) {
	const content = "\x89PNG\r\n\x1a\n picture"
	src, err := OpenArchive(context.Background(), bytes.NewReader(archiveOf(t, true,
		entry{name: "x/static/other.png", text: "other"}, entry{name: "x/static/a.png", text: content},
		entry{name: "x/course.xml", text: strings.Replace(minimal()[0].text, "hello", `<img src="/static/a.png"/>`, 1)},
	)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	course, report, err := Parse(context.Background(), src, Options{OrganisationID: organisation})
	if err != nil {
		t.Fatal(err)
	}
	if len(course.Assets) != 1 || report.Counts.AssetsUnreferenced != 1 {
		t.Fatalf("assets %+v, counts %+v", course.Assets, report.Counts)
	}
	asset := course.Assets[0]
	file, err := asset.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	got, err := io.ReadAll(file)
	if err != nil || string(got) != content || asset.Size != int64(len(content)) || asset.MediaType != "image/png" {
		t.Errorf("read %q (%v), asset %+v", got, err, asset)
	}
	html := course.Chapters[0].Subsections[0].Units[0].Blocks[0].HTML
	if !strings.Contains(html, `src="asset:`+asset.SHA256+`/a.png"`) {
		t.Errorf("the text does not name the asset: %s", html)
	}
}

func TestMarkupLimits(t *testing.T) {
	open := func(files map[string]string, limits Limits) error {
		fsys := fstest.MapFS{}
		for name, text := range files {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		src, err := OpenFS(context.Background(), fsys, limits)
		if err != nil {
			return err
		}
		_, _, err = Parse(context.Background(), src, Options{OrganisationID: organisation})
		return errors.Join(err, src.Close())
	}
	const entities = `<!DOCTYPE course [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><course url_name="r" org="O" course="N"><p>&b;</p></course>`
	var refused *InvalidError
	for name, tc := range map[string]struct {
		text   string
		limits Limits
	}{
		"large":              {minimal()[0].text, Limits{MarkupBytes: 50}},
		"declared entities":  {entities, Limits{}},
		"not UTF-8":          {"<course url_name=\"r\" org=\"\xff\" course=\"N\"/>", Limits{}},
		"nested":             {strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200), Limits{}},
		"two roots":          {"<course/><course/>", Limits{}},
		"empty":              {"", Limits{}},
		"other root":         {"<html/>", Limits{}},
		"no organisation":    {`<course url_name="r" course="N"/>`, Limits{}},
		"slash in the run":   {`<course url_name="../r" org="O" course="N"/>`, Limits{}},
		"missing definition": {`<course url_name="r" org="O" course="N"/>`, Limits{}},
		"no chapters":        {`<course url_name="r" org="O" course="N"><wiki slug="x"/></course>`, Limits{}},
		"too many blocks":    {minimal()[0].text, Limits{Blocks: 3}},
	} {
		if err := open(map[string]string{"course.xml": tc.text}, tc.limits); !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want an InvalidError", name, err)
		}
	}
}
