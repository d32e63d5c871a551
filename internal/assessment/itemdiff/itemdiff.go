// Package itemdiff compares two versions of an item for people: what was added,
// removed and changed, by its place, with the words of texts. It is pure.
//
// Places are paths of the JSON form. What has an id in its list is named by it,
// parts[part_id=2].choices[choice_id=b].credit, so that something put in front
// does not make everything behind it look changed; other entries of lists have
// their position, texts[0].pattern.
package itemdiff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Op is what happened at a place.
type Op string

// The ops.
const (
	Added     Op = "added"
	Removed   Op = "removed"
	Changed   Op = "changed"
	Reordered Op = "reordered" // Before and After are the ids in their orders
)

// Change is a difference.
type Change struct {
	Path   string          `json:"path"`
	Op     Op              `json:"op"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	// Words compares two texts word by word. Empty for texts that are too long for
	// it, and for what is no text.
	Words []Run `json:"words,omitempty"`
}

// Run is a stretch of a text that both, or only one of the versions has.
type Run struct {
	Op   Op     `json:"op,omitempty"` // Added, Removed or empty for what both have
	Text string `json:"text"`
}

// Between compares two JSON documents. The changes are in the order of the
// places.
func Between(before, after []byte) ([]Change, error) {
	a, err := decode(before)
	if err != nil {
		return nil, fmt.Errorf("read the version before: %w", err)
	}
	b, err := decode(after)
	if err != nil {
		return nil, fmt.Errorf("read the version after: %w", err)
	}
	d := differ{}
	d.values("", a, b)
	return d.changes, d.err
}

// decode keeps numbers as they are written.
func decode(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

type differ struct {
	changes []Change
	err     error
}

func (d *differ) tell(path string, op Op, before, after any) {
	c := Change{Path: path, Op: op}
	if op != Added {
		c.Before = d.encode(before)
	}
	if op != Removed {
		c.After = d.encode(after)
	}
	oldText, isText := before.(string)
	newText, stays := after.(string)
	if op == Changed && isText && stays {
		c.Words = words(oldText, newText)
	}
	d.changes = append(d.changes, c)
}

func (d *differ) encode(value any) json.RawMessage {
	text, err := canonical(value)
	if err != nil && d.err == nil {
		d.err = err
	}
	return text
}

// canonical is the one form that equal values have.
func canonical(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode a value: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func (d *differ) same(a, b any) bool { return bytes.Equal(d.encode(a), d.encode(b)) }

func (d *differ) values(path string, a, b any) {
	switch before := a.(type) {
	case map[string]any:
		if after, ok := b.(map[string]any); ok {
			d.objects(path, before, after)
			return
		}
	case []any:
		if after, ok := b.([]any); ok {
			d.lists(path, before, after)
			return
		}
	}
	if !d.same(a, b) {
		d.tell(path, Changed, a, b)
	}
}

func (d *differ) objects(path string, a, b map[string]any) {
	names := slices.Sorted(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		place := name
		if path != "" {
			place = path + "." + name
		}
		before, had := a[name]
		after, has := b[name]
		switch {
		case !has:
			d.tell(place, Removed, before, nil)
		case !had:
			d.tell(place, Added, nil, after)
		default:
			d.values(place, before, after)
		}
	}
}

func (d *differ) lists(path string, a, b []any) {
	if name, before, after, ok := keyed(a, b); ok {
		d.keyedLists(path, name, before, after)
		return
	}
	d.plainLists(path, a, b)
}

// idNames are the members that name an entry of a list.
func idNames() []string {
	return []string{"part_id", "choice_id", "target_id", "criterion_id", "level_id", "name"}
}

// entries is a list by the ids of what is in it.
type entries struct {
	ids []string
	at  map[string]any
}

// keyed finds the member that names every entry of both lists, once.
func keyed(a, b []any) (name string, before, after entries, ok bool) {
	for _, name := range idNames() {
		before, first := byID(a, name)
		after, second := byID(b, name)
		if first && second && len(a)+len(b) > 0 {
			return name, before, after, true
		}
	}
	return "", entries{}, entries{}, false
}

func byID(list []any, name string) (entries, bool) {
	e := entries{at: map[string]any{}}
	for _, value := range list {
		object, _ := value.(map[string]any)
		id, ok := object[name].(string)
		_, twice := e.at[id]
		_, from := object["choice_id"]
		_, to := object["target_id"]
		// A pair has the ids of others and none of its own.
		if !ok || twice || from && to {
			return entries{}, false
		}
		e.ids = append(e.ids, id)
		e.at[id] = value
	}
	return e, true
}

func (d *differ) keyedLists(path, name string, a, b entries) {
	place := func(id string) string { return path + "[" + name + "=" + id + "]" }
	var stayed []string
	for _, id := range a.ids {
		if after, ok := b.at[id]; ok {
			stayed = append(stayed, id)
			d.values(place(id), a.at[id], after)
		} else {
			d.tell(place(id), Removed, a.at[id], nil)
		}
	}
	var now []string
	for _, id := range b.ids {
		if _, ok := a.at[id]; ok {
			now = append(now, id)
		} else {
			d.tell(place(id), Added, nil, b.at[id])
		}
	}
	if !slices.Equal(stayed, now) {
		d.tell(path, Reordered, stayed, now)
	}
}

// plainLists keeps what is equal in both, in order, and compares what is between
// one by one.
func (d *differ) plainLists(path string, a, b []any) {
	before, after := make([]string, len(a)), make([]string, len(b))
	for i, v := range a {
		before[i] = string(d.encode(v))
	}
	for i, v := range b {
		after[i] = string(d.encode(v))
	}
	i, j := 0, 0
	flush := func(to, upTo int) {
		for ; i < to && j < upTo; i, j = i+1, j+1 {
			d.values(path+"["+strconv.Itoa(j)+"]", a[i], b[j])
		}
		for ; i < to; i++ {
			d.tell(path+"["+strconv.Itoa(i)+"]", Removed, a[i], nil)
		}
		for ; j < upTo; j++ {
			d.tell(path+"["+strconv.Itoa(j)+"]", Added, nil, b[j])
		}
	}
	for _, pair := range common(before, after) {
		flush(pair[0], pair[1])
		i, j = pair[0]+1, pair[1]+1
	}
	flush(len(a), len(b))
}
