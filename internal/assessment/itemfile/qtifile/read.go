package qtifile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/markup"
)

// Read yields the items of a QTI file: of a package or of a single XML file. It
// holds one item at a time.
func Read(ctx context.Context, src itemfile.Source) itemfile.Questions {
	return func(yield func(itemfile.Found, error) bool) {
		head := make([]byte, 2)
		if n, err := src.Data.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
			yield(itemfile.Found{}, fmt.Errorf("read %s: %w", src.Name, err))
			return
		} else if !bytes.Equal(head[:n], []byte("PK")) {
			newReader(ctx, src.Name, nil, yield).single(src)
			return
		}
		archive, err := itemfile.OpenArchive(ctx, src, itemfile.Limits{})
		if err != nil {
			yield(itemfile.Found{}, err)
			return
		}
		newReader(ctx, src.Name, archive, yield).archived()
	}
}

// reader reads one file.
type reader struct {
	ctx     context.Context
	name    string
	archive *itemfile.Archive
	cleaner *markup.Cleaner
	root    string // the manifest's folder
	seen    map[[16]byte]int
	yield   func(itemfile.Found, error) bool
}

func newReader(ctx context.Context, name string, archive *itemfile.Archive, yield func(itemfile.Found, error) bool) *reader {
	return &reader{
		ctx: ctx, name: name, archive: archive, seen: map[[16]byte]int{}, yield: yield,
		cleaner: markup.New(markup.Options{Placeholders: true, Math: true}),
	}
}

// single reads a file that is XML.
func (r *reader) single(src itemfile.Source) {
	at := itemfile.Place{File: src.Name}
	if src.Size > maxItemBytes {
		r.yield(itemfile.Found{}, itemfile.Refuse(at, "it is larger than the %d bytes that an item may have: import the package that it is from", maxItemBytes))
		return
	}
	root, tolerated, err := readTree(src.Reader())
	var fault *xmlstream.Error
	switch {
	case errors.As(err, &fault):
		at.Line = fault.Line
		r.yield(itemfile.Found{}, itemfile.Refuse(at, "%s", fault.Reason))
		return
	case err != nil:
		r.yield(itemfile.Found{}, fmt.Errorf("read %s: %w", src.Name, err))
		return
	case root.name != "qti-assessment-item":
		r.yield(itemfile.Found{}, itemfile.Refuse(itemfile.Place{File: src.Name, Line: root.line}, "%s", notAnItem(root)))
		return
	}
	found, err := r.item(root, tolerated, src.Name, "")
	if err != nil {
		r.yield(itemfile.Found{}, err)
		return
	}
	r.yield(found, nil)
}

// notAnItem says what a file is that is not an item.
func notAnItem(root *node) string {
	what := "this is <" + markup.Shorten(root.raw, 60) + ">"
	switch root.name {
	case "qti-assessment-test", "qti-assessment-section":
		return what + ", which only refers to items in other files: import the package that it is from"
	case "qti-assessment-result":
		return what + ", responses and results of a candidate: there are no items in it"
	case "qti-manifest":
		return what + ", the list of a package's files: import the package as a zip archive"
	case "qti-assessment-stimulus":
		return what + ", a text that items refer to: import the package that it is from"
	case "qti-questestinterop":
		return what + ", which is QTI 1.2: import it as such"
	}
	return what + ", not an assessment item of QTI 2 or 3"
}

// archived reads a package.
func (r *reader) archived() {
	if lines := r.archive.Lines(); len(lines) > 0 && !r.tell(r.name, lines) {
		return
	}
	file, ok := r.archive.Manifest()
	if !ok {
		r.unlisted()
		return
	}
	r.root = path.Dir(file)
	m, err := readManifest(r.archive, file)
	var fault *xmlstream.Error
	if errors.As(err, &fault) {
		line := itemfile.Line{
			Severity: itemfile.Simplified, Place: itemfile.Place{File: file, Line: fault.Line}, What: "the manifest",
			Why: "it cannot be read (" + fault.Reason + "): all items of the archive are taken, in no folders",
		}
		if r.tell(file, []itemfile.Line{line}) {
			r.unlisted()
		}
		return
	}
	if err != nil {
		r.fail(err)
		return
	}
	r.listed(file, m)
}

func (r *reader) fail(err error) {
	var refused *itemfile.RefusedError
	if errors.As(err, &refused) {
		r.yield(itemfile.Found{}, err)
		return
	}
	r.yield(itemfile.Found{}, fmt.Errorf("read %s: %w", r.name, err))
}

