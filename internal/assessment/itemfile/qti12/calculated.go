package qti12

import (
	"html"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// calculatedNode is the extension in which Canvas and Blackboard keep questions
// with drawn numbers.
func (q *question) calculatedNode() *xmlstream.Node {
	for extension := range q.node.Elements("itemproc_extension") {
		if n := extension.Child("calculated"); n != nil {
			return n
		}
		q.lose(simplified, "element itemproc_extension", "it belongs to the program that wrote the file")
	}
	return nil
}

var variableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

const maxRows = 1000

// calculated takes over the rows of values that the program drew, each with the
// answer that it computed: learners there and here get the same numbers.
func (q *question) calculated(n *xmlstream.Node) error {
	var names []string
	for v := range n.Child("vars").Elements("var") {
		names = append(names, v.Get("name"))
	}
	rows, answersOf, err := readRows(n, &names)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return refuse("it has a formula and no values that were drawn for it: open the question in the program that it comes from, generate some, and export again")
	}
	if len(rows) > maxRows {
		q.lose(simplified, strconv.Itoa(len(rows))+" sets of values", "the first "+strconv.Itoa(maxRows)+" are kept")
		rows, answersOf = rows[:maxRows], answersOf[:maxRows]
	}
	own := make([]string, len(names)) // as variables are called here
	taken := map[string]bool{}
	for i, name := range names {
		own[i] = name
		if !variableName.MatchString(name) || taken[name] {
			own[i] = "v" + strconv.Itoa(i+1)
		}
		taken[own[i]] = true
		q.item.Variables = append(q.item.Variables, event.VariableV1{Name: own[i], Kind: event.DataSetVariable, Column: i})
	}
	answerName := "answer"
	for taken[answerName] {
		answerName += "_"
	}
	q.item.Variables = append(q.item.Variables, event.VariableV1{Name: answerName, Kind: event.DataSetVariable, Column: len(names)})
	for i, row := range rows {
		q.item.DataSets = append(q.item.DataSets, append(row, answersOf[i]))
	}
	part := event.PartV1{PartID: "1", Kind: event.Numerical, Numbers: []event.NumberKeyV1{{Value: answerName, Tolerance: tolerance(n), Credit: "1"}}}
	q.item.Parts = []event.PartV1{part}
	q.formula(n)
	q.explainCalculated()
	raw := q.clean(q.shown.body.String())
	for _, r := range q.shown.responses {
		raw = strings.Replace(raw, r.token, "", 1)
	}
	q.shown.body.Reset()
	q.shown.body.WriteString(raw)
	q.variables(names, own)
	return nil
}

// readRows reads the sets of values, each a row by the order of the names.
func readRows(n *xmlstream.Node, names *[]string) (rows [][]string, answers []string, err error) {
	for set := range n.Child("var_sets").Elements("var_set") {
		if len(*names) == 0 {
			for v := range set.Elements("var") {
				*names = append(*names, v.Get("name"))
			}
		}
		if len(*names) > 90 {
			return nil, nil, refuse("it has %d variables, more than can be imported", len(*names))
		}
		row := make([]string, len(*names))
		for v := range set.Elements("var") {
			for i, name := range *names {
				if v.Get("name") == name {
					row[i] = numeral(v.Content())
				}
			}
		}
		answer := numeral(set.Child("answer").Content())
		if answer == "" || has(row, "") {
			continue // a set that was never computed
		}
		rows, answers = append(rows, row), append(answers, answer)
	}
	return rows, answers, nil
}

var powerOfTen = regexp.MustCompile(`^([-+]?[0-9.]+)\s*[*x×]\s*10\s*\^\s*([-+]?[0-9]+)$`)

// numeral writes a number of the file in the plain form; "" if it is none.
func numeral(s string) string {
	s = strings.TrimSpace(s)
	if found := powerOfTen.FindStringSubmatch(s); found != nil {
		s = found[1] + "e" + found[2]
	}
	n := parseNumber(s)
	if n == nil {
		return ""
	}
	return strings.TrimPrefix(s, "+")
}

// tolerance is how far from the answer a response may be.
func tolerance(n *xmlstream.Node) string {
	node := n.Child("answer_tolerance")
	value := strings.TrimSpace(node.Content())
	plain, percent := strings.CutSuffix(value, "%")
	number := parseNumber(plain)
	if number == nil {
		number = new(big.Rat)
	}
	if percent || strings.HasPrefix(strings.ToLower(node.Get("margin_type")), "percent") || strings.EqualFold(node.Get("type"), "percent") {
		return exactNumeral(number.Abs(number)) + "%"
	}
	return exactNumeral(number.Abs(number))
}

// formula keeps what the answers were computed by, for those who edit the
// question.
func (q *question) formula(n *xmlstream.Node) {
	var formulas []string
	for f := range n.All("formula") {
		if text := f.Content(); text != "" {
			formulas = append(formulas, text)
		}
	}
	q.lose(info, "formula "+quote(strings.Join(formulas, "; ")), "the values and answers that it was computed for are kept, the formula is not run again")
}

// explainCalculated places the feedback by its names: the conditions of such
// questions only stand for what the program does.
func (q *question) explainCalculated() {
	for _, id := range q.order {
		switch unlinked(id) {
		case always:
			q.item.ExplanationHTML += q.feedback[id]
		case whenFull:
			q.item.Parts[0].CorrectFeedbackHTML += q.feedback[id]
		case whenLess:
			q.item.Parts[0].IncorrectFeedbackHTML += q.feedback[id]
		default:
			continue
		}
		q.used[id] = true
	}
}

// variables puts the placeholders of variables into the body: "[x]".
func (q *question) variables(names, own []string) {
	body := q.shown.body.String()
	for i, name := range names {
		for range 50 {
			var ok bool
			if body, ok = replaceName(body, name, `<span data-variable="`+html.EscapeString(own[i])+`"></span>`); !ok {
				break
			}
		}
	}
	q.fixed = body
}
