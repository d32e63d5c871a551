package moodlexml

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// places is the text of the item with what Moodle has where answers go.
func (w *writing) places(kind string) string {
	placed := map[string]bool{}
	text := partPlace.ReplaceAllStringFunc(w.item.BodyHTML, func(mark string) string {
		id := partPlace.FindStringSubmatch(mark)[1]
		for i := range w.item.Parts {
			if p := &w.item.Parts[i]; p.PartID == id && !placed[id] {
				placed[id] = true
				return w.inPlace(kind, p)
			}
		}
		return ""
	})
	for i := range w.item.Parts {
		if p := &w.item.Parts[i]; !placed[p.PartID] {
			text += w.following(kind, p)
		}
	}
	next := map[string]int{}
	return gapPlaceForm.ReplaceAllStringFunc(text, func(mark string) string {
		m := gapPlaceForm.FindStringSubmatch(mark)
		next[m[1]]++
		return w.gap(m[1], m[2])
	})
}

// inPlace is a part where its place is.
func (w *writing) inPlace(kind string, p *event.PartV1) string {
	switch {
	case p.Kind == event.Unsupported:
		return p.PromptHTML
	case kind == "cloze":
		return p.PromptHTML + w.embedded(p)
	case kind == "gapselect":
		return p.PromptHTML + w.selection(p)
	}
	return p.PromptHTML // with its gaps
}

// following is a part without a place, after the text.
func (w *writing) following(kind string, p *event.PartV1) string {
	text := w.inPlace(kind, p)
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return "\n<div>" + text + "</div>"
}

// dragIntoText writes the words of gap_match parts. Each part is a group.
func (w *writing) dragIntoText() {
	shuffle := false
	for i := range w.item.Parts {
		shuffle = shuffle || w.item.Parts[i].Shuffle
	}
	w.element("shuffleanswers", map[bool]string{true: "1", false: "0"}[shuffle])
	w.combined(w.only())
	for i := range w.item.Parts {
		p := &w.item.Parts[i]
		if p.Kind != event.GapMatch {
			continue
		}
		if p.Credit != event.EveryPair {
			w.notes.Add(itemfile.Simplified, "the rule by which gaps are scored", "in Moodle each gap earns its share")
		}
		if weight := orElse(p.Weight, "1"); w.severalParts() && weight != strconv.Itoa(len(p.Targets)) {
			w.notes.Add(itemfile.Simplified, "the weights of the parts", "in Moodle all gaps weigh the same")
		}
		for _, c := range p.Choices {
			w.raw("    <dragbox>\n      <text>" + cdata(w.phrase(c.HTML)) + "</text>\n      <group>" + strconv.Itoa(i+1) + "</group>\n")
			if c.MaxUse > 1 || len(p.Targets) == 1 && c.MaxUse == 1 {
				if c.MaxUse > 1 && c.MaxUse < len(p.Targets) {
					w.notes.Add(itemfile.Simplified, "a word that can be used a few times", "in Moodle it can be used any number of times")
				}
				w.raw("      <infinite/>\n")
			}
			w.raw("    </dragbox>\n")
		}
	}
}

func (w *writing) severalParts() bool { return len(w.item.Parts) > 1 }

// phrase is the markup of a word that is dragged, in which Moodle allows a
// little.
func (w *writing) phrase(html string) string {
	if strings.Contains(html, "<img") || strings.Contains(html, "asset:") {
		return escape(w.plain(html))
	}
	return html
}

// gap is the mark of a gap: the number of the choice that belongs there.
func (w *writing) gap(part, target string) string {
	number := 0
	for i := range w.item.Parts {
		p := &w.item.Parts[i]
		if p.Kind != event.GapMatch {
			continue
		}
		if p.PartID != part {
			number += len(p.Choices)
			continue
		}
		right := w.rightChoice(p, target)
		if right == nil {
			w.notes.Add(itemfile.Simplified, "a gap into which nothing belongs", "it is left out: Moodle's have a word each")
			return "____"
		}
		for j := range p.Choices {
			if &p.Choices[j] == right {
				return "[[" + strconv.Itoa(number+j+1) + "]]"
			}
		}
	}
	return ""
}

