package itemanalysis

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a file of marks. Those of the analysis hold as well.
const (
	maxLineBytes   = 1 << 20 // of a line, its quoted line breaks included
	maxCellBytes   = 1000    // of a learner's id or an item's name
	maxCSVProblems = 20      // that are reported
	sniffedBytes   = 64 << 10
)

// CSVProblem is what is wrong with one place of a file of marks.
type CSVProblem struct {
	Line       int    `json:"line"`                  // from 1
	Column     int    `json:"column,omitempty"`      // of the table, from 1; 0 is the line as a whole
	ColumnName string `json:"column_name,omitempty"` // from the header
	Message    string `json:"message"`
}

// Error is the problem with its place.
func (p CSVProblem) Error() string {
	switch {
	case p.Column == 0:
		return fmt.Sprintf("line %d: %s", p.Line, p.Message)
	case p.ColumnName == "":
		return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Message)
	}
	return fmt.Sprintf("line %d, column %d (%s): %s", p.Line, p.Column, p.ColumnName, p.Message)
}

// CSVError is why a file of marks is refused: its first problems.
type CSVError struct {
	Problems []CSVProblem `json:"problems"`
	More     bool         `json:"more"` // reading stopped; there may be more
}

// Error lists the problems, one a line.
func (e *CSVError) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	for _, p := range e.Problems {
		lines = append(lines, p.Error())
	}
	if e.More {
		lines = append(lines, "there may be more problems after these")
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the problems one by one.
func (e *CSVError) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}

// ReadCSV reads marks from a table: a header with a column for the learner's id and
// a column for each item, then a row for each learner.
//
//	learner,q1,q2/2,q3/0.5
//	ann,1,1.5,
//	bob,0,2,0.5
//
// An item's maximum is written after its name and a slash, or in a row that
// follows the header and whose first cell is "max" or "maximum". An item without
// one has a maximum of 1. A blank cell, or one with a hyphen as Moodle writes it, is
// an omitted mark. Marks are plain decimal numbers from 0 to the maximum.
//
// Columns are separated by commas, semicolons or tabs, whichever the header has
// most of, or as a first line "sep=;" says. Between semicolons a decimal comma is
// allowed. Text is UTF-8, with or without a byte order mark; other encodings are
// refused with what to do about it.
//
// The file is read as a stream, up to MaxLearners rows and MaxItems items. If it
// cannot be taken as it is the error is a *CSVError with the first places to
// mend; any other error is the reader's own.
func ReadCSV(r io.Reader) (*Marks, error) {
	c := &csvReader{learners: map[string]int{}}
	if err := c.open(r); err != nil {
		return nil, err
	}
	for {
		cells, line, err := c.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		c.take(cells, line)
		// Nothing can be said of marks before the header is right.
		headless := c.marks == nil && len(c.problems) > 0
		if headless || len(c.problems) >= maxCSVProblems {
			return nil, &CSVError{Problems: c.problems, More: true}
		}
	}
	return c.finish()
}

// csvReader is the state of reading.
type csvReader struct {
	guard     *lineGuard
	table     *csv.Reader
	lineShift int // lines before the table
	line      int // of the last row
	separator rune
	names     []string // of all columns; nil before the header
	items     []Item
	marks     *Marks
	learners  map[string]int // to their line
	row       []Mark
	problems  []CSVProblem
}

func (c *csvReader) problem(line, column int, format string, arguments ...any) {
	p := CSVProblem{Line: line, Column: column, Message: fmt.Sprintf(format, arguments...)}
	if column > 0 && column <= len(c.names) {
		p.ColumnName = c.names[column-1]
	}
	c.problems = append(c.problems, p)
}

// refuse is a problem after which there is no point in reading on.
func (c *csvReader) refuse(line, column int, format string, arguments ...any) error {
	c.problem(line, column, format, arguments...)
	return &CSVError{Problems: c.problems, More: true}
}

