package qtifile

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// sameTree compares what the fast and the tolerant reader make of a document.
func sameTree(t *testing.T, source string) (fast bool) {
	t.Helper()
	got, ok := scan(source)
	if !ok {
		return false
	}
	want, notes, err := readTolerantly(strings.NewReader(source))
	if err != nil || len(notes) > 0 {
		t.Fatalf("the fast reader takes what is not in order: %v %v\n%q", err, notes, source)
	}
	if !reflect.DeepEqual(simplify(got), simplify(want)) {
		t.Fatalf("the fast reader gives\n%+v\nwant\n%+v\nfor %q", simplify(got), simplify(want), source)
	}
	return true
}

// flat is a node in a form that can be compared; texts beside each other are one.
type flat struct {
	Name, Raw, Text string
	Attrs           []attr
	Line            int
	Kids            []flat
}

func simplify(n *node) flat {
	f := flat{Name: n.name, Raw: n.raw, Text: n.text, Attrs: append([]attr{}, n.attrs...), Line: n.line}
	if n.name == "" {
		f.Line = 0
	}
	for _, k := range n.kids {
		s := simplify(k)
		if last := len(f.Kids) - 1; s.Name == "" && last >= 0 && f.Kids[last].Name == "" {
			f.Kids[last].Text += s.Text
			continue
		}
		f.Kids = append(f.Kids, s)
	}
	return f
}

// TestScanIsTheSame: the fast reader gives the tree that the tolerant one gives,
// or leaves it to that one.
func TestScanIsTheSame(t *testing.T) {
	files, _ := filepath.Glob("testdata/items/*.xml")
	for _, file := range files {
		if !sameTree(t, string(readData(t, file))) {
			t.Errorf("%s is not read fast", file)
		}
	}
	for source, fast := range map[string]bool{
		"<a/>": true, "<a></a>": true, "<a>x</a>": true, "<a b='1' c=\"2\"/>": true, "<a\n b = '1'\n/>": true, "\ufeff<a/>": true,
		`<?xml version="1.0" encoding="UTF-8"?><a/>`: true, `<?xml version="1.0" encoding="latin1"?><a/>`: false,
		"<a>&lt;&amp;&#65;&#x42;</a>": true, "<a>&nbsp;</a>": false, "<a>&</a>": false, "<a>x<![CDATA[<y>]]>z</a>": true, "<a><!-- c --></a>": true,
		"<a><!-- - -- --></a>": false, "<a><?p x?></a>": true, "<?xml-model href='x'?>\n<a/>": true, "<a><?xml x?></a>": false, "<a><?p></a>": false, "<a><?p?></a>": true, "<a><??></a>": false, "<!DOCTYPE a><a/>": false, "<a><b></a></b>": false, "<a": false, "<a/><b/>": false,
		"x<a/>": false, "<a/>x": false, "<a b=1/>": false, "<a b/>": false, "<a b='<'/>": false, "<a\r\n/>": true, "<a\r/>": true, "<a b='x\r\ny'>\r\n<b/></a>": true, "<a>\r</a>": false, "<p:a p:b='1'></p:a>": true,
		"<a:b:c/>": false, "<a></ a>": false, "<a></a >": true, "<a>]]></a>": false, "<a b='1'c='2'/>": false, "<a>\x00</a>": false, "<é/>": false, "": false, "<a>\uffff</a>": false,
	} {
		if got := sameTree(t, source); got != fast {
			t.Errorf("%q is read fast: %v, want %v", source, got, fast)
		}
	}
}

// FuzzScan: the same for everything.
func FuzzScan(f *testing.F) {
	f.Add("<a b='1'>x<p:c/><![CDATA[y]]>&amp;</a>")
	f.Add(`<?xml version="1.0"?>` + "\n<itemBody><p>x</p> <choiceInteraction maxChoices=\"1\"/></itemBody>")
	f.Fuzz(func(t *testing.T, source string) { sameTree(t, source) })
}
