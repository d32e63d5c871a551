package assessment

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// composed is an assessment from banks as the API takes it.
func (s *school) composed(items ...fullItemBody) map[string]any {
	chosen := []map[string]any{}
	for _, it := range items {
		chosen = append(chosen, map[string]any{"item_id": it.ItemID})
	}
	return map[string]any{"course_id": s.course, "title": "From the bank", "category": "Exam", "items": chosen}
}

// compose publishes an assessment from banks.
func (p person) compose(items ...fullItemBody) assessmentBody {
	p.Helper()
	var a assessmentBody
	p.do(http.StatusCreated, "POST", "/v1/assessments", p.composed(items...), &a)
	return a
}

func (p person) begin(a assessmentBody) attemptBody {
	p.Helper()
	return p.start(event.ProblemSetPublishedV1{ProblemSetID: a.AssessmentID})
}

func TestAnAttemptKeepsTheVersionsItWasGiven(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, leo := s.teacher(), s.learner("Leo")
	bank, _ := ada.bank("Geography")
	choices := ada.become(ada.write(bank, choiceItem(newID(), "1")), itemLive)
	number := ada.become(ada.write(bank, numberItem(newID(), "2")), itemLive)
	a := ada.compose(choices, number)
	require.Equal(t, "3", a.MaxScore)
	require.Equal(t, "submitted", a.Release)
	attempt := leo.begin(a)
	require.Len(t, attempt.Items, 2)

	// The key is turned round, and the paper takes the new version up.
	def := choices.Definition
	def.Title = "Changed"
	def.Parts[0].Choices[0].Credit, def.Parts[0].Choices[1].Credit = "1", "0"
	changed := ada.put(choices, def)
	var unchanged assessmentBody
	leo.do(http.StatusOK, "GET", "/v1/assessments/"+a.AssessmentID.String(), nil, &unchanged)
	require.Equal(t, 1, unchanged.Version, "a new version of an item changes no paper by itself")
	body := s.composed(changed)
	delete(body, "course_id")
	path := "/v1/assessments/" + a.AssessmentID.String() + "/paper"
	var again assessmentBody
	ada.change(http.StatusOK, "PUT", path, `"1"`, body, &again)
	require.Equal(t, 2, again.Version)
	require.Equal(t, "1", again.MaxScore)
	ada.unchanged(http.StatusPreconditionFailed, "assessment-changed", "PUT", path, `"1"`, body)

	require.Equal(t, attempt.Items, leo.attempt(attempt.AttemptID).Items)
	leo.save(attempt.AttemptID, choices.ItemID, choice("b"))
	leo.submit(attempt.AttemptID)
	review := leo.graded(attempt.AttemptID)
	require.Equal(t, "1", review.Score, "scored by the key that was on the paper")
	require.Equal(t, "3", review.MaxScore)

	fresh := leo.begin(a)
	require.Equal(t, 2, fresh.Version)
	require.Len(t, fresh.Items, 1)
	leo.save(fresh.AttemptID, choices.ItemID, choice("b"))
	leo.submit(fresh.AttemptID)
	require.Equal(t, "0", leo.graded(fresh.AttemptID).Score)

	var published struct {
		Items []struct {
			Title string `json:"title"`
		} `json:"items"`
	}
	events := s.events("lyceum.assessment.assessment-published.v1")
	require.Len(t, events, 2)
	require.NoError(t, json.Unmarshal([]byte(events[1]), &published))
	require.Equal(t, "Changed", published.Items[0].Title)
	var versions []int
	require.NoError(t, s.module.db.Pool.QueryRow(t.Context(), `select array_agg(item_version order by version, position) from assessment.paper_items where assessment_id = $1`, a.AssessmentID).Scan(&versions))
	require.Equal(t, []int{1, 1, 2}, versions)
}

func TestAPinnedVersionComesOntoThePaper(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, leo := s.teacher(), s.learner("Leo")
	bank, _ := ada.bank("Geography")
	it := ada.become(ada.write(bank, choiceItem(newID(), "1")), itemLive)
	def := it.Definition
	def.Title = "Second"
	it = ada.put(it, def)
	body := s.composed()
	body["items"] = []map[string]any{{"item_id": it.ItemID, "version": 1}}
	var a assessmentBody
	ada.do(http.StatusCreated, "POST", "/v1/assessments", body, &a)
	require.Equal(t, "Capital", leo.begin(a).Items[0].Title)
}

func TestPapersThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.teacher()
	bank, _ := ada.bank("Geography")
	live := ada.become(ada.write(bank, choiceItem(newID(), "1")), itemLive)
	draft := ada.write(bank, choiceItem(newID(), "1"))
	bob := s.author("Bob")
	hidden, _ := bob.bank("Bob's")
	bobs := bob.become(bob.write(hidden, choiceItem(newID(), "1")), itemLive)

	body := s.composed(live, draft, bobs)
	body["items"] = append(body["items"].([]map[string]any), map[string]any{"item_id": newID()}, map[string]any{"item_id": live.ItemID, "version": 9})
	got := ada.unchanged(http.StatusUnprocessableEntity, "invalid-value", "POST", "/v1/assessments", "", body)
	require.Equal(t, "body.items[4]", got.Errors[0].Location, "an item twice")
	body["items"] = body["items"].([]map[string]any)[:4]
	got = ada.unchanged(http.StatusUnprocessableEntity, "items-not-usable", "POST", "/v1/assessments", "", body)
	messages := map[string]string{}
	for _, e := range got.Errors {
		messages[e.Location] = e.Message
	}
	require.Equal(t, map[string]string{
		"body.items[1]": `the item is "draft"; only live items can be used`, "body.items[2]": "there is no such item", "body.items[3]": "there is no such item",
	}, messages)
	body = s.composed()
	body["items"] = []map[string]any{{"item_id": live.ItemID, "version": 9}}
	got = ada.unchanged(http.StatusUnprocessableEntity, "items-not-usable", "POST", "/v1/assessments", "", body)
	require.Equal(t, "the item has no such version", got.Errors[0].Message)

	opens := time.Now().Add(time.Hour)
	body = s.composed(live)
	body["opens_at"], body["due_at"] = opens, opens
	ada.refused(http.StatusUnprocessableEntity, "invalid-value", "POST", "/v1/assessments", body)
	body = s.composed(live)
	body["course_id"] = uuid.New()
	ada.refused(http.StatusNotFound, "not-found", "POST", "/v1/assessments", body)
	bob.refused(http.StatusNotFound, "not-found", "POST", "/v1/assessments", s.composed(bobs))
	s.learner("Leo").refused(http.StatusForbidden, "forbidden", "POST", "/v1/assessments", s.composed(live))
	require.Empty(t, s.events("lyceum.assessment.assessment-published.v1"))

	a := ada.compose(live)
	paper := "/v1/assessments/" + a.AssessmentID.String() + "/paper"
	body = s.composed(live)
	delete(body, "course_id")
	bob.unchanged(http.StatusNotFound, "not-found", "PUT", paper, `"1"`, body)
	s.person(newID(), auth.OrganisationAdmin).unchanged(http.StatusNotFound, "not-found", "PUT", paper, `"1"`, body)
	set := s.publish(s.problemSet())
	ada.unchanged(http.StatusConflict, "from-course", "PUT", "/v1/assessments/"+set.ProblemSetID.String()+"/paper", `"1"`, body)
}

func TestFilesOfBanksAndOfCoursesHaveTheirOwnURLs(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, leo := s.teacher(), s.learner("Leo")
	bank, _ := ada.bank("Geography")
	file := ada.upload(bank, "map.png", []byte("\x89PNG"))
	shown := `<p><img src="` + file.Asset + `" alt="A map"></p>`
	def := choiceItem(newID(), "1")
	def.BodyHTML, def.ExplanationHTML, def.HintsHTML = shown+`<div data-part="1"></div>`, shown, []string{shown}
	def.Parts[0].Choices[1].FeedbackHTML = shown
	a := ada.compose(ada.become(ada.write(bank, def), itemLive))
	attempt := leo.begin(a)
	require.Contains(t, attempt.Items[0].BodyHTML, file.URL[:strings.Index(file.URL, "?")])
	item := attempt.Items[0].ItemID
	_, hints := leo.raw("/v1/attempts/" + attempt.AttemptID.String() + "/items/" + item.String() + "/hints")
	leo.save(attempt.AttemptID, item, choice("b"))
	leo.submit(attempt.AttemptID)
	leo.graded(attempt.AttemptID)
	_, review := leo.raw("/v1/attempts/" + attempt.AttemptID.String() + "/review")
	require.NotContains(t, string(hints)+string(review), "/v1/media/")
	require.NotContains(t, string(hints)+string(review), "asset:")
	require.Equal(t, 3, strings.Count(string(review), "/v1/item-media/"), "body, feedback, explanation")

	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Items[0].BodyHTML = shown }))
	require.Contains(t, leo.start(set).Items[0].BodyHTML, "/v1/media/")
}
