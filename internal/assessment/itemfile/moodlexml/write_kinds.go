package moodlexml

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// planSingle is plan for an item of one part that stands after its text.
func (w *writing) planSingle(p *event.PartV1) (string, func()) {
	switch p.Kind {
	case event.TrueFalse:
		if isTrueFalse(p) {
			return "truefalse", func() { w.trueFalse(p) }
		}
		return "multichoice", func() { w.multichoice(p) }
	case event.SingleChoice, event.Dropdown, event.MultipleChoice:
		return "multichoice", func() { w.multichoice(p) }
	case event.Text:
		if len(w.patterns(p)) == 0 {
			w.cannot = "all its answers are regular expressions, and Moodle has none"
		}
		return "shortanswer", func() { w.shortAnswer(p) }
	case event.Numerical, event.Slider:
		if len(w.numbers(p)) == 0 {
			w.cannot = "none of its answers is a number with a margin, and Moodle has nothing else"
		}
		return "numerical", func() { w.numerical(p) }
	case event.Matching:
		return "matching", func() { w.matching(p) }
	case event.Ordering:
		return "ordering", func() { w.ordering(p) }
	case event.ImageGapMatch:
		return w.planImage(p)
	case event.Essay, event.FileUpload:
		return "essay", func() { w.essay(p) }
	}
	w.cannot = fmt.Sprintf("Moodle has no questions of the kind %s", p.Kind)
	return "", nil
}

func isTrueFalse(p *event.PartV1) bool {
	if len(p.Choices) != 2 {
		return false
	}
	a, b := p.Choices[0], p.Choices[1]
	return a.ChoiceID == "true" && b.ChoiceID == "false" && (a.Credit == "1" && b.Credit == "0" || a.Credit == "0" && b.Credit == "1")
}

// percentOf is a credit as Moodle's percentage.
func (w *writing) percentOf(credit string) string {
	r, ok := moodletext.Decimal(orElse(credit, "0"))
	if !ok {
		return "0"
	}
	one := big.NewRat(1, 1)
	if r.Cmp(one) > 0 || r.Cmp(new(big.Rat).Neg(one)) < 0 {
		w.notes.Add(itemfile.Simplified, "credit "+credit, "Moodle's fractions go from -100 to 100 percent")
		if r.Sign() > 0 {
			return "100"
		}
		return "-100"
	}
	return moodletext.DecimalText(r.Mul(r, big.NewRat(100, 1)), 7)
}

// answer writes an answer with what comes after its text.
func (w *writing) answer(text, credit, feedback string, more ...string) {
	w.raw("    <answer fraction=\"" + w.percentOf(credit) + "\" format=\"moodle_auto_format\">\n      <text>" + cdata(text) + "</text>\n")
	w.text("feedback", feedback)
	for _, m := range more {
		w.raw("      " + m + "\n")
	}
	w.raw("    </answer>\n")
}

// combined writes the feedback by score.
func (w *writing) combined(p *event.PartV1) {
	right, partly, wrong := p.CorrectFeedbackHTML, p.IncorrectFeedbackHTML, p.IncorrectFeedbackHTML
	for i, b := range w.item.Bands {
		switch from, ok := moodletext.Decimal(b.From); {
		case !ok:
		case from.Cmp(big.NewRat(999_999, 1_000_000)) >= 0 && i == 0:
			right = b.FeedbackHTML
		case from.Sign() > 0 && from.Cmp(big.NewRat(1, 1000)) < 0:
			partly = b.FeedbackHTML
		case from.Sign() == 0:
			if wrong = b.FeedbackHTML; i < 2 {
				partly = b.FeedbackHTML
			}
		default:
			w.notes.Add(itemfile.Skipped, "feedback from the share "+b.From, "Moodle has feedback for right, partly right and wrong answers")
		}
	}
	w.text("correctfeedback", right)
	w.text("partiallycorrectfeedback", partly)
	w.text("incorrectfeedback", wrong)
}

