package qti12

import (
	"errors"
	"math/big"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// rational shortens the name of the numbers that scores are.
type rational = big.Rat

// errNoKey says that the list of conditions is no key of the native kinds.
var errNoKey = errors.New("the scoring is none of those that questions have of themselves")

// interpret makes the parts of the item.
func (q *question) interpret() error {
	if n := q.calculatedNode(); n != nil {
		return q.calculated(n)
	}
	if len(q.shown.responses) == 0 {
		return q.withoutResponse()
	}
	slots := q.plan()
	q.slots = slots
	for i, s := range slots {
		if err := q.skeleton(s, strconv.Itoa(i+1)); err != nil {
			return err
		}
	}
	err := q.native(slots)
	if errors.Is(err, errNoKey) {
		err = q.program(slots)
	}
	if err != nil {
		return err
	}
	for _, s := range slots {
		q.item.Parts = append(q.item.Parts, s.part)
	}
	q.settle(slots)
	return nil
}

// withoutResponse is about items that have no response: texts, and what Canvas
// has a form of its own for.
func (q *question) withoutResponse() error {
	switch q.typeName() {
	case "file_upload", "file_response":
		part := event.PartV1{PartID: "1", Kind: event.FileUpload, Upload: q.upload()}
		if n := q.uploads(); n > 1 {
			part.MaxChoices = n
		}
		q.item.Parts = []event.PartV1{part}
	case "essay", "short_response":
		q.item.Parts = []event.PartV1{{PartID: "1", Kind: event.Essay, Essay: &event.EssayV1{}}}
	case "text_only", "text", "":
		q.lose(info, "a text without a response", "it is shown and earns nothing")
	default:
		return refuse("there is no response in it")
	}
	q.explain(nil)
	return nil
}

// native reads the key of each part off the list of conditions.
func (q *question) native(slots []*slot) error {
	if len(q.strange) > 0 || !q.separable(slots) {
		return errNoKey
	}
	scored := 0
	for _, s := range slots {
		if err := q.key(s, q.worth()); err != nil {
			return err
		}
		if s.best != nil {
			scored++
		} else if len(slots) > 1 && q.onlyLoses(s) {
			return errNoKey
		}
	}
	if scored == 0 && !q.marked(slots) {
		q.lose(info, "no right answer", "no response earns anything, as in a survey")
	}
	q.share(slots)
	q.compare(slots)
	q.explain(slots)
	return nil
}

// onlyLoses reports whether a part earns nothing and costs something, which the
// weight of a part cannot say.
func (q *question) onlyLoses(s *slot) bool {
	worth := q.worth()
	for _, a := range s.atoms {
		if worth(a.given).Sign() < 0 {
			return true
		}
	}
	return false
}

// marked reports whether people mark a part.
func (q *question) marked(slots []*slot) bool {
	for _, s := range slots {
		if s.part.Kind == event.Essay || s.part.Kind == event.FileUpload {
			return true
		}
	}
	return false
}

// separable reports whether the score is the sum of what each part earns.
func (q *question) separable(slots []*slot) bool {
	if len(slots) < 2 {
		return true
	}
	of := map[*response]*slot{}
	for _, s := range slots {
		for _, r := range s.responses {
			of[r] = s
		}
	}
	last := -1
	for i := range q.rules.rules {
		if len(q.rules.rules[i].set) > 0 {
			last = i
		}
	}
	for i := range q.rules.rules {
		rule := &q.rules.rules[i]
		if len(rule.set) == 0 {
			if rule.stops && i < last {
				return false
			}
			continue
		}
		var on *slot
		for _, r := range rule.when.concerns() {
			if on != nil && of[r] != on {
				return false
			}
			on = of[r]
		}
		for _, a := range rule.set {
			switch {
			case rule.when.isOther():
				if a.value.Sign() != 0 {
					return false
				}
			case a.action != "add" && a.action != "subtract" || rule.when.asks(opOther):
				return false
			}
		}
		if rule.stops && i < last || on == nil && !rule.when.isOther() {
			return false
		}
	}
	base, _ := q.rules.run(answers{})
	return base.Cmp(q.rules.start) == 0
}

// worth returns what responses earn.
func (q *question) worth() func(answers) *rational {
	return func(a answers) *rational {
		score, _ := q.rules.run(a)
		return score.Sub(score, q.rules.start)
	}
}

// share weighs the parts by what they can earn.
func (q *question) share(slots []*slot) {
	if len(slots) < 2 {
		return
	}
	var first *rational
	same := true
	for _, s := range slots {
		if s.best == nil {
			continue
		}
		if first == nil {
			first = s.best
		}
		same = same && near(s.best, first)
	}
	for _, s := range slots {
		switch {
		case s.best != nil && !same:
			s.part.Weight = decimal(s.best)
		case s.best == nil && first != nil && s.part.Kind != event.Essay && s.part.Kind != event.FileUpload:
			s.part.Weight = "0"
		}
	}
}

// near reports whether two scores differ by no more than the rounding of a
// percentage: a third is written as 33.33 and as 33.34.
func near(a, b *rational) bool {
	d := new(big.Rat).Sub(a, b)
	d.Abs(d)
	limit := new(big.Rat).Abs(b)
	return d.Cmp(limit.Mul(limit, big.NewRat(1, 1000))) <= 0
}

// best is the highest score that the list gives; nil if that is not known.
func (q *question) best() *rational {
	sum, highest := new(big.Rat), new(big.Rat)
	for _, r := range q.rules.rules {
		for _, a := range r.set {
			switch {
			case a.action == "add" && a.value.Sign() > 0:
				sum.Add(sum, a.value)
			case a.action == "set" && a.value.Cmp(highest) > 0:
				highest = a.value
			}
		}
	}
	if sum.Cmp(highest) > 0 {
		return sum
	}
	return highest
}

// compare tells where the best response does not earn the declared maximum.
func (q *question) compare(slots []*slot) {
	total := new(big.Rat)
	for _, s := range slots {
		if s.best == nil && (s.part.Kind == event.Essay || s.part.Kind == event.FileUpload) {
			return
		}
		if s.best != nil {
			total.Add(total, s.best)
		}
	}
	most := q.rules.most
	if most == nil || total.Sign() <= 0 || near(total, most) || near(total, big.NewRat(100, 1)) {
		return
	}
	q.lose(info, "the best response scores "+decimal(total)+" of "+decimal(most), "it earns full credit")
}

// settle holds the score within its bounds where parts can lose points.
func (q *question) settle(slots []*slot) {
	least := q.rules.least
	if q.item.Program != nil {
		q.floor(q.lowestScore(), parseNumber(q.item.Program.Max))
		return
	}
	lowest := new(big.Rat)
	total := new(big.Rat)
	for _, s := range slots {
		if s.best != nil {
			total.Add(total, s.best)
		}
		lowest.Add(lowest, s.lowest())
	}
	if lowest.Sign() == 0 || total.Sign() == 0 || least != nil && least.Sign() >= 0 && len(slots) == 1 {
		return
	}
	for i, s := range slots {
		if low := s.lowest(); low.Sign() < 0 && s.best != nil {
			q.item.Parts[i].LowBound = decimal(max1000(new(big.Rat).Quo(low, s.best)))
		}
	}
	q.floor(lowest, total)
}

// floor is the least that the item can score, unless it is declared that it
// cannot score below zero: lowest is of the list of conditions, as most is.
func (q *question) floor(lowest, most *rational) {
	if least := q.rules.least; least != nil && lowest.Cmp(least) < 0 {
		lowest = least
	}
	q.weigh()
	weight := parseNumber(q.item.Weight)
	if lowest.Sign() >= 0 || weight == nil || most == nil || most.Sign() <= 0 {
		return
	}
	floor := new(big.Rat).Quo(lowest, most)
	q.item.MinScore = decimal(floor.Mul(floor, weight))
}

// lowestScore is a score that the list of conditions does not go below.
func (q *question) lowestScore() *rational {
	lowest := new(big.Rat)
	sum := new(big.Rat)
	for _, r := range q.rules.rules {
		for _, a := range r.set {
			switch {
			case a.action == "set" && a.value.Cmp(lowest) < 0:
				lowest = a.value
			case a.action == "add" && a.value.Sign() < 0:
				sum.Add(sum, a.value)
			case a.action == "subtract" && a.value.Sign() > 0:
				sum.Sub(sum, a.value)
			}
		}
	}
	if q.rules.start.Cmp(lowest) < 0 {
		lowest = q.rules.start
	}
	return sum.Add(sum, lowest)
}

// max1000 holds a share above -1000, the least that a part may have.
func max1000(n *rational) *rational {
	if limit := big.NewRat(-1000, 1); n.Cmp(limit) < 0 {
		return limit
	}
	return n
}

// lowest is the least that the slot can earn, not above zero.
func (s *slot) lowest() *rational {
	low := new(big.Rat)
	if s.best == nil {
		return low
	}
	var credits []string
	for _, c := range s.part.Choices {
		credits = append(credits, c.Credit)
	}
	for _, p := range s.part.Pairs {
		credits = append(credits, p.Credit)
	}
	for _, k := range s.part.Texts {
		credits = append(credits, k.Credit)
	}
	for _, k := range s.part.Numbers {
		credits = append(credits, k.Credit)
	}
	sum := s.part.Credit == event.SumOfCredits
	for _, c := range credits {
		n := parseNumber(c)
		switch {
		case n == nil || n.Sign() >= 0:
		case sum:
			low.Add(low, n)
		case n.Cmp(low) < 0:
			low = n
		}
	}
	return new(big.Rat).Mul(low, s.best)
}

// body is the clean body with the places of the parts.
func (q *question) body() string {
	body := q.clean(q.shown.body.String())
	for _, s := range q.slots {
		if s.blank == "" {
			continue
		}
		replaced, ok := replaceName(body, s.blank, placeholder(s.part.PartID, true))
		if ok {
			body = dropTokens(replaced, s)
		} else {
			q.lose(info, "blank "+quote(s.blank), "its place in the text is not found; it follows the text")
		}
	}
	if q.trailing(body) {
		for _, s := range q.slots {
			body = dropTokens(body, s)
		}
		return strings.TrimSpace(body)
	}
	for _, s := range q.slots {
		body = strings.Replace(body, s.responses[0].token, placeholder(s.part.PartID, s.inline), 1)
		body = dropTokens(body, s)
	}
	return strings.TrimSpace(body)
}

func placeholder(id string, inline bool) string {
	if inline {
		return `<span data-part="` + html.EscapeString(id) + `"></span>`
	}
	return `<div data-part="` + html.EscapeString(id) + `"></div>`
}

func dropTokens(body string, s *slot) string {
	for _, r := range s.responses {
		body = strings.Replace(body, r.token, "", 1)
	}
	return body
}

// trailing reports whether all parts follow the text, as they do without a
// placeholder.
func (q *question) trailing(body string) bool {
	first := strings.Index(body, tokenStart)
	if first < 0 {
		return true
	}
	rest := body[first:]
	for _, s := range q.slots {
		rest = dropTokens(rest, s)
	}
	return strings.TrimSpace(words(rest)) == "" && !strings.Contains(rest, "<img") && !strings.Contains(rest, "data-part")
}

// replaceName puts markup in the place of "[name]" in the text of clean markup,
// the first time that it occurs.
func replaceName(body, name, put string) (string, bool) {
	want := "[" + html.EscapeString(name) + "]"
	for at := 0; at < len(body); {
		i := strings.Index(body[at:], want)
		if i < 0 {
			return body, false
		}
		i += at
		if strings.LastIndexByte(body[:i], '<') <= strings.LastIndexByte(body[:i], '>') {
			return body[:i] + put + body[i+len(want):], true
		}
		at = i + len(want) // within a tag
	}
	return body, false
}

// words are the text of markup, for comparisons.
func words(markup string) string {
	if !strings.ContainsAny(markup, "<&") {
		return strings.TrimSpace(markup)
	}
	z := html.NewTokenizer(strings.NewReader(markup))
	var b strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.Join(strings.Fields(b.String()), " ")
		case html.TextToken:
			b.Write(z.Text())
		}
	}
}

// readFeedback reads the texts of the item's feedback.
func (q *question) readFeedback() {
	var hints []string
	for n := range q.node.Elements("itemfeedback") {
		id := n.Get("ident")
		var texts []string
		for k := range n.Elements() {
			switch k.Name {
			case "hint":
				for m := range k.All("hintmaterial") {
					hints = append(hints, q.clean(q.materials(m)))
				}
			case "solution":
				for m := range k.All("solutionmaterial") {
					texts = append(texts, q.materials(m))
				}
			case "mattext":
				texts = append(texts, q.mattext(k))
			default:
				texts = append(texts, q.materials(k))
			}
		}
		clean := q.clean(strings.Join(texts, ""))
		if clean == "" {
			continue
		}
		if _, twice := q.feedback[id]; !twice {
			q.order = append(q.order, id)
		}
		q.feedback[id] += clean
	}
	for _, hint := range hints {
		if hint != "" && len(q.item.HintsHTML) < 40 {
			q.item.HintsHTML = append(q.item.HintsHTML, hint)
		}
	}
}
