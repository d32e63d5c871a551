// Package itemfile is what the readers and writers of item file formats have in
// common: what a file was found to hold, and the report of it. Each format has a
// package of its own below.
//
// Nothing is dropped in silence. A reader yields a Found for each question of
// its file, whether it could be taken over or not, and a Line for everything
// that did not arrive as it was.
package itemfile

import (
	"io"
	"iter"
	"strconv"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// Severity says what became of a thing that was not taken over as it was.
type Severity string

// The severities.
const (
	// Info: nothing is lost; worth knowing all the same.
	Info Severity = "info"
	// Simplified: it is there, but not all of it or not quite in its way.
	Simplified Severity = "simplified"
	// Skipped: it is not there, and why.
	Skipped Severity = "skipped"
	// Missing: the file refers to it and does not contain it.
	Missing Severity = "missing"
)

// Place says where in the source something is.
type Place struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"` // from 1; 0 when unknown
	ID   string `json:"id,omitempty"`   // the identifier or name of the question in the source
}

func (p Place) String() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
	}
	switch {
	case p.ID == "":
		return s
	case s == "":
		return p.ID
	}
	return s + " (" + p.ID + ")"
}

// Line is one line of a report.
type Line struct {
	Severity Severity `json:"severity"`
	Place    Place    `json:"place"`
	What     string   `json:"what"` // the element or setting, in the source's own words
	Why      string   `json:"why"`  // what was done with it, or why nothing could be
}

// Found is a question of a file, or, with an empty Kind, something to say about
// the file itself.
type Found struct {
	// Identity is the question's lasting name in its source: importing it again
	// updates the item that came with the same identity. Never empty.
	Identity string
	Place    Place
	// Kind is the source's word for the type of the question: "choiceInteraction",
	// "multichoice", "MC".
	Kind   string
	Folder []string // path of folders or categories, from the root
	Tags   []string
	// Difficulty is the author's estimate from "0" (easy) to "1" (hard), a
	// decimal; empty: none.
	Difficulty string
	// Item is the question as it arrives, with ItemID left to the bank; nil if it
	// does not. It has passed scoring.Parse once it has an id.
	Item *event.ItemV1
	// Media are the files that the item refers to as "asset:<sha256>/<name>".
	Media []Media
	Lines []Line
}

// Media is a file that an item shows.
type Media struct {
	SHA256 string // of its content, in lower-case hex
	Name   string // plain file name, which decides the media type
	Bytes  int64
	// Open reads it. It works as long as the Source is open.
	Open func() (io.ReadCloser, error)
}

// Questions is what a file holds, in its order. After an error, which says why
// the file as a whole is refused or cannot be read on, comes nothing more. The
// same file gives the same sequence every time.
type Questions = iter.Seq2[Found, error]

// Source is a file to read.
type Source struct {
	Name string // plain file name, for places
	Data io.ReaderAt
	Size int64 // bytes
}

// Reader reads the source from its beginning.
func (s Source) Reader() io.Reader { return io.NewSectionReader(s.Data, 0, s.Size) }
