package qti12

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// generator makes items out of numbers.
type generator struct {
	data []byte
	at   int
}

func (g *generator) pick(n int) int {
	if g.at >= len(g.data) {
		return 0
	}
	g.at++
	return int(g.data[g.at-1]) % n
}

func (g *generator) one(list ...string) string { return list[g.pick(len(list))] }

var (
	someIDs   = []string{"a", "b", "c", "d"}
	someTexts = []string{"one", "One", "two", "a*b"}
	someNums  = []string{"0", "1", "1.5", "2", "-3", "1e2"}
)

// value is something that a condition on a response may ask for.
func (g *generator) value(kind string) string {
	switch kind {
	case "text":
		return g.one(someTexts...)
	case "number":
		return g.one(someNums...)
	}
	return g.one(someIDs...)
}

// condition makes a condition about one of the responses.
func (g *generator) condition(kind string, responses []string, depth int) string {
	on := g.one(responses...)
	switch n := g.pick(12); {
	case n == 0 && depth < 3:
		return `<and>` + g.condition(kind, responses, depth+1) + g.condition(kind, responses, depth+1) + `</and>`
	case n == 1 && depth < 3:
		return `<or>` + g.condition(kind, responses, depth+1) + g.condition(kind, responses, depth+1) + `</or>`
	case n == 2 && depth < 3:
		return `<not>` + g.condition(kind, responses, depth+1) + `</not>`
	case n == 3:
		return `<other/>`
	case n == 4:
		return `<unanswered respident="` + on + `"/>`
	case n == 5 && kind == "number":
		return `<` + g.one("vargt", "vargte", "varlt", "varlte") + ` respident="` + on + `">` + g.value(kind) + "</" + "X>"
	case n == 6 && kind == "text":
		return `<varsubstring respident="` + on + `" case="` + g.one("Yes", "No") + `">` + g.value(kind) + `</varsubstring>`
	}
	return `<varequal respident="` + on + `" case="` + g.one("No", "Yes") + `">` + g.value(kind) + `</varequal>`
}

// rules makes a list of conditions.
func (g *generator) rules(kind string, responses []string) string {
	var b strings.Builder
	for range 1 + g.pick(5) {
		condition := g.condition(kind, responses, 0)
		for _, e := range []string{"vargte", "vargt", "varlte", "varlt"} { // of the comparisons, which end alike
			condition = closing(condition, e)
		}
		b.WriteString(when(g.one("", `continue="Yes"`, `continue="No"`), condition, g.one(set("100"), add("50"), add("25"), set("0"), add("-25"), set("40"), "")))
	}
	return g.one(`<decvar varname="SCORE" minvalue="0" maxvalue="100"/>`, `<decvar varname="SCORE"/>`) + "\x00" + b.String()
}

// closing gives comparisons their end tags.
func closing(s, element string) string {
	for {
		at := strings.Index(s, "<"+element+" ")
		if at < 0 {
			return strings.ReplaceAll(s, "<"+strings.ToUpper(element)+" ", "<"+element+" ")
		}
		end := at + strings.Index(s[at:], "</X>")
		if end < at {
			return strings.ReplaceAll(s, "<"+strings.ToUpper(element)+" ", "<"+element+" ")
		}
		s = s[:at] + "<" + strings.ToUpper(element) + s[at+1+len(element):end] + "</" + element + ">" + s[end+4:]
	}
}

// generated makes an item of a kind, and the responses that it is tried with.
func generated(data []byte) string {
	g := &generator{data: data}
	kind := g.one("single", "multiple", "text", "number", "matching", "two")
	responses := []string{"response1"}
	four := labels("a", "A", "b", "B", "c", "C", "d", "D")
	presentation := ""
	switch kind {
	case "single":
		presentation = choose("Single", "a", "A", "b", "B", "c", "C", "d", "D")
	case "multiple":
		presentation = choose("Multiple", "a", "A", "b", "B", "c", "C", "d", "D")
	case "text":
		presentation = typedResponse
	case "number":
		presentation = strings.ReplaceAll(typedResponse, "<render_fib>", `<render_fib fibtype="Decimal">`)
	case "matching":
		responses = []string{"m1", "m2"}
		for _, r := range responses {
			presentation += `<response_lid ident="` + r + `"><material><mattext>` + r + `</mattext></material><render_choice>` + four + `</render_choice></response_lid>`
		}
	case "two":
		responses = []string{"response1", "response2"}
		presentation = choose("Single", "a", "A", "b", "B", "c", "C", "d", "D") + strings.ReplaceAll(choose("Multiple", "a", "A", "b", "B"), "response1", "response2")
	}
	decvar, rules, _ := strings.Cut(g.rules(kind, responses), "\x00")
	return item(meta("points_possible", "1"), stem("Q")+presentation, `<resprocessing><outcomes>`+decvar+`</outcomes>`+rules+`</resprocessing>`)
}

// tries are the responses that an item is compared on, in the terms of the
// source, for each response of it.
func tries(r *response) []*answer {
	out := []*answer{nil}
	switch {
	case r.kind == choiceResponse && r.multiple:
		for bits := 1; bits < 1<<len(r.labels); bits++ {
			a := &answer{}
			for i, l := range r.labels {
				if bits>>i&1 == 1 {
					a.ids = append(a.ids, l.ident)
				}
			}
			out = append(out, a)
		}
	case r.kind == choiceResponse:
		for _, l := range r.labels {
			out = append(out, &answer{ids: []string{l.ident}})
		}
	case r.numeric():
		for _, text := range []string{"0", "0.5", "1", "1.0", "1.2", "1.5", "1.7", "2", "3", "-3", "-4", "100", "101", "1e2"} {
			out = append(out, &answer{text: text})
		}
	default:
		for _, text := range []string{"one", "One", "ONE", "two", "TWO", "a*b", "A*B", "axb", "xx one yy", "nothing", "xTwox"} {
			out = append(out, &answer{text: text})
		}
	}
	return out
}

