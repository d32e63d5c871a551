package itemanalysis

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Tables are written as CSV (RFC 4180) in UTF-8 with commas, decimal points and one
// header row. A figure that is not computable is an empty cell. Text that a
// spreadsheet would take for a formula is written after an apostrophe.

// WriteItemsCSV writes a row for each item.
func WriteItemsCSV(w io.Writer, report *Report) error {
	t := newTableWriter(w)
	t.row("position", "item_id", "label", "max_score", "given", "responses", "omits", "mean", "facility",
		"standard_deviation", "discrimination", "item_total_correlation", "upper_lower_index",
		"discriminative_efficiency", "intended_weight", "effective_weight", "alpha_if_deleted", "flags", "remarks")
	for _, it := range report.Items {
		codes, sentences := make([]string, len(it.Flags)), make([]string, len(it.Flags))
		for i, f := range it.Flags {
			codes[i], sentences[i] = string(f.Code), f.Sentence
		}
		t.row(whole(it.Position), it.ItemID, it.Label, number(it.MaxScore), whole(it.Given), whole(it.Responses), whole(it.Omits),
			it.Mean, it.Facility, it.SD, it.Discrimination, it.ItemTotal, it.UpperLower,
			it.Efficiency, it.IntendedWeight, it.EffectiveWeight, it.AlphaIfDeleted,
			strings.Join(codes, " "), strings.Join(sentences, " "))
	}
	return t.close("items")
}

// WriteOptionsCSV writes the distractor tables: a row for each option of each item.
func WriteOptionsCSV(w io.Writer, report *Report) error {
	t := newTableWriter(w)
	t.row("item_id", "option_id", "label", "key", "n", "share", "mean_total", "point_biserial", "point_biserial_rest",
		"upper_share", "lower_share", "fifth_1", "fifth_2", "fifth_3", "fifth_4", "fifth_5")
	for _, it := range report.Items {
		for _, o := range it.Options {
			t.row(it.ItemID, o.OptionID, o.Label, strconv.FormatBool(o.Key), whole(o.N), o.Share, o.MeanTotal,
				o.PointBiserial, o.PointBiserialRest, o.UpperShare, o.LowerShare,
				o.ByFifth[0], o.ByFifth[1], o.ByFifth[2], o.ByFifth[3], o.ByFifth[4])
		}
	}
	return t.close("options")
}

// WriteTestCSV writes the figures of the test as a whole: a row for each, with the
// reason where one is not computable.
func WriteTestCSV(w io.Writer, report *Report) error {
	t := newTableWriter(w)
	t.row("figure", "value", "not_computable")
	test := report.Test
	for _, line := range []struct {
		name string
		f    Figure
	}{
		{"learners", figure(float64(report.Learners))},
		{"learners_left_out", figure(float64(report.LearnersLeftOut))},
		{"items", figure(float64(test.Items))},
		{"max_score", figure(test.MaxScore)},
		{"mean", test.Mean}, {"standard_deviation", test.SD}, {"median", test.Median},
		{"lowest", test.Lowest}, {"highest", test.Highest}, {"skewness", test.Skewness}, {"kurtosis", test.Kurtosis},
		{"alpha", test.Alpha}, {"alpha_lower", test.AlphaBetween.Lower}, {"alpha_upper", test.AlphaBetween.Upper},
		{"alpha_confidence", figure(test.AlphaBetween.Confidence)},
		{"standard_error_of_measurement", test.SEM}, {"error_ratio", test.ErrorRatio},
	} {
		t.row(line.name, line.f, line.f.Why)
	}
	return t.close("test")
}

// WriteIRTItemsCSV writes the parameters of the model, a row for each item; those
// left out of it with the reason.
func WriteIRTItemsCSV(w io.Writer, model *IRT) error {
	t := newTableWriter(w)
	t.row("item_id", "label", "responses", "share_right", "slope", "slope_standard_error", "difficulty",
		"difficulty_standard_error", "intercept", "intercept_standard_error", "remarks")
	for _, it := range model.Items {
		t.row(it.ItemID, it.Label, whole(it.Responses), it.ShareRight, it.Slope, it.SlopeSE, it.Difficulty,
			it.DifficultySE, it.Intercept, it.InterceptSE, strings.Join(it.Notes, " "))
	}
	for _, it := range model.LeftOut {
		none := Figure{}
		t.row(it.ItemID, "", "", none, none, none, none, none, none, none, "left out: "+it.Why)
	}
	return t.close("item parameters")
}

// WriteAbilitiesCSV writes the estimates of the learners.
func WriteAbilitiesCSV(w io.Writer, model *IRT) error {
	t := newTableWriter(w)
	t.row("learner", "right", "answered", "eap", "posterior_sd", "ml", "ml_standard_error")
	for _, a := range model.Abilities {
		t.row(a.Learner, whole(a.Right), whole(a.Answered), a.EAP, a.PosteriorSD, a.ML, a.MLError)
	}
	return t.close("abilities")
}

// WriteMarksCSV writes marks as ReadCSV reads them. An item that was not given is
// blank, as an omitted one is. Options are not written.
func WriteMarksCSV(w io.Writer, marks *Marks) error {
	t := newTableWriter(w)
	header := []any{"learner"}
	for _, it := range marks.items {
		header = append(header, it.ID+"/"+number(it.Max).text())
	}
	t.row(header...)
	for i, learner := range marks.learners {
		row := []any{learner}
		for j := range marks.items {
			score := marks.scores[j].at(i)
			if score == omittedMark || score == notGivenMark {
				row = append(row, "")
				continue
			}
			row = append(row, number(score))
		}
		t.row(row...)
	}
	return t.close("marks")
}

// number and whole are cells that need no guard.
type (
	number float64
	whole  int
)

func (n number) text() string { return strconv.FormatFloat(float64(n), 'f', -1, 64) }

// tableWriter writes rows of text and figures. Its first error is kept for close.
type tableWriter struct{ out *csv.Writer }

func newTableWriter(w io.Writer) *tableWriter {
	t := &tableWriter{out: csv.NewWriter(w)}
	t.out.UseCRLF = true
	return t
}

func (t *tableWriter) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		switch v := cell.(type) {
		case Figure:
			if value, ok := v.Get(); ok {
				texts[i] = strconv.FormatFloat(value, 'g', -1, 64)
			}
		case number:
			texts[i] = v.text()
		case whole:
			texts[i] = strconv.Itoa(int(v))
		case string:
			texts[i] = guarded(v)
		}
	}
	_ = t.out.Write(texts) // Error gives it below
}

func (t *tableWriter) close(what string) error {
	t.out.Flush()
	if err := t.out.Error(); err != nil {
		return fmt.Errorf("write %s as CSV: %w", what, err)
	}
	return nil
}

// guarded is text that no spreadsheet takes for a formula (OWASP, "CSV Injection"),
// full-width signs included.
func guarded(text string) string {
	trimmed := strings.TrimLeft(text, " \u00a0\u3000")
	if first, _ := utf8.DecodeRuneInString(trimmed); trimmed != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}