// open looks at the beginning of the file, and gets ready to read rows.
func (c *csvReader) open(r io.Reader) error {
	c.guard = &lineGuard{from: r, left: maxLineBytes}
	text := bufio.NewReaderSize(c.guard, sniffedBytes)
	start, err := text.Peek(sniffedBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read marks: %w", err)
	}
	if why := unreadable(start); why != "" {
		return c.refuse(1, 0, "%s", why)
	}
	start = c.skip(text, start, len(byteOrderMark), bytes.HasPrefix(start, []byte(byteOrderMark)))
	header, _, _ := bytes.Cut(start, []byte("\n"))
	if declared, ok := declaredSeparator(header); ok {
		c.skip(text, start, len(header)+1, true)
		c.separator, c.lineShift = declared, 1
	} else {
		c.separator = mostFrequentSeparator(header)
	}
	c.table = csv.NewReader(text)
	c.table.Comma = c.separator
	c.table.FieldsPerRecord = -1 // ragged rows are reported with what they lack
	c.table.ReuseRecord = true
	return nil
}

const byteOrderMark = "\ufeff"

func (c *csvReader) skip(text *bufio.Reader, start []byte, n int, really bool) []byte {
	if !really {
		return start
	}
	n = min(n, len(start))
	_, _ = text.Discard(n) // they have been peeked at
	return start[n:]
}

// unreadable says why a file cannot be read by how it begins, or nothing.
func unreadable(start []byte) string {
	const howTo = `save it as "CSV UTF-8"`
	line, _, _ := bytes.Cut(start, []byte("\n"))
	switch {
	case len(bytes.TrimSpace(bytes.TrimPrefix(start, []byte(byteOrderMark)))) == 0:
		return "the file is empty"
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return "the file is in UTF-16: " + howTo
	case bytes.HasPrefix(start, []byte("PK\x03\x04")), bytes.HasPrefix(start, []byte("\xd0\xcf\x11\xe0")):
		return "the file is a workbook, not text: " + howTo
	case bytes.IndexByte(start, 0) >= 0:
		return "the file holds zero bytes: it is no text, or text in UTF-16; " + howTo
	case bytes.IndexByte(bytes.TrimSuffix(line, []byte("\r")), '\r') >= 0:
		return "the lines of the file end in carriage returns alone: save it with the line ends of Windows or Unix"
	}
	return ""
}

// declaredSeparator is that of a first line "sep=;", as spreadsheets write it.
func declaredSeparator(line []byte) (rune, bool) {
	text := strings.TrimRight(string(line), "\r")
	value, ok := strings.CutPrefix(strings.ToLower(text), "sep=")
	if !ok || len(value) != 1 || !strings.Contains(",;\t", value) {
		return 0, false
	}
	return rune(value[0]), true
}

// mostFrequentSeparator counts outside quotes. A header "id;q1/2,5;q2/2,5" has no
// more commas than semicolons, so semicolons win a tie.
func mostFrequentSeparator(header []byte) rune {
	counts := map[byte]int{}
	quoted := false
	for _, b := range header {
		if b == '"' {
			quoted = !quoted
		}
		if !quoted {
			counts[b]++
		}
	}
	best := byte(',')
	for _, candidate := range []byte(";\t") {
		if counts[candidate] > 0 && counts[candidate] >= counts[best] {
			best = candidate
		}
	}
	return rune(best)
}

// lineGuard stops a line that does not end, such as one with a quote that is not
// closed, from being held in memory.
type lineGuard struct {
	from io.Reader
	left int // bytes until the line is too long
}

var errLongLine = errors.New("the line is too long")

func (g *lineGuard) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, errLongLine
	}
	n, err := g.from.Read(p[:min(len(p), g.left)])
	g.left -= n
	return n, err
}

// next is the next row that is not blank, and its line.
func (c *csvReader) next() (cells []string, line int, err error) {
	for {
		c.guard.left = maxLineBytes
		cells, err = c.table.Read()
		if err != nil {
			return nil, 0, c.readError(err)
		}
		line, _ = c.table.FieldPos(0)
		line += c.lineShift
		c.line = line
		blank := true
		for i, cell := range cells {
			cells[i] = strings.TrimSpace(cell)
			blank = blank && cells[i] == ""
		}
		if !blank {
			return cells, line, nil
		}
	}
}

// readError says in a teacher's words what is wrong with a row as such.
func (c *csvReader) readError(err error) error {
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return err
	case errors.Is(err, errLongLine):
		return c.refuse(max(c.line, c.lineShift)+1, 0, "the line, or a quoted cell that begins in it, is longer than %d bytes: is a quotation mark not closed?", maxLineBytes)
	case errors.As(err, &parse):
		return c.refuse(parse.StartLine+c.lineShift, 0, "there is a quotation mark where none can be, or one that is not closed (near line %d): write one inside a quoted cell twice", parse.Line+c.lineShift)
	}
	return fmt.Errorf("read marks: %w", err)
}