// inPart is a response in the terms of the item.
func inPart(s *slot, r *response, a *answer, p scoring.PartResponse) scoring.PartResponse {
	if a == nil {
		return p
	}
	p.Text = a.text
	for _, ident := range a.ids {
		id := s.ids[r][ident]
		if s.part.Kind == event.Matching {
			p.Pairs = append(p.Pairs, [2]string{id, s.targets[r]})
		} else {
			p.Choices = append(p.Choices, id)
		}
	}
	return p
}

// checkAgreement reads an item and compares what it earns, as a share, with what
// its list of conditions gives.
func checkAgreement(t *testing.T, source string) (scored bool) {
	t.Helper()
	x, err := xmlstream.New(strings.NewReader(source), xmlstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := x.Next()
	if err != nil {
		t.Fatalf("%v in %s", err, source)
	}
	n, err := x.Tree(e, keepSpace)
	if err != nil {
		t.Fatalf("%v in %s", err, source)
	}
	r := &reader{ctx: context.Background(), cleaner: markup.New(markup.Options{Math: true}), stimuli: map[string]stimulus{}}
	q := newQuestion(r, n)
	if err := q.build(); err != nil {
		return false
	}
	for _, s := range q.slots {
		if s.part.Kind == event.Essay {
			return false
		}
	}
	def := q.item
	def.ItemID = uuid.NameSpaceURL
	it, err := scoring.Parse(def)
	if err != nil {
		t.Fatal(err)
	}
	full := fullOf(q)
	compareAll(t, q, it, full, source)
	return true
}

// fullOf is the score that is full credit.
func fullOf(q *question) float64 {
	if q.item.Program != nil {
		f, _ := parseNumber(q.item.Program.Max).Float64()
		return f
	}
	total := 0.0
	for _, s := range q.slots {
		if s.best != nil {
			total += float(s.best)
		}
	}
	return total
}

func compareAll(t *testing.T, q *question, it *scoring.Item, full float64, source string) {
	t.Helper()
	var visit func(i int, given answers, r scoring.Response)
	flat := q.shown.responses
	of := map[*response]*slot{}
	for _, s := range q.slots {
		for _, r := range s.responses {
			of[r] = s
		}
	}
	visit = func(i int, given answers, r scoring.Response) {
		if i == len(flat) {
			compareOne(t, q, it, full, given, r, source)
			return
		}
		s := of[flat[i]]
		for _, a := range tries(flat[i]) {
			next, respond := answers{}, scoring.Response{}
			for k, v := range given {
				next[k] = v
			}
			for k, v := range r {
				respond[k] = v
			}
			if a != nil {
				next[flat[i]] = *a
			}
			respond[s.part.PartID] = inPart(s, flat[i], a, respond[s.part.PartID])
			visit(i+1, next, respond)
		}
	}
	visit(0, answers{}, scoring.Response{})
}

func compareOne(t *testing.T, q *question, it *scoring.Item, full float64, given answers, r scoring.Response, source string) {
	t.Helper()
	if it.Check(r) != nil || q.item.Program != nil && len(given) == 0 {
		return // who answers nothing earns nothing, whatever a program says
	}
	score, _ := q.rules.run(given)
	want := 0.0
	switch {
	case full > 0 && q.item.Program != nil:
		want = float(q.rules.bounded(score)) / full
	case full > 0 && len(given) == 0:
		// What is not answered earns nothing in a part with a key.
	case full > 0:
		want = float(score.Sub(score, q.rules.start)) / full
		if q.rules.least != nil && q.rules.least.Sign() >= 0 {
			want = max(want, 0)
		}
	}
	want = min(want, 1)
	got := it.Score(r, 1)
	f := 0.0
	if _, err := fmt.Sscan(got.Score.String(), &f); err != nil {
		t.Fatal(err)
	}
	if d := f - want; d > 0.0011 || d < -0.0011 {
		_, rules, _ := strings.Cut(source, "<resprocessing>")
		program := ""
		if q.item.Program != nil {
			_, program, _ = strings.Cut(q.item.Program.Source, "<qti-response-processing>")
		}
		t.Fatalf("%+v earns %v, the conditions give %v of %v, so %v\n%+v\n%s\n%s", r, got.Score, float(score), full, want, q.item.Parts, rules, program)
	}
}

// TestAnItemScoresAsItsConditionsSay: for thousands of random lists of conditions
// and all responses, the item earns what running the list gives.
func TestAnItemScoresAsItsConditionsSay(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	scored := 0
	for range 3000 {
		data := make([]byte, 60)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		if checkAgreement(t, generated(data)) {
			scored++
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d of 3000 items can be scored", scored)
	if scored < 1000 {
		t.Errorf("only %d of 3000 items could be compared", scored)
	}
}

func FuzzConditions(f *testing.F) {
	f.Add([]byte("a"))
	f.Add([]byte{1, 2, 5, 0, 3, 7, 1, 1, 2, 3, 1, 1, 0, 2})
	f.Add([]byte{4, 9, 1, 7, 3, 2, 8, 4, 1, 0, 5, 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		source := generated(data)
		checkAgreement(t, source)
		for _, found := range questions(t, source) {
			checkFound(t, found)
		}
	})
}

var _ = itemfile.Info
