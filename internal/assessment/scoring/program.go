package scoring

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/assessment/qti"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// The limits of programs.
const (
	programLanguage = "qti-3.0"
	maxFeedbacks    = 500
	maxTrace        = 8000 // bytes of the derivation that a result keeps
)

// program is scoring that is written out.
type program struct {
	*qti.Program
	max       Score
	feedbacks []outcomeFeedback
	// manual programs leave the score to people: the parts are scored, or marked,
	// as they are without a program.
	manual bool
}

// outcomeFeedback is shown if an outcome has a value, or has it not.
type outcomeFeedback struct {
	outcome, identifier string
	hide                bool
	title               string
	html                markup
}

func (it *Item) setProgram(def event.ItemV1, s *scope) error {
	if len(def.Variables)+len(def.DataSets) > 0 {
		return errors.New("variables: the item has a program, which has variables of its own")
	}
	p := def.Program
	if p.Language != programLanguage {
		return fmt.Errorf("program.language: %s is not %q", quote(p.Language), programLanguage)
	}
	if err := checkText("program.source", p.Source, 1, maxMarkupBytes); err != nil {
		return err
	}
	parsed, err := qti.Parse(p.Source)
	if err != nil {
		return fmt.Errorf("program.source: %w", err)
	}
	if _, err := parsed.Draw(0); err != nil {
		return fmt.Errorf("program.source: %w", err)
	}
	it.program = &program{Program: parsed, manual: leavesToPeople(parsed)}
	if it.program.max, err = ParseScore(p.Max); err != nil {
		return fmt.Errorf("program.max: %w", err)
	}
	if it.program.max.IsZero() {
		return errors.New("program.max: it is zero")
	}
	// Items refer to variables that they do not have, and get nothing for them.
	s.programmed, s.names = true, names{anyName: true}
	return it.program.setFeedbacks(p.Feedbacks, s)
}

// leavesToPeople reports whether nothing sets the score, or somebody else is to.
func leavesToPeople(p *qti.Program) bool {
	score, ok := p.Declaration("SCORE")
	return !p.HasResponseProcessing() || ok && score.External == "human"
}

func (p *program) setFeedbacks(defs []event.OutcomeFeedbackV1, s *scope) error {
	if err := checkCount("program.feedbacks", len(defs), 0, maxFeedbacks); err != nil {
		return err
	}
	for i, d := range defs {
		place := "program.feedbacks" + at(i)
		f := outcomeFeedback{outcome: d.Outcome, identifier: d.Identifier, hide: d.Hide, title: d.Title}
		if declared, ok := p.Declaration(d.Outcome); !ok || declared.Kind != qti.OutcomeVariable {
			return fmt.Errorf("%s.outcome: the program has no outcome %s", place, quote(d.Outcome))
		}
		if err := checkText(place+".title", d.Title, 0, maxTitleBytes); err != nil {
			return err
		}
		var err error
		if f.html, err = parseMarkup(place+".feedback_html", d.FeedbackHTML, s.names); err != nil {
			return err
		}
		p.feedbacks = append(p.feedbacks, f)
	}
	return nil
}

// checkParts refuses parts whose response the program does not know.
func (p *program) checkParts(parts []part) error {
	for i := range parts {
		declared, ok := p.Declaration(parts[i].id)
		if parts[i].takes != 0 && (!ok || declared.Kind != qti.ResponseVariable) {
			return fmt.Errorf("parts%s.part_id: the program has no response %s", at(i), quote(parts[i].id))
		}
	}
	return nil
}

// into draws the program's variables for d.
func (p *program) into(d *draw) {
	// Items of one attempt must not all draw the same numbers.
	template, err := p.Draw(int64(d.sequence("", "program").Next()))
	if err != nil {
		return // scoring says why
	}
	d.drawn = template
	d.texts = func(name string) []string { return template.Variable(name).Strings() }
}

// scoreProgram scores a response by the program. Without a response there is no
// score, whatever the program makes of nothing.
func (it *Item) scoreProgram(r Response, d draw) Result {
	result := Result{Max: it.weight, Parts: make([]PartResult, 0, len(it.parts))}
	responses := make(map[string]qti.Value, len(it.parts))
	for i := range it.parts {
		p := &it.parts[i]
		scored := PartResult{PartID: p.id, Max: p.max}
		value, how := it.program.respond(p, r[p.id])
		scored.Answered = r[p.id].answered()
		scored.How = how
		scored.Correct = scored.Answered && len(it.parts) > 1 && equals(value, d.drawn.Correct(p.id))
		responses[p.id] = value
		result.Parts = append(result.Parts, scored)
	}
	if !result.Answered() {
		return result
	}
	outcomes, trace, err := it.program.Score(d.drawn, responses)
	if err != nil {
		result.How = "The program cannot score the answer: " + err.Error() + "."
		return result
	}
	it.takeScore(&result, outcomes, trace)
	it.program.addFeedback(&result, outcomes, d)
	it.addBand(&result, d)
	return result
}

// respond turns the response to a part into the value of its variable.
func (p *program) respond(part *part, r PartResponse) (v qti.Value, how string) {
	if fault := part.check(r); fault != nil {
		return v, "The answer cannot be scored: " + fault.Message + "."
	}
	if !r.answered() {
		return v, "Not answered."
	}
	v, err := p.Response(part.id, r.texts()...)
	if err != nil {
		return v, fmt.Sprintf("The answer counts as none: %v.", err)
	}
	return v, "Scored with the whole item by its program."
}

