package content_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/bustest"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/content"
	"github.com/lyceum-lms/platform/internal/content/olx"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// world is one module with a database, a blob store, a server and, if needed, a
// bus of its own, and an organisation to play in.
type world struct {
	t     *testing.T
	db    *postgrestest.Database
	admin *pgxpool.Pool
	blobs *blob.Bucket
	m     *content.Module
	http  *httpservertest.Server
	bus   *bustest.Running
	clock *clock
	org   uuid.UUID
}

func newWorld(t *testing.T) *world { return newWorldWith(t, content.Config{}) }

func newWorldWith(t *testing.T, cfg content.Config) *world {
	t.Helper()
	blobs, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	require.NoError(t, err)
	w := &world{t: t, db: postgrestest.New(t), blobs: blobs, clock: newClock(), org: uuid.New()}
	t.Cleanup(func() { require.NoError(t, w.blobs.Close()) })
	w.admin = w.db.Admin(t)
	w.m = w.replica(cfg)
	w.http = httpservertest.New(t, w.m)
	return w
}

// running starts the bus, once. Tests without others' events do without it.
func (w *world) running() *bustest.Running {
	w.t.Helper()
	if w.bus == nil {
		w.bus = bustest.Run(w.t, w.db, w.m.Contract())
	}
	return w.bus
}

// replica starts another process' module on the same database and blob store.
func (w *world) replica(cfg content.Config) *content.Module {
	w.t.Helper()
	m, err := content.New(cfg, content.Deps{
		DB: w.db.DB(w.t, "content"), Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
		Registerer: prometheus.NewRegistry(), Now: w.clock.now, Blobs: w.blobs,
	})
	require.NoError(w.t, err)
	require.NoError(w.t, m.Start(w.t.Context()))
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(w.t, m.Stop(ctx))
	})
	return m
}

// clock is a clock that a test can move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) forward(d time.Duration) { c.at.Add(int64(d)) }

// caller is somebody with a token.
type caller struct {
	auth.Principal
	token string
}

func (w *world) callerIn(org uuid.UUID, roles ...auth.Role) caller {
	w.t.Helper()
	p := auth.Principal{AccountID: uuid.New(), OrganisationID: org, SessionID: uuid.New(), Roles: roles}
	return caller{Principal: p, token: w.http.Token(w.t, p)}
}

func (w *world) learner() caller    { return w.callerIn(w.org, auth.Learner) }
func (w *world) instructor() caller { return w.callerIn(w.org, auth.Instructor) }
func (w *world) administrator() caller {
	return w.callerIn(w.org, auth.OrganisationAdmin)
}

// answer is an HTTP response that has been read.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

type option func(*http.Request)

func header(name, value string) option { return func(r *http.Request) { r.Header.Set(name, value) } }

// send makes a request; body is nil, an io.Reader or something to encode.
func (w *world) send(who caller, method, path string, body any, options ...option) answer {
	w.t.Helper()
	return w.sendTo(w.http.URL, who, method, path, body, options...)
}

func (w *world) sendTo(base string, who caller, method, path string, body any, options ...option) answer {
	w.t.Helper()
	var payload io.Reader
	contentType := ""
	switch b := body.(type) {
	case nil:
	case io.Reader:
		payload = b
	default:
		data, err := json.Marshal(b)
		require.NoError(w.t, err)
		payload, contentType = bytes.NewReader(data), "application/json"
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, base+path, payload)
	require.NoError(w.t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if who.token != "" {
		req.Header.Set("Authorization", "Bearer "+who.token)
	}
	for _, o := range options {
		o(req)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return answer{t: w.t, status: res.StatusCode, header: res.Header, body: data}
}

// ok checks the status and decodes the body, if out is not nil.
func (a answer) ok(status int, out any) answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, "%s", a.body)
	if out != nil {
		require.NoError(a.t, json.Unmarshal(a.body, out), "%s", a.body)
	}
	return a
}

// refused checks that the answer is this problem.
func (a answer) refused(status int, reason string) {
	a.t.Helper()
	var p struct {
		Type   string `json:"type"`
		Status int    `json:"status"`
	}
	require.Equal(a.t, status, a.status, "%s", a.body)
	require.Contains(a.t, a.header.Get("Content-Type"), "application/problem+json")
	require.NoError(a.t, json.Unmarshal(a.body, &p), "%s", a.body)
	require.Equal(a.t, status, p.Status)
	require.Regexp(a.t, "[/:]"+reason+"$", p.Type)
}

