package journey

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestJourney goes the way through a fresh platform with its embedded database.
func TestJourney(t *testing.T) {
	t.Parallel()
	goTheWay(t, platformtest.Start(t, platformtest.Options{}))
}

// goTheWay is the way of three learners and their instructor through the demo
// course:
//
//   - Ada registers, does everything, and some of it not quite right;
//   - Leo is enrolled by the instructor and hands in half of one homework;
//   - Cleo enrols with the course's code, reads a page and leaves.
//
// Each step builds on those before. It returns who they were, and the course.
func goTheWay(t *testing.T, platform *platformtest.Platform) travellers {
	ada := registerAndSignIn(t, platform)
	course := findCourse(t, ada)
	enrol(t, ada, course)
	live := followNotifications(t, ada)
	readEverything(t, ada, course)
	doPractice(t, ada, course)
	doHomework(t, ada, course)
	takeExam(t, ada, course)
	completeCourse(t, ada, course)
	seeOwnGrades(t, ada, course)
	readNotifications(t, platform, ada, live)

	iris := platform.Instructor(t)
	leo := enrolledByInstructor(t, platform, iris, course)
	wantNoMailsOfGrades(t, leo)
	handInHalfOfTheHomework(t, leo, course)
	cleo := enrolledByCode(t, platform, iris, course)
	leave(t, cleo, course)

	readRoster(t, iris, course)
	readGradebook(t, iris, course, ada, leo)
	readAnalytics(t, iris, course)

	seeGradeInInboxOnly(t, platform, leo)
	ada = signOutAndResetPassword(t, platform, ada)
	return travellers{course: course, ada: ada, leo: leo, cleo: cleo, iris: iris}
}

type travellers struct {
	course               string
	ada, leo, cleo, iris *platformtest.Person
}

func registerAndSignIn(t *testing.T, platform *platformtest.Platform) *platformtest.Person {
	stranger := platform.Stranger()
	stranger.Refused(t, http.StatusUnauthorized, "GET", "/v1/me", nil)

	registration := map[string]string{
		"organisation": "demo", "email": "Ada@School.Example", "password": "a-long-enough-secret",
		"display_name": "Ada Lovelace", "locale": "en", "time_zone": "Europe/London",
	}
	stranger.Post(t, "/v1/auth/register", registration, nil)
	credentials := map[string]string{"email": "ada@school.example", "password": "a-long-enough-secret"}
	stranger.Refused(t, http.StatusForbidden, "POST", "/v1/auth/sign-in", credentials) // not confirmed yet

	token := platform.MailedToken(t, "ada@school.example", "Confirm your e-mail address")
	stranger.Post(t, "/v1/auth/confirm", map[string]string{"token": token}, nil)
	stranger.Refused(t, http.StatusUnauthorized, "POST", "/v1/auth/sign-in",
		map[string]string{"email": "ada@school.example", "password": "not-the-right-one"})
	ada := platform.SignIn(t, "ada@school.example", "a-long-enough-secret")
	require.Equal(t, []string{"learner"}, ada.Account.Roles)
	require.Equal(t, "Ada Lovelace", ada.Account.DisplayName)

	first := ada.RefreshToken
	ada.Refresh(t)
	require.NotEqual(t, first, ada.RefreshToken)
	var me struct {
		Email          string
		EmailConfirmed bool   `json:"email_confirmed"`
		TimeZone       string `json:"time_zone"`
	}
	ada.Get(t, "/v1/me", &me)
	require.Equal(t, "ada@school.example", me.Email)
	require.True(t, me.EmailConfirmed)
	require.Equal(t, "Europe/London", me.TimeZone)
	return ada
}

