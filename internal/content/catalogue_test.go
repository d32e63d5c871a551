package content_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/content"
)

type cataloguePage struct {
	Items []struct {
		Title    string `json:"title"`
		Key      string `json:"key"`
		Enrolled bool   `json:"enrolled"`
	} `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// named is a course with this run and title, whose only chapter is called so.
func named(run, title, summary, chapter string) export {
	return smallCourse().with(export{
		"course.xml":                   fmt.Sprintf(`<course url_name=%q org="Lyceum" course="T101"/>`, run),
		"course/2026.xml":              "",
		"course/" + run + ".xml":       fmt.Sprintf(`<course display_name=%q><chapter url_name="c1"/></course>`, title),
		"about/short_description.html": summary,
		"chapter/c1.xml":               fmt.Sprintf(`<chapter display_name=%q><sequential url_name="s1"/></chapter>`, chapter),
	})
}

// walk reads all pages of two and returns the titles.
func (w *world) walk(who caller, path string) (titles []string, pages int) {
	w.t.Helper()
	for cursor := ""; ; {
		var page cataloguePage
		w.send(who, "GET", path+"&limit=2&cursor="+url.QueryEscape(cursor), nil).ok(200, &page)
		pages++
		for _, i := range page.Items {
			titles = append(titles, i.Title)
		}
		if cursor = page.NextCursor; cursor == "" {
			return titles, pages
		}
		require.Less(w.t, pages, 20, "the cursor goes in circles")
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	learner := w.learner()
	w.publish(named("r1", "Sailing for beginners", "Wind and water", "Knots"), content.ImportOptions{})
	w.publish(named("r2", "Oceans", "How people went sailing", "Currents"), content.ImportOptions{})
	w.publish(named("r3", "Weather", "Clouds", "When to go sailing"), content.ImportOptions{})
	w.publish(named("r4", "Baking", "Bread", "Dough"), content.ImportOptions{})
	w.publish(named("r5", "Zoölogie für Anfänger", "Tiere", "Vögel"), content.ImportOptions{})

	t.Run("lists every course by title, page by page", func(t *testing.T) {
		titles, pages := w.walk(learner, "/v1/catalogue?query=")
		require.Equal(t, []string{"Baking", "Oceans", "Sailing for beginners", "Weather", "Zoölogie für Anfänger"}, titles)
		require.Equal(t, 3, pages)
	})
	t.Run("finds words in each of their forms, the title before the summary before the headings", func(t *testing.T) {
		titles, pages := w.walk(learner, "/v1/catalogue?query=sails")
		require.Equal(t, []string{"Sailing for beginners", "Oceans", "Weather"}, titles)
		require.Equal(t, 2, pages)
	})
	t.Run("finds words of other languages as they are written", func(t *testing.T) {
		titles, _ := w.walk(learner, "/v1/catalogue?query="+url.QueryEscape("VÖGEL für"))
		require.Equal(t, []string{"Zoölogie für Anfänger"}, titles)
	})
	t.Run("takes any text for a query", func(t *testing.T) {
		for _, q := range []string{"nothing-has-this", `"unclosed & | ! <-> ( :*`, "' or 1=1 --", "the", "-"} {
			w.send(learner, "GET", "/v1/catalogue?query="+url.QueryEscape(q), nil).ok(200, nil)
		}
	})
	t.Run("refuses a cursor that it has not made", func(t *testing.T) {
		require.GreaterOrEqual(t, w.send(learner, "GET", "/v1/catalogue?cursor=nonsense", nil).status, 400)
		require.Less(t, w.send(learner, "GET", "/v1/catalogue?cursor=nonsense", nil).status, 500)
	})
	t.Run("says in which courses the caller is enrolled", func(t *testing.T) {
		r := w.publish(named("r4", "Baking", "Bread", "Dough"), content.ImportOptions{AnyCourse: true})
		w.enrol(learner, "/v1/courses/"+r.CourseID.String())
		var page cataloguePage
		w.send(learner, "GET", "/v1/catalogue", nil).ok(200, &page)
		require.True(t, page.Items[0].Enrolled)
		require.False(t, page.Items[1].Enrolled)
	})
	t.Run("shows nothing of another organisation", func(t *testing.T) {
		titles, _ := w.walk(w.callerIn(uuid.New(), auth.Learner, auth.PlatformAdmin), "/v1/catalogue?query=sailing")
		require.Empty(t, titles)
	})
	t.Run("is for those who are signed in", func(t *testing.T) {
		require.Equal(t, 401, w.send(caller{}, "GET", "/v1/catalogue", nil).status)
	})
}

func TestAnUnlistedCourseIsThereForItsPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	member, stranger := w.learner(), w.learner()
	w.enrol(member, course)
	w.edit(by, course, map[string]any{"listed": false}).ok(200, nil)

	titles, _ := w.walk(member, "/v1/catalogue?query=")
	require.Empty(t, titles, "it is not in the catalogue, not even for its learners")
	w.send(member, "GET", course, nil).ok(200, nil)
	w.send(by, "GET", course, nil).ok(200, nil)
	w.send(w.administrator(), "GET", course, nil).ok(200, nil)
	w.send(stranger, "GET", course, nil).refused(404, "not-found")
	w.send(stranger, "GET", course+"/outline", nil).refused(404, "not-found")
	w.send(stranger, "POST", course+"/enrolment", nil).refused(404, "not-found")

	w.edit(by, course, map[string]any{"enrolment": map[string]any{"mode": "code", "code": "open sesame"}}).refused(422, "invalid-value")
	w.edit(by, course, map[string]any{"enrolment": map[string]any{"mode": "code", "code": "open-sesame"}}).ok(200, nil)
	w.send(stranger, "GET", course, nil).ok(200, nil)
	w.send(stranger, "POST", course+"/enrolment", map[string]any{"code": "open-sesame"}).ok(201, nil)
}

// Another organisation's course and one that does not exist must be told apart
// by nothing, whatever is asked of them.
func TestAnotherOrganisationsCourseDoesNotExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, _ := w.taught()
	units, _ := w.units(w.administrator(), course)
	enrolment := w.enrol(w.learner(), course)
	foreign := w.callerIn(uuid.New(), auth.PlatformAdmin, auth.OrganisationAdmin, auth.Instructor, auth.Learner)
	nowhere := "/v1/courses/" + uuid.NewString()
	for _, try := range []struct {
		method, path string
		body         any
	}{
		{"GET", "", nil},
		{"GET", "/outline", nil},
		{"GET", "/progress", nil},
		{"GET", "/units/" + units[0], nil},
		{"POST", "/units/" + units[0] + "/completion", nil},
		{"POST", "/enrolment", map[string]any{"code": "guess"}},
		{"DELETE", "/enrolment", nil},
		{"GET", "/enrolments", nil},
		{"POST", "/enrolments", map[string]any{"learner_id": foreign.AccountID}},
		{"DELETE", "/enrolments/" + enrolment, nil},
		{"PATCH", "", map[string]any{"title": "Mine"}},
		{"POST", "/staff/" + foreign.AccountID.String(), nil},
		{"DELETE", "/staff/" + foreign.AccountID.String(), nil},
		{"GET", "/versions", nil},
		{"GET", "/versions/1/report", nil},
	} {
		existing := w.send(foreign, try.method, course+try.path, try.body, header("If-Match", `"1"`))
		imaginary := w.send(foreign, try.method, nowhere+try.path, try.body, header("If-Match", `"1"`))
		existing.refused(404, "not-found")
		require.Equal(t, problemWithoutPath(t, imaginary), problemWithoutPath(t, existing), "%s %s", try.method, try.path)
	}
}
