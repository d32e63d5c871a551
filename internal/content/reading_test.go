package content_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/content"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

type page struct {
	CourseID       uuid.UUID  `json:"course_id"`
	Version        int        `json:"version"`
	Title          string     `json:"title"`
	PreviousUnitID *uuid.UUID `json:"previous_unit_id"`
	NextUnitID     *uuid.UUID `json:"next_unit_id"`
	Blocks         []struct {
		Kind  string `json:"kind"`
		HTML  string `json:"html"`
		Video *struct {
			YouTubeID string `json:"youtube_id"`
		} `json:"video"`
		ProblemSet *struct {
			ProblemSetID uuid.UUID   `json:"problem_set_id"`
			ItemIDs      []uuid.UUID `json:"item_ids"`
		} `json:"problem_set"`
	} `json:"blocks"`
}

func TestReadingAUnit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, _ := w.taught()
	learner := w.learner()
	w.enrol(learner, course)
	units, problemSet := w.units(learner, course)
	require.Len(t, units, 3)

	var text, film, questions page
	w.send(learner, "GET", course+"/units/"+units[0], nil).ok(200, &text)
	require.Equal(t, "Welcome", text.Title)
	require.Equal(t, 1, text.Version)
	require.Nil(t, text.PreviousUnitID)
	require.Equal(t, units[1], text.NextUnitID.String())
	require.Equal(t, "html", text.Blocks[0].Kind)
	require.Contains(t, text.Blocks[0].HTML, "Hello")
	require.NotContains(t, text.Blocks[0].HTML, "alert", "markup is sanitised")
	require.NotContains(t, text.Blocks[0].HTML, "asset:")
	require.Contains(t, text.Blocks[0].HTML, `"`+course+"/units/"+units[1]+`"`, "links between units can be followed")

	w.send(learner, "GET", course+"/units/"+units[1], nil).ok(200, &film)
	require.Equal(t, "b7xgknqkQk8", film.Blocks[0].Video.YouTubeID)

	answer := w.send(learner, "GET", course+"/units/"+units[2], nil).ok(200, &questions)
	require.Equal(t, "problem_set", questions.Blocks[0].Kind)
	require.Equal(t, problemSet, questions.Blocks[0].ProblemSet.ProblemSetID)
	require.Len(t, questions.Blocks[0].ProblemSet.ItemIDs, 2)
	require.NotContains(t, string(answer.body), "two", "problems and their keys are not in the unit")
}

func TestAUnitIsSentAgainOnlyWhenItHasChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	learner := w.learner()
	w.enrol(learner, course)
	units, _ := w.units(learner, course)
	path := course + "/units/" + units[0]
	tag := w.send(learner, "GET", path, nil).ok(200, nil).header.Get("ETag")
	require.NotEmpty(t, tag)
	same := w.send(learner, "GET", path, nil, header("If-None-Match", `"other", `+tag)).ok(304, nil)
	require.Empty(t, same.body)

	t.Run("or when its media URLs would expire", func(t *testing.T) {
		w.clock.forward(13 * time.Hour)
		fresh := w.send(learner, "GET", path, nil, header("If-None-Match", tag)).ok(200, nil)
		require.NotEqual(t, tag, fresh.header.Get("ETag"))
		tag = fresh.header.Get("ETag")
	})
	t.Run("a new version is read at once", func(t *testing.T) {
		w.publish(smallCourse().with(export{"html/h1.html": "<p>Hello again</p>"}), content.ImportOptions{ActorID: by.AccountID})
		var p page
		w.send(learner, "GET", path, nil, header("If-None-Match", tag)).ok(200, &p)
		require.Equal(t, 2, p.Version)
		require.Contains(t, p.Blocks[0].HTML, "again")
	})
}