// tell yields lines about a file that is not a question.
func (r *reader) tell(file string, lines []itemfile.Line) bool {
	return r.yield(itemfile.Found{Identity: "file " + file, Place: itemfile.Place{File: file}, Lines: lines}, nil)
}

// listed reads what the manifest lists.
func (r *reader) listed(file string, m *manifest) {
	if len(m.lines) > 0 && !r.tell(file, m.lines) {
		return
	}
	places, ok := r.tests(file, m)
	if !ok {
		return
	}
	items := 0
	for i := range m.resources {
		res := &m.resources[i]
		at := itemfile.Place{File: file, Line: res.line, ID: markup.Shorten(res.id, 200)}
		switch {
		case res.isTest() || res.isSection():
			continue
		case res.isOld():
			line := itemfile.Line{Severity: itemfile.Info, Place: at, What: "resource of the type " + quote(res.kind), Why: "it is QTI 1.2, which is not read as QTI 2 and 3 but by itself"}
			if !r.tell(file, []itemfile.Line{line}) {
				return
			}
			continue
		}
		if !r.resource(file, at, res, places) {
			return
		}
		items++
	}
	if items == 0 {
		r.tell(file, []itemfile.Line{{Severity: itemfile.Info, Place: itemfile.Place{File: file}, What: "the manifest", Why: "it lists no items"}})
	}
}

// tests reads the tests, which say in which folders the items are.
func (r *reader) tests(file string, m *manifest) (map[string]location, bool) {
	places := map[string]location{}
	for i := range m.resources {
		res := &m.resources[i]
		if !res.isTest() {
			continue
		}
		test, ok := r.archive.Beside(file, res.href)
		t := &testReader{archive: r.archive, items: places, notes: notes{at: itemfile.Place{File: res.href, ID: markup.Shorten(res.id, 200)}}}
		if !ok || res.href == "" {
			t.add(itemfile.Missing, 0, "test "+quote(res.href), "the package does not contain it")
		} else {
			t.at.File = test
			if err := t.readTest(test); err != nil {
				r.fail(err)
				return nil, false
			}
		}
		if lines := t.all(); len(lines) > 0 && !r.tell(t.at.File, lines) {
			return nil, false
		}
	}
	return places, true
}

// resource reads an item that the manifest lists.
func (r *reader) resource(manifest string, at itemfile.Place, res *resource, places map[string]location) bool {
	if err := r.ctx.Err(); err != nil {
		return r.yield(itemfile.Found{}, fmt.Errorf("read %s: %w", r.name, err)) && false
	}
	file, ok := r.archive.Beside(manifest, res.href)
	if !ok || res.href == "" {
		found := itemfile.Found{Identity: r.unique(orElse(res.id, res.href)), Place: at, Kind: "assessmentItem", Lines: []itemfile.Line{{
			Severity: itemfile.Missing, Place: at, What: "item " + quote(res.href), Why: "the package does not contain it",
		}}}
		return r.yield(found, nil)
	}
	found, isItem, err := r.file(file, res)
	if err != nil {
		r.fail(err)
		return false
	}
	if !isItem {
		if res.isItem() {
			return r.yield(found, nil)
		}
		return len(found.Lines) == 0 || r.tell(file, found.Lines)
	}
	place := places[file]
	if len(found.Folder) == 0 {
		found.Folder = res.folder
	}
	if len(found.Folder) == 0 {
		found.Folder = place.folder
	}
	for _, tag := range place.tags {
		res.tag(tag)
	}
	found.Tags = append(found.Tags, res.tags...)
	if d, ok := rational(res.difficulty); ok && d.Sign() >= 0 && d.Cmp(one()) <= 0 {
		found.Difficulty = res.difficulty
	}
	if len(res.ignored) > 0 {
		found.Lines = append(found.Lines, itemfile.Line{
			Severity: itemfile.Info, Place: at, What: "metadata (" + list(res.ignored) + ")", Why: "of metadata, keywords, classification and difficulty are kept",
		})
	}
	return r.yield(found, nil)
}

// unlisted reads the items of an archive without a manifest.
func (r *reader) unlisted() {
	if _, ok := r.archive.Manifest(); !ok {
		line := itemfile.Line{Severity: itemfile.Simplified, Place: itemfile.Place{File: r.name}, What: "an archive without a manifest", Why: "all items in it are taken, in no folders"}
		if !r.tell(r.name, []itemfile.Line{line}) {
			return
		}
	}
	for _, file := range r.archive.WithEnding(".xml") {
		if path.Base(file) == "imsmanifest.xml" {
			continue
		}
		if err := r.ctx.Err(); err != nil {
			r.yield(itemfile.Found{}, fmt.Errorf("read %s: %w", r.name, err))
			return
		}
		found, isItem, err := r.file(file, nil)
		switch {
		case err != nil:
			r.fail(err)
			return
		case isItem && !r.yield(found, nil):
			return
		case !isItem && len(found.Lines) > 0 && !r.tell(file, found.Lines):
			return
		}
	}
}