// export is the files of a course, by path.
type export map[string]string

// with returns a copy with files replaced; an empty text removes one.
func (e export) with(files export) export {
	out := maps.Clone(e)
	for name, text := range files {
		if text == "" {
			delete(out, name)
			continue
		}
		out[name] = text
	}
	return out
}

// smallCourse has two units to read and one with two problems.
func smallCourse() export {
	return export{
		"course.xml": `<course url_name="2026" org="Lyceum" course="T101"/>`,
		"course/2026.xml": `<course display_name="Tides and Currents" language="en" course_image="pic.png" start="2020-01-01T00:00:00Z">
			<chapter url_name="c1"/></course>`,
		"about/overview.html":          `<p>All about the <b>sea</b>.</p><script>alert(1)</script>`,
		"about/short_description.html": `Why the water moves`,
		"chapter/c1.xml":               `<chapter display_name="Basics"><sequential url_name="s1"/><sequential url_name="s2"/></chapter>`,
		"sequential/s1.xml":            `<sequential display_name="Reading"><vertical url_name="v1"/><vertical url_name="v2"/></sequential>`,
		"sequential/s2.xml":            `<sequential display_name="Practice" format="Homework" graded="true"><vertical url_name="v3"/></sequential>`,
		"vertical/v1.xml":              `<vertical display_name="Welcome"><html url_name="h1"/></vertical>`,
		"vertical/v2.xml":              `<vertical display_name="Film"><video url_name="f1" display_name="A film" youtube_id_1_0="b7xgknqkQk8"/></vertical>`,
		"vertical/v3.xml":              `<vertical display_name="Questions"><problem url_name="p1"/><problem url_name="p2"/></vertical>`,
		"html/h1.xml":                  `<html filename="h1" display_name="Text"/>`,
		"html/h1.html": `<p onclick="alert(1)">Hello <img src="/static/pic.png" alt="a picture"></p>
			<a href="/jump_to_id/v2">next</a><script>alert(1)</script>`,
		"problem/p1.xml": `<problem display_name="Sum" max_attempts="3" showanswer="attempted"><multiplechoiceresponse>
			<label>1 + 1?</label><choicegroup type="MultipleChoice">
			<choice correct="true">two</choice><choice correct="false">three</choice></choicegroup></multiplechoiceresponse></problem>`,
		"problem/p2.xml": `<problem display_name="Product" max_attempts="3" showanswer="attempted"><numericalresponse answer="6">
			<label>2 * 3?</label><formulaequationinput/></numericalresponse></problem>`,
		"static/pic.png": "\x89PNG\r\n\x1a\n not really a picture, but 0123456789 bytes to range over",
	}
}

// archive packs the export the way courses are downloaded.
func (e export) archive(t *testing.T) []byte {
	t.Helper()
	return archiveOf(t, func(w *tar.Writer) {
		for _, name := range slices.Sorted(maps.Keys(e)) {
			require.NoError(t, w.WriteHeader(&tar.Header{Name: "course/" + name, Mode: 0o644, Size: int64(len(e[name]))}))
			_, err := io.WriteString(w, e[name])
			require.NoError(t, err)
		}
	})
}

func archiveOf(t *testing.T, fill func(*tar.Writer)) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	fill(w)
	require.NoError(t, w.Close())
	require.NoError(t, zipped.Close())
	return out.Bytes()
}

// publish imports a course through the module's own method, as the operator's
// command does.
func (w *world) publish(e export, o content.ImportOptions) *content.ImportResult {
	w.t.Helper()
	r, err := w.tryPublish(e, o)
	require.NoError(w.t, err)
	return r
}

func (w *world) tryPublish(e export, o content.ImportOptions) (*content.ImportResult, error) {
	w.t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range e {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	src, err := olx.OpenFS(w.t.Context(), fsys, olx.Limits{})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, src.Close()) }()
	if o.OrganisationID == uuid.Nil {
		o.OrganisationID = w.org
	}
	return w.m.ImportCourse(w.t.Context(), src, o)
}

