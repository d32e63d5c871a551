package qtifile

import (
	"encoding/xml"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/qti"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// score gives the item its key: native where that is exact, else the program
// that it came with.
func (it *item) score(made *event.ItemV1) bool {
	if (!it.processed() || it.leftToPeople()) && len(it.templates.order) == 0 {
		it.unprocessed(made)
		it.finish(made)
		return true
	}
	score, messages := it.analyse()
	plain := it.snapshot()
	human := slices.ContainsFunc(it.parts, func(p *part) bool { return p.human })
	if score != nil && len(score.terms) == 0 && !human {
		it.simplified(it.root, "responseProcessing", "it does not set the outcome SCORE by any response: the item earns nothing")
		score = nil
	}
	if it.native(score) && it.nativeFeedback(made, messages) {
		it.shareWithPeople(score)
		it.finish(made)
		if check(*made) == "" {
			it.dropped()
			return true
		}
	}
	it.restore(plain)
	made.ExplanationHTML, made.MinScore = "", ""
	return it.program(made)
}

// leftToPeople reports whether the item says that people give its score, whatever
// its processing does.
func (it *item) leftToPeople() bool {
	score := it.outcomes.get(scoreOutcome)
	return score != nil && strings.EqualFold(score.get("external-scored"), "human") && slices.ContainsFunc(it.parts, func(p *part) bool { return p.human || p.Kind == event.Text })
}

// snapshot and restore keep the parts as they are without keys.
func (it *item) snapshot() []event.PartV1 {
	out := make([]event.PartV1, len(it.parts))
	for i, p := range it.parts {
		out[i] = p.PartV1
		out[i].Choices = slices.Clone(p.Choices)
	}
	return out
}

func (it *item) restore(parts []event.PartV1) {
	for i, p := range it.parts {
		p.PartV1 = parts[i]
	}
}

// finish puts the parts into the item.
func (it *item) finish(made *event.ItemV1) {
	made.Parts = make([]event.PartV1, len(it.parts))
	for i, p := range it.parts {
		made.Parts[i] = p.PartV1
	}
	made.Weight = it.weight
	made.MinScore = it.least
}

// dropped reports outcomes that nobody gets to see any more.
func (it *item) dropped() {
	var names []string
	for _, d := range it.outcomes.order {
		if d.id != scoreOutcome && d.id != "MAXSCORE" && !slices.ContainsFunc(it.feedbacks, func(f *feedback) bool { return f.outcome == d.id }) {
			names = append(names, d.id)
		}
	}
	if len(names) > 0 {
		it.info(it.root, "outcome variables "+list(names), "of outcomes only the score is kept")
	}
}

// maximum is the greatest score by the item's own words, nil if it has none.
func (it *item) maximum() *big.Rat {
	if d := it.outcomes.get("MAXSCORE"); d != nil && len(d.values) == 1 {
		if r, ok := rational(d.values[0]); ok && r.Sign() >= 0 {
			return r
		}
	}
	if d := it.outcomes.get(scoreOutcome); d != nil {
		if r, ok := rational(d.get("normal-maximum")); ok && r.Sign() >= 0 {
			return r
		}
	}
	return nil
}

// unprocessed gives keys to the parts of an item that says nothing about how it
// is scored.
func (it *item) unprocessed(made *event.ItemV1) {
	assumed := &sum{constant: new(big.Rat)}
	for _, p := range it.parts {
		d := p.decl
		switch {
		case p.human || p.Kind == event.Unsupported:
		case d.mapping != nil && len(d.mapping.entries) > 0:
			assumed.terms = append(assumed.terms, term{response: p.PartID, factor: one(), way: byMapping, guarded: true})
		case d.areas != nil && len(d.areas.entries) > 0:
			assumed.terms = append(assumed.terms, term{response: p.PartID, factor: one(), way: byArea, guarded: true})
		case len(d.correct) > 0:
			assumed.terms = append(assumed.terms, correctTerm(p.PartID))
		}
	}
	for _, p := range it.parts {
		it.byPeople(p, len(assumed.of(p.PartID)) > 0)
	}
	plain := it.snapshot()
	switch {
	case len(assumed.terms) > 0 && it.native(assumed):
		it.simplified(it.root, "an item without response processing", "what it says is correct, or its mapping, is taken for the key")
	default:
		it.restore(plain)
		it.native(&sum{constant: new(big.Rat)})
		if !slices.ContainsFunc(it.parts, func(p *part) bool { return p.human }) {
			it.simplified(it.root, "an item without response processing and key", "it can be answered and earns nothing")
		} else {
			it.info(it.root, "an item without response processing", "people mark it")
		}
	}
	it.nativeFeedback(made, nil)
	it.shareWithPeople(assumed)
}

// byPeople prepares a part that nothing scores.
func (it *item) byPeople(p *part, keyed bool) {
	external := it.outcomes.get(scoreOutcome)
	marked := external != nil && external.get("external-scored") != ""
	switch {
	case keyed || p.human:
	case p.Kind == event.Text && (marked || len(it.parts) == 1):
		p.Kind, p.human, p.inline = event.Essay, true, false
		p.Essay = &event.EssayV1{Lines: 1, Format: "plain"}
	case p.Kind == event.Text:
		p.Texts = []event.TextKeyV1{{Match: event.MatchRegexp, Pattern: "(?s).*", Credit: "0"}}
	case p.Kind == event.Slider:
		p.Numbers = []event.NumberKeyV1{{Low: p.Slider.Low, High: p.Slider.High, Credit: "0"}}
	case p.Kind == event.Numerical:
		p.Numbers = []event.NumberKeyV1{{Low: "-1e300", High: "1e300", Credit: "0"}}
	}
	if marked && !p.human && !keyed {
		it.simplified(external.node, "externalScored "+quote(external.get("external-scored")), "the type of the part has no marking by people; it earns nothing")
	}
}

// shareWithPeople gives the parts that people mark what the others leave of the
// maximum.
func (it *item) shareWithPeople(machine *sum) {
	var human []*part
	for _, p := range it.parts {
		if p.human {
			human = append(human, p)
		}
	}
	if len(human) == 0 {
		return
	}
	scored, _ := rational(it.weight)
	if scored == nil {
		scored = new(big.Rat)
	}
	each := one()
	if whole := it.maximum(); whole != nil {
		left := new(big.Rat).Sub(whole, scored)
		if left.Sign() <= 0 {
			it.info(it.root, "the maximum of "+whole.RatString()+" points", "the parts that are scored by themselves give all of it; what people mark earns nothing")
			return
		}
		each = left.Quo(left, big.NewRat(int64(len(human)), 1))
	} else if len(machine.terms) > 0 {
		it.simplified(it.root, "a part that people mark", "the item does not say what it is worth; it is worth one point")
	}
	it.reweigh(scored, each)
}

// reweigh makes the parts that people mark worth so much each.
func (it *item) reweigh(scored, each *big.Rat) {
	old := new(big.Rat)
	for _, p := range it.parts {
		if !p.human && p.Kind != event.Unsupported {
			old.Add(old, weightOf(p))
		}
	}
	total := new(big.Rat).Set(scored)
	weights := make([]string, len(it.parts))
	for i, p := range it.parts {
		w := new(big.Rat)
		switch {
		case p.human:
			w = each
			total.Add(total, each)
		case p.Kind == event.Unsupported:
			continue
		case old.Sign() > 0:
			w.Quo(w.Mul(weightOf(p), scored), old)
		}
		s, ok := decimal(w)
		if !ok {
			it.simplified(it.root, "a part that people mark", "its share has no decimal; it earns nothing: give it a weight")
			return
		}
		weights[i] = s
	}
	whole, ok := decimal(total)
	if !ok {
		return
	}
	it.weight = whole
	for i, p := range it.parts {
		p.Weight = weights[i]
	}
	if len(it.parts) == 1 {
		it.parts[0].Weight = ""
	}
}

func weightOf(p *part) *big.Rat {
	if r, ok := rational(p.Weight); ok {
		return r
	}
	return one()
}

// program keeps the logic of the item as it is.
func (it *item) program(made *event.ItemV1) bool {
	source, err := it.canonical()
	if err != nil {
		it.skipped(it.root, "the item", "its processing cannot be read: "+err.Error())
		return false
	}
	p, err := qti.Parse(source)
	if err != nil {
		it.skipped(it.root, "the item", "its processing cannot be read: "+err.Error())
		return false
	}
	it.unsupported(p)
	made.Program = &event.ProgramV1{Language: "qti-3.0", Source: source}
	made.Program.Max = it.programMaximum(p)
	it.weight = made.Program.Max
	for _, f := range it.feedbacks {
		it.placed(f)
		made.Program.Feedbacks = append(made.Program.Feedbacks, event.OutcomeFeedbackV1{
			Outcome: f.outcome, Identifier: f.identifier, Hide: f.hide, Title: f.title, FeedbackHTML: f.html,
		})
	}
	for _, part := range it.parts {
		it.programmed(part)
		if part.human && it.processed() {
			it.simplified(part.n, part.n.raw, "the item's own processing scores it as a whole; what people mark here adds nothing")
		}
	}
	it.info(it.root, "responseProcessing", "it is kept as a program, which scores the item; the parts have no keys of their own")
	it.finish(made)
	return true
}

// programmed prepares a part of an item that a program scores.
func (it *item) programmed(p *part) {
	p.Weight, p.Credit = "", event.AllOrNothing
	if p.Kind == event.Text || p.Kind == event.Numerical || p.decl.cardinality == "single" || p.Kind == event.Ordering {
		return
	}
	if p.decl.cardinality == "record" {
		it.count(itemfile.Info, p.n, "response "+quote(p.PartID)+" of cardinality record", "its fields are made from the text")
	}
}

// programMaximum is what the full weight is.
func (it *item) programMaximum(p *qti.Program) string {
	if m, ok := p.MaxScore(); ok {
		if s, ok := decimal(m.Score.Rat()); ok {
			return s
		}
		rounded := m.Score.Decimal(6)
		it.simplified(it.root, "the maximum of "+rounded+" points", "it has no exact decimal and is rounded")
		return rounded
	}
	it.simplified(it.root, "the maximum of the score", "nothing tells it; 1 is taken: set it by hand if that is wrong")
	return "1"
}

// unsupported reports what of the program is not run, where it stands.
func (it *item) unsupported(p *qti.Program) {
	for _, u := range p.Unsupported() {
		line := 0
		it.root.walk(func(n *node) bool {
			if line == 0 && (n.name == u.Element || n.raw == u.Element || "qti-"+kebab(n.raw) == u.Element) &&
				(u.Class == "" || strings.Contains(n.get("class")+n.get("definition")+n.get("template"), u.Class)) {
				line = n.line
			}
			return line == 0
		})
		name := u.Element
		if u.Class != "" {
			name += " " + quote(u.Class)
		}
		it.add(itemfile.Skipped, line, name, u.Why)
	}
}

// canonical is the source of the item without its body, in the form that
// qti.Canonical gives it. Where the logic has attributes of other namespaces, that
// function does it.
func (it *item) canonical() (string, error) {
	w := &xmlWriter{}
	w.WriteString(`<qti-assessment-item xmlns="` + namespaceASI + `"`)
	identifier := orElse(it.root.get("identifier"), "item")
	w.attribute("identifier", identifier)
	w.attribute("title", orElse(it.root.get("title"), identifier))
	w.attribute("adaptive", strconv.FormatBool(it.root.isTrue("adaptive")))
	w.attribute("time-dependent", strconv.FormatBool(it.root.isTrue("time-dependent")))
	w.WriteString(">\n")
	for _, k := range it.root.kids {
		if isLogic(k) && !w.canonical(k, 1) {
			return qti.Canonical(it.logic())
		}
	}
	w.WriteString("</qti-assessment-item>\n")
	return w.String(), nil
}

func isLogic(n *node) bool {
	return n.is("qti-response-declaration", "qti-outcome-declaration", "qti-template-declaration", "qti-context-declaration",
		"qti-template-processing", "qti-response-processing")
}

// canonical writes an element of the logic. It returns false for what is left to
// qti.Canonical.
func (w *xmlWriter) canonical(n *node, depth int) bool {
	const indentation = "                                                                                "
	indent := indentation[:min(2*depth, len(indentation))]
	if !strings.HasPrefix(n.name, "qti-") || 2*depth > len(indentation) {
		return false
	}
	w.WriteString(indent + "<" + n.name)
	for i := range n.attrs {
		a := &n.attrs[i]
		switch {
		case a.prefix == "" && a.name == "template" && n.is("qti-response-processing"):
			switch name := templateName(a.value); name {
			case "match_correct", "map_response", "map_response_point":
				w.attribute(a.name, templateBase+name+".xml")
			default:
				return false
			}
		case a.prefix == "" && a.name == "xmlns":
			return false
		case a.prefix == "":
			w.attribute(a.name, a.value)
		case a.prefix != "xml" && a.prefix != "xsi":
			return false
		}
	}
	text, elements := n.content(), false
	for _, k := range n.kids {
		elements = elements || k.name != ""
	}
	switch {
	case elements:
		w.WriteString(">\n")
		for _, k := range n.kids {
			if k.name != "" && !w.canonical(k, depth+1) {
				return false
			}
		}
		w.WriteString(indent + "</" + n.name + ">\n")
	case strings.TrimSpace(text) != "" || text != "" && n.is("qti-value", "qti-base-value"):
		w.WriteString(">")
		w.escape(text)
		w.WriteString("</" + n.name + ">\n")
	default:
		w.WriteString("/>\n")
	}
	return true
}

// logic is the source of the item without its body, in the names of QTI 3.
func (it *item) logic() string {
	w := &xmlWriter{}
	w.WriteString(`<qti-assessment-item xmlns="` + namespaceASI + `"`)
	for _, a := range it.root.attrs {
		switch {
		case a.prefix == "xmlns" && a.name != "xsi" && a.name != "":
			w.attribute("xmlns:"+a.name, a.value)
		case a.prefix == "" && slices.Contains([]string{"identifier", "title", "adaptive", "time-dependent"}, a.name):
			w.attribute(a.name, a.value)
		}
	}
	w.WriteString(">\n")
	for _, k := range it.root.kids {
		if isLogic(k) {
			w.logic(k)
		}
	}
	w.WriteString("</qti-assessment-item>\n")
	return w.String()
}

// namespaceASI is that of QTI 3's items.
const namespaceASI = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"

// xmlWriter writes XML.
type xmlWriter struct{ strings.Builder }

// escape writes a text; the builder has no errors.
func (w *xmlWriter) escape(s string) {
	if !needsEscape(s) {
		w.WriteString(s)
		return
	}
	_ = xml.EscapeText(&w.Builder, []byte(s))
}

// needsEscape is false for the plain letters that most texts consist of.
func needsEscape(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '<' || c == '>' || c == '&' || c == '"' || c == '\'' {
			return true
		}
	}
	return false
}

func (w *xmlWriter) attribute(name, value string) {
	w.WriteString(" " + name + `="`)
	w.escape(value)
	w.WriteString(`"`)
}

func (w *xmlWriter) logic(n *node) {
	if n.name == "" {
		w.escape(n.text)
		return
	}
	w.WriteString("<" + n.name)
	for _, a := range n.attrs {
		name := a.name
		if a.prefix != "" {
			name = a.prefix + ":" + name
		}
		w.attribute(name, a.value)
	}
	if len(n.kids) == 0 {
		w.WriteString("/>")
		return
	}
	w.WriteString(">")
	for _, k := range n.kids {
		w.logic(k)
	}
	fmt.Fprintf(w, "</%s>", n.name)
}
