package itemfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/markup"
)

// Format is a format of item files.
type Format string

// The formats that are read.
const (
	GIFT      Format = "gift"
	MoodleXML Format = "moodle-xml"
	QTI12     Format = "qti-1.2"   // Canvas, Common Cartridge and others
	QTI       Format = "qti-2-3"   // 2.0, 2.1, 2.2, 3.0
	QTIMixed  Format = "qti-mixed" // a package of items of both
)

// Detected is what a file turned out to be.
type Detected struct {
	Format Format
	// Name says it to a reader: "QTI 2.1 package", "Common Cartridge 1.1".
	Name string
	// Package says that it is an archive and not a single file.
	Package bool
}

// Detect tells the format of a file by its content; its name is not looked at. A
// file that is none of the formats is refused with a sentence that says what it
// is, if that is known, and what to do.
func Detect(ctx context.Context, src Source, limits Limits) (Detected, error) {
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(src.Reader(), head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Detected{}, err
	}
	head = head[:n]
	at := Place{File: src.Name}
	switch {
	case len(bytes.TrimSpace(head)) == 0:
		return Detected{}, Refuse(at, "the file is empty")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")), bytes.HasPrefix(head, []byte("PK\x07\x08")):
		return detectArchive(ctx, src, limits)
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return Detected{}, Refuse(at, "%s", gzipped(src))
	}
	if why := otherFormat(head); why != "" {
		return Detected{}, Refuse(at, "%s", why)
	}
	text := asText(head)
	start := strings.TrimLeft(text, " \t\r\n")
	switch {
	case strings.HasPrefix(start, "<") && !strings.HasPrefix(start, "<html") && looksLikeXML(start):
		return detectXML(src)
	case strings.HasPrefix(start, "{") && strings.HasPrefix(strings.TrimLeft(start[1:], " \t\r\n"), `"`), strings.HasPrefix(start, "[{"), strings.HasPrefix(start, "[\n"):
		return Detected{}, Refuse(at, "this is JSON, which is no format of item files: export the questions as QTI, Moodle XML or GIFT")
	case strings.ContainsRune(text, 0):
		return Detected{}, Refuse(at, "this is not a text and no archive: QTI, Moodle XML, GIFT, Canvas exports and Common Cartridges can be read")
	case looksLikeAiken(text):
		return Detected{}, Refuse(at, "this seems to be Aiken: import it into Moodle and export it from there as Moodle XML or GIFT")
	}
	return Detected{Format: GIFT, Name: "GIFT"}, nil
}

// asText is the beginning as UTF-8.
func asText(head []byte) string {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) ||
		bytes.HasPrefix(head, []byte("<\x00")) || bytes.HasPrefix(head, []byte("\x00<")) {
		order := unicode.LittleEndian
		if head[0] == 0 || head[0] == 0xfe {
			order = unicode.BigEndian
		}
		if out, _, err := transform.Bytes(unicode.UTF16(order, unicode.UseBOM).NewDecoder(), head[:len(head)&^1]); err == nil {
			return string(out)
		}
	}
	return string(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
}

// otherFormat names files that people take for item files.
func otherFormat(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("%PDF")):
		return "this is a PDF: export the questions as QTI, Moodle XML or GIFT"
	case bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")):
		return "this is a document of an old version of Microsoft Office: export the questions as QTI, Moodle XML or GIFT"
	case bytes.HasPrefix(head, []byte("{\\rtf")):
		return "this is RTF: export the questions as QTI, Moodle XML or GIFT"
	case bytes.HasPrefix(head, []byte("7z\xbc\xaf")), bytes.HasPrefix(head, []byte("Rar!")):
		return "this is a 7z or RAR archive: pack it as zip"
	case bytes.HasPrefix(head, []byte("\x89PNG")), bytes.HasPrefix(head, []byte("\xff\xd8\xff")), bytes.HasPrefix(head, []byte("GIF8")):
		return "this is an image"
	}
	return ""
}

