package qti12

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/markup"
)

// metadata are the fields of an item, by name in lower case.
type metadata struct {
	fields map[string]string
	read   map[string]bool
}

// readMetadata reads the fields in each of the ways in which they are written:
// as pairs of label and entry, as elements of their own.
func readMetadata(item *xmlstream.Node) metadata {
	m := metadata{fields: map[string]string{}, read: map[string]bool{}}
	m.add(item.Child("itemmetadata"))
	return m
}

func (m *metadata) add(n *xmlstream.Node) {
	if n == nil {
		return
	}
	for k := range n.Elements() {
		label := k.Child("fieldlabel")
		switch {
		case label != nil:
			m.set(label.Content(), k.Child("fieldentry").Content())
		case hasElements(k):
			m.add(k)
		case k.Name != "fieldlabel" && k.Name != "fieldentry":
			m.set(k.Name, k.Content())
		}
	}
}

func (m *metadata) set(name, value string) {
	name = strings.ToLower(strings.TrimSpace(name))
	if _, known := m.fields[name]; !known && name != "" && len(m.fields) < 200 {
		m.fields[name] = strings.TrimSpace(value)
	}
}

// get returns a field, or "".
func (m *metadata) get(name string) string {
	m.read[name] = true
	return m.fields[name]
}

// unused are the fields that mean nothing here, with their values.
func (m *metadata) unused() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m.fields)) {
		switch {
		case m.read[name] || m.fields[name] == "":
		case name == "original_answer_ids" || name == "calculator_type" && m.fields[name] == "none":
		case strings.HasPrefix(name, "bbmd_"): // a dozen of them in every item
		default:
			names = append(names, name+"="+markup.Shorten(m.fields[name], 40))
		}
	}
	return markup.Shorten(strings.Join(names, ", "), 200)
}

// tags are the words that a question is filed under.
func (m *metadata) tags() []string {
	var tags []string
	for _, name := range []string{"cc_question_category", "qmd_keywords", "qmd_topic", "keywords", "topic"} {
		for tag := range strings.SplitSeq(m.get(name), ",") {
			if tag = markup.Shorten(tag, 100); tag != "" && !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
	}
	return tags
}

// difficulty is what the words that are in use say.
func (m *metadata) difficulty() string {
	for _, name := range []string{"qmd_levelofdifficulty", "qmd_difficulty", "difficulty"} {
		switch strings.ToLower(m.get(name)) {
		case "very easy":
			return "0.1"
		case "easy", "low":
			return "0.25"
		case "medium", "moderate", "intermediate", "average":
			return "0.5"
		case "hard", "difficult", "high":
			return "0.75"
		case "very hard", "very difficult":
			return "0.9"
		}
		delete(m.read, name)
	}
	return ""
}

// hashOf names an item without an identifier by its content.
func hashOf(n *xmlstream.Node) string {
	h := sha256.New()
	digest(h, n)
	return hex.EncodeToString(h.Sum(nil))[:32]
}

func digest(h hash.Hash, n *xmlstream.Node) {
	h.Write([]byte("<" + n.Name))
	for _, a := range n.Attrs {
		h.Write([]byte(" " + a.Name + "=" + a.Value))
	}
	h.Write([]byte(">" + n.Text))
	for _, k := range n.Kids {
		digest(h, k)
	}
}
