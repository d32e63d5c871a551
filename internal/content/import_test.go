package content_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/content"
	"github.com/lyceum-lms/platform/internal/content/olx"
	"github.com/lyceum-lms/platform/internal/problem"
)

type importState struct {
	ImportID  string      `json:"import_id"`
	FileName  string      `json:"file_name"`
	Bytes     int         `json:"bytes"`
	Status    string      `json:"status"`
	CourseID  string      `json:"course_id"`
	Version   int         `json:"version"`
	Unchanged bool        `json:"unchanged"`
	Report    *olx.Report `json:"report"`
	Failure   *struct {
		Reason string `json:"reason"`
		Detail string `json:"detail"`
	} `json:"failure"`
}

// upload requests an import and returns its path.
func (w *world) upload(who caller, archive []byte) string {
	w.t.Helper()
	var s importState
	got := w.send(who, "POST", "/v1/imports", bytes.NewReader(archive), header("Content-Type", "application/gzip")).ok(202, &s)
	require.Equal(w.t, "/v1/imports/"+s.ImportID, got.header.Get("Location"))
	return got.header.Get("Location")
}

// ended waits for the end of an import.
func (w *world) ended(who caller, path string) importState {
	w.t.Helper()
	var s importState
	require.Eventually(w.t, func() bool {
		w.send(who, "GET", path, nil).ok(200, &s)
		return s.Status != "queued" && s.Status != "running"
	}, 30*time.Second, 20*time.Millisecond, "the import does not end; it is %s", s.Status)
	return s
}

func (w *world) uploads() int {
	w.t.Helper()
	n := 0
	for list := w.blobs.List(nil); ; {
		o, err := list.Next(w.t.Context())
		if errors.Is(err, io.EOF) {
			return n
		}
		require.NoError(w.t, err)
		if strings.HasPrefix(o.Key, "imports/") {
			n++
		}
	}
}

func TestImportingThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.instructor()
	path := w.upload(by, smallCourse().archive(t))
	s := w.ended(by, path)
	require.Equal(t, "done", s.Status, "%+v", s.Failure)
	require.Equal(t, 1, s.Version)
	require.NotNil(t, s.Report)
	require.Equal(t, 3, s.Report.Counts.Units)
	require.Equal(t, 2, s.Report.Counts.Items)
	text := w.send(by, "GET", path+"/report.txt", nil).ok(200, nil)
	require.Contains(t, text.header.Get("Content-Type"), "text/plain")
	require.Contains(t, string(text.body), "1 chapters, 2 subsections, 3 units")

	published := events(w, event.CoursePublished)
	require.Len(t, published, 1)
	require.Equal(t, s.CourseID, published[0].CourseID.String())
	require.Equal(t, []string{"Welcome", "Film", "Questions"},
		[]string{published[0].Units[0].Title, published[0].Units[1].Title, published[0].Units[2].Title})
	sets := events(w, event.ProblemSetPublished)
	require.Len(t, sets, 1)
	require.Equal(t, "Questions", sets[0].Title)
	require.Equal(t, "Homework", sets[0].Category)
	require.Equal(t, 3, sets[0].MaxAttempts)
	require.Equal(t, 1, sets[0].CourseVersion)
	require.Len(t, sets[0].Items, 2)
	staff := events(w, event.CourseStaffAssigned)
	require.Len(t, staff, 1)
	require.Equal(t, by.AccountID, staff[0].AccountID)

	var list struct {
		Items []importState `json:"items"`
	}
	w.send(by, "GET", "/v1/imports", nil).ok(200, &list)
	require.Len(t, list.Items, 1)
	require.Eventually(t, func() bool { return w.uploads() == 0 }, 10*time.Second, 10*time.Millisecond,
		"an upload is not kept once it is imported")
	var taught struct {
		Items []struct {
			CourseID string `json:"course_id"`
		} `json:"items"`
	}
	w.send(by, "GET", "/v1/courses", nil).ok(200, &taught)
	require.Equal(t, s.CourseID, taught.Items[0].CourseID)

	t.Run("others do not see the import", func(t *testing.T) {
		for _, who := range []caller{w.instructor(), w.callerIn(uuid.New(), auth.PlatformAdmin)} {
			w.send(who, "GET", path, nil).refused(404, "not-found")
			w.send(who, "GET", path+"/report.txt", nil).refused(404, "not-found")
			w.send(who, "POST", path+"/cancel", nil).refused(404, "not-found")
			w.send(who, "GET", "/v1/imports", nil).ok(200, &list)
			require.Empty(t, list.Items)
		}
		w.send(w.administrator(), "GET", path, nil).ok(200, nil)
	})
	t.Run("an ended import cannot be cancelled", func(t *testing.T) {
		w.send(by, "POST", path+"/cancel", nil).refused(409, "import-ended")
	})
	t.Run("learners do not import", func(t *testing.T) {
		got := w.send(w.learner(), "POST", "/v1/imports", strings.NewReader("x"), header("Content-Type", "application/gzip"))
		require.Equal(t, 403, got.status)
	})
}

func TestImportingAForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.instructor()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(t, form.WriteField("comment", "not the file"))
	file, err := form.CreateFormFile("file", `..\..\tides.tar.gz`)
	require.NoError(t, err)
	_, err = file.Write(smallCourse().archive(t))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	var s importState
	got := w.send(by, "POST", "/v1/imports", &body, header("Content-Type", form.FormDataContentType())).ok(202, &s)
	require.Equal(t, "tides.tar.gz", s.FileName)
	require.Equal(t, "done", w.ended(by, got.header.Get("Location")).Status)
}

func TestUploadsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, content.Config{MaxImportBytes: 10_000})
	by := w.instructor()
	post := func(contentType string, body io.Reader) answer {
		return w.send(by, "POST", "/v1/imports", body, header("Content-Type", contentType))
	}
	post("application/gzip", bytes.NewReader(make([]byte, 10_001))).refused(413, "upload-too-large")
	post("application/gzip", strings.NewReader("")).refused(422, "empty-upload")
	post("text/plain", strings.NewReader("hello")).refused(422, "not-an-archive")
	post("multipart/form-data", strings.NewReader("x")).refused(400, "no-boundary")
	post("multipart/form-data; boundary=x", strings.NewReader("--x--\r\n")).refused(422, "no-file")
	post("multipart/form-data; boundary=x", strings.NewReader("--x\r\ngarbage")).refused(400, "bad-form")
	require.Zero(t, w.count(`select count(*) from content.imports`))
	require.Zero(t, w.uploads(), "nothing of a refused upload is kept")
}

// Uploads wait on the disk until they are imported.
func TestImportsThatWaitAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by, other := w.instructor(), w.instructor()
	upload := func(who caller) answer {
		return w.send(who, "POST", "/v1/imports", smallCourse().archive(t), header("Content-Type", "application/gzip"))
	}
	_, err := w.db.DB(t, "content").Pool.Exec(t.Context(), `
		insert into content.imports (import_id, organisation_id, requested_by, any_course, file_name, bytes, blob_key)
		select gen_random_uuid(), $1, $2, false, '', 1, 'imports/' || n from generate_series(1, 10) n`, w.org, by.AccountID)
	require.NoError(t, err)
	upload(by).refused(429, "too-many-imports")
	require.Zero(t, w.uploads())
	upload(other).ok(202, nil)
	_, err = w.db.DB(t, "content").Pool.Exec(t.Context(), `
		update content.imports set status = 'cancelled', finished_at = now() where blob_key = 'imports/1'`)
	require.NoError(t, err)
	upload(by).ok(202, nil)
}

func TestHostileExportsFailWithAReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.instructor()
	entry := func(h tar.Header, body string) []byte {
		return archiveOf(t, func(tw *tar.Writer) {
			h.Size = int64(len(body))
			require.NoError(t, tw.WriteHeader(&h))
			_, err := io.WriteString(tw, body)
			require.NoError(t, err)
		})
	}
	for name, archive := range map[string][]byte{
		"not an archive":  []byte("this is not a course"),
		"cut off":         smallCourse().archive(t)[:400],
		"no course in it": entry(tar.Header{Name: "readme.txt"}, "hello"),
		"climbs out":      entry(tar.Header{Name: "../../etc/passwd"}, "root"),
		"absolute":        entry(tar.Header{Name: "/etc/passwd"}, "root"),
		"a link":          entry(tar.Header{Name: "course/x", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""),
		"broken XML":      smallCourse().with(export{"course/2026.xml": "<course"}).archive(t),
		"entity bomb":     smallCourse().with(export{"course.xml": `<!DOCTYPE x [<!ENTITY a "aaaa">]><course url_name="&a;" org="o" course="c"/>`}).archive(t),
		"text with U+0000": smallCourse().with(export{"policies/2026/policy.json": `{"sequential/s2": {"format": "Home\u0000work"}}`,
			"policies/2026/grading_policy.json": `{"GRADER": [{"type": "a\u0000b", "weight": 1}], "GRADE_CUTOFFS": {}}`}).archive(t),
		"a key with a slash": smallCourse().with(export{"course.xml": `<course url_name="2026" org="a/b" course="T101"/>`}).archive(t),
	} {
		s := w.ended(by, w.upload(by, archive))
		require.Equal(t, "failed", s.Status, name)
		require.Equal(t, "invalid-export", s.Failure.Reason, name)
		require.NotEmpty(t, s.Failure.Detail, name)
	}
	require.Zero(t, w.count(`select count(*) from content.courses`))
	require.Empty(t, events(w, event.CoursePublished))
	require.Eventually(t, func() bool { return w.uploads() == 0 }, 10*time.Second, 10*time.Millisecond)
}

func TestImportingAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	options := content.ImportOptions{ActorID: by.AccountID, Teaches: true}
	learner := w.learner()
	enrolment := w.enrol(learner, course)
	units, problemSet := w.units(learner, course)
	w.send(learner, "POST", course+"/units/"+units[0]+"/completion", nil).ok(204, nil)
	w.graded(learner, idIn(t, course), problemSet, "2")

	t.Run("the same export changes nothing", func(t *testing.T) {
		r := w.publish(smallCourse(), options)
		require.True(t, r.Unchanged)
		require.Equal(t, 1, r.Version)
		require.Len(t, events(w, event.CoursePublished), 1)
		require.Len(t, events(w, event.ProblemSetPublished), 1)
		s := w.ended(by, w.upload(by, smallCourse().archive(t)))
		require.True(t, s.Unchanged, "nor does it through the API")
	})
	t.Run("a changed text is a new version that keeps what learners have done", func(t *testing.T) {
		r := w.publish(smallCourse().with(export{"html/h1.html": "<p>New</p>"}), options)
		require.Equal(t, 2, r.Version)
		require.Len(t, events(w, event.CoursePublished), 2)
		require.Len(t, events(w, event.ProblemSetPublished), 1, "the problems are the same")
		again, set := w.units(learner, course)
		require.Equal(t, units, again, "units keep their ids")
		require.Equal(t, problemSet, set)
		require.Equal(t, 2, w.outline(learner, course).CompletedUnits)
		require.Equal(t, enrolment, events(w, event.LearnerEnrolled)[0].EnrolmentID.String())
		require.Len(t, events(w, event.CourseStaffAssigned), 1)
	})
	t.Run("a changed problem is published to assessment", func(t *testing.T) {
		w.publish(smallCourse().with(export{"problem/p2.xml": `<problem display_name="Product" max_attempts="1">
			<numericalresponse answer="7"><label>?</label><formulaequationinput/></numericalresponse></problem>`}), options)
		sets := events(w, event.ProblemSetPublished)
		require.Len(t, sets, 2)
		require.Equal(t, problemSet, sets[1].ProblemSetID)
		require.Equal(t, 3, sets[1].CourseVersion)
		require.Equal(t, 1, sets[1].MaxAttempts)
	})
	t.Run("a set that is gone is withdrawn, and comes back", func(t *testing.T) {
		without := smallCourse().with(export{"vertical/v3.xml": `<vertical display_name="Questions"><html url_name="h1"/></vertical>`})
		w.publish(without, options)
		withdrawn := events(w, event.ProblemSetWithdrawn)
		require.Len(t, withdrawn, 1)
		require.Equal(t, problemSet, withdrawn[0].ProblemSetID)
		w.publish(smallCourse(), options)
		require.Len(t, events(w, event.ProblemSetWithdrawn), 1)
		require.Len(t, events(w, event.ProblemSetPublished), 3)
	})
	t.Run("every version keeps its report", func(t *testing.T) {
		var versions struct {
			Items []struct {
				Number  int  `json:"number"`
				Current bool `json:"current"`
			} `json:"items"`
		}
		w.send(by, "GET", course+"/versions", nil).ok(200, &versions)
		require.Len(t, versions.Items, 5)
		require.Equal(t, 5, versions.Items[0].Number)
		require.True(t, versions.Items[0].Current)
		var report olx.Report
		w.send(by, "GET", course+"/versions/4/report", nil).ok(200, &report)
		require.Zero(t, report.Counts.Problems)
		w.send(by, "GET", course+"/versions/6/report", nil).refused(404, "not-found")
		w.send(w.instructor(), "GET", course+"/versions", nil).refused(403, "not-course-staff")
	})
	t.Run("a title that staff have changed stays", func(t *testing.T) {
		w.edit(by, course, map[string]any{"title": "Ebb and flow"}).ok(200, nil)
		w.publish(smallCourse().with(export{"html/h1.html": "<p>Newer</p>", "about/short_description.html": "Moon"}), options)
		var c struct{ Title, Summary string }
		w.send(by, "GET", course, nil).ok(200, &c)
		require.Equal(t, "Ebb and flow", c.Title)
		require.Equal(t, "Moon", c.Summary)
	})
}

func TestOnlyACoursesOwnStaffUpdateIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, _ := w.taught()
	changed := smallCourse().with(export{"html/h1.html": "<p>Mine</p>"})
	stranger := w.instructor()
	s := w.ended(stranger, w.upload(stranger, changed.archive(t)))
	require.Equal(t, "failed", s.Status)
	require.Equal(t, "not-course-staff", s.Failure.Reason)
	_, err := w.tryPublish(changed, content.ImportOptions{ActorID: stranger.AccountID, Teaches: true})
	require.True(t, problem.Is(err, "not-course-staff"), "%v", err)
	require.Equal(t, 1, w.outline(w.administrator(), course).Version)

	admin := w.administrator()
	s = w.ended(admin, w.upload(admin, changed.archive(t)))
	require.Equal(t, "done", s.Status)
	require.Equal(t, 2, s.Version)

	elsewhere := w.callerIn(uuid.New(), auth.Instructor)
	s = w.ended(elsewhere, w.upload(elsewhere, smallCourse().archive(t)))
	require.Equal(t, "done", s.Status, "another organisation may have a course of the same name")
	require.NotEqual(t, course, "/v1/courses/"+s.CourseID)
}

func TestImportsAtOnceTakeTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			_, err := w.tryPublish(smallCourse(), content.ImportOptions{AnyCourse: true})
			require.NoError(t, err)
		})
	}
	wg.Wait()
	require.Len(t, events(w, event.CoursePublished), 1, "one published, the others found nothing to do")
	require.Equal(t, 1, w.count(`select count(*) from content.course_versions`))
}

// An import that was broken off while it ran begins anew; one that was
// cancelled never does.
func TestAnInterruptedImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.instructor()
	require.NoError(t, w.m.Stop(t.Context())) // nobody works on imports for now
	resumed, cancelled := w.upload(by, smallCourse().archive(t)), w.upload(by, named("r9", "Other", "x", "y").archive(t))
	_, err := w.admin.Exec(t.Context(), `update content.imports set status = 'running', step = 'storing files'`)
	require.NoError(t, err)

	var s importState
	w.send(by, "POST", cancelled+"/cancel", nil).ok(200, &s)
	require.Equal(t, "cancelled", s.Status)
	w.send(by, "POST", cancelled+"/cancel", nil).ok(200, nil)
	require.Equal(t, 1, w.uploads())

	w.replica(content.Config{})
	require.Equal(t, "done", w.ended(by, resumed).Status)
	require.Equal(t, "cancelled", w.ended(by, cancelled).Status)
	require.Equal(t, 1, w.count(`select count(*) from content.courses`))
}

func TestTheRealCourseArrivesWhole(t *testing.T) {
	t.Parallel()
	file := filepath.Join(realDir(t), "openedx-demo-course.tar.gz")
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the real course is not here: %v", err)
	}
	w := newWorld(t)
	by := w.instructor()
	archive, err := os.ReadFile(file)
	require.NoError(t, err)
	s := w.ended(by, w.upload(by, archive))
	require.Equal(t, "done", s.Status, "%+v", s.Failure)
	course := "/v1/courses/" + s.CourseID
	toc := w.outline(by, course)
	subsections, units := 0, 0
	for _, c := range toc.Chapters {
		subsections += len(c.Subsections)
		for _, sub := range c.Subsections {
			for _, u := range sub.Units {
				units++
				got := w.send(by, "GET", course+"/units/"+u.UnitID.String(), nil).ok(200, nil)
				require.NotContains(t, string(got.body), `asset:`)
				require.NotContains(t, string(got.body), `"unit:`)
				require.NotContains(t, strings.ToLower(string(got.body)), `<script`)
			}
		}
	}
	require.Equal(t, []int{6, 17, 58}, []int{len(toc.Chapters), subsections, units})
	items := 0
	for _, set := range events(w, event.ProblemSetPublished) {
		items += len(set.Items)
	}
	require.Equal(t, s.Report.Counts.Items, items, "every problem that can be answered is in a set")

	s = w.ended(by, w.upload(by, archive))
	require.True(t, s.Unchanged, "the same file again changes nothing")
}

// realDir is where material of other systems is, beside the repository.
func realDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LYCEUM_REAL_DIR"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared", "real")
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "there is no go.mod above the test")
		dir = parent
	}
}
