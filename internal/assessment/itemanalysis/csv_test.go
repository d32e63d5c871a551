package itemanalysis

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
)

func read(t *testing.T, text string) *Marks {
	t.Helper()
	m, err := ReadCSV(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return m
}

// cellsOf lists what was read: learners with their scores, "-" for omitted.
func listed(m *Marks) string {
	var b strings.Builder
	for _, it := range m.items {
		fmt.Fprintf(&b, "[%s %v]", it.ID, it.Max)
	}
	for i, learner := range m.learners {
		fmt.Fprintf(&b, " %s:", learner)
		for j := range m.items {
			if v := m.scores[j].at(i); math.IsInf(v, 0) {
				b.WriteString("-;")
			} else {
				fmt.Fprintf(&b, "%v;", v)
			}
		}
	}
	return b.String()
}

func TestReadCSV(t *testing.T) {
	t.Parallel()
	const same = "[q1 1][q2 2.5] ann:1;1.5; bob:0;-;"
	for _, c := range []struct{ name, text, want string }{
		{"maxima in the header", "learner,q1/1,q2/2.5\nann,1,1.5\nbob,0,\n", same},
		{"maxima in a row", "learner,q1,q2\nmax,1,2.5\nann,1,1.5\nbob,0,\n", same},
		{"maxima in both", "learner,q1/1,q2/2.5\nMaximum,1.0,\nann,1,1.5\nbob,0,\n", same},
		{"semicolons and decimal commas", "learner;q1;q2/2,5\nann;1;1,5\nbob;0;\n", same},
		{"semicolons and points", "learner;q1;q2/2.5\nann;1;1.5\nbob;0;\n", same},
		{"tabs", "learner\tq1\tq2/2.5\nann\t1\t1.5\nbob\t0\t\n", same},
		{"a declared separator", "sep=;\r\nlearner;q1;q2/2,5\r\nann;1;1,5\r\nbob;0;\r\n", same},
		{"a byte order mark", "\ufefflearner,q1,q2/2.5\nann,1,1.5\nbob,0,\n", same},
		{"a byte order mark and a separator", "\ufeffsep=,\nlearner,q1,q2/2.5\nann,1,1.5\nbob,0,\n", same},
		{"Windows line ends, none at the end", "learner,q1,q2/2.5\r\nann,1,1.5\r\nbob,0,", same},
		{"quotes and spaces", "\"learner\", q1 ,\"q2 / 2.5\"\nann , 1,\" 1.5\"\n bob,0 ,\"\"\n", same},
		{"blank lines and columns", "learner,q1,q2/2.5,,\n\nann,1,1.5,,\n,,,,\nbob,0,,,\n\n", same},
		{"a hyphen, as Moodle has it", "learner,q1,q2/2.5\nann,1,1.5\nbob,0,-\n", same},
		{"Moodle's header", "Name,Q. 1 /1.00,Q. 2 /2.50\nann,1.00,1.50\nbob,0.00,-\n", "[Q. 1 1][Q. 2 2.5] ann:1;1.5; bob:0;-;"},
		{"a slash that states no maximum", "learner,and/or,3/4/2\nann,1,1.5\n", "[and/or 1][3/4 2] ann:1;1.5;"},
		{"a separator in a quoted name", "learner,\"a, b\",\"c; d; e; f\"\nann,1,0\n", "[a, b 1][c; d; e; f 1] ann:1;0;"},
		{"other scripts", "Schüler;Aufgabe ä;質問/3\nÅsa;1;2,5\n", "[Aufgabe ä 1][質問 3] Åsa:1;2.5;"},
		{"signs and bare points", "learner,q1,q2/3.\nann,+1,.5\nbob,-0,3.\n", "[q1 1][q2 3] ann:1;0.5; bob:0;3;"},
		{"a mark that is the maximum but for rounding", "learner,q1/0.3\nann,0.30000000000000004\n", "[q1 0.3] ann:0.30000000000000004;"},
		{"a learner whose id is a number", "id,q1\n007,1\n7,0\n", "[q1 1] 007:1; 7:0;"},
	} {
		if got := listed(read(t, c.text)); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestReadCSVRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxCellBytes+1)
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "line 1: the file is empty"},
		{"white space", "\ufeff \r\n\n", "line 1: the file is empty"},
		{"separators alone", ",,,\n", "line 1: the file has no header"},
		{"a declared separator alone", "sep=;\n", "line 2: the file has no header"},
		{"a header alone", "learner,q1\n", "line 1: there is a header, but no learner after it"},
		{"a header and maxima alone", "learner,q1\nmax,1\n", "line 1: there is a header, but no learner after it"},
		{"UTF-16", "\xff\xfel\x00e\x00", `the file is in UTF-16: save it as "CSV UTF-8"`},
		{"UTF-16, the other way", "\xfe\xff\x00l\x00e", "the file is in UTF-16"},
		{"UTF-16 without a mark", "l\x00e\x00a\x00r\x00", "zero bytes"},
		{"a workbook", "PK\x03\x04....", "the file is a workbook, not text"},
		{"Windows-1252 in the header", "learner,Aufgabe \xe4\nann,1\n", `line 1, column 2 (Aufgabe ` + "\xe4" + `): the column's name is not in UTF-8 (perhaps in Windows-1252)`},
		{"Windows-1252 in a learner", "learner,q1\nJos\xe9,1\n", "line 2, column 1 (learner): the learner is not in UTF-8 (perhaps in Windows-1252)"},
		{"old line ends", "learner,q1\rann,1\r", "carriage returns alone"},
		{"one column", "learner\nann\n", "line 1: the header has one column"},
		{"the wrong separator", "learner|q1|q2\nann|1|0\n", "line 1: the header has one column"},
		{"no name", "learner,q1,,q3\nann,1,1,1\n", "line 1, column 3: the column has no name"},
		{"a name twice", "learner,q1,q1/2\nann,1,1\n", `line 1, column 3 (q1/2): the item "q1" is in column 2 already`},
		{"a maximum of nothing", "learner,q1/0\nann,0\n", "line 1, column 2 (q1/0): the maximum 0 must be above 0"},
		{"a negative maximum", "learner,q1\nmax,-1\nann,0\n", "line 2, column 2 (q1): the maximum -1 must be above 0"},
		{"a maximum that is no number", "learner,q1\nmax,one\nann,0\n", `line 2, column 2 (q1): the maximum "one" is not a number`},
		{"two maxima", "learner,q1/2\nmax,3\nann,0\n", "line 2, column 2 (q1/2): the maximum is 3 here and 2 in the header"},
		{"maxima twice", "learner,q1\nmax,1\nann,1\nmax,2\n", `line 4, column 2 (q1): the mark "2" is more than the maximum 1`},
		{"a row too short", "learner,q1,q2\nann,1,1\nbob,1\n", "line 3: the row has 2 cells, the header has 3"},
		{"a row too long", "learner;q1\nann;1;1\n", "line 2: the row has 3 cells, the header has 2"},
		{"decimal commas between commas", "learner,q1,q2/2\nann,1,1,5\n", "line 2: the row has 4 cells, the header has 3; are there decimal commas? Separate columns by semicolons then"},
		{"a decimal comma in quotes", "learner,q1\nann,\"0,5\"\n", `line 2, column 2 (q1): "0,5" is not a number; a decimal comma is only allowed where semicolons separate the columns`},
		{"a decimal comma between tabs", "learner\tq1\nann\t0,5\n", "a decimal comma is only allowed where semicolons"},
		{"thousands", "learner;q1/5000\nann;1.000,5\n", `"1.000,5" is not a number`},
		{"a word", "learner,q1\nann,yes\n", `line 2, column 2 (q1): "yes" is not a number`},
		{"a per cent", "learner,q1\nann,50%\n", `"50%" is not a number`},
		{"not a number", "learner,q1\nann,NaN\n", `"NaN" is not a number`},
		{"infinity", "learner,q1\nann,Inf\n", `"Inf" is not a number`},
		{"hexadecimal", "learner,q1\nann,0x1\n", `"0x1" is not a number`},
		{"an exponent", "learner,q1\nann,1e-1\n", `"1e-1" is not a number`},
		{"underscores", "learner,q1/100\nann,1_0\n", `"1_0" is not a number`},
		{"digits of another script", "learner,q1\nann,١\n", "is not a number"},
		{"a point alone", "learner,q1\nann,.\n", `"." is not a number`},
		{"too many digits", "learner,q1\nann," + strings.Repeat("9", 400) + "\n", "is not a number"},
		{"negative", "learner,q1\nann,-0.5\n", `line 2, column 2 (q1): the mark "-0.5" is negative`},
		{"too much", "learner,q1/2\nann,2.5\n", `line 2, column 2 (q1/2): the mark "2.5" is more than the maximum 2`},
		{"too much where no maximum is stated", "learner,q1\nann,2\n", `the mark "2" is more than the maximum 1; state another by "name/maximum" in the header`},
		{"a learner twice", "learner,q1\nann,1\nbob,1\nann,0\n", `line 4, column 1 (learner): learner "ann" is in line 2 already`},
		{"no learner", "learner,q1\n,1\n", "line 2, column 1 (learner): the row has no learner"},
		{"a learner of many bytes", "learner,q1\n" + long + ",1\n", "the learner is longer than 1000 bytes"},
		{"a line break in a name", "learner,\"q\n1\"\nann,1\n", "line 1, column 2 (q\n1): the column's name has a line break"},
		{"a quote in the wrong place", "learner,q1\nann,1\"2\n", "line 2: there is a quotation mark where none can be"},
		{"a quote that is not closed", "learner,q1\nann,1\nbob,\"1\ncid,1\n", "line 3: there is a quotation mark where none can be, or one that is not closed"},
		{"line numbers with a declared separator", "sep=,\nlearner,q1\nann,x\n", `line 3, column 2 (q1): "x" is not a number`},
		{"too many items", "learner" + strings.Repeat(",q", MaxItems+1) + "\nann\n", "line 1: there are 501 items; an analysis takes 500"},
	} {
		m, err := ReadCSV(strings.NewReader(c.text))
		var refused *CSVError
		if m != nil || !errors.As(err, &refused) {
			t.Errorf("%s: %v, %v", c.name, m, err)
			continue
		}
		if first := refused.Problems[0]; !strings.Contains(first.Error(), c.want) || first.Line < 1 {
			t.Errorf("%s: %q\nwant %q", c.name, first.Error(), c.want)
		}
	}
}

