package xmlstream

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// outline reads a document and writes what it found: "<a x=1>text</a>".
func outline(text string, o Options) (string, *Reader, error) {
	r, err := New(strings.NewReader(text), o)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	for {
		kind, e, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return b.String(), r, nil
		case err != nil:
			return b.String(), r, err
		case kind == Start:
			b.WriteString("<" + e.Name)
			for _, a := range e.Attrs {
				b.WriteString(" " + a.Name + "=" + a.Value)
			}
			b.WriteString(">")
		case kind == End:
			b.WriteString("</" + e.Name + ">")
		default:
			b.Write(r.Text())
		}
	}
}

func TestDocumentsAreReadWithTolerance(t *testing.T) {
	encode := func(e interface{ String(string) (string, error) }, s string) string {
		out, err := e.String(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, tc := range []struct{ what, text, want, note string }{
		{"plain", `<?xml version="1.0"?><a x="1"><b>t</b></a>`, `<a x=1><b>t</b></a>`, ""},
		{"prefixes", `<q:a q:x="1" xmlns:q="u"><q:b/></q:a>`, `<a x=1 q=u><b></b></a>`, ""},
		{"XML 1.1", `<?xml version="1.1"?><a/>`, `<a></a>`, ""},
		{"a byte order mark", "\xef\xbb\xbf<a/>", `<a></a>`, ""},
		{"UTF-16 little endian", encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder(), `<?xml version="1.0" encoding="UTF-16"?><a>ü€</a>`), `<a>ü€</a>`, "UTF-16"},
		{"UTF-16 big endian", encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder(), `<a>ü</a>`), `<a>ü</a>`, "UTF-16"},
		{"UTF-16 without a mark", encode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder(), `<a>ü</a>`), `<a>ü</a>`, "UTF-16"},
		{"Latin 1", encode(charmap.ISO8859_1.NewEncoder(), `<?xml version="1.0" encoding="ISO-8859-1"?><a>ü</a>`), `<a>ü</a>`, "windows-1252"},
		{"Cyrillic", encode(charmap.Windows1251.NewEncoder(), `<?xml version='1.0' encoding='windows-1251'?><a>Привет</a>`), `<a>Привет</a>`, "windows-1251"},
		{"says UTF-16 and is not", `<?xml version="1.0" encoding="UTF-16"?><a>ü</a>`, `<a>ü</a>`, ""},
		{"an encoding that nobody knows", `<?xml version="1.0" encoding="x-unknown"?><a>ü</a>`, `<a>ü</a>`, ""},
		{"Windows bytes in UTF-8", "<a>ü \x93quoted\x94</a>", `<a>ü “quoted”</a>`, "2 bytes that are not UTF-8"},
		{"control characters", "<a>x\x03y\x0bz&#3;&#x1F;&#10;.</a>", "<a>xyz\n.</a>", "4 control characters"},
		{"entities of HTML", `<a>x&nbsp;&eacute;&amp;</a>`, "<a>x\u00a0é&</a>", ""},
		{"an ampersand that is not escaped", `<a b="x & y">x & y &unknown; z</a>`, `<a b=x & y>x & y &unknown; z</a>`, ""},
		{"attributes without quotation marks", `<a b=c d>x</a>`, `<a b=c d=d>x</a>`, ""},
		{"DOCTYPE", `<!DOCTYPE a SYSTEM "a.dtd"><a/>`, `<a></a>`, "DOCTYPE"},
		{"CDATA and comments", `<a><![CDATA[<b>]]><!-- c --><?pi x?>d</a>`, `<a><b>d</a>`, ""},
		{"text after the end", `<a/>` + "\n\x1a\x00", `<a></a>`, "control characters"},
	} {
		got, r, err := outline(tc.text, Options{})
		if err != nil || got != tc.want {
			t.Errorf("%s: %q %v, want %q", tc.what, got, err, tc.want)
			continue
		}
		notes := fmt.Sprint(r.Notes())
		if tc.note == "" && len(r.Notes()) > 0 || !strings.Contains(notes, tc.note) {
			t.Errorf("%s: notes %s", tc.what, notes)
		}
	}
}

