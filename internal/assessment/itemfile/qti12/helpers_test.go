package qti12

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

func source(name string, data []byte) itemfile.Source {
	return itemfile.Source{Name: name, Data: bytes.NewReader(data), Size: int64(len(data))}
}

// all reads a file to its end.
func all(t testing.TB, src itemfile.Source) ([]itemfile.Found, error) {
	t.Helper()
	var list []itemfile.Found
	for found, err := range Read(t.Context(), src) {
		if err != nil {
			return list, err
		}
		list = append(list, found)
	}
	return list, nil
}

// questions are those of a document that is read without an error.
func questions(t testing.TB, document string) []itemfile.Found {
	t.Helper()
	list, err := all(t, source("q.xml", []byte(document)))
	if err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	var out []itemfile.Found
	for _, found := range list {
		if found.Kind != "" {
			out = append(out, found)
		}
	}
	return out
}

// only is the one question of a document.
func only(t testing.TB, document string) itemfile.Found {
	t.Helper()
	list := questions(t, document)
	if len(list) != 1 {
		t.Fatalf("%d questions in\n%s", len(list), document)
	}
	return list[0]
}

// document puts items into an assessment.
func document(items ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<questestinterop xmlns="http://www.imsglobal.org/xsd/ims_qtiasiv1p2"><assessment ident="a1" title="Quiz"><section ident="root_section">` + strings.Join(items, "\n") + `</section></assessment></questestinterop>`
}

// meta are fields of an item: name, value, name, value.
func meta(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		b.WriteString(`<qtimetadatafield><fieldlabel>` + pairs[i] + `</fieldlabel><fieldentry>` + pairs[i+1] + `</fieldentry></qtimetadatafield>`)
	}
	return `<itemmetadata><qtimetadata>` + b.String() + `</qtimetadata></itemmetadata>`
}

func stem(html string) string {
	return `<material><mattext texttype="text/html">` + escape(html) + `</mattext></material>`
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// labels are choices: identifier, text, identifier, text.
func labels(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		b.WriteString(`<response_label ident="` + pairs[i] + `"><material><mattext texttype="text/plain">` + pairs[i+1] + `</mattext></material></response_label>`)
	}
	return b.String()
}

func choose(cardinality string, pairs ...string) string {
	return `<response_lid ident="response1" rcardinality="` + cardinality + `"><render_choice>` + labels(pairs...) + `</render_choice></response_lid>`
}

const typedResponse = `<response_str ident="response1" rcardinality="Single"><render_fib><response_label ident="answer1"/></render_fib></response_str>`

// when is a condition with what follows from it.
func when(attributes, condition, then string) string {
	return `<respcondition ` + attributes + `><conditionvar>` + condition + `</conditionvar>` + then + `</respcondition>`
}

func equal(response, value string) string {
	return `<varequal respident="` + response + `">` + value + `</varequal>`
}

func set(value string) string { return `<setvar action="Set" varname="SCORE">` + value + `</setvar>` }
func add(value string) string { return `<setvar action="Add" varname="SCORE">` + value + `</setvar>` }
func say(id string) string {
	return `<displayfeedback feedbacktype="Response" linkrefid="` + id + `"/>`
}

func feedback(id, html string) string {
	return `<itemfeedback ident="` + id + `"><flow_mat>` + stem(html) + `</flow_mat></itemfeedback>`
}

func processing(rules ...string) string {
	return `<resprocessing><outcomes><decvar maxvalue="100" minvalue="0" varname="SCORE" vartype="Decimal"/></outcomes>` + strings.Join(rules, "") + `</resprocessing>`
}

func item(meta, presentation, rest string) string {
	return `<item ident="i1" title="Title">` + meta + `<presentation>` + presentation + `</presentation>` + rest + `</item>`
}

// parsed prepares the item of a question for scoring.
func parsed(t testing.TB, found itemfile.Found) *scoring.Item {
	t.Helper()
	if found.Item == nil {
		t.Fatalf("it did not arrive: %v", found.Lines)
	}
	def := *found.Item
	def.ItemID = uuid.MustParse("018f3b6e-0000-7000-8000-000000000001")
	it, err := scoring.Parse(def)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// earns wants the score of a response, as a decimal.
func earns(t *testing.T, found itemfile.Found, r scoring.Response, want string) {
	t.Helper()
	it := parsed(t, found)
	if err := it.Check(r); err != nil {
		t.Errorf("%v: %v", r, err)
		return
	}
	got := it.Score(r, 1)
	wanted, err := scoring.ParseSignedScore(want)
	if err != nil {
		t.Fatal(err)
	}
	if got.Score.Cmp(wanted) != 0 {
		t.Errorf("%+v earns %v, want %s\n%+v", r, got.Score, want, found.Item.Parts)
	}
}

func chosen(ids ...string) scoring.Response { return scoring.Response{"1": {Choices: ids}} }
func typed(text string) scoring.Response    { return scoring.Response{"1": {Text: text}} }

// wantLine wants a line of that severity with all the words in it.
func wantLine(t *testing.T, found itemfile.Found, severity itemfile.Severity, wanted ...string) {
	t.Helper()
	for _, l := range found.Lines {
		text := l.What + ": " + l.Why
		ok := l.Severity == severity
		for _, w := range wanted {
			ok = ok && strings.Contains(text, w)
		}
		if ok {
			return
		}
	}
	t.Errorf("no line %s with %q among %v", severity, wanted, found.Lines)
}

// wantAsItWas wants no line but for information.
func wantAsItWas(t *testing.T, found itemfile.Found) {
	t.Helper()
	for _, l := range found.Lines {
		if l.Severity != itemfile.Info {
			t.Errorf("told: %+v", l)
		}
	}
}

func wantKinds(t *testing.T, found itemfile.Found, kinds ...event.PartKind) {
	t.Helper()
	if found.Item == nil {
		t.Fatalf("it did not arrive: %v", found.Lines)
	}
	var got []event.PartKind
	for _, p := range found.Item.Parts {
		got = append(got, p.Kind)
	}
	if fmt.Sprint(got) != fmt.Sprint(kinds) {
		t.Errorf("parts %v, want %v", got, kinds)
	}
}

type file struct{ name, text string }

func zipped(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		out, err := w.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(out, f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