// A teacher mends a file in one go, not in forty.
func TestReadCSVReportsSeveralProblems(t *testing.T) {
	t.Parallel()
	_, err := ReadCSV(strings.NewReader("learner,q1,q2\nann,x,2\n,1,1\nbob,1\n"))
	want := "line 2, column 2 (q1): \"x\" is not a number\n" +
		"line 2, column 3 (q2): the mark \"2\" is more than the maximum 1; state another by \"name/maximum\" in the header\n" +
		"line 3, column 1 (learner): the row has no learner\n" +
		"line 4: the row has 2 cells, the header has 3"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	_, err = ReadCSV(strings.NewReader("learner,q1\n" + strings.Repeat("ann,x\n", 1000)))
	var refused *CSVError
	if !errors.As(err, &refused) || !refused.More || len(refused.Problems) > maxCSVProblems+2 {
		t.Errorf("%v", err)
	}
	var one CSVProblem
	if !errors.As(err, &one) || one.Line != 2 || one.ColumnName != "q1" {
		t.Errorf("%+v", one)
	}
}

// endless repeats a text, and counts what was taken of it.
type endless struct {
	start, again string
	taken        int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		from := e.start
		if e.taken >= len(e.start) {
			from = e.again[(e.taken-len(e.start))%len(e.again):]
		} else {
			from = from[e.taken:]
		}
		k := copy(p[n:], from)
		n += k
		e.taken += k
	}
	return n, nil
}

func TestReadCSVStopsAtItsLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		file *endless
		want string
		most int // bytes
	}{
		{"a quote that is never closed", &endless{start: "learner,q1\nann,\"", again: "1\n"}, "longer than 1048576 bytes: is a quotation mark not closed?", 2 << 20},
		{"a header without end", &endless{start: "learner", again: ",q"}, "line 1: the line, or a quoted cell", 2 << 20},
		{"wrong rows without end", &endless{start: "learner,q1\n", again: "ann,9\n"}, "more than the maximum", 1 << 20},
	} {
		_, err := ReadCSV(c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) || c.file.taken > c.most {
			t.Errorf("%s: after %d bytes: %v", c.name, c.file.taken, err)
		}
	}
}

func TestReadCSVTakesNoMoreLearnersThanTheLimit(t *testing.T) {
	t.Parallel()
	rows, writer := io.Pipe()
	go func() {
		_, err := io.WriteString(writer, "learner,q1\n")
		for i := 0; err == nil && i <= MaxLearners; i++ {
			_, err = writer.Write([]byte(strconv.Itoa(i) + ",1\n"))
		}
		writer.CloseWithError(err)
	}()
	_, err := ReadCSV(rows)
	if err == nil || !strings.Contains(err.Error(), "line 200002: there are more than 200000 learners") {
		t.Errorf("%v", err)
	}
}

