package qti12

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
)

// responseKind is what a response is made of.
type responseKind int

const (
	choiceResponse responseKind = iota // response_lid, response_grp
	textResponse                       // response_str
	numberResponse                     // response_num
	pointResponse                      // response_xy
)

// label is a response_label: something to choose, or a blank.
type label struct {
	ident string
	node  *xmlstream.Node
	html  string // raw
	fixed bool
	// shape and coords are of a hotspot.
	shape  string
	coords string
	// algorithm, answerType and the like are Canvas' New Quizzes'.
	algorithm, answerType string
}

// response is one of a presentation, in the terms of the source.
type response struct {
	ident    string
	kind     responseKind
	multiple bool
	ordered  bool
	node     *xmlstream.Node
	render   *xmlstream.Node // render_choice, render_fib...; nil if there is none
	prompt   string          // raw
	labels   []label
	shuffle  bool
	token    string // where it stands in the body
}

// numeric reports whether what is typed is a number by its declaration.
func (r *response) numeric() bool {
	if r.kind == numberResponse {
		return true
	}
	switch strings.ToLower(r.render.Get("fibtype")) {
	case "integer", "decimal", "scientific":
		return true
	}
	return false
}

func (r *response) find(ident string) (int, bool) {
	i := slices.IndexFunc(r.labels, func(l label) bool { return l.ident == ident })
	return i, i >= 0
}

// presentation is the visible part of an item: its body, raw, in which a token
// stands for each response, and the responses in their order.
type presentation struct {
	body      strings.Builder
	responses []*response
	rights    []string // of Blackboard's matching, raw
	blocks    int      // materials that stand by themselves
	inline    bool     // text and blanks alternate
}

// The characters around a token are of a private use area, and authors' texts
// have none: see withoutTokens.
const (
	tokenStart = "\uE0F0"
	tokenEnd   = "\uE0F1"
)

func withoutTokens(s string) string {
	if !strings.Contains(s, tokenStart) && !strings.Contains(s, tokenEnd) {
		return s
	}
	return strings.NewReplacer(tokenStart, "", tokenEnd, "").Replace(s)
}

// readPresentation walks the presentation of an item.
func (q *question) readPresentation(n *xmlstream.Node) *presentation {
	p := &presentation{}
	if n == nil {
		return p
	}
	blanks := 0
	for range n.All("render_fib") {
		blanks++
	}
	p.inline = blanks > 0
	q.walk(p, n)
	return p
}

func (q *question) walk(p *presentation, parent *xmlstream.Node) {
	for k := range parent.Elements() {
		switch k.Name {
		case "material":
			q.place(p, q.material(k))
		case "flow", "flow_mat":
			q.flow(p, k)
		case "response_lid", "response_str", "response_num", "response_xy", "response_grp":
			q.response(p, k, "")
		case "altmaterial":
			q.lose(info, "alternative material", "the material itself is shown")
		case "response_extension":
			q.lose(simplified, "element response_extension", "it belongs to the program that wrote the file")
		case "qticomment":
		default:
			q.lose(simplified, "element "+k.Name, "it has no counterpart in a question's text")
		}
	}
}

// place puts material into the body. Where texts and blanks alternate, texts are
// parts of one line; else each piece is a block.
func (q *question) place(p *presentation, html string) {
	if strings.TrimSpace(html) == "" {
		if p.inline && html != "" {
			p.body.WriteString(" ")
		}
		return
	}
	if p.inline || p.blocks == 0 && p.body.Len() == 0 {
		p.body.WriteString(html)
	} else {
		p.body.WriteString("<div>" + html + "</div>")
	}
	p.blocks++
}

