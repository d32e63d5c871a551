package qti12

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
)

// FuzzRead: whatever a file holds, each question arrives as an item that can be
// scored, or with a line that says why not; and the same file gives the same.
func FuzzRead(f *testing.F) {
	rules := processing(when(`continue="No"`, equal("response1", "a"), set("100")+say("f")), when("", `<or><and><vargte respident="response1">1</vargte><varlte respident="response1">2</varlte></and></or>`, add("50")))
	for _, seed := range []string{
		document(item(canvas("multiple_choice_question", "1"), stem(`<p>[a] <img src="x.png"></p>`)+choose("Single", "a", "A", "b", "B"), rules)),
		document(item(canvas("multiple_answers_question", "1"), stem("Q")+choose("Multiple", "a", "A", "b", "B"), rules)),
		document(item(canvas("matching_question", "1"), stem("Q")+choose("Single", "a", "A")+strings.ReplaceAll(choose("Single", "a", "A"), "response1", "r2"), rules)),
		document(item(canvas("short_answer_question", "1"), stem("Q")+typedResponse, rules)),
		document(item(canvas("calculated_question", "1"), stem("[x]")+typedResponse, calculatedItem)),
		document(item(canvas("ordering_question", "1"), stem("Q")+choose("Ordered", "a", "A", "b", "B"), rules)),
		numeric(when(`continue="No"`, `<or>`+equal("response1", "4.0")+`<not>`+compare("vargte", "4.5")+`</not></or>`, set("100"))),
		`<questestinterop><reference><material ident="m"><matref linkrefid="m"/></material></reference><item><presentation><material><matref linkrefid="m"/></material></presentation></item></questestinterop>`,
		`<item><presentation><response_num ident="s"><render_slider lowerbound="1" upperbound="2"/></response_num></presentation></item>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, second := "", ""
		for _, out := range []*string{&first, &second} {
			for found, err := range Read(t.Context(), source("f.xml", []byte(text))) {
				var refused *itemfile.RefusedError
				if err != nil && !errors.As(err, &refused) {
					t.Fatalf("got %v, want a RefusedError", err)
				}
				if err == nil {
					checkFound(t, found)
				}
				found.Media = nil
				data, jsonErr := json.Marshal(found) //nolint:staticcheck // Media, which holds a function, is gone
				if jsonErr != nil {
					t.Fatal(jsonErr)
				}
				*out += string(data) + fmt.Sprint(err)
			}
		}
		if first != second {
			t.Errorf("%s\nand then\n%s", first, second)
		}
	})
}

func checkFound(t *testing.T, found itemfile.Found) {
	t.Helper()
	if found.Identity == "" {
		t.Error("no identity")
	}
	if found.Item == nil {
		if len(found.Lines) == 0 {
			t.Errorf("%+v is not there and nobody is told", found)
		}
		return
	}
	def := *found.Item
	def.ItemID = uuid.NameSpaceURL
	it, err := scoring.Parse(def)
	if err != nil {
		t.Fatalf("%v in %+v", err, def)
	}
	if full, ok := it.FullResponse(1); ok {
		if err := it.Check(full); err == nil {
			it.Score(full, 1)
		}
	}
	data, err := json.Marshal(def)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`\u003cscript`, `onerror=`, `\u003ciframe`, `href=\"javascript`} {
		if def.Program == nil && strings.Contains(strings.ToLower(string(data)), bad) && strings.Contains(strings.ToLower(string(data)), `\u003cimg src=x`) {
			t.Errorf("not sanitised: %s", data)
		}
	}
}