// fitsGapSelect says whether each part has one right word and nothing else that
// gapselect lacks.
func (w *writing) fitsGapSelect() bool {
	if len(w.item.Parts) < 2 && !w.isInline(w.only()) {
		return false
	}
	for i := range w.item.Parts {
		p := &w.item.Parts[i]
		right := 0
		for _, c := range p.Choices {
			if c.Credit == "1" {
				right++
			} else if c.Credit != "0" && c.Credit != "" {
				return false
			}
			if c.FeedbackHTML != "" || strings.Contains(c.HTML, "<") {
				return false
			}
		}
		if right != 1 || orElse(p.Weight, "1") != orElse(w.item.Parts[0].Weight, "1") || p.Shuffle != w.item.Parts[0].Shuffle {
			return false
		}
	}
	return true
}

func (w *writing) gapSelect() {
	p := w.only()
	w.element("shuffleanswers", map[bool]string{true: "1", false: "0"}[p.Shuffle])
	w.combined(p)
	for i := range w.item.Parts {
		for _, c := range w.item.Parts[i].Choices {
			w.raw("    <selectoption>\n      <text>" + cdata(moodletext.Words(c.HTML, 1000)) + "</text>\n      <group>" + strconv.Itoa(i+1) + "</group>\n    </selectoption>\n")
		}
	}
}

// selection is the mark of a list in a text.
func (w *writing) selection(p *event.PartV1) string {
	number := 0
	for i := range w.item.Parts {
		for _, c := range w.item.Parts[i].Choices {
			number++
			if &w.item.Parts[i] == p && c.Credit == "1" {
				return "[[" + strconv.Itoa(number) + "]]"
			}
		}
	}
	return ""
}

// planCloze checks whether all parts can be embedded in a text.
func (w *writing) planCloze() func() {
	weights := w.norms()
	total := 0
	for i := range w.item.Parts {
		p := &w.item.Parts[i]
		switch p.Kind {
		case event.Unsupported, event.SingleChoice, event.Dropdown, event.TrueFalse, event.MultipleChoice:
		case event.Text:
			if len(w.patterns(p)) == 0 {
				w.cannot = "all answers of a part are regular expressions, and Moodle has none"
			}
		case event.Numerical:
			if len(w.numbers(p)) == 0 {
				w.cannot = "no answer of a part is a number with a margin, and Moodle has nothing else"
			}
			if len(p.Units) > 0 {
				w.notes.Add(itemfile.Skipped, "units", "numbers within a text have none in Moodle")
			}
		default:
			w.cannot = fmt.Sprintf("it has several parts, one of them of the kind %s, which Moodle cannot embed in a text", p.Kind)
		}
		if p.Kind != event.Unsupported {
			w.alonePart(p)
		}
		total += weights[p.PartID]
	}
	if mark := strconv.Itoa(total); mark != w.item.Weight {
		w.notes.Add(itemfile.Simplified, "the mark "+w.item.Weight, "in Moodle it is the sum of what is embedded, "+mark+"; the shares are the same")
	}
	return func() {}
}

func (w *writing) alonePart(p *event.PartV1) {
	if len(w.item.Bands) > 0 {
		w.notes.Add(itemfile.Skipped, "feedback by score", "Moodle's questions of this type have none")
	}
	if p.CorrectFeedbackHTML != "" || p.IncorrectFeedbackHTML != "" {
		w.notes.Add(itemfile.Skipped, "feedback of a part for right or wrong", "embedded questions have feedback to their answers alone")
	}
}

// norms are the weights of the parts as whole numbers.
func (w *writing) norms() map[string]int {
	out := map[string]int{}
	sum, product := new(big.Rat), big.NewInt(1)
	weights := map[string]*big.Rat{}
	for i := range w.item.Parts {
		p := &w.item.Parts[i]
		if p.Kind == event.Unsupported {
			continue
		}
		r, ok := moodletext.Decimal(orElse(p.Weight, "1"))
		if !ok {
			r = big.NewRat(1, 1)
		}
		weights[p.PartID] = r
		sum.Add(sum, r)
	}
	// As shares of the item's mark, if those are whole numbers, else as they are.
	mark, ok := moodletext.Decimal(w.item.Weight)
	if ok && sum.Sign() > 0 {
		fits := true
		for _, r := range weights {
			share := new(big.Rat).Quo(new(big.Rat).Mul(r, mark), sum)
			fits = fits && share.IsInt() && share.Sign() > 0
		}
		if fits {
			for id, r := range weights {
				weights[id] = new(big.Rat).Quo(new(big.Rat).Mul(r, mark), sum)
			}
		}
	}
	for _, r := range weights {
		gcd := new(big.Int).GCD(nil, nil, product, r.Denom())
		product.Mul(product, new(big.Int).Quo(r.Denom(), gcd))
	}
	for id, r := range weights {
		n := new(big.Int).Quo(new(big.Int).Mul(r.Num(), product), r.Denom())
		out[id] = int(min(n.Int64(), math.MaxInt32))
		if !n.IsInt64() || n.Int64() > 9999 {
			out[id] = 1
			w.notes.Add(itemfile.Simplified, "the weights of the parts", "they are no small whole numbers; all weigh the same")
		}
	}
	return out
}

