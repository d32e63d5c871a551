package moodlexml

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// shortAnswer maps a typed answer, in which * is any text.
func (q *question) shortAnswer() error {
	part := event.PartV1{Kind: event.Text}
	matchCase := q.truth("usecase", false)
	for _, a := range q.all("answer") {
		pattern := strings.TrimSpace(a.words())
		if pattern == "" {
			q.notes.AddAt(a.line, itemfile.Info, "an answer without a text", "Moodle overlooks such answers, and so it is left out")
			continue
		}
		part.Texts = append(part.Texts, event.TextKeyV1{
			Match: textMatch(pattern, matchCase), Pattern: pattern, Credit: q.typedCredit(q.fraction(a)), FeedbackHTML: q.feedback(a),
		})
	}
	if len(part.Texts) == 0 {
		return refuse("it has no answers to compare with")
	}
	q.earnable(len(part.Texts), func(i int) string { return part.Texts[i].Credit })
	q.part(part)
	return nil
}

func textMatch(pattern string, matchCase bool) event.TextMatch {
	switch wild := strings.Contains(pattern, "*"); {
	case wild && matchCase:
		return event.MatchWildcard
	case wild:
		return event.MatchWildcardFold
	case matchCase:
		return event.MatchExact
	}
	return event.MatchFold
}

// typedCredit is the credit of an answer that is typed, which is never negative.
func (q *question) typedCredit(s moodletext.Share) string {
	if s < 0 {
		q.notes.Add(itemfile.Simplified, "a negative fraction of a typed answer", "the answer earns nothing")
		s = 0
	}
	return s.String()
}

// earnable says so if no key earns anything.
func (q *question) earnable(n int, credit func(int) string) {
	for i := range n {
		if credit(i) != "0" {
			return
		}
	}
	q.notes.Add(itemfile.Info, "its key", "no answer is right, so nobody can earn anything")
}

// numerical maps a number with a margin, and its units.
func (q *question) numerical() error {
	part := event.PartV1{Kind: event.Numerical}
	for _, a := range q.all("answer") {
		text := strings.TrimSpace(a.words())
		if text == "" {
			continue
		}
		key, err := q.numberKey(text, a.value("tolerance"))
		if err != nil {
			return err
		}
		key.Credit, key.FeedbackHTML = q.typedCredit(q.fraction(a)), q.feedback(a)
		part.Numbers = append(part.Numbers, key)
	}
	if len(part.Numbers) == 0 {
		return refuse("it has no number to compare with")
	}
	q.earnable(len(part.Numbers), func(i int) string { return part.Numbers[i].Credit })
	q.units(&part)
	q.part(part)
	return nil
}

// anything is farther from zero than any answer.
const anything = "1e300"

// numberKey is a number with its absolute margin, or * for any number.
func (q *question) numberKey(text, tolerance string) (event.NumberKeyV1, error) {
	if text == "*" {
		return event.NumberKeyV1{Low: "-" + anything, High: anything}, nil
	}
	value, ok := numeral(text)
	if !ok {
		return event.NumberKeyV1{}, refuse("its answer %q is not a number", clip(text))
	}
	margin := "0"
	if tolerance != "" {
		if margin, ok = numeral(tolerance); !ok {
			q.notes.Add(itemfile.Simplified, fmt.Sprintf("tolerance %q", clip(tolerance)), "it is not a number; there is none")
			margin = "0"
		}
	}
	return event.NumberKeyV1{Value: value, Tolerance: strings.TrimPrefix(margin, "-")}, nil
}

// numeral is a number with a decimal point and without a plus sign.
func numeral(text string) (string, bool) {
	text = strings.NewReplacer(" ", "", "\u00a0", "", "\u2212", "-").Replace(text)
	if _, ok := moodletext.Decimal(text); !ok {
		return "", false
	}
	text = strings.TrimPrefix(strings.Replace(text, ",", ".", 1), "+")
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimSuffix(strings.TrimRight(mantissa, "0"), ".")
	}
	if mantissa == "" || mantissa == "-" {
		mantissa += "0"
	}
	if scientific {
		return mantissa + "e" + exponent, true
	}
	return mantissa, true
}

// units maps the units that a response may have.
func (q *question) units(part *event.PartV1) {
	grading, show := q.value("unitgradingtype"), q.value("showunits")
	penalty := q.value("unitpenalty")
	if left := q.value("unitsleft"); left == "1" {
		q.once(itemfile.Info, "units to the left of the number (unitsleft)", "the unit follows the number")
	}
	if instructions := q.child("instructions"); instructions != nil {
		if text := q.optional(instructions); text != "" {
			part.PromptHTML = text
		}
	}
	var units []event.UnitV1
	known := map[string]bool{}
	for _, list := range q.all("units") {
		for _, u := range list.all("unit") {
			name := strings.TrimSpace(u.value("unit_name"))
			multiplier, ok := moodletext.Decimal(orElse(u.value("multiplier"), "1"))
			switch {
			case name == "" || known[name]:
			case !ok || multiplier.Sign() <= 0:
				q.notes.AddAt(u.line, itemfile.Simplified, fmt.Sprintf("unit %q", clip(name)), "its factor is not a number above zero; it is left out")
			default:
				known[name] = true
				units = append(units, event.UnitV1{Name: name, Factor: factor(multiplier.Inv(multiplier))})
			}
		}
	}
	if len(units) == 0 {
		return
	}
	if show == "3" {
		q.notes.Add(itemfile.Info, "units", "the question asks for a number without a unit; its list of units is left out")
		return
	}
	part.Units = units
	if show == "1" || show == "2" {
		q.once(itemfile.Simplified, "choice of the unit from a list", "the unit is typed after the number")
	}
	if grading != "1" && grading != "2" {
		if show == "1" || show == "2" {
			part.UnitRequired = true
		}
		return
	}
	part.UnitRequired = true
	share, ok := moodletext.ParseShare(orElse(penalty, "0.1"))
	if !ok || share < 0 || share > moodletext.Whole {
		share = moodletext.Whole / 10
		q.notes.Add(itemfile.Simplified, fmt.Sprintf("unit penalty %q", clip(penalty)), "it is no share of the mark; 0.1 is taken")
	}
	part.UnitPenalty = share.String()
	if grading == "1" {
		q.notes.Add(itemfile.Info, "unit penalty", "it is a share of the mark that the number earned; here it is one of the whole mark, which is the same for a right number")
	}
}

