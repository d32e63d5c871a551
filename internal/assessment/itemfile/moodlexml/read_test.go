package moodlexml

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// quiz is a file with questions.
func quiz(questions string) []byte {
	return []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<quiz>\n" + questions + "\n</quiz>\n")
}

// one reads a file with one question.
func one(t *testing.T, question string) itemfile.Found {
	t.Helper()
	found := readAll(t, quiz(question))
	if len(found) != 1 {
		t.Fatalf("%d found, want 1: %+v", len(found), found)
	}
	return found[0]
}

// arrives is one that becomes an item.
func arrives(t *testing.T, question string) (event.ItemV1, itemfile.Found) {
	t.Helper()
	f := one(t, question)
	if f.Item == nil {
		t.Fatalf("it does not arrive: %v", f.Lines)
	}
	return *f.Item, f
}

// says reports whether a line of the severity has the words.
func says(lines []itemfile.Line, severity itemfile.Severity, words string) bool {
	for _, l := range lines {
		if l.Severity == severity && strings.Contains(l.What+": "+l.Why, words) {
			return true
		}
	}
	return false
}

func choiceWith(text, rest string) string {
	return `<question type="multichoice"><name><text>N</text></name><questiontext format="html"><text>` + text + `</text></questiontext>` +
		rest + `<answer fraction="100"><text>a</text></answer><answer fraction="0"><text>b</text></answer></question>`
}

func TestTextsInAllFormats(t *testing.T) {
	for format, want := range map[string]string{
		"html":               "a <b>b</b>\nc",
		"moodle_auto_format": "a <b>b</b>\nc",
		"plain_text":         "a &lt;b&gt;b&lt;/b&gt;<br/>c",
		"markdown":           "a <b>b</b>\nc",
		"unheard_of":         "a <b>b</b>\nc",
	} {
		q := strings.Replace(choiceWith("<![CDATA[a <b>b</b>\nc]]>", ""), `format="html"`, `format="`+format+`"`, 1)
		item, f := arrives(t, q)
		if item.BodyHTML != want {
			t.Errorf("%s: %q, want %q", format, item.BodyHTML, want)
		}
		if format == "unheard_of" != says(f.Lines, itemfile.Simplified, `text format "unheard_of"`) {
			t.Errorf("%s: %v", format, f.Lines)
		}
	}
	item, _ := arrives(t, strings.Replace(choiceWith("a\nb", ""), `format="html"`, `format="moodle_auto_format"`, 1))
	if item.BodyHTML != "a<br/>\nb" {
		t.Errorf("a line end of the automatic format: %q", item.BodyHTML)
	}
}

func TestTeXStandsBetweenBackslashes(t *testing.T) {
	item, _ := arrives(t, choiceWith(`<![CDATA[<p>$$x^2$$ and [tex]y[/tex] and \(z\), 5$ <code>$$</code></p>]]>`, ""))
	if want := `<p>\[x^2\] and \(y\) and \(z\), 5$ <code>$$</code></p>`; item.BodyHTML != want {
		t.Errorf("%q, want %q", item.BodyHTML, want)
	}
}

