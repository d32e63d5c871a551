package moodlexml

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// gapMark is a gap in the text of gapselect and ddwtos, by the number of the
// choice that belongs there.
var gapMark = regexp.MustCompile(`\[\[([0-9]{1,4})\]\]`)

// word is a choice of gapselect and ddwtos.
type word struct {
	text     field
	group    string
	infinite bool
}

func (q *question) words(element string) []word {
	var out []word
	for _, n := range q.all(element) {
		f := q.field(n, moodletext.Plain)
		if element == "dragbox" || strings.Contains(f.text, "<") {
			f.format = moodletext.HTML // Moodle allows a little of it
		}
		out = append(out, word{text: f, group: orElse(n.value("group"), "1"), infinite: n.has("infinite") && n.truth("infinite", true)})
	}
	return out
}

// gapSelect maps gaps in a text that are filled from lists: a part for each.
func (q *question) gapSelect() error {
	words := q.words("selectoption")
	shuffle := q.truth("shuffleanswers", false)
	var failed error
	q.stem.text = gapMark.ReplaceAllStringFunc(q.stem.text, func(mark string) string {
		n, err := strconv.Atoi(mark[2 : len(mark)-2])
		if err != nil || n < 1 || n > len(words) {
			failed = refuse("its text has the gap %s and it has no such choice", mark)
			return mark
		}
		part := event.PartV1{Kind: event.Dropdown, Shuffle: shuffle}
		for i, w := range words {
			if w.group != words[n-1].group {
				continue
			}
			credit := "0"
			if i == n-1 {
				credit = "1"
			}
			part.Choices = append(part.Choices, event.ChoiceV1{ChoiceID: "c" + strconv.Itoa(i+1), HTML: orElse(q.clean(w.text), "?"), Credit: credit})
		}
		return q.place(partMark(q.part(part).PartID))
	})
	if failed != nil {
		return failed
	}
	if len(q.item.Parts) == 0 {
		return refuse("its text has no gaps [[1]], [[2]] and so on")
	}
	return nil
}

func partMark(part string) string      { return `<span data-part="` + part + `"></span>` }
func gapPlace(part, gap string) string { return `<span data-gap="` + part + `/` + gap + `"></span>` }

// dragIntoText maps words that are dragged into the gaps of a text. What belongs
// to different groups are parts of their own, with weights by their gaps.
func (q *question) dragIntoText() error {
	words := q.words("dragbox")
	matches := gapMark.FindAllStringSubmatch(q.stem.text, -1)
	if len(matches) == 0 {
		return refuse("its text has no gaps [[1]], [[2]] and so on")
	}
	var groups []string
	gaps := map[string]int{}    // group -> gaps
	uses := map[int]int{}       // number of a choice -> gaps it belongs to
	for _, m := range matches { // the groups of the gaps, in order
		n, err := strconv.Atoi(m[1])
		if err != nil || n < 1 || n > len(words) {
			return refuse("its text has the gap %s and it has no such choice", m[0])
		}
		group := words[n-1].group
		if gaps[group]++; gaps[group] == 1 {
			groups = append(groups, group)
		}
		uses[n]++
	}
	for _, group := range groups {
		part := event.PartV1{Kind: event.GapMatch, Credit: event.EveryPair, Shuffle: q.truth("shuffleanswers", false)}
		if len(groups) > 1 {
			part.Weight = strconv.Itoa(gaps[group])
		}
		for i, w := range words {
			if w.group != group {
				continue
			}
			choice := event.ChoiceV1{ChoiceID: "c" + strconv.Itoa(i+1), HTML: orElse(q.clean(w.text), "?")}
			if w.infinite {
				choice.MaxUse = gaps[group]
			} else if uses[i+1] > 1 {
				choice.MaxUse = uses[i+1]
				q.notes.Add(itemfile.Info, "a word that belongs into several gaps", "Moodle lets it be used once; here it can be used as often as it is needed")
			}
			part.Choices = append(part.Choices, choice)
		}
		q.part(part)
	}
	for i := range words {
		if !slices.Contains(groups, words[i].group) {
			q.notes.Add(itemfile.Simplified, "words of a group without gaps", "they fit nowhere and are left out")
		}
	}
	next := 0
	q.stem.text = gapMark.ReplaceAllStringFunc(q.stem.text, func(mark string) string {
		n, _ := strconv.Atoi(mark[2 : len(mark)-2]) // checked above
		part := &q.item.Parts[slices.Index(groups, words[n-1].group)]
		next++
		gap := "g" + strconv.Itoa(next)
		part.Targets = append(part.Targets, event.TargetV1{TargetID: gap})
		part.Pairs = append(part.Pairs, event.PairKeyV1{ChoiceID: "c" + strconv.Itoa(n), TargetID: gap, Credit: "1"})
		return q.place(gapPlace(part.PartID, gap))
	})
	return nil
}