func TestWhoMayReadAUnit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	units, _ := w.units(by, course)
	path := course + "/units/" + units[0]

	w.send(w.learner(), "GET", path, nil).refused(403, "not-enrolled")
	w.send(w.instructor(), "GET", path, nil).refused(403, "not-enrolled")
	w.send(by, "GET", path, nil).ok(200, nil)
	w.send(w.administrator(), "GET", path, nil).ok(200, nil)
	require.Equal(t, 401, w.send(caller{}, "GET", path, nil).status)
	require.Empty(t, events(w, event.UnitViewed), "staff who look are not learners who read")

	learner := w.learner()
	w.enrol(learner, course)
	w.send(learner, "GET", path, nil).ok(200, nil)
	w.send(learner, "GET", course+"/units/"+uuid.NewString(), nil).refused(404, "not-found")
	w.send(learner, "GET", course+"/units/not-an-id", nil).refused(422, "invalid-value")
	w.send(learner, "DELETE", course+"/enrolment", nil).ok(204, nil)
	w.send(learner, "GET", path, nil).refused(403, "not-enrolled")
}

// Another replica may believe in an access that it has seen for two seconds.
func TestAWithdrawalReachesOtherReplicasWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, _ := w.taught()
	other := httpservertest.New(t, w.replica(content.Config{}))
	learner := w.learner()
	elsewhere := learner
	elsewhere.token = other.Token(t, learner.Principal)
	units, _ := w.units(learner, course)
	path := course + "/units/" + units[0]

	w.sendTo(other.URL, elsewhere, "GET", path, nil).refused(403, "not-enrolled")
	w.enrol(learner, course)
	w.sendTo(other.URL, elsewhere, "GET", path, nil).ok(200, nil) // refusals are not remembered
	w.send(learner, "DELETE", course+"/enrolment", nil).ok(204, nil)
	w.clock.forward(2 * time.Second)
	w.sendTo(other.URL, elsewhere, "GET", path, nil).refused(403, "not-enrolled")
}

func TestAUnitIsViewedOncePerDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, _ := w.taught()
	other := httpservertest.New(t, w.replica(content.Config{}))
	learner := w.learner()
	enrolment := w.enrol(learner, course)
	units, _ := w.units(learner, course)
	read := func(unit string) { w.send(learner, "GET", course+"/units/"+unit, nil).ok(200, nil) }

	read(units[0])
	read(units[0])
	elsewhere := learner
	elsewhere.token = other.Token(t, learner.Principal)
	w.sendTo(other.URL, elsewhere, "GET", course+"/units/"+units[0], nil).ok(200, nil)
	read(units[1])
	viewed := events(w, event.UnitViewed)
	require.Len(t, viewed, 2)
	require.Equal(t, enrolment, viewed[0].EnrolmentID.String())
	require.Equal(t, units[0], viewed[0].UnitID.String())
	require.Equal(t, learner.AccountID, viewed[0].LearnerID)

	w.clock.forward(24 * time.Hour)
	read(units[0])
	require.Len(t, events(w, event.UnitViewed), 3)
	toc := w.outline(learner, course)
	require.True(t, toc.Chapters[0].Subsections[0].Units[0].Viewed)
	require.False(t, toc.Chapters[0].Subsections[1].Units[0].Viewed)
}

func TestProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, _ := w.taught()
	learner := w.learner()
	w.send(learner, "GET", course+"/progress", nil).refused(403, "not-enrolled")
	w.enrol(learner, course)
	units, problemSet := w.units(learner, course)

	complete := func(unit string) answer { return w.send(learner, "POST", course+"/units/"+unit+"/completion", nil) }
	complete(units[0]).ok(204, nil)
	complete(units[0]).ok(204, nil)
	complete(units[2]).refused(409, "unit-has-problems")
	complete(uuid.NewString()).refused(404, "not-found")
	require.Len(t, events(w, event.UnitCompleted), 1)

	w.graded(learner, idIn(t, course), problemSet, "1.50")
	require.Len(t, events(w, event.UnitCompleted), 2)
	require.Empty(t, events(w, event.CourseCompleted))
	complete(units[1]).ok(204, nil)
	completed := events(w, event.CourseCompleted)
	require.Len(t, completed, 1, "that was the last unit")
	require.Equal(t, learner.AccountID, completed[0].LearnerID)

	w.graded(learner, idIn(t, course), problemSet, "2")
	w.graded(learner, idIn(t, course), problemSet, "0.5")
	require.Len(t, events(w, event.UnitCompleted), 3)
	require.Len(t, events(w, event.CourseCompleted), 1)

	var progress struct {
		CompletedUnits int        `json:"completed_units"`
		TotalUnits     int        `json:"total_units"`
		CompletedAt    *time.Time `json:"completed_at"`
		Units          []struct {
			CompletedAt *time.Time `json:"completed_at"`
			ProblemSets []struct {
				Score    string `json:"score"`
				MaxScore string `json:"max_score"`
			} `json:"problem_sets"`
		} `json:"units"`
	}
	w.send(learner, "GET", course+"/progress", nil).ok(200, &progress)
	require.Equal(t, 3, progress.CompletedUnits)
	require.Equal(t, 3, progress.TotalUnits)
	require.NotNil(t, progress.CompletedAt)
	require.Equal(t, "2", progress.Units[2].ProblemSets[0].Score, "the best score counts")
	require.Equal(t, "2", progress.Units[2].ProblemSets[0].MaxScore)
}