func findCourse(t *testing.T, ada *platformtest.Person) string {
	var found struct{ Items []json.RawMessage }
	ada.Get(t, "/v1/catalogue", &found)
	require.Len(t, found.Items, 1, "the demo organisation has one course")
	ada.Get(t, "/v1/catalogue?query=thermodynamics", &found)
	require.Empty(t, found.Items)
	course := platformtest.DemoCourse(t, ada.Client)

	var detail struct {
		Description string `json:"description_html"`
		Image       string `json:"image_url"`
	}
	ada.Get(t, "/v1/courses/"+course, &detail)
	require.Contains(t, detail.Description, "You need no telescope")
	picture := ada.Get(t, detail.Image, nil)
	require.Equal(t, "image/svg+xml", picture.Header.Get("Content-Type"))

	outline := ada.Outline(t, course)
	var chapters []string
	for _, c := range outline.Chapters {
		chapters = append(chapters, c.Title)
	}
	require.Equal(t, []string{"Finding your way", "The Moon and the planets", "The light of the stars"}, chapters)
	require.Equal(t, 10, outline.TotalUnits)
	// The contents are for those who are enrolled.
	ada.Refused(t, http.StatusForbidden, "GET", "/v1/courses/"+course+"/units/"+outline.Units()[0].UnitID, nil)
	return course
}

func enrol(t *testing.T, ada *platformtest.Person, course string) {
	first := ada.Post(t, "/v1/courses/"+course+"/enrolment", nil, nil)
	require.Equal(t, http.StatusCreated, first.Status)
	again := ada.Post(t, "/v1/courses/"+course+"/enrolment", nil, nil)
	require.Equal(t, http.StatusOK, again.Status)
	require.JSONEq(t, string(first.Body), string(again.Body))
}

func readEverything(t *testing.T, ada *platformtest.Person, course string) {
	kinds := map[string]int{}
	for _, u := range ada.Outline(t, course).Units() {
		var page struct {
			Title  string
			Blocks []struct {
				Kind  string
				HTML  string
				Video struct{ Sources []string }
			}
		}
		ada.Get(t, "/v1/courses/"+course+"/units/"+u.UnitID, &page)
		require.Equal(t, u.Title, page.Title)
		for _, b := range page.Blocks {
			kinds[b.Kind]++
			require.NotContains(t, b.HTML, "/static/", "links to files have been resolved")
			if b.Kind == "video" {
				require.NotEmpty(t, b.Video.Sources)
			}
		}
	}
	require.Equal(t, map[string]int{"html": 8, "video": 1, "problem_set": 7}, kinds)
	for _, u := range ada.Outline(t, course).Units() {
		require.True(t, u.Viewed, u.Title)
		require.False(t, u.Completed, u.Title)
	}
}

// itemAsSeen is all that a learner may see of an item. The decoder refuses
// anything else.
type itemAsSeen struct {
	ItemID   string `json:"item_id"`
	Title    string `json:"title"`
	BodyHTML string `json:"body_html"`
	Hints    int    `json:"hints"`
	MaxScore string `json:"max_score"`
	Parts    []struct {
		PartID     string `json:"part_id"`
		Kind       string `json:"kind"`
		PromptHTML string `json:"prompt_html"`
		Label      string `json:"label"`
		Choices    []struct {
			ChoiceID string `json:"choice_id"`
			HTML     string `json:"html"`
		} `json:"choices"`
	} `json:"parts"`
}

// requireNoKeys fails if the answer to a request tells more about the attempt's
// items than their questions.
func requireNoKeys(t *testing.T, answer []byte) {
	t.Helper()
	var attempt struct{ Items json.RawMessage }
	require.NoError(t, json.Unmarshal(answer, &attempt))
	decoder := json.NewDecoder(strings.NewReader(string(attempt.Items)))
	decoder.DisallowUnknownFields()
	var items []itemAsSeen
	require.NoError(t, decoder.Decode(&items), "an item has something that its learner must not see")
	require.NotEmpty(t, items)
}

// doPractice does the ungraded problem sets. In one of them the connection
// drops in the middle.
func doPractice(t *testing.T, ada *platformtest.Person, course string) {
	done := 0
	for _, a := range ada.Assessments(t, course) {
		if a.Category != "" {
			continue
		}
		attempt := ada.StartAttempt(t, a.AssessmentID)
		requireNoKeys(t, ada.Get(t, "/v1/attempts/"+attempt.AttemptID, nil).Body)
		for i, item := range attempt.Items {
			answer := item.Respond(t, rightAnswers[item.Title])
			ada.Save(t, attempt, item.ItemID, answer)
			if i == 0 && len(attempt.Items) > 1 {
				// Whoever comes back finds the attempt with what was saved.
				resumed := ada.StartAttempt(t, a.AssessmentID)
				require.Equal(t, attempt.AttemptID, resumed.AttemptID)
				require.Len(t, resumed.Responses, 1)
				require.Equal(t, answer, resumed.Responses[0].Response)
			}
		}
		graded := ada.Submit(t, attempt)
		require.Equal(t, a.MaxScore, graded.Score, a.Title)
		done++
	}
	require.Equal(t, 4, done, "practice problem sets")
}

