package xmlscan

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// record writes down what it is told; texts that follow one another are one.
type record struct{ events []string }

func (r *record) Start(prefix, name string, attrs []Attr, _ int) bool {
	r.events = append(r.events, fmt.Sprintf("<%s:%s %q>", prefix, name, attrs))
	return true
}

func (r *record) End() { r.events = append(r.events, "</>") }

func (r *record) Text(text string, _ int) {
	if last := len(r.events) - 1; strings.HasPrefix(r.events[last], "text ") {
		r.events[last] += text
		return
	}
	r.events = append(r.events, "text "+text)
}

// decoded is what encoding/xml reads.
func decoded(source string) ([]string, error) {
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(source, "\ufeff")))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	r := &record{}
	depth, roots := 0, 0
	for {
		token, err := d.Token() // which sees to it that tags match
		if errors.Is(err, io.EOF) {
			if roots != 1 {
				return nil, errors.New("not one root")
			}
			return r.events, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
			r.Start("", t.Name.Local, nil, 0)
			for range t.Attr {
				r.events = append(r.events, "attribute")
			}
		case xml.EndElement:
			depth--
			r.End()
		case xml.CharData:
			switch {
			case depth > 0 && len(t) > 0:
				r.Text(string(t), 0)
			case depth == 0 && strings.TrimSpace(string(t)) != "":
				return nil, errors.New("text outside")
			}
		}
	}
}

// told is what Scan tells, in the terms of decoded, which knows no prefixes.
func told(source string) ([]string, bool) {
	r := &record{}
	if !Scan(source, r) {
		return nil, false
	}
	var out []string
	for _, e := range r.events {
		if !strings.HasPrefix(e, "<") || e == "</>" {
			out = append(out, e)
			continue
		}
		_, rest, _ := strings.Cut(e, ":")
		name, _, _ := strings.Cut(rest, " ")
		out = append(out, fmt.Sprintf("<:%s %q>", name, []Attr(nil)))
		for range strings.Count(rest, `{"`) {
			out = append(out, "attribute")
		}
	}
	return out, true
}

func agree(t *testing.T, source string) (fast bool) {
	t.Helper()
	got, ok := told(source)
	if !ok {
		return false
	}
	want, err := decoded(source)
	if err != nil {
		t.Fatalf("it takes what is not in order: %v\n%q", err, source)
	}
	if !strings.Contains(source, `{"`) && !slices.Equal(got, want) {
		t.Fatalf("it tells\n%q\nwant\n%q\nof %q", got, want, source)
	}
	return true
}

// TestScan: documents in order are read, others left to encoding/xml.
func TestScan(t *testing.T) {
	for source, fast := range map[string]bool{
		`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\r\n<?style x?><!-- c --><a b='1' p:c=\"&lt;2&#10;\"><b/>x&amp;y<![CDATA[<z>]]></a>\n": true,
		"<a>": false, "</a>": false, "<a></b>": false, "<a/><a/>": false, "text": false, "": false, "<a>&nbsp;</a>": false, "<a>& </a>": false,
		"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>": false, "<a b=c/>": false, "<a b='1'b='2'/>": false, "<a>\xff</a>": false, "<a>\x01</a>": false,
		`<?xml version="1.0" encoding="UTF-16"?><a/>`: false, `<?xml version="1.1"?><a/>`: false, "<a><!--></a>": false, "<a>]]></a>": false,
	} {
		if got := agree(t, source); got != fast {
			t.Errorf("%q is read: %v, want %v", source, got, fast)
		}
	}
}

// TestLines: each element and each text comes with its line.
func TestLines(t *testing.T) {
	l := &lines{}
	if !Scan("<a>\n<b\n c='\n'/>x\n</a>", l) || !slices.Equal(l.at, []int{1, 1, 4, 4}) {
		t.Errorf("the lines are %v", l.at)
	}
}

type lines struct{ at []int }

func (l *lines) Start(_, _ string, _ []Attr, line int) bool {
	l.at = append(l.at, line)
	return true
}
func (l *lines) End()                    {}
func (l *lines) Text(_ string, line int) { l.at = append(l.at, line) }

// FuzzScan: what is read is what encoding/xml reads.
func FuzzScan(f *testing.F) {
	f.Add("<a b='1'>x<p:c/><![CDATA[y]]>&amp;<!-- c --></a>")
	f.Add("<?xml version=\"1.0\"?>\r\n<a\r\nb=\"2\">\r\n</a>")
	f.Fuzz(func(t *testing.T, source string) { agree(t, source) })
}
