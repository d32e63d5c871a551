package gift

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/lyceum-lms/platform/internal/realfiles"
)

// TestParseEqualsTheReferenceParse compares the questions of real files with what
// a reference parser made of them, in its form.
func TestParseEqualsTheReferenceParse(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(realfiles.Path(t, "gift"), "*.gift"))
	if err != nil || len(files) != 26 {
		t.Fatalf("%d files (%v), want 26", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			got := []any{}
			for q, err := range Parse(f) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, referenceForm(q))
			}
			data, err := os.ReadFile(file[:len(file)-len("gift")] + "json")
			if err != nil {
				t.Fatal(err)
			}
			var want any
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			if form := throughJSON(t, got); !reflect.DeepEqual(form, want) {
				shown, _ := json.MarshalIndent(form, "", " ")
				wanted, _ := json.MarshalIndent(want, "", " ")
				t.Errorf("got\n%s\nwant\n%s", shown, wanted)
			}
		})
	}
}

func throughJSON(t *testing.T, v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// referenceForm is a question in the form of the reference parser.
func referenceForm(q *Question) map[string]any {
	if q.Type == Category {
		return map[string]any{"type": "Category", "title": q.Title}
	}
	stem := q.Stem
	if q.After != nil {
		before := ""
		if stem.Text != "" {
			before = stem.Text + " "
		}
		stem.Text = before + "_____ " + q.After.Text
	}
	out := map[string]any{
		"type": string(q.Type), "title": orNull(q.Title), "id": orNull(q.ID), "tags": nil,
		"stem": textForm(&stem), "hasEmbeddedAnswers": q.After != nil,
	}
	if q.Tags != nil {
		out["tags"] = q.Tags
	}
	if q.Type != Description {
		out["globalFeedback"] = textForm(q.Feedback)
	}
	switch q.Type {
	case MC, Short:
		choices := []any{}
		for _, c := range q.Choices {
			choices = append(choices, map[string]any{
				"isCorrect": c.Right, "weight": numberForm(c.Weight), "text": textForm(&c.Text), "feedback": textForm(c.Feedback),
			})
		}
		out["choices"] = choices
	case Numerical:
		if q.Single {
			out["choices"] = numericalForm(q.Numbers[0])
			break
		}
		choices := []any{}
		for _, n := range q.Numbers {
			choices = append(choices, map[string]any{
				"isCorrect": n.Right, "weight": numberForm(n.Weight), "text": numericalForm(n), "feedback": textForm(n.Feedback),
			})
		}
		out["choices"] = choices
	case Matching:
		pairs := []any{}
		for _, p := range q.Pairs {
			pairs = append(pairs, map[string]any{"subquestion": textForm(&p.Question), "subanswer": p.Answer})
		}
		out["matchPairs"] = pairs
	case TF:
		out["isTrue"] = q.True
		out["trueFeedback"], out["falseFeedback"] = textForm(q.Feedbacks[0]), textForm(q.Feedbacks[1])
	}
	return out
}

func textForm(t *Text) any {
	if t == nil {
		return nil
	}
	return map[string]any{"format": string(t.Format), "text": t.Text}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func numberForm(s string) any {
	if s == "" {
		return nil
	}
	return json.Number(s)
}

func numericalForm(n Number) any {
	switch {
	case n.Low != "":
		return map[string]any{"type": "high-low", "numberHigh": numberForm(n.High), "numberLow": numberForm(n.Low)}
	case n.Margin != "":
		return map[string]any{"type": "range", "number": numberForm(n.Value), "range": numberForm(n.Margin)}
	}
	return map[string]any{"type": "simple", "number": numberForm(n.Value)}
}

// TestRealQuestionsArrive reads the same files as items: all of their questions
// arrive.
func TestRealQuestionsArrive(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(realfiles.Path(t, "gift"), "*.gift"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range readAll(t, string(data)) {
			if kinds[f.Kind]++; f.Item == nil {
				t.Errorf("%s: %v", filepath.Base(file), f.Lines)
			}
		}
	}
	t.Logf("%d files: %v", len(files), kinds)
}
