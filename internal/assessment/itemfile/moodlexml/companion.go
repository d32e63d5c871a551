package moodlexml

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// companionName is the element in which a question that Moodle cannot hold wholly
// carries the item that it was made of. Moodle overlooks it. It counts as long as
// the question beside it is as it was written.
const companionName = "lyceum-item"

// companion returns the item that a question was made of, if it is there and the
// question was not changed since. It is treated as a stranger's, which it may be.
func (q *question) companion() *event.ItemV1 {
	n := q.child(companionName)
	if n == nil {
		return nil
	}
	ignore := func(why string) *event.ItemV1 {
		q.notes.AddAt(n.line, itemfile.Info, "element "+n.describe(), why+"; the question is read as Moodle has it")
		return nil
	}
	if n.attr("sha256") != digestOf(q.node) {
		return ignore("the question was changed since it was written")
	}
	var item event.ItemV1
	if err := json.Unmarshal([]byte(n.text), &item); err != nil {
		return ignore("it cannot be read")
	}
	files := map[string]*asset{}
	for _, f := range q.shelf.files {
		if a := q.shelf.open(f); a != nil {
			files[a.SHA256] = a
		}
	}
	find := func(url string) bool {
		m := assetURL.FindStringSubmatch(url)
		return m != nil && files[m[1]] != nil && q.shelf.keepAs(files[m[1]], m[2])
	}
	q.shelf.media = nil
	cleaner := markup.New(markup.Options{Math: true, Placeholders: true})
	events := q.notes.Events(func(r markup.Reference) (markup.Target, bool) {
		if !strings.HasPrefix(r.URL, "asset:") {
			return markup.Target{}, false
		}
		if find(r.URL) {
			return markup.Target{URL: r.URL}, true
		}
		return markup.Target{Missing: "file"}, true
	})
	itemfile.EachMarkup(&item, func(html string) string { return cleaner.Clean(html, events) })
	for i := range item.Parts {
		for _, picture := range imagesOf(&item.Parts[i]) {
			if !find(picture.Src) {
				return ignore("it refers to an image that is not there")
			}
		}
	}
	item.ItemID = uuid.Nil
	if err := moodletext.Check(item); err != nil {
		return ignore(err.Error())
	}
	return &item
}

func imagesOf(p *event.PartV1) []*event.ImageV1 {
	var out []*event.ImageV1
	if p.Image != nil {
		out = append(out, p.Image)
	}
	for i := range p.Choices {
		if p.Choices[i].Image != nil {
			out = append(out, p.Choices[i].Image)
		}
	}
	return out
}

// digestOf is a digest of a question without its companion.
func digestOf(n *node) string {
	h := sha256.New()
	digestInto(h, n)
	return hex.EncodeToString(h.Sum(nil))
}

func digestInto(w io.Writer, n *node) {
	fmt.Fprintf(w, "<%q %q %q", n.name, n.attrs, strings.TrimSpace(n.text))
	for _, k := range n.kids {
		if k.name != companionName {
			digestInto(w, k)
		}
	}
	fmt.Fprint(w, ">")
}

// withCompanion adds the companion to a question that is written up to its end
// tag.
func withCompanion(question []byte, item event.ItemV1) ([]byte, error) {
	p := &parser{scanner: &scanner{eof: true, line: 1, buf: append(append([]byte{}, question...), "</question>"...)}}
	p.pos = p.index("<", 0)
	p.begin()
	n, err := p.element(0)
	if err != nil {
		return nil, fmt.Errorf("read what was written: %w", err)
	}
	item.ItemID = uuid.Nil
	data, err := json.Marshal(item)
	if err != nil {
		return nil, fmt.Errorf("marshal the item: %w", err)
	}
	return fmt.Appendf(question, "    <%s sha256=%q>%s</%s>\n", companionName, digestOf(n), cdata(string(data)), companionName), nil
}
