package olx

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzParseProblem: whatever a problem file holds, the import goes on; what it
// yields is well-formed, sanitised, and accounted for in the report.
func FuzzParseProblem(f *testing.F) {
	for _, seed := range []string{
		`<problem><multiplechoiceresponse><choicegroup shuffle="true"><choice correct="true">A</choice><choice>B<choicehint>h</choicehint></choice></choicegroup></multiplechoiceresponse></problem>`,
		`<problem weight="2"><choiceresponse partial_credit="EDC"><checkboxgroup><choice correct="true">A</choice><compoundhint value="A">x</compoundhint></checkboxgroup></choiceresponse></problem>`,
		`<problem><p>x <optionresponse><optioninput options="('a','b')" correct="a"/></optionresponse></p></problem>`,
		`<problem><numericalresponse answer="[1,2)" partial_credit="close"><responseparam type="tolerance" default="2%"/><textline/></numericalresponse></problem>`,
		`<problem><stringresponse answer="a|b" type="ci regexp"><additional_answer answer="c"/><textline/></stringresponse><solution>s</solution></problem>`,
		`<problem><script type="loncapa/python">x=1</script>$x<customresponse cfn="f"><textline/></customresponse></problem>`,
		`<problem><table><tr><td><optionresponse><optioninput><option correct="True">a</option></optioninput></optionresponse></td></tr></table></problem>`,
		`<problem>&nbsp;<![CDATA[<script>alert(1)</script>]]></problem>`,
	} {
		f.Add(seed)
	}
	place := regexp.MustCompile(`<div data-part="([^"]*)"></div>`)
	f.Fuzz(func(t *testing.T, xml string) {
		fsys := fstest.MapFS{
			"course.xml":    {Data: []byte(minimalProblem)},
			"problem/p.xml": {Data: []byte(xml)},
		}
		src, err := OpenFS(context.Background(), fsys, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		course, report, err := Parse(context.Background(), src, Options{OrganisationID: organisation})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range course.Chapters[0].Subsections[0].Units[0].Blocks {
			markup := b.HTML
			if b.Problem != nil {
				item := b.Problem.Item
				markup += item.BodyHTML + item.ExplanationHTML
				var places []string
				for _, m := range place.FindAllStringSubmatch(item.BodyHTML, -1) {
					places = append(places, m[1])
				}
				if len(places) != len(item.Parts) || strings.Count(item.BodyHTML, "data-part=\"") < len(places) {
					t.Errorf("places %q for %d parts in %s", places, len(item.Parts), item.BodyHTML)
				}
				for _, part := range item.Parts {
					if len(part.Choices)+len(part.Numbers)+len(part.Texts) == 0 {
						t.Errorf("part %s has no key", part.PartID)
					}
					markup += part.PromptHTML
					for _, c := range part.Choices {
						markup += c.HTML + c.FeedbackHTML
					}
					for _, k := range part.Texts {
						if _, err := regexp.Compile(k.Pattern); k.Match == "regexp" && err != nil {
							t.Errorf("pattern %q: %v", k.Pattern, err)
						}
					}
				}
			} else if b.Kind == KindPlaceholder && len(report.Of(Skipped)) == 0 {
				t.Errorf("a placeholder without a line in the report")
			}
			if lower := strings.ToLower(markup); strings.Contains(lower, "<script") || strings.Contains(lower, "<iframe") {
				t.Errorf("not sanitised: %s", markup)
			}
		}
		if report.Counts.Problems != 1 {
			t.Errorf("%d problems, want 1", report.Counts.Problems)
		}
	})
}

const minimalProblem = `<course url_name="r" org="O" course="N"><chapter display_name="C"><sequential><vertical><problem url_name="p"/></vertical></sequential></chapter></course>`

// FuzzArchive: any bytes are a course or refused as invalid.
func FuzzArchive(f *testing.F) {
	f.Add(archiveOf(f, false, minimal()...))
	f.Add(archiveOf(f, true, minimal()...))
	f.Add(archiveOf(f, false, minimal(entry{name: "../x", text: "y"})...))
	f.Fuzz(func(t *testing.T, data []byte) {
		src, err := OpenArchive(context.Background(), bytes.NewReader(data), Limits{TotalBytes: 1 << 20, Files: 100})
		if err == nil {
			for name := range src.files {
				if strings.Contains(name, "..") && strings.Contains("/"+name+"/", "/../") || strings.HasPrefix(name, "/") {
					t.Errorf("the path %q leaves the export", name)
				}
			}
			_, _, err = Parse(context.Background(), src, Options{OrganisationID: organisation})
			if err := src.Close(); err != nil {
				t.Error(err)
			}
		}
		var refused *InvalidError
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("got %v, want an InvalidError", err)
		}
	})
}

// FuzzPath: a path that is accepted stays below the root.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"a/b", "./a", "../a", "/a", "a//b", "a/../b", `a\b`, "a/", ".", "", "\xff", strings.Repeat("a/", 30)} {
		f.Add(seed)
	}
	limits := Limits{}.withDefaults()
	f.Fuzz(func(t *testing.T, name string) {
		clean, err := cleanPath(name, limits)
		if err != nil {
			return
		}
		for _, part := range strings.Split(clean, "/") {
			if part == ".." || part == "" || part == "." && clean != "." {
				t.Errorf("%q became %q", name, clean)
			}
		}
	})
}

// FuzzEvaluate and the translation of patterns must come to an end, too.
func FuzzNotation(f *testing.F) {
	f.Add("1+2*(3)^-4", `\w+[^\d]{,3}`)
	f.Add("sqrt(2k)||3%", `(?i)a|[]b]`)
	f.Fuzz(func(t *testing.T, expression, pattern string) {
		if _, err := evaluate(expression); err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
		if translated, _, err := translateRegexp(pattern, true); err == nil {
			if _, err := regexp.Compile(translated); err != nil {
				t.Errorf("%q became %q: %v", pattern, translated, err)
			}
		}
		optionList(pattern)
	})
}
