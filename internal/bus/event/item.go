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

	// MinScore is the least that the item can score, a decimal that is not
	// positive: "-0.5" lets penalties reach below zero. Empty is "0".
	MinScore string `json:"min_score,omitempty"`
	// Bands are feedback on the whole item by its share of the maximum; the first
	// that holds is shown.
	Bands []BandV1 `json:"bands,omitempty"`
	// Variables are drawn for each learner from the attempt's seed, in this order;
	// a later one may use those before it. Markup shows one where an empty
	// <span data-variable="NAME"></span> is, numbers of the key use its name.
	Variables []VariableV1 `json:"variables,omitempty"`
	// DataSets are rows of values for variables of the kind data_set: one row is
	// drawn for the whole item, so that values that belong together stay together.
	DataSets [][]string `json:"data_sets,omitempty"`
	// Program scores the item instead of the keys of its parts, which are then
	// empty but for what the learner is shown.
	Program *ProgramV1 `json:"program,omitempty"`
}

// BandV1 is feedback for a range of scores.
type BandV1 struct {
	// From is the least share of the item's maximum, a decimal from "0" to "1".
	From         string `json:"from"`
	FeedbackHTML string `json:"feedback_html"`
}

// VariableKind is the way a variable gets its value.
type VariableKind string

// The variable kinds.
const (
	RangeVariable   VariableKind = "range"      // Low, Low+Step, ... up to High, all as likely
	ListVariable    VariableKind = "list"       // one of Values
	FormulaVariable VariableKind = "expression" // Expression over the variables before it
	DataSetVariable VariableKind = "data_set"   // the value of its column in the row drawn from DataSets
)

// VariableV1 is a number that differs from learner to learner.
type VariableV1 struct {
	Name       string       `json:"name"` // a letter, then letters, digits and underscores
	Kind       VariableKind `json:"kind"`
	Low        string       `json:"low,omitempty"` // numerals
	High       string       `json:"high,omitempty"`
	Step       string       `json:"step,omitempty"`
	Values     []string     `json:"values,omitempty"`
	Expression string       `json:"expression,omitempty"`
	Column     int          `json:"column,omitempty"` // of a data_set variable, from 0
	// Decimals or Significant round the value, half away from zero. nil: exact.
	Decimals    *int `json:"decimals,omitempty"`
	Significant *int `json:"significant,omitempty"`
}

// ProgramV1 is scoring that is written out, as QTI's response processing is.
type ProgramV1 struct {
	// Language is "qti-3.0".
	Language string `json:"language"`
	// Source is a qti-assessment-item element without its body: declarations of
	// responses, outcomes and template variables, template processing, response
	// processing. The identifiers of its responses are the ids of the parts.
	Source string `json:"source"`
	// Max is the value of the outcome SCORE that is the item's full weight, a
	// decimal above "0".
	Max string `json:"max"`
	// Feedbacks are shown by the values that outcomes have after scoring.
	Feedbacks []OutcomeFeedbackV1 `json:"feedbacks,omitempty"`
}

