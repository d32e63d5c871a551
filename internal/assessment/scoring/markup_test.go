package scoring

import (
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestPlaceholdersAreFilled(t *testing.T) {
	t.Parallel()
	d := draw{
		values: map[string]value{"n": {text: "-2.5"}},
		texts: func(name string) []string {
			return map[string][]string{"T": {"A"}, "L": {"x", "<y>"}}[name]
		},
	}
	known := names{"n": true, "T": true, "L": true, "EMPTY": true}
	for source, want := range map[string]string{
		`<p>n is <span data-variable="n"></span>.</p>`:                `<p>n is -2.5.</p>`,
		`\(<span data-variable="n"></span>x^2\)`:                      `\(-2.5x^2\)`,
		`<math><mi data-variable="n"></mi><mo>+</mo></math>`:          `<math><mn>-2.5</mn><mo>+</mo></math>`,
		`<math><mn data-variable="n">?</mn></math>`:                   `<math><mn>-2.5</mn></math>`,
		`<span data-variable="n"><b>old</b> <span>x</span></span>.`:   `-2.5.`,
		`<span data-variable="n"/>.`:                                  `-2.5.`,
		`<span data-variable="L"></span>`:                             `x, &lt;y&gt;`,
		`<span data-variable="EMPTY"></span>|`:                        `|`,
		`a<div data-when="T" data-is="A" class="c"><p>yes</p></div>b`: `a<div class="c"><p>yes</p></div>b`,
		`a<div data-when="T" data-is="B"><p>yes</p></div>b`:           `ab`,
		`a<span data-when="T" data-is-not="A">yes</span>b`:            `ab`,
		`a<span data-when="T" data-is-not="B">yes</span>b`:            `a<span>yes</span>b`,
		`<span data-when="L" data-is="x">in the list</span>`:          `<span>in the list</span>`,
		`<span data-when="n" data-is="-2.5">equal</span>`:             `<span>equal</span>`,
		`<div data-when="T" data-is="A">1<div>2</div><div data-when="T" data-is="B">3</div><span data-variable="n"></span></div>4`: `<div>1<div>2</div>-2.5</div>4`,
		`<div data-when="T" data-is="B">1<div>2</div><div data-when="T" data-is="A">3</div></div>4`:                                `4`,
		`<div data-when="T" data-is="B"><p>open<br>ended<p>paragraphs</div>after`:                                                  `after`,
		`<div data-when="T" data-is="A">never closed`:                                                                              `<div>never closed`,
		`<img data-when="T" data-is="A" src="x">after`:                                                                             `<img src="x">after`,
		`<p data-part="1">stays &amp; stays</p><!-- data-variable="n" -->`:                                                         `<p data-part="1">stays &amp; stays</p><!-- data-variable="n" -->`,
	} {
		m, err := parseMarkup("f", source, known)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := m.render(d); got != want {
			t.Errorf("%s\n became %s\n    want %s", source, got, want)
		}
	}
}

func TestMarkupOfItemsWithoutVariablesIsLeftAlone(t *testing.T) {
	t.Parallel()
	const source = `<span data-variable="n">5</span><div data-when="T" data-is="A">x</div>`
	def := itemOf(event.PartV1{Kind: event.SingleChoice, Choices: choices("1")})
	def.BodyHTML = source
	if got := parse(t, def).View(1).BodyHTML; got != source {
		t.Errorf("%s", got)
	}
}

// Every text of an item shows the learner's numbers.
func TestEveryTextIsFilled(t *testing.T) {
	t.Parallel()
	const place = `<span data-variable="n"></span>`
	def := event.ItemV1{
		ItemID: itemID, Weight: "1", BodyHTML: "body" + place, ExplanationHTML: "explanation" + place, HintsHTML: []string{"hint" + place},
		Variables: []event.VariableV1{{Name: "n", Kind: event.ListVariable, Values: []string{"42"}}},
		Bands:     []event.BandV1{{From: "0", FeedbackHTML: "band" + place}},
		Parts: []event.PartV1{
			{PartID: "1", Kind: event.SingleChoice, PromptHTML: "prompt" + place, Choices: []event.ChoiceV1{{ChoiceID: "a", HTML: "choice" + place, Credit: "1", FeedbackHTML: "chosen" + place}}},
			{PartID: "2", Kind: event.Matching, Choices: without("a"), Targets: []event.TargetV1{{TargetID: "X", HTML: "target" + place}}, Pairs: []event.PairKeyV1{{ChoiceID: "a", TargetID: "X", Credit: "1", FeedbackHTML: "pair" + place}}},
			{PartID: "3", Kind: event.Essay, Essay: &event.EssayV1{TemplateHTML: "template" + place}, Rubric: []event.CriterionV1{{CriterionID: "c", HTML: "criterion" + place, Levels: []event.LevelV1{{LevelID: "l", Points: "1"}}}}},
			{PartID: "4", Kind: event.Text, Texts: []event.TextKeyV1{{Match: event.MatchExact, Pattern: "a", Credit: "1"}}, CorrectFeedbackHTML: "right" + place, IncorrectFeedbackHTML: "wrong" + place},
		},
	}
	it := parse(t, def)
	hint, _ := it.Hint(0, 1)
	view, key := it.View(1), it.Key(1)
	right := it.ScoreMarks(Response{"1": pick("a"), "2": match("a", "X"), "4": write("a")}, 1, Marks{"3": {Credit: new(Score)}})
	wrong := it.Score(Response{"4": write("b")}, 1)
	for want, got := range map[string]string{
		"hint": hint, "body": view.BodyHTML, "explanation": key.ExplanationHTML, "prompt": view.Parts[0].PromptHTML, "choice": view.Parts[0].Choices[0].HTML,
		"target": view.Parts[1].Targets[0].HTML, "template": view.Parts[2].Essay.TemplateHTML, "criterion": view.Parts[2].Rubric[0].HTML,
		"chosen": strings.Join(right.Parts[0].FeedbackHTML, ""), "pair": strings.Join(right.Parts[1].FeedbackHTML, ""),
		"right": strings.Join(right.Parts[3].FeedbackHTML, ""), "wrong": strings.Join(wrong.Parts[3].FeedbackHTML, ""), "band": strings.Join(right.FeedbackHTML, ""),
	} {
		if got != want+"42" {
			t.Errorf("%s is %q", want, got)
		}
	}
}

func TestConditionsAreNotNestedForEver(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat(`<div data-when="T" data-is="A">`, n) }
	if _, err := parseMarkup("f", deep(maxMarkupDepth), names{"T": true}); err != nil {
		t.Error(err)
	}
	if _, err := parseMarkup("f", deep(100_000), names{"T": true}); err == nil {
		t.Error("conditions are nested without end")
	}
}

// FuzzMarkup holds markup to what holds of all: it comes to an end, says the same
// twice, and without placeholders stays as it is.
func FuzzMarkup(f *testing.F) {
	f.Add(`<p><span data-variable="n"></span></p>`)
	f.Add(`<div data-when="T" data-is="A"><div data-when="T" data-is-not="B">x</div></div>`)
	f.Add(`<math><mi data-variable="n"/></math><script>data-when</script>`)
	f.Add("<div data-when=T data-is='A'><textarea></div>")
	f.Fuzz(func(t *testing.T, source string) {
		m, err := parseMarkup("f", source, names{anyName: true})
		if err != nil {
			return
		}
		d := draw{values: map[string]value{"n": {text: "<&>"}}, texts: func(string) []string { return []string{"A"} }}
		got := m.render(d)
		if again := m.render(d); again != got {
			t.Fatalf("first %q, then %q", got, again)
		}
		if !strings.Contains(source, "data-") && got != source {
			t.Fatalf("%q became %q", source, got)
		}
	})
}