// doHomework does one homework well enough in the second attempt and the other
// in the first.
func doHomework(t *testing.T, ada *platformtest.Person, course string) {
	moon := assessment(t, ada, course, "The Moon")
	require.Equal(t, 3, moon.MaxAttempts)
	answerAll := func(a platformtest.Attempt, answers sheet) platformtest.Attempt {
		for _, item := range a.Items {
			ada.Save(t, a, item.ItemID, item.Respond(t, answers[item.Title]))
		}
		return ada.Submit(t, a)
	}
	attempt := ada.StartAttempt(t, moon.AssessmentID)
	// A hint is asked for before the answer.
	var hints struct {
		HTML []string `json:"hints_html"`
	}
	ada.Get(t, "/v1/attempts/"+attempt.AttemptID+"/items/"+attempt.Items[1].ItemID+"/hints", &hints)
	require.Len(t, hints.HTML, 1)
	require.Contains(t, hints.HTML[0], "about a degree a day")

	first := answerAll(attempt, rightAnswers.but(sheet{
		"What is true of the Moon?": {{"always shows us the same side"}}, // 3 of 4 statements judged right: 2.25 of 3
		"From new Moon to new Moon": {{"27.3"}},                          // worth half: 1 of 2
	}))
	require.Equal(t, "3.25", first.Score)
	require.Equal(t, "5", first.MaxScore)

	// While there are attempts left, the review tells what was right and gives
	// the author's feedback, and keeps the key back.
	var review platformtest.Review
	ada.Get(t, "/v1/attempts/"+attempt.AttemptID+"/review", &review)
	require.Equal(t, "3.25", review.Score)
	require.True(t, review.Released.Feedback)
	require.False(t, review.Released.Key)
	require.Contains(t, strings.Join(review.Items[0].Parts[0].FeedbackHTML, " "), "opposite the Sun")
	for _, i := range review.Items {
		require.Nil(t, i.Key)
	}

	second := ada.StartAttempt(t, moon.AssessmentID)
	require.Equal(t, 2, second.Number)
	require.Empty(t, second.Responses)
	graded := answerAll(second, rightAnswers)
	require.Equal(t, "5", graded.Score)
	ada.Get(t, "/v1/attempts/"+second.AttemptID+"/review", &review)
	require.True(t, review.Released.Key, "everything is right, so there is nothing to keep back")
	require.Contains(t, review.Items[0].Key.ExplanationHTML, "turns once on its axis")

	planets := answerAll(ada.StartAttempt(t, assessment(t, ada, course, "The planets").AssessmentID), rightAnswers)
	require.Equal(t, "7", planets.Score)
}

func takeExam(t *testing.T, ada *platformtest.Person, course string) {
	exam := assessment(t, ada, course, "Quiz: the whole sky")
	require.Equal(t, 1200, exam.TimeLimitSeconds)
	attempt := ada.StartAttempt(t, exam.AssessmentID)
	require.InDelta(t, 1200, attempt.TimeLeftSeconds, 100)
	answers := rightAnswers.but(sheet{
		"Wanderers":                     {{"Mercury", "Jupiter"}}, // one mistake of five halves the 3 points
		"A constellation of the zodiac": {{"Ophiuchus"}},          // not one of the twelve
	})
	for _, item := range attempt.Items {
		ada.Save(t, attempt, item.ItemID, item.Respond(t, rightAnswers[item.Title]))
		ada.Save(t, attempt, item.ItemID, item.Respond(t, answers[item.Title])) // changed her mind
	}
	graded := ada.Submit(t, attempt)
	require.Equal(t, "7.5", graded.Score)
	require.Equal(t, "learner", graded.SubmittedBy)
	refusal := ada.Refused(t, http.StatusConflict, "PUT", "/v1/attempts/"+attempt.AttemptID+"/responses/"+attempt.Items[0].ItemID,
		map[string]any{"response": platformtest.ItemResponse{}})
	require.NotEmpty(t, refusal.Detail)
	ada.Refused(t, http.StatusConflict, "POST", "/v1/assessments/"+exam.AssessmentID+"/attempts", nil) // the only attempt is used up
}

