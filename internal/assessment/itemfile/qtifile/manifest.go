package qtifile

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/markup"
)

// resource is a file of a package that its manifest lists.
type resource struct {
	id, kind   string
	identity   string // of packages that this package has written
	href       string // relative to the manifest
	line       int
	files      []string // companions
	tags       []string
	folder     []string // of packages that this package has written
	difficulty string
	ignored    []string // kinds of metadata that are not kept
}

// manifest is what a package says of itself. Of its resources only those are kept
// that may be items, tests, sections or QTI 1.2.
type manifest struct {
	resources []resource
	lines     []itemfile.Line
}

// manifestReader reads a manifest as a stream: that of a large package has tens
// of megabytes.
type manifestReader struct {
	*xmlstream.Reader
	m     *manifest
	file  string
	path  []string // names of the open elements
	base  []string // xml:base of them
	words map[string]string

	current *resource
	// Of the metadata that is being read:
	text       strings.Builder
	source     string   // of a taxon path
	taxa       []string // its entries
	entry      []string // words of one entry, in several languages
	vocabulary string   // the value of a vocabulary
	catalog    string   // of an identifier
}

// readManifest reads the manifest of an archive.
func readManifest(a *itemfile.Archive, file string) (_ *manifest, err error) {
	r, err := a.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	x, err := xmlstream.New(r, xmlstream.Options{Token: 4 << 20, Total: 20_000_000})
	if err != nil {
		return nil, err
	}
	m := &manifestReader{Reader: x, m: &manifest{}, file: file, words: map[string]string{}}
	for {
		kind, e, err := x.Next()
		switch {
		case errors.Is(err, io.EOF):
			for _, n := range x.Notes() {
				m.line(itemfile.Info, 0, n.What, n.Why)
			}
			return m.m, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", file, err)
		case kind == xmlstream.Start:
			m.start(e)
		case kind == xmlstream.End:
			m.end()
		case m.current != nil && len(m.path) > 4:
			m.text.Write(x.Text())
		}
	}
}

func (m *manifestReader) line(severity itemfile.Severity, line int, what, why string) {
	m.m.lines = append(m.m.lines, itemfile.Line{Severity: severity, Place: itemfile.Place{File: m.file, Line: line}, What: what, Why: why})
}

// intern keeps one copy of words that occur often.
func (m *manifestReader) intern(s string) string {
	if known, ok := m.words[s]; ok {
		return known
	}
	s = strings.Clone(s)
	if len(m.words) < 100_000 {
		m.words[s] = s
	}
	return s
}

func (m *manifestReader) start(e xmlstream.Element) {
	base := ""
	if len(m.base) > 0 {
		base = m.base[len(m.base)-1]
	}
	for _, a := range e.Attrs {
		if a.Prefix == "xml" && a.Name == "base" {
			base = path.Join(base, a.Value)
		}
	}
	m.path, m.base = append(m.path, e.Name), append(m.base, base)
	m.text.Reset()
	switch e.Name {
	case "resource":
		if len(m.path) == 3 {
			m.current = &resource{id: e.Get("identifier"), kind: m.intern(e.Get("type")), href: under(base, e.Get("href")), line: e.Line}
		}
	case "file":
		if href := e.Get("href"); m.current != nil && len(m.path) == 4 {
			if m.current.href == "" {
				m.current.href = under(base, href)
			}
			if strings.HasPrefix(href, companionFolder) {
				m.current.files = append(m.current.files, under(base, href))
			}
		}
	case "taxonPath", "taxonpath":
		m.source, m.taxa = "", nil
	}
	if m.current != nil && len(m.path) == 6 && m.within("lom") {
		switch e.Name {
		case "general", "classification", "educational", "metaMetadata", "metametadata":
		default:
			m.ignore(e.Name)
		}
	}
}

func under(base, href string) string {
	if base == "" || href == "" {
		return href
	}
	return path.Join(base, href)
}

func (m *manifestReader) within(name string) bool { return slices.Contains(m.path, name) }

func (m *manifestReader) ignore(name string) {
	if name = m.intern(name); !slices.Contains(m.current.ignored, name) && len(m.current.ignored) < 20 {
		m.current.ignored = append(m.current.ignored, name)
	}
}

