package scoring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits of a response.
const (
	maxResponseBytes = 1 << 20 // of its JSON
	maxTextBytes     = 10_000  // of a text; essays and expressions have limits of their own
	maxPoints        = 200
	maxFaults        = 20 // reported at once
)

// Response is a learner's response to an item, by part id.
type Response map[string]PartResponse

// PartResponse is the response to one part, in the member that its kind takes.
// Nothing in it means not answered. Only an essay has two: a text and the files
// attached to it.
type PartResponse struct {
	Choices []string    `json:"choices,omitempty"` // ids; in order in an ordering part
	Text    string      `json:"text,omitempty"`
	Pairs   [][2]string `json:"pairs,omitempty"`  // ids of a choice and a target, or of two choices
	Points  [][2]int    `json:"points,omitempty"` // pixels from the left and the top edge of the image
	Files   []File      `json:"files,omitempty"`
}

// File is a file that was handed in.
type File struct {
	FileID string `json:"file_id"`
	Name   string `json:"name"` // what the learner calls it
}

// answered reports whether there is anything in the response.
func (r PartResponse) answered() bool {
	return len(r.Choices) > 0 || len(r.Pairs) > 0 || len(r.Points) > 0 || len(r.Files) > 0 || strings.TrimSpace(r.Text) != ""
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
// shape, choices and targets that do not exist, are named twice or used too
// often, more than can be given, points outside the image, values that are not on
// the scale, texts that are too long or not text. Less than the author wants is
// fine, and so is a text that is not a number: it is a wrong answer. The error is
// a *ResponseError.
func (it *Item) Check(r Response) error {
	var faults []FieldError
	for _, id := range slices.Sorted(maps.Keys(r)) {
		if i, ok := it.index[id]; !ok {
			faults = append(faults, FieldError{printable(id), "there is no such part"})
		} else if fault := it.parts[i].check(r[id]); fault != nil {
			faults = append(faults, FieldError{id + "." + fault.Location, fault.Message})
		}
		if len(faults) == maxFaults {
			break
		}
	}
	if len(faults) > 0 {
		return &ResponseError{faults}
	}
	return nil
}

// check finds the first fault of a part's response, the location being relative
// to it.
func (p *part) check(r PartResponse) *FieldError {
	for _, m := range [...]struct {
		shape shape
		name  string
		size  int
	}{
		{choiceShape, "choices", len(r.Choices)},
		{textShape, "text", len(r.Text)},
		{pairShape, "pairs", len(r.Pairs)},
		{pointShape, "points", len(r.Points)},
		{fileShape, "files", len(r.Files)},
	} {
		switch {
		case m.size == 0:
		case p.takes&m.shape == 0:
			return &FieldError{m.name, "this part takes " + p.takes.String()}
		case m.shape == textShape || p.most == 0 || m.size <= p.most:
		case p.most == 1:
			return &FieldError{m.name, "only one can be " + m.shape.given()}
		default:
			return &FieldError{m.name, fmt.Sprintf("only %d can be %s", p.most, m.shape.given())}
		}
	}
	return p.task.check(r)
}

// String is the shape in words.
func (s shape) String() string {
	switch {
	case s&textShape != 0:
		return "a text"
	case s&choiceShape != 0:
		return "choices"
	case s&pairShape != 0:
		return "pairs"
	case s&pointShape != 0:
		return "points"
	case s&fileShape != 0:
		return "files"
	}
	return "no response"
}

// given is what is done with the things of a shape.
func (s shape) given() string {
	switch s {
	case choiceShape:
		return "chosen"
	case fileShape:
		return "handed in"
	}
	return "given"
}

// checkAnswer refuses what is too long or not text.
func checkAnswer(text string, limit int) *FieldError {
	switch {
	case len(text) > limit:
		return &FieldError{"text", fmt.Sprintf("it is longer than %d bytes", limit)}
	case !utf8.ValidString(text):
		return &FieldError{"text", "it is not valid UTF-8"}
	case strings.IndexByte(text, 0) >= 0:
		return &FieldError{"text", "it contains a NUL character"}
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
// knowing the item: an object of objects of the form of PartResponse. It refuses
// everything else, repeated names and trailing data among it. The error is a
// *ResponseError. What it returns still has to pass Item.Check.
func ParseResponse(data []byte) (Response, error) {
	if len(data) > maxResponseBytes {
		return nil, refuse("", "it is longer than %d bytes", maxResponseBytes)
	}
	if !utf8.Valid(data) {
		return nil, refuse("", "it is not valid UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(data))}
	d.UseNumber()
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
	var first string
	err := d.object(location, func(name string) (err error) {
		// Only a text and files go together.
		together := first == "text" && name == "files" || first == "files" && name == "text"
		switch {
		case first == "":
			first = name
		case !together:
			return refuse(location, "it has more than one member")
		default:
			first = "text and files"
		}
		switch name {
		case "text":
			r.Text, err = d.text(location + ".text")
		case "choices":
			r.Choices, err = d.texts(location + ".choices")
		case "pairs":
			r.Pairs, err = list(d, location+".pairs", maxPairs, d.pair)
		case "points":
			r.Points, err = list(d, location+".points", maxPoints, d.point)
		case "files":
			r.Files, err = list(d, location+".files", maxFiles, d.file)
		default:
			err = refuse(location, "%s is not choices, text, pairs, points or files", quote(name))
		}
		return err
	})
	return r, err
}

func (d decoder) texts(location string) ([]string, error) {
	return list(d, location, maxChoices, d.text)
}

// list reads an array of at most limit elements.
func list[T any](d decoder, location string, limit int, element func(location string) (T, error)) ([]T, error) {
	if err := d.delim(location, '['); err != nil {
		return nil, err
	}
	elements := []T{}
	for d.More() {
		if len(elements) == limit {
			return nil, refuse(location, "there are more than %d", limit)
		}
		e, err := element(location + at(len(elements)))
		if err != nil {
			return nil, err
		}
		elements = append(elements, e)
	}
	return elements, d.delim(location, ']')
}

// pair reads an array of two ids.
func (d decoder) pair(location string) ([2]string, error) {
	ids, err := list(d, location, 2, d.text)
	if err == nil && len(ids) != 2 {
		err = refuse(location, "it is not two ids")
	}
	if err != nil {
		return [2]string{}, err
	}
	return [2]string(ids), nil
}

// point reads an array of two whole numbers.
func (d decoder) point(location string) ([2]int, error) {
	pixels, err := list(d, location, 2, d.pixel)
	if err == nil && len(pixels) != 2 {
		err = refuse(location, "it is not two numbers")
	}
	if err != nil {
		return [2]int{}, err
	}
	return [2]int(pixels), nil
}

func (d decoder) pixel(location string) (int, error) {
	token, err := d.Token()
	if err != nil {
		return 0, refuse(location, "it is not valid JSON")
	}
	if number, ok := token.(json.Number); ok {
		if n, err := strconv.Atoi(number.String()); err == nil && -maxPixels <= n && n <= maxPixels {
			return n, nil
		}
	}
	return 0, refuse(location, "it is not a whole number of pixels")
}

func (d decoder) file(location string) (File, error) {
	var f File
	seen := names{}
	err := d.object(location, func(name string) (err error) {
		if seen[name] {
			return refuse(location, "%s is there twice", quote(name))
		}
		seen[name] = true
		switch name {
		case "file_id":
			f.FileID, err = d.text(location + ".file_id")
		case "name":
			f.Name, err = d.text(location + ".name")
		default:
			err = refuse(location, "%s is not file_id or name", quote(name))
		}
		return err
	})
	return f, err
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
	case len(text) > maxEssayBytes:
		return "", refuse(location, "it is longer than %d bytes", maxEssayBytes)
	case strings.IndexByte(text, 0) >= 0:
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
