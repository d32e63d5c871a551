package scoring

import (
	"fmt"
	"math/rand/v2"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// generator makes valid items and responses to them. Whatever a learner must not
// see has a marker: words begin with "SECRET", numbers hold "777".
type generator struct{ *rand.Rand }

func newGenerator(a, b uint64) generator { return generator{rand.New(rand.NewPCG(a, b))} }

// secret is markup for after the release, or none.
func (g generator) secret() string { return g.of("", "SECRET-feedback") }

func (g generator) of(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) flip() bool { return g.IntN(2) == 0 }

// credit is a share that no other number looks like, often full.
func (g generator) credit() string {
	return g.of("1", fmt.Sprintf("0.777%02d", g.IntN(100)), fmt.Sprintf("-0.777%02d", g.IntN(100)), "0")
}

func letters(from rune, n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, string(from+rune(i)))
	}
	return ids
}

// kinds are all of them.
func kinds() []event.PartKind {
	return []event.PartKind{
		event.SingleChoice, event.MultipleChoice, event.Dropdown, event.Numerical, event.Text, event.TrueFalse, event.HotText, event.Hotspot,
		event.Ordering, event.Matching, event.GapMatch, event.ImageGapMatch, event.Association, event.Point, event.Slider, event.Formula,
		event.Essay, event.FileUpload, event.Unsupported,
	}
}

// item has parts of random kinds, or of the given one.
func (g generator) item(only ...event.PartKind) event.ItemV1 {
	all := kinds()
	if len(only) > 0 {
		all = only
	}
	var parts []event.PartV1
	for i := range 1 + g.IntN(5) {
		p := g.part(all[g.IntN(len(all))])
		p.PartID = fmt.Sprint(i + 1)
		parts = append(parts, p)
	}
	def := itemOf(parts...)
	def.Source = "SECRET-source"
	def.Weight = fmt.Sprintf("%d.%d", g.IntN(20), g.IntN(100))
	def.MinScore = g.of("", "-0.777", "-20.777")
	def.ExplanationHTML = "SECRET-explanation"
	def.HintsHTML = []string{"SECRET-hint"}
	def.Variables = []event.VariableV1{
		{Name: "a", Kind: event.RangeVariable, Low: "1", High: "6"},
		{Name: "b", Kind: event.FormulaVariable, Expression: "a*777 + 1"},
	}
	def.BodyHTML = `<p>a is <span data-variable="a"></span></p>`
	def.Bands = []event.BandV1{{From: "0.777", FeedbackHTML: g.secret()}, {From: "0", FeedbackHTML: g.secret()}}
	return def
}

func (g generator) part(kind event.PartKind) event.PartV1 {
	p := event.PartV1{
		Kind: kind, PromptHTML: "<p>?</p>", CorrectFeedbackHTML: g.secret(), IncorrectFeedbackHTML: g.secret(),
		Weight: g.of("", "1", "0", "777.5"), LowBound: g.of("", "", "-0.777", "-777"), HighBound: g.of("", "", "1", "0.777"),
	}
	switch kind {
	case event.SingleChoice, event.Dropdown, event.TrueFalse, event.MultipleChoice, event.HotText, event.Hotspot:
		g.addChoices(&p)
	case event.Ordering:
		g.addOrder(&p)
	case event.Matching, event.GapMatch, event.ImageGapMatch, event.Association:
		g.addPairs(&p)
	case event.Point:
		p.Image, p.MaxChoices = picture(), g.IntN(4)
		for range g.IntN(4) {
			p.Areas = append(p.Areas, event.AreaKeyV1{Area: g.area(), Credit: g.credit(), FeedbackHTML: g.secret()})
		}
	case event.Numerical:
		p.Numbers = g.numbers()
		if g.flip() {
			p.Units = []event.UnitV1{{Name: "SECRETm", Factor: "1"}, {Name: "SECRETcm", Factor: "1/777"}}
			p.UnitRequired, p.UnitPenalty = g.flip(), g.of("", "0.777")
		}
	case event.Slider:
		p.Slider = &event.SliderV1{Low: "-5", High: "5", Step: g.of("", "1", "0.25")}
		p.Numbers = g.numbers()
	case event.Text:
		for range 1 + g.IntN(3) {
			match := []event.TextMatch{event.MatchExact, event.MatchFold, event.MatchRegexp, event.MatchNormalised, event.MatchWildcard, event.MatchWildcardFold}[g.IntN(6)]
			p.Texts = append(p.Texts, event.TextKeyV1{Match: match, Pattern: g.of("SECRET", "SECRET.*", "SECRET a*b"), Credit: g.credit(), FeedbackHTML: g.secret()})
		}
	case event.Formula:
		p.Domain = []event.DomainV1{{Name: "x", Low: "-3", High: "3"}, {Name: "y", Low: "1", High: "2"}}
		p.Formulas = []event.FormulaKeyV1{{Expression: g.of("777*x", "x+777*y", "b*x", "sqrt(x)+777"), Credit: g.credit(), FeedbackHTML: g.secret()}}
		p.Samples = g.IntN(5)
	case event.Essay:
		p.Essay = &event.EssayV1{GuidanceHTML: "SECRET-guidance", Attachments: g.IntN(3), MaxWords: g.IntN(10)}
		p.Rubric = []event.CriterionV1{{CriterionID: "c", HTML: "C", Levels: []event.LevelV1{{LevelID: "SECRET", HTML: "SECRET", Points: "777"}, {LevelID: "none", HTML: "SECRET", Points: g.of("0", "-777")}}}}
	case event.FileUpload:
		p.MaxChoices = g.IntN(3)
	}
	return p
}