// factor writes a factor to 15 significant figures.
func factor(r *big.Rat) string {
	if text := moodletext.DecimalText(r, 30); len(text) < 18 {
		return text
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', 15, 64)
}

// description keeps a text that asks nothing.
func (q *question) description() error {
	q.item.Weight = "0"
	q.part(event.PartV1{Kind: event.Unsupported, Weight: "0"})
	q.notes.Add(itemfile.Info, "a description", "it asks nothing; it is kept as an item of weight 0")
	return nil
}

// essay maps a text or files that people mark.
func (q *question) essay() error {
	part := event.PartV1{Kind: event.Essay}
	essay := event.EssayV1{Format: "html"}
	attachments := q.number("attachments")
	most := attachments
	if attachments < 0 {
		most = 20
		q.notes.Add(itemfile.Simplified, "any number of attachments", "at most 20 are taken")
	}
	required := q.number("attachmentsrequired")
	types := fileTypes(q.value("filetypeslist"))
	size := q.number("maxbytes")
	essay.Lines = min(max(q.number("responsefieldlines"), 0), 200)
	essay.MinWords, essay.MaxWords = max(q.number("minwordlimit"), 0), max(q.number("maxwordlimit"), 0)
	essay.GuidanceHTML, essay.TemplateHTML = q.optional(q.child("graderinfo")), q.optional(q.child("responsetemplate"))
	q.has("responserequired") // an answer that may be left out is left out
	switch format := q.value("responseformat"); format {
	case "noinline":
		part.Kind = event.FileUpload
		part.MinChoices, part.MaxChoices = min(max(required, 0), max(most, 1)), max(most, 1)
		part.Upload = &event.UploadV1{MediaTypes: types, MaxBytes: int64(max(size, 0))}
		if essay.TemplateHTML != "" {
			q.notes.Add(itemfile.Skipped, "response template", "a part that takes files has no text to begin with")
		}
		part.Essay = nil
		if essay.GuidanceHTML != "" {
			part.Rubric = guidance(essay.GuidanceHTML)
			q.notes.Add(itemfile.Simplified, "information for graders", "it is kept as the criterion of a rubric")
		}
		q.part(part)
		return nil
	case "plain":
		essay.Format = "plain"
	case "monospaced":
		essay.Format = "monospaced"
	case "editorfilepicker":
		q.once(itemfile.Simplified, "files within a text (editorfilepicker)", "they are attached to it")
		most = max(most, 5)
	case "", "editor":
	default:
		q.notes.Add(itemfile.Simplified, fmt.Sprintf("response format %q", clip(format)), "it is not known; a text with formatting is asked for")
	}
	essay.Attachments = most
	if required > 0 {
		q.notes.Add(itemfile.Simplified, "attachments that are required", "how many there are is not checked")
	}
	if len(types) > 0 {
		q.notes.Add(itemfile.Simplified, "file types "+strings.Join(types, ", "), "attachments of an essay may be of any type")
	}
	if size > 0 {
		q.once(itemfile.Simplified, "size of attachments (maxbytes)", "the platform's own limit holds")
	}
	part.Essay = &essay
	q.part(part)
	return nil
}

func guidance(text string) []event.CriterionV1 {
	return []event.CriterionV1{{CriterionID: "1", HTML: text, Levels: []event.LevelV1{
		{LevelID: "0", HTML: "Not met", Points: "0"}, {LevelID: "1", HTML: "Partly met", Points: "0.5"}, {LevelID: "2", HTML: "Met", Points: "1"},
	}}}
}

// number is a whole number of bounded size, 0 if there is none.
func (q *question) number(name string) int {
	n, err := strconv.Atoi(q.value(name))
	if err != nil || n > 1<<31-1 || n < -1<<31 {
		return 0
	}
	return n
}

// fileTypes are the types of a list such as ".pdf, image".
func fileTypes(list string) []string {
	var out []string
	for _, t := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\n' }) {
		switch {
		case strings.HasPrefix(t, ".") && len(t) < 20, strings.Contains(t, "/") && len(t) < 100:
			out = append(out, strings.ToLower(t))
		case t == "image" || t == "web_image" || t == "optimised_image":
			out = append(out, "image/*")
		case t == "audio" || t == "html_audio" || t == "web_audio":
			out = append(out, "audio/*")
		case t == "video" || t == "html_video" || t == "web_video":
			out = append(out, "video/*")
		case t == "document":
			out = append(out, ".doc", ".docx", ".epub", ".gdoc", ".odt", ".pdf", ".rtf", ".txt")
		case t == "spreadsheet":
			out = append(out, ".csv", ".gsheet", ".ods", ".xls", ".xlsx")
		case t == "presentation":
			out = append(out, ".gslides", ".odp", ".pps", ".ppt", ".pptx")
		case t == "archive":
			out = append(out, ".7z", ".gz", ".rar", ".tar", ".zip")
		}
	}
	return out
}