// OutcomeFeedbackV1 is feedback that an outcome variable shows or hides.
type OutcomeFeedbackV1 struct {
	Outcome    string `json:"outcome"`    // identifier of the outcome variable
	Identifier string `json:"identifier"` // the value that matters
	// Hide shows the feedback unless the outcome has the value.
	Hide         bool   `json:"hide,omitempty"`
	Title        string `json:"title,omitempty"`
	FeedbackHTML string `json:"feedback_html"`
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

	TrueFalse     PartKind = "true_false"  // response: one choice id, "true" or "false"
	HotText       PartKind = "hot_text"    // response: a set of ids of choices, which are words of the body
	Hotspot       PartKind = "hotspot"     // response: a set of ids of choices, which have areas of the image
	Ordering      PartKind = "ordering"    // response: all choice ids in order (or some, see MaxChoices)
	Matching      PartKind = "matching"    // response: pairs (choice id, target id)
	GapMatch      PartKind = "gap_match"   // response: pairs (choice id, target id); targets are gaps of the body
	ImageGapMatch PartKind = "image_gap"   // response: pairs (choice id, target id); targets are areas of the image
	Association   PartKind = "association" // response: pairs of choice ids, in which the order does not matter
	Point         PartKind = "point"       // response: points of the image
	Slider        PartKind = "slider"      // response: a number, as text
	Formula       PartKind = "formula"     // response: an expression in variables, as text
	Essay         PartKind = "essay"       // response: a text, marked by people
	FileUpload    PartKind = "file_upload" // response: files, marked by people
	Unsupported   PartKind = "unsupported" // no response; shown with its prompt, earns nothing
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

	// Weight is the part's share of the item in proportion to the other parts'
	// weights, a decimal. Empty is "1"; "0" leaves the part out of the score.
	Weight string `json:"weight,omitempty"`
	// MinChoices and MaxChoices bound how many choices, pairs, points or files a
	// response has. 0: no bound, but one point, file and (by their kinds) choice.
	// A response with fewer than MinChoices is taken and scored as it is; one with
	// more than MaxChoices is refused.
	MinChoices int `json:"min_choices,omitempty"`
	MaxChoices int `json:"max_choices,omitempty"`
	// LowBound and HighBound hold the part's credit within these shares, decimals.
	// Empty is "0" and "1". A negative LowBound lets penalties reach into what
	// other parts earned.
	LowBound  string `json:"low_bound,omitempty"`
	HighBound string `json:"high_bound,omitempty"`
	// Targets are what choices are put to, in matching, gap_match and image_gap.
	Targets []TargetV1 `json:"targets,omitempty"`
	// ShuffleTargets shows the targets of a matching part in another order.
	ShuffleTargets bool `json:"shuffle_targets,omitempty"`
	// Pairs are the key of matching, gap_match, image_gap and association parts.
	// A pair that is not listed earns nothing.
	Pairs []PairKeyV1 `json:"pairs,omitempty"`
	// Orders are the right orders of an ordering part, choice ids; any of them is
	// right, and partial credit is that of the best.
	Orders [][]string `json:"orders,omitempty"`
	// Image is what hotspot, point and image_gap parts are about, and ordering and
	// association parts whose choices are areas of it.
	Image *ImageV1 `json:"image,omitempty"`
	// Areas are the key of a point part; a point in several counts for the first.
	Areas []AreaKeyV1 `json:"areas,omitempty"`
	// Slider is the scale of a slider part. Its key is Numbers.
	Slider *SliderV1 `json:"slider,omitempty"`
	// Units are the units that a numerical part's response may have. Empty: none.
	Units []UnitV1 `json:"units,omitempty"`
	// UnitRequired earns nothing without a unit that is known, but for UnitPenalty.
	UnitRequired bool `json:"unit_required,omitempty"`
	// UnitPenalty is the share of the part that a missing or unknown unit costs
	// when the number is right without one. Empty with UnitRequired: all of it.
	UnitPenalty string `json:"unit_penalty,omitempty"`
	// Formulas are the accepted expressions of a formula part.
	Formulas []FormulaKeyV1 `json:"formulas,omitempty"`
	// Domain are the variables of a formula part with the ranges that they are
	// sampled from.
	Domain []DomainV1 `json:"domain,omitempty"`
	// Samples is how many points two expressions are compared at. 0: 10.
	Samples int `json:"samples,omitempty"`
	// Essay is what an essay part asks for.
	Essay *EssayV1 `json:"essay,omitempty"`
	// Upload is what a file_upload part takes.
	Upload *UploadV1 `json:"upload,omitempty"`
	// Rubric is what people mark an essay or a file by.
	Rubric []CriterionV1 `json:"rubric,omitempty"`
	// IncorrectFeedbackHTML is shown when an answered part earned less than full
	// credit and no more specific feedback matched.
	IncorrectFeedbackHTML string `json:"incorrect_feedback_html,omitempty"`
	// Presentation is a wish of the author that the client may follow:
	// "horizontal", "vertical", "" for none.
	Presentation string `json:"presentation,omitempty"`
}

// TargetV1 is what choices are put to: a statement to match, a gap, an area.
type TargetV1 struct {
	TargetID string `json:"target_id"` // unique in the part, and not a choice's id
	// HTML is the statement of a matching part. The gap of a gap_match part stands
	// in the body or the prompt where an empty <span data-gap="PART_ID/TARGET_ID">
	// </span> is.
	HTML  string  `json:"html,omitempty"`
	Area  *AreaV1 `json:"area,omitempty"` // of an image_gap part
	Label string  `json:"label,omitempty"`
	// MaxUse is how many choices may be put here. 0: one in gaps and areas, any
	// number in matching.
	MaxUse int  `json:"max_use,omitempty"`
	Fixed  bool `json:"fixed,omitempty"`
}

