package qtifile

import (
	"math/big"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
)

// declaration is that of a response, an outcome or a template variable.
type declaration struct {
	*node
	id          string
	cardinality string // "single", "multiple", "ordered", "record"
	base        string // "identifier", "directedPair"...; of records ""
	values      []string
	correct     []string
	mapping     *mapping
	areas       *areaMapping
}

// mapping is how values earn points.
type mapping struct {
	lower, upper *big.Rat // nil: none
	otherwise    *big.Rat
	entries      []mapEntry
}

type mapEntry struct {
	key    string
	points *big.Rat
	fold   bool // upper and lower case are the same
}

// areaMapping is how points of an image earn points of a score.
type areaMapping struct {
	lower, upper *big.Rat
	otherwise    *big.Rat
	entries      []areaEntry
}

type areaEntry struct {
	*node
	points *big.Rat
}

// declarations are those of one kind, in their order.
type declarations struct {
	byID  map[string]*declaration
	order []*declaration
}

func (d *declarations) add(n *node) *declaration {
	dec := &declaration{node: n, id: n.get("identifier"), cardinality: n.get("cardinality"), base: n.get("base-type")}
	if dec.cardinality == "" {
		dec.cardinality = "single"
	}
	if def := n.child("qti-default-value"); def != nil {
		dec.values = valuesOf(def, dec.base)
	}
	if correct := n.child("qti-correct-response"); correct != nil {
		dec.correct = valuesOf(correct, dec.base)
	}
	if m := n.child("qti-mapping"); m != nil {
		dec.mapping = readMapping(m, dec.base)
	}
	if m := n.child("qti-area-mapping"); m != nil {
		dec.areas = readAreaMapping(m)
	}
	if d.byID == nil {
		d.byID = map[string]*declaration{}
	}
	if _, twice := d.byID[dec.id]; !twice {
		d.byID[dec.id] = dec
		d.order = append(d.order, dec)
	}
	return dec
}

func (d *declarations) get(id string) *declaration { return d.byID[id] }

func valuesOf(n *node, base string) []string {
	var out []string
	for _, v := range n.elements("qti-value") {
		out = append(out, normalValue(v.content(), base))
	}
	return out
}

// normalValue is a value with one space where a pair has any white space.
func normalValue(s, base string) string {
	if base == "pair" || base == "directedPair" || base == "point" {
		return strings.Join(strings.Fields(s), " ")
	}
	return strings.TrimSpace(s)
}

func readMapping(n *node, base string) *mapping {
	m := &mapping{lower: bound(n, "lower-bound"), upper: bound(n, "upper-bound"), otherwise: points(n, "default-value")}
	for _, e := range n.elements("qti-map-entry") {
		m.entries = append(m.entries, mapEntry{
			key: normalValue(e.get("map-key"), base), points: points(e, "mapped-value"), fold: strings.EqualFold(e.get("case-sensitive"), "false"),
		})
	}
	return m
}

func readAreaMapping(n *node) *areaMapping {
	m := &areaMapping{lower: bound(n, "lower-bound"), upper: bound(n, "upper-bound"), otherwise: points(n, "default-value")}
	for _, e := range n.elements("qti-area-map-entry") {
		m.entries = append(m.entries, areaEntry{e, points(e, "mapped-value")})
	}
	return m
}

func bound(n *node, name string) *big.Rat {
	r, _ := rational(n.get(name))
	return r
}

// points are zero if they are not stated.
func points(n *node, name string) *big.Rat {
	if r, ok := rational(n.get(name)); ok {
		return r
	}
	return new(big.Rat)
}

// rational reads a numeral exactly.
func rational(s string) (*big.Rat, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, false
	}
	n, err := exact.Parse(s)
	if err != nil {
		return nil, false
	}
	return n.Rat(), true
}

// decimal is the numeral of r as items write it, if it has one: up to nine
// digits before the point and nine after it.
func decimal(r *big.Rat) (string, bool) {
	places, finite := r.FloatPrec()
	if !finite || places > 9 {
		return "", false
	}
	s := r.FloatString(places)
	whole, _, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return s, len(whole) <= 9
}

// orDefault is a decimal, or "" where the item model has this value by default.
func orDefault(r *big.Rat, normal string) (string, bool) {
	s, ok := decimal(r)
	if s == normal {
		return "", ok
	}
	return s, ok
}