// BenchmarkRead compares with the bare token loop of encoding/xml over the same
// bytes: the ratio should not be below 0.3.
func BenchmarkRead(b *testing.B) {
	var items []string
	for i := range 300 {
		one := []string{
			item(canvas("multiple_choice_question", "1"), stem(fmt.Sprintf(`<div><p>Question %d, which of these is <strong>right</strong>, and why? \(x^2\)</p></div>`, i))+choose("Single", "10", "the first", "11", "the second", "12", "the third", "13", "the fourth"),
				processing(when(`continue="Yes"`, `<other/>`, say("general_fb")), when(`continue="Yes"`, equal("response1", "10"), say("10_fb")), when(`continue="No"`, equal("response1", "11"), set("100")+say("correct_fb")))+feedback("general_fb", "<p>General</p>")+feedback("10_fb", "<p>No</p>")+feedback("correct_fb", "<p>Yes</p>")),
			item(canvas("multiple_answers_question", "1"), stem(`<p>Pick all</p>`)+choose("Multiple", "1", "A", "2", "B", "3", "C", "4", "D", "5", "E"),
				processing(when(`continue="No"`, `<and>`+equal("response1", "1")+`<not>`+equal("response1", "2")+`</not>`+equal("response1", "3")+`<not>`+equal("response1", "4")+`</not><not>`+equal("response1", "5")+`</not></and>`, set("100")))),
			item(canvas("short_answer_question", "1"), stem(`<p>Name it</p>`)+typedResponse, processing(when(`continue="No"`, equal("response1", "one")+equal("response1", "One"), set("100")))),
			item(canvas("numerical_question", "1"), stem(`<p>How many?</p>`)+typedResponse, processing(when(`continue="No"`, `<or>`+equal("response1", "4.0")+`<and>`+compare("vargte", "3.9")+compare("varlte", "4.1")+`</and></or>`, set("100")))),
		}
		items = append(items, strings.ReplaceAll(strings.Join(one, "\n"), `ident="i1"`, fmt.Sprintf(`ident="i%d"`, i)))
	}
	data := []byte(document(items...))
	var bare, own time.Duration
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		d := xml.NewDecoder(bytes.NewReader(data))
		for {
			if _, err := d.Token(); err != nil {
				break
			}
		}
		middle := time.Now()
		for found, err := range Read(b.Context(), source("q.xml", data)) {
			if err != nil || found.Kind != "" && found.Item == nil {
				b.Fatal(err, found.Lines)
			}
		}
		bare, own = bare+middle.Sub(start), own+time.Since(middle)
	}
	megabytes := float64(len(data)) * float64(b.N) / 1e6
	b.ReportMetric(megabytes/own.Seconds(), "MB/s-import")
	b.ReportMetric(megabytes/bare.Seconds(), "MB/s-encoding/xml")
	b.ReportMetric(bare.Seconds()/own.Seconds(), "ratio")
}

// endless is a document that repeats one item, made while it is read.
type endless struct {
	head, item, tail string
	items            int64
}

func (e endless) size() int64 {
	return int64(len(e.head)) + e.items*int64(len(e.item)) + int64(len(e.tail))
}

func (e endless) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		var rest string
		switch body := at - int64(len(e.head)); {
		case at < int64(len(e.head)):
			rest = e.head[at:]
		case body < e.items*int64(len(e.item)):
			rest = e.item[body%int64(len(e.item)):]
		case at < e.size():
			rest = e.tail[body-e.items*int64(len(e.item)):]
		default:
			return n, io.EOF
		}
		n += copy(p[n:], rest)
	}
	return n, nil
}

// TestALongFileTakesLittleMemory prints how much is held while thousands of
// questions pass by.
func TestALongFileTakesLittleMemory(t *testing.T) {
	e := endless{head: "<questestinterop><section>", tail: "</section></questestinterop>", items: 4000,
		item: item(canvas("multiple_choice_question", "1"), stem("<p>"+strings.Repeat("Which? ", 100)+"</p>")+choose("Single", "a", "A", "b", "B"), processing(when("", equal("response1", "a"), set("100"))))}
	held := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, most, n := held(), int64(0), 0
	for _, err := range Read(t.Context(), itemfile.Source{Name: "long.xml", Data: e, Size: e.size()}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%1000 == 0 {
			most = max(most, held()-before)
		}
	}
	t.Logf("%d questions, %d bytes of XML, at most %d bytes held", n, e.size(), most)
	if n != int(e.items) || most > 8<<20 {
		t.Errorf("%d questions, %d bytes held", n, most)
	}
}
