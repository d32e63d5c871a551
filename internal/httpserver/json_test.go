package httpserver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 2 * few {
		many = append(many, fmt.Sprintf(`"n%d": {"n%d": %d}`, i, i, i))
	}
	wide := "{" + strings.Join(many, ", ") + "%s}"
	nested := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	for body, detail := range map[string]string{
		`{"a": 1, "b": {"a": 2, "b": [{"a": 3}, {"a": 4}]}, "c": "a"}`: "",
		fmt.Sprintf(wide, ""):                                 "",
		nested(maxJSONDepth):                                  "",
		`"text"`:                                              "",
		`{"\ud83d\ude00": "\ud83d\ude00"}`:                    "",
		`{"a": 1, "b": {"a": 2}, "a": 3}`:                     `a name twice: "a"`,
		`{"a": 1, "\u0061": 2}`:                               `a name twice: "a"`,
		`[{"b": [{}, {"x": 1}], "b": 2}]`:                     `a name twice: "b"`,
		fmt.Sprintf(wide, `, "n0": 1`):                        `a name twice: "n0"`,
		fmt.Sprintf(wide, fmt.Sprintf(`, "n%d": 1`, 2*few-1)): fmt.Sprintf(`a name twice: "n%d"`, 2*few-1),
		fmt.Sprintf(wide, `, "new": 1, "new": 2`):             `a name twice: "new"`,
		nested(maxJSONDepth + 1):                              "nested more than",
		`{"a": "\ud83d"}`:                                     "surrogate",
		`{"a": "\u0000"}`:                                     "U+0000",
		`{"a": 1`:                                             "not valid JSON: unexpected end",
		`{"a": 1} {}`:                                         "not valid JSON: invalid character",
		"{\"a\": \"\xff\"}":                                   "not valid UTF-8",
	} {
		err := checkJSON([]byte(body))
		if detail == "" {
			require.NoError(t, err, body)
		} else {
			require.ErrorContains(t, err, detail, body)
		}
	}
}
