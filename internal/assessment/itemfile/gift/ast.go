package gift

import (
	"fmt"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
)

// Type is the type of a question, which GIFT infers from its answers.
type Type string

// The types. A category is none: it says where the questions after it belong.
const (
	Category    Type = "Category"
	Description Type = "Description"
	MC          Type = "MC"
	Short       Type = "Short"
	Numerical   Type = "Numerical"
	Essay       Type = "Essay"
	Matching    Type = "Matching"
	TF          Type = "TF"
)

// Text is a text with its format. Escapes are resolved; line ends and repeated
// white space of the automatic format count as one space.
type Text struct {
	Format moodletext.Format
	Text   string
}

// Question is a question, a description or a category as it is written.
type Question struct {
	Line  int // where it begins, from 1
	Type  Type
	Title string // "" for none; the path of a category
	ID    string // from a comment [id:...]
	Tags  []string
	// Stem is the text before the answers, After what follows them: nil unless
	// the answers stand for a missing word.
	Stem  Text
	After *Text
	// Feedback is for everybody, after ####.
	Feedback *Text

	Choices []Choice // of MC and Short
	Numbers []Number // of Numerical
	// Single is true for one number that is written without = or ~.
	Single bool
	Pairs  []Pair // of Matching
	// True is the key of TF, Feedbacks what is said to those who miss it and to
	// those who know it.
	True      bool
	Feedbacks [2]*Text

	Notes []string // what was odd and could be understood all the same
}

// Choice is an answer to choose or to type.
type Choice struct {
	Right    bool   // = rather than ~
	Weight   string // the number of %50%; "" for none
	Text     Text
	Feedback *Text
}

// Number is an answer to a numerical question: a value with or without a margin,
// a range, or anything at all.
type Number struct {
	Right     bool
	Weight    string
	Value     string // "" for a range or anything
	Margin    string // "" for none
	Low, High string // of a range
	Any       bool   // *
	Feedback  *Text
}

// Pair is a question and an answer that belong together.
type Pair struct {
	Question Text
	Answer   string
}

// Broken is a question that cannot be understood.
type Broken struct {
	Line   int
	Title  string
	Reason string
}

func (b *Broken) Error() string { return fmt.Sprintf("line %d: %s", b.Line, b.Reason) }
