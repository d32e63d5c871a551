package olx

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// input returns the one input of a response.
func (r *problemReader) input(resp *response, names ...string) (*node, string) {
	found := resp.find(names...)
	if len(found) == 0 {
		return nil, "it has no " + strings.Join(names, " or ")
	}
	if len(resp.inputs) > 1 {
		return nil, fmt.Sprintf("it has %d inputs where one is expected", len(resp.inputs))
	}
	return found[0], ""
}

// multipleChoice maps a question with one answer. More than one choice may be
// right: then any of them is.
func (r *problemReader) multipleChoice(resp *response) ([]event.PartV1, string) {
	group, reason := r.input(resp, "choicegroup")
	if reason != "" {
		return nil, reason
	}
	part := event.PartV1{Kind: event.SingleChoice, Shuffle: truth(group.get("shuffle"))}
	partial := r.partialCredit(resp, "points") == "points"
	unnamed := 0
	for _, c := range group.elements("choice") {
		id := "choice_" + c.get("name")
		if c.get("name") == "" {
			id = "choice_" + strconv.Itoa(unnamed)
			unnamed++
		}
		choice := event.ChoiceV1{
			ChoiceID: unusedID(part.Choices, id), HTML: r.fragment(c, "choicehint"), Credit: "0",
			Fixed: truth(c.get("fixed")), FeedbackHTML: r.feedback(c, "choicehint"),
		}
		switch correct := strings.ToLower(c.get("correct")); {
		case correct == "true":
			choice.Credit = "1"
		case correct == "partial" && partial:
			choice.Credit = r.pointValue(c)
		case correct == "partial":
			r.simplify(c, "a partly right choice", "as in the source, it earns nothing without partial_credit")
		}
		part.Choices = append(part.Choices, choice)
	}
	if reason := r.checkChoices(resp, &part); reason != "" {
		return nil, reason
	}
	if pool := count(group.get("answer-pool")); pool > 0 {
		r.simplify(group, fmt.Sprintf("a random draw of %d of %d choices", pool, len(part.Choices)), "all of them are shown, in random order")
		part.Shuffle = true
	}
	r.targetedFeedback(resp, group, &part)
	return []event.PartV1{part}, ""
}

// partialCredit returns the rule of the response if it is one of the known.
func (r *problemReader) partialCredit(resp *response, known ...string) string {
	rule := strings.ToLower(resp.get("partial_credit"))
	if rule == "" || rule == "false" {
		return ""
	}
	for _, k := range known {
		if rule == k {
			return rule
		}
	}
	r.simplify(resp.node, fmt.Sprintf("partial_credit %q", markup.Shorten(rule, 40)), "the rule is not known for "+resp.kind+"; there is no partial credit")
	return ""
}

// pointValue is the share that a partly right choice earns, a half by default.
func (r *problemReader) pointValue(c *node) string {
	value := c.get("point_value")
	if value == "" {
		return "0.5"
	}
	d, ok := decimal(value)
	if !ok || rational(d).Cmp(rational("1")) > 0 {
		r.simplify(c, fmt.Sprintf("point_value %q", markup.Shorten(value, 40)), "it is not between 0 and 1; the choice earns a half")
		return "0.5"
	}
	return d
}

// unusedID makes an id that is fit for a choice and new among the choices.
func unusedID(choices []event.ChoiceV1, id string) string {
	id = strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || !unicode.IsGraphic(c) {
			return '_'
		}
		return c
	}, id)
	if len(id) > 60 {
		id = strings.ToValidUTF8(id[:60], "")
	}
	taken := func(id string) bool {
		for _, c := range choices {
			if c.ChoiceID == id {
				return true
			}
		}
		return false
	}
	unique := id
	for n := 2; taken(unique); n++ {
		unique = id + "-" + strconv.Itoa(n)
	}
	return unique
}

// checkChoices returns why a part with these choices cannot be used.
func (r *problemReader) checkChoices(resp *response, part *event.PartV1) string {
	if len(part.Choices) == 0 {
		return "it has no choices"
	}
	if len(part.Choices) > maxPartChoices {
		return fmt.Sprintf("it has more than %d choices", maxPartChoices)
	}
	right := 0
	for _, c := range part.Choices {
		if c.Credit == "1" {
			right++
		}
	}
	if right == 0 {
		r.simplify(resp.node, "a question without a right choice", "as in the source, no answer earns full credit")
	}
	return ""
}