func TestWhatIsSlightlyBrokenIsUnderstoodAndTold(t *testing.T) {
	for name, c := range map[string]struct{ text, want, told string }{
		"an entity of HTML":            {"a&nbsp;&eacute;", "a\u00a0é", "entities of HTML"},
		"an ampersand":                 {"a & b &c; R&D", "a &amp; b &amp;c; R&amp;D", "an ampersand that is not escaped"},
		"a control character":          {"a\x0bb\x01", "ab", "control characters"},
		"a reference to a control":     {"a&#11;b&#x1f;", "ab", "control characters"},
		"bytes of windows-1252":        {"caf\xe9 \x93x\x94", "café “x”", "bytes that are no UTF-8"},
		"HTML that is not escaped":     {"<p>a<br>b &amp; c</p>", "<p>a<br/>b &amp; c</p>", "HTML that is not escaped"},
		"a < that begins nothing":      {"1 < 2", "1 &lt; 2", "a < that begins no tag"},
		"an end of a section in it":    {"a ]]> b", "a ]]&gt; b", ""},
		"text around a section":        {"a <![CDATA[<b>b</b>]]> c", "a <b>b</b> c", ""},
		"several sections":             {"<![CDATA[a]]><![CDATA[ b]]>", "a b", ""},
		"indentation around a section": {"\n   <![CDATA[a]]>\n  ", "a", ""},
		"a comment":                    {"a<!-- b -->c", "ac", ""},
		"a script":                     {"&lt;p onclick=&quot;x()&quot;&gt;a&lt;/p&gt;&lt;script&gt;b&lt;/script&gt;", "<p>a</p>", "scripts and event handlers"},
	} {
		item, f := arrives(t, choiceWith(c.text, ""))
		if item.BodyHTML != c.want {
			t.Errorf("%s: %q, want %q", name, item.BodyHTML, c.want)
		}
		if c.told != "" && !says(f.Lines, itemfile.Info, c.told) && !says(f.Lines, itemfile.Simplified, c.told) {
			t.Errorf("%s is not told: %v", name, f.Lines)
		}
		if c.told == "" && len(f.Lines) > 0 {
			t.Errorf("%s: %v", name, f.Lines)
		}
	}
}

func TestEncodings(t *testing.T) {
	const question = `<question type="essay"><name><text>Größe</text></name><questiontext><text>Wie groß?</text></questiontext></question>`
	utf16 := func(s string, big bool) []byte {
		out := []byte{0xFF, 0xFE}
		if big {
			out = []byte{0xFE, 0xFF}
		}
		for _, r := range s {
			if big {
				out = append(out, byte(r>>8), byte(r))
			} else {
				out = append(out, byte(r), byte(r>>8))
			}
		}
		return out
	}
	latin := func(s string) []byte {
		var out []byte
		for _, r := range s {
			out = append(out, byte(r))
		}
		return out
	}
	for name, data := range map[string][]byte{
		"UTF-8":                            quiz(question),
		"with a byte order mark":           append([]byte("\xEF\xBB\xBF"), quiz(question)...),
		"UTF-16, little end first":         utf16("<?xml version='1.0' encoding='UTF-16'?><quiz>"+question+"</quiz>", false),
		"UTF-16, big end first":            utf16("<quiz>"+question+"</quiz>", true),
		"ISO-8859-1, declared":             latin(`<?xml version="1.0" encoding="ISO-8859-1"?><quiz>` + question + "</quiz>"),
		"windows-1252, declared as UTF-8":  latin(`<?xml version="1.0" encoding="UTF-8"?><quiz>` + question + "</quiz>"),
		"UTF-8, declared as UTF-16":        []byte(`<?xml version="1.0" encoding="UTF-16"?><quiz>` + question + "</quiz>"),
		"without a declaration":            []byte("<quiz>" + question + "</quiz>"),
		"with lines before the declarator": append([]byte("\n  \n"), quiz(question)...),
		"without a quiz":                   []byte(question),
		"with a document type":             []byte("<!DOCTYPE quiz><quiz>" + question + "</quiz>"),
		"two files in one":                 append(quiz(""), quiz(question)...),
	} {
		items := itemsOf(readAll(t, data))
		if len(items) != 1 || items[0].Item.Title != "Größe" || items[0].Item.BodyHTML != "Wie groß?" {
			t.Errorf("%s: %+v", name, items)
		}
	}
}

