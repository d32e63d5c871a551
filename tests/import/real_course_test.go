package imports

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// sample is one problem of the real course: what a learner who knows answers and
// what one who does not, with the scores that its author meant.
type sample struct {
	right, wrong           platformtest.Answer
	rightScore, wrongScore string
}

// samples by title, with what is asked where several problems have the title.
var samples = map[[2]string]sample{
	// Multiple choice.
	{"Identify the fish"}:                       {platformtest.Answer{{"Jellyfish"}}, platformtest.Answer{{"Shark"}}, "1", "0"},
	{"Multiple Choice with Hints and Feedback"}: {platformtest.Answer{{"17"}}, platformtest.Answer{{"12"}}, "1", "0"},
	// Check boxes: all or nothing.
	{"Multi-Select Multiple Choice Problem", "Which of the following animals engage in long-distance, annual migrations?"}: {
		platformtest.Answer{{"Monarch butterfly", "Arctic tern"}}, platformtest.Answer{{"Monarch butterfly"}}, "1", "0",
	},
	// Drop-down lists, one of them eight in a table.
	{"Simple Dropdown"}: {platformtest.Answer{{"Canberra"}}, platformtest.Answer{{"Sydney"}}, "1", "0"},
	{"Advanced Dropdown"}: {
		platformtest.Answer{
			{"Albert Einstein"}, {"Germany"}, {"Dmitri Mendeleev"}, {"Russia"}, {"Sir Isaac Newton"}, {"England"}, {"Jonas Salk"}, {"USA"},
		},
		platformtest.Answer{
			{"Albert Einstein"}, {"USA"}, {"Jonas Salk"}, {"Russia"}, {"Sir Isaac Newton"}, {"England"}, nil, nil,
		}, "8", "4",
	},
	// Numbers: within the tolerance or not; the other root is worth half.
	{"Simple Numerical Input Problem"}:                           {platformtest.Answer{{"604"}}, platformtest.Answer{{"606"}}, "1", "0"},
	{"Advanced Numerical Input Problem with Hints and Feedback"}: {platformtest.Answer{{"2"}}, platformtest.Answer{{"1"}}, "1", "0.5"},
	// A regular expression, in any case of letters.
	{"Advanced text input"}: {platformtest.Answer{{"BuBBLe"}}, platformtest.Answer{{"pebbles"}}, "1", "0"},
}

// sampleOf finds the sample of an item.
func sampleOf(item platformtest.Item) (s sample, key [2]string, ok bool) {
	for _, key := range [][2]string{{item.Title}, {item.Title, item.Parts[0].Label}} {
		if s, ok := samples[key]; ok {
			return s, key, true
		}
	}
	return sample{}, [2]string{}, false
}