func (m *manifestReader) end() {
	name := m.path[len(m.path)-1]
	if m.current != nil {
		m.metadata(name)
	}
	m.path, m.base = m.path[:len(m.path)-1], m.base[:len(m.base)-1]
	if name == "resource" && len(m.path) == 2 && m.current != nil {
		if isOfInterest(m.current) {
			m.m.resources = append(m.m.resources, *m.current)
		}
		m.current = nil
	}
	m.text.Reset()
}

// metadata takes what an element of the metadata says when it ends.
func (m *manifestReader) metadata(name string) {
	r := m.current
	parent := ""
	if len(m.path) > 1 {
		parent = m.path[len(m.path)-2]
	}
	text := markup.Shorten(m.text.String(), 200)
	switch name {
	case "string", "langstring":
		switch {
		case parent == "keyword":
			r.tag(m.intern(text))
		case parent == "entry" && m.within("taxon") && text != "":
			m.entry = append(m.entry, text)
		case parent == "source":
			m.source = text
		case parent == "value" && m.within("difficulty"):
			m.vocabulary = text
		}
	case "keyword":
		r.tag(m.intern(text)) // of LOM without languages
	case "source":
		m.source = orElse(text, m.source)
	case "catalog":
		m.catalog = text
	case "entry":
		if parent == "identifier" {
			if m.catalog == identityCatalog {
				r.identity = strings.TrimSpace(m.text.String())
			}
			break
		}
		m.taxa = append(m.taxa, strings.Join(append(m.entry, nonEmpty(text)...), " "))
		m.entry = nil
	case "taxonPath", "taxonpath":
		m.taxon()
	case "value":
		if parent == "difficulty" {
			r.difficulty = difficultyOf(orElse(text, m.vocabulary))
		}
	case "qtiMetadata", "qtimetadata":
	case "curriculumStandardsMetadataSet", "curriculumStandardsMetadata":
		m.ignore(name)
	}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// taxon takes a path of a classification: ours is the folder, of others the last
// step is a tag.
func (m *manifestReader) taxon() {
	switch {
	case len(m.taxa) == 0:
	case m.source == folderTaxonomy:
		for _, t := range m.taxa {
			m.current.folder = append(m.current.folder, m.intern(t))
		}
	case m.source == difficultyTaxonomy:
		m.current.difficulty = m.taxa[0]
	default:
		m.current.tag(m.intern(m.taxa[len(m.taxa)-1]))
	}
	m.taxa = nil
}

func (r *resource) tag(tag string) {
	const most = 50
	if tag != "" && len(r.tags) < most && !slices.Contains(r.tags, tag) {
		r.tags = append(r.tags, tag)
	}
}

// difficultyOf is the share that a word of LOM's vocabulary stands for.
func difficultyOf(word string) string {
	return map[string]string{
		"very easy": "0.1", "easy": "0.3", "medium": "0.5", "difficult": "0.7", "very difficult": "0.9",
	}[strings.ToLower(word)]
}

// isItem, isTest and isSection know resources by their types.
func (r *resource) isItem() bool {
	return strings.Contains(r.kind, "qti_item") || strings.Contains(r.kind, "qti_apipitem")
}
func (r *resource) isTest() bool {
	return strings.Contains(r.kind, "qti_test") || strings.Contains(r.kind, "qti_apiptest")
}
func (r *resource) isSection() bool { return strings.Contains(r.kind, "qti_section") }

// isOld reports whether it is of QTI 1.2.
func (r *resource) isOld() bool {
	return strings.Contains(r.kind, "qti_xmlv1p") || strings.Contains(r.kind, "imsqti_xmlv1")
}

// isOfInterest drops what items refer to by themselves.
func isOfInterest(r *resource) bool {
	if r.isItem() || r.isTest() || r.isSection() || r.isOld() {
		return true
	}
	known := []string{"webcontent", "stimulus", "associatedcontent", "rptemplate", "resprocessing", "cssstyles", "css", "controlfile", "extension", "outcomes", "imslti", "imswl", "imsdt", "pls"}
	for _, k := range known {
		if strings.Contains(strings.ToLower(r.kind), k) {
			return false
		}
	}
	return strings.HasSuffix(strings.ToLower(r.href), ".xml")
}