func TestMalformedOrHostileDocumentsAreRefusedWithTheirLine(t *testing.T) {
	for _, tc := range []struct {
		what, text string
		o          Options
		line       int
		words      string
	}{
		{"nothing", ``, Options{}, 1, "no element"},
		{"no XML", "\n\nhello", Options{}, 1, "not XML"},
		{"another version", "<?xml version='7'?><a/>", Options{}, 1, "version"},
		{"cut", "<a>\n<b>", Options{}, 2, "ends before </b>"},
		{"cut in a tag", "<a>\n<b x=\"", Options{}, 2, "within a tag"},
		{"tags that do not match", "<a>\n<b>\n</a>", Options{}, 3, "</a> is where </b> should be"},
		{"an end without a start", "<a/>\n</a>", Options{}, 2, "has no start"},
		{"two roots", "<a/>\n<b/>", Options{}, 2, "second root"},
		{"deep", strings.Repeat("<a>\n", 201), Options{}, 201, "deeper than 200"},
		{"entities", "<!DOCTYPE a [\n<!ENTITY lol 'lol'>\n<!ENTITY lol2 '&lol;&lol;'>]>\n<a>&lol2;</a>", Options{}, 3, "entities of its own"},
		{"external entities", `<!DOCTYPE a [<!EnTiTy x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, Options{}, 1, "entities of its own"},
		{"a long text", "<a>\n" + strings.Repeat("x", 300_000) + "</a>", Options{Token: 100_000}, 2, "longer than 100000"},
		{"a long attribute", "<a b='" + strings.Repeat("x", 300_000) + "'/>", Options{Token: 100_000}, 1, "longer than 100000"},
		{"many elements", "<a>" + strings.Repeat("<b/>", 100) + "</a>", Options{Total: 50}, 1, "more than 50 elements"},
	} {
		_, _, err := outline(tc.text, tc.o)
		var fault *Error
		if !errors.As(err, &fault) || fault.Line != tc.line || !strings.Contains(fault.Reason, tc.words) {
			t.Errorf("%s: %v", tc.what, err)
		}
	}
}

func TestTreesAndSkips(t *testing.T) {
	r, err := New(strings.NewReader("<all>\n<skip><x/>text<y>z</y></skip>\n<item id=' 7 '> <t>a <b>c</b><!-- n --> d</t>\n<t/></item></all>"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		kind, e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if kind != Start || e.Name == "all" {
			continue
		}
		if e.Name == "skip" {
			if err := r.Skip(); err != nil || r.Depth() != 1 {
				t.Fatal(err, r.Depth())
			}
			continue
		}
		n, err := r.Tree(e, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n.Get("id") != "7" || n.Line != 3 || n.Child("t").Content() != "a c d" || n.Child("gone").Child("x").Get("y") != "" || n.Child("gone").Content() != "" {
			t.Errorf("%+v", n)
		}
		if got := len(slices.Collect(n.Elements("t"))); got != 2 || len(n.Kids) != 2 {
			t.Errorf("%d t, %d kids", got, len(n.Kids))
		}
		if got := len(slices.Collect(n.All("b", "t"))); got != 3 {
			t.Errorf("%d", got)
		}
		break
	}
	r, err = New(strings.NewReader("<a>"+strings.Repeat("<b/>", 20)+"</a>"), Options{Nodes: 10})
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tree(e, nil); err == nil || !strings.Contains(err.Error(), "more than 10") {
		t.Errorf("got %v", err)
	}
}

func TestATreeHasABoundedSize(t *testing.T) {
	for _, text := range []string{"<a>" + strings.Repeat("<b>"+strings.Repeat("x", 100)+"</b>", 100) + "</a>", "<a>" + strings.Repeat("<b c='"+strings.Repeat("x", 100)+"'/>", 100) + "</a>"} {
		r, err := New(strings.NewReader(text), Options{Bytes: 5000})
		if err != nil {
			t.Fatal(err)
		}
		_, e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Tree(e, nil); err == nil || !strings.Contains(err.Error(), "more than 5000 bytes") {
			t.Errorf("got %v", err)
		}
	}
}

// TestChunksDoNotMatter: characters are not cut where the buffer ends.
func TestChunksDoNotMatter(t *testing.T) {
	text := "<a>" + strings.Repeat("ä€😀x", 40_000) + "\x93" + strings.Repeat("ö", 40_000) + "</a>"
	want := strings.Replace(text, "\x93", "“", 1)
	for _, size := range []int{1, 7, 1000, 1 << 20} {
		r, err := New(&slow{text, size}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		n, err := r.Tree(e, nil)
		if err != nil || "<a>"+n.Content()+"</a>" != want {
			t.Errorf("%d: %v", size, err)
		}
	}
}

type slow struct {
	text string
	size int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.size)], s.text)
	s.text = s.text[n:]
	return n, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errMachine }

var errMachine = errors.New("disk on fire")

func TestAFaultOfTheMachineIsPassedOn(t *testing.T) {
	r, err := New(io.MultiReader(strings.NewReader("<a>"+strings.Repeat("x", 5000)), failing{}), Options{})
	for err == nil {
		_, _, err = r.Next()
	}
	var fault *Error
	if !errors.Is(err, errMachine) || errors.As(err, &fault) {
		t.Errorf("got %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add("<a x='1'>t&amp;<b/></a>")
	f.Add("\xff\xfe<\x00a\x00/\x00>\x00")
	f.Add("<?xml version='1.0' encoding='windows-1251'?><a>\xcf</a>")
	f.Add("<a>\x03&#3;\x93</a>")
	f.Fuzz(func(t *testing.T, text string) {
		out, _, err := outline(text, Options{Depth: 20, Token: 1 << 16, Total: 1000})
		var fault *Error
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("got %v", err)
		}
		if strings.ContainsAny(out, "\x00\x01\x02\x03\x1f") {
			t.Errorf("control characters in %q", out)
		}
	})
}

// BenchmarkReader compares with the bare token loop of encoding/xml.
func BenchmarkReader(b *testing.B) {
	text := "<all>" + strings.Repeat(`<item ident="i1" title="Question"><presentation><material><mattext texttype="text/html">&lt;p&gt;What is this?&lt;/p&gt;</mattext></material></presentation></item>`+"\n", 5000) + "</all>"
	b.Run("encoding_xml", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			d := xml.NewDecoder(strings.NewReader(text))
			for {
				if _, err := d.Token(); err != nil {
					break
				}
			}
		}
	})
	b.Run("xmlstream", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if r, err := New(strings.NewReader(text), Options{}); err == nil {
				for {
					if _, _, err := r.Next(); err != nil {
						break
					}
				}
			}
		}
	})
}