// texts is a response as QTI writes its values.
func (r PartResponse) texts() []string {
	texts := slices.Clone(r.Choices)
	for _, p := range r.Pairs {
		texts = append(texts, p[0]+" "+p[1])
	}
	for _, p := range r.Points {
		texts = append(texts, strconv.Itoa(p[0])+" "+strconv.Itoa(p[1]))
	}
	for _, f := range r.Files {
		texts = append(texts, f.Name)
	}
	if len(texts) == 0 {
		texts = append(texts, strings.TrimSpace(r.Text))
	}
	return texts
}

// takeScore turns SCORE into points.
func (it *Item) takeScore(result *Result, outcomes qti.Outcomes, trace qti.Trace) {
	lines := trace.Lines()
	n, ok := outcomes.Score()
	if !ok {
		lines = append(lines, "SCORE is no number, which counts as nothing.")
	}
	if !n.Exact() {
		// What is left of 1 after float64 arithmetic is 1.
		if rounded, err := n.RoundTo(maxScoreDecimal); err == nil {
			n = rounded
		}
	}
	score := FromRat(n.Rat()).times(it.weight).over(it.program.max)
	result.Score = score.within(it.min, it.weight)
	line := fmt.Sprintf("SCORE is %s of %s, which is %s of %s points.", readable(n), it.program.max, result.Score, it.weight)
	if result.Score.Cmp(score) != 0 {
		line = fmt.Sprintf("SCORE is %s of %s; the item scores from %s to %s points.", readable(n), it.program.max, it.min, it.weight)
	}
	result.How = shortened(lines, maxTrace) + line
	if len(it.parts) == 1 && !it.weight.IsZero() {
		p := &result.Parts[0]
		p.Score, p.Credit = result.Score, result.Score.over(it.weight)
		p.Correct = p.Credit.isWhole()
	}
}

// shortened is lines up to a size, each with its end.
func shortened(lines []string, limit int) string {
	var b strings.Builder
	for _, line := range lines {
		if b.Len()+len(line) > limit {
			b.WriteString("...\n")
			break
		}
		b.WriteString(strings.ToValidUTF8(line, "?"))
		b.WriteByte('\n')
	}
	return b.String()
}

// addFeedback adds what the outcomes show. It may tell their values.
func (p *program) addFeedback(result *Result, outcomes qti.Outcomes, d draw) {
	if len(p.feedbacks) == 0 {
		return
	}
	d.texts = func(name string) []string {
		if v := outcomes.Value(name); !v.IsNull() {
			return v.Strings()
		}
		return d.drawn.Variable(name).Strings()
	}
	for i := range p.feedbacks {
		f := &p.feedbacks[i]
		if outcomes.Value(f.outcome).Has(f.identifier) == f.hide {
			continue
		}
		shown := f.html.render(d)
		if f.title != "" {
			shown = "<p><strong>" + html.EscapeString(f.title) + "</strong></p>" + shown
		}
		if shown != "" {
			result.FeedbackHTML = append(result.FeedbackHTML, shown)
		}
	}
}

// equals reports whether a response is the correct one. Without one it is not.
func equals(given, correct qti.Value) bool {
	if given.IsNull() || correct.IsNull() || given.Len() != correct.Len() {
		return false
	}
	if a, ok := given.Number(); ok {
		b, ok := correct.Number()
		return ok && a.Cmp(b) == 0
	}
	a, b := given.Strings(), correct.Strings()
	if correct.Cardinality() == qti.Multiple {
		slices.Sort(a)
		slices.Sort(b)
	}
	return slices.Equal(a, b)
}

// answers are the correct response, if the program tells it.
func (p *program) answers(part *part, d draw) []Answer {
	r, ok := p.full(part, d)
	if !ok {
		return nil
	}
	var answers []Answer
	add := func(a Answer) {
		a.Credit = whole
		answers = append(answers, a)
	}
	switch {
	case part.kind == event.Ordering:
		add(Answer{Order: r.Choices})
	case r.Text != "":
		add(Answer{Text: r.Text})
	}
	if part.kind != event.Ordering {
		for _, id := range r.Choices {
			add(Answer{ChoiceID: id})
		}
	}
	for _, pair := range r.Pairs {
		add(Answer{ChoiceID: pair[0], TargetID: pair[1]})
	}
	for _, point := range r.Points {
		add(Answer{Text: fmt.Sprintf("(%d, %d)", point[0], point[1])})
	}
	return answers
}

// full is the correct response, if the program tells it.
func (p *program) full(part *part, d draw) (PartResponse, bool) {
	var r PartResponse
	correct := d.drawn.Correct(part.id)
	if correct.IsNull() {
		return r, false
	}
	texts := correct.Strings()
	switch part.takes {
	case choiceShape:
		r.Choices = texts
	case pairShape:
		for _, text := range texts {
			a, b, _ := strings.Cut(text, " ")
			r.Pairs = append(r.Pairs, [2]string{a, b})
		}
	case pointShape:
		for _, text := range texts {
			if point, ok := parsePoint(text); ok {
				r.Points = append(r.Points, point)
			}
		}
	case textShape:
		r.Text = texts[0]
	}
	return r, r.answered()
}

func parsePoint(text string) ([2]int, bool) {
	before, after, _ := strings.Cut(text, " ")
	x, errX := strconv.Atoi(before)
	y, errY := strconv.Atoi(after)
	return [2]int{x, y}, errX == nil && errY == nil
}
