package olx

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// The sizes that assessment accepts for an item. What exceeds them becomes a
// placeholder here, with a line in the report, and not a fault there.
const (
	maxItemParts   = 200
	maxPartChoices = 1000
	maxPartKeys    = 200
	maxItemHints   = 50
	maxItemMarkup  = 1 << 20 // bytes of one field
	maxItemProgram = 10_000  // instructions of all regular expressions
)

// problemReader maps one problem to an item.
type problemReader struct {
	*parser
	e         *element
	token     string // stands for a part in markup, followed by its number
	responses []*response
	parts     []event.PartV1
	program   int // instructions of the regular expressions so far
}

// response is one response element of a problem.
type response struct {
	*node
	kind   string
	inputs []*node
	first  int    // number of its first input within the problem, from 1
	reason string // why it cannot be answered; "" when it can
	single bool   // one input: label and description belong to it
}

// problemBlock reads a problem. One of which nothing can be answered becomes a
// placeholder, one without any question a text.
func (p *parser) problemBlock(e *element) (Block, error) {
	p.report.Counts.Problems++
	if name := e.get("filename"); name != "" && e.isPointer() {
		file := "problem/" + strings.ReplaceAll(name, ":", "/") + ".xml"
		if !p.src.has(file) || file == e.at.File {
			p.report.Counts.Problems-- // brokenBlock counts it
			return p.brokenBlock(e, &markupError{line: e.line, reason: "there is no " + file}), nil
		}
		def, err := p.definition(file)
		if broken(err) {
			p.report.Counts.Problems--
			return p.brokenBlock(e, err), nil
		}
		if err != nil {
			return Block{}, err
		}
		e.node, e.at.File = merge(e.node, def), file
	}
	r := &problemReader{parser: p, e: e, token: newToken(e)}
	r.collect()
	for _, resp := range r.responses {
		p.report.Counts.Responses[resp.kind]++
	}
	p.attributes(e.node, e.at, []string{
		"filename", "weight", "visible_to_staff_only", "showanswer", "max_attempts", "attempts_before_showanswer_button",
		"attempts", "type", "title", // of old courses, without effect
	})
	if r.dependsOnScript() {
		return r.asPlaceholder("", "its values are computed by a Python script, which would need a sandbox"), nil
	}
	if e.set["max_attempts"] == "0" {
		return r.asPlaceholder(r.body(), "it takes no answers (max_attempts is 0)"), nil
	}
	for _, resp := range r.responses {
		r.read(resp)
	}
	body := r.body()
	if len(r.responses) == 0 {
		p.report.add(Simplified, e.at, describe("Problem", e.title()), "it asks nothing; it is kept as a text")
		p.report.Counts.HTML++
		if solution := r.explanation(); solution != "" {
			body += "\n<details><summary>Explanation</summary>" + solution + "</details>"
		}
		return Block{Kind: KindHTML, Title: e.title(), HTML: body}, nil
	}
	if len(r.parts) == 0 {
		return r.asPlaceholder(body, "none of its responses can be answered here: "+r.reasons()), nil
	}
	item := event.ItemV1{
		ItemID: p.id("problem", e.id), Source: "problem/" + e.urlName, Title: r.title(), BodyHTML: body,
		Weight: r.weight(), Parts: r.parts, HintsHTML: r.hints(), ExplanationHTML: r.explanation(),
	}
	if reason := tooLarge(&item); reason != "" {
		return r.asPlaceholder("", reason), nil
	}
	for _, resp := range r.responses {
		if resp.reason == "" {
			p.report.Counts.Answerable[resp.kind]++
		} else {
			p.report.add(Skipped, r.place(resp.node), "the "+resp.kind+" of "+describe("Problem", e.title()), resp.reason+"; its share of the points is left out")
		}
	}
	p.report.Counts.Items++
	p.report.Counts.Parts += len(item.Parts)
	release, showAnswer := r.release()
	return Block{Kind: KindProblem, Title: item.Title, Problem: &Problem{
		Item: item, MaxAttempts: count(e.set["max_attempts"]), Release: release, ShowAnswer: showAnswer,
	}}, nil
}