func assessment(t *testing.T, p *platformtest.Person, course, title string) platformtest.Assessment {
	t.Helper()
	for _, a := range p.Assessments(t, course) {
		if a.Title == title {
			return a
		}
	}
	t.Fatalf("the course has no assessment %q", title)
	return platformtest.Assessment{}
}

// completeCourse does the units that have no problems; the others are complete
// because their problem sets have been graded.
func completeCourse(t *testing.T, ada *platformtest.Person, course string) {
	for _, u := range ada.Outline(t, course).Units() {
		path := "/v1/courses/" + course + "/units/" + u.UnitID + "/completion"
		if len(u.ProblemSetIDs) > 0 {
			ada.Refused(t, http.StatusConflict, "POST", path, nil)
			continue
		}
		ada.Post(t, path, nil, nil)
	}
	var progress struct {
		CompletedUnits int    `json:"completed_units"`
		TotalUnits     int    `json:"total_units"`
		CompletedAt    string `json:"completed_at"`
		Units          []struct {
			Title       string
			ProblemSets []struct{ Score string } `json:"problem_sets"`
		}
	}
	platformtest.Eventually(t, "the course is complete", func() error {
		ada.Get(t, "/v1/courses/"+course+"/progress", &progress)
		return differs("completed units", progress.CompletedUnits, 10)
	})
	require.Equal(t, 10, progress.TotalUnits)
	require.NotEmpty(t, progress.CompletedAt)
	for _, u := range progress.Units {
		if u.Title == "The Moon" {
			require.Equal(t, "5", u.ProblemSets[0].Score, "the best of both attempts")
		}
	}
}

type gradeRow struct {
	LearnerID string `json:"learner_id"`
	Name      string
	Scores    []*struct {
		Score    string
		MaxScore string `json:"max_score"`
	}
	Total    string
	MaxTotal string `json:"max_total"`
	Percent  string
}

func (r gradeRow) scores() []string {
	var out []string
	for _, s := range r.Scores {
		if s == nil {
			out = append(out, "-")
		} else {
			out = append(out, s.Score)
		}
	}
	return out
}

func seeOwnGrades(t *testing.T, ada *platformtest.Person, course string) {
	var own struct {
		Columns []struct{ Title, Category string }
		Grades  gradeRow
	}
	ada.Get(t, "/v1/gradebook/"+course+"/me", &own)
	var titles []string
	for _, c := range own.Columns {
		titles = append(titles, c.Category+": "+c.Title)
	}
	require.Equal(t, []string{"Homework: The Moon", "Homework: The planets", "Exam: Quiz: the whole sky"}, titles)
	require.Equal(t, []string{"5", "7", "7.5"}, own.Grades.scores())
	require.Equal(t, "19.5", own.Grades.Total)
	require.Equal(t, "88.64", own.Grades.Percent)
	ada.Refused(t, http.StatusForbidden, "GET", "/v1/gradebook/"+course, nil)
}

func signOutAndResetPassword(t *testing.T, platform *platformtest.Platform, ada *platformtest.Person) *platformtest.Person {
	ada.Post(t, "/v1/auth/sign-out", map[string]string{"refresh_token": ada.RefreshToken}, nil)
	stranger := platform.Stranger()
	stranger.Refused(t, http.StatusUnauthorized, "POST", "/v1/auth/refresh", map[string]string{"refresh_token": ada.RefreshToken})

	stranger.Post(t, "/v1/auth/password/forgot", map[string]string{"email": ada.Email}, nil)
	token := platform.MailedToken(t, ada.Email, "Set a new password")
	reset := map[string]string{"token": token, "password": "another-secret-of-hers"}
	stranger.Post(t, "/v1/auth/password/reset", reset, nil)
	stranger.Refused(t, http.StatusGone, "POST", "/v1/auth/password/reset", reset) // it works once
	stranger.Refused(t, http.StatusUnauthorized, "POST", "/v1/auth/sign-in",
		map[string]string{"email": ada.Email, "password": "a-long-enough-secret"})
	again := platform.SignIn(t, ada.Email, "another-secret-of-hers")
	platform.AwaitMail(t, ada.Email, "Your password has been changed")
	return again
}