func (g generator) addChoices(p *event.PartV1) {
	ids := letters('a', 1+g.IntN(7))
	if p.Kind == event.TrueFalse {
		ids = []string{"true", "false"}
	}
	set := p.Kind == event.MultipleChoice || p.Kind == event.HotText || p.Kind == event.Hotspot
	if set {
		p.Credit = []event.PartialCredit{event.AllOrNothing, event.EveryChoice, event.Halves, event.SumOfCredits}[g.IntN(4)]
		p.MaxChoices = g.IntN(len(ids) + 1)
		p.Compounds = []event.CompoundFeedbackV1{{ChoiceIDs: ids[:1], FeedbackHTML: "SECRET-compound"}}
	}
	for _, id := range ids {
		c := event.ChoiceV1{ChoiceID: id, HTML: "<i>" + id + "</i>", Credit: g.credit(), Fixed: g.IntN(4) == 0, FeedbackHTML: g.secret()}
		if set && p.Credit != event.SumOfCredits {
			c.Credit = g.of("0", "1")
		}
		if p.Kind == event.Hotspot {
			area := g.area()
			c.Area = &area
		}
		p.Choices = append(p.Choices, c)
	}
	if p.Kind == event.Hotspot {
		p.Image = picture()
	}
	p.Shuffle = g.flip()
}

func (g generator) addOrder(p *event.PartV1) {
	ids := letters('a', 1+g.IntN(5))
	p.Choices = without(ids...)
	p.Credit = []event.PartialCredit{event.AllOrNothing, event.EveryPlace, event.Neighbours, event.LongestRun}[g.IntN(4)]
	for range 1 + g.IntN(3) {
		order := append([]string(nil), ids...)
		g.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		p.Orders = append(p.Orders, order[:1+g.IntN(len(order))])
	}
}

func (g generator) addPairs(p *event.PartV1) {
	from := letters('a', 2+g.IntN(4))
	p.Choices = without(from...)
	to := from
	if p.Kind != event.Association {
		to = letters('A', 1+g.IntN(4))
		p.Targets = targets(to...)
		p.ShuffleTargets = g.flip()
	}
	if p.Kind == event.ImageGapMatch {
		p.Image = picture()
		for i := range p.Targets {
			area := g.area()
			p.Targets[i].Area = &area
		}
	}
	p.Credit = []event.PartialCredit{event.AllOrNothing, event.EveryPair, event.SumOfCredits}[g.IntN(3)]
	seen := map[string]bool{}
	for range g.IntN(6) {
		a, b := g.of(from...), g.of(to...)
		if seen[a+b] || p.Kind == event.Association && seen[b+a] {
			continue
		}
		seen[a+b] = true
		key := event.PairKeyV1{ChoiceID: a, TargetID: b, Credit: g.credit(), FeedbackHTML: g.secret()}
		if p.Credit != event.SumOfCredits {
			key.Credit = g.of("1", "1", "0")
		}
		p.Pairs = append(p.Pairs, key)
	}
	p.Shuffle = g.flip()
}