// taught publishes the small course with a new instructor.
func (w *world) taught() (course string, by caller) {
	w.t.Helper()
	by = w.instructor()
	r := w.publish(smallCourse(), content.ImportOptions{ActorID: by.AccountID, Teaches: true})
	return "/v1/courses/" + r.CourseID.String(), by
}

// settings of a course, as staff see and change them.
func (w *world) edit(by caller, course string, change map[string]any) answer {
	w.t.Helper()
	tag := w.send(by, "GET", course, nil).ok(200, nil).header.Get("ETag")
	require.NotEmpty(w.t, tag)
	return w.send(by, "PATCH", course, change, header("If-Match", tag))
}

func (w *world) enrol(who caller, course string) string {
	w.t.Helper()
	var e struct {
		EnrolmentID string `json:"enrolment_id"`
	}
	w.send(who, "POST", course+"/enrolment", nil).ok(201, &e)
	return e.EnrolmentID
}

// contact makes an account known to content, as users does.
func (w *world) contact(who caller, email, name string) {
	w.t.Helper()
	bustest.Emit(w.t, w.db, event.ContactChanged, event.ContactChangedV1{
		AccountID: who.AccountID, OrganisationID: who.OrganisationID, Email: email, EmailConfirmed: true, DisplayName: name,
	})
	w.running().Drain()
}

// graded tells content of a graded attempt, as assessment does.
func (w *world) graded(who caller, course, problemSet uuid.UUID, score string) {
	w.t.Helper()
	bustest.Emit(w.t, w.db, event.AttemptGraded, event.AttemptGradedV1{
		AttemptID: uuid.New(), AssessmentID: problemSet, CourseID: course, OrganisationID: who.OrganisationID,
		LearnerID: who.AccountID, Number: 1, Score: score, MaxScore: "2", At: w.clock.now().UTC(),
	})
	w.running().Drain()
}

// events returns the payloads of a topic that content has emitted so far.
func events[T any](w *world, topic bus.Topic[T]) []T {
	w.t.Helper()
	rows, err := w.admin.Query(w.t.Context(), `
		select payload from (
			select event_id, payload from content.outbox where event_type = $1
			union all select event_id, payload from content.event_log where event_type = $1) e
		order by event_id`, topic.Type())
	require.NoError(w.t, err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(w.t, err)
	return out
}

// count runs a query for a number.
func (w *world) count(sql string, args ...any) int {
	w.t.Helper()
	var n int
	require.NoError(w.t, w.admin.QueryRow(w.t.Context(), sql, args...).Scan(&n))
	return n
}

// tableOfContents is what tests need of an outline.
type tableOfContents struct {
	Version        int `json:"version"`
	CompletedUnits int `json:"completed_units"`
	TotalUnits     int `json:"total_units"`
	Chapters       []struct {
		Title       string `json:"title"`
		Subsections []struct {
			Title    string `json:"title"`
			Category string `json:"category"`
			Units    []struct {
				UnitID        uuid.UUID   `json:"unit_id"`
				Title         string      `json:"title"`
				ProblemSetIDs []uuid.UUID `json:"problem_set_ids"`
				Viewed        bool        `json:"viewed"`
				Completed     bool        `json:"completed"`
			} `json:"units"`
		} `json:"subsections"`
	} `json:"chapters"`
}

func (w *world) outline(who caller, course string) tableOfContents {
	w.t.Helper()
	var toc tableOfContents
	w.send(who, "GET", course+"/outline", nil).ok(200, &toc)
	return toc
}

// units returns the ids of the course's units in reading order and the set of
// the last one.
func (w *world) units(who caller, course string) (ids []string, problemSet uuid.UUID) {
	w.t.Helper()
	for _, c := range w.outline(who, course).Chapters {
		for _, s := range c.Subsections {
			for _, u := range s.Units {
				ids = append(ids, u.UnitID.String())
				if len(u.ProblemSetIDs) > 0 {
					problemSet = u.ProblemSetIDs[0]
				}
			}
		}
	}
	return ids, problemSet
}

func idIn(t *testing.T, course string) uuid.UUID {
	t.Helper()
	id, err := uuid.Parse(strings.TrimPrefix(course, "/v1/courses/"))
	require.NoError(t, err)
	return id
}
