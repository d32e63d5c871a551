package scoring

import (
	"errors"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// essay asks for 2 to 4 words and is marked by a rubric.
func essay() event.PartV1 {
	return event.PartV1{
		Kind: event.Essay, Essay: &event.EssayV1{MinWords: 2, MaxWords: 4, Attachments: 1}, CorrectFeedbackHTML: "very good", IncorrectFeedbackHTML: "read the guidance",
		Rubric: []event.CriterionV1{
			{CriterionID: "style", Levels: []event.LevelV1{{LevelID: "good", Points: "2"}, {LevelID: "fair", Points: "0.5"}, {LevelID: "bad", Points: "0"}}},
			{CriterionID: "facts", Levels: []event.LevelV1{{LevelID: "right", Points: "5"}, {LevelID: "wrong", Points: "-3"}}},
		},
	}
}

func TestEssaysAndFilesWaitForPeople(t *testing.T) {
	t.Parallel()
	upload := event.PartV1{Kind: event.FileUpload, MaxChoices: 2}
	it := parse(t, itemOf(essay(), upload, event.PartV1{Kind: event.SingleChoice, Choices: choices("1")}))
	for _, c := range []struct {
		name     string
		response Response
		waits    [2]bool
		how      string // of the essay
	}{
		{"nothing", nil, [2]bool{}, "Not answered."},
		{"blank", Response{"1": write(" \n")}, [2]bool{}, "Not answered."},
		{"a text", Response{"1": write("three short words")}, [2]bool{true, false}, "The essay has 3 words. It has yet to be marked."},
		{"too little", Response{"1": write("word")}, [2]bool{true, false}, "The essay has 1 words; at least 2 are asked for. It has yet to be marked."},
		{"too much", Response{"1": write("one two three four five")}, [2]bool{true, false}, "The essay has 5 words; at most 4 are asked for. It has yet to be marked."},
		{"a file instead", Response{"1": attach("a")}, [2]bool{true, false}, "The essay has 0 words; at least 2 are asked for. It has yet to be marked."},
		{"both", Response{"1": {Text: "two words", Files: attach("a").Files}, "2": attach("b", "c")}, [2]bool{true, true}, "The essay has 2 words. It has yet to be marked."},
		{"too many files", Response{"1": attach("a", "b")}, [2]bool{}, "The answer cannot be scored: at most 1 can be attached."},
	} {
		got := it.Score(c.response, 0)
		checkResult(t, it, got)
		if !got.Score.IsZero() || got.NeedsMarking != (c.waits[0] || c.waits[1]) || got.Parts[0].NeedsMarking != c.waits[0] || got.Parts[1].NeedsMarking != c.waits[1] || got.Parts[0].How != c.how {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if _, ok := it.FullResponse(0); ok {
		t.Error("what people mark has a full response")
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	part := essay()
	part.LowBound = "-0.25"
	def := itemOf(part, event.PartV1{Kind: event.FileUpload}, event.PartV1{Kind: event.SingleChoice, Choices: choices("1")})
	def.Weight, def.MinScore = "3", "-3"
	def.Bands = []event.BandV1{{From: "0.5", FeedbackHTML: "half"}}
	it := parse(t, def)
	response := Response{"1": write("three short words"), "2": attach("a"), "3": pick("a")}
	levels := func(style, facts string) Mark { return Mark{Levels: map[string]string{"style": style, "facts": facts}} }
	credit := func(s string) Mark {
		score, err := ParseSignedScore(s)
		if err != nil {
			t.Fatal(err)
		}
		return Mark{Credit: &score}
	}
	for _, c := range []struct {
		name  string
		marks Marks
		score string
		waits bool
		how   string // of the essay
	}{
		{"none yet", nil, "1", true, "The essay has 3 words. It has yet to be marked."},
		{"the best levels", Marks{"1": levels("good", "right")}, "2", true, "Marked by the rubric: 7 of 7 points, which earns full credit."},
		{"others", Marks{"1": levels("fair", "right")}, "1.7857", true, "Marked by the rubric: 5.5 of 7 points, which earns 0.7857 of the credit."},
		{"below the bound", Marks{"1": levels("bad", "wrong")}, "0.75", true, "Marked by the rubric: -3 of 7 points, which earns a penalty of 0.4286 of the credit. The part earns no less than a penalty of 0.25 of the credit."},
		{"a credit", Marks{"1": credit("0.333333333")}, "1.3333", true, "Marked: it earns 0.3333 of the credit."},
		{"a penalty", Marks{"1": credit("-0.2"), "2": credit("0")}, "0.8", false, "Marked: it earns a penalty of 0.2 of the credit."},
		{"all", Marks{"1": levels("good", "right"), "2": credit("0.5")}, "2.5", false, "Marked by the rubric: 7 of 7 points, which earns full credit."},
		{"marks that do not fit are left out", Marks{"1": levels("good", "?"), "2": credit("-1"), "3": credit("0"), "9": credit("1")}, "1", true, "The essay has 3 words. It has yet to be marked."},
	} {
		got := it.ScoreMarks(response, 0, c.marks)
		if got.Score.String() != c.score || got.NeedsMarking != c.waits || got.Parts[0].How != c.how {
			t.Errorf("%s: %+v", c.name, got)
		}
		if (got.FeedbackHTML != nil) != (!c.waits && got.Score.Cmp(ratio(3, 2)) >= 0) {
			t.Errorf("%s: the feedback on the item is %q", c.name, got.FeedbackHTML)
		}
	}
	got := it.ScoreMarks(response, 0, Marks{"1": levels("good", "right"), "2": credit("1")})
	if got.Score.Cmp(it.MaxScore()) != 0 || got.Parts[0].FeedbackHTML[0] != "very good" {
		t.Errorf("full marks: %+v", got)
	}
	if got := it.ScoreMarks(response, 0, Marks{"1": levels("bad", "right")}); got.Parts[0].FeedbackHTML[0] != "read the guidance" {
		t.Errorf("less than full marks: %+v", got)
	}
	if got := it.ScoreMarks(nil, 0, Marks{"1": credit("1")}); got.Score.String() != "1" || got.Parts[0].Answered {
		t.Errorf("an answer on paper: %+v", got)
	}
}

func TestCheckMarks(t *testing.T) {
	t.Parallel()
	it := parse(t, itemOf(essay(), event.PartV1{Kind: event.FileUpload}, event.PartV1{Kind: event.SingleChoice, Choices: choices("1")}))
	half, more, less := ratio(1, 2), ratio(3, 2), ratio(-1, 2)
	for _, c := range []struct {
		marks Marks
		want  string
	}{
		{nil, ""},
		{Marks{"1": {Levels: map[string]string{"style": "good", "facts": "wrong"}}, "2": {Credit: &half}}, ""},
		{Marks{"1": {Credit: &half}}, ""},
		{Marks{"1": {}}, `1.levels: criterion "style" is missing`},
		{Marks{"1": {Levels: map[string]string{"style": "good"}}}, `1.levels: criterion "facts" is missing`},
		{Marks{"1": {Levels: map[string]string{"style": "good", "facts": "good"}}}, `1.levels.facts: there is no level "good"`},
		{Marks{"1": {Levels: map[string]string{"style": "good", "facts": "right", "wit": "much"}}}, `1.levels: there is no criterion "wit"`},
		{Marks{"1": {Levels: map[string]string{"style": "good", "facts": "right"}, Credit: &half}}, "1: it has both a credit and levels"},
		{Marks{"1": {Credit: &more}, "2": {Credit: &less}}, "1.credit: 1.5 is not between 0 and 1; 2.credit: -0.5 is not between 0 and 1"},
		{Marks{"2": {}}, "2.credit: it is missing; the part has no rubric"},
		{Marks{"2": {Levels: map[string]string{"a": "b"}}}, "2.credit: it is missing; the part has no rubric"},
		{Marks{"3": {Credit: &half}}, "3: this part is not marked by people"},
		{Marks{"4": {Credit: &half}}, "4: there is no such part"},
	} {
		err := it.CheckMarks(c.marks)
		var refused *ResponseError
		switch {
		case err == nil && c.want == "":
		case !errors.As(err, &refused) || !strings.HasSuffix(err.Error(), "response: "+c.want):
			t.Errorf("%v: %v, want %q", c.marks, err, c.want)
		}
	}
}

func TestWhichFilesAreTaken(t *testing.T) {
	t.Parallel()
	upload := func(types ...string) *Item {
		return parse(t, itemOf(event.PartV1{Kind: event.FileUpload, MaxChoices: 3, Upload: &event.UploadV1{MediaTypes: types}}))
	}
	named := func(names ...string) PartResponse {
		var r PartResponse
		for i, name := range names {
			r.Files = append(r.Files, File{FileID: string(rune('a' + i)), Name: name})
		}
		return r
	}
	for _, c := range []struct {
		it       *Item
		response PartResponse
		want     string
	}{
		{upload(), named("x.exe"), ""},
		{upload(".pdf", ".docx"), named("Thesis.PDF", "notes.docx"), ""},
		{upload(".pdf", ".docx"), named("thesis.pdf.exe"), `1.files[0]: "thesis.pdf.exe" does not end in .pdf or .docx`},
		{upload(".pdf", "image/*"), named("scan.tiff"), ""}, // whoever has the file knows its type
		{upload(), named("a", "b", "c", "d"), "1.files: only 3 can be handed in"},
		{upload(), PartResponse{Files: []File{{"a", "x"}, {"a", "y"}}}, "1.files[1]: the file is named twice"},
		{upload(), named(""), "1.files[0]: its name: it is empty"},
		{upload(), PartResponse{Files: []File{{"", "x"}}}, "1.files[0]: its file_id: it is empty"},
		{upload(), write("x"), "1.text: this part takes files"},
	} {
		err := c.it.Check(one(c.response))
		if err == nil && c.want != "" || err != nil && err.Error() != "invalid response: "+c.want {
			t.Errorf("%+v: %v, want %q", c.response.Files, err, c.want)
		}
	}
}
