package olx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// maxPattern is the length in bytes of a rule that assessment accepts.
const maxPattern = 2000

// text maps an answer in words.
func (r *problemReader) text(resp *response) ([]event.PartV1, string) {
	if _, reason := r.input(resp, "textline"); reason != "" && len(resp.inputs) > 0 {
		return nil, reason
	}
	answer, ok := resp.attr("answer")
	if !ok {
		return nil, "it has no answer"
	}
	kinds := strings.Fields(strings.ToLower(resp.get("type")))
	fold, pattern := slices.Contains(kinds, "ci"), slices.Contains(kinds, "regexp")
	for _, kind := range kinds {
		if kind != "ci" && kind != "cs" && kind != "regexp" {
			r.simplify(resp.node, fmt.Sprintf("type %q", markup.Shorten(kind, 40)), "as in the source, it has no effect")
		}
	}
	rules := &textRules{reader: r, resp: resp, fold: fold}
	if strings.Contains(strings.ToLower(answer), "_or_") {
		// The old way to write alternatives, which are never patterns.
		for _, one := range strings.Split(answer, "_or_") {
			rules.add(one, false, "1", r.feedback(resp.node, "correcthint"))
		}
	} else {
		extras := resp.elements("additional_answer")
		if pattern && (len(extras) > 0 || topLevelAlternatives(answer)) {
			r.simplify(resp.node, "alternative patterns", "each has to match the whole answer; the source lets all but the first begin, and all but the last end, anywhere")
		}
		rules.add(answer, pattern, "1", r.feedback(resp.node, "correcthint"))
		for _, extra := range extras {
			rules.add(orElse(extra.get("answer"), extra.leadingText()), pattern, "1", r.feedback(extra, "correcthint"))
		}
	}
	if len(rules.keys) == 0 && rules.reason == "" {
		rules.reason = "its answer is empty"
	}
	for _, h := range resp.elements("stringequalhint") {
		rules.add(h.get("answer"), false, "0", r.hint(h))
	}
	for _, h := range resp.elements("regexphint") {
		rules.add(h.get("answer"), true, "0", r.hint(h))
	}
	r.conditionalHints(resp, "stringhint", func(h *node, feedback string) {
		rules.add(h.get("answer"), pattern, "0", feedback)
	})
	if len(rules.keys) > maxPartKeys {
		rules.reason = fmt.Sprintf("it has more than %d answers", maxPartKeys)
	}
	if rules.reason != "" {
		return nil, rules.reason
	}
	return []event.PartV1{{Kind: event.Text, Texts: rules.keys}}, ""
}

// textRules collects the rules of a response.
type textRules struct {
	reader *problemReader
	resp   *response
	fold   bool
	keys   []event.TextKeyV1
	reason string // the first fault of a rule that gives credit
}

func (t *textRules) add(answer string, pattern bool, credit, feedback string) {
	answer = strings.TrimSpace(answer)
	if answer == "" {
		return // an empty response is never right
	}
	fail := func(why string) {
		if credit == "0" {
			t.reader.simplify(t.resp.node, fmt.Sprintf("feedback for %q", markup.Shorten(answer, 60)), why)
		} else if t.reason == "" {
			t.reason = why
		}
	}
	key := event.TextKeyV1{Match: event.MatchExact, Pattern: answer, Credit: credit, FeedbackHTML: feedback}
	switch {
	case pattern:
		translated, notes, err := translateRegexp(answer, t.fold)
		if err != nil {
			fail(fmt.Sprintf("its pattern %q cannot be used here: %v", markup.Shorten(answer, 80), err))
			return
		}
		for _, note := range notes {
			t.reader.simplify(t.resp.node, fmt.Sprintf("pattern %q", markup.Shorten(answer, 80)), note)
		}
		size, err := programSize(translated)
		if err != nil {
			fail(err.Error())
			return
		}
		if t.reader.program += size; t.reader.program > maxItemProgram {
			fail("the patterns of the problem are too large")
			return
		}
		key.Match, key.Pattern = event.MatchRegexp, translated
	case t.fold:
		key.Match = event.MatchFold
	}
	if len(key.Pattern) > maxPattern {
		fail(fmt.Sprintf("an answer is longer than %d bytes", maxPattern))
		return
	}
	t.keys = append(t.keys, key)
}
