package qti

import (
	"reflect"
	"strings"
	"testing"
)

// sameNodes compares what the two readers make of a source.
func sameNodes(t *testing.T, source string) (fast bool) {
	t.Helper()
	got, ok := scanXML(source)
	if !ok {
		return false
	}
	want, err := decodeXML(source)
	if err != nil {
		t.Fatalf("the fast reader takes what is not in order: %v\n%q", err, source)
	}
	if !reflect.DeepEqual(plainNode(got), plainNode(want)) {
		t.Fatalf("the fast reader gives\n%+v\nwant\n%+v\nfor %q", plainNode(got), plainNode(want), source)
	}
	return true
}

// plainNode is a node in a form that can be compared.
func plainNode(n *node) node {
	out := node{name: n.name, line: n.line, text: n.text, attrs: append([]attr{}, n.attrs...)}
	if len(n.children) > 0 {
		out.text = strings.Join(strings.Fields(n.text), " ")
	}
	for _, c := range n.children {
		p := plainNode(c)
		out.children = append(out.children, &p)
	}
	return out
}

// TestScanIsTheSame: the fast reader of sources reads what the decoder reads, or
// leaves it to that.
func TestScanIsTheSame(t *testing.T) {
	for source, fast := range map[string]bool{
		"<assessmentItem identifier='x'><itemBody><p:x>y</p:x></itemBody><responseDeclaration/></assessmentItem>":                                   false,
		"<assessmentItem identifier='x'><itemBody><p>y<modalFeedback/></p></itemBody><responseDeclaration>z</responseDeclaration></assessmentItem>": true,
		"<qti-assessment-item xmlns='y'>\n <qti-value> a </qti-value>\n<qti-x a='&lt;'/>b</qti-assessment-item>":                                    true,
		"<a xml:lang='de'/>": false, "<a>&nbsp;</a>": false, "<a><b></a>": false, "<a/><b/>": false, "<!-- c --><a/>": true,
		"<a>" + strings.Repeat("<b>", 250) + strings.Repeat("</b>", 250) + "</a>": false,
	} {
		if got := sameNodes(t, source); got != fast {
			t.Errorf("%q is read fast: %v, want %v", source, got, fast)
		}
	}
}

// FuzzScan: the same for everything.
func FuzzScan(f *testing.F) {
	f.Add("<assessmentItem><responseDeclaration identifier='R' baseType=\"float\">x<value>1</value></responseDeclaration></assessmentItem>")
	f.Fuzz(func(t *testing.T, source string) { sameNodes(t, source) })
}
