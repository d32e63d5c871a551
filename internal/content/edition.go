package content

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/content/olx"
)

// The lengths that the tables hold.
const (
	maxTitle    = 300
	maxSummary  = 2000
	maxLanguage = 35
)

// edition is a course export as it will be stored: everything that a version
// consists of, before it has a number.
type edition struct {
	courseID    uuid.UUID
	key         string
	Title       string
	Summary     string
	Description string
	Image       string
	Language    string
	StartsAt    *time.Time
	EndsAt      *time.Time
	Outline     outline
	Units       []editionUnit
	Sets        []event.ProblemSetPublishedV1
	Files       []editionFile
	Grading     gradingPolicy
}

// outline is the table of contents of a version.
type outline struct {
	Chapters []outlineChapter `json:"chapters"`
}

type outlineChapter struct {
	Title       string              `json:"title"`
	Subsections []outlineSubsection `json:"subsections"`
}

type outlineSubsection struct {
	Title            string        `json:"title"`
	Category         string        `json:"category,omitempty"` // of graded work
	DueAt            *time.Time    `json:"due_at,omitempty"`
	TimeLimitSeconds int           `json:"time_limit_seconds,omitempty"`
	Units            []outlineUnit `json:"units"`
}

type outlineUnit struct {
	UnitID        uuid.UUID   `json:"unit_id"`
	Title         string      `json:"title"`
	ProblemSetIDs []uuid.UUID `json:"problem_set_ids,omitempty"`
}

type editionUnit struct {
	UnitID                     uuid.UUID
	Chapter, Subsection, Title string
	Blocks                     []block
	ProblemSetIDs              []uuid.UUID
}

type editionFile struct {
	Path, SHA256, MediaType string
	Bytes                   int64
}

// gradingPolicy is how the scores of a course make its grade.
type gradingPolicy struct {
	Categories []gradingCategory `json:"categories"`
	Cutoffs    []gradingCutoff   `json:"cutoffs"` // the highest first
}

type gradingCategory struct {
	Name       string `json:"name"`
	ShortLabel string `json:"short_label,omitempty"`
	Weight     string `json:"weight"` // decimal share of the whole
	MinCount   int    `json:"min_count"`
	DropCount  int    `json:"drop_count"`
}

type gradingCutoff struct {
	Grade string `json:"grade"`
	Least string `json:"least"` // decimal share of the points
}

// newEdition arranges a parsed course. It adds to the report what it simplifies.
func newEdition(c *olx.Course, organisation uuid.UUID, report *olx.Report, now time.Time) *edition {
	e := &edition{
		courseID: c.ID, key: c.Key, Title: cmp.Or(clip(c.Title, maxTitle), clip(c.Number, maxTitle), "Untitled course"), Summary: clip(c.ShortDescription, maxSummary),
		Description: c.DescriptionHTML, Language: c.Language, StartsAt: c.Start, EndsAt: c.End,
		Grading: gradingPolicy{Categories: []gradingCategory{}, Cutoffs: []gradingCutoff{}},
	}
	if len(e.Language) > maxLanguage { // no language has such a tag
		e.Language = ""
	}
	if c.Image != nil {
		e.Image = c.Image.URL()
	}
	course := olx.Place{Block: "course/" + c.Run}
	if c.EnrolmentStart != nil || c.EnrolmentEnd != nil {
		simplified(report, course, "the enrolment period", "it is not enforced; staff close enrolment by its mode")
	}
	if c.Start != nil && c.Start.After(now) {
		simplified(report, course, "the start of the course", "it is shown to learners; published units can be read before")
	}
	for _, g := range c.GradingPolicy {
		e.Grading.Categories = append(e.Grading.Categories, gradingCategory{
			Name: g.Type, ShortLabel: g.ShortLabel, Weight: g.Weight, MinCount: g.MinCount, DropCount: g.DropCount,
		})
	}
	for _, g := range c.GradeCutoffs {
		e.Grading.Cutoffs = append(e.Grading.Cutoffs, gradingCutoff{Grade: g.Grade, Least: g.Least})
	}
	for _, a := range c.Assets {
		e.Files = append(e.Files, editionFile{Path: a.Path, SHA256: a.SHA256, MediaType: a.MediaType, Bytes: a.Size})
	}
	arranger := arranger{edition: e, organisation: organisation, report: report, units: map[uuid.UUID]bool{}}
	arranger.course(c)
	return e
}

// arranger walks the course in reading order.
type arranger struct {
	edition      *edition
	organisation uuid.UUID
	report       *olx.Report
	units        map[uuid.UUID]bool
}

func (a *arranger) course(c *olx.Course) {
	e := a.edition
	e.Outline.Chapters = []outlineChapter{}
	for i := range c.Chapters {
		chapter := outlineChapter{Title: clip(c.Chapters[i].Title, maxTitle), Subsections: []outlineSubsection{}}
		for j := range c.Chapters[i].Subsections {
			chapter.Subsections = append(chapter.Subsections, a.subsection(c, chapter.Title, &c.Chapters[i].Subsections[j]))
		}
		e.Outline.Chapters = append(e.Outline.Chapters, chapter)
	}
	for i := range e.Sets {
		e.Sets[i].CourseID, e.Sets[i].OrganisationID, e.Sets[i].Position = c.ID, a.organisation, i+1
	}
}