// gzipped says what is in a gzip file, none of which is read.
func gzipped(src Source) string {
	const refusal = "this is a .tar.gz or another gzip file: item packages are zip archives"
	z, err := gzip.NewReader(bufio.NewReader(src.Reader()))
	if err != nil {
		return refusal
	}
	head := make([]byte, 64<<10)
	n, _ := io.ReadFull(z, head)
	switch head = head[:n]; {
	case bytes.Contains(head, []byte("moodle_backup.xml")), bytes.Contains(head, []byte(".ARCHIVE_INDEX")):
		return moodleBackup
	case bytes.Contains(head, []byte("course.xml")):
		return "this seems to be an Open edX course: import it as a course"
	}
	return refusal
}

const moodleBackup = "this is a Moodle backup (.mbz): in Moodle's question bank choose Export and the format Moodle XML, and import that file"

// looksLikeXML tells XML from a GIFT text that begins with a tag of HTML.
func looksLikeXML(start string) bool {
	for strings.HasPrefix(start, "<!--") {
		_, rest, ended := strings.Cut(start, "-->")
		if !ended {
			return true
		}
		start = strings.TrimLeft(rest, " \t\r\n")
	}
	return strings.HasPrefix(start, "<?xml") || strings.HasPrefix(start, "<!DOCTYPE") ||
		anyTag.MatchString(start) && !htmlTag.MatchString(start)
}

var (
	anyTag  = regexp.MustCompile(`^<[A-Za-z_][\w.:-]*(\s+[\w.:-]+\s*=|\s*/?>)`)
	htmlTag = regexp.MustCompile(`(?i)^<(p|div|span|b|i|u|s|em|strong|small|big|font|center|h[1-6]|img|br|hr|a|table|ul|ol|li|dl|sub|sup|pre|code|tt|blockquote|article|header|figure|audio|video|math|svg|iframe|script|style|label|abbr|cite|q|mark|del|ins|ruby)[\s/>]`)
)

var aiken = regexp.MustCompile(`(?m)^\s*[A-Z][.)]\s.*\n(\s*[A-Z][.)]\s.*\n)+\s*ANSWER:\s*[A-Z]\s*$`)

func looksLikeAiken(text string) bool {
	text = strings.ReplaceAll(text, "\r", "")
	return !strings.Contains(text, "{") && aiken.MatchString(text)
}

// detectXML tells by the root element.
func detectXML(src Source) (Detected, error) {
	at := Place{File: src.Name}
	root, err := rootOf(src.Reader())
	if err != nil {
		return Detected{}, refuseXML(at, err)
	}
	d, why := rootFormat(root)
	if why != "" {
		return Detected{}, Refuse(at, "%s", why)
	}
	return d, nil
}

// refuseXML says in which line a document is faulty.
func refuseXML(at Place, err error) error {
	var fault *xmlstream.Error
	if errors.As(err, &fault) {
		at.Line = fault.Line
		return Refuse(at, "%s", fault.Reason)
	}
	return err
}

// rootOf reads up to the root element.
func rootOf(r io.Reader) (xmlstream.Element, error) {
	x, err := xmlstream.New(r, xmlstream.Options{})
	if err != nil {
		return xmlstream.Element{}, err
	}
	for {
		kind, e, err := x.Next()
		if err != nil || kind == xmlstream.Start {
			return e, err
		}
	}
}

func rootFormat(root xmlstream.Element) (d Detected, why string) {
	switch root.Name {
	case "quiz", "question":
		return Detected{Format: MoodleXML, Name: "Moodle XML"}, ""
	case "questestinterop":
		return Detected{Format: QTI12, Name: "QTI 1.2"}, ""
	case "assessment", "section", "item", "objectbank":
		return Detected{Format: QTI12, Name: "QTI 1.2"}, ""
	case "assessmentItem", "assessmentTest", "assessmentSection", "assessmentStimulus":
		return Detected{Format: QTI, Name: "QTI " + versionOf(root)}, ""
	case "manifest":
		return Detected{}, "this is the manifest of a package: import the whole package, as a zip archive"
	case "moodle_backup":
		return Detected{}, moodleBackup
	case "problem", "course", "library":
		return Detected{}, "this is OLX of Open edX: import it as a course"
	case "html", "HTML":
		return Detected{}, "this is a web page: export the questions as QTI, Moodle XML or GIFT"
	}
	if strings.HasPrefix(root.Name, "qti-") {
		return Detected{Format: QTI, Name: "QTI 3.0"}, ""
	}
	return Detected{}, "this is XML, but none of an item format: its root element is <" + markup.Shorten(root.Name, 60) + ">"
}

