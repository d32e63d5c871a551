package itemfile

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"
)

func manifestOf(types ...string) file {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><manifest xmlns="http://www.imsglobal.org/xsd/imscp_v1p1"><metadata><schema>IMS Content</schema><schemaversion>1.1.3</schemaversion></metadata><resources>`)
	for _, kind := range types {
		b.WriteString(`<resource identifier="r" type="` + kind + `"><file href="x.xml"/></resource>`)
	}
	b.WriteString(`</resources></manifest>`)
	return file{name: "imsmanifest.xml", text: b.String()}
}

func TestTheFormatIsToldByTheContent(t *testing.T) {
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(`<?xml version="1.0" encoding="UTF-16"?><quiz></quiz>`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what   string
		data   []byte
		format Format
		name   string
	}{
		{"Moodle XML", []byte(`<?xml version="1.0"?>` + "\n<quiz>\n<question type=\"category\">"), MoodleXML, "Moodle XML"},
		{"with a byte order mark", []byte("\xef\xbb\xbf<quiz></quiz>"), MoodleXML, "Moodle XML"},
		{"in UTF-16", []byte(utf16), MoodleXML, "Moodle XML"},
		{"after a comment", []byte("<!-- by hand --><quiz/>"), MoodleXML, "Moodle XML"},
		{"QTI 1.2", []byte(`<questestinterop xmlns="http://www.imsglobal.org/xsd/ims_qtiasiv1p2"><assessment/></questestinterop>`), QTI12, "QTI 1.2"},
		{"QTI 1.2 with a DOCTYPE", []byte(`<!DOCTYPE questestinterop SYSTEM "ims_qtiasiv1p2.dtd"><questestinterop/>`), QTI12, "QTI 1.2"},
		{"QTI 2.1", []byte(`<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="x"/>`), QTI, "QTI 2.1"},
		{"QTI 2.2 with a prefix", []byte(`<q:assessmentItem xmlns:q="http://www.imsglobal.org/xsd/imsqti_v2p2"/>`), QTI, "QTI 2.2"},
		{"QTI 2 without a namespace", []byte(`<assessmentItem identifier="x"/>`), QTI, "QTI 2.x"},
		{"QTI 3", []byte(`<qti-assessment-item xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0"/>`), QTI, "QTI 3.0"},
		{"GIFT", []byte("// a comment\n::Q1:: Who? {=Grant ~Lee}"), GIFT, "GIFT"},
		{"GIFT with markup", []byte("<p>Who?</p> {=Grant ~Lee}"), GIFT, "GIFT"},
		{"GIFT with a tag", []byte("<IMG src='x'> {T}"), GIFT, "GIFT"},
		{"GIFT with a comment of HTML", []byte("<!-- c -->\n<!-- d -->Who? {T}"), GIFT, "GIFT"},
		{"a section", []byte(`<section ident="s"><item/></section>`), QTI12, "QTI 1.2"},
		{"GIFT with an angle", []byte("<x and y> {T}"), GIFT, "GIFT"},
		{"GIFT with braces first", []byte("[html]x {T}"), GIFT, "GIFT"},
		{"Canvas", zipped(t, manifestOf("imsqti_xmlv1p2", "associatedcontent/imscc_xmlv1p1/learning-application-resource")), QTI12, "Common Cartridge 1.1"},
		{"Canvas quiz", zipped(t, manifestOf("imsqti_xmlv1p2")), QTI12, "QTI 1.2 package"},
		{"Common Cartridge", zipped(t, manifestOf("webcontent", "imsqti_xmlv1p2/imscc_xmlv1p3/assessment")), QTI12, "Common Cartridge 1.3"},
		{"Common Cartridge bank", zipped(t, manifestOf("imsqti_xmlv1p2/imscc_xmlv1p1/question-bank")), QTI12, "Common Cartridge 1.1"},
		{"Blackboard", zipped(t, manifestOf("assessment/x-bb-qti-pool")), QTI12, "Blackboard export"},
		{"QTI 2.1 package", zipped(t, manifestOf("imsqti_test_xmlv2p1", "imsqti_item_xmlv2p1")), QTI, "QTI 2.1 package"},
		{"QTI 3 package", zipped(t, manifestOf("imsqti_item_xmlv3p0", "imsqti_stimulus_xmlv3p0")), QTI, "QTI 3.0 package"},
		{"both", zipped(t, manifestOf("imsqti_item_xmlv2p1", "imsqti_xmlv1p2")), QTIMixed, "QTI 1.2 and 2.1 package"},
		{"no types", zipped(t, manifestOf("webcontent"), file{name: "x.xml", text: "<questestinterop/>"}), QTI12, "QTI 1.2 files without a manifest"},
		{"no manifest", zipped(t, file{name: "x.xml", text: "<assessmentItem/>"}), QTI, "QTI 2.x files without a manifest"},
	} {
		got, err := Detect(t.Context(), source("f", tc.data), Limits{})
		if err != nil || got.Format != tc.format || got.Name != tc.name {
			t.Errorf("%s: %+v %v", tc.what, got, err)
		}
	}
}