var mediaLink = regexp.MustCompile(`src="(/v1/media/[^"]+)"`)

// picture returns the URL of the picture in the first unit.
func (w *world) picture(who caller, course string) string {
	w.t.Helper()
	units, _ := w.units(who, course)
	var p page
	w.send(who, "GET", course+"/units/"+units[0], nil).ok(200, &p)
	found := mediaLink.FindStringSubmatch(p.Blocks[0].HTML)
	require.NotNil(w.t, found, p.Blocks[0].HTML)
	return strings.ReplaceAll(found[1], "&amp;", "&")
}

func TestMediaAreFetchedBySignedURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	link := w.picture(by, course)
	content := smallCourse()["static/pic.png"]

	whole := w.send(caller{}, "GET", link, nil).ok(200, nil)
	require.Equal(t, content, string(whole.body))
	require.Equal(t, "image/png", whole.header.Get("Content-Type"))
	require.Equal(t, "nosniff", whole.header.Get("X-Content-Type-Options"))
	require.Contains(t, whole.header.Get("Content-Security-Policy"), "sandbox")
	require.Contains(t, whole.header.Get("Cache-Control"), "immutable")
	require.Equal(t, `inline; filename=pic.png`, whole.header.Get("Content-Disposition"))

	part := w.send(caller{}, "GET", link, nil, header("Range", "bytes=10-14")).ok(206, nil)
	require.Equal(t, content[10:15], string(part.body))
	end := w.send(caller{}, "GET", link, nil, header("Range", "bytes=-6")).ok(206, nil)
	require.Equal(t, content[len(content)-6:], string(end.body))
	w.send(caller{}, "GET", link, nil, header("Range", "bytes=100000-")).ok(416, nil)
	w.send(caller{}, "GET", link, nil, header("If-None-Match", whole.header.Get("ETag"))).ok(304, nil)

	t.Run("and by nothing else", func(t *testing.T) {
		u, err := url.Parse(link)
		require.NoError(t, err)
		q := u.Query()
		for what, change := range map[string]func(){
			"another name":      func() { u.Path += ".html" },
			"a later expiry":    func() { q.Set("expires", q.Get("expires")+"0") },
			"no signature":      func() { q.Del("signature") },
			"another signature": func() { q.Set("signature", strings.Repeat("A", 43)) },
		} {
			before, saved := *u, q.Encode()
			change()
			u.RawQuery = q.Encode()
			w.send(by, "GET", u.String(), nil).refused(403, "media-url-forged")
			*u = before
			q, err = url.ParseQuery(saved)
			require.NoError(t, err, what)
		}
	})
	t.Run("until it expires", func(t *testing.T) {
		w.clock.forward(13 * time.Hour)
		w.send(caller{}, "GET", link, nil).refused(403, "media-url-expired")
		w.send(caller{}, "GET", w.picture(by, course), nil).ok(200, nil)
	})
}