// versionOf is the version of QTI 2 that the namespaces of a root element name.
func versionOf(root xmlstream.Element) string {
	for _, a := range root.Attrs {
		for _, v := range []string{"2p0", "2p1", "2p2"} {
			if (a.Prefix == "xmlns" || a.Name == "xmlns" || a.Name == "schemaLocation") && strings.Contains(a.Value, "v"+v) {
				return strings.ReplaceAll(v, "p", ".")
			}
		}
	}
	return "2.x"
}

// detectArchive tells by the manifest, and without one by the files.
func detectArchive(ctx context.Context, src Source, limits Limits) (Detected, error) {
	a, err := OpenArchive(ctx, src, limits)
	if err != nil {
		return Detected{}, err
	}
	at := Place{File: src.Name}
	if manifest, ok := a.Manifest(); ok {
		return a.detectManifest(manifest)
	}
	for base, why := range map[string]string{
		"moodle_backup.xml":    moodleBackup,
		"[content_types].xml":  "this is a document of Microsoft Office: export the questions as QTI, Moodle XML or GIFT",
		"META-INF/MANIFEST.MF": "this is a Java archive",
		"h5p.json":             "this is an H5P activity: export the questions as QTI, Moodle XML or GIFT",
		"course.xml":           "this seems to be an Open edX course: import it as a course",
		"content.xml":          "this is a document of an office program: export the questions as QTI, Moodle XML or GIFT",
	} {
		if _, ok := a.Find(base); ok {
			return Detected{}, Refuse(at, "%s", why)
		}
	}
	d, err := a.detectFiles()
	if err != nil || d.Format != "" {
		return d, err
	}
	for _, name := range a.names {
		if isArchive(name) {
			return Detected{}, Refuse(at, "there are no questions in it but another archive, %q: unpack it once and import that", markup.Shorten(name, 100))
		}
	}
	return Detected{}, Refuse(at, "there is no imsmanifest.xml in the archive and no file of a known item format")
}

// detectFiles looks at the XML files of an archive without a manifest.
func (a *Archive) detectFiles() (Detected, error) {
	const enough = 200
	seen := map[Format]Detected{}
	for i, name := range a.WithEnding(".xml", ".qti", ".dat") {
		if i == enough {
			break
		}
		r, err := a.Open(name)
		if err != nil {
			return Detected{}, err
		}
		root, err := rootOf(r)
		if err := errors.Join(r.Close(), machineError(err)); err != nil {
			return Detected{}, err
		}
		if d, why := rootFormat(root); err == nil && why == "" {
			if _, known := seen[d.Format]; !known {
				seen[d.Format] = d
			}
		}
	}
	qti, is2 := seen[QTI]
	old, is1 := seen[QTI12]
	switch _, moodle := seen[MoodleXML]; {
	case is2 && is1:
		return Detected{Format: QTIMixed, Name: "QTI 1.2 and " + strings.TrimPrefix(qti.Name, "QTI ") + " files", Package: true}, nil
	case is2:
		return Detected{Format: QTI, Name: qti.Name + " files without a manifest", Package: true}, nil
	case is1:
		return Detected{Format: QTI12, Name: old.Name + " files without a manifest", Package: true}, nil
	case moodle:
		return Detected{}, Refuse(Place{File: a.source.Name}, "the archive holds Moodle XML: unpack it and import the XML file itself")
	}
	return Detected{}, nil
}