// alone says what feedback is lost in a type without feedback by score.
func (w *writing) alone(p *event.PartV1) {
	if len(w.item.Bands) > 0 || p.CorrectFeedbackHTML != "" || p.IncorrectFeedbackHTML != "" {
		w.notes.Add(itemfile.Skipped, "feedback by score", "Moodle's questions of this type have none")
	}
}

func (w *writing) trueFalse(p *event.PartV1) {
	w.alone(p)
	for _, c := range p.Choices {
		w.answer(c.ChoiceID, c.Credit, c.FeedbackHTML)
	}
}

func truth(yes bool) string {
	if yes {
		return "true"
	}
	return "false"
}

func (w *writing) multichoice(p *event.PartV1) {
	single := p.Kind != event.MultipleChoice
	w.element("single", truth(single))
	w.element("shuffleanswers", truth(p.Shuffle))
	w.element("answernumbering", "abc")
	w.combined(p)
	credits := w.credits(p)
	for i, c := range p.Choices {
		w.open("answer", c.HTML, ` fraction="`+w.percentOf(credits[i])+`"`)
		w.text("feedback", c.FeedbackHTML)
		w.raw("    </answer>\n")
		if c.UnselectedFeedbackHTML != "" {
			w.notes.Add(itemfile.Skipped, "feedback for a choice that is not chosen", "Moodle has none")
		}
		if c.Fixed && p.Shuffle {
			w.notes.Add(itemfile.Simplified, "a choice that keeps its place", "Moodle shuffles all or none")
		}
	}
	if len(p.Compounds) > 0 {
		w.notes.Add(itemfile.Skipped, "feedback for combinations of choices", "Moodle has none")
	}
}

// credits are the fractions of a choice. Moodle adds them up.
func (w *writing) credits(p *event.PartV1) []string {
	out := make([]string, len(p.Choices))
	for i, c := range p.Choices {
		out[i] = c.Credit
	}
	if p.Kind != event.MultipleChoice {
		return out
	}
	if p.Credit == event.SumOfCredits {
		if p.LowBound != "" && p.LowBound != "0" {
			w.notes.Add(itemfile.Simplified, "a lowest score of "+p.LowBound, "in Moodle it is 0")
		}
		return out
	}
	right := 0
	for _, c := range p.Choices {
		if c.Credit == "1" {
			right++
		}
	}
	shares := make([]moodletext.Share, len(out))
	for i, c := range p.Choices {
		switch {
		case c.Credit == "1":
			shares[i] = moodletext.Whole / moodletext.Share(right)
		case right > 0:
			shares[i] = -moodletext.Whole / moodletext.Share(right)
		}
	}
	moodletext.Complete(shares)
	for i := range shares {
		out[i] = shares[i].String()
	}
	if right != 1 || p.Credit != event.AllOrNothing {
		w.notes.Add(itemfile.Simplified, "the rule by which several choices are scored", "in Moodle each right choice earns its share and each wrong one costs as much")
	}
	return out
}

// patterns are the answers of a text part that Moodle can compare with.
func (w *writing) patterns(p *event.PartV1) []event.TextKeyV1 {
	var out []event.TextKeyV1
	for _, k := range p.Texts {
		switch k.Match {
		case event.MatchRegexp:
			w.notes.Add(itemfile.Skipped, fmt.Sprintf("answer %q", markup.Shorten(k.Pattern, 60)), "it is a regular expression, and Moodle has none")
			continue
		case event.MatchNormalised:
			w.notes.Add(itemfile.Simplified, "answers that are compared without accents and punctuation", "Moodle ignores case alone")
			k.Match = event.MatchFold
		}
		if k.Match == event.MatchExact || k.Match == event.MatchFold {
			k.Pattern = strings.ReplaceAll(k.Pattern, "*", `\*`)
		}
		if strings.TrimSpace(k.Pattern) == "" {
			w.notes.Add(itemfile.Skipped, "an empty answer", "Moodle has none")
			continue
		}
		out = append(out, k)
	}
	return out
}