func (a *arranger) subsection(c *olx.Course, chapter string, sub *olx.Subsection) outlineSubsection {
	out := outlineSubsection{
		Title: clip(sub.Title, maxTitle), DueAt: sub.Due, TimeLimitSeconds: int(sub.TimeLimit / time.Second), Units: []outlineUnit{},
	}
	if sub.Graded {
		out.Category = sub.Format
	}
	// A time limit is on the subsection: its problems are attempted together.
	var timed *setBuilder
	if sub.TimeLimit > 0 {
		id := olx.BlockID(a.organisation, c.Key, "problem_set", "sequential/"+sub.URLName)
		timed = newSetBuilder(id, out.Title, sub, olx.Place{Block: "sequential/" + sub.URLName})
	}
	withProblems := 0
	for i := range sub.Units {
		unit := &sub.Units[i]
		place := olx.Place{Block: "vertical/" + unit.URLName}
		if a.units[unit.ID] {
			a.report.Entries = append(a.report.Entries, olx.Entry{
				Severity: olx.Skipped, Place: place, What: "a unit", Why: "it is in the course already; learners find it in its first place",
			})
			continue
		}
		a.units[unit.ID] = true
		set := timed
		if set == nil {
			id := olx.BlockID(a.organisation, c.Key, "problem_set", "vertical/"+unit.URLName)
			set = newSetBuilder(id, clip(unit.Title, maxTitle), sub, place)
		}
		stored := editionUnit{
			UnitID: unit.ID, Chapter: chapter, Subsection: out.Title, Title: clip(unit.Title, maxTitle),
			Blocks: a.blocks(unit, set), ProblemSetIDs: []uuid.UUID{},
		}
		for k := range stored.Blocks {
			if stored.Blocks[k].Kind == blockProblemSet {
				stored.ProblemSetIDs = append(stored.ProblemSetIDs, set.set.ProblemSetID)
				withProblems++
			}
		}
		if set != timed && len(set.set.Items) > 0 {
			a.edition.Sets = append(a.edition.Sets, set.finish(a.report))
		}
		a.edition.Units = append(a.edition.Units, stored)
		out.Units = append(out.Units, outlineUnit{UnitID: unit.ID, Title: stored.Title, ProblemSetIDs: stored.ProblemSetIDs})
	}
	if timed != nil && len(timed.set.Items) > 0 {
		a.edition.Sets = append(a.edition.Sets, timed.finish(a.report))
		if withProblems > 1 {
			simplified(a.report, timed.place, fmt.Sprintf("the problems of %d units", withProblems),
				"the subsection has a time limit, so they are one problem set that is attempted as a whole")
		}
	}
	return out
}

// blocks converts a unit. Its problems become one block, where the first of
// them stands.
func (a *arranger) blocks(unit *olx.Unit, set *setBuilder) []block {
	out := []block{}
	at := -1
	for i := range unit.Blocks {
		b := &unit.Blocks[i]
		if b.Kind != olx.KindProblem {
			out = append(out, blockOf(b))
			continue
		}
		if !set.add(b.Problem) {
			a.report.Entries = append(a.report.Entries, olx.Entry{
				Severity: olx.Skipped, Place: olx.Place{Block: b.Type + "/" + b.URLName},
				What: "a problem", Why: "it is in its problem set already",
			})
			continue
		}
		if at < 0 {
			at = len(out)
			out = append(out, block{
				BlockID: set.set.ProblemSetID, Kind: blockProblemSet,
				ProblemSet: &problemSetBlock{ProblemSetID: set.set.ProblemSetID, Title: set.set.Title, ItemIDs: []uuid.UUID{}},
			})
		}
		out[at].ProblemSet.ItemIDs = append(out[at].ProblemSet.ItemIDs, b.Problem.Item.ItemID)
	}
	return out
}

// digest identifies what the edition says: an import that would change nothing
// makes no version.
func (e *edition) digest() ([sha256.Size]byte, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encode course %s: %w", e.key, err)
	}
	return sha256.Sum256(body), nil
}

// headings are the titles below the course's, for the search.
func (e *edition) headings() string {
	const enough = 100_000 // bytes; a tsvector holds at most 1 MiB
	var b strings.Builder
	add := func(title string) {
		if b.Len()+len(title) < enough {
			b.WriteString(title)
			b.WriteByte('\n')
		}
	}
	for _, c := range e.Outline.Chapters {
		add(c.Title)
		for _, s := range c.Subsections {
			add(s.Title)
			for _, u := range s.Units {
				add(u.Title)
			}
		}
	}
	return b.String()
}

// clip shortens a text to the number of characters that its column holds.
func clip(s string, characters int) string {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\x00", ""))
	if len(s) <= characters {
		return s
	}
	if runes := []rune(s); len(runes) > characters {
		return string(runes[:characters-1]) + "…"
	}
	return s
}