// feedback is the content of the hints of n with that name. A label that the
// author gave to a hint comes first.
func (r *problemReader) feedback(n *node, name string) string {
	for _, h := range n.elements(name) {
		if text := r.hint(h); text != "" {
			return text
		}
	}
	return ""
}

func (r *problemReader) hint(h *node) string {
	text := r.fragment(h)
	if label := h.get("label"); text != "" && label != "" {
		text = "<strong>" + html.EscapeString(markup.Shorten(label, 100)) + "</strong> " + text
	}
	return text
}

// targetedFeedback adds feedback that is written apart from the choices.
func (r *problemReader) targetedFeedback(resp *response, group *node, part *event.PartV1) {
	if _, on := resp.attr("targeted-feedback"); !on {
		return
	}
	byID := map[string]*node{}
	for _, set := range r.e.find("targetedfeedbackset") {
		for _, f := range set.elements("targetedfeedback") {
			byID[f.get("explanation-id")] = f
		}
	}
	for i, c := range group.elements("choice") {
		if f := byID[c.get("explanation-id")]; f != nil && part.Choices[i].FeedbackHTML == "" {
			part.Choices[i].FeedbackHTML = r.fragment(f)
		}
	}
}

// trueFalse maps a question whose answer is exactly the set of right choices.
func (r *problemReader) trueFalse(resp *response) ([]event.PartV1, string) {
	parts, reason := r.multipleChoice(resp)
	if reason != "" {
		return nil, reason
	}
	right := 0
	for _, c := range parts[0].Choices {
		if c.Credit == "1" {
			right++
		}
	}
	if right > 1 {
		r.simplify(resp.node, "a choice of several right answers", "all of the right choices have to be ticked, and no other")
		parts[0].Kind = event.MultipleChoice
		for i := range parts[0].Choices {
			if parts[0].Choices[i].Credit != "1" {
				parts[0].Choices[i].Credit = "0"
			}
		}
	}
	return parts, ""
}

// choice maps check boxes, and radio buttons written as check boxes.
func (r *problemReader) choice(resp *response) ([]event.PartV1, string) {
	group, reason := r.input(resp, "checkboxgroup", "radiogroup")
	if reason != "" {
		return nil, reason
	}
	part := event.PartV1{Kind: event.MultipleChoice}
	letters := map[string]string{} // what compound hints call a choice -> its id
	right := 0
	for i, c := range group.elements("choice") {
		choice := event.ChoiceV1{ChoiceID: "choice_" + strconv.Itoa(i), HTML: r.fragment(c, "choicehint"), Credit: "0"}
		if strings.EqualFold(c.get("correct"), "true") {
			choice.Credit = "1"
			right++
		}
		for _, h := range c.elements("choicehint") {
			switch strings.ToLower(h.get("selected")) {
			case "true":
				choice.FeedbackHTML = joinHTML(choice.FeedbackHTML, r.hint(h))
			case "false":
				choice.UnselectedFeedbackHTML = joinHTML(choice.UnselectedFeedbackHTML, r.hint(h))
			default:
				r.simplify(h, "a hint for a choice", "as in the source, it is never shown without selected=\"true\" or \"false\"")
			}
		}
		letters[strings.ToUpper(orElse(c.get("id"), letter(i)))] = choice.ChoiceID
		part.Choices = append(part.Choices, choice)
	}
	if reason := r.checkChoices(resp, &part); reason != "" {
		return nil, reason
	}
	r.compounds(group, &part, letters)
	rule := r.partialCredit(resp, "edc", "halves")
	if group.name == "radiogroup" && right <= 1 {
		part.Kind, part.Compounds = event.SingleChoice, nil
		if rule != "" {
			r.simplify(group, "partial credit for radio buttons", "the right choice earns all, any other nothing")
		}
		for i := range part.Choices {
			part.Choices[i].UnselectedFeedbackHTML = ""
		}
		return []event.PartV1{part}, ""
	}
	if group.name == "radiogroup" {
		r.simplify(group, "radio buttons with several right choices", "all of the right choices have to be ticked, and no other")
	}
	switch rule {
	case "edc":
		part.Credit = event.EveryChoice
	case "halves":
		part.Credit = event.Halves
	}
	if group.isTrue("shuffle") {
		r.simplify(group, "shuffled check boxes", "as in the source, only single choices are shuffled")
	}
	return []event.PartV1{part}, ""
}

