package scoring

import (
	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// View is what a learner's client may see of an item while it is being
// answered: nothing of the key, the credits, the feedback or the explanation.
// Hints are counted, and fetched one by one with Item.Hint. A view belongs to its
// caller, who may change it.
type View struct {
	ItemID   uuid.UUID  `json:"item_id"`
	Title    string     `json:"title"`
	BodyHTML string     `json:"body_html"`
	Parts    []PartView `json:"parts"`
	Hints    int        `json:"hints"`
	MaxScore Score      `json:"max_score"`
}

// PartView is a part of a View.
type PartView struct {
	PartID       string         `json:"part_id"`
	Kind         event.PartKind `json:"kind"`
	PromptHTML   string         `json:"prompt_html,omitempty"`
	Label        string         `json:"label,omitempty"`
	Presentation string         `json:"presentation,omitempty"`
	Choices      []ChoiceView   `json:"choices,omitempty"`
	Targets      []TargetView   `json:"targets,omitempty"`
	// MinChoices and MaxChoices are how many choices, pairs, points or files the
	// author wants and takes; 0 is any number.
	MinChoices int             `json:"min_choices,omitempty"`
	MaxChoices int             `json:"max_choices,omitempty"`
	Image      *event.ImageV1  `json:"image,omitempty"`
	Slider     *event.SliderV1 `json:"slider,omitempty"`
	Variables  []string        `json:"variables,omitempty"` // that a formula may use
	Essay      *EssayView      `json:"essay,omitempty"`
	Upload     *event.UploadV1 `json:"upload,omitempty"`
	Rubric     []CriterionView `json:"rubric,omitempty"`
}

// ChoiceView is a choice of a PartView.
type ChoiceView struct {
	ChoiceID string         `json:"choice_id"`
	HTML     string         `json:"html"`
	Area     *event.AreaV1  `json:"area,omitempty"`  // of a hotspot
	Image    *event.ImageV1 `json:"image,omitempty"` // of what is put on an image
	// MaxUse is in how many pairs the choice can be; 0 is any number.
	MaxUse int `json:"max_use,omitempty"`
}

// TargetView is what choices are put to.
type TargetView struct {
	TargetID string        `json:"target_id"`
	HTML     string        `json:"html,omitempty"`
	Label    string        `json:"label,omitempty"`
	Area     *event.AreaV1 `json:"area,omitempty"`
	MaxUse   int           `json:"max_use,omitempty"` // 0 is any number of choices
}

// EssayView is what an essay part asks for.
type EssayView struct {
	Format       string `json:"format,omitempty"`
	MinWords     int    `json:"min_words,omitempty"`
	MaxWords     int    `json:"max_words,omitempty"`
	Lines        int    `json:"lines,omitempty"`
	TemplateHTML string `json:"template_html,omitempty"`
	Attachments  int    `json:"attachments,omitempty"`
}

// CriterionView is what will be looked at when the part is marked; what its
// levels are worth is not said.
type CriterionView struct {
	CriterionID string `json:"criterion_id"`
	HTML        string `json:"html"`
}

// View makes the learner's view. What is drawn for the learner (the values of
// variables, the order of shuffled choices and targets) follows from the seed,
// the item's id and the names of parts and variables alone; record the seed with
// the attempt and every later view of it is the same.
func (it *Item) View(seed int64) View {
	d := it.draw(seed)
	v := View{
		ItemID: it.id, Title: it.title, BodyHTML: it.body.render(d),
		Parts: make([]PartView, 0, len(it.parts)), Hints: len(it.hints), MaxScore: it.weight,
	}
	for i := range it.parts {
		v.Parts = append(v.Parts, it.parts[i].view(d))
	}
	return v
}

func (p *part) view(d draw) PartView {
	v := PartView{PartID: p.id, Kind: p.kind, PromptHTML: p.prompt.render(d), Label: p.label, Presentation: p.presentation}
	if !takesOne(p.kind) {
		v.MinChoices, v.MaxChoices = p.least, p.most
	}
	if p.image != nil {
		v.Image = p.image.view()
	}
	p.task.show(&v, d)
	return v
}