func TestFilesThatBrowsersWouldRunAreHarmless(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.instructor()
	svg := `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(document.cookie)</script></svg>`
	r := w.publish(smallCourse().with(export{
		"html/h1.html":    `<p><img src="/static/evil.svg"></p><p><a href="/static/tool.exe">tool</a></p>`,
		"static/evil.svg": svg, "static/tool.exe": "MZ",
	}), content.ImportOptions{ActorID: by.AccountID, Teaches: true})
	link := w.picture(by, "/v1/courses/"+r.CourseID.String())
	got := w.send(caller{}, "GET", link, nil).ok(200, nil)
	require.Equal(t, "image/svg+xml", got.header.Get("Content-Type"))
	require.Contains(t, got.header.Get("Content-Security-Policy"), "sandbox; default-src 'none'")

	units, _ := w.units(by, "/v1/courses/"+r.CourseID.String())
	var p page
	w.send(by, "GET", "/v1/courses/"+r.CourseID.String()+"/units/"+units[0], nil).ok(200, &p)
	tool := regexp.MustCompile(`href="(/v1/media/[^"]+)"`).FindStringSubmatch(p.Blocks[0].HTML)
	require.NotNil(t, tool, p.Blocks[0].HTML)
	got = w.send(caller{}, "GET", strings.ReplaceAll(tool[1], "&amp;", "&"), nil).ok(200, nil)
	require.Equal(t, "application/octet-stream", got.header.Get("Content-Type"))
	require.Contains(t, got.header.Get("Content-Disposition"), "attachment")
}

func TestCoursePageShowsDescriptionAndImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	w.contact(by, "prof@example.org", "Prof. Tide")
	var c struct {
		Slug        string            `json:"slug"`
		Description string            `json:"description_html"`
		ImageURL    string            `json:"image_url"`
		Summary     string            `json:"summary"`
		Teaching    bool              `json:"teaching"`
		Staff       []json.RawMessage `json:"staff"`
	}
	w.send(w.learner(), "GET", course, nil).ok(200, &c)
	require.Equal(t, "lyceum-t101-2026", c.Slug)
	require.Equal(t, "Why the water moves", c.Summary)
	require.Contains(t, c.Description, "<b>sea</b>")
	require.NotContains(t, c.Description, "script")
	require.False(t, c.Teaching)
	require.Empty(t, c.Staff)
	w.send(caller{}, "GET", c.ImageURL, nil).ok(200, nil)
	w.send(by, "GET", course, nil).ok(200, &c)
	require.True(t, c.Teaching)
	require.Contains(t, string(c.Staff[0]), "Prof. Tide")
}

func TestLearnersOfNoRoleReadNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, _ := w.taught()
	nobody := w.callerIn(w.org)
	require.Equal(t, 403, w.send(nobody, "GET", course, nil).status)
	require.Equal(t, 403, w.send(w.callerIn(w.org, auth.Learner), "GET", course+"/versions", nil).status)
}

func TestALongUnitIsSentCompressedToThoseWhoTakeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.instructor()
	r := w.publish(smallCourse().with(export{"html/h1.html": "<p>" + strings.Repeat("water ", 1000) + "</p>"}),
		content.ImportOptions{ActorID: by.AccountID, Teaches: true})
	course := "/v1/courses/" + r.CourseID.String()
	units, _ := w.units(by, course)
	path := course + "/units/" + units[0]

	plain := w.send(by, "GET", path, nil, header("Accept-Encoding", "identity")).ok(200, nil)
	require.Empty(t, plain.header.Get("Content-Encoding"))
	refused := w.send(by, "GET", path, nil, header("Accept-Encoding", "br, gzip;q=0")).ok(200, nil)
	require.Equal(t, plain.body, refused.body)
	zipped := w.send(by, "GET", path, nil, header("Accept-Encoding", "br, gzip;q=0.5")).ok(200, nil)
	require.Equal(t, "gzip", zipped.header.Get("Content-Encoding"))
	require.Contains(t, zipped.header.Values("Vary"), "Accept-Encoding")
	require.NotEqual(t, plain.header.Get("ETag"), zipped.header.Get("ETag"), "two encodings are two entities")
	unzip, err := gzip.NewReader(bytes.NewReader(zipped.body))
	require.NoError(t, err)
	body, err := io.ReadAll(unzip)
	require.NoError(t, err)
	require.Equal(t, plain.body, body)

	same := w.send(by, "GET", path, nil, header("Accept-Encoding", "gzip"), header("If-None-Match", zipped.header.Get("ETag"))).ok(304, nil)
	require.Empty(t, same.body)
}