func TestWhatIsNoMoodleXMLIsRefusedWithItsLine(t *testing.T) {
	deep := strings.Repeat("<a>", 300)
	for name, c := range map[string]struct {
		file string
		line int
		says string
	}{
		"an empty file":              {"", 1, "empty"},
		"a text":                     {"Question one", 1, "no XML"},
		"a page":                     {"<html><body>x</body></html>", 1, "<html>"},
		"a backup":                   {"<?xml version=\"1.0\"?>\n<question_categories>", 2, "<question_categories>"},
		"a text before the quiz":     {"hello\n<quiz/>", 1, "begins with"},
		"entities":                   {"<?xml version=\"1.0\"?>\n<!DOCTYPE quiz [<!ENTITY a \"b\">]>\n<quiz>&a;</quiz>", 2, "not expanded"},
		"a file that ends too early": {"<quiz>\n<question type=\"essay\">\n<name><text>a</text></name>\n", 4, "ends within <question>"},
		"a section without an end":   {"<quiz>\n<question type=\"essay\"><name><text><![CDATA[a</text></name></question></quiz>\n", 3, "CDATA"},
		"a quiz without an end":      {"<quiz>\n<question type=\"essay\"><name><text>a</text></name></question>\n", 3, "before </quiz>"},
		"tags that do not match":     {"<quiz>\n<question type=\"essay\">\n<name><text>a</text></wrong>\n</question></quiz>", 3, "</wrong>"},
		"a text that is not closed":  {"<quiz>\n<question type=\"essay\">\n<questiontext><text>a</questiontext></question></quiz>", 3, "<text> of line 3"},
		"a tag that is not closed":   {"<quiz>\n<question type=\"essay\" <name>", 2, "does not end"},
		"a value without an end":     {"<quiz>\n<question type=\"essay><name>a</name></question></quiz>", 2, ""},
		"elements within elements":   {"<quiz><question>" + deep, 1, "nested"},
		"an end without a beginning": {"<quiz>\n</question></quiz>", 2, "closes nothing"},
		"an unknown encoding":        {"<?xml version=\"1.0\" encoding=\"klingon\"?><quiz/>", 1, "klingon"},
	} {
		var refused *itemfile.RefusedError
		var failed error
		for _, err := range Read(t.Context(), source([]byte(c.file))) {
			failed = err
		}
		if !errors.As(failed, &refused) || !strings.Contains(refused.Reason, c.says) || refused.Place.Line != c.line || refused.Place.File != "bank.xml" {
			t.Errorf("%s: %v, want line %d and %q", name, failed, c.line, c.says)
		}
	}
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct{ file, says string }{
		"a huge attribute":  {`<quiz><question type="` + strings.Repeat("x", maxTag+1) + `">`, "does not end"},
		"many attributes":   {"<quiz><question " + strings.Repeat(`a="b" `, maxAttributes+1) + "></question></quiz>", "attributes"},
		"many elements":     {"<quiz><question>" + strings.Repeat("<a/>", maxElements+1) + "</question></quiz>", "elements"},
		"nested for ever":   {"<quiz><question>" + strings.Repeat("<a>", 1_000_000), "nested"},
		"nested in a text":  {"<quiz><question><questiontext><text>" + strings.Repeat("<b>", 1_000_000), "ends within <text>"},
		"a billion laughs":  {`<!DOCTYPE quiz [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><quiz>&b;</quiz>`, "not expanded"},
		"an external thing": {`<!DOCTYPE quiz SYSTEM "file:///etc/passwd" [ ]><quiz/>`, "not expanded"},
	} {
		var failed error
		for _, err := range Read(t.Context(), source([]byte(c.file))) {
			failed = err
		}
		if failed == nil || !strings.Contains(failed.Error(), c.says) {
			t.Errorf("%s: %v", name, failed)
		}
	}
	// Within a question that is whole, what is too much is that question's trouble.
	for name, c := range map[string]struct{ question, says string }{
		"many choices":      {strings.Replace(choiceWith("a", ""), `<answer `, strings.Repeat(`<answer fraction="0"><text>c</text></answer>`, 1001)+`<answer `, 1), "at most 1000"},
		"a text of 2 MiB":   {choiceWith(strings.Repeat("a", 2<<20), ""), "longer than"},
		"markup that nests": {choiceWith(strings.Repeat("&lt;div&gt;", 100_000)+"x", ""), ""},
	} {
		found := readAll(t, quiz(c.question+choiceWith("next", "")))
		if len(found) != 2 || found[1].Item == nil || c.says != "" && !says(found[0].Lines, itemfile.Skipped, c.says) || c.says == "" && found[0].Item == nil {
			t.Errorf("%s: %d found, %.300v", name, len(found), found[0].Lines)
		}
	}
}

