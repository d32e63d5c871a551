package journey

import (
	"encoding/csv"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

func enrolledByInstructor(t *testing.T, platform *platformtest.Platform, iris *platformtest.Person, course string) *platformtest.Person {
	leo := platform.Learner(t)
	iris.Post(t, "/v1/courses/"+course+"/enrolments", map[string]string{"email": leo.Email}, nil)
	mail := platform.AwaitMail(t, leo.Email, "You are enrolled in A First Look at the Night Sky")
	require.Contains(t, mail.Text, "by those who teach the course")
	iris.Refused(t, http.StatusUnprocessableEntity, "POST", "/v1/courses/"+course+"/enrolments",
		map[string]string{"email": "nobody@school.example"})
	return leo
}

// handInHalfOfTheHomework earns 3 of the 7 points of "The planets".
func handInHalfOfTheHomework(t *testing.T, leo *platformtest.Person, course string) {
	for _, u := range leo.Outline(t, course).Units() {
		if u.Title == "The planets" {
			leo.Get(t, "/v1/courses/"+course+"/units/"+u.UnitID, nil)
		}
	}
	attempt := leo.StartAttempt(t, assessment(t, leo, course, "The planets").AssessmentID)
	for _, item := range attempt.Items {
		switch item.Title {
		case "Three planets": // three cells right, one wrong, two left out
			leo.Save(t, attempt, item.ItemID, item.Respond(t, platformtest.Answer{
				{"brilliant white"}, {"below the horizon"}, {"orange-red"}, {"only below the horizon"}, nil, nil,
			}))
		case "The evening star":
			leo.Save(t, attempt, item.ItemID, item.Respond(t, platformtest.Answer{{"Jupiter"}}))
		}
	}
	require.Equal(t, "3", leo.Submit(t, attempt).Score)
}

// enrolledByCode: the instructor closes the course to all who have no code.
func enrolledByCode(t *testing.T, platform *platformtest.Platform, iris *platformtest.Person, course string) *platformtest.Person {
	path := "/v1/courses/" + course
	etag := iris.Get(t, path, nil).Header.Get("ETag")
	change := map[string]any{"enrolment": map[string]string{"mode": "code", "code": "orion-2026"}}
	iris.Call(t, http.MethodPatch, path, change, nil, platformtest.Header{Name: "If-Match", Value: etag})
	iris.Refused(t, http.StatusPreconditionFailed, http.MethodPatch, path, change, platformtest.Header{Name: "If-Match", Value: etag})

	cleo := platform.Register(t, "cleo@school.example", "Cleo")
	cleo.Refused(t, http.StatusForbidden, "POST", path+"/enrolment", nil)
	cleo.Refused(t, http.StatusForbidden, "POST", path+"/enrolment", map[string]string{"code": "cassiopeia"})
	cleo.Post(t, path+"/enrolment", map[string]string{"code": "orion-2026"}, nil)
	return cleo
}

// leave reads the first unit, and withdraws.
func leave(t *testing.T, cleo *platformtest.Person, course string) {
	first := cleo.Outline(t, course).Units()[0]
	cleo.Get(t, "/v1/courses/"+course+"/units/"+first.UnitID, nil)
	cleo.Call(t, http.MethodDelete, "/v1/courses/"+course+"/enrolment", nil, nil)
	cleo.Refused(t, http.StatusForbidden, "GET", "/v1/courses/"+course+"/units/"+first.UnitID, nil)
	var mine struct{ Items []struct{ Status string } }
	cleo.Get(t, "/v1/enrolments", &mine)
	require.Len(t, mine.Items, 1)
	require.Equal(t, "withdrawn", mine.Items[0].Status)
}

func readRoster(t *testing.T, iris *platformtest.Person, course string) {
	var roster struct {
		Items []struct {
			DisplayName    string `json:"display_name"`
			Status         string
			How            string
			CompletedUnits int `json:"completed_units"`
		}
	}
	platformtest.Eventually(t, "the roster knows what Leo's grade completed", func() error {
		iris.Get(t, "/v1/courses/"+course+"/enrolments", &roster)
		for _, r := range roster.Items {
			if r.DisplayName == "Leo Learner" {
				return differs("completed units", r.CompletedUnits, 1)
			}
		}
		return errors.New("Leo is not on it")
	})
	lines := map[string]string{}
	for _, r := range roster.Items {
		lines[r.DisplayName] = r.Status + " " + r.How
	}
	require.Equal(t, map[string]string{
		"Ada Lovelace": "active open", "Leo Learner": "active instructor", "Cleo": "withdrawn code",
	}, lines)
}

func readGradebook(t *testing.T, iris *platformtest.Person, course string, ada, leo *platformtest.Person) {
	rows := map[string]gradeRow{}
	platformtest.Eventually(t, "the gradebook has both learners, on two pages", func() error {
		clear(rows)
		path := "/v1/gradebook/" + course + "?limit=1"
		for next := path; next != ""; {
			var page struct {
				Items      []gradeRow
				NextCursor string `json:"next_cursor"`
			}
			iris.Get(t, next, &page)
			for _, r := range page.Items {
				rows[r.LearnerID] = r
			}
			next = ""
			if page.NextCursor != "" {
				next = path + "&cursor=" + page.NextCursor
			}
		}
		return differs("rows", len(rows), 2)
	})
	require.Equal(t, []string{"5", "7", "7.5"}, rows[ada.Account.AccountID].scores())
	require.Equal(t, []string{"-", "3", "-"}, rows[leo.Account.AccountID].scores())
	require.Equal(t, "13.64", rows[leo.Account.AccountID].Percent)

	// Cleo was enrolled and has withdrawn: there may have been two rows before the
	// first of that arrived.
	var records [][]string
	platformtest.Eventually(t, "the sheet has both learners", func() error {
		sheet := iris.Get(t, "/v1/gradebook/"+course+"/csv", nil)
		require.Contains(t, sheet.Header.Get("Content-Type"), "text/csv")
		var err error
		records, err = csv.NewReader(strings.NewReader(string(sheet.Body))).ReadAll()
		require.NoError(t, err)
		return differs("records", len(records), 3)
	})
	require.Equal(t, []string{"learner_id", "name", "The Moon (5)", "The planets (7)", "Quiz: the whole sky (10)", "total", "max_total", "percent"}, records[0])
	require.ElementsMatch(t, [][]string{
		{ada.Account.AccountID, "Ada Lovelace", "5", "7", "7.5", "19.5", "22", "88.64"},
		{leo.Account.AccountID, "Leo Learner", "", "3", "", "3", "22", "13.64"},
	}, records[1:])
}

// readAnalytics: every figure follows from what the three learners have done.
func readAnalytics(t *testing.T, iris *platformtest.Person, course string) {
	path := "/v1/analytics/courses/" + course
	var overview struct {
		Enrolments     struct{ Total, Now int }
		ActiveLearners struct {
			Last7Days int `json:"last_7_days"`
		} `json:"active_learners"`
		Completions    int
		GradedAttempts int    `json:"graded_attempts"`
		MeanScoreShare string `json:"mean_score_share"`
	}
	platformtest.Eventually(t, "analytics knows of all enrolments, the withdrawal and all grades", func() error {
		iris.Get(t, path, &overview)
		return errors.Join(
			differs("enrolments ever", overview.Enrolments.Total, 3),
			differs("enrolments now", overview.Enrolments.Now, 2),
			differs("active learners", overview.ActiveLearners.Last7Days, 3),
			differs("completions", overview.Completions, 1),
			differs("graded attempts", overview.GradedAttempts, 9),
			// Ada: six attempts with everything, 3.25 of 5, 7.5 of 10; Leo: 3 of 7.
			differs("mean share", overview.MeanScoreShare, "0.8698"),
		)
	})

	var funnel struct {
		Enrolled int
		Units    []struct {
			Title     string
			Viewed    int
			Completed int
		}
	}
	platformtest.Eventually(t, "the funnel has every step", func() error {
		iris.Get(t, path+"/funnel", &funnel)
		var errs []error
		for i, u := range funnel.Units {
			viewed, completed := 1, 1 // Ada
			if i == 0 {
				viewed++ // Cleo
			}
			if u.Title == "The planets" {
				viewed, completed = viewed+1, completed+1 // Leo
			}
			errs = append(errs, differs(u.Title+": viewed", u.Viewed, viewed), differs(u.Title+": completed", u.Completed, completed))
		}
		return errors.Join(append(errs, differs("units", len(funnel.Units), 10), differs("enrolled", funnel.Enrolled, 3))...)
	})

	var scores struct {
		Assessments []struct {
			AssessmentID   string `json:"assessment_id"`
			Title          string
			AttemptsGraded int `json:"attempts_graded"`
			Learners       int
			MeanShare      string `json:"mean_share"`
			MedianShare    string `json:"median_share"`
			Buckets        []int
		}
	}
	iris.Get(t, path+"/assessments", &scores)
	planets := ""
	for _, a := range scores.Assessments {
		switch a.Title {
		case "The Moon": // 3.25 of 5, then 5 of 5
			require.Equal(t, 2, a.AttemptsGraded)
			require.Equal(t, 1, a.Learners)
			require.Equal(t, "0.8250", a.MeanShare)
			require.Equal(t, []int{0, 0, 0, 0, 0, 0, 1, 0, 0, 1}, a.Buckets)
		case "The planets": // 7 of 7 and 3 of 7
			planets = a.AssessmentID
			require.Equal(t, 2, a.Learners)
			require.Equal(t, "0.7143", a.MedianShare)
			require.Equal(t, []int{0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, a.Buckets)
		}
	}
	var items struct {
		Items []struct {
			Title     string
			Responses int
			Answered  int
			Facility  string
		}
	}
	iris.Get(t, path+"/assessments/"+planets+"/items", &items)
	facility := map[string]string{}
	for _, i := range items.Items {
		require.Equal(t, 2, i.Responses, i.Title)
		require.Equal(t, 2, i.Answered, i.Title)
		facility[i.Title] = i.Facility
	}
	require.Equal(t, map[string]string{"Three planets": "0.7500", "The evening star": "0.5000"}, facility)

	for name, count := range map[string]string{"activity": "active_learners", "enrolments": "enrolled"} {
		var series struct{ Days []map[string]any }
		iris.Get(t, path+"/"+name, &series)
		sum := 0.0
		for _, d := range series.Days {
			sum += d[count].(float64)
		}
		require.Equal(t, 3.0, sum, "%s over all days", name)
	}
}
