package olx

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// annotation maps the choice of a tag for a text. The comment that learners
// write beside it is never scored by the source, and there is no place for it.
func (r *problemReader) annotation(resp *response) ([]event.PartV1, string) {
	input, reason := r.input(resp, "annotationinput")
	if reason != "" {
		return nil, reason
	}
	part := event.PartV1{Kind: event.SingleChoice}
	for i, o := range input.find("option") {
		choice := event.ChoiceV1{ChoiceID: "option_" + strconv.Itoa(i), HTML: r.fragment(o), Credit: "0"}
		switch strings.ToLower(o.get("choice")) {
		case "correct":
			choice.Credit = "1"
		case "partially-correct":
			choice.Credit = "0.5"
		}
		part.Choices = append(part.Choices, choice)
	}
	if reason := r.checkChoices(resp, &part); reason != "" {
		return nil, reason
	}
	for _, text := range input.elements("text", "comment", "tag_prompt") {
		if html := r.fragment(text); html != "" {
			part.PromptHTML += "<div>" + html + "</div>"
		}
	}
	if prompt := input.child("comment_prompt"); prompt != nil {
		r.simplify(prompt, "the comment of an annotation", fmt.Sprintf("the tag is asked for and scored; the comment (%q) is not asked for", markup.Shorten(prompt.textContent(), 60)))
	}
	return []event.PartV1{part}, ""
}
