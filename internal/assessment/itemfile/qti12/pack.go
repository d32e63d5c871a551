package qti12

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/markup"
)

// pack reads a package.
func (r *reader) pack(src itemfile.Source) error {
	archive, err := itemfile.OpenArchive(r.ctx, src, itemfile.Limits{})
	if err != nil {
		return err
	}
	r.archive, r.file, r.noted = archive, src.Name, map[string]bool{}
	if len(archive.Lines()) > 0 {
		if err := r.emit(itemfile.Found{Identity: "file:" + src.Name, Place: itemfile.Place{File: src.Name}, Lines: archive.Lines()}); err != nil {
			return err
		}
	}
	documents, err := r.documents()
	if err != nil {
		return err
	}
	if len(documents) == 0 {
		return itemfile.Refuse(itemfile.Place{File: src.Name}, "there is no QTI 1.2 in the package")
	}
	for _, name := range documents {
		if err := r.entry(name); err != nil {
			return err
		}
	}
	return nil
}

// entry reads a document of the package. A fault of it is told, and the next
// document read.
func (r *reader) entry(name string) error {
	in, err := r.archive.Open(name)
	if err == nil {
		err = errors.Join(r.document(name, in), in.Close())
	}
	var refusal *itemfile.RefusedError
	if errors.As(err, &refusal) && !errors.Is(err, errEnough) {
		line := itemfile.Line{Severity: skipped, Place: refusal.Place, What: "the rest of the file", Why: "it cannot be read: " + refusal.Reason}
		return r.emit(itemfile.Found{Identity: "file:" + name, Place: refusal.Place, Lines: []itemfile.Line{line}})
	}
	return err
}

// documents are the paths of the QTI 1.2 in the package, in the manifest's order.
func (r *reader) documents() ([]string, error) {
	var names []string
	if manifest, ok := r.archive.Manifest(); ok {
		listed, err := r.listed(manifest)
		if err != nil {
			return nil, err
		}
		names = listed
	}
	native := r.archive.WithEnding(".xml.qti")
	if len(names) == 0 {
		native = r.archive.WithEnding(".xml", ".qti", ".dat")
	}
	for _, name := range native {
		if slices.Contains(names, name) {
			continue
		}
		is, err := r.isQTI(name)
		if err != nil {
			return nil, err
		}
		if is {
			names = append(names, name)
		}
	}
	return r.withoutCopies(names), nil
}

// withoutCopies leaves out the copies in the form of Common Cartridge that Canvas
// puts beside its own: they have fewer types of questions and no points.
func (r *reader) withoutCopies(names []string) []string {
	own := map[string]bool{}
	for _, name := range names {
		if base, ok := strings.CutSuffix(path.Base(name), ".xml.qti"); ok {
			own[strings.ToLower(base)] = true
		}
	}
	return slices.DeleteFunc(names, func(name string) bool {
		if path.Base(name) != "assessment_qti.xml" || !own[strings.ToLower(path.Base(path.Dir(name)))] {
			return false
		}
		r.note(info, 0, "file "+quote(name), "the package has the same questions twice; the fuller form of Canvas is read")
		return true
	})
}