func TestOtherFilesAreRefusedWithAdvice(t *testing.T) {
	for _, tc := range []struct {
		what  string
		data  []byte
		words string
	}{
		{"nothing", nil, "empty"},
		{"white space", []byte(" \n "), "empty"},
		{"a Moodle backup", gzippedTar(t, "moodle_backup.xml"), "choose Export and the format Moodle XML"},
		{"an old Moodle backup", zipped(t, file{name: "moodle_backup.xml"}), "choose Export and the format Moodle XML"},
		{"an Open edX course", gzippedTar(t, "course/course.xml"), "import it as a course"},
		{"another gzip file", gzippedTar(t, "x"), "item packages are zip archives"},
		{"a Word document", zipped(t, file{name: "[Content_Types].xml"}, file{name: "word/document.xml"}), "Microsoft Office"},
		{"an old Word document", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "Microsoft Office"},
		{"JSON", []byte(`{"questions": []}`), "JSON"},
		{"a PDF", []byte("%PDF-1.7"), "PDF"},
		{"bytes", []byte("abc\x00\x01\x02"), "not a text"},
		{"Aiken", []byte("Which?\nA. one\nB. two\nANSWER: A\n"), "Aiken"},
		{"a web page", []byte("<?xml version='1.0'?><html></html>"), "web page"},
		{"other XML", []byte("<?xml version='1.0'?><rss/>"), "<rss>"},
		{"other XML without a declaration", []byte(`<assessmentResult xmlns="u">{}</assessmentResult>`), "<assessmentResult>"},
		{"a manifest alone", []byte("<manifest/>"), "whole package"},
		{"a package without questions", zipped(t, manifestOf("webcontent")), "no questions"},
		{"an archive of something", zipped(t, file{name: "readme.txt", text: "x"}), "no imsmanifest.xml"},
		{"an archive in an archive", zipped(t, file{name: "export.imscc", text: "x"}), "unpack it once"},
		{"Moodle XML in an archive", zipped(t, file{name: "q.xml", text: "<quiz/>"}), "unpack it"},
		{"a damaged archive", []byte("PK\x03\x04xxxxxxxxx"), "damaged"},
		{"broken XML", []byte("<?xml version='1.0'?>\n<!-- x"), "line"},
		{"entities", []byte("<?xml version='1.0'?>\n<!DOCTYPE quiz [<!ENTITY a 'x'>]>\n<quiz/>"), "entities of its own"},
		{"H5P", zipped(t, file{name: "h5p.json"}), "H5P"},
	} {
		_, err := Detect(t.Context(), source("f", tc.data), Limits{})
		if err == nil {
			t.Errorf("%s: not refused", tc.what)
			continue
		}
		if tc.what == "broken XML" {
			wantRefused(t, err, "f:")
			continue
		}
		wantRefused(t, err, tc.words)
	}
}