func TestWhatComesBeforeAFaultIsRead(t *testing.T) {
	items := 0
	var failed error
	for f, err := range Read(t.Context(), source([]byte("<quiz>"+choiceWith("a", "")+choiceWith("b", "")+"<question><name></question></quiz>"))) {
		if failed = err; f.Item != nil {
			items++
		}
	}
	if items != 2 || failed == nil {
		t.Errorf("%d items, %v", items, failed)
	}
}

func TestIdentity(t *testing.T) {
	category := func(path string) string {
		return `<question type="category"><category><text>` + path + `</text></category></question>`
	}
	file := quiz(category("$course$/A") + choiceWith("a", "") + choiceWith("b", "") + choiceWith("a", "") + category("$course$/B") + choiceWith("a", "") +
		choiceWith("a", "<idnumber>q1</idnumber>") + choiceWith("z", "<idnumber>q1</idnumber>"))
	seen := map[string]bool{}
	var first []string
	for i, f := range readAll(t, file) {
		if seen[f.Identity] {
			t.Errorf("question %d: %s is there twice", i, f.Identity)
		}
		seen[f.Identity] = true
		first = append(first, f.Identity)
		if (i == 2 || i == 5) != says(f.Lines, itemfile.Info, "another question of the file has it") {
			t.Errorf("question %d: %v", i, f.Lines)
		}
	}
	if first[4] != "q1" || first[5] != "q1#2" || first[2] != first[0]+"#2" {
		t.Errorf("%v", first)
	}
	for i, f := range readAll(t, file) {
		if f.Identity != first[i] {
			t.Errorf("read again: %s, was %s", f.Identity, first[i])
		}
	}
}