// file reads a file of the archive that may be an item. If it is none, the lines
// say why.
func (r *reader) file(file string, res *resource) (found itemfile.Found, isItem bool, err error) {
	identity := file
	if res != nil {
		identity = orElse(res.identity, orElse(res.id, file))
	}
	var said []itemfile.Line
	if res != nil && len(res.files) > 0 {
		found, why, err := r.companion(file, identity, res)
		if err != nil || why == "" {
			return found, err == nil, err
		}
		said = append(said, itemfile.Line{
			Severity: itemfile.Info, Place: itemfile.Place{File: file, ID: markup.Shorten(identity, 200)}, What: "file " + quote(res.files[0]),
			Why: "this platform's own form of the item does not count, the XML does: " + why,
		})
	}
	root, tolerated, err := readFile(r.archive, file)
	var fault *xmlstream.Error
	var refused *itemfile.RefusedError
	at := itemfile.Place{File: file, ID: markup.Shorten(identity, 200)}
	broken := func(line int, why string) (itemfile.Found, bool, error) {
		at.Line = line
		return itemfile.Found{Identity: r.unique(identity), Place: at, Kind: "assessmentItem", Lines: []itemfile.Line{
			{Severity: itemfile.Skipped, Place: at, What: "file " + quote(file), Why: why},
		}}, false, nil
	}
	switch {
	case errors.As(err, &fault):
		return broken(fault.Line, "it cannot be read: "+fault.Reason)
	case errors.As(err, &refused):
		return broken(0, "it cannot be read: "+refused.Reason)
	case err != nil:
		return itemfile.Found{}, false, err
	case root.name != "qti-assessment-item":
		if res == nil && root.is("qti-assessment-stimulus") {
			return itemfile.Found{}, false, nil // items refer to it
		}
		return broken(root.line, notAnItem(root))
	}
	id := ""
	if res != nil {
		id = orElse(res.identity, res.id)
	}
	found, err = r.item(root, tolerated, file, id)
	found.Lines = append(said, found.Lines...)
	return found, true, err
}

// item maps an item. identity is the manifest's, if there is one.
func (r *reader) item(root *node, tolerated []xmlstream.Note, file, identity string) (itemfile.Found, error) {
	identity = orElse(identity, markup.Shorten(root.get("identifier"), 300))
	it := &item{
		notes: notes{at: itemfile.Place{File: file, Line: root.line, ID: markup.Shorten(identity, 200)}},
		ctx:   r.ctx, cleaner: r.cleaner, archive: r.archive, file: file, root: root,
	}
	if identity == "" {
		identity = digestOf(file, root.content())
		it.at.ID = identity
		it.info(root, "an item without identifier", "a digest of its text is its name; importing it again after a change makes another item")
	}
	it.tolerated(tolerated)
	it.versionNote()
	unique := r.unique(identity)
	if unique != identity {
		it.info(root, "identifier "+quote(identity), "it is there more than once; this item goes by "+quote(unique))
	}
	found, err := readItem(it)
	found.Identity = unique
	return found, err
}

// versionNote names a namespace that is none of QTI's.
func (it *item) versionNote() {
	for _, a := range it.root.attrs {
		if (a.name == "xmlns" && a.prefix == "") && !strings.Contains(strings.ToLower(a.value), "qti") {
			it.info(it.root, "namespace "+quote(a.value), "it is not QTI's; the elements are taken for QTI's all the same")
			return
		}
	}
}

// unique makes an identity unique within the file. It keeps 16 bytes of each.
func (r *reader) unique(identity string) string {
	unique := identity
	for n := 2; ; n++ {
		sum := sha256.Sum256([]byte(unique))
		key := [16]byte(sum[:16])
		if r.seen[key] == 0 {
			r.seen[key] = 1
			return unique
		}
		if n == 2 { // do not try the same numbers again and again
			n = max(2, r.seen[key]+1)
			r.seen[key] = n
		}
		unique = identity + "#" + strconv.Itoa(n)
	}
}

// hexDigest is the digest by which files are known.
func hexDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
