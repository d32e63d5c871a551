package qtifile

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// names are the identifiers that an item's own get in QTI, where one begins with
// a letter and has no spaces.
type names struct {
	parts   map[string]string
	choices map[string]map[string]string // by part: of choices and targets
}

// isQTIName reports whether s may be an identifier in QTI.
func isQTIName(s string) bool {
	for i, r := range s {
		switch {
		case unicode.IsLetter(r), r == '_':
		case i > 0 && (unicode.IsDigit(r) || r == '-' || r == '.'):
		default:
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

// rename finds names for ids, of which each that may stay stays.
func rename(ids []string, single string) map[string]string {
	taken, out := map[string]bool{}, map[string]string{}
	for _, id := range ids {
		if isQTIName(id) {
			taken[id], out[id] = true, id
		}
	}
	for _, id := range ids {
		if out[id] != "" {
			continue
		}
		name := single
		if name == "" || taken[name] {
			name = "_" + strings.Map(func(r rune) rune {
				if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-' || r == '.' {
					return r
				}
				return '_'
			}, strings.ToValidUTF8(id, "_"))
		}
		if taken[name] {
			name = "_" + digestOf(id)
		}
		taken[name], out[id] = true, name
	}
	return out
}

// inQTI is the item with identifiers of QTI. One of a program has them already.
func inQTI(made *event.ItemV1) (*event.ItemV1, names) {
	var ids []string
	for i := range made.Parts {
		ids = append(ids, made.Parts[i].PartID)
	}
	single := ""
	if len(ids) == 1 {
		single = "RESPONSE"
	}
	n := names{parts: rename(ids, single), choices: map[string]map[string]string{}}
	if made.Program != nil {
		for id := range n.parts {
			n.parts[id] = id
		}
	}
	out := *made
	out.Parts = slices.Clone(made.Parts)
	for i := range out.Parts {
		n.part(&out.Parts[i], made.Program != nil)
	}
	return &out, n
}

func (n *names) part(p *event.PartV1, keep bool) {
	var ids []string
	for _, c := range p.Choices {
		ids = append(ids, c.ChoiceID)
	}
	for _, t := range p.Targets {
		ids = append(ids, t.TargetID)
	}
	of := rename(ids, "")
	if keep {
		for id := range of {
			of[id] = id
		}
	}
	n.choices[p.PartID] = of
	p.PartID = n.parts[p.PartID]
	p.Choices = slices.Clone(p.Choices)
	for i := range p.Choices {
		p.Choices[i].ChoiceID = of[p.Choices[i].ChoiceID]
	}
	p.Targets = slices.Clone(p.Targets)
	for i := range p.Targets {
		p.Targets[i].TargetID = of[p.Targets[i].TargetID]
	}
	p.Pairs = slices.Clone(p.Pairs)
	for i := range p.Pairs {
		p.Pairs[i].ChoiceID, p.Pairs[i].TargetID = of[p.Pairs[i].ChoiceID], of[p.Pairs[i].TargetID]
	}
	p.Orders = slices.Clone(p.Orders)
	for i := range p.Orders {
		p.Orders[i] = slices.Clone(p.Orders[i])
		for j := range p.Orders[i] {
			p.Orders[i][j] = of[p.Orders[i][j]]
		}
	}
}

// place is the name of a gap or a hot text by the two ids of its placeholder.
func (n *names) place(pair string) (part, id string) {
	p, c, _ := strings.Cut(pair, "/")
	return orElse(n.parts[p], p), orElse(n.choices[p][c], c)
}