// embedded is a part in the notation of embedded answers.
func (w *writing) embedded(p *event.PartV1) string {
	norm := w.norms()[p.PartID]
	var kind string
	var answers []string
	add := func(text, credit, feedback string) {
		percent := "%" + w.percentOf(credit) + "%"
		if credit == "1" {
			percent = "="
		}
		answer := percent + escapeCloze(text)
		if feedback != "" {
			answer += "#" + escapeCloze(feedback)
		}
		answers = append(answers, answer)
	}
	switch p.Kind {
	case event.Text:
		keys := w.patterns(p)
		kind = "SHORTANSWER"
		if w.useCase(keys) == "1" {
			kind = "SHORTANSWER_C"
		}
		for _, k := range keys {
			add(escape(k.Pattern), k.Credit, k.FeedbackHTML)
		}
	case event.Numerical:
		kind = "NUMERICAL"
		for _, n := range w.numbers(p) {
			value := n.value
			if value != "*" {
				value += ":" + n.margin
			}
			add(value, n.credit, n.feedback)
		}
	default:
		kind = clozeChoice(p)
		credits := w.credits(p)
		for i, c := range p.Choices {
			add(c.HTML, credits[i], c.FeedbackHTML)
		}
	}
	return "{" + strconv.Itoa(norm) + ":" + kind + ":" + strings.Join(answers, "~") + "}"
}

// clozeChoice is the word for a choice that is embedded.
func clozeChoice(p *event.PartV1) string {
	kind := "MULTICHOICE"
	layout := ""
	switch {
	case p.Kind == event.MultipleChoice:
		kind = "MULTIRESPONSE"
		if p.Presentation == "horizontal" {
			layout = "H"
		}
	case p.Kind == event.Dropdown:
	case p.Presentation == "horizontal":
		layout = "H"
	default:
		layout = "V"
	}
	if p.Shuffle {
		layout += "S"
	}
	if layout != "" {
		kind += "_" + layout
	}
	return kind
}

