package itemfile

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"
)

// file is an entry of an archive that a test makes.
type file struct {
	name, text string
	set        func(*zip.FileHeader)
}

func zipped(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		if f.set != nil {
			f.set(h)
		}
		out, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(out, f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func source(name string, data []byte) Source {
	return Source{Name: name, Data: bytes.NewReader(data), Size: int64(len(data))}
}

func opened(t testing.TB, data []byte) *Archive {
	t.Helper()
	a, err := OpenArchive(t.Context(), source("p.zip", data), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func content(t *testing.T, a *Archive, name string) string {
	t.Helper()
	r, err := a.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wantRefused wants a RefusedError with these words.
func wantRefused(t *testing.T, err error, words ...string) {
	t.Helper()
	var refused *RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a RefusedError", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func TestFilesAreFoundAndRead(t *testing.T) {
	a := opened(t, zipped(t, file{name: "imsmanifest.xml", text: "<manifest/>"}, file{name: "Items/Q 1.xml", text: "one"}, file{name: "items/sub/", text: ""},
		file{name: `win\dows.xml`, text: "two"}, file{name: "./dot.xml", text: "three"}, file{name: "__MACOSX/._x", text: "x"}, file{name: ".DS_Store", text: "x"}))
	for name, want := range map[string]string{
		"Items/Q 1.xml": "one", "items/q 1.XML": "one", "Items/Q%201.xml": "one", `Items\Q 1.xml`: "one", "win/dows.xml": "two", "dot.xml": "three", "/dot.xml": "three", "x/../dot.xml": "three",
	} {
		found, ok := a.Find(name)
		if !ok || content(t, a, found) != want {
			t.Errorf("%s: found %q %v", name, found, ok)
		}
	}
	for _, name := range []string{"gone.xml", "", "Items", "__MACOSX/._x", ".DS_Store", "%zz"} {
		if found, ok := a.Find(name); ok {
			t.Errorf("%s: found %q", name, found)
		}
	}
	if found, ok := a.Beside("Items/Q 1.xml", "../dot.xml?canvas=1#top"); !ok || found != "dot.xml" {
		t.Errorf("beside: %q %v", found, ok)
	}
	if len(a.Names()) != 4 || len(a.Lines()) != 0 || a.Bytes("dot.xml") != 5 || a.Bytes("gone") != 0 {
		t.Errorf("%q %v", a.Names(), a.Lines())
	}
	if _, err := a.Open("gone.xml"); err == nil {
		t.Error("opened what is not there")
	}
}

func TestThePackageMayHaveAFolderAroundIt(t *testing.T) {
	a := opened(t, zipped(t, file{name: "a/b/imsmanifest.xml"}, file{name: "a/IMSManifest.xml"}, file{name: "z/imsmanifest.xml"}))
	if m, ok := a.Manifest(); !ok || m != "a/IMSManifest.xml" {
		t.Errorf("manifest %q", m)
	}
}

// TestTrickyEntriesAreLeftOutAndTold: none of them is refused with the others.
func TestTrickyEntriesAreLeftOutAndTold(t *testing.T) {
	symlink := func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink | 0o777) }
	device := func(h *zip.FileHeader) { h.SetMode(fs.ModeDevice | 0o777) }
	a := opened(t, zipped(t, file{name: "ok.xml", text: "fine"},
		file{name: "../up.xml"}, file{name: "a/../../up.xml"}, file{name: `..\up.xml`}, file{name: "/etc/passwd"}, file{name: `\\server\share`}, file{name: `C:\x.xml`}, file{name: "c:x.xml"},
		file{name: "link.xml", text: "/etc/passwd", set: symlink}, file{name: "dev", set: device}, file{name: "bell\a.xml"}, file{name: "ok.xml", text: "second"}, file{name: "./ok.xml", text: "third"},
		file{name: strings.Repeat("d/", 40) + "x"}, file{name: strings.Repeat("n", 2000)}, file{name: "a/.."},
	))
	if content(t, a, "ok.xml") != "fine" || len(a.Names()) != 1 {
		t.Errorf("%q", a.Names())
	}
	if len(a.Lines()) != 15 {
		t.Errorf("%d lines", len(a.Lines()))
	}
	for _, l := range a.Lines() {
		if l.Severity != Skipped || l.Why == "" || len(l.What) > 300 {
			t.Errorf("%+v", l)
		}
	}
}

func TestNamesInOtherCharsets(t *testing.T) {
	raw := func(h *zip.FileHeader) { h.NonUTF8 = true }
	a := opened(t, zipped(t, file{name: "\x9arger.xml", text: "1", set: raw}, file{name: "Größe.xml", text: "2", set: raw}, file{name: "质.xml", text: "3"}))
	for _, name := range []string{"Ürger.xml", "Größe.xml", "质.xml"} {
		if _, ok := a.Find(name); !ok {
			t.Errorf("%s is not among %q", name, a.Names())
		}
	}
}

func TestDangerousArchivesAreRefused(t *testing.T) {
	ctx := t.Context()
	zeros := strings.Repeat("\x00", 1<<20)
	bomb := zipped(t, file{name: "a", text: strings.Repeat(zeros, 100)})
	_, err := OpenArchive(ctx, source("bomb.zip", bomb), Limits{})
	wantRefused(t, err, "bomb.zip", "times its size")

	_, err = OpenArchive(ctx, source("p.zip", zipped(t, file{name: "a", text: zeros}, file{name: "b", text: zeros})), Limits{TotalBytes: 1<<20 + 1})
	wantRefused(t, err, "unpacks to more than 1048577 bytes")
	_, err = OpenArchive(ctx, source("p.zip", zipped(t, file{name: "a", text: zeros})), Limits{FileBytes: 1000})
	wantRefused(t, err, `"a"`, "more than the 1000 that a file may have")
	_, err = OpenArchive(ctx, source("p.zip", zipped(t, file{name: "a"}, file{name: "b"}, file{name: "c"})), Limits{Entries: 2})
	wantRefused(t, err, "more than 2 files")
	_, err = OpenArchive(ctx, source("p.zip", zipped(t, file{name: "a", text: "x", set: func(h *zip.FileHeader) { h.Flags |= 1 }})), Limits{})
	wantRefused(t, err, "password")

	for name, data := range map[string][]byte{
		"empty": {}, "text": []byte("this is no archive"), "cut": bomb[:len(bomb)/2], "magic only": []byte("PK\x03\x04"), "end only": append([]byte("PK\x05\x06"), make([]byte, 17)...),
	} {
		_, err = OpenArchive(ctx, source("x.zip", data), Limits{})
		wantRefused(t, err, "not a zip archive, or a damaged one")
		_ = name
	}
	if _, err := OpenArchive(ctx, source("x.zip", append([]byte("PK\x05\x06"), make([]byte, 18)...)), Limits{}); err != nil {
		t.Errorf("an archive of nothing: %v", err)
	}
}

// TestFilesThatShareTheirBytes: a directory that names the same bytes thousands
// of times unpacks to any size and passes every ratio.
func TestFilesThatShareTheirBytes(t *testing.T) {
	one := zipped(t, file{name: "a", text: strings.Repeat("kernel ", 1000)})
	end := bytes.LastIndex(one, []byte("PK\x05\x06"))
	dir := int(binary.LittleEndian.Uint32(one[end+16:]))
	entry := bytes.Clone(one[dir:end])
	data := bytes.Clone(one[:dir])
	const copies = 400
	for i := range copies {
		e := bytes.Clone(entry)
		e[46] = 'a' + byte(i%26)
		data = append(data, e...)
	}
	tail := bytes.Clone(one[end:])
	binary.LittleEndian.PutUint16(tail[8:], copies)
	binary.LittleEndian.PutUint16(tail[10:], copies)
	binary.LittleEndian.PutUint32(tail[12:], uint32(copies*len(entry)))
	_, err := OpenArchive(t.Context(), source("bomb.zip", append(data, tail...)), Limits{})
	wantRefused(t, err, "share their bytes")
}

// TestADirectoryThatLiesAboutItsLength: the count in the archive's end is not
// believed.
func TestADirectoryThatLiesAboutItsLength(t *testing.T) {
	var files []file
	for i := range 5000 {
		files = append(files, file{name: fmt.Sprintf("f%d", i), set: func(h *zip.FileHeader) { h.Method = zip.Store }})
	}
	data := zipped(t, files...)
	end := bytes.LastIndex(data, []byte("PK\x05\x06"))
	binary.LittleEndian.PutUint16(data[end+8:], 1)
	binary.LittleEndian.PutUint16(data[end+10:], 1)
	_, err := OpenArchive(t.Context(), source("p.zip", data), Limits{Entries: 100})
	wantRefused(t, err, "")
}

func TestALyingSizeIsNoticedWhileReading(t *testing.T) {
	data := zipped(t, file{name: "a", text: strings.Repeat("x", 100_000)})
	dir := bytes.LastIndex(data, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(data[dir+24:], 10)
	a := opened(t, data)
	r, err := a.Open("a")
	if err == nil {
		var n int64
		n, err = io.Copy(io.Discard, r)
		if n > 10 {
			t.Errorf("%d bytes of 10", n)
		}
	}
	wantRefused(t, err, "damaged")
	if _, err := a.Media("a"); err == nil {
		t.Error("measured")
	}
}

func TestDamageOfOneFileIsItsOwn(t *testing.T) {
	data := zipped(t, file{name: "bad", text: "xxxxxxxxxxxxxxxx", set: func(h *zip.FileHeader) { h.Method = zip.Store }}, file{name: "good", text: "fine"})
	data[bytes.Index(data, []byte("xxxx"))] = 'y'
	a := opened(t, data)
	r, err := a.Open("bad")
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(r)
	wantRefused(t, err, "bad", "damaged")
	if content(t, a, "good") != "fine" {
		t.Error("the other file")
	}
}

type brokenDisk struct{ data []byte }

var errDisk = errors.New("disk on fire")

func (d brokenDisk) ReadAt(p []byte, off int64) (int, error) {
	if off < 100 {
		return 0, errDisk
	}
	return bytes.NewReader(d.data).ReadAt(p, off)
}

func TestAFaultOfTheMachineIsNotBlamedOnTheFile(t *testing.T) {
	data := zipped(t, file{name: "a", text: strings.Repeat("x", 100), set: func(h *zip.FileHeader) { h.Method = zip.Store }})
	a, err := OpenArchive(t.Context(), Source{Name: "p.zip", Data: brokenDisk{data}, Size: int64(len(data))}, Limits{})
	if err == nil {
		_, err = a.Media("a")
	}
	var refused *RefusedError
	if !errors.Is(err, errDisk) || errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenArchive(ctx, source("p.zip", data), Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestThousandsOfEmptyFilesAreCheap prints what they cost.
func TestThousandsOfEmptyFilesAreCheap(t *testing.T) {
	var files []file
	for i := range 60_000 {
		files = append(files, file{name: fmt.Sprintf("folder%d/f%d.xml", i%100, i), set: func(h *zip.FileHeader) { h.Method = zip.Store }})
	}
	data := zipped(t, files...)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	a := opened(t, data)
	runtime.ReadMemStats(&after)
	bytesEach := (after.TotalAlloc - before.TotalAlloc) / 60_000
	t.Logf("%d bytes a file", bytesEach)
	if len(a.Names()) != 60_000 || bytesEach > 2000 {
		t.Errorf("%d files, %d bytes each", len(a.Names()), bytesEach)
	}
}

func TestArchivesInArchivesAreTold(t *testing.T) {
	inner := zipped(t, file{name: "x"})
	a := opened(t, zipped(t, file{name: "ok.xml"}, file{name: "more.ZIP", text: string(inner)}))
	if len(a.Lines()) != 1 || a.Lines()[0].Severity != Info || !strings.Contains(a.Lines()[0].What, "more.ZIP") {
		t.Errorf("%v", a.Lines())
	}
}

func TestMediaHaveTheirDigest(t *testing.T) {
	a := opened(t, zipped(t, file{name: "media/a b.png", text: "pixels"}))
	m, err := a.Media("media/a b.png")
	if err != nil {
		t.Fatal(err)
	}
	want := "asset:b1c5d65d5a1c98d5d0ac1e66a5ab61b4c3e6e5ea6c4d8f1bb2d9c3d1cb8f4f6b/a%20b.png"
	if m.Bytes != 6 || m.Name != "a b.png" || len(m.SHA256) != 64 || !strings.HasSuffix(m.URL(), "/a%20b.png") || len(m.URL()) != len(want) {
		t.Errorf("%+v %s", m, m.URL())
	}
	r, err := m.Open()
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); err != nil || string(data) != "pixels" {
		t.Errorf("%q %v", data, err)
	}
	if again, err := a.Media("media/a b.png"); err != nil || again.SHA256 != m.SHA256 || MediaOf("x", []byte("pixels")).SHA256 != m.SHA256 {
		t.Errorf("%v %v", again, err)
	}
}

func TestDataURLs(t *testing.T) {
	for raw, want := range map[string]string{
		"data:image/png;base64,cGl4ZWxz": "image.png", "DATA:image/jpeg;base64,cGl4 ZWxz\n": "image.jpg", "data:image/svg+xml;utf8,%3Csvg/%3E": "image.svg",
		"data:audio/mpeg;base64,cGl4ZWxz==": "audio.mp3", "data:image/gif;charset=x;base64,cGl4ZWxz": "image.gif",
	} {
		if m, ok := DataURL(raw); !ok || m.Name != want || m.Bytes == 0 {
			t.Errorf("%s: %+v %v", raw, m, ok)
		}
	}
	for _, raw := range []string{"data:text/html,<script>", "data:image/png;base64,%%%", "data:image/png;base64,", "data:", "data:image/png", "x.png", "data:application/x;base64,AAAA"} {
		if m, ok := DataURL(raw); ok {
			t.Errorf("%s: %+v", raw, m)
		}
	}
}

func FuzzOpenArchive(f *testing.F) {
	f.Add(zipped(f, file{name: "imsmanifest.xml", text: "<manifest/>"}, file{name: "../x", text: "y"}))
	f.Add(zipped(f, file{name: `a\b`, text: strings.Repeat("z", 1000)}))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := OpenArchive(t.Context(), source("f.zip", data), Limits{Entries: 100, TotalBytes: 1 << 22, FileBytes: 1 << 20})
		if err == nil {
			for _, name := range a.Names() {
				if strings.Contains("/"+name+"/", "/../") || strings.HasPrefix(name, "/") || strings.Contains(name, `\`) {
					t.Errorf("the path %q leaves the archive", name)
				}
				if _, err := a.Media(name); err != nil {
					var refused *RefusedError
					if !errors.As(err, &refused) {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
			_, err = Detect(t.Context(), source("f.zip", data), Limits{Entries: 100, TotalBytes: 1 << 22, FileBytes: 1 << 20})
		}
		var refused *RefusedError
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("got %v, want a RefusedError", err)
		}
	})
}

func gzippedTar(t *testing.T, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Size: 1, Mode: 0o600}), func() error { _, err := w.Write([]byte("x")); return err }(), w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
