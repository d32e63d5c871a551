package itemdiff

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines are changes in one line each, as a reader would note them.
func lines(t *testing.T, before, after string) []string {
	t.Helper()
	changes, err := Between([]byte(before), []byte(after))
	require.NoError(t, err)
	var out []string
	for _, c := range changes {
		out = append(out, strings.TrimSpace(string(c.Op)+" "+c.Path+" "+string(c.Before)+" -> "+string(c.After)))
	}
	return out
}

func TestChangesAreNamedByTheirPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before, after string
		want          []string
	}{
		"nothing":            {`{"a":1,"b":[1,{"c":2}]}`, `{"b":[1,{"c":2}],"a":1}`, nil},
		"a value":            {`{"weight":"1"}`, `{"weight":"2"}`, []string{`changed weight "1" -> "2"`}},
		"a field comes":      {`{}`, `{"min_score":"-1"}`, []string{`added min_score  -> "-1"`}},
		"a field goes":       {`{"min_score":"-1"}`, `{}`, []string{`removed min_score "-1" ->`}},
		"another type":       {`{"a":[1]}`, `{"a":{"b":1}}`, []string{`changed a [1] -> {"b":1}`}},
		"numbers as written": {`{"a":1.0}`, `{"a":1}`, []string{`changed a 1.0 -> 1`}},
		"an entry with an id, behind a new one": {
			`{"parts":[{"part_id":"1","kind":"text"}]}`, `{"parts":[{"part_id":"0","kind":"text"},{"part_id":"1","kind":"essay"}]}`,
			[]string{`changed parts[part_id=1].kind "text" -> "essay"`, `added parts[part_id=0]  -> {"kind":"text","part_id":"0"}`},
		},
		"choices in another order": {
			`{"choices":[{"choice_id":"a"},{"choice_id":"b"},{"choice_id":"c"}]}`, `{"choices":[{"choice_id":"b"},{"choice_id":"a"}]}`,
			[]string{`removed choices[choice_id=c] {"choice_id":"c"} ->`, `reordered choices ["a","b"] -> ["b","a"]`},
		},
		"a pair, which has only others' ids": {
			`{"pairs":[{"choice_id":"a","target_id":"x"},{"choice_id":"a","target_id":"y"}]}`,
			`{"pairs":[{"choice_id":"a","target_id":"x"},{"choice_id":"b","target_id":"y"}]}`,
			[]string{`changed pairs[1].choice_id "a" -> "b"`},
		},
		"an entry by position, put in front": {
			`{"texts":[{"pattern":"a"}]}`, `{"texts":[{"pattern":"b"},{"pattern":"a"}]}`, []string{`added texts[0]  -> {"pattern":"b"}`},
		},
		"an entry by position, taken away": {
			`{"hints":["a","b","c"]}`, `{"hints":["a","c"]}`, []string{`removed hints[1] "b" ->`},
		},
		"markup is shown as it is": {`{"a":"<p>1</p>"}`, `{"a":"<p>2</p>"}`, []string{`changed a "<p>1</p>" -> "<p>2</p>"`}},
	} {
		require.Equal(t, test.want, lines(t, test.before, test.after), name)
	}
}

func TestTextsAreComparedWordByWord(t *testing.T) {
	t.Parallel()
	changes, err := Between([]byte(`{"body_html":"<p>Which town is the capital?</p>"}`), []byte(`{"body_html":"<p>Which city is the old capital?</p>"}`))
	require.NoError(t, err)
	require.Equal(t, []Run{
		{Text: "<p>Which "}, {Op: Removed, Text: "town"}, {Op: Added, Text: "city"}, {Text: " is the"},
		{Op: Added, Text: " old"}, {Text: " capital?</p>"},
	}, changes[0].Words)
}

// What a reader puts together from the runs is either version.
func FuzzWordsLoseNothing(f *testing.F) {
	f.Add("<p>a b</p>", "<p>a c</p>")
	f.Add("", "x")
	f.Add("a < b", "a <b> ü\u0301")
	f.Fuzz(func(t *testing.T, before, after string) {
		if len(before)+len(after) > 4000 {
			t.Skip("a long text shows nothing that a short one does not")
		}
		var a, b strings.Builder
		for _, r := range words(before, after) {
			if r.Op != Added {
				a.WriteString(r.Text)
			}
			if r.Op != Removed {
				b.WriteString(r.Text)
			}
		}
		require.Equal(t, before, a.String())
		require.Equal(t, after, b.String())
	})
}

func TestLongTextsAreNotComparedWordByWord(t *testing.T) {
	t.Parallel()
	text := func(word string) string {
		body, err := json.Marshal(map[string]string{"a": strings.Repeat(word+" ", 4000)})
		require.NoError(t, err)
		return string(body)
	}
	changes, err := Between([]byte(text("x")), []byte(text("y")))
	require.NoError(t, err)
	require.Len(t, changes, 1)
	require.NotEmpty(t, changes[0].After)
}
