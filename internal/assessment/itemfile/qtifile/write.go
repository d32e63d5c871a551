package qtifile

import (
	"archive/zip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// maxLines bounds what an export says.
const maxLines = 10_000

// Write writes items as a QTI 3.0 package. The lines say what of each item QTI
// has no word for; it is in the package all the same, for this reader alone. What
// of the sequence is no item is passed over. The error is one of the sequence or
// of writing.
func Write(w io.Writer, items iter.Seq2[itemfile.Found, error]) ([]itemfile.Line, error) {
	p := &packageWriter{zip: zip.NewWriter(w), media: map[string]string{}, identifiers: map[string]bool{}}
	for found, err := range items {
		if err != nil {
			return p.lines, err
		}
		if found.Item == nil {
			continue
		}
		if err := p.item(found); err != nil {
			return p.lines, fmt.Errorf("write item %s: %w", markup.Shorten(found.Identity, 100), err)
		}
	}
	if err := p.manifest(); err != nil {
		return p.lines, fmt.Errorf("write the manifest: %w", err)
	}
	if err := p.zip.Close(); err != nil {
		return p.lines, fmt.Errorf("end the package: %w", err)
	}
	return p.lines, nil
}

// packageWriter writes one package. Of each item it keeps what the manifest says.
type packageWriter struct {
	zip         *zip.Writer
	media       map[string]string // path by digest
	identifiers map[string]bool
	entries     []entry
	lines       []itemfile.Line
}

type entry struct {
	id, identity string
	title        string
	file         string
	companion    string
	folder, tags []string
	difficulty   string
	media        []string // digests
}

func (p *packageWriter) tell(l itemfile.Line) {
	switch {
	case len(p.lines) < maxLines:
		p.lines = append(p.lines, l)
	case len(p.lines) == maxLines:
		p.lines = append(p.lines, itemfile.Line{Severity: itemfile.Info, What: "further items", Why: "more is to be said of them than can be listed"})
	}
}

// resourceID is an identifier that XML allows, of an identity that may be
// anything.
func (p *packageWriter) resourceID(identity string) string {
	id := identity
	if !isName(id) {
		id = "item-" + digestOf(identity)
	}
	for n := 2; p.identifiers[id]; n++ {
		id = fmt.Sprintf("item-%s-%d", digestOf(identity), n)
	}
	p.identifiers[id] = true
	return id
}

// isName reports whether s is an NCName of ASCII.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= 200
}

func (p *packageWriter) item(found itemfile.Found) error {
	number := len(p.entries) + 1
	e := entry{
		id: p.resourceID(found.Identity), identity: found.Identity, title: found.Item.Title,
		file: fmt.Sprintf("items/%06d.xml", number), companion: fmt.Sprintf(companionFolder+"%06d.json", number),
		folder: found.Folder, tags: found.Tags, difficulty: found.Difficulty,
	}
	for _, m := range found.Media {
		if err := p.file(m); err != nil {
			return err
		}
		e.media = append(e.media, m.SHA256)
	}
	made, own := inQTI(found.Item)
	w := &itemWriter{made: made, names: own, media: p.media, at: itemfile.Place{File: e.file, ID: markup.Shorten(found.Identity, 200)}}
	source := w.write(e.id)
	for _, l := range w.lines {
		p.tell(l)
	}
	if err := p.put(e.file, []byte(source)); err != nil {
		return err
	}
	if err := p.companion(e.companion, source, found); err != nil {
		return err
	}
	p.entries = append(p.entries, e)
	return nil
}

func (p *packageWriter) put(name string, data []byte) error {
	f, err := p.zip.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return err
}