// take takes a row.
func (c *csvReader) take(cells []string, line int) {
	switch {
	case c.names == nil:
		c.takeHeader(cells, line)
	case c.marks == nil && isMaximaRow(cells):
		c.takeMaxima(cells, line)
	default:
		c.takeLearner(cells, line)
	}
}

// isMaximaRow recognises the row with the items' maxima by its first cell.
func isMaximaRow(cells []string) bool {
	return slices.Contains([]string{"max", "maximum", "max.", "max score", "max_score"}, strings.ToLower(cells[0]))
}

// takeHeader takes the names of the items, and the maxima written beside them.
func (c *csvReader) takeHeader(cells []string, line int) {
	for len(cells) > 1 && cells[len(cells)-1] == "" { // separators that a spreadsheet left behind
		cells = cells[:len(cells)-1]
	}
	c.names = slices.Clone(cells)
	if len(cells)-1 > MaxItems {
		c.problem(line, 0, "there are %d items; an analysis takes %d", len(cells)-1, MaxItems)
		return
	}
	if len(cells) == 1 {
		c.problem(line, 0, "the header has one column: there must be one for the learner and one for each item, separated by commas, semicolons or tabs")
	}
	seen := map[string]int{}
	for i, cell := range cells {
		if why := unfitText(cell); why != "" {
			c.problem(line, i+1, "the column's name %s", why)
		}
		if i == 0 {
			continue
		}
		item := c.headerItem(cell)
		switch other, twice := seen[item.ID]; {
		case item.ID == "":
			c.problem(line, i+1, "the column has no name")
		case twice:
			c.problem(line, i+1, "the item %q is in column %d already", item.ID, other)
		}
		if !math.IsNaN(item.Max) {
			c.checkMaximum(item.Max, line, i+1)
		}
		seen[item.ID] = i + 1
		c.items = append(c.items, item)
	}
}

// headerItem splits "name/maximum". Without a maximum it is NaN for now.
func (c *csvReader) headerItem(cell string) Item {
	slash := strings.LastIndexByte(cell, '/')
	if slash >= 0 {
		if maximum, ok := c.number(strings.TrimSpace(cell[slash+1:])); ok {
			return Item{ID: strings.TrimSpace(cell[:slash]), Max: maximum}
		}
	}
	return Item{ID: cell, Max: math.NaN()}
}

func (c *csvReader) checkMaximum(maximum float64, line, column int) {
	if !(maximum > 0 && maximum <= MaxMark) {
		c.problem(line, column, "the maximum %v must be above 0 and at most %d", maximum, MaxMark)
	}
}

// takeMaxima takes the row of maxima.
func (c *csvReader) takeMaxima(cells []string, line int) {
	cells, ok := c.aligned(cells, line)
	if !ok {
		return
	}
	for i, cell := range cells[1:] {
		if cell == "" {
			continue
		}
		maximum, ok := c.number(cell)
		item := &c.items[i]
		switch {
		case !ok:
			c.problem(line, i+2, "the maximum %s is not a number%s", shown(cell), c.numberHint(cell))
			continue
		case !math.IsNaN(item.Max) && item.Max != maximum:
			c.problem(line, i+2, "the maximum is %v here and %v in the header", maximum, item.Max)
		default:
			c.checkMaximum(maximum, line, i+2)
		}
		item.Max = maximum
	}
	c.begin()
}

// begin makes the table of marks, now that the maxima are known.
func (c *csvReader) begin() {
	for i := range c.items {
		if math.IsNaN(c.items[i].Max) {
			c.items[i].Max = 1
		}
	}
	c.row = make([]Mark, len(c.items))
	if len(c.problems) > 0 {
		c.marks = &Marks{} // of a file that will be refused
		return
	}
	marks, err := New(c.items)
	if err != nil {
		c.problem(1+c.lineShift, 0, "%s", err)
		marks = &Marks{}
	}
	c.marks = marks
}

