package qti12

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// slot is a part of the item that is to be: one response, or several that are
// the statements of one matching.
type slot struct {
	part      event.PartV1
	responses []*response
	inline    bool // within a line of text
	blank     string
	// all accepts every text of a blank, whatever the conditions name.
	all bool
	// ids are the choice ids by response and identifier of the source.
	ids map[*response]map[string]string
	// targets are the target ids of the responses of a matching.
	targets map[*response]string
	// atoms are the responses that feedback may depend on.
	atoms []atom
	// full is the best response, and what it earns; nil if none earns anything.
	full answers
	best *rational
}

// atom is a simple response to a slot, with the place for its feedback.
type atom struct {
	given  answers
	names  string  // identifiers that feedback for it may be called after
	credit float64 // of the slot
	say    func(html string)
}

// typeName is the declared type of the question in a plain form.
func (q *question) typeName() string {
	name := strings.ToLower(q.found.Kind)
	name = strings.TrimSuffix(name, "_question")
	name = strings.TrimSuffix(strings.TrimPrefix(name, "cc."), ".v0p1")
	return strings.NewReplacer(" ", "_", "-", "_", "/", "_").Replace(name)
}

// plan says which parts the item has.
func (q *question) plan() []*slot {
	responses := q.shown.responses
	if q.isMatching(responses) {
		s := &slot{responses: responses}
		s.part.Kind = event.Matching
		return []*slot{s}
	}
	var slots []*slot
	for _, r := range responses {
		s := &slot{responses: []*response{r}}
		s.part.Kind = q.partKind(r, s)
		slots = append(slots, s)
	}
	return slots
}

// isMatching says whether the responses are statements to which the same answers
// are put.
func (q *question) isMatching(responses []*response) bool {
	for _, r := range responses {
		if r.kind != choiceResponse || r.ordered || len(r.labels) == 0 || r.render == nil || r.render.Name == "render_hotspot" {
			return false
		}
	}
	name := q.typeName()
	switch {
	case len(responses) == 0:
		return false
	case len(q.shown.rights) > 0:
		return true
	case name == "matching" || name == "categorization" || name == "logical_groups" || name == "drag_and_drop" && len(responses) > 1:
		return true
	case len(responses) < 2 || name == "multiple_dropdowns" || name == "fill_in_multiple_blanks":
		return false
	}
	for _, r := range responses {
		if blankOf(q.shown.body.String(), r) != "" || strings.TrimSpace(r.prompt) == "" || len(r.labels) != len(responses[0].labels) {
			return false
		}
		for i := range r.labels {
			if r.labels[i].ident != responses[0].labels[i].ident {
				return false
			}
		}
	}
	return true
}

// blankOf finds the name of a response's blank in the raw body: "[name]".
func blankOf(body string, r *response) string {
	for _, name := range []string{strings.TrimPrefix(r.ident, "response_"), strings.TrimSpace(r.prompt)} {
		if name != "" && len(name) < 200 && strings.Contains(body, "["+name+"]") {
			return name
		}
	}
	return ""
}

// partKind says of which kind a response becomes a part.
func (q *question) partKind(r *response, s *slot) event.PartKind {
	name := q.typeName()
	switch {
	case name == "file_upload" || name == "file_response":
		return event.FileUpload
	case r.kind == pointResponse:
		return event.Point
	case r.render != nil && r.render.Name == "render_slider":
		return event.Slider
	case r.kind == choiceResponse:
		return q.choiceKind(r, s)
	case name == "essay" || name == "short_response" || name == "file_upload" || !q.isScored(r):
		return event.Essay
	case q.isNumerical(r):
		s.inline = true
		return event.Numerical
	}
	s.inline = true
	return event.Text
}

func (q *question) choiceKind(r *response, s *slot) event.PartKind {
	s.blank = blankOf(q.shown.body.String(), r)
	name := q.typeName()
	answerType := ""
	if len(r.labels) > 0 {
		answerType = strings.ToLower(r.labels[0].answerType)
	}
	switch {
	case r.render != nil && r.render.Name == "render_hotspot":
		return event.Hotspot
	case r.ordered:
		return event.Ordering
	case r.multiple:
		return event.MultipleChoice
	case answerType == "openentry":
		s.inline = true
		return event.Text
	case answerType != "" || name == "multiple_dropdowns":
		s.inline = true
		return event.Dropdown
	case name == "fill_in_multiple_blanks", s.blank != "" && variants(r):
		s.inline, s.all = true, true
		return event.Text
	case s.blank != "":
		s.inline = true
		return event.Dropdown
	case isTrueFalse(r):
		return event.TrueFalse
	}
	return event.SingleChoice
}

