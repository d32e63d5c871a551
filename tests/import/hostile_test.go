package imports

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// entry is a file of a hostile archive.
type entry struct {
	tar.Header
	body string
}

func file(name, body string) entry {
	return entry{tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(body))}, body}
}

// pack makes an archive of entries. An entry whose header promises more than it
// has makes one that ends too early.
func pack(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	to := tar.NewWriter(zipped)
	for i := range entries {
		require.NoError(t, to.WriteHeader(&entries[i].Header))
		_, err := to.Write([]byte(entries[i].body))
		require.NoError(t, err)
	}
	_ = to.Close() // it minds an entry that is shorter than its header says
	require.NoError(t, zipped.Close())
	return out.Bytes()
}

// course is the least that is a course, with a root element of one's own.
func course(root string) []entry {
	return []entry{file("course/course.xml", `<course url_name="run" org="Evil" course="E1"/>`), file("course/course/run.xml", root)}
}

// TestHostileArchives: each ends as a failed import that says why, and nothing
// of it is to be seen.
func TestHostileArchives(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	iris := platform.Instructor(t)
	db := platform.AdminPool(t)
	before := platformtest.SettledSnapshot(t, db)

	fine := course(`<course display_name="Fine"/>`)
	huge := entry{tar.Header{Name: "course/static/huge.bin", Mode: 0o644, Typeflag: tar.TypeReg, Size: 1 << 40}, "little"}
	many := append([]entry{}, fine...)
	for i := range 50_100 {
		many = append(many, file(fmt.Sprintf("course/static/%d", i), ""))
	}
	whole := pack(t, fine...)
	for name, archive := range map[string][]byte{
		"nothing":                    {},
		"no archive":                 []byte("PK\x03\x04 this is no tar"),
		"random after gzip's magic":  []byte("\x1f\x8b\x08\x00 this is no gzip"),
		"cut off":                    whole[:len(whole)/2],
		"an empty archive":           pack(t),
		"no course in it":            pack(t, file("notes.txt", "hello")),
		"two courses":                pack(t, append(fine, file("other/course.xml", `<course url_name="run" org="O" course="C"/>`))...),
		"a path that leads out":      pack(t, append(fine, file("../../evil.xml", "x"))...),
		"a path within that does":    pack(t, append(fine, file("course/static/../../../evil", "x"))...),
		"an absolute path":           pack(t, append(fine, file("/etc/cron.d/evil", "x"))...),
		"back slashes":               pack(t, append(fine, file(`course\..\..\evil`, "x"))...),
		"a link":                     pack(t, append(fine, entry{Header: tar.Header{Name: "course/static/passwd", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}})...),
		"a hard link":                pack(t, append(fine, entry{Header: tar.Header{Name: "course/static/passwd", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}})...),
		"a device":                   pack(t, append(fine, entry{Header: tar.Header{Name: "course/static/zero", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5}})...),
		"the same file twice":        pack(t, append(fine, fine...)...),
		"a file of a terabyte":       pack(t, append(fine, huge)...),
		"fifty thousand files":       pack(t, many...),
		"a path as deep as the sea":  pack(t, append(fine, file("course/"+strings.Repeat("a/", 40)+"x", "x"))...),
		"no XML":                     pack(t, course("{}")...),
		"entities that multiply":     pack(t, course(entityBomb())...),
		"an entity from a file":      pack(t, course(`<!DOCTYPE course [<!ENTITY x SYSTEM "file:///etc/passwd">]><course display_name="&x;"/>`)...),
		"elements of endless depth":  pack(t, course(strings.Repeat("<course>", 100_000))...),
		"five megabytes of one file": pack(t, course(`<course display_name="`+strings.Repeat("a", 5<<20)+`"/>`)...),
	} {
		response, err := iris.Do(t.Context(), http.MethodPost, "/v1/imports", platformtest.Raw{ContentType: "application/gzip", Body: archive})
		if !assert.NoError(t, err, name) {
			continue
		}
		if response.Status/100 == 4 { // what can be refused at the door
			_, err := response.Problem()
			assert.NoError(t, err, name)
			continue
		}
		if !assert.Equal(t, http.StatusAccepted, response.Status, "%s: %s", name, response.Body) {
			continue
		}
		var queued imported
		require.NoError(t, response.Decode(&queued))
		end, _ := await(t, iris.Client, queued.ImportID)
		if assert.Equal(t, "failed", end.Status, name) && assert.NotNil(t, end.Failure, name) {
			assert.NotEqual(t, "internal", end.Failure.Reason, "%s: %s", name, end.Failure.Detail)
			assert.NotContains(t, end.Failure.Detail, "root:", name)
			t.Logf("%s: %s: %.160s", name, end.Failure.Reason, end.Failure.Detail)
		}
	}
	diff := before.Diff(platformtest.SettledSnapshot(t, db))
	for line := range strings.Lines(diff) {
		assert.Contains(t, line, "content.imports", "a failed import has left something behind")
	}
	assert.NotContains(t, platform.Log(t), "panic")
}

// TestACourseWithinItself comes in as far as it makes sense; the rest is in the
// report.
func TestACourseWithinItself(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	end, _ := upload(t, platform.Instructor(t).Client, pack(t, append(
		course(`<course display_name="Loop"><chapter url_name="c"/></course>`),
		file("course/chapter/c.xml", `<chapter display_name="C"><chapter url_name="c"/></chapter>`))...))
	require.Equal(t, "done", end.Status, "%+v", end.Failure)
	require.Equal(t, 1, end.Report.Counts.Chapters)
	require.Len(t, end.Report.Entries, 1)
	require.Contains(t, end.Report.Entries[0].Why, "contains itself")
}

// entityBomb is a thousand million laughs.
func entityBomb() string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE course [<!ENTITY l0 "ha">`)
	for i := 1; i <= 9; i++ {
		fmt.Fprintf(&b, `<!ENTITY l%d "%s">`, i, strings.Repeat(fmt.Sprintf("&l%d;", i-1), 10))
	}
	b.WriteString(`]><course display_name="&l9;"/>`)
	return b.String()
}
