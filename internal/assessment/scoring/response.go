package scoring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lyceum-lms/platform/internal/assessment/exact"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// The limits of a response.
const (
	maxResponseBytes = 1 << 20 // of its JSON
	maxTextBytes     = 10_000  // of a text; a numerical part takes exact.MaxAnswerBytes
	maxFaults        = 20      // reported at once
)

// Response is a learner's response to an item, by part id.
type Response map[string]PartResponse

// PartResponse is the response to one part: {"choices": ["a", "b"]} to a choice
// part, {"text": "..."} to any other. Nothing in it means not answered.
type PartResponse struct {
	Choices []string `json:"choices,omitempty"`
	Text    string   `json:"text,omitempty"`
}

// FieldError is one fault of a response. Location is relative to the response,
// such as "2.choices".
type FieldError struct {
	Location string
	Message  string // for the learner's client, without the final stop
}

// ResponseError is why a response is refused.
type ResponseError struct {
	Fields []FieldError // at least one, at most 20
}

func (e *ResponseError) Error() string {
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = f.Location + ": " + f.Message
	}
	return "invalid response: " + strings.Join(texts, "; ")
}

// Check refuses a response that does not fit the item: unknown parts, the wrong
// shape, choices that do not exist or are named twice, several choices where
// one is to be chosen, texts that are too long or not text. A text that is not a
// number is fine; it is a wrong answer. The error is a *ResponseError.
func (it *Item) Check(r Response) error {
	var faults []FieldError
	for _, id := range slices.Sorted(maps.Keys(r)) {
		if i, ok := it.index[id]; !ok {
			faults = append(faults, FieldError{printable(id), "there is no such part"})
		} else {
			for _, f := range it.parts[i].check(r[id]) {
				faults = append(faults, FieldError{id + "." + f.Location, f.Message})
			}
		}
		if len(faults) >= maxFaults {
			break
		}
	}
	if len(faults) > 0 {
		return &ResponseError{faults[:min(len(faults), maxFaults)]}
	}
	return nil
}

// check finds the faults of a part's response, the location being relative to it.
func (p *part) check(r PartResponse) []FieldError {
	if p.takesChoices() {
		if r.Text != "" {
			return []FieldError{{"text", "this part takes choices"}}
		}
		return p.checkChoices(r.Choices)
	}
	if len(r.Choices) > 0 {
		return []FieldError{{"choices", "this part takes a text"}}
	}
	limit := maxTextBytes
	if p.kind == event.Numerical {
		limit = exact.MaxAnswerBytes
	}
	switch {
	case len(r.Text) > limit:
		return []FieldError{{"text", fmt.Sprintf("it is longer than %d bytes", limit)}}
	case !utf8.ValidString(r.Text):
		return []FieldError{{"text", "it is not valid UTF-8"}}
	case strings.ContainsRune(r.Text, 0):
		return []FieldError{{"text", "it contains a NUL character"}}
	}
	return nil
}

func (p *part) checkChoices(ids []string) []FieldError {
	if len(ids) > len(p.choices) {
		return []FieldError{{"choices", "there are more than the part has"}}
	}
	if len(ids) > 1 && p.kind != event.MultipleChoice {
		return []FieldError{{"choices", "only one can be chosen"}}
	}
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if _, ok := p.choiceIndex[id]; !ok {
			return []FieldError{{"choices", "there is no choice " + quote(id)}}
		}
		if seen[id] {
			return []FieldError{{"choices", quote(id) + " is named twice"}}
		}
		seen[id] = true
	}
	return nil
}

// printable is an unknown name in a location.
func printable(id string) string {
	if checkID("", id) == nil {
		return id
	}
	return quote(id)
}

// ParseResponse reads the JSON form of a response, at most 1 MiB, without
// knowing the item: an object of objects with either "choices" or "text". It
// refuses everything else, repeated names and trailing data among it. The error
// is a *ResponseError. What it returns still has to pass Item.Check.
func ParseResponse(data []byte) (Response, error) {
	if len(data) > maxResponseBytes {
		return nil, refuse("", "it is longer than %d bytes", maxResponseBytes)
	}
	if !utf8.Valid(data) {
		return nil, refuse("", "it is not valid UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(data))}
	response := Response{}
	err := d.object("", func(id string) error {
		if _, ok := response[id]; ok {
			return refuse(printable(id), "the part is named twice")
		}
		if len(response) == maxParts {
			return refuse("", "it has more than %d parts", maxParts)
		}
		if err := checkID("part id", id); err != nil {
			return refuse(quote(id), "%v", err)
		}
		part, err := d.part(id)
		response[id] = part
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse("", "there is something after its end")
	}
	return response, nil
}

func refuse(location, format string, args ...any) *ResponseError {
	return &ResponseError{[]FieldError{{location, fmt.Sprintf(format, args...)}}}
}

// decoder reads JSON token by token, because json.Unmarshal forgives repeated
// names and names in other capitals.
type decoder struct{ *json.Decoder }

// object reads an object; member is called for each name and reads its value.
func (d decoder) object(location string, member func(name string) error) error {
	if err := d.delim(location, '{'); err != nil {
		return err
	}
	for d.More() {
		name, err := d.text(location)
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
	return d.delim(location, '}')
}

func (d decoder) part(location string) (PartResponse, error) {
	var r PartResponse
	members := 0
	err := d.object(location, func(name string) (err error) {
		if members++; members > 1 {
			return refuse(location, "it has more than one member")
		}
		switch name {
		case "text":
			r.Text, err = d.text(location + ".text")
		case "choices":
			r.Choices, err = d.texts(location + ".choices")
		default:
			err = refuse(location, "it has neither choices nor text but %s", quote(name))
		}
		return err
	})
	return r, err
}

func (d decoder) texts(location string) ([]string, error) {
	if err := d.delim(location, '['); err != nil {
		return nil, err
	}
	texts := []string{}
	for d.More() {
		if len(texts) == maxChoices {
			return nil, refuse(location, "there are more than %d", maxChoices)
		}
		text, err := d.text(location + at(len(texts)))
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, d.delim(location, ']')
}

// text reads a string. It refuses NUL and strings that no part takes.
func (d decoder) text(location string) (string, error) {
	token, err := d.Token()
	if err != nil {
		return "", refuse(location, "it is not valid JSON")
	}
	text, ok := token.(string)
	switch {
	case !ok:
		return "", refuse(location, "it is not a string")
	case len(text) > maxTextBytes:
		return "", refuse(location, "it is longer than %d bytes", maxTextBytes)
	case strings.ContainsRune(text, 0):
		return "", refuse(location, "it contains a NUL character")
	}
	return text, nil
}

func (d decoder) delim(location string, want json.Delim) error {
	switch token, err := d.Token(); {
	case err != nil:
		return refuse(location, "it is not valid JSON")
	case token != want:
		return refuse(location, "%s is expected", quote(want.String()))
	}
	return nil
}