func matchesCase(k event.TextKeyV1) bool {
	return k.Match == event.MatchExact || k.Match == event.MatchWildcard
}

func (w *writing) shortAnswer(p *event.PartV1) {
	w.alone(p)
	keys := w.patterns(p)
	w.element("usecase", w.useCase(keys))
	for _, k := range keys {
		w.answer(k.Pattern, k.Credit, k.FeedbackHTML)
	}
}

// useCase says whether case matters, which it does for all answers or for none.
func (w *writing) useCase(keys []event.TextKeyV1) string {
	n := 0
	for _, k := range keys {
		if matchesCase(k) {
			n++
		}
	}
	if n == len(keys) {
		return "1"
	}
	if n > 0 {
		w.notes.Add(itemfile.Simplified, "answers of which some must have the right case", "in Moodle none must")
	}
	return "0"
}

// moodleNumber is an answer of a numerical question.
type moodleNumber struct{ value, margin, credit, feedback string }

// numbers are the keys as numbers with absolute margins.
func (w *writing) numbers(p *event.PartV1) []moodleNumber {
	var out []moodleNumber
	for _, k := range p.Numbers {
		n := moodleNumber{credit: k.Credit, feedback: k.FeedbackHTML}
		var err error
		switch {
		case k.Value == "" && k.Low == "-"+anything && k.High == anything:
			n.value, n.margin = "*", "0"
		case k.Value == "":
			err = w.rangeOf(&n, k)
		default:
			err = w.valueOf(&n, k)
		}
		if k.Figures > 0 || k.Decimals != nil {
			w.notes.Add(itemfile.Skipped, "significant figures or decimal places that are demanded", "Moodle's numerical questions do not look at them")
		}
		if err != nil {
			w.notes.Add(itemfile.Skipped, fmt.Sprintf("answer %q", markup.Shorten(orElse(k.Value, k.Low+".."+k.High), 60)), err.Error())
			continue
		}
		out = append(out, n)
	}
	return out
}

func (w *writing) rangeOf(n *moodleNumber, k event.NumberKeyV1) error {
	low, errLow := exact.Evaluate(k.Low)
	high, errHigh := exact.Evaluate(k.High)
	if k.Low == "" || k.High == "" || errLow != nil || errHigh != nil {
		return errors.New("ranges without an end are unknown to Moodle")
	}
	if k.LowOpen || k.HighOpen {
		w.notes.Add(itemfile.Simplified, "a range without its ends", "in Moodle they belong to it")
	}
	half := big.NewRat(1, 2)
	n.value = plainNumber(new(big.Rat).Mul(new(big.Rat).Add(low.Rat(), high.Rat()), half))
	n.margin = plainNumber(new(big.Rat).Mul(new(big.Rat).Sub(high.Rat(), low.Rat()), half))
	return nil
}

func (w *writing) valueOf(n *moodleNumber, k event.NumberKeyV1) error {
	value, err := exact.Evaluate(k.Value)
	if err != nil {
		return fmt.Errorf("it is no number: %w", err)
	}
	if text, ok := numeral(k.Value); ok {
		n.value = text
	} else {
		n.value = plainNumber(value.Rat())
		w.notes.Add(itemfile.Info, "the expression "+markup.Shorten(k.Value, 40), "its value is written")
	}
	tolerance := strings.TrimSpace(k.Tolerance)
	if tolerance == "" {
		tolerance = "0.001%"
	}
	share, relative := strings.CutSuffix(tolerance, "%")
	margin, err := exact.Evaluate(share)
	if err != nil {
		return fmt.Errorf("its tolerance is no number: %w", err)
	}
	m := margin.Abs().Rat()
	switch {
	case k.Geometric:
		w.notes.Add(itemfile.Simplified, "a tolerance that is a factor", "in Moodle it reaches as far up as down")
		m.Mul(m, value.Abs().Rat())
	case relative:
		m.Mul(m, value.Abs().Rat()).Quo(m, big.NewRat(100, 1))
	}
	n.margin = plainNumber(m)
	return nil
}