var errBroken = errors.New("the line is down")

type brokenReader struct{ text io.Reader }

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}

func TestReadCSVPassesOnTheReadersError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "learner,q1\nann,1\n", "learner,q1\n" + strings.Repeat("a row that is passed over\n", 10)} {
		_, err := ReadCSV(brokenReader{strings.NewReader(text)})
		var refused *CSVError
		if !errors.Is(err, errBroken) || errors.As(err, &refused) {
			t.Errorf("%v", err)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("learner,q1/1,q2/2.5\nann,1,1.5\nbob,0,\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ReadCSV(strings.NewReader(text))
		if err != nil {
			var refused *CSVError
			if m != nil || !errors.As(err, &refused) || len(refused.Problems) == 0 {
				t.Fatalf("%v with the error %v", m, err)
			}
			for _, p := range refused.Problems {
				if p.Line < 1 || p.Column < 0 || p.Message == "" {
					t.Fatalf("%+v", p)
				}
			}
			return
		}
		if m.Learners() == 0 || len(m.items) == 0 {
			t.Fatalf("%d learners, %d items", m.Learners(), len(m.items))
		}
		if _, err := json.Marshal(analyse(t, m, Options{})); err != nil {
			t.Fatal(err)
		}
		// What was read is written and read as the same marks, but for names that look like
		// formulas, maxima or separators.
		var written bytes.Buffer
		if err := WriteMarksCSV(&written, m); err != nil {
			t.Fatal(err)
		}
		if plainNames(m) {
			again, err := ReadCSV(&written)
			if err != nil || listed(again) != listed(m) {
				t.Fatalf("%v: %s\nwas %s", err, written.String(), listed(m))
			}
		}
	})
}

// plainNames reports whether every name is written as it is, and is not taken for
// something else in its place.
func plainNames(m *Marks) bool {
	names := append([]string(nil), m.learners...)
	for _, it := range m.items {
		names = append(names, it.ID)
	}
	for _, name := range names {
		if guarded(name) != name || strings.ContainsAny(name, ";\t") || len(name) > maxCellBytes-30 || strings.HasPrefix(strings.ToLower(name), "max") {
			return false
		}
	}
	return true
}

