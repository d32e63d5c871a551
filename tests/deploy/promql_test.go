package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// selector is a metric with the labels that an expression picks it by.
type selector struct {
	name   string
	labels []string
}

// expression is what a PromQL expression refers to. promtool checks the syntax;
// this finds the names, which it takes as they are.
type expression struct {
	selectors []selector
	// grouped are the labels of by, without, on and ignoring.
	grouped []string
}

var (
	token = regexp.MustCompile("^(?:" + strings.Join([]string{
		`\s+`,
		`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`, // text
		`\[[^\]]*\]`,                          // range
		`[0-9][0-9a-zA-Z.]*`,                  // number or duration
		`[a-zA-Z_:][a-zA-Z0-9_:]*`,            // name
		`[-+*/%^(),{}@]|[=!]~|[=!<>]=?`,
	}, "|") + ")")
	matcher    = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"`)
	grouping   = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	operators  = []string{"and", "or", "unless", "offset", "bool", "atan2", "inf", "nan"}
	startsName = regexp.MustCompile(`^[a-zA-Z_:]`)
)

// parse finds the names in an expression, and fails the test if it is not made
// of the tokens of PromQL.
func parse(t testing.TB, text string) expression {
	t.Helper()
	tokens := tokensOf(t, text)
	at := func(i int) string {
		if i < len(tokens) {
			return tokens[i]
		}
		return ""
	}
	var e expression
	for i := 0; i < len(tokens); i++ {
		name := strings.ToLower(tokens[i])
		switch {
		case !startsName.MatchString(tokens[i]), slices.Contains(operators, name):
		case slices.Contains(grouping, name):
			for i++; at(i) != "" && at(i) != ")"; i++ {
				if startsName.MatchString(at(i)) {
					e.grouped = append(e.grouped, at(i))
				}
			}
		case at(i+1) == "(" || at(i+1) == "by" || at(i+1) == "without":
			// a function or an aggregation
		default:
			s := selector{name: tokens[i]}
			if at(i+1) == "{" {
				end := i + 1
				for end < len(tokens) && tokens[end] != "}" {
					end++
				}
				for _, m := range matcher.FindAllStringSubmatch(strings.Join(tokens[i+2:end], ""), -1) {
					s.labels = append(s.labels, m[1])
				}
				i = end
			}
			e.selectors = append(e.selectors, s)
		}
	}
	return e
}

func tokensOf(t testing.TB, text string) []string {
	t.Helper()
	var tokens []string
	for rest := text; rest != ""; {
		found := token.FindString(rest)
		if found == "" {
			t.Fatalf("%q is no PromQL from %.20q on", text, rest)
		}
		rest = rest[len(found):]
		if strings.TrimSpace(found) != "" {
			tokens = append(tokens, found)
		}
	}
	return tokens
}

func TestTheNamesInAnExpressionAreFound(t *testing.T) {
	t.Parallel()
	e := parse(t, `topk(10, histogram_quantile(0.99, sum by (route, le) (rate(a_bucket{module=~"$module",route!="}{"}[$__rate_interval]))))
		/ on (consumer) group_left () (max without (x) (b:c:rate5m offset 1h) or -1.5e3 * up) > bool 0 and count(d) by (y) unless e{}`)
	require.Equal(t, expression{
		selectors: []selector{{"a_bucket", []string{"module", "route"}}, {name: "b:c:rate5m"}, {name: "up"}, {name: "d"}, {name: "e"}},
		grouped:   []string{"route", "le", "consumer", "x", "y"},
	}, e)
}