// flow walks a flow. Blackboard gives its flows classes that say what is in them.
func (q *question) flow(p *presentation, n *xmlstream.Node) {
	switch n.Get("class") {
	case "RIGHT_MATCH_BLOCK":
		for k := range n.Elements("flow") {
			p.rights = append(p.rights, q.materials(k))
		}
		return
	case "RESPONSE_BLOCK":
		for k := range n.Elements("flow") {
			if lid := k.Child("response_lid"); lid != nil && len(lid.Kids) > 0 {
				// The statement of a pair stands beside its response.
				q.response(p, lid, q.materials(k))
			} else {
				q.flow(p, k)
			}
		}
		for k := range n.Elements("response_lid", "response_str", "response_num", "response_xy") {
			q.response(p, k, "")
		}
		return
	}
	block := n.Name == "flow" && !p.inline && strings.EqualFold(n.Get("class"), "Block") && p.body.Len() > 0
	if block {
		p.body.WriteString("<div>")
	}
	q.walk(p, n)
	if block {
		p.body.WriteString("</div>")
	}
}

// response reads a response with its renderer and its labels.
func (q *question) response(p *presentation, n *xmlstream.Node, prompt string) {
	r := &response{ident: n.Get("ident"), node: n, prompt: prompt}
	if r.ident == "" {
		r.ident = n.Get("respident") // Brightspace
	}
	switch n.Name {
	case "response_str":
		r.kind = textResponse
	case "response_num":
		r.kind = numberResponse
	case "response_xy":
		r.kind = pointResponse
	}
	switch strings.ToLower(n.Get("rcardinality")) {
	case "multiple":
		r.multiple = true
	case "ordered":
		r.ordered = true
	}
	var before, after strings.Builder
	for k := range n.Elements() {
		switch {
		case k.Name == "material" || k.Name == "flow_mat":
			if r.render == nil {
				before.WriteString(q.materials(k))
			} else {
				after.WriteString(q.materials(k))
			}
		case strings.HasPrefix(k.Name, "render_") || k.Name == "ims_render_object":
			if r.render == nil {
				r.render = k
				q.rendered(r, k, &before, &after)
			} else {
				q.lose(simplified, "a second renderer of a response", "the first is used")
			}
		}
	}
	r.prompt += before.String() + after.String()
	r.token = tokenStart + strconv.Itoa(len(p.responses)) + tokenEnd
	p.responses = append(p.responses, r)
	p.body.WriteString(r.token)
}

// rendered reads what is within a renderer.
func (q *question) rendered(r *response, n *xmlstream.Node, before, after *strings.Builder) {
	if most := n.Get("maxchars"); most != "" {
		q.lose(info, "maxchars of an input", "the length of an answer is not limited")
	}
	if yes(n.Get("shuffle")) {
		r.shuffle = true
	}
	for k := range n.Elements() {
		switch k.Name {
		case "response_label":
			r.labels = append(r.labels, q.label(k))
		case "flow_label", "ims_render_object":
			q.rendered(r, k, before, after)
		case "material", "flow_mat":
			if n.Name == "render_hotspot" {
				continue // the image, see picture
			}
			if len(r.labels) == 0 && k.Get("position") != "bottom" {
				before.WriteString(q.materials(k))
			} else {
				after.WriteString(q.materials(k))
			}
		case "response_na":
			q.lose(info, "element response_na", "a question can be left without an answer anyway")
		default:
			q.lose(simplified, "element "+k.Name, "it has no counterpart in a response")
		}
	}
}

func (q *question) label(n *xmlstream.Node) label {
	l := label{
		ident: n.Get("ident"), node: n, fixed: strings.EqualFold(n.Get("rshuffle"), "no"),
		shape: strings.ToLower(n.Get("rarea")), algorithm: n.Get("scoring_algorithm"), answerType: n.Get("answer_type"),
	}
	for _, k := range n.Kids {
		if k.Name == "" {
			l.coords += k.Text
		}
	}
	l.coords = strings.TrimSpace(l.coords)
	l.html = q.materials(n)
	return l
}

func yes(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "yes", "true", "1", "y":
		return true
	}
	return false
}