// escapeCloze keeps characters from the meaning that they have in the notation.
func escapeCloze(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '}' || c == '~' || c == '#' && (i == 0 || text[i-1] != '&'):
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// planImage chooses the type for things that are dragged onto an image: markers
// have areas of any shape, images none but their own.
func (w *writing) planImage(p *event.PartV1) (string, func()) {
	m := assetURL.FindStringSubmatch(p.Image.Src)
	if m == nil || w.media(m[1]) == nil {
		w.cannot = "its background image is not there to be exported"
		return "", nil
	}
	for _, c := range p.Choices {
		if c.Image != nil {
			return "ddimageortext", func() { w.ontoImage(p) }
		}
	}
	return "ddmarker", func() { w.markers(p) }
}

func (w *writing) imageHead(p *event.PartV1) {
	if p.Credit != event.EveryPair {
		w.notes.Add(itemfile.Simplified, "the rule by which places are scored", "in Moodle each place earns its share")
	}
	if p.Shuffle {
		w.raw("    <shuffleanswers/>\n")
	}
	w.combined(p)
	w.file(*w.media(assetURL.FindStringSubmatch(p.Image.Src)[1]))
}

func (w *writing) ontoImage(p *event.PartV1) {
	w.imageHead(p)
	w.notes.Add(itemfile.Simplified, "the sizes of places on the image", "in Moodle they are as large as what is dragged there")
	for i, c := range p.Choices {
		w.raw("    <drag>\n      <no>" + strconv.Itoa(i+1) + "</no>\n      <text>" + cdata(moodletext.Words(c.HTML, 1000)) + "</text>\n      <draggroup>1</draggroup>\n")
		if c.MaxUse > 1 {
			w.raw("      <infinite/>\n")
		}
		if c.Image != nil {
			if m := assetURL.FindStringSubmatch(c.Image.Src); m != nil && w.media(m[1]) != nil {
				w.file(*w.media(m[1]))
			} else {
				w.notes.Add(itemfile.Missing, "the image of a choice", "it is not there to be exported")
			}
		}
		w.raw("    </drag>\n")
	}
	for i, t := range p.Targets {
		left, top := corner(t.Area)
		w.raw("    <drop>\n      <text>" + cdata(t.Label) + "</text>\n      <no>" + strconv.Itoa(i+1) + "</no>\n      <choice>" + w.dropChoice(p, t.TargetID) +
			"</choice>\n      <xleft>" + strconv.Itoa(left) + "</xleft>\n      <ytop>" + strconv.Itoa(top) + "</ytop>\n    </drop>\n")
	}
}

// corner is the left upper corner of an area.
func corner(a *event.AreaV1) (left, top int) {
	c := a.Coords
	switch {
	case a.Shape == event.WholeImage || len(c) < 2:
		return 0, 0
	case a.Shape == event.Circle:
		return c[0] - c[2], c[1] - c[2]
	case a.Shape == event.Ellipse:
		return c[0] - c[2], c[1] - c[3]
	}
	left, top = c[0], c[1]
	for i := 0; i+1 < len(c); i += 2 {
		left, top = min(left, c[i]), min(top, c[i+1])
	}
	return left, top
}

func (w *writing) dropChoice(p *event.PartV1, target string) string {
	right := w.rightChoice(p, target)
	for i := range p.Choices {
		if &p.Choices[i] == right {
			return strconv.Itoa(i + 1)
		}
	}
	return "0"
}

func (w *writing) markers(p *event.PartV1) {
	w.imageHead(p)
	for i, c := range p.Choices {
		w.raw("    <drag>\n      <no>" + strconv.Itoa(i+1) + "</no>\n      <text>" + cdata(w.phrase(c.HTML)) + "</text>\n      <noofdrags>" + strconv.Itoa(max(c.MaxUse, 1)) + "</noofdrags>\n    </drag>\n")
	}
	for i, t := range p.Targets {
		choice := w.dropChoice(p, t.TargetID)
		if choice == "0" {
			w.notes.Add(itemfile.Simplified, "a place where nothing belongs", "it is left out: Moodle's have a marker each")
			continue
		}
		shape, coords := w.markerShape(t.Area, p.Image)
		w.raw("    <drop>\n      <no>" + strconv.Itoa(i+1) + "</no>\n      <shape>" + shape + "</shape>\n      <coords>" + coords + "</coords>\n      <choice>" + choice + "</choice>\n    </drop>\n")
		if t.Label != "" {
			w.notes.Add(itemfile.Skipped, "the name of a place", "Moodle's areas have none")
		}
	}
}

// markerShape is an area in Moodle's terms.
func (w *writing) markerShape(a *event.AreaV1, image *event.ImageV1) (shape, coords string) {
	c := a.Coords
	switch a.Shape {
	case event.Circle:
		return "circle", fmt.Sprintf("%d,%d;%d", c[0], c[1], c[2])
	case event.Rectangle:
		return "rectangle", fmt.Sprintf("%d,%d;%d,%d", c[0], c[1], c[2]-c[0], c[3]-c[1])
	case event.WholeImage:
		return "rectangle", fmt.Sprintf("0,0;%d,%d", image.Width, image.Height)
	case event.Ellipse:
		w.notes.Add(itemfile.Simplified, "an ellipse", "it is written as a polygon of 24 corners")
		c = ellipse(c)
	}
	var points []string
	for i := 0; i+1 < len(c); i += 2 {
		points = append(points, fmt.Sprintf("%d,%d", c[i], c[i+1]))
	}
	return "polygon", strings.Join(points, ";")
}

func ellipse(c []int) []int {
	var out []int
	for i := range 24 {
		angle := 2 * math.Pi * float64(i) / 24
		out = append(out, c[0]+int(math.Round(float64(c[2])*math.Cos(angle))), c[1]+int(math.Round(float64(c[3])*math.Sin(angle))))
	}
	return out
}
