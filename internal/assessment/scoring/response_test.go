package scoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

func TestParseResponse(t *testing.T) {
	t.Parallel()
	got, err := ParseResponse([]byte(` {"1": {"choices": ["a", "b"]}, "2": {"text": "\u00e9 \ud83d\ude00"}, "3": {}, "4": {"choices": []}, "5": {"text": ""}} `))
	want := Response{"1": pick("a", "b"), "2": write("é 😀"), "3": {}, "4": {Choices: []string{}}, "5": {}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, %v", got, err)
	}
	got, err = ParseResponse([]byte(`{"1": {"pairs": [["a", "X"], ["b", "Y"]]}, "2": {"points": [[10, 0], [-1, 7]]}, "3": {"files": [{"file_id": "f", "name": "Thesis.pdf"}]},
		"4": {"text": "essay", "files": []}, "5": {"files": [{"name": "n", "file_id": "g"}], "text": "t"}, "6": {"pairs": []}}`))
	want = Response{
		"1": match("a", "X", "b", "Y"), "2": click(10, 0, -1, 7), "3": {Files: []File{{"f", "Thesis.pdf"}}},
		"4": {Text: "essay", Files: []File{}}, "5": {Text: "t", Files: []File{{"g", "n"}}}, "6": {Pairs: [][2]string{}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, %v", got, err)
	}
	if got, err := ParseResponse([]byte(`{}`)); err != nil || got == nil || len(got) != 0 {
		t.Errorf("an empty response is %#v, %v", got, err)
	}
}

func TestParseResponseIsStrict(t *testing.T) {
	t.Parallel()
	many := func(n int, member string) string { return strings.TrimSuffix(strings.Repeat(member+",", n), ",") }
	var parts []string
	for i := range maxParts + 1 {
		parts = append(parts, fmt.Sprintf(`"p%d":{}`, i))
	}
	for data, location := range map[string]string{
		``: "", `null`: "", `[]`: "", `"x"`: "", `1`: "", `{`: "", `{"1":{}`: "", `{"1":{}} x`: "", `{}{}`: "", `{"1":{},}`: "", `{'1':{}}`: "",
		`{"1":null}`: "1", `{"1":[]}`: "1", `{"1":"a"}`: "1", `{"1":{},"1":{}}`: "1",
		`{"":{}}`: `""`, `{"a b":{}}`: `"a b"`, `{"\u0000":{}}`: "",
		`{"1":{"choice":["a"]}}`: "1", `{"1":{"Choices":["a"]}}`: "1", `{"1":{"choices":["a"],"text":"b"}}`: "1", `{"1":{"text":"a","text":"b"}}`: "1",
		`{"1":{"text":1}}`: "1.text", `{"1":{"text":null}}`: "1.text", `{"1":{"text":["a"]}}`: "1.text", `{"1":{"text":"a\u0000b"}}`: "1.text", `{"1":{"text":"\x"}}`: "1.text",
		`{"1":{"choices":"a"}}`: "1.choices", `{"1":{"choices":null}}`: "1.choices", `{"1":{"choices":[1]}}`: "1.choices[0]", `{"1":{"choices":["a",["b"]]}}`: "1.choices[1]",
		`{"1":{"pairs":["a","b"]}}`: "1.pairs[0]", `{"1":{"pairs":[["a"]]}}`: "1.pairs[0]", `{"1":{"pairs":[["a","b","c"]]}}`: "1.pairs[0]", `{"1":{"pairs":[["a",1]]}}`: "1.pairs[0][1]", `{"1":{"pairs":{}}}`: "1.pairs",
		`{"1":{"points":[[1]]}}`: "1.points[0]", `{"1":{"points":[[1,2,3]]}}`: "1.points[0]", `{"1":{"points":[["1","2"]]}}`: "1.points[0][0]", `{"1":{"points":[[1,2.5]]}}`: "1.points[0][1]", `{"1":{"points":[[1,1e3]]}}`: "1.points[0][1]",
		`{"1":{"points":[[1,99999]]}}`: "1.points[0][1]", `{"1":{"points":[[1,99999999999999999999]]}}`: "1.points[0][1]", `{"1":{"points":[1,2]}}`: "1.points[0]", `{"1":{"points":[[1,null]]}}`: "1.points[0][1]",
		`{"1":{"files":["f"]}}`: "1.files[0]", `{"1":{"files":[{"file_id":1}]}}`: "1.files[0].file_id", `{"1":{"files":[{"id":"f"}]}}`: "1.files[0]", `{"1":{"files":[{"name":"a","name":"b"}]}}`: "1.files[0]",
		`{"1":{"text":"a","files":[],"text":"b"}}`: "1", `{"1":{"files":[],"files":[]}}`: "1", `{"1":{"text":"a","points":[]}}`: "1", `{"1":{"choices":[],"files":[]}}`: "1",
		`{"1":{"pairs":[` + many(maxPairs+1, `["a","b"]`) + `]}}`: "1.pairs", `{"1":{"points":[` + many(maxPoints+1, `[1,1]`) + `]}}`: "1.points", `{"1":{"files":[` + many(maxFiles+1, `{}`) + `]}}`: "1.files",
		"{\"1\":{\"text\":\"\xff\"}}":                                     "",
		`{"1":{"text":"` + strings.Repeat("x", maxEssayBytes+1) + `"}}`:   "1.text",
		`{"1":{"choices":[` + many(maxChoices+1, `"a"`) + `]}}`:           "1.choices",
		`{` + strings.Join(parts, ",") + `}`:                              "",
		`{"1":{"text":"x"}` + strings.Repeat(" ", maxResponseBytes) + `}`: "",
		strings.Repeat(`{"1":`, 10000):                                    "1",
		strings.Repeat(`[`, 100000):                                       "",
	} {
		got, err := ParseResponse([]byte(data))
		var refused *ResponseError
		if !errors.As(err, &refused) || got != nil {
			t.Errorf("%.60s is %.60v, %v; want a ResponseError", data, got, err)
			continue
		}
		if len(refused.Fields) != 1 || refused.Fields[0].Location != location || refused.Fields[0].Message == "" {
			t.Errorf("%.60s: %+v, want the location %q", data, refused.Fields, location)
		}
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	t.Parallel()
	it := parse(t, basicItem())
	for name, c := range map[string]struct {
		response Response
		want     []string // locations
	}{
		"nothing":                {nil, nil},
		"everything unanswered":  {Response{"1": {}, "2": pick(), "4": write(""), "5": write(" ")}, nil},
		"everything answered":    {Response{"1": pick("a"), "2": pick("e", "a"), "3": pick("b"), "4": write("not a number"), "5": write(strings.Repeat("x", maxTextBytes))}, nil},
		"unknown part":           {Response{"6": write("x")}, []string{"6"}},
		"unprintable part":       {Response{"6\n": write("x")}, []string{`"6\n"`}},
		"unknown choice":         {Response{"1": pick("z")}, []string{"1.choices"}},
		"two of a single choice": {Response{"1": pick("a", "b"), "3": pick("a", "a")}, []string{"1.choices", "3.choices"}},
		"named twice":            {Response{"2": pick("a", "b", "a")}, []string{"2.choices"}},
		"more than there are":    {Response{"2": pick("a", "b", "c", "d", "e", "a")}, []string{"2.choices"}},
		"text for choices":       {Response{"1": write("a")}, []string{"1.text"}},
		"both":                   {Response{"1": {Choices: []string{"a"}, Text: "a"}}, []string{"1.text"}},
		"choices for text":       {Response{"4": pick("a"), "5": pick("a")}, []string{"4.choices", "5.choices"}},
		"too long":               {Response{"4": write(strings.Repeat("1", exact.MaxAnswerBytes+1)), "5": write(strings.Repeat("x", maxTextBytes+1))}, []string{"4.text", "5.text"}},
		"invalid UTF-8":          {Response{"4": write("\xff"), "5": write("\xc3")}, []string{"4.text", "5.text"}},
		"NUL":                    {Response{"5": write("a\x00")}, []string{"5.text"}},
	} {
		var got []string
		err := it.Check(c.response)
		var refused *ResponseError
		if errors.As(err, &refused) {
			for _, f := range refused.Fields {
				got = append(got, f.Location)
			}
		} else if err != nil {
			t.Errorf("%s: %v is not a ResponseError", name, err)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: faults at %q, want %q", name, got, c.want)
		}
	}
}

func TestCheckOfEveryKind(t *testing.T) {
	t.Parallel()
	it := parse(t, everyKind())
	if err := it.Check(everyResponse()); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		part     string
		response PartResponse
		want     string
	}{
		{"truth", pick("true", "false"), "truth.choices: only one can be chosen"},
		{"truth", pick("maybe"), `truth.choices: there is no choice "maybe"`},
		{"spots", pick("a", "b", "c"), "spots.choices: only 2 can be chosen"},
		{"spots", click(1, 1), "spots.points: this part takes choices"},
		{"order", pick("a", "b", "c", "d", "a"), "order.choices: there are more than the part has"},
		{"order", pick("a", "a"), `order.choices: "a" is named twice`},
		{"match", pick("a"), "match.choices: this part takes pairs"},
		{"gaps", match("a", "G", "a", "H"), `gaps.pairs: "a" can be used 1 times at most`},
		{"drag", match("a", "X", "b", "X"), `drag.pairs: "X" takes 1 at most`},
		{"point", click(1, 1, 2, 2), "point.points: only one can be given"},
		{"point", click(201, 1), "point.points: (201, 1) lies outside the image"},
		{"point", write("1 1"), "point.text: this part takes points"},
		{"slider", write("0.3"), "slider.text: it is not on a step of 0.5 from 0"},
		{"formula", write(strings.Repeat("x", exact.MaxAnswerBytes+1)), "formula.text: it is longer than 1000 bytes"},
		{"formula", match("a", "b"), "formula.pairs: this part takes a text"},
		{"essay", write(strings.Repeat("x", maxEssayBytes)), ""},
		{"essay", write(strings.Repeat("x", maxEssayBytes+1)), "essay.text: it is longer than 500000 bytes"},
		{"essay", write("a\x00"), "essay.text: it contains a NUL character"},
		{"essay", attach("a", "b"), "essay.files: at most 1 can be attached"},
		{"upload", attach("a", "b", "c"), "upload.files: only 2 can be handed in"},
		{"other", write("x"), "other.text: this part takes no response"},
		{"other", PartResponse{}, ""},
	} {
		err := it.Check(Response{c.part: c.response})
		if err == nil && c.want != "" || err != nil && err.Error() != "invalid response: "+c.want {
			t.Errorf("%v, want %q", err, c.want)
		}
		// What is refused earns nothing.
		if p := it.parts[it.index[c.part]]; c.want != "" && !p.score(c.response, it.draw(0)).Credit.IsZero() {
			t.Errorf("%s is refused and earns something", c.want)
		}
	}
}

func TestAResponseErrorNamesItsFields(t *testing.T) {
	t.Parallel()
	err := parse(t, basicItem()).Check(Response{"1": pick(strings.Repeat("ü", 60)), "7": {}})
	const want = `invalid response: 1.choices: there is no choice "üüüüüüüüüüüüüüüüüüüü"...; 7: there is no such part`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestCheckReportsABoundedNumberOfFaults(t *testing.T) {
	t.Parallel()
	response := Response{}
	for i := range 1000 {
		response[fmt.Sprint("x", i)] = write("x")
	}
	var refused *ResponseError
	if !errors.As(parse(t, basicItem()).Check(response), &refused) || len(refused.Fields) != maxFaults {
		t.Errorf("%v", refused)
	}
}

// What ParseResponse accepts survives the round trip through the JSON form in
// which responses are stored, but for the difference between ways of saying
// nothing.
func FuzzParseResponse(f *testing.F) {
	for _, seed := range []string{`{}`, `{"1":{"choices":["a","b"]},"2":{"text":"x"}}`, `{"1":{"text":"\ud800"}}`, `{"1":{},"1":{}}`, `[[[`, `{"1":{"choices":[]}}`,
		`{"match":{"pairs":[["a","X"]]},"point":{"points":[[1,-2]]},"essay":{"text":"t","files":[{"file_id":"f","name":"n"}]}}`} {
		f.Add([]byte(seed))
	}
	it := parse(f, basicItem())
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := ParseResponse(data)
		if err != nil {
			var refused *ResponseError
			if !errors.As(err, &refused) || first != nil {
				t.Fatalf("%v, %v", first, err)
			}
			return
		}
		stored, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := ParseResponse(stored)
		if err != nil {
			t.Fatalf("%s was accepted, then refused: %v", stored, err)
		}
		same := func(a, b PartResponse) bool {
			return slices.Equal(a.Choices, b.Choices) && a.Text == b.Text && slices.Equal(a.Pairs, b.Pairs) && slices.Equal(a.Points, b.Points) && slices.Equal(a.Files, b.Files)
		}
		if !maps.EqualFunc(first, second, same) {
			t.Fatalf("%#v became %#v", first, second)
		}
		_ = it.Check(first)
	})
}