// PairKeyV1 is a pair of the key.
type PairKeyV1 struct {
	ChoiceID string `json:"choice_id"`
	TargetID string `json:"target_id"` // in association parts, another choice id
	// Credit is under the sum rule the share of the part, which may be negative;
	// under the other rules "1" says that the pair belongs to the right set.
	Credit       string `json:"credit"`
	FeedbackHTML string `json:"feedback_html,omitempty"`
}

// ImageV1 is an image with its size in pixels, to which areas and points refer.
type ImageV1 struct {
	Src    string `json:"src"` // asset: URL
	Alt    string `json:"alt"` // required unless the item is a draft
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// Shape is the shape of an area.
type Shape string

// The shapes, with QTI's coordinates (and HTML's, but for the ellipse).
const (
	Circle     Shape = "circle"  // centre x, y, radius
	Rectangle  Shape = "rect"    // left, top, right, bottom
	Polygon    Shape = "poly"    // x1, y1, x2, y2, ...
	Ellipse    Shape = "ellipse" // centre x, y, horizontal and vertical radius
	WholeImage Shape = "default" // none
)

// AreaV1 is a part of an image. Its edge belongs to it.
type AreaV1 struct {
	Shape  Shape `json:"shape"`
	Coords []int `json:"coords,omitempty"` // pixels from the left and top edge
}

// AreaKeyV1 is an area that points earn credit in.
type AreaKeyV1 struct {
	Area AreaV1 `json:"area"`
	// Credit is the share of the part that the first point in the area earns.
	Credit       string `json:"credit"`
	FeedbackHTML string `json:"feedback_html,omitempty"`
}

// SliderV1 is a scale. Its bounds and step are numerals.
type SliderV1 struct {
	Low      string `json:"low"`
	High     string `json:"high"`
	Step     string `json:"step,omitempty"` // empty: any value
	Reverse  bool   `json:"reverse,omitempty"`
	Vertical bool   `json:"vertical,omitempty"`
}

// UnitV1 is a unit that a response may be given in.
type UnitV1 struct {
	Name string `json:"name"` // "cm", compared exactly
	// Factor is what a number in this unit is multiplied by before it is compared
	// with the key: "0.01" for cm where the key is in m.
	Factor string `json:"factor"`
}

// FormulaKeyV1 is an expression that earns credit.
type FormulaKeyV1 struct {
	Expression string `json:"expression"`
	// Tolerance is how far the values may lie apart at each sample, absolute or
	// relative ("1%"). Empty: "0.01%".
	Tolerance    string `json:"tolerance,omitempty"`
	Credit       string `json:"credit"`
	FeedbackHTML string `json:"feedback_html,omitempty"`
}

// DomainV1 is the range of a variable of a formula part, numerals.
type DomainV1 struct {
	Name string `json:"name"`
	Low  string `json:"low"`
	High string `json:"high"`
}

// EssayV1 is what an essay part asks for.
type EssayV1 struct {
	// Format is "plain", "html" or "monospaced".
	Format   string `json:"format,omitempty"`
	MinWords int    `json:"min_words,omitempty"` // told to the learner, not enforced
	MaxWords int    `json:"max_words,omitempty"` // 0: none
	Lines    int    `json:"lines,omitempty"`     // of the input, a hint
	// TemplateHTML is what the input holds at first.
	TemplateHTML string `json:"template_html,omitempty"`
	// GuidanceHTML is for those who mark, never for learners.
	GuidanceHTML string `json:"guidance_html,omitempty"`
	Attachments  int    `json:"attachments,omitempty"` // how many files may be attached
}

// UploadV1 is what a file_upload part takes.
type UploadV1 struct {
	MaxBytes int64 `json:"max_bytes,omitempty"` // of a file; 0: 100 MiB
	// MediaTypes are media types ("application/pdf", "image/*") or file name
	// endings (".docx"). Empty: any.
	MediaTypes []string `json:"media_types,omitempty"`
}

// CriterionV1 is a row of a rubric.
type CriterionV1 struct {
	CriterionID string    `json:"criterion_id"`
	HTML        string    `json:"html"`
	Levels      []LevelV1 `json:"levels"`
}

// LevelV1 is what a criterion can be marked with.
type LevelV1 struct {
	LevelID string `json:"level_id"`
	HTML    string `json:"html"`
	Points  string `json:"points"` // a decimal; the best levels of all criteria are full credit
}

// PartialCredit is the rule by which a part with several right choices, pairs or
// places is scored.
type PartialCredit string

// The rules. Those of choices have edX's definitions.
const (
	AllOrNothing PartialCredit = ""       // full credit for exactly the right set
	EveryChoice  PartialCredit = "every"  // EDC: the share of choices rightly ticked or left
	Halves       PartialCredit = "halves" // 0 wrong: 1; 1 wrong and at least 3 choices: 1/2; 2 wrong and at least 5 choices: 1/4; else 0

	// EveryPair is the share of the right pairs that were given, less the share
	// that wrong pairs take of the part's targets when more pairs were given than
	// are right. Of matching, gap_match, image_gap and association.
	EveryPair PartialCredit = "every_pair"
	// SumOfCredits adds the credits of what was chosen, within LowBound and
	// HighBound; credits may be negative. Of all kinds with choices or pairs.
	SumOfCredits PartialCredit = "sum"
	// EveryPlace is the share of an ordering's choices that stand in their place.
	EveryPlace PartialCredit = "every_place"
	// Neighbours is the share of an ordering's choices that are followed by the
	// right one (the last by nothing).
	Neighbours PartialCredit = "neighbours"
	// LongestRun is the longest subsequence of an ordering that is in the right
	// order, less one, as a share of all choices less one.
	LongestRun PartialCredit = "longest_run"
)

// ChoiceV1 is one option of a choice part.
type ChoiceV1 struct {
	ChoiceID string `json:"choice_id"` // unique in the part, stable
	HTML     string `json:"html"`
	// Credit is the share of the part that this choice earns in single_choice,
	// true_false and dropdown parts ("1" right, "0" wrong, "0.5" partly, "-0.25" a
	// penalty) and under the sum rule; else, in multiple_choice, hot_text and
	// hotspot, "1" means that it belongs to the right set. Empty, which is "0", in
	// parts without a key by choice.
	Credit string `json:"credit"`
	// Fixed keeps the choice in its place when the part shuffles.
	Fixed                  bool   `json:"fixed,omitempty"`
	FeedbackHTML           string `json:"feedback_html,omitempty"`            // when chosen
	UnselectedFeedbackHTML string `json:"unselected_feedback_html,omitempty"` // when not chosen; multiple_choice only

	// Area is where the choice is, in a hotspot part and in ordering and association
	// parts with an image.
	Area *AreaV1 `json:"area,omitempty"`
	// Image is what a choice of an image_gap part looks like, if it is no text.
	Image *ImageV1 `json:"image,omitempty"`
	// MaxUse is how often the choice may be used in pairs. 0: any number of times
	// in matching, once elsewhere.
	MaxUse int `json:"max_use,omitempty"`
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

	// Figures demands this many significant figures of the response, Decimals that
	// many decimal places: a response that is written with fewer or more does not
	// match. 0 and nil demand nothing.
	Figures  int  `json:"figures,omitempty"`
	Decimals *int `json:"decimals,omitempty"`
	// Geometric makes Tolerance a factor: Value/(1+t) to Value*(1+t).
	Geometric bool `json:"geometric,omitempty"`
}

// TextMatch is the way a text rule compares.
type TextMatch string

// The ways. All trim white space at both ends of the response first.
const (
	MatchExact  TextMatch = "exact"
	MatchFold   TextMatch = "fold"   // ignoring case
	MatchRegexp TextMatch = "regexp" // the whole response, RE2 syntax; flags are in the pattern

	// MatchNormalised ignores case, accents, punctuation and how much white space
	// there is between words.
	MatchNormalised TextMatch = "normalised"
	// MatchWildcard has * for any text, \* for a star.
	MatchWildcard     TextMatch = "wildcard"
	MatchWildcardFold TextMatch = "wildcard_fold" // ignoring case
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
