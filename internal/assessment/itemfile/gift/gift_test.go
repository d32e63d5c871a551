package gift

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

func source(text string) itemfile.Source {
	return itemfile.Source{Name: "quiz.gift", Data: strings.NewReader(text), Size: int64(len(text))}
}

func readAll(t testing.TB, text string) []itemfile.Found {
	t.Helper()
	var out []itemfile.Found
	for f, err := range Read(t.Context(), source(text)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

// one is the item of a file with one question.
func one(t *testing.T, text string) (event.ItemV1, itemfile.Found) {
	t.Helper()
	found := readAll(t, text)
	if len(found) != 1 || found[0].Item == nil {
		t.Fatalf("%s: %+v", text, found)
	}
	return *found[0].Item, found[0]
}

func says(lines []itemfile.Line, severity itemfile.Severity, words string) bool {
	for _, l := range lines {
		if l.Severity == severity && strings.Contains(l.What+": "+l.Why, words) {
			return true
		}
	}
	return false
}

func TestTypesAreInferredFromTheAnswers(t *testing.T) {
	for text, want := range map[string]event.PartKind{
		"Q {=a ~b}": event.SingleChoice, "Q {~%50%a ~%50%b ~%-100%c}": event.MultipleChoice, "Q {T}": event.TrueFalse, "Q {false#no}": event.TrueFalse, "Q {=a =b}": event.Text,
		"Q {#3}": event.Numerical, "Q {=a -> b =c -> d}": event.Matching, "Q {}": event.Essay, "Q": event.Unsupported, "A {=a ~b} z": event.Dropdown, "A {=a} z": event.Text,
		"Q {=a -> b =c}": event.Text, "Q {~=a ~b}": event.SingleChoice, "Q {####f}": event.Essay,
	} {
		item, _ := one(t, text)
		if item.Parts[0].Kind != want {
			t.Errorf("%s: %s, want %s", text, item.Parts[0].Kind, want)
		}
	}
}

func TestChoices(t *testing.T) {
	item, _ := one(t, "::T::Q { =a#right ~%-25%b#wrong ~c ####all }")
	p := item.Parts[0]
	if item.Title != "T" || item.BodyHTML != "Q" || item.ExplanationHTML != "all" || item.MinScore != "-0.25" || p.LowBound != "-0.25" || !p.Shuffle {
		t.Errorf("%+v", item)
	}
	for i, want := range []event.ChoiceV1{
		{ChoiceID: "c1", HTML: "a", Credit: "1", FeedbackHTML: "right"}, {ChoiceID: "c2", HTML: "b", Credit: "-0.25", FeedbackHTML: "wrong"}, {ChoiceID: "c3", HTML: "c", Credit: "0"},
	} {
		if p.Choices[i].HTML != want.HTML || p.Choices[i].Credit != want.Credit || p.Choices[i].FeedbackHTML != want.FeedbackHTML {
			t.Errorf("%+v, want %+v", p.Choices[i], want)
		}
	}
	item, _ = one(t, "Q { ~%33.33333%a ~%33.33333%b ~%33.33333%c ~%-100%d }")
	if p := item.Parts[0]; p.Credit != event.SumOfCredits || p.LowBound != "" || p.Choices[0].Credit != "0.333333333" || p.Choices[2].Credit != "0.333333334" || p.Choices[3].Credit != "-1" {
		t.Errorf("%+v", p)
	}
	_, f := one(t, "Q {~a ~b}")
	if !says(f.Lines, itemfile.Info, "no answer is right") {
		t.Errorf("%v", f.Lines)
	}
}

// Of two feedbacks the first is for those who were wrong.
func TestTrueFalseFeedback(t *testing.T) {
	for text, want := range map[string][2]string{"Q {T#wrong#right}": {"right", "wrong"}, "Q {F#wrong#right}": {"wrong", "right"}, "Q {TRUE}": {"", ""}, "Q {FALSE#wrong}": {"wrong", ""}} {
		item, _ := one(t, text)
		c := item.Parts[0].Choices
		if got := [2]string{c[0].FeedbackHTML, c[1].FeedbackHTML}; got != want || (c[0].Credit == "1") != strings.Contains(text, "{T") {
			t.Errorf("%s: %q, want %q (true, false)", text, got, want)
		}
	}
}

func TestTypedAnswers(t *testing.T) {
	item, _ := one(t, "Q {=Paris =%50%par* =%0%*#no}")
	for i, want := range []event.TextKeyV1{{Match: event.MatchFold, Pattern: "Paris", Credit: "1"}, {Match: event.MatchWildcardFold, Pattern: "par*", Credit: "0.5"}, {Match: event.MatchWildcardFold, Pattern: "*", Credit: "0", FeedbackHTML: "no"}} {
		if item.Parts[0].Texts[i] != want {
			t.Errorf("%+v, want %+v", item.Parts[0].Texts[i], want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]event.NumberKeyV1{
		"{#3.14:0.01}": {Value: "3.14", Tolerance: "0.01", Credit: "1"}, "{#3}": {Value: "3", Tolerance: "0", Credit: "1"}, "{#1..5}": {Low: "1", High: "5", Credit: "1"},
		"{#5..1}": {Low: "1", High: "5", Credit: "1"}, "{#-1.5..-1}": {Low: "-1.5", High: "-1", Credit: "1"}, "{#1e3:5}": {Value: "1e3", Tolerance: "5", Credit: "1"},
		"{#3,14:0,1}": {Value: "3.14", Tolerance: "0.1", Credit: "1"}, "{#=%50%2:1#f}": {Value: "2", Tolerance: "1", Credit: "0.5", FeedbackHTML: "f"},
		"{#=%0%*#f}": {Low: "-1e300", High: "1e300", Credit: "0", FeedbackHTML: "f"}, "{#+2}": {Value: "2", Tolerance: "0", Credit: "1"}, "{# 3 .. 4 }": {Low: "3", High: "4", Credit: "1"},
	} {
		item, _ := one(t, "Q "+text)
		if got := item.Parts[0].Numbers; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestPairs(t *testing.T) {
	item, _ := one(t, "Q {=[html]<b>x</b> -> One =y -> Two =z -> One = -> Three}")
	p := item.Parts[0]
	if len(p.Choices) != 3 || len(p.Targets) != 3 || len(p.Pairs) != 3 || p.Targets[0].HTML != "<b>x</b>" || p.Choices[2].HTML != "Three" || p.Pairs[2].ChoiceID != "c1" || p.Credit != event.EveryPair || p.Targets[0].MaxUse != 1 {
		t.Errorf("%+v", p)
	}
}

func TestMissingWords(t *testing.T) {
	for text, want := range map[string]string{
		"Two and {=two} are four.":            `Two and <span data-part="1"></span> are four.`,
		"{=Two} and two are four.":            `<span data-part="1"></span> and two are four.`,
		"[html]<p>Two and {=two}.</p>":        `<p>Two and <span data-part="1"></span> .</p>`,
		`[html]<p title\="{=two}">Two.</p>`:   `<p title="">Two.</p>`,
		"[markdown]Two and {=two}\\n\\nnext.": "<p>Two and <span data-part=\"1\"></span></p>\n<p>next.</p>",
	} {
		item, _ := one(t, text)
		if item.BodyHTML != want {
			t.Errorf("%s: %s, want %s", text, item.BodyHTML, want)
		}
	}
}

func TestTextsInTheirFormats(t *testing.T) {
	for text, want := range map[string]string{
		"a <b>b</b>\n c":                   "a <b>b</b> c",
		`a\nb`:                             "a<br/>\nb",
		"[plain]a <b>":                     "a &lt;b&gt;",
		"[html]<p>a</p><script>x</script>": "<p>a</p>",
		`a \= b \{c\} \~ \# \: \\ \x`:      `a = b {c} ~ # : \ \x`,
		"$$x^2$$ is":                       `\[x^2\] is`,
		"[other]a":                         "[other]a",
	} {
		item, _ := one(t, text+" {T}")
		if item.BodyHTML != want {
			t.Errorf("%s: %q, want %q", text, item.BodyHTML, want)
		}
	}
}

func TestCategoriesCommentsAndIdentities(t *testing.T) {
	found := readAll(t, `// a comment [id:q\]1] [tag:one] [tag:two words]
::First::Q1 {T}

$CATEGORY: $course$/top/A/B//C
// [tag:three]

::First::Q2
// a comment within
continues {T}

::First::Q3 {T}

Q4 {T}

Q4 {T}
$CATEGORY: D
Q5 {F}
`)
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%s %s %v %d", strings.Join(f.Folder, ">"), f.Identity, f.Tags, f.Place.Line))
	}
	if len(got) != 6 || got[0] != " q]1 [one two words] 2" || got[1] != "A>B/C A/B/C/First [three] 7" || got[2] != "A>B/C A/B/C/First#2 [] 11" ||
		found[4].Identity != found[3].Identity+"#2" || !strings.HasPrefix(found[3].Identity, "gift-") || found[5].Place.Line != 17 || found[5].Folder[0] != "D" {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if found[1].Item.BodyHTML != "Q2 continues" || !says(found[2].Lines, itemfile.Info, `another question of the file has it`) {
		t.Errorf("%+v %v", found[1].Item, found[2].Lines)
	}
}

func TestABrokenQuestionHarmsNoOther(t *testing.T) {
	for text, c := range map[string]struct {
		line int
		why  string
	}{
		"::B::Q {=a":         {3, "not closed with }"},
		"Q\nmore {#about 3}": {4, `"about 3" is neither`},
		"Q {=a} and {=b}":    {3, "second {"},
		"Q {a b}":            {3, "no set of answers"},
		"Q {lead =a ~b}":     {3, "before its first answer"},
		"Q {~ = }":           {3, "have no text"},
		"Q {#}":              {3, "has none"},
		"Q {=%200%a ~b}":     {3, "no percentage"},
		"{= -> a}":           {3, "has no text"},
		"Q {= -> a}":         {3, "none of its pairs has a question"},
		"{=a}":               {3, "has no text"},
		"Q {=" + strings.Repeat("x", maxBlock+10) + "}": {3, "longer than"},
	} {
		found := readAll(t, "::One::A {T}\n\n"+text+"\n\n::Two::B {F}\n")
		if len(found) != 3 || found[0].Item == nil || found[1].Item != nil || found[2].Item == nil {
			t.Errorf("%.40s: %d found, %.300v", text, len(found), found)
			continue
		}
		l := found[1].Lines[len(found[1].Lines)-1]
		if l.Severity != itemfile.Skipped || l.Place.Line != c.line || !strings.Contains(l.Why, c.why) || found[1].Identity == "" || found[1].Kind == "" {
			t.Errorf("%.40s: %v, want line %d: %s", text, l, c.line, c.why)
		}
	}
}

func TestWhatIsOddIsUnderstoodAndTold(t *testing.T) {
	for text, told := range map[string]string{
		"Q {\n=a\n\n~b\n}":       "an empty line within its answers",
		"Q {=a ~ ~b}":            "an answer without a text",
		"caf\xe9 {T}":            "windows-1252",
		"Q {#3,5}":               "decimal point",
		"Q {\n\n=a#x\n\n~b\n\n}": "an empty line within its answers",
	} {
		_, f := one(t, text)
		if !says(f.Lines, itemfile.Info, told) {
			t.Errorf("%q: %v", text, f.Lines)
		}
	}
	item, f := one(t, "Q {=&#233;t&eacute;#f ~b}")
	if item.Parts[0].Choices[0].HTML != "été" || item.Parts[0].Choices[0].FeedbackHTML != "f" || len(f.Lines) != 0 {
		t.Errorf("%+v", item.Parts[0])
	}
	_, f = one(t, `[html]<img src\="@@PLUGINFILE@@/a.png" alt\="x"> Q {T}`)
	if !says(f.Lines, itemfile.Missing, `file "a.png"`) {
		t.Errorf("%v", f.Lines)
	}
	_, f = one(t, "Just a text")
	if !says(f.Lines, itemfile.Info, "a description") || f.Item.Weight != "0" {
		t.Errorf("%v", f.Lines)
	}
}

func TestFilesOfAllSystems(t *testing.T) {
	for name, text := range map[string]string{
		"Unix": "Größe {T}\n\nB {F}", "Windows": "Größe {T}\r\n\r\nB {F}\r\n", "old Macintosh": "Größe {T}\r\rB {F}\r", "a byte order mark": "\ufeffGröße {T}\n\nB {F}",
		"white space on empty lines": "Größe {T}\n \t\nB {F}", "UTF-16": "\xff\xfe" + wide("Größe {T}\r\n\r\nB {F}"),
	} {
		found := readAll(t, text)
		if len(found) != 2 || found[0].Item.BodyHTML != "Größe" || found[1].Place.Line != 3 {
			t.Errorf("%s: %+v", name, found)
		}
	}
	if found := readAll(t, ""); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

func wide(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteByte(byte(r))
		b.WriteByte(byte(r >> 8))
	}
	return b.String()
}

// manyQuestions is a file that is made while it is read.
type manyQuestions struct {
	n, at int
	rest  string
}

func (m *manyQuestions) ReadAt(p []byte, _ int64) (int, error) {
	if m.rest == "" {
		if m.at == m.n {
			return 0, io.EOF
		}
		m.at++
		m.rest = fmt.Sprintf("::Q%d::Which is number %d? {=%d ~%d#no}\n\n", m.at, m.at, m.at, m.at+1)
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func TestFiftyThousandQuestionsNeedLittleMemory(t *testing.T) {
	const questions = 50_000
	n := 0
	var peak uint64
	for f, err := range Read(t.Context(), itemfile.Source{Name: "large.gift", Data: &manyQuestions{n: questions}, Size: 1 << 40}) {
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
	var failed error
	for _, err := range Read(ctx, itemfile.Source{Data: &manyQuestions{n: 100}, Size: 1 << 40}) {
		failed = err
		cancel()
	}
	if !errors.Is(failed, context.Canceled) {
		t.Error(failed)
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errors.New("the disk is gone") }

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	var failed error
	for _, err := range Read(t.Context(), itemfile.Source{Name: "x.gift", Data: failing{}, Size: 10}) {
		failed = err
	}
	if failed == nil || !strings.Contains(failed.Error(), "the disk is gone") {
		t.Error(failed)
	}
}

// FuzzRead reads any text. Whatever it is, nothing panics, what arrives can be
// scored, what does not says why, and reading again gives the same.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"::T::[html]<p>Q</p> {=a#f ~%-50%b ####g}", "$CATEGORY: $course$/a//b\n\nQ {#1..2}", "// [id:x] [tag:y]\nQ {=a -> b =c -> d} z", "Q {\n=a\n\n~b}", "Q {T#a#b}", `\{\}\~\=\#\n {}`,
		"a {#=1:2 =%50%*#x}\r\rb", "\xff\xfea\x00", "Q {=\xe9 =*}", "[markdown]a  \nb {=x} c",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first := readAll(t, string(data))
		seen := map[string]bool{}
		for _, found := range first {
			if found.Identity == "" || seen[found.Identity] || found.Kind == "" || found.Place.Line < 1 {
				t.Fatalf("%+v", found)
			}
			seen[found.Identity] = true
			if found.Item == nil && len(found.Lines) == 0 {
				t.Fatalf("neither an item nor why not: %+v", found)
			}
			if found.Item != nil {
				if err := moodletext.Check(*found.Item); err != nil {
					t.Fatal(err)
				}
			}
		}
		if again := readAll(t, string(data)); fmt.Sprintf("%+v", identities(again)) != fmt.Sprintf("%+v", identities(first)) {
			t.Fatalf("%v, then %v", identities(first), identities(again))
		}
	})
}

func identities(found []itemfile.Found) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Identity)
	}
	return out
}