// variants reports whether the labels are spellings of one text, which nobody
// would offer for a choice.
func variants(r *response) bool {
	for i := range r.labels {
		if !strings.EqualFold(words(r.labels[i].html), words(r.labels[0].html)) {
			return false
		}
	}
	return len(r.labels) > 0
}

// isTrueFalse knows "true" and "false" by their identifiers or texts.
func isTrueFalse(r *response) bool {
	if len(r.labels) != 2 {
		return false
	}
	first, second := truth(r.labels[0]), truth(r.labels[1])
	return first != "" && second != "" && first != second
}

func truth(l label) string {
	for _, s := range []string{words(l.html), l.ident} {
		if s = strings.ToLower(strings.TrimSpace(s)); s == "true" || s == "false" {
			return s
		}
	}
	return ""
}

// isScored says whether a condition that sets the score asks about the response.
func (q *question) isScored(r *response) bool {
	return slices.ContainsFunc(q.rules.rules, func(rule rule) bool {
		return len(rule.set) > 0 && slices.Contains(rule.when.concerns(), r)
	})
}

// isNumerical says whether a typed response is a number: by its declaration, by
// the question's type, or by conditions that compare numbers.
func (q *question) isNumerical(r *response) bool {
	name := q.typeName()
	declared := r.render != nil && r.numeric() || name == "numerical" || name == "numeric" || name == "calculated"
	compared, texts := false, false
	for _, rule := range q.rules.rules {
		rule.when.walk(func(c *condition, _ bool) {
			if c.on != r {
				return
			}
			switch c.op {
			case opLess, opLessEqual, opGreater, opGreaterEqual:
				compared = true
			case opEqual:
				texts = texts || c.number == nil
			case opContains:
				texts = true
			}
		})
	}
	return (declared || compared) && !texts
}

// skeleton fills a part with what a learner sees of it.
func (q *question) skeleton(s *slot, id string) error {
	r := s.responses[0]
	p := &s.part
	p.PartID = id
	if s.blank == "" && p.Kind != event.Matching {
		p.PromptHTML = q.clean(r.prompt)
	}
	s.ids, s.targets = map[*response]map[string]string{}, map[*response]string{}
	switch p.Kind {
	case event.Matching:
		q.matchingSkeleton(s)
	case event.TrueFalse:
		s.ids[r] = map[string]string{}
		for _, l := range r.labels {
			s.ids[r][l.ident] = truth(l)
			p.Choices = append(p.Choices, event.ChoiceV1{ChoiceID: truth(l), HTML: q.clean(l.html)})
		}
	case event.SingleChoice, event.MultipleChoice, event.Dropdown, event.Ordering:
		q.choiceSkeleton(s)
	case event.Hotspot, event.Point:
		return q.imageSkeleton(s)
	case event.Slider:
		return q.sliderSkeleton(s)
	case event.Essay:
		q.essaySkeleton(s)
	case event.FileUpload:
		q.uploadSkeleton(s)
	}
	if s.inline {
		p.Label = markup.Shorten(s.blank, 200)
	}
	return nil
}

func (q *question) choiceSkeleton(s *slot) {
	r, p := s.responses[0], &s.part
	s.ids[r] = map[string]string{}
	p.Shuffle = q.shuffles(r)
	q.bounds(r, p)
	if p.Kind == event.Ordering {
		p.MinChoices, p.MaxChoices = 0, 0
	}
	if strings.EqualFold(r.render.Get("orientation"), "row") {
		p.Presentation = "horizontal"
	}
	for i, l := range r.labels {
		if _, twice := s.ids[r][l.ident]; twice {
			q.lose(skipped, "choice "+quote(l.ident), "another one has the same identifier")
			continue
		}
		id := choiceID(l.ident, i)
		s.ids[r][l.ident] = id
		html := q.clean(l.html)
		if html == "" {
			q.lose(info, "a choice without text", "it is kept")
		}
		p.Choices = append(p.Choices, event.ChoiceV1{ChoiceID: id, HTML: html, Fixed: l.fixed && p.Shuffle})
	}
}

// shuffles says whether the choices of a response are shown in another order.
// Canvas has a setting of the quiz for it.
func (q *question) shuffles(r *response) bool {
	if r.render.Get("shuffle") == "" && !r.shuffle {
		return q.r.shuffles && !r.ordered
	}
	return r.shuffle
}