// letter names the choices A, B, C ... as authors do in compound hints.
func letter(i int) string { return string(rune('A' + i)) }

func joinHTML(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "<br>" + b
}

// compounds maps feedback for exact sets of choices. The first of equal sets
// counts.
func (r *problemReader) compounds(group *node, part *event.PartV1, letters map[string]string) {
	seen := map[string]bool{}
next:
	for _, h := range group.elements("compoundhint") {
		chosen := map[string]bool{}
		for _, name := range strings.Fields(strings.ToUpper(strings.ReplaceAll(h.get("value"), ",", " "))) {
			id, ok := letters[name]
			if !ok {
				r.simplify(h, fmt.Sprintf("a hint for the choices %q", markup.Shorten(h.get("value"), 40)), "there is no choice "+markup.Shorten(name, 20))
				continue next
			}
			chosen[id] = true
		}
		var ids []string
		for _, c := range part.Choices {
			if chosen[c.ChoiceID] {
				ids = append(ids, c.ChoiceID)
			}
		}
		text := r.hint(h)
		if set := strings.Join(ids, " "); len(ids) > 0 && text != "" && !seen[set] {
			seen[set] = true
			part.Compounds = append(part.Compounds, event.CompoundFeedbackV1{ChoiceIDs: ids, FeedbackHTML: text})
		}
	}
}

// option maps drop-down lists, each to a part.
func (r *problemReader) option(resp *response) ([]event.PartV1, string) {
	inputs := resp.find("optioninput")
	if len(inputs) == 0 {
		return nil, "it has no optioninput"
	}
	if len(inputs) != len(resp.inputs) {
		return nil, "it mixes drop-down lists with other inputs"
	}
	var parts []event.PartV1
	for _, input := range inputs {
		part := event.PartV1{Kind: event.Dropdown}
		add := func(text, feedback string, right bool) {
			c := event.ChoiceV1{
				ChoiceID: "option_" + strconv.Itoa(len(part.Choices)), HTML: html.EscapeString(text), Credit: "0", FeedbackHTML: feedback,
			}
			if right {
				c.Credit = "1"
			}
			part.Choices = append(part.Choices, c)
		}
		if options := input.elements("option"); len(options) > 0 {
			// When several are marked right, the last one is; options with
			// the same text cannot be told apart.
			right, marked := "", 0
			for _, o := range options {
				if strings.EqualFold(o.get("correct"), "true") {
					right = o.leadingText()
					marked++
				}
			}
			if marked > 1 {
				r.simplify(input, "a list with several right options", "as in the source, only the last of them is right")
			}
			for _, o := range options {
				text := o.leadingText()
				add(orElse(text, o.textContent()), r.feedback(o, "optionhint"), marked > 0 && text == right)
			}
		} else {
			right := input.get("correct")
			for _, text := range optionList(input.get("options")) {
				add(text, "", right != "" && text == right)
			}
		}
		if reason := r.checkChoices(resp, &part); reason != "" {
			return nil, reason
		}
		parts = append(parts, part)
	}
	if resp.get("partial_credit") != "" {
		r.partialCredit(resp)
	}
	return parts, ""
}

// optionList reads "('one','it's','three')": values in single or double quotes,
// separated by commas or spaces. An apostrophe between letters, or after a back
// slash, does not end a value.
func optionList(s string) []string {
	runes := []rune(strings.TrimSpace(s))
	if len(runes) >= 2 && (runes[0] == '(' || runes[0] == '[') {
		runes = runes[1 : len(runes)-1]
	}
	var out []string
	for i := 0; i < len(runes); {
		quote := runes[i]
		if quote == ',' || unicode.IsSpace(quote) {
			i++
			continue
		}
		var value []rune
		if quote != '\'' && quote != '"' { // a bare word
			for i < len(runes) && runes[i] != ',' && !unicode.IsSpace(runes[i]) {
				value = append(value, runes[i])
				i++
			}
			out = append(out, string(value))
			continue
		}
		for i++; i < len(runes); i++ {
			if runes[i] == '\\' && i+1 < len(runes) && (runes[i+1] == '\'' || runes[i+1] == '"') {
				i++
			} else if runes[i] == quote && !(i+1 < len(runes) && i > 0 && unicode.IsLetter(runes[i-1]) && unicode.IsLetter(runes[i+1])) {
				break
			}
			value = append(value, runes[i])
		}
		i++ // the closing quote
		out = append(out, strings.TrimSpace(string(value)))
	}
	return out
}
