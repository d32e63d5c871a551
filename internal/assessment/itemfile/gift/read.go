package gift

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/markup"
)

// Read yields the questions of a GIFT file as items, those that cannot be read
// among them.
func Read(ctx context.Context, src itemfile.Source) itemfile.Questions {
	return func(yield func(itemfile.Found, error) bool) {
		r := &importer{file: src.Name, render: moodletext.NewRenderer()}
		for q, err := range Parse(src.Reader()) {
			if stopped := ctx.Err(); stopped != nil {
				yield(itemfile.Found{}, fmt.Errorf("read %s: %w", src.Name, stopped))
				return
			}
			var broken *Broken
			switch {
			case errors.As(err, &broken):
				if !yield(r.broken(broken), nil) {
					return
				}
			case err != nil:
				yield(itemfile.Found{}, fmt.Errorf("read %s: %w", src.Name, err))
				return
			case q.Type == Category:
				r.folder = moodletext.Folder(q.Title)
			default:
				if !yield(r.question(q), nil) {
					return
				}
			}
		}
	}
}

// importer turns the questions of a file into items.
type importer struct {
	file       string
	render     *moodletext.Renderer
	folder     []string
	identities moodletext.Identities
}

// broken is what is said of a question that cannot be read.
func (r *importer) broken(b *Broken) itemfile.Found {
	at := itemfile.Place{File: r.file, Line: b.Line, ID: markup.Shorten(b.Title, 100)}
	identity, _ := r.identities.Unique("broken: " + b.Title + " " + b.Reason)
	return itemfile.Found{
		Identity: identity, Place: at, Kind: "unknown", Folder: r.folder,
		Lines: []itemfile.Line{{Severity: itemfile.Skipped, Place: at, What: "a question", Why: b.Reason}},
	}
}

func (r *importer) question(q *Question) itemfile.Found {
	name := q.ID
	if name == "" {
		name = markup.Shorten(q.Title, 100)
	}
	found := itemfile.Found{
		Place: itemfile.Place{File: r.file, Line: q.Line, ID: name}, Kind: string(q.Type), Folder: r.folder, Tags: q.Tags,
	}
	m := &mapping{Question: q, importer: r, notes: moodletext.Notes{At: found.Place}}
	found.Identity = r.identity(q, &m.notes)
	for _, note := range q.Notes {
		m.notes.Add(itemfile.Info, "its notation", note)
	}
	item, err := m.item()
	if err == nil {
		err = moodletext.Check(*item)
	}
	if err != nil {
		m.notes.Add(itemfile.Skipped, "the question", err.Error())
	} else {
		item.Source = "gift/" + markup.Shorten(found.Identity, 200)
		found.Item = item
	}
	found.Lines = m.notes.Lines()
	return found
}

// identity is the identifier of a comment, else the title within its category,
// else a digest of the question.
func (r *importer) identity(q *Question, notes *moodletext.Notes) string {
	identity := q.ID
	switch {
	case identity != "":
	case q.Title != "":
		identity = strings.Join(append(append([]string{}, r.folder...), q.Title), "/")
	default:
		digest := sha256.Sum256(fmt.Appendf(nil, "%q %q %+v", r.folder, q.Type, contents(q)))
		identity = "gift-" + hex.EncodeToString(digest[:12])
	}
	unique, taken := r.identities.Unique(identity)
	if taken {
		notes.Add(itemfile.Info, fmt.Sprintf("identity %q", markup.Shorten(identity, 100)),
			fmt.Sprintf("another question of the file has it; this one is %q", markup.Shorten(unique, 100)))
	}
	return unique
}

// contents is the question without where it stands and what was said of it.
func contents(q *Question) string {
	var b strings.Builder
	text := func(t *Text) {
		if t != nil {
			fmt.Fprintf(&b, "%q", *t)
		}
		b.WriteByte('|')
	}
	text(&q.Stem)
	text(q.After)
	text(q.Feedback)
	for i := range q.Choices {
		c := &q.Choices[i]
		fmt.Fprint(&b, c.Right, c.Weight)
		text(&c.Text)
		text(c.Feedback)
	}
	for _, n := range q.Numbers {
		fmt.Fprint(&b, n.Right, n.Weight, n.Value, n.Margin, n.Low, n.High, n.Any)
		text(n.Feedback)
	}
	for i := range q.Pairs {
		text(&q.Pairs[i].Question)
		b.WriteString(q.Pairs[i].Answer)
	}
	fmt.Fprint(&b, q.True)
	text(q.Feedbacks[0])
	text(q.Feedbacks[1])
	return b.String()
}