// bounds takes over how many choices may be made.
func (q *question) bounds(r *response, p *event.PartV1) {
	if !r.multiple {
		return
	}
	least, _ := strconv.Atoi(r.render.Get("minnumber"))
	most, _ := strconv.Atoi(r.render.Get("maxnumber"))
	n := len(r.labels)
	if least > 0 && least <= n {
		p.MinChoices = least
	}
	if most > 1 && most >= least && most < n { // 1 is what exporters write who mean nothing
		p.MaxChoices = most
	}
}

// choiceID is the identifier of the source, if it can be one.
func choiceID(ident string, i int) string {
	if ident == "" || len(ident) > 80 {
		return "c" + strconv.Itoa(i+1)
	}
	for _, c := range []byte(ident) {
		if c != '_' && c != '-' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "c" + strconv.Itoa(i+1)
		}
	}
	return ident
}

func (q *question) matchingSkeleton(s *slot) {
	p := &s.part
	category := q.typeName() == "categorization"
	byPosition := len(q.shown.rights) > 0 || disjoint(s.responses)
	seen := map[string]string{} // ident or position -> choice id
	for i, r := range s.responses {
		target := event.TargetV1{TargetID: "t" + strconv.Itoa(i+1), HTML: q.clean(r.prompt), MaxUse: 1}
		if r.multiple {
			target.MaxUse = 0
		}
		s.targets[r] = target.TargetID
		p.Targets = append(p.Targets, target)
		s.ids[r] = map[string]string{}
		for j, l := range r.labels {
			key := l.ident
			if byPosition {
				key = strconv.Itoa(j)
			}
			id, known := seen[key]
			if !known {
				id = choiceID(l.ident, len(seen))
				if strings.HasPrefix(id, "t") || byPosition {
					id = "c" + strconv.Itoa(len(seen)+1) // not a target's
				}
				seen[key] = id
				html := l.html
				if html == "" && j < len(q.shown.rights) {
					html = q.shown.rights[j]
				}
				choice := event.ChoiceV1{ChoiceID: id, HTML: q.clean(html)}
				if category {
					choice.MaxUse = 1
				}
				p.Choices = append(p.Choices, choice)
			}
			s.ids[r][l.ident] = id
		}
	}
	p.Shuffle = q.shuffles(s.responses[0])
}

// disjoint reports whether each response has identifiers of its own for answers
// that are the same by their texts.
func disjoint(responses []*response) bool {
	if len(responses) < 2 {
		return false
	}
	first := responses[0]
	for _, r := range responses[1:] {
		if len(r.labels) != len(first.labels) {
			return false
		}
		for i, l := range r.labels {
			if _, shared := first.find(l.ident); shared || l.html != first.labels[i].html {
				return false
			}
		}
	}
	return true
}

func (q *question) essaySkeleton(s *slot) {
	r := s.responses[0]
	e := &event.EssayV1{}
	if q.meta.get("question_type") != "" && !strings.EqualFold(r.node.Get("rce"), "no") {
		e.Format = "html" // Canvas has an editor there
	}
	if !strings.EqualFold(r.node.Get("word_limit_enabled"), "no") {
		e.MinWords, _ = strconv.Atoi(r.node.Get("word_limit_min"))
		e.MaxWords, _ = strconv.Atoi(r.node.Get("word_limit_max"))
	}
	e.MinWords, e.MaxWords = min(max(e.MinWords, 0), 100_000), min(max(e.MaxWords, 0), 100_000)
	if e.MaxWords > 0 && e.MinWords > e.MaxWords {
		e.MinWords = 0
	}
	if lines, _ := strconv.Atoi(r.render.Get("rows")); lines > 1 {
		e.Lines = min(lines, 100)
	}
	if notes := q.meta.get("grading_notes"); notes != "" {
		e.GuidanceHTML = q.clean(plain(notes))
	}
	s.part.Essay = e
}

func (q *question) uploadSkeleton(s *slot) {
	s.part.Upload = q.upload()
	if n := q.uploads(); n > 1 {
		s.part.MaxChoices = n
	}
}

// upload reads the settings of Canvas' file uploads.
func (q *question) upload() *event.UploadV1 {
	u := &event.UploadV1{}
	for ending := range strings.SplitSeq(q.node.Child("presentation").Get("allowed_types"), ",") {
		if ending = strings.Trim(strings.TrimSpace(ending), "."); ending != "" && len(ending) < 20 {
			u.MediaTypes = append(u.MediaTypes, "."+ending)
		}
	}
	return u
}

func (q *question) uploads() int {
	n, _ := strconv.Atoi(q.node.Child("presentation").Get("files_count"))
	return min(n, 50)
}