// file writes a file that items show, once.
func (p *packageWriter) file(m itemfile.Media) (err error) {
	if p.media[m.SHA256] != "" || len(m.SHA256) != 64 {
		return nil
	}
	name := path.Base(strings.ReplaceAll(m.Name, `\`, "/"))
	if name == "." || name == "/" || name == ".." {
		name = "file"
	}
	name = mediaFolder + m.SHA256[:16] + "/" + name
	r, err := m.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", m.Name, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	switch mediaKind("", name) {
	case "image", "audio", "video":
		if !strings.HasSuffix(strings.ToLower(name), ".svg") {
			header.Method = zip.Store // it is compressed
		}
	}
	f, err := p.zip.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		return fmt.Errorf("copy %s: %w", m.Name, err)
	}
	p.media[m.SHA256] = name
	return nil
}

func (p *packageWriter) companion(name, source string, found itemfile.Found) error {
	c := companion{Format: companionFormat, SHA256: hexDigest([]byte(source)), Item: *found.Item, Kind: found.Kind}
	c.Item.ItemID = uuid.Nil
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return p.put(name, data)
}

// The namespaces of a package.
const (
	namespaceCP  = "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"
	namespaceLOM = "http://ltsc.ieee.org/xsd/LOM"
)

// identityCatalog is the catalogue of the identifier that a package written here
// gives an item in its metadata.
const identityCatalog = "Lyceum identity"

// manifest writes the list of files. It is the last file of the archive, because
// only now all items are known.
func (p *packageWriter) manifest() error {
	f, err := p.zip.Create("imsmanifest.xml")
	if err != nil {
		return err
	}
	w := &xmlWriter{}
	w.WriteString(xml.Header + `<manifest xmlns="` + namespaceCP + `" identifier="lyceum-items">` + "\n")
	w.WriteString("<metadata><schema>QTI Package</schema><schemaversion>3.0.0</schemaversion></metadata>\n<organizations/>\n<resources>\n")
	for i := range p.entries {
		w.resource(&p.entries[i])
		if w.Len() > 64<<10 {
			if err := w.flush(f); err != nil {
				return err
			}
		}
	}
	digests := make([]string, 0, len(p.media))
	for digest := range p.media {
		digests = append(digests, digest)
	}
	slices.Sort(digests)
	for _, digest := range digests {
		href := escapePath(p.media[digest])
		w.WriteString("<resource")
		w.attribute("identifier", "media-"+digest[:16])
		w.attribute("type", "webcontent")
		w.attribute("href", href)
		w.WriteString("><file")
		w.attribute("href", href)
		w.WriteString("/></resource>\n")
	}
	w.WriteString("</resources>\n</manifest>\n")
	return w.flush(f)
}

func (w *xmlWriter) flush(to io.Writer) error {
	_, err := io.WriteString(to, w.String())
	w.Reset()
	return err
}

func escapePath(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

func (w *xmlWriter) resource(e *entry) {
	w.WriteString("<resource")
	w.attribute("identifier", e.id)
	w.attribute("type", "imsqti_item_xmlv3p0")
	w.attribute("href", e.file)
	w.WriteString(">\n")
	w.lom(e)
	for _, file := range []string{e.file, e.companion} {
		w.WriteString("<file")
		w.attribute("href", file)
		w.WriteString("/>")
	}
	for _, digest := range e.media {
		w.WriteString("<dependency")
		w.attribute("identifierref", "media-"+digest[:16])
		w.WriteString("/>")
	}
	w.WriteString("\n</resource>\n")
}

// lom writes the metadata.
func (w *xmlWriter) lom(e *entry) {
	text := func(name, s string) {
		w.WriteString("<" + name + "><string>")
		w.escape(s)
		w.WriteString("</string></" + name + ">")
	}
	w.WriteString(`<metadata><lom xmlns="` + namespaceLOM + `"><general>`)
	if e.id != e.identity {
		w.WriteString("<identifier><catalog>" + identityCatalog + "</catalog><entry>")
		w.escape(e.identity)
		w.WriteString("</entry></identifier>")
	}
	text("title", e.title)
	for _, tag := range e.tags {
		text("keyword", tag)
	}
	w.WriteString("</general>")
	if word := wordOf(e.difficulty); word != "" {
		w.WriteString("<educational><difficulty><source>LOMv1.0</source><value>" + word + "</value></difficulty></educational>")
	}
	if len(e.folder) > 0 {
		w.WriteString("<classification><taxonPath>")
		text("source", folderTaxonomy)
		for _, f := range e.folder {
			w.WriteString("<taxon>")
			text("entry", f)
			w.WriteString("</taxon>")
		}
		w.WriteString("</taxonPath></classification>")
	}
	if e.difficulty != "" { // LOM has but five words for it
		w.WriteString("<classification><taxonPath>")
		text("source", difficultyTaxonomy)
		w.WriteString("<taxon>")
		text("entry", e.difficulty)
		w.WriteString("</taxon></taxonPath></classification>")
	}
	w.WriteString("</lom></metadata>\n")
}

// difficultyTaxonomy is the source of the taxon path that says the difficulty as a
// number.
const difficultyTaxonomy = "Lyceum difficulty"

// wordOf is the word of LOM that is nearest to a difficulty.
func wordOf(difficulty string) string {
	r, ok := rational(difficulty)
	if !ok {
		return ""
	}
	f, _ := r.Float64()
	words := []string{"very easy", "easy", "medium", "difficult", "very difficult"}
	return words[min(max(int(f*5), 0), 4)]
}

// itemWriter writes one item.
type itemWriter struct {
	xmlWriter
	made  *event.ItemV1 // with identifiers of QTI
	names names
	media map[string]string
	at    itemfile.Place
	lines []itemfile.Line

	declarations, outcomes, templates xmlWriter
	templateRules, rules              xmlWriter
	feedback                          xmlWriter
	total                             weights
	done                              map[string]bool // parts that stand in the body
	standard                          string          // the one template that is all of the processing
	unscored                          bool            // the part that is being written earns nothing
}

// only tells of what QTI has no word for.
func (w *itemWriter) only(what, why string) {
	for _, l := range w.lines {
		if l.What == what {
			return
		}
	}
	w.lines = append(w.lines, itemfile.Line{Severity: itemfile.Info, Place: w.at, What: what, Why: why + "; only this platform reads it, from the file beside the item"})
}

// differs tells of what other systems will do in another way.
func (w *itemWriter) differs(what, why string) {
	w.lines = append(w.lines, itemfile.Line{Severity: itemfile.Simplified, Place: w.at, What: what, Why: why})
}

// write returns the XML of the item.
func (w *itemWriter) write(id string) string {
	w.done = map[string]bool{}
	if len(w.made.HintsHTML) > 0 {
		w.only("hints", "QTI has no hints")
	}
	w.WriteString(xml.Header)
	w.WriteString(`<qti-assessment-item xmlns="` + namespaceASI + `"`)
	w.attribute("identifier", id)
	w.attribute("title", w.made.Title)
	w.WriteString(` adaptive="false" time-dependent="false"`)
	if w.made.Program != nil {
		w.fromProgram()
	} else {
		w.native()
	}
	w.WriteString("</qti-assessment-item>\n")
	return w.String()
}

// fromProgram writes an item that has its processing with it.
func (w *itemWriter) fromProgram() {
	root, _, err := readTree(strings.NewReader(w.made.Program.Source))
	if err != nil || root == nil {
		root = &node{}
		w.differs("the program", "it cannot be read")
	}
	for _, a := range root.attrs {
		if a.prefix == "xmlns" {
			w.attribute("xmlns:"+a.name, a.value)
		}
	}
	w.WriteString(">\n")
	var after []*node
	for _, k := range root.elements() {
		if k.is("qti-response-processing") {
			after = append(after, k)
			continue
		}
		w.logic(k)
		w.WriteString("\n")
	}
	body := w.body()
	w.WriteString(body)
	for _, k := range after {
		w.logic(k)
		w.WriteString("\n")
	}
	for _, f := range w.made.Program.Feedbacks {
		w.modal(&w.xmlWriter, f.Outcome, f.Identifier, f.Hide, f.Title, f.FeedbackHTML)
	}
}

// modal writes feedback.
func (w *itemWriter) modal(to *xmlWriter, outcome, identifier string, hide bool, title, text string) {
	to.WriteString("<qti-modal-feedback")
	to.attribute("outcome-identifier", outcome)
	to.attribute("identifier", identifier)
	to.attribute("show-hide", map[bool]string{false: "show", true: "hide"}[hide])
	if title != "" {
		to.attribute("title", title)
	}
	to.WriteString("><qti-content-body>" + w.blocks(text) + "</qti-content-body></qti-modal-feedback>\n")
}