// newToken makes text that stands for a part until the markup is clean. As it
// is a digest of the problem itself, an author cannot write it into one.
func newToken(e *element) string {
	digest := sha256.New()
	e.walk(func(n *node) bool {
		fmt.Fprintf(digest, "%q %q %q\n", n.name, n.text, n.attrs)
		return true
	})
	return "part" + hex.EncodeToString(digest.Sum(nil))[:40] + "n"
}

// collect finds the responses and their inputs, in order.
func (r *problemReader) collect() {
	next := 1
	r.e.walk(func(n *node) bool {
		if !isResponse(n.name) {
			return true
		}
		resp := &response{node: n, kind: n.name, inputs: n.find(inputTags()...), first: next}
		resp.single = len(resp.inputs) <= 1
		next += max(1, len(resp.inputs))
		r.responses = append(r.responses, resp)
		return false
	})
}

func isResponse(name string) bool { return strings.HasSuffix(name, "response") && name != "response" }

// inputTags are the elements that take an answer.
func inputTags() []string {
	return []string{
		"textline", "textbox", "choicegroup", "radiogroup", "checkboxgroup", "optioninput", "formulaequationinput", "javascriptinput",
		"imageinput", "schematic", "crystallography", "vsepr_input", "chemicalequationinput", "drag_and_drop_input", "editamoleculeinput",
		"designprotein2dinput", "editageneinput", "annotationinput", "jsinput", "filesubmission", "matlabinput", "radiotextgroup",
		"checkboxtextgroup",
	}
}

// read maps a response to parts, or says why it cannot.
func (r *problemReader) read(resp *response) {
	var parts []event.PartV1
	switch resp.kind {
	case "multiplechoiceresponse":
		parts, resp.reason = r.multipleChoice(resp)
	case "truefalseresponse":
		parts, resp.reason = r.trueFalse(resp)
	case "choiceresponse":
		parts, resp.reason = r.choice(resp)
	case "optionresponse":
		parts, resp.reason = r.option(resp)
	case "numericalresponse":
		parts, resp.reason = r.numerical(resp)
	case "stringresponse":
		parts, resp.reason = r.text(resp)
	case "formularesponse":
		parts, resp.reason = r.formula(resp)
	case "imageresponse":
		parts, resp.reason = r.image(resp)
	case "annotationresponse":
		parts, resp.reason = r.annotation(resp)
	default:
		resp.reason = unsupportedReason(resp.kind)
	}
	if resp.reason == "" && len(r.parts)+len(parts) > maxItemParts {
		resp.reason = fmt.Sprintf("a problem may have %d parts at most", maxItemParts)
	}
	if resp.reason != "" {
		return
	}
	for i := range parts {
		parts[i].PartID = strconv.Itoa(resp.first + i)
		r.describe(resp, i, &parts[i])
	}
	r.parts = append(r.parts, parts...)
}

func unsupportedReason(kind string) string {
	switch kind {
	case "customresponse", "coderesponse", "externalresponse":
		return "it is graded by the author's program, which would need a sandbox"
	case "symbolicresponse":
		return "there is no computer algebra system to compare formulas by their form"
	case "schematicresponse":
		return "there is no circuit simulator"
	case "javascriptresponse":
		return "it is the author's program in the browser"
	}
	return "the type is not known"
}

// describe sets prompt and accessible name of a part.
func (r *problemReader) describe(resp *response, i int, part *event.PartV1) {
	var input *node
	if i < len(resp.inputs) {
		input = resp.inputs[i]
	}
	label := resp.child("label")
	if label != nil {
		part.Label = label.textContent()
	}
	if input != nil && input.get("label") != "" && (part.Label == "" || !resp.single) {
		part.Label = input.get("label")
	}
	if resp.single {
		if label != nil {
			part.PromptHTML = r.fragment(label)
		}
		for _, d := range resp.elements("description") {
			if text := r.fragment(d); text != "" {
				part.PromptHTML += "<div>" + text + "</div>"
			}
		}
	}
	if part.Label == "" && len(r.responses) == 1 && resp.single {
		w := r.writer()
		w.children(r.e.node)
		part.Label = plain(strings.ReplaceAll(w.String(), r.token+strconv.Itoa(resp.first)+"n", " "))
	}
	part.Label = markup.Shorten(orElse(part.Label, "Answer "+part.PartID), 300)
}