func (g generator) numbers() []event.NumberKeyV1 {
	two := 2
	return [][]event.NumberKeyV1{
		{{Value: "777", Credit: "1", FeedbackHTML: g.secret()}, {Low: "2", High: "7.77", Credit: g.credit()}},
		{{Value: "b/777", Tolerance: "7.77%", Credit: g.credit()}},
		{{Value: "3", Tolerance: "0.777", Geometric: true, Credit: g.credit()}, {Low: "0", Credit: g.credit(), Figures: 3}, {High: "7.77", Credit: g.credit(), Decimals: &two}},
	}[g.IntN(3)]
}

// area lies anywhere, mostly in the picture.
func (g generator) area() event.AreaV1 {
	x, y, r, s := g.IntN(250), g.IntN(150), g.IntN(60), g.IntN(60)
	return []event.AreaV1{
		{Shape: event.Circle, Coords: []int{x, y, r}},
		rect(x, y, x+r, y+s),
		{Shape: event.Ellipse, Coords: []int{x, y, r, s}},
		{Shape: event.Polygon, Coords: []int{x, y, x + r, y, x, y + s, x - r, y - s}},
		{Shape: event.WholeImage},
	}[g.IntN(5)]
}

// response fits the item, mostly.
func (g generator) response(def event.ItemV1) Response {
	response := Response{}
	for _, p := range def.Parts {
		switch g.IntN(12) {
		case 0, 1:
			continue
		case 2:
			response[p.PartID] = PartResponse{Choices: []string{"?", "a", "a"}, Text: "\xff", Pairs: [][2]string{{"a", "?"}}, Points: [][2]int{{-1, 1 << 20}}}
		default:
			response[p.PartID] = g.answer(p)
		}
	}
	return response
}

func (g generator) answer(p event.PartV1) PartResponse {
	var r PartResponse
	switch k, _ := kindOf(p.Kind); {
	case k.takes == choiceShape:
		for _, i := range g.Perm(len(p.Choices)) {
			if (len(r.Choices) == 0 || !k.one) && g.flip() {
				r.Choices = append(r.Choices, p.Choices[i].ChoiceID)
			}
		}
	case k.takes == pairShape:
		for range g.IntN(5) {
			a := p.Choices[g.IntN(len(p.Choices))].ChoiceID
			var b string
			if p.Kind == event.Association {
				b = p.Choices[g.IntN(len(p.Choices))].ChoiceID
			} else {
				b = p.Targets[g.IntN(len(p.Targets))].TargetID
			}
			r.Pairs = append(r.Pairs, [2]string{a, b})
		}
	case k.takes == pointShape:
		for range g.IntN(4) {
			r.Points = append(r.Points, [2]int{g.IntN(210), g.IntN(110)})
		}
	case k.takes == fileShape:
		r = attach(letters('a', g.IntN(3))...)
	case p.Kind == event.Slider:
		r.Text = g.of("1", "-5", "2.25", "0.1", "99")
	case p.Kind == event.Numerical:
		r.Text = g.of("1", "2+2", "7/3", "five", "-1", "sqrt(9)", "777", "2.50", "3.00 SECRETm", "777 SECRETcm", "3 furlongs")
	case p.Kind == event.Formula:
		r.Text = g.of("777*x", "x + y*777", "778*x", "1/x", "x^", "sqrt(x)+777")
	default:
		r.Text = g.of("secret", "SECRET", "SECRET aXb", " ", "a few words of mine")
	}
	return r
}

// reordered says the same in another order, where the order says nothing.
func (g generator) reordered(kind event.PartKind, r PartResponse) PartResponse {
	if kind != event.Ordering {
		r.Choices = append([]string(nil), r.Choices...)
		g.Shuffle(len(r.Choices), func(i, j int) { r.Choices[i], r.Choices[j] = r.Choices[j], r.Choices[i] })
	}
	r.Pairs = append([][2]string(nil), r.Pairs...)
	g.Shuffle(len(r.Pairs), func(i, j int) { r.Pairs[i], r.Pairs[j] = r.Pairs[j], r.Pairs[i] })
	r.Points = append([][2]int(nil), r.Points...)
	g.Shuffle(len(r.Points), func(i, j int) { r.Points[i], r.Points[j] = r.Points[j], r.Points[i] })
	if kind == event.Association && g.flip() {
		for i, p := range r.Pairs {
			r.Pairs[i] = [2]string{p[1], p[0]}
		}
	}
	return r
}