// plainNumber writes a number with as many digits as Moodle keeps.
func plainNumber(r *big.Rat) string {
	if text := moodletext.DecimalText(r, 20); len(text) <= 24 {
		if back, ok := moodletext.Decimal(text); ok && (back.Cmp(r) == 0 || back.Sign() != 0) {
			return text
		}
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', 15, 64)
}

func (w *writing) numerical(p *event.PartV1) {
	w.alone(p)
	if p.Kind == event.Slider {
		w.notes.Add(itemfile.Simplified, "a slider", "the number is typed")
	}
	for _, n := range w.numbers(p) {
		w.answer(n.value, n.credit, n.feedback, "<tolerance>"+n.margin+"</tolerance>")
	}
	w.units(p)
}

func (w *writing) units(p *event.PartV1) {
	if len(p.Units) == 0 {
		w.element("unitgradingtype", "0")
		w.element("showunits", "3")
		return
	}
	w.raw("    <units>\n")
	for _, u := range p.Units {
		factorOf, ok := moodletext.Decimal(u.Factor)
		if !ok || factorOf.Sign() == 0 {
			continue
		}
		w.raw("      <unit><multiplier>" + factor(factorOf.Inv(factorOf)) + "</multiplier><unit_name>" + cdata(u.Name) + "</unit_name></unit>\n")
	}
	w.raw("    </units>\n")
	if p.UnitRequired {
		w.element("unitgradingtype", "2")
		w.element("unitpenalty", orElse(p.UnitPenalty, "1"))
	} else {
		w.element("unitgradingtype", "0")
		w.element("unitpenalty", "0.1")
	}
	w.element("showunits", "0")
	w.element("unitsleft", "0")
}

// matching writes statements with their answers; answers of Moodle are plain
// text.
func (w *writing) matching(p *event.PartV1) {
	if p.Credit != event.EveryPair {
		w.notes.Add(itemfile.Simplified, "the rule by which pairs are scored", "in Moodle each statement earns its share")
	}
	w.element("shuffleanswers", truth(p.Shuffle))
	w.combined(p)
	used := map[string]bool{}
	for _, t := range p.Targets {
		right := w.rightChoice(p, t.TargetID)
		if right == nil {
			w.notes.Add(itemfile.Simplified, "a statement to which nothing belongs", "it is left out: Moodle's have an answer each")
			continue
		}
		used[right.ChoiceID] = true
		w.subquestion(t.HTML, right)
	}
	for i := range p.Choices {
		if c := &p.Choices[i]; !used[c.ChoiceID] {
			w.subquestion("", c)
		}
	}
	for _, pair := range p.Pairs {
		if pair.FeedbackHTML != "" {
			w.notes.Add(itemfile.Skipped, "feedback for a pair", "Moodle has none")
		}
	}
}

// rightChoice is the choice that belongs to a target.
func (w *writing) rightChoice(p *event.PartV1, target string) *event.ChoiceV1 {
	var right *event.ChoiceV1
	for _, pair := range p.Pairs {
		credit, ok := moodletext.Decimal(orElse(pair.Credit, "0"))
		if pair.TargetID != target || !ok || credit.Sign() <= 0 {
			continue
		}
		for i := range p.Choices {
			if p.Choices[i].ChoiceID != pair.ChoiceID {
				continue
			}
			if right != nil {
				w.notes.Add(itemfile.Simplified, "several right answers for one place", "Moodle has one; the first is written")
				return right
			}
			right = &p.Choices[i]
		}
	}
	return right
}

func (w *writing) subquestion(statement string, answer *event.ChoiceV1) {
	w.open("subquestion", statement, "")
	w.raw("      <answer><text>" + cdata(w.plain(answer.HTML)) + "</text></answer>\n    </subquestion>\n")
}

// plain is markup as plain text, where Moodle has no other.
func (w *writing) plain(html string) string {
	text := moodletext.Words(html, 10_000)
	if strings.Contains(html, "<") {
		w.notes.Add(itemfile.Simplified, "formatting or images of an answer", "Moodle has plain text there")
	}
	if text == "" {
		return "?"
	}
	return text
}

func (w *writing) ordering(p *event.PartV1) {
	var order []string
	if len(p.Orders) > 0 {
		order = p.Orders[0]
	}
	if len(p.Orders) > 1 {
		w.notes.Add(itemfile.Simplified, "several right orders", "Moodle has one; the first is written")
	}
	layout := "VERTICAL"
	if p.Presentation == "horizontal" {
		layout = "HORIZONTAL"
	}
	rule := map[event.PartialCredit]string{
		event.AllOrNothing: allOrNothing, event.EveryPlace: absolutePosition, event.Neighbours: nextIncludingLast, event.LongestRun: orderedSubset,
	}[p.Credit]
	if p.Credit == event.LongestRun {
		w.notes.Add(itemfile.Simplified, "credit for the longest run in order, less one", "Moodle counts the run as it is")
	}
	w.element("layouttype", layout)
	w.element("selecttype", "ALL")
	w.element("selectcount", "0")
	w.element("gradingtype", orElse(rule, absolutePosition))
	w.element("showgrading", "SHOW")
	w.element("numberingstyle", "none")
	w.combined(p)
	for i, id := range order {
		for _, c := range p.Choices {
			if c.ChoiceID == id {
				w.open("answer", c.HTML, ` fraction="`+strconv.Itoa(i+1)+`.0000000"`)
				w.raw("    </answer>\n")
			}
		}
	}
	if len(order) < len(p.Choices) {
		w.notes.Add(itemfile.Simplified, "things that belong nowhere in the order", "they are left out")
	}
}

func (w *writing) essay(p *event.PartV1) {
	w.alone(p)
	var essay event.EssayV1
	if p.Essay != nil {
		essay = *p.Essay
	}
	format, attachments, required := "editor", essay.Attachments, 0
	switch {
	case p.Kind == event.FileUpload:
		format, attachments, required = "noinline", max(p.MaxChoices, 1), p.MinChoices
	case essay.Format == "plain", essay.Format == "monospaced":
		format = essay.Format
	}
	w.element("responseformat", format)
	w.element("responserequired", map[bool]string{true: "0", false: "1"}[p.Kind == event.FileUpload])
	w.element("responsefieldlines", strconv.Itoa(essay.Lines))
	if essay.MinWords > 0 {
		w.element("minwordlimit", strconv.Itoa(essay.MinWords))
	}
	if essay.MaxWords > 0 {
		w.element("maxwordlimit", strconv.Itoa(essay.MaxWords))
	}
	w.element("attachments", strconv.Itoa(attachments))
	w.element("attachmentsrequired", strconv.Itoa(required))
	if p.Upload != nil {
		w.element("maxbytes", strconv.FormatInt(p.Upload.MaxBytes, 10))
		w.element("filetypeslist", strings.NewReplacer("image/*", "image", "audio/*", "audio", "video/*", "video").Replace(strings.Join(p.Upload.MediaTypes, ",")))
	}
	w.text("graderinfo", essay.GuidanceHTML+w.rubric(p))
	w.text("responsetemplate", essay.TemplateHTML)
}

// rubric is the rubric as a text for those who mark: Moodle keeps rubrics in
// assignments.
func (w *writing) rubric(p *event.PartV1) string {
	if len(p.Rubric) == 0 {
		return ""
	}
	w.notes.Add(itemfile.Simplified, "rubric", "it is a text for those who mark; Moodle's questions have no rubrics")
	var b strings.Builder
	b.WriteString("<ul>")
	for _, c := range p.Rubric {
		b.WriteString("<li>" + c.HTML + "<ul>")
		for _, l := range c.Levels {
			b.WriteString("<li>" + l.HTML + " (" + escape(l.Points) + ")</li>")
		}
		b.WriteString("</ul></li>")
	}
	b.WriteString("</ul>")
	return b.String()
}