// listed are the files that the manifest calls QTI 1.2.
func (r *reader) listed(manifest string) ([]string, error) {
	in, err := r.archive.Open(manifest)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	x, err := xmlstream.New(in, xmlstream.Options{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", manifest, err)
	}
	var names []string
	for {
		kind, e, err := x.Next()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, refused(manifest, err)
		}
		if kind != xmlstream.Start || e.Name != "resource" {
			continue
		}
		resource, err := x.Tree(e, nil)
		if err != nil {
			return nil, refused(manifest, err)
		}
		for _, name := range r.resource(manifest, resource) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
}

// resource are the paths of the QTI 1.2 in a resource of the manifest.
func (r *reader) resource(manifest string, n *xmlstream.Node) []string {
	kind := strings.ToLower(n.Get("type"))
	if !strings.HasPrefix(kind, "imsqti_xmlv1") && !strings.HasPrefix(kind, "imsqti_item_xmlv1") && !strings.Contains(kind, "qti_asi") &&
		!strings.HasPrefix(kind, "assessment/x-bb-qti") && !strings.HasSuffix(strings.ToLower(n.Get("href")), ".xml.qti") {
		return nil
	}
	refs := []string{n.Get("href"), n.Get("file")} // the latter is Blackboard's
	for f := range n.Elements("file") {
		refs = append(refs, f.Get("href"))
	}
	var names []string
	found := false
	for _, ref := range refs {
		if ref == "" {
			continue
		}
		name, ok := r.archive.Beside(manifest, ref)
		if !ok {
			continue
		}
		switch strings.ToLower(path.Ext(name)) {
		case ".xml", ".qti", ".dat":
			if base := path.Base(name); base == "assessment_meta.xml" || slices.Contains(names, name) {
				continue
			}
			names, found = append(names, name), true
		}
	}
	if !found {
		r.note(missing, n.Line, "resource "+quote(n.Get("identifier")), "the package does not contain its file")
	}
	return names
}

// isQTI looks at the root element of a file.
func (r *reader) isQTI(name string) (bool, error) {
	in, err := r.archive.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { _ = in.Close() }()
	x, err := xmlstream.New(in, xmlstream.Options{})
	if err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	for {
		kind, e, err := x.Next()
		switch {
		case errors.Is(err, io.EOF) || isFault(err):
			return false, nil
		case err != nil:
			return false, err
		case kind == xmlstream.Start:
			return e.Name == "questestinterop", nil
		}
	}
}

// settings reads Canvas' settings of a quiz, of which one is about its questions.
func (r *reader) settings(ident string) {
	r.shuffles = false
	name, ok := r.archive.Find(path.Join(path.Dir(r.file), "assessment_meta.xml"))
	if !ok {
		name, ok = r.archive.Find(path.Join(ident, "assessment_meta.xml"))
	}
	if !ok || r.archive.Bytes(name) > 4<<20 {
		return
	}
	in, err := r.archive.Open(name)
	if err != nil {
		return
	}
	defer func() { _ = in.Close() }()
	x, err := xmlstream.New(in, xmlstream.Options{})
	if err != nil {
		return
	}
	for {
		kind, e, err := x.Next()
		if err != nil {
			return
		}
		if kind == xmlstream.Start && e.Name == "quiz" {
			n, err := x.Tree(e, nil)
			if err != nil {
				return
			}
			r.shuffles = yes(n.Child("shuffle_answers").Content())
			r.note(info, 0, "settings of the quiz "+quote(n.Child("title").Content()), "its questions are imported, tests are put together here")
			return
		}
	}
}

// resolve is asked about each link and file in the text of a question.
func (q *question) resolve(ref markup.Reference) (markup.Target, bool) {
	if itemfile.IsDataURL(ref.URL) {
		m, ok := itemfile.DataURL(ref.URL)
		if !ok {
			return markup.Target{}, false
		}
		q.show(m)
		return markup.Target{URL: m.URL()}, true
	}
	if m, ok := q.file(ref.URL); ok {
		q.show(m)
		return markup.Target{URL: m.URL()}, true
	}
	if _, _, fault := markup.Web(ref.URL); fault == "" {
		return markup.Target{}, false
	}
	name := fileName(ref.URL)
	if ref.Element == "a" && !isFileReference(ref.URL) {
		q.lose(simplified, "link to "+quote(ref.URL), "it leads to a page of the system that the file comes from; its text is kept")
		return markup.Target{}, true
	}
	q.lose(missing, "file "+quote(ref.URL), "it is not in what was imported; a mark is left in the text")
	return markup.Target{Missing: name}, true
}

// fileBases are what exporters write in the place of the folder of files.
var fileBases = []string{"$IMS-CC-FILEBASE$", "%24IMS-CC-FILEBASE%24", "$IMS_CC_FILE_BASE$", "$IMS_CC_FILEBASE$", "%24IMS_CC_FILEBASE%24", "$1EdTech-CC-FILEBASE$"}

func isFileReference(raw string) bool {
	_, ok := afterBase(raw)
	return ok || strings.Contains(raw, "@X@EmbeddedFile") || path.Ext(fileName(raw)) != "" && !strings.HasPrefix(raw, "$")
}

func afterBase(raw string) (string, bool) {
	for _, base := range fileBases {
		if len(raw) >= len(base) && strings.EqualFold(raw[:len(base)], base) {
			return strings.TrimLeft(raw[len(base):], "/"), true
		}
	}
	return "", false
}

// fileName is the plain name in a reference.
func fileName(raw string) string {
	if cut := strings.IndexAny(raw, "?#"); cut >= 0 {
		raw = raw[:cut]
	}
	name := path.Base(strings.ReplaceAll(raw, `\`, "/"))
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	return markup.Shorten(name, 100)
}

// file finds the file of the package that a reference means.
func (q *question) file(raw string) (itemfile.Media, bool) {
	if m, ok := itemfile.DataURL(raw); ok {
		return m, true
	}
	if q.r.archive == nil || raw == "" {
		return itemfile.Media{}, false
	}
	name, ok := q.r.find(raw)
	if !ok {
		return itemfile.Media{}, false
	}
	m, err := q.r.archive.Media(name)
	if err != nil {
		q.lose(missing, "file "+quote(name), "it cannot be read: "+err.Error())
		return itemfile.Media{}, false
	}
	return named(m), true
}

// named gives a file without an ending one that says what it is: Canvas' New
// Quizzes call files by their identifiers.
func named(m itemfile.Media) itemfile.Media {
	if path.Ext(m.Name) != "" {
		return m
	}
	f, err := m.Open()
	if err != nil {
		return m
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	kind, _, _ := strings.Cut(http.DetectContentType(head[:n]), ";")
	switch kind {
	case "image/png":
		m.Name += ".png"
	case "image/jpeg":
		m.Name += ".jpg"
	case "image/gif":
		m.Name += ".gif"
	case "image/webp":
		m.Name += ".webp"
	case "audio/mpeg":
		m.Name += ".mp3"
	case "video/mp4":
		m.Name += ".mp4"
	}
	return m
}

func (r *reader) find(raw string) (string, bool) {
	if rest, ok := afterBase(raw); ok {
		if cut := strings.IndexAny(rest, "?#"); cut >= 0 {
			rest = rest[:cut]
		}
		for strings.HasPrefix(rest, "../") {
			rest = rest[3:]
		}
		for _, folder := range []string{"web_resources/", "", "resources/", path.Dir(r.file) + "/"} {
			if name, ok := r.archive.Find(folder + rest); ok {
				return name, true
			}
		}
		return "", false
	}
	if at := strings.Index(raw, "xid-"); at >= 0 && strings.Contains(raw, "bbcswebdav") {
		id := raw[at:]
		if end := strings.IndexFunc(id, func(c rune) bool { return c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') }); end > 0 {
			id = id[:end]
		}
		return r.named(id)
	}
	if strings.Contains(raw, "://") || strings.HasPrefix(raw, "//") || strings.HasPrefix(raw, "$") {
		return "", false
	}
	return r.archive.Beside(r.file, raw)
}

// named finds the file whose name, without its ending, ends with an identifier of
// Blackboard's store of files.
func (r *reader) named(id string) (string, bool) {
	if r.files == nil {
		r.files = map[string]string{}
		for _, name := range r.archive.Names() {
			base := strings.TrimSuffix(path.Base(name), path.Ext(name))
			if at := strings.LastIndex(base, "xid-"); at >= 0 && !strings.HasSuffix(name, ".xml") {
				r.files[base[at:]] = name
			}
		}
	}
	name, ok := r.files[id]
	return name, ok
}
