package platformtest

import (
	"fmt"
	"strings"
	"testing"
)

// Outline is a course's contents.
type Outline struct {
	CourseID       string `json:"course_id"`
	Version        int    `json:"version"`
	Title          string `json:"title"`
	CompletedUnits int    `json:"completed_units"`
	TotalUnits     int    `json:"total_units"`
	Chapters       []struct {
		Title       string `json:"title"`
		Subsections []struct {
			Title            string `json:"title"`
			Category         string `json:"category"`
			TimeLimitSeconds int    `json:"time_limit_seconds"`
			Units            []Unit `json:"units"`
		} `json:"subsections"`
	} `json:"chapters"`
}

// Unit is a line of an outline.
type Unit struct {
	UnitID        string   `json:"unit_id"`
	Title         string   `json:"title"`
	ProblemSetIDs []string `json:"problem_set_ids"`
	Viewed        bool     `json:"viewed"`
	Completed     bool     `json:"completed"`
}

// Units are all units in reading order.
func (o Outline) Units() []Unit {
	var units []Unit
	for _, c := range o.Chapters {
		for _, s := range c.Subsections {
			units = append(units, s.Units...)
		}
	}
	return units
}

// Assessment is what can be attempted.
type Assessment struct {
	AssessmentID     string `json:"assessment_id"`
	Title            string `json:"title"`
	Category         string `json:"category"`
	MaxScore         string `json:"max_score"`
	Items            int    `json:"items"`
	MaxAttempts      int    `json:"max_attempts"`
	TimeLimitSeconds int    `json:"time_limit_seconds"`
	ExcludedItems    []struct {
		ItemID string `json:"item_id"`
		Title  string `json:"title"`
		Reason string `json:"reason"`
	} `json:"excluded_items"`
}

// Attempt is one attempt with its items and saved responses.
type Attempt struct {
	AttemptID       string          `json:"attempt_id"`
	AssessmentID    string          `json:"assessment_id"`
	Title           string          `json:"title"`
	Version         int             `json:"version"`
	Number          int             `json:"number"`
	Status          string          `json:"status"`
	Score           string          `json:"score"`
	MaxScore        string          `json:"max_score"`
	SubmittedBy     string          `json:"submitted_by"`
	TimeLeftSeconds float64         `json:"time_left_seconds"`
	Items           []Item          `json:"items"`
	Responses       []SavedResponse `json:"responses"`
}

// Item is a question as learners see it.
type Item struct {
	ItemID   string `json:"item_id"`
	Title    string `json:"title"`
	BodyHTML string `json:"body_html"`
	Hints    int    `json:"hints"`
	MaxScore string `json:"max_score"`
	Parts    []Part `json:"parts"`
}

// Part is a place in an item for one response.
type Part struct {
	PartID     string `json:"part_id"`
	Kind       string `json:"kind"`
	PromptHTML string `json:"prompt_html"`
	Label      string `json:"label"`
	Choices    []struct {
		ChoiceID string `json:"choice_id"`
		HTML     string `json:"html"`
	} `json:"choices"`
}

// ItemResponse is the response to an item, by part.
type ItemResponse map[string]PartResponse

// PartResponse chooses or writes.
type PartResponse struct {
	Choices []string `json:"choices,omitempty"`
	Text    string   `json:"text,omitempty"`
}

// SavedResponse is a response that the platform keeps.
type SavedResponse struct {
	ItemID   string       `json:"item_id"`
	Sequence int64        `json:"sequence"`
	Response ItemResponse `json:"response"`
}

// Review is a graded attempt.
type Review struct {
	Score    string `json:"score"`
	MaxScore string `json:"max_score"`
	Released struct {
		Feedback bool `json:"feedback"`
		Key      bool `json:"key"`
		Parts    bool `json:"parts"`
	} `json:"released"`
	Items []struct {
		ItemID   string `json:"item_id"`
		Score    string `json:"score"`
		MaxScore string `json:"max_score"`
		Answered bool   `json:"answered"`
		Parts    []struct {
			PartID       string   `json:"part_id"`
			Correct      bool     `json:"correct"`
			FeedbackHTML []string `json:"feedback_html"`
		} `json:"parts"`
		Key *struct {
			ExplanationHTML string `json:"explanation_html"`
		} `json:"key"`
	} `json:"items"`
}