// TestRealCourse imports the demonstration course of Open edX at the command
// line, takes it as two learners, and imports it again, first as it is and then
// changed.
func TestRealCourse(t *testing.T) {
	t.Parallel()
	file := platformtest.RealFile(t, "openedx-demo-course.tar.gz")
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})

	reportFile := filepath.Join(t.TempDir(), "report.json")
	out, err := platform.Command(t, "import", "course", file, "--report-json", reportFile)
	require.NoError(t, err)
	require.Contains(t, out, "Published version 1 of course")
	text, err := os.ReadFile(reportFile)
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(text, &r))
	assert.Equal(t, []int{6, 17, 58}, []int{r.Counts.Chapters, r.Counts.Subsections, r.Counts.Units})
	assert.Equal(t, 29, r.Counts.Problems)
	assert.Equal(t, r.Counts.Problems, r.Counts.Items+r.Counts.Placeholders["problem"], "a problem is answerable or a placeholder")
	placeholders := 0
	for _, n := range r.Counts.Placeholders {
		placeholders += n
	}
	skipped := 0
	for _, e := range r.Entries {
		assert.NotEmpty(t, e.Why, "%+v", e)
		if e.Severity == "skipped" {
			skipped++
			assert.Contains(t, out, e.Place.Block, "the text has what the JSON has")
		}
	}
	assert.GreaterOrEqual(t, skipped, placeholders, "every placeholder is in the report")

	admin := platform.Admin(t)
	course := courseByTitle(t, admin.Client, r.Title)
	knows := platform.Register(t, "knows@school.example", "Knows")
	guesses := platform.Register(t, "guesses@school.example", "Guesses")
	for _, who := range []*platformtest.Person{knows, guesses} {
		who.Post(t, "/v1/courses/"+course+"/enrolment", nil, nil)
	}
	outline := knows.Outline(t, course)
	require.Len(t, outline.Chapters, 6)
	require.Equal(t, 58, outline.TotalUnits)
	for _, u := range outline.Units() {
		knows.Get(t, "/v1/courses/"+course+"/units/"+u.UnitID, nil)
	}
	checkScores(t, knows, course, func(s sample) (platformtest.Answer, string) { return s.right, s.rightScore })
	checkScores(t, guesses, course, func(s sample) (platformtest.Answer, string) { return s.wrong, s.wrongScore })

	// The same again, through the API: nothing changes.
	archive, err := os.ReadFile(file)
	require.NoError(t, err)
	again, _ := upload(t, admin.Client, archive)
	require.Equal(t, "done", again.Status, "%+v", again.Failure)
	require.True(t, again.Unchanged)
	require.Equal(t, 1, again.Version)

	// Changed: a new version, and learners keep what they have.
	changed, steps := upload(t, admin.Client, rewrite(t, archive, func(name, text string) string {
		if strings.HasPrefix(name, "course/chapter/") {
			return strings.Replace(text, `display_name="`, `display_name="New: `, 1)
		}
		return text
	}))
	require.Equal(t, "done", changed.Status, "%+v", changed.Failure)
	require.False(t, changed.Unchanged)
	require.Equal(t, 2, changed.Version)
	require.Equal(t, course, changed.CourseID)
	require.Equal(t, []int{6, 17, 58}, []int{changed.Report.Counts.Chapters, changed.Report.Counts.Subsections, changed.Report.Counts.Units})
	t.Logf("steps that were seen of the second import: %v", steps)
	platformtest.Eventually(t, "learners read the new version", func() error {
		if o := knows.Outline(t, course); o.Version != 2 || !strings.HasPrefix(o.Chapters[0].Title, "New: ") {
			return errors.New("they read the old one")
		}
		return nil
	})
	after := knows.Outline(t, course)
	completed := 0
	for i, u := range after.Units() {
		assert.Equal(t, outline.Units()[i].UnitID, u.UnitID, "units keep their ids")
		assert.True(t, u.Viewed, u.Title)
		if u.Completed {
			completed++
		}
	}
	assert.Positive(t, completed, "units whose problems were graded stay complete")
	var mine struct{ Items []platformtest.Attempt }
	knows.Get(t, "/v1/attempts?limit=200&course_id="+course, &mine)
	for _, a := range mine.Items {
		assert.Equal(t, "graded", a.Status)
		assert.Equal(t, 1, a.Version, "an attempt stays at the version that it was made of")
		knows.Get(t, "/v1/attempts/"+a.AttemptID+"/review", nil)
	}
	t.Logf("real course: %d chapters, %d subsections, %d units; %d problems: %d answerable, %d in the report; %d samples right and wrong; %d attempts kept over the new version",
		r.Counts.Chapters, r.Counts.Subsections, r.Counts.Units, r.Counts.Problems, r.Counts.Items, r.Counts.Placeholders["problem"],
		len(samples), len(mine.Items))
}

// checkScores attempts everything that has a sample in it and compares the
// scores of the items.
func checkScores(t *testing.T, who *platformtest.Person, course string, answer func(sample) (platformtest.Answer, string)) {
	t.Helper()
	met := map[[2]string]bool{}
	for _, set := range who.Assessments(t, course) {
		if set.Items == 0 {
			continue
		}
		attempt := who.StartAttempt(t, set.AssessmentID)
		want := map[string]string{}
		for _, item := range attempt.Items {
			if s, key, ok := sampleOf(item); ok {
				met[key] = true
				a, score := answer(s)
				who.Save(t, attempt, item.ItemID, item.Respond(t, a))
				want[item.ItemID] = score
			}
		}
		who.Submit(t, attempt)
		var review platformtest.Review
		who.Get(t, "/v1/attempts/"+attempt.AttemptID+"/review", &review)
		for i, item := range review.Items {
			if score, ok := want[item.ItemID]; ok {
				assert.Equal(t, score, item.Score, "%s: %s", who.Email, attempt.Items[i].Title)
			}
		}
	}
	assert.Len(t, met, len(samples), "problems that were met")
}

func courseByTitle(t *testing.T, who *platformtest.Client, title string) string {
	t.Helper()
	var courses struct {
		Items []struct {
			CourseID string `json:"course_id"`
			Title    string
		}
	}
	who.Get(t, "/v1/courses", &courses)
	for _, c := range courses.Items {
		if c.Title == title {
			return c.CourseID
		}
	}
	t.Fatalf("there is no course %q among %+v", title, courses.Items)
	return ""
}

// rewrite changes the text files of an archive.
func rewrite(t *testing.T, archive []byte, change func(name, text string) string) []byte {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	require.NoError(t, err)
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	to := tar.NewWriter(zipped)
	for from := tar.NewReader(unzipped); ; {
		header, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		body, err := io.ReadAll(from)
		require.NoError(t, err)
		if strings.HasSuffix(header.Name, ".xml") {
			body = []byte(change(header.Name, string(body)))
		}
		header.Size = int64(len(body))
		require.NoError(t, to.WriteHeader(header))
		_, err = to.Write(body)
		require.NoError(t, err)
	}
	require.NoError(t, to.Close())
	require.NoError(t, zipped.Close())
	return out.Bytes()
}