// machineError is err unless it is about the content.
func machineError(err error) error {
	var fault *xmlstream.Error
	var refused *RefusedError
	if errors.As(err, &fault) || errors.As(err, &refused) {
		return nil
	}
	return err
}

// detectManifest tells by the types of the resources.
func (a *Archive) detectManifest(manifest string) (Detected, error) {
	r, err := a.Open(manifest)
	if err != nil {
		return Detected{}, err
	}
	defer func() { _ = r.Close() }()
	x, err := xmlstream.New(r, xmlstream.Options{})
	if err != nil {
		return Detected{}, err
	}
	var m manifestSigns
	for {
		kind, e, err := x.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Detected{}, refuseXML(Place{File: manifest}, err)
		}
		m.see(kind, e, x)
	}
	if m.second == "" && !m.first {
		return a.withoutTypes(m)
	}
	return m.detected(), nil
}

// withoutTypes looks at the files when the manifest names no type that is known.
func (a *Archive) withoutTypes(m manifestSigns) (Detected, error) {
	d, err := a.detectFiles()
	if err != nil || d.Format != "" {
		return d, err
	}
	name := "package"
	if m.schema != "" {
		name = "package (" + markup.Shorten(m.schema+" "+m.schemaVersion, 60) + ")"
	}
	return Detected{}, Refuse(Place{File: a.source.Name}, "the %s has no questions in it: none of its resources is one of QTI", name)
}

// manifestSigns are the signs of a format in a manifest.
type manifestSigns struct {
	schema, schemaVersion, at string
	second                    string // version of QTI 2 or 3
	first                     bool   // QTI 1.2
	cartridge                 string // version of Common Cartridge
	blackboard                bool
}

func (m *manifestSigns) see(kind xmlstream.Kind, e xmlstream.Element, x *xmlstream.Reader) {
	switch {
	case kind == xmlstream.Text:
		switch text := strings.TrimSpace(string(x.Text())); {
		case m.at == "schema" && m.schema == "":
			m.schema = text
		case m.at == "schemaversion" && m.schemaVersion == "":
			m.schemaVersion = text
		}
	case kind == xmlstream.End:
		m.at = ""
	default:
		m.at = e.Name
		if e.Name == "resource" {
			m.resource(strings.ToLower(e.Get("type")))
		}
	}
}

var (
	secondType    = regexp.MustCompile(`^imsqti_(?:item|test|section|stimulus|assessment)_xmlv(2p\d|3p\d)`)
	cartridgeType = regexp.MustCompile(`imscc_xmlv(\dp\d)`)
)

func (m *manifestSigns) resource(kind string) {
	if found := secondType.FindStringSubmatch(kind); found != nil {
		if strings.HasPrefix(kind, "imsqti_item") || m.second == "" {
			m.second = strings.Replace(found[1], "p", ".", 1)
		}
		return
	}
	if found := cartridgeType.FindStringSubmatch(kind); found != nil && m.cartridge == "" {
		m.cartridge = strings.Replace(found[1], "p", ".", 1)
	}
	switch {
	case strings.HasPrefix(kind, "imsqti_xmlv1p"), strings.HasPrefix(kind, "imsqti_item_xmlv1p"), strings.Contains(kind, "qti_asi"):
		m.first = true
	case strings.HasPrefix(kind, "assessment/x-bb-qti"):
		m.first, m.blackboard = true, true
	}
}

func (m *manifestSigns) detected() Detected {
	d := Detected{Package: true}
	switch {
	case m.second != "" && m.first:
		d.Format, d.Name = QTIMixed, "QTI 1.2 and "+m.second+" package"
	case m.second != "":
		d.Format, d.Name = QTI, "QTI "+m.second+" package"
	case m.blackboard:
		d.Format, d.Name = QTI12, "Blackboard export"
	case m.cartridge != "":
		d.Format, d.Name = QTI12, "Common Cartridge "+m.cartridge
	default:
		d.Format, d.Name = QTI12, "QTI 1.2 package"
	}
	return d
}