// gapFill maps the gaps of qtype_gapfill, in whose text the answers stand between
// delimiters.
func (q *question) gapFill() error {
	delimiters := []rune(orElse(q.value("delimitchars"), "[]"))
	if len(delimiters) != 2 {
		return refuse("its delimiters %q are not two characters", clip(string(delimiters)))
	}
	left, right := string(delimiters[0]), string(delimiters[1])
	form, err := regexp.Compile(regexp.QuoteMeta(left) + `([^` + regexp.QuoteMeta(left) + regexp.QuoteMeta(right) + `]*)` + regexp.QuoteMeta(right))
	if err != nil {
		return refuse("its delimiters %q cannot be searched for", clip(string(delimiters)))
	}
	matchCase := q.truth("casesensitive", false)
	if q.truth("noduplicates", false) {
		q.notes.Add(itemfile.Simplified, "noduplicates", "an answer that is given twice counts twice")
	}
	literal := q.truth("disableregex", false)
	for _, name := range []string{"fixedgapsize", "optionsaftertext", "letterhints", "singleuse", "answerdisplay", "gapsettings", "gapsetting"} {
		q.all(name)
	}
	answers := map[string]bool{}
	var list []string
	for _, a := range q.all("answer") {
		if text := strings.TrimSpace(a.words()); text != "" && !answers[text] {
			answers[text] = true
			list = append(list, text)
		}
	}
	display := q.value("answerdisplay")
	q.stem.text = form.ReplaceAllStringFunc(q.stem.text, func(mark string) string {
		inner := strings.TrimSuffix(strings.TrimPrefix(mark, left), right)
		right := strings.Split(moodletext.Words(inner, 1000), "|")
		for i := range right {
			right[i] = strings.TrimSpace(right[i])
		}
		if right = slices.DeleteFunc(right, func(s string) bool { return s == "" || s == "!!" }); len(right) == 0 {
			return mark
		}
		if display == "dropdown" || display == "dragdrop" {
			return q.place(partMark(q.part(gapChoice(list, right)).PartID))
		}
		part := event.PartV1{Kind: event.Text}
		for _, text := range right {
			part.Texts = append(part.Texts, gapKey(text, matchCase, literal))
		}
		return q.place(partMark(q.part(part).PartID))
	})
	if len(q.item.Parts) == 0 {
		return refuse("its text has no answers between %s and %s", left, right)
	}
	if display == "dragdrop" {
		q.notes.Add(itemfile.Simplified, "answers that are dragged into gaps", "each gap has a list of them to choose from")
	}
	return nil
}

// gapKey is an answer of gapfill, which may be a regular expression.
func gapKey(text string, matchCase, literal bool) event.TextKeyV1 {
	key := event.TextKeyV1{Match: textMatch("", matchCase), Pattern: text, Credit: "1"}
	if literal || !strings.ContainsAny(text, `.*+?()^$\[]`) {
		return key
	}
	pattern := text
	if !matchCase {
		pattern = "(?i)" + text
	}
	if _, err := regexp.Compile(pattern); err == nil {
		key.Match, key.Pattern = event.MatchRegexp, pattern
	}
	return key
}

// gapChoice is a gap that is filled from the list of all answers.
func gapChoice(list, right []string) event.PartV1 {
	part := event.PartV1{Kind: event.Dropdown, Shuffle: true}
	for _, text := range append(slices.Clone(list), right...) {
		if slices.ContainsFunc(part.Choices, func(c event.ChoiceV1) bool { return c.HTML == escape(text) }) {
			continue
		}
		credit := "0"
		if slices.Contains(right, text) {
			credit = "1"
		}
		part.Choices = append(part.Choices, event.ChoiceV1{ChoiceID: fmt.Sprintf("c%d", len(part.Choices)+1), HTML: escape(text), Credit: credit})
	}
	return part
}