// takeLearner takes a row of marks.
func (c *csvReader) takeLearner(cells []string, line int) {
	if c.marks == nil {
		c.begin()
	}
	cells, ok := c.aligned(cells, line)
	if !ok {
		return
	}
	id := strings.Clone(cells[0])
	switch other, twice := c.learners[id]; {
	case id == "":
		c.problem(line, 1, "the row has no learner")
	case twice:
		c.problem(line, 1, "learner %s is in line %d already", shown(id), other)
	case len(c.learners) >= MaxLearners:
		c.problem(line, 0, "there are more than %d learners", MaxLearners)
	}
	if why := unfitText(id); why != "" {
		c.problem(line, 1, "the learner %s", why)
	}
	c.learners[id] = line
	for i, cell := range cells[1:] {
		c.row[i] = c.mark(cell, line, i+2)
	}
	if len(c.problems) > 0 {
		return // the rest is only checked
	}
	if err := c.marks.Add(id, c.row); err != nil {
		c.problem(line, 0, "%s", err)
	}
}

// aligned makes a row as long as the header, if what is over is blank. A row that
// is too short is refused: its last cells could belong anywhere.
func (c *csvReader) aligned(cells []string, line int) ([]string, bool) {
	for len(cells) > len(c.names) && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) != len(c.names) {
		hint := ""
		if c.separator == ',' && len(cells) > len(c.names) {
			hint = "; are there decimal commas? Separate columns by semicolons then"
		}
		c.problem(line, 0, "the row has %d cells, the header has %d%s", len(cells), len(c.names), hint)
		return nil, false
	}
	return cells, true
}

// mark reads a cell.
func (c *csvReader) mark(cell string, line, column int) Mark {
	if cell == "" || cell == "-" {
		return Mark{State: Omitted}
	}
	score, ok := c.number(cell)
	maximum := c.items[column-2].Max
	switch {
	case !ok:
		c.problem(line, column, "%s is not a number%s", shown(cell), c.numberHint(cell))
	case score < 0:
		c.problem(line, column, "the mark %s is negative", shown(cell))
	case score > maximum+maximum*roundingSlack:
		c.problem(line, column, `the mark %s is more than the maximum %v; state another by "name/maximum" in the header`, shown(cell), maximum)
	}
	return Mark{Score: score}
}

// number reads a decimal number: digits with one point or, between semicolons, one
// comma. Nothing else that a programming language takes for a number is one.
func (c *csvReader) number(cell string) (float64, bool) {
	if c.separator == ';' && strings.Count(cell, ",") == 1 && !strings.Contains(cell, ".") {
		cell = strings.Replace(cell, ",", ".", 1)
	}
	digits := strings.TrimLeft(cell, "+-")
	if len(cell)-len(digits) > 1 || strings.Trim(digits, "0123456789.") != "" || strings.Trim(digits, ".") == "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(cell, 64)
	return v, err == nil
}

// numberHint says what may have gone wrong with a number.
func (c *csvReader) numberHint(cell string) string {
	switch {
	case !utf8.ValidString(cell):
		return ", and the file is not in UTF-8"
	case strings.Contains(cell, ",") && c.separator != ';':
		return "; a decimal comma is only allowed where semicolons separate the columns"
	}
	return ""
}

// unfitText says why a name cannot be taken, or nothing.
func unfitText(s string) string {
	switch {
	case len(s) > maxCellBytes:
		return fmt.Sprintf("is longer than %d bytes", maxCellBytes)
	case !utf8.ValidString(s):
		return `is not in UTF-8 (perhaps in Windows-1252): save the file as "CSV UTF-8"`
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "has a line break or another control character in it"
	}
	return ""
}

// shown is a cell for a message, not all of it when it is long.
func shown(cell string) string {
	const most = 40
	if utf8.RuneCountInString(cell) > most {
		cell = string([]rune(cell)[:most]) + "..."
	}
	return strconv.Quote(cell)
}

// finish hands over what was read.
func (c *csvReader) finish() (*Marks, error) {
	switch {
	case len(c.problems) > 0:
	case c.names == nil:
		c.problem(1+c.lineShift, 0, "the file has no header: the first line must name the learner's column and the items")
	case len(c.learners) == 0:
		c.problem(1+c.lineShift, 0, "there is a header, but no learner after it")
	}
	if len(c.problems) > 0 {
		return nil, &CSVError{Problems: c.problems}
	}
	return c.marks, nil
}