func TestNothingWrittenIsAFormula(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\n=1"} {
		if got := guarded(text); got != "'"+text {
			t.Errorf("%q is written as %q", text, got)
		}
	}
	for _, text := range []string{"", "ann", "1", "a=1", "Größe", "O'Neill"} {
		if got := guarded(text); got != text {
			t.Errorf("%q is written as %q", text, got)
		}
	}
	m := newMarks(t, []Item{
		{ID: "=cmd|' /C calc'!A0", Label: "+danger", Max: 1, Options: []Option{{ID: "@A", Label: "-x", Key: true}, {ID: "B"}}},
		{ID: "b", Max: 1}, {ID: "c", Max: 1}, {ID: "d", Max: 1},
	})
	for i := range 40 {
		add(t, m, fmt.Sprintf("=HYPERLINK(%d)", i), []Mark{chosen("@A", true), {Score: float64(i % 2)}, {Score: float64(i / 20)}, {Score: float64(i % 3 / 2)}})
	}
	report, model := analyse(t, m, Options{}), fitIRT(t, m, IRTOptions{Abilities: true})
	for name, write := range map[string]func(io.Writer) error{
		"items":      func(w io.Writer) error { return WriteItemsCSV(w, report) },
		"options":    func(w io.Writer) error { return WriteOptionsCSV(w, report) },
		"test":       func(w io.Writer) error { return WriteTestCSV(w, report) },
		"parameters": func(w io.Writer) error { return WriteIRTItemsCSV(w, model) },
		"abilities":  func(w io.Writer) error { return WriteAbilitiesCSV(w, model) },
		"marks":      func(w io.Writer) error { return WriteMarksCSV(w, m) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) < 2 {
			t.Fatalf("%s: %d rows, %v", name, len(rows), err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if _, err := strconv.ParseFloat(cell, 64); err != nil && guarded(cell) != cell {
					t.Errorf("%s: the cell %q is a formula", name, cell)
				}
			}
		}
	}
}

func TestTablesHoldTheFigures(t *testing.T) {
	t.Parallel()
	report := analyse(t, lsat(t, lsat6), Options{})
	var b bytes.Buffer
	if err := WriteItemsCSV(&b, report); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	third := map[string]string{}
	for i, name := range rows[0] {
		third[name] = rows[3][i]
	}
	if third["item_id"] != "item 3" || third["facility"] != "0.553" || third["given"] != "1000" || !strings.HasPrefix(third["discrimination"], "0.1727") {
		t.Errorf("%v", third)
	}

	b.Reset()
	if err := WriteTestCSV(&b, analyse(t, tableOfMarks(t, []float64{1}, []float64{1}), Options{})); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); !strings.Contains(text, "alpha,,there is only one learner\r\n") || !strings.Contains(text, "mean,1,\r\n") {
		t.Errorf("%s", text)
	}

	b.Reset()
	source := newMarks(t, []Item{{ID: "q1", Max: 1}, {ID: "q2", Max: 2.5}})
	add(t, source, "ann", []Mark{{Score: 1}, {State: Omitted}})
	add(t, source, "bob", []Mark{{State: NotGiven}, {Score: 1.5}})
	if err := WriteMarksCSV(&b, source); err != nil {
		t.Fatal(err)
	}
	if b.String() != "learner,q1/1,q2/2.5\r\nann,1,\r\nbob,,1.5\r\n" {
		t.Errorf("%s", b.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errBroken }

func TestWritersPassOnErrors(t *testing.T) {
	t.Parallel()
	report, model := analyse(t, lsat(t, lsat6), Options{}), fitIRT(t, lsat(t, lsat6), IRTOptions{})
	for name, err := range map[string]error{
		"items":       WriteItemsCSV(fullDisk{}, report),
		"marks":       WriteMarksCSV(fullDisk{}, lsat(t, lsat6)),
		"item curve":  WriteItemCurveSVG(fullDisk{}, model.Items[0]),
		"information": WriteTestInformationSVG(fullDisk{}, model),
		"distractors": WriteDistractorSVG(fullDisk{}, report.Items[0]),
	} {
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
