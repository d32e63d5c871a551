package event

import "github.com/google/uuid"

// ItemV1 is a question with its key, as content hands it to assessment. All
// markup in it is sanitised HTML. Media in it are named by "asset:<sha256>/<file
// name>" URLs, which the serving module turns into signed ones.
type ItemV1 struct {
	ItemID uuid.UUID `json:"item_id"` // stable across imports of the same course
	// Source names where the item came from, for reports: "problem/<url_name>".
	Source string `json:"source"`
	Title  string `json:"title"`
	// BodyHTML is the stem. Each part stands where an empty
	// <div data-part="PART_ID"></div> is.
	BodyHTML string `json:"body_html"`
	// Weight is the item's maximum score, a decimal such as "1" or "2.5". It is
	// shared equally among the parts.
	Weight          string   `json:"weight"`
	Parts           []PartV1 `json:"parts"`
	HintsHTML       []string `json:"hints_html,omitempty"` // on demand, one after another
	ExplanationHTML string   `json:"explanation_html,omitempty"`
}

// PartKind is the kind of response that a part takes.
type PartKind string

// The part kinds.
const (
	SingleChoice   PartKind = "single_choice"   // response: one choice id
	MultipleChoice PartKind = "multiple_choice" // response: a set of choice ids
	Dropdown       PartKind = "dropdown"        // response: one choice id
	Numerical      PartKind = "numerical"       // response: a number or arithmetic expression, as text
	Text           PartKind = "text"            // response: a text
)

// PartV1 is one response of an item with its key.
type PartV1 struct {
	PartID     string   `json:"part_id"` // unique in the item, stable: "1", "2", ...
	Kind       PartKind `json:"kind"`
	PromptHTML string   `json:"prompt_html,omitempty"`
	// Label is the plain-text accessible name of the input.
	Label   string     `json:"label,omitempty"`
	Choices []ChoiceV1 `json:"choices,omitempty"`
	Shuffle bool       `json:"shuffle,omitempty"`
	// Credit says how a multiple_choice part gives partial credit.
	Credit PartialCredit `json:"credit,omitempty"`
	// Numbers are the accepted answers of a numerical part; the first match counts.
	Numbers []NumberKeyV1 `json:"numbers,omitempty"`
	// Texts are the rules of a text part; the first match counts.
	Texts []TextKeyV1 `json:"texts,omitempty"`
	// CorrectFeedbackHTML is shown when the part earned full credit and no more
	// specific feedback matched.
	CorrectFeedbackHTML string `json:"correct_feedback_html,omitempty"`
	// Compounds are feedback for particular combinations of choices.
	Compounds []CompoundFeedbackV1 `json:"compounds,omitempty"`
}

// PartialCredit is the rule by which a multiple_choice part is scored.
type PartialCredit string

// The rules, with edX's definitions.
const (
	AllOrNothing PartialCredit = ""       // full credit for exactly the right set
	EveryChoice  PartialCredit = "every"  // EDC: the share of choices rightly ticked or left
	Halves       PartialCredit = "halves" // 0 wrong: 1; 1 wrong and at least 3 choices: 1/2; 2 wrong and at least 5 choices: 1/4; else 0
)

// ChoiceV1 is one option of a choice part.
type ChoiceV1 struct {
	ChoiceID string `json:"choice_id"` // unique in the part, stable
	HTML     string `json:"html"`
	// Credit is the share of the part that this choice earns in single_choice
	// and dropdown parts ("1" right, "0" wrong, "0.5" partly); in
	// multiple_choice "1" means that it belongs to the right set.
	Credit string `json:"credit"`
	// Fixed keeps the choice in its place when the part shuffles.
	Fixed                  bool   `json:"fixed,omitempty"`
	FeedbackHTML           string `json:"feedback_html,omitempty"`            // when chosen
	UnselectedFeedbackHTML string `json:"unselected_feedback_html,omitempty"` // when not chosen; multiple_choice only
}

// NumberKeyV1 accepts numbers within a tolerance of a value or within a range.
type NumberKeyV1 struct {
	// Value is the expected number, a decimal or scientific numeral or an
	// arithmetic expression of them; empty when the key is a range.
	Value string `json:"value,omitempty"`
	// Tolerance is absolute ("0.01") or relative to Value ("2%"); empty means
	// edX's default of a relative 1e-3 percent ("0.001%").
	Tolerance string `json:"tolerance,omitempty"`
	Low       string `json:"low,omitempty"`
	High      string `json:"high,omitempty"`
	LowOpen   bool   `json:"low_open,omitempty"` // the bound itself is excluded
	HighOpen  bool   `json:"high_open,omitempty"`
	Credit    string `json:"credit"` // share of the part, "1" for full
	// FeedbackHTML is shown when this key matched.
	FeedbackHTML string `json:"feedback_html,omitempty"`
}

// TextMatch is the way a text rule compares.
type TextMatch string

// The ways. All trim white space at both ends of the response first.
const (
	MatchExact  TextMatch = "exact"
	MatchFold   TextMatch = "fold"   // ignoring case
	MatchRegexp TextMatch = "regexp" // the whole response, RE2 syntax; flags are in the pattern
)

// TextKeyV1 is one rule of a text part.
type TextKeyV1 struct {
	Match        TextMatch `json:"match"`
	Pattern      string    `json:"pattern"`
	Credit       string    `json:"credit"` // "1" right, "0" a known wrong answer with feedback
	FeedbackHTML string    `json:"feedback_html,omitempty"`
}

// CompoundFeedbackV1 is feedback for exactly this set of chosen choices.
type CompoundFeedbackV1 struct {
	ChoiceIDs    []string `json:"choice_ids"`
	FeedbackHTML string   `json:"feedback_html"`
}