func (r *problemReader) place(n *node) Place {
	at := r.e.at
	at.Line = n.line
	return at
}

func (r *problemReader) simplify(n *node, what, why string) {
	r.report.add(Simplified, r.place(n), what, why)
}

func (r *problemReader) title() string {
	if title := r.e.title(); title != "" {
		return title
	}
	for _, part := range r.parts {
		return markup.Shorten(part.Label, 100)
	}
	return "Problem"
}

func (r *problemReader) hints() []string {
	var out []string
	for _, n := range r.e.find("demandhint") {
		for _, h := range n.elements("hint") {
			if text := r.fragment(h); text != "" {
				out = append(out, text)
			}
		}
	}
	if len(out) > maxItemHints {
		r.simplify(r.e.node, fmt.Sprintf("%d hints", len(out)), fmt.Sprintf("the first %d are kept", maxItemHints))
		out = out[:maxItemHints]
	}
	return out
}

func (r *problemReader) explanation() string {
	var out []string
	solutions := r.e.find("solution")
	for _, s := range solutions {
		if text := r.fragment(s); text != "" {
			out = append(out, text)
		}
	}
	if set := r.e.find("solutionset"); len(set) > 0 && len(set[0].elements("solution")) > 1 {
		r.simplify(set[0], "explanations for each right choice", "all of them are shown")
	}
	return strings.Join(out, "\n")
}

func (r *problemReader) reasons() string {
	var out []string
	for _, resp := range r.responses {
		if reason := resp.kind + " (" + resp.reason + ")"; !slices.Contains(out, reason) {
			out = append(out, reason)
		}
	}
	return strings.Join(out, ", ")
}

// asPlaceholder gives up on the problem as a whole.
func (r *problemReader) asPlaceholder(body, reason string) Block {
	kinds := map[string]int{}
	for _, resp := range r.responses {
		kinds[resp.kind]++
	}
	what := describe("Problem", r.e.title())
	if len(kinds) > 0 {
		what += " (" + tally(kinds) + ")"
	}
	r.report.add(Skipped, r.e.at, what, reason+"; a placeholder is in its place")
	r.report.Counts.Placeholders["problem"]++
	return Block{
		Kind: KindPlaceholder, Title: r.e.title(), HTML: body,
		Placeholder: &Placeholder{Type: "problem", Label: describe("Problem", r.e.title()), Reason: markup.Shorten(strings.ToUpper(reason[:1])+reason[1:]+".", 500)},
	}
}

// tooLarge says which limit an item exceeds, if any.
func tooLarge(item *event.ItemV1) string {
	fields := append([]string{item.BodyHTML, item.ExplanationHTML}, item.HintsHTML...)
	for _, part := range item.Parts {
		for _, k := range part.Formulas {
			fields = append(fields, k.FeedbackHTML)
		}
		if len(part.Choices) > maxPartChoices {
			return fmt.Sprintf("a part has more than %d choices", maxPartChoices)
		}
		if max(len(part.Numbers), len(part.Texts), len(part.Compounds)) > maxPartKeys {
			return fmt.Sprintf("a part has more than %d rules", maxPartKeys)
		}
		fields = append(fields, part.PromptHTML)
		for _, c := range part.Choices {
			fields = append(fields, c.HTML, c.FeedbackHTML, c.UnselectedFeedbackHTML)
		}
		for _, k := range part.Numbers {
			fields = append(fields, k.FeedbackHTML)
		}
		for _, k := range part.Texts {
			fields = append(fields, k.FeedbackHTML)
		}
	}
	for _, field := range fields {
		if len(field) > maxItemMarkup {
			return fmt.Sprintf("it has a text of more than %d bytes", maxItemMarkup)
		}
	}
	return ""
}