// DemoCourse finds the demo course in the caller's catalogue.
func DemoCourse(t testing.TB, c *Client) string {
	t.Helper()
	var found struct {
		Items []struct {
			CourseID string `json:"course_id"`
			Title    string `json:"title"`
		}
	}
	c.Get(t, "/v1/catalogue?query=night+sky", &found)
	for _, i := range found.Items {
		if i.Title == "A First Look at the Night Sky" {
			return i.CourseID
		}
	}
	t.Fatalf("the demo course is not in the catalogue: %+v", found.Items)
	return ""
}

// Outline reads a course's contents.
func (c *Client) Outline(t testing.TB, courseID string) Outline {
	t.Helper()
	var o Outline
	c.Get(t, "/v1/courses/"+courseID+"/outline", &o)
	return o
}

// Assessments lists what a course that the caller takes or teaches has to
// attempt. It waits for what the outline
// promises, because assessments come to be by events.
func (c *Client) Assessments(t testing.TB, courseID string) []Assessment {
	t.Helper()
	want := 0
	for _, u := range c.Outline(t, courseID).Units() {
		want += len(u.ProblemSetIDs)
	}
	var found struct{ Items []Assessment }
	Eventually(t, "the course's assessments are there", func() error {
		response, err := c.Do(t.Context(), "GET", "/v1/assessments?limit=200&course_id="+courseID, nil)
		if err != nil {
			return err
		}
		if response.Status != 200 { // the course itself comes by an event
			return fmt.Errorf("%d %s", response.Status, response.Body)
		}
		found.Items = nil
		if err := response.Decode(&found); err != nil {
			return err
		}
		if len(found.Items) != want {
			return fmt.Errorf("there are %d of %d", len(found.Items), want)
		}
		return nil
	})
	return found.Items
}

// StartAttempt starts an attempt, waiting for the enrolment to arrive where
// attempts are kept.
func (c *Client) StartAttempt(t testing.TB, assessmentID string) Attempt {
	t.Helper()
	var a Attempt
	Eventually(t, "an attempt can be started", func() error {
		response, err := c.Do(t.Context(), "POST", "/v1/assessments/"+assessmentID+"/attempts", nil)
		if err != nil {
			return err
		}
		if response.Status/100 != 2 {
			return fmt.Errorf("%d %s", response.Status, response.Body)
		}
		return response.Decode(&a)
	})
	return a
}

// Save saves the response to an item.
func (c *Client) Save(t testing.TB, a Attempt, itemID string, r ItemResponse) {
	t.Helper()
	c.Put(t, "/v1/attempts/"+a.AttemptID+"/responses/"+itemID, map[string]any{"response": r}, nil)
}

// Submit submits an attempt and waits for its grade.
func (c *Client) Submit(t testing.TB, a Attempt) Attempt {
	t.Helper()
	c.Post(t, "/v1/attempts/"+a.AttemptID+"/submit", nil, nil)
	return c.AwaitGrade(t, a.AttemptID)
}

// AwaitGrade waits until an attempt is graded.
func (c *Client) AwaitGrade(t testing.TB, attemptID string) Attempt {
	t.Helper()
	var graded Attempt
	Eventually(t, "the attempt is graded", func() error {
		graded = Attempt{}
		c.Get(t, "/v1/attempts/"+attemptID, &graded)
		if graded.Status != "graded" {
			return fmt.Errorf("it is %s", graded.Status)
		}
		return nil
	})
	return graded
}

// Answer is what a person would say to each part of an item, in order: what is
// written on the choices to take, or the text to write. A part that is nil is
// left out.
type Answer [][]string

// Respond makes the response that gives the answer.
func (it Item) Respond(t testing.TB, a Answer) ItemResponse {
	t.Helper()
	if len(a) != len(it.Parts) {
		t.Fatalf("item %q has %d parts, the answer %d", it.Title, len(it.Parts), len(a))
	}
	r := ItemResponse{}
	for i, part := range it.Parts {
		switch {
		case a[i] == nil:
		case len(part.Choices) > 0:
			r[part.PartID] = part.choose(t, a[i]...)
		default:
			r[part.PartID] = PartResponse{Text: a[i][0]}
		}
	}
	return r
}

// choose finds choices by what they say.
func (p Part) choose(t testing.TB, texts ...string) PartResponse {
	t.Helper()
	var r PartResponse
	for _, text := range texts {
		found := false
		for _, c := range p.Choices {
			if strings.Contains(c.HTML, text) {
				r.Choices, found = append(r.Choices, c.ChoiceID), true
				break
			}
		}
		if !found {
			t.Fatalf("part %q has no choice %q: %+v", p.Label, text, p.Choices)
		}
	}
	return r
}
