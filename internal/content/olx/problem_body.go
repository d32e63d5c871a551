package olx

import (
	"slices"
	"strconv"
	"strings"
)

// fragment is the sanitised content of n without the named elements.
func (r *problemReader) fragment(n *node, without ...string) string {
	w := &htmlWriter{}
	w.replace = func(w *htmlWriter, d *node) bool {
		return slices.Contains(without, d.name) || r.rewrite(w, d)
	}
	w.children(n)
	return r.clean.clean(w.String(), r.place(n))
}

// rewrite writes the elements that have a meaning only in problems.
func (r *problemReader) rewrite(w *htmlWriter, n *node) bool {
	switch n.name {
	case "startouttext", "endouttext":
	case "text":
		w.children(n)
	case "clarification":
		w.WriteString(" <small>(")
		w.children(n)
		w.WriteString(")</small>")
	case "problem":
		w.WriteString("<div>")
		w.children(n)
		w.WriteString("</div>")
	default:
		return false
	}
	return true
}

// writer writes the stem: everything but keys, hints and explanations, with a
// token where an input is.
func (r *problemReader) writer() *htmlWriter {
	inside := map[*node]*response{}
	var current *response
	for _, resp := range r.responses {
		inside[resp.node] = resp
	}
	w := &htmlWriter{}
	w.replace = func(w *htmlWriter, n *node) bool {
		switch n.name {
		case "solution", "solutionset", "demandhint", "targetedfeedbackset", "script":
			return true // read elsewhere
		case "p":
			if holdsResponse(n) {
				w.element("div", n) // an input may not stand in a paragraph
				return true
			}
		}
		if resp := inside[n]; resp != nil {
			current = resp
			r.writeResponse(w, resp)
			current = nil
			return true
		}
		if current != nil && r.writeWithin(w, current, n) {
			return true
		}
		return r.rewrite(w, n)
	}
	return w
}

func holdsResponse(n *node) bool {
	found := false
	n.walk(func(d *node) bool {
		found = found || isResponse(d.name)
		return !found
	})
	return found
}

func (r *problemReader) writeResponse(w *htmlWriter, resp *response) {
	w.children(resp.node)
	if len(resp.inputs) == 0 {
		r.writeInput(w, resp, 0)
	}
}

// writeWithin writes what has a meaning only within a response.
func (r *problemReader) writeWithin(w *htmlWriter, resp *response, n *node) bool {
	if i := slices.Index(resp.inputs, n); i >= 0 {
		r.writeInput(w, resp, i)
		return true
	}
	answerable := resp.reason == "" && resp.single
	switch n.name {
	case "label":
		if !answerable {
			w.element("div", &node{kids: n.kids})
		}
	case "description":
		if !answerable {
			w.element("div", &node{kids: n.kids})
		}
	case "responseparam", "additional_answer", "correcthint", "stringequalhint", "regexphint", "hintgroup", "answer", "codeparam",
		"grader", "generator", "display":
	default:
		return false
	}
	return true
}

func (r *problemReader) writeInput(w *htmlWriter, resp *response, i int) {
	if resp.reason == "" {
		w.WriteString(r.token + strconv.Itoa(resp.first+i) + "n")
		if i < len(resp.inputs) {
			w.node(&node{text: " " + resp.inputs[i].get("trailing_text")})
		}
		return
	}
	if i == 0 {
		w.element("em", &node{kids: []*node{{text: "[A question that cannot be answered here: " + responseLabel(resp.kind) + "]"}}})
	}
}

func responseLabel(kind string) string {
	switch kind {
	case "customresponse", "coderesponse", "externalresponse":
		return "an answer checked by a program"
	case "formularesponse", "symbolicresponse":
		return "a formula"
	case "imageresponse":
		return "a region of an image"
	case "schematicresponse":
		return "a circuit"
	case "annotationresponse":
		return "an annotation"
	}
	return strings.TrimSuffix(kind, "response")
}

// body is the stem with the parts in their places.
func (r *problemReader) body() string {
	w := r.writer()
	w.children(r.e.node)
	body := r.clean.clean(w.String(), r.e.at)
	for _, part := range r.parts {
		token := r.token + part.PartID + "n"
		place := `<div data-part="` + part.PartID + `"></div>`
		before, after, found := strings.Cut(body, token)
		if !found {
			r.report.add(Simplified, r.e.at, "the place of part "+part.PartID, "it was within markup that is dropped; the part comes last")
			body += place
			continue
		}
		body = before + place + strings.ReplaceAll(after, token, "")
	}
	return body
}