func TestCategories(t *testing.T) {
	for path, want := range map[string]string{
		"$course$/Default for C": "Default for C", "$course$/top/Default for C/Sub": "Default for C|Sub", "top/A": "A", "A//B/C": "A/B|C", "top/top/A": "A", "$system$/top": "",
		"A/B": "A|B", "$cat1$/A": "A", "$module$/top/": "", " $course$/ A  b /C": "A b|C", "": "",
	} {
		f := readAll(t, quiz(`<question type="category"><category><text>`+path+`</text></category></question>`+choiceWith("a", "")))
		if got := strings.Join(f[len(f)-1].Folder, "|"); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func TestFiles(t *testing.T) {
	const dot = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
	text := func(html string) string { return "<![CDATA[" + html + "]]>" }
	withFile := func(html, file string) string {
		return strings.Replace(choiceWith(text(html), ""), "</text></questiontext>", "</text>"+file+"</questiontext>", 1)
	}
	image := func(data string) string {
		return `<file name="a b.gif" path="/" encoding="base64">` + data + `</file>`
	}
	const shown = `<img src="@@PLUGINFILE@@/a%20b.gif" alt="A dot">`

	item, f := arrives(t, withFile(shown, image(dot)))
	if len(f.Media) != 1 || f.Media[0].Name != "a b.gif" || f.Media[0].Bytes != 42 || len(f.Lines) != 0 {
		t.Fatalf("%+v %v", f.Media, f.Lines)
	}
	if want := `<img src="` + f.Media[0].URL() + `" alt="A dot"/>`; item.BodyHTML != want {
		t.Errorf("%q, want %q", item.BodyHTML, want)
	}
	r, err := f.Media[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); err != nil || !strings.HasPrefix(string(data), "GIF89a") {
		t.Errorf("%q %v", data, err)
	}
	_ = r.Close()

	for name, c := range map[string]struct {
		question string
		severity itemfile.Severity
		says     string
		media    int
	}{
		"a file that is not there":             {withFile(shown, ""), itemfile.Missing, `file "a b.gif"`, 0},
		"base64 that is cut off":               {withFile(shown, image(dot[:30])), itemfile.Simplified, "cut off", 1},
		"base64 with rubbish in it":            {withFile(shown, image(dot[:20]+"!!"+dot[20:])), itemfile.Simplified, "damaged", 1},
		"nothing in it":                        {withFile(shown, image("")), itemfile.Missing, "nothing in it", 0},
		"base64 over several lines":            {withFile(shown, image("\n"+dot[:20]+"\n  "+dot[20:]+"\n")), "", "", 1},
		"another encoding":                     {withFile(shown, strings.Replace(image(dot), "base64", "hex", 1)), itemfile.Missing, `"hex"`, 0},
		"a file that nothing shows":            {withFile("x", image(dot)), itemfile.Skipped, "no text of the question shows it", 0},
		"an image within its reference":        {withFile(`<img src="data:image/gif;base64,`+dot+`" alt="x">`, ""), "", "", 1},
		"another field's file":                 {strings.Replace(withFile(shown, ""), "<answer ", "<generalfeedback><text>g</text>"+image(dot)+"</generalfeedback><answer ", 1), "", "", 1},
		"the image of Moodle 1":                {choiceWith("x", "<image>a/b.gif</image><image_base64>"+dot+"</image_base64>"), "", "", 1},
		"the image of Moodle 1 without a file": {choiceWith("x", "<image>a/b.gif</image>"), itemfile.Missing, `image "a/b.gif"`, 0},
	} {
		_, f := arrives(t, c.question)
		if c.says != "" && !says(f.Lines, c.severity, c.says) || len(f.Media) != c.media {
			t.Errorf("%s: %d files, %v", name, len(f.Media), f.Lines)
		}
		if c.says == "" {
			for _, l := range f.Lines {
				if l.Severity != itemfile.Info {
					t.Errorf("%s: %v", name, l)
				}
			}
		}
	}
}

func TestCloze(t *testing.T) {
	cloze := func(text string) string {
		return `<question type="cloze"><name><text>N</text></name><questiontext format="html"><text><![CDATA[` + text + `]]></text></questiontext></question>`
	}
	for kind, want := range map[string]event.PartV1{
		"MULTICHOICE": {Kind: event.Dropdown}, "MC": {Kind: event.Dropdown}, "MCS": {Kind: event.Dropdown, Shuffle: true}, "MULTICHOICE_S": {Kind: event.Dropdown, Shuffle: true},
		"MCV": {Kind: event.SingleChoice, Presentation: "vertical"}, "MULTICHOICE_V": {Kind: event.SingleChoice, Presentation: "vertical"},
		"MCH": {Kind: event.SingleChoice, Presentation: "horizontal"}, "MCHS": {Kind: event.SingleChoice, Presentation: "horizontal", Shuffle: true},
		"MULTICHOICE_VS": {Kind: event.SingleChoice, Presentation: "vertical", Shuffle: true},
		"MR":             {Kind: event.MultipleChoice, Presentation: "vertical", Credit: event.SumOfCredits}, "MRHS": {Kind: event.MultipleChoice, Presentation: "horizontal", Shuffle: true, Credit: event.SumOfCredits},
		"MULTIRESPONSE_H": {Kind: event.MultipleChoice, Presentation: "horizontal", Credit: event.SumOfCredits}, "SHORTANSWER": {Kind: event.Text}, "SA": {Kind: event.Text}, "MW": {Kind: event.Text},
		"SHORTANSWER_C": {Kind: event.Text}, "SAC": {Kind: event.Text}, "MWC": {Kind: event.Text},
	} {
		item, _ := arrives(t, cloze("a {3:"+kind+":%50%x~=y#f~z} b"))
		p := item.Parts[0]
		if p.Kind != want.Kind || p.Shuffle != want.Shuffle || p.Presentation != want.Presentation || p.Credit != want.Credit || p.Weight != "3" || item.Weight != "3" {
			t.Errorf("%s: %+v", kind, p)
		}
		if p.Kind == event.Text && (p.Texts[0].Match == event.MatchExact) != strings.HasSuffix(kind, "C") {
			t.Errorf("%s: %+v", kind, p.Texts)
		}
		if item.BodyHTML != `a <span data-part="1"></span> b` {
			t.Errorf("%s: %s", kind, item.BodyHTML)
		}
	}

	item, _ := arrives(t, cloze(`{1:SA:=a\}b\~c\#d#no \} way~=&eacute;&#233;&amp;#233;#x~=R&amp;D} {:NM:=1,5:0.1~=*} {2:MC:=<b>x</b>~%-100%y &amp; z}`))
	if got := item.Parts[0].Texts; len(got) != 3 || got[0].Pattern != "a}b~c#d" || got[0].FeedbackHTML != "no } way" || got[1].Pattern != "ééé" || got[2].Pattern != "R&D" {
		t.Errorf("%+v", got)
	}
	if got := item.Parts[1].Numbers; len(got) != 2 || got[0].Value != "1.5" || got[0].Tolerance != "0.1" || got[1].Low != "-1e300" {
		t.Errorf("%+v", got)
	}
	if got := item.Parts[2]; got.Choices[0].HTML != "<b>x</b>" || got.Choices[1].HTML != "y &amp; z" || got.LowBound != "-1" || item.MinScore != "-2" || item.Weight != "4" {
		t.Errorf("%+v %s", got, item.MinScore)
	}

	for text, why := range map[string]string{
		"{1:REGEXP:=a}": "REGEXP", "{1:MC:=a~b": "not closed", "{1:MC:}": "no answers", "{1:NM:=zero}": "not a number", "x {1:MULTICHOICE} y": "cannot be read", "{1:mc:=a~b}": "cannot be read",
		"{1:MC:=a~b} {2:SHORTANSWER=x}": "cannot be read",
	} {
		f := one(t, cloze(text))
		if f.Item != nil || !says(f.Lines, itemfile.Skipped, why) {
			t.Errorf("%s: %v %v", text, f.Item, f.Lines)
		}
	}
	item, f := arrives(t, cloze("nothing to fill in"))
	if item.Weight != "0" || item.Parts[0].Kind != event.Unsupported || !says(f.Lines, itemfile.Simplified, "without an answer") {
		t.Errorf("%+v %v", item, f.Lines)
	}
}

func TestAPlaceWithinATagIsNotAHole(t *testing.T) {
	item, f := arrives(t, `<question type="cloze"><name><text>N</text></name><questiontext format="html"><text><![CDATA[<p title="{1:SA:=a}">x {1:SA:=b}</p>]]></text></questiontext></question>`)
	if item.BodyHTML != `<p title="">x <span data-part="2"></span></p>` || len(item.Parts) != 2 || !says(f.Lines, itemfile.Simplified, "within a tag") {
		t.Errorf("%s %v", item.BodyHTML, f.Lines)
	}
}

func TestPlacesOfTheSourceAreNone(t *testing.T) {
	item, _ := arrives(t, choiceWith(`<![CDATA[<p>a <span data-part="1">b</span><span data-variable="x"></span></p>]]>`, ""))
	if strings.Contains(item.BodyHTML, "data-") {
		t.Error(item.BodyHTML)
	}
}

func TestQuestionsThatCannotBeTakenOverAreNamed(t *testing.T) {
	stem := func(kind, rest string) string {
		return `<question type="` + kind + `"><name><text>The name</text></name><questiontext><text>T</text></questiontext>` + rest + `</question>`
	}
	for name, c := range map[string]struct{ question, why string }{
		"a type that is not known":        {stem("frobnicate", ""), "the type is not known here"},
		"no type":                         {stem("", ""), "no type"},
		"random":                          {stem("random", ""), "any question of a category"},
		"a program":                       {stem("coderunner", "<testcases/>"), "the learner's program"},
		"WIRIS":                           {stem("multichoicewiris", ""), "WIRIS"},
		"a choice without answers":        {stem("multichoice", ""), "no answers"},
		"a number that is none":           {stem("numerical", `<answer fraction="100"><text>about 5</text></answer>`), "not a number"},
		"no text and no name":             {`<question type="essay"></question>`, "neither a text nor a name"},
		"matching without statements":     {stem("matching", "<subquestion><text></text><answer><text>a</text></answer></subquestion>"), "no statements"},
		"a gap without a choice":          {strings.Replace(stem("gapselect", "<selectoption><text>a</text></selectoption>"), ">T<", ">[[2]]<", 1), "no such choice"},
		"no gaps":                         {stem("ddwtos", "<dragbox><text>a</text></dragbox>"), "no gaps"},
		"no background":                   {stem("ddmarker", ""), "background image"},
		"a wild card without values":      {stem("calculated", `<answer fraction="100"><text>{x}</text></answer>`), "no values"},
		"a formula that is none":          {stem("calculatedsimple", `<answer fraction="100"><text>2*</text></answer>`), "cannot be computed"},
		"one thing to order":              {stem("ordering", `<answer><text>a</text></answer>`), "two things"},
		"rows without weights":            {stem("mtf", `<row number="1"><optiontext><text>a</text></optiontext></row><column number="1"><responsetext><text>b</text></responsetext></column>`), "do not make a key"},
		"a true-false with half a key":    {stem("truefalse", `<answer fraction="100"><text>true</text></answer>`), "lacks"},
		"code within a calculated number": {stem("calculated", `<answer fraction="100"><text>log(1){exec(1)}</text></answer>`), "no values"},
	} {
		f := one(t, c.question)
		if f.Item != nil || !says(f.Lines, itemfile.Skipped, c.why) || f.Identity == "" || f.Kind == "" {
			t.Errorf("%s: %v %v", name, f.Item, f.Lines)
		}
	}
}

func TestWhatIsLeftOutIsTold(t *testing.T) {
	_, f := arrives(t, choiceWith("a", "<novelty>x</novelty><hidden>1</hidden>stray"))
	for _, words := range []string{"element <novelty>", "hidden", `text "stray"`} {
		if !says(f.Lines, itemfile.Simplified, words) && !says(f.Lines, itemfile.Info, words) && !says(f.Lines, itemfile.Skipped, words) {
			t.Errorf("%s: %v", words, f.Lines)
		}
	}
	found := readAll(t, quiz(choiceWith("a", "<penalty>0.3333333</penalty>")+choiceWith("b", "<penalty>0.3333333</penalty>")+"<surprise/>words"))
	if !says(found[0].Lines, itemfile.Simplified, "penalty for each try") || says(found[1].Lines, itemfile.Simplified, "penalty") {
		t.Errorf("%v %v", found[0].Lines, found[1].Lines)
	}
	if len(found) != 4 || !says(found[2].Lines, itemfile.Skipped, "<surprise>") || !says(found[3].Lines, itemfile.Skipped, `"words"`) {
		t.Errorf("%+v", found)
	}
}

func TestAFileWithoutQuestionsSaysSo(t *testing.T) {
	f := readAll(t, quiz(`<question type="category"><category><text>top/A</text></category></question>`))
	if len(f) != 1 || !says(f[0].Lines, itemfile.Info, "no questions") {
		t.Errorf("%+v", f)
	}
}

func TestAnElementThatIsThereTwiceIsTold(t *testing.T) {
	item, f := arrives(t, choiceWith("a", "<questiontext><text>b</text></questiontext>"))
	if item.BodyHTML != "a" || !says(f.Lines, itemfile.Skipped, "a further element <questiontext>") {
		t.Errorf("%s %v", item.BodyHTML, f.Lines)
	}
}

func TestGapsThatAreTyped(t *testing.T) {
	item, _ := arrives(t, `<question type="gapfill"><name><text>N</text></name><questiontext><text>[cat|dog] {x} [b.t] [&lt;]</text></questiontext><answerdisplay>gapfill</answerdisplay><casesensitive>0</casesensitive></question>`)
	if len(item.Parts) != 3 || len(item.Parts[0].Texts) != 2 || item.Parts[1].Texts[0].Match != event.MatchRegexp || item.Parts[1].Texts[0].Pattern != "(?i)b.t" || item.Parts[2].Texts[0].Pattern != "<" {
		t.Errorf("%+v", item.Parts)
	}
}

func TestNumbersAndShares(t *testing.T) {
	item, _ := arrives(t, `<question type="multichoice"><name><text>N</text></name><questiontext><text>T</text></questiontext><defaultgrade>2,5</defaultgrade><single>false</single>`+
		strings.Repeat(`<answer fraction="14.28571"><text>r</text></answer>`, 7)+`<answer fraction="-14.28571"><text>w</text></answer></question>`)
	if item.Weight != "2.5" || item.Parts[0].Choices[0].Credit != "0.142857143" || item.Parts[0].Choices[6].Credit != "0.142857142" || item.Parts[0].Choices[7].Credit != "-0.142857143" {
		t.Errorf("%s %+v", item.Weight, item.Parts[0].Choices)
	}
	for old, want := range map[string]string{"-1": "1", "many": "1", "": "1", "0": "0", "1e3": "1000", "0.3333333": "0.3333333"} {
		item, _ := arrives(t, choiceWith("a", "<defaultgrade>"+old+"</defaultgrade>"))
		if item.Weight != want {
			t.Errorf("%q: %q, want %q", old, item.Weight, want)
		}
	}
}

// manyQuestions is a file that is made while it is read.
type manyQuestions struct {
	n, at int
	rest  string
}

func (m *manyQuestions) Read(p []byte) (int, error) {
	if m.rest == "" {
		switch {
		case m.at == 0:
			m.rest = "<quiz>"
		case m.at <= m.n:
			m.rest = choiceWith(fmt.Sprintf("Question %d", m.at), "")
		case m.at == m.n+1:
			m.rest = "</quiz>"
		default:
			return 0, io.EOF
		}
		m.at++
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// ReadAt reads on: the scanner does nothing else.
func (m *manyQuestions) ReadAt(p []byte, _ int64) (int, error) { return m.Read(p) }

func TestFiftyThousandQuestionsNeedLittleMemory(t *testing.T) {
	const questions = 50_000
	n := 0
	var peak uint64
	for f, err := range Read(t.Context(), itemfile.Source{Name: "large.xml", Data: &manyQuestions{n: questions}, Size: 1 << 40}) {
		if err != nil || f.Item == nil {
			t.Fatal(err, f.Lines)
		}
		if n++; n%5000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	t.Logf("%d questions, at most %.1f MiB in use", n, float64(peak)/(1<<20))
	if n != questions || peak > 32<<20 {
		t.Errorf("%d questions, %d bytes", n, peak)
	}
}

func TestReadingStopsWhenItIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var failed error
	for _, err := range Read(ctx, itemfile.Source{Name: "large.xml", Data: &manyQuestions{n: 1000}, Size: 1 << 40}) {
		if failed = err; err == nil {
			n++
		}
		cancel()
	}
	if n != 1 || !errors.Is(failed, context.Canceled) {
		t.Errorf("%d questions, %v", n, failed)
	}
	for _, err := range Read(t.Context(), itemfile.Source{Name: "large.xml", Data: &manyQuestions{n: 1000}, Size: 1 << 40}) {
		if err != nil {
			t.Error(err)
		}
		break // no panic
	}
}
