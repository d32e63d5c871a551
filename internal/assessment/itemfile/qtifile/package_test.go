package qtifile

import (
	"archive/zip"
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
)

// zipped packs files; their names are in pairs with their content.
func zipped(t testing.TB, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i := 0; i+1 < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// simple is an item with one question, and something in its body before it.
func simple(id, body string) string {
	return `<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="` + id + `" title="` + id + `" adaptive="false" timeDependent="false">
<responseDeclaration identifier="RESPONSE" cardinality="single" baseType="identifier"><correctResponse><value>a</value></correctResponse></responseDeclaration>
<outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float"/>
<itemBody>` + body + `<choiceInteraction responseIdentifier="RESPONSE" maxChoices="1"><prompt>Which?</prompt><simpleChoice identifier="a">a</simpleChoice><simpleChoice identifier="b">b</simpleChoice></choiceInteraction></itemBody>
<responseProcessing template="http://www.imsglobal.org/question/qti_v2p1/rptemplates/match_correct"/></assessmentItem>`
}

func resourceOf(id, kind, href, metadata string) string {
	return `<resource identifier="` + id + `" type="` + kind + `" href="` + href + `">` + metadata + `<file href="` + href + `"/></resource>`
}

func manifestOf(resources ...string) string {
	return `<?xml version="1.0"?><manifest xmlns="http://www.imsglobal.org/xsd/imscp_v1p1" xmlns:imsmd="http://ltsc.ieee.org/xsd/LOM" identifier="M"><metadata><schema>QTIv2.1</schema></metadata><organizations/><resources>` +
		strings.Join(resources, "\n") + `</resources></manifest>`
}

// readPackage is what a package yields, in its order, and all lines.
func readPackage(t testing.TB, data []byte) (all []itemfile.Found, report string) {
	t.Helper()
	var lines strings.Builder
	for found, err := range Read(t.Context(), bytesSource("package.zip", data)) {
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range found.Lines {
			fmt.Fprintf(&lines, "%s %s: %s: %s\n", l.Severity, l.Place, l.What, l.Why)
		}
		if found.Kind != "" {
			all = append(all, found)
		}
	}
	return all, lines.String()
}

// TestPackage: a package with a folder around it, nested folders, a test with
// sections in other files, shared stimuli, metadata, media.
func TestPackage(t *testing.T) {
	const png = "an image"
	lom := `<metadata><imsmd:lom><imsmd:general><imsmd:title><imsmd:string>T</imsmd:string></imsmd:title><imsmd:keyword><imsmd:string>rivers</imsmd:string></imsmd:keyword><imsmd:keyword><imsmd:langstring>Europe</imsmd:langstring></imsmd:keyword></imsmd:general>
<imsmd:lifeCycle><imsmd:version><imsmd:string>3</imsmd:string></imsmd:version></imsmd:lifeCycle><imsmd:educational><imsmd:difficulty><imsmd:source><imsmd:string>LOMv1.0</imsmd:string></imsmd:source><imsmd:value><imsmd:string>difficult</imsmd:string></imsmd:value></imsmd:difficulty></imsmd:educational>
<imsmd:classification><imsmd:taxonPath><imsmd:source><imsmd:string>Subjects</imsmd:string></imsmd:source><imsmd:taxon><imsmd:entry><imsmd:string>Science</imsmd:string></imsmd:entry></imsmd:taxon><imsmd:taxon><imsmd:entry><imsmd:string>Geography</imsmd:string></imsmd:entry></imsmd:taxon></imsmd:taxonPath></imsmd:classification></imsmd:lom></metadata>`
	data := zipped(t,
		"export/imsmanifest.xml", manifestOf(
			resourceOf("I-1", "imsqti_item_xmlv2p1", "items/a/one.xml", lom),
			resourceOf("I-2", "imsqti_item_xmlv2p2", "items/b/two%20words.xml", ""),
			resourceOf("I-1", "imsqti_item_xmlv2p2", "items/b/three.xml", ""),
			resourceOf("I-4", "imsqti_item_xmlv2p2", "items/none.xml", ""),
			resourceOf("T", "imsqti_test_xmlv2p1", "test.xml", ""),
			resourceOf("S", "imsqti_stimulus_xmlv3p0", "stimuli/text.xml", ""),
			resourceOf("OLD", "imsqti_xmlv1p2", "old.xml", ""),
			resourceOf("W", "webcontent", "img/map.png", ""),
		),
		"export/test.xml", `<assessmentTest xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="T" title="The test"><timeLimits maxTime="60"/><testPart identifier="P" navigationMode="linear" submissionMode="individual">
<assessmentSection identifier="S1" title="First" visible="true"><assessmentItemRef identifier="x" href="items/a/one.xml" category="hard maths"><weight identifier="W" value="2"/></assessmentItemRef>
<assessmentSectionRef identifier="R" href="sections/more.xml"/></assessmentSection></testPart></assessmentTest>`,
		"export/sections/more.xml", `<assessmentSection xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="S2" title="Second" visible="true"><assessmentItemRef identifier="y" href="../items/b/two words.xml"/>
<assessmentSectionRef identifier="again" href="more.xml"/><assessmentItemRef identifier="z" href="missing.xml"/></assessmentSection>`,
		"export/items/a/one.xml", simple("one", `<p><img src="../../img/map.png" alt="A map"/><img src="none.png" alt="n"/></p>`),
		"export/items/b/two words.xml", strings.Replace(simple("two", ""), "<outcomeDeclaration", `<assessmentStimulusRef identifier="S" href="../../stimuli/text.xml"/><outcomeDeclaration`, 1),
		"export/items/b/three.xml", simple("three", ""),
		"export/stimuli/text.xml", `<qti-assessment-stimulus xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" identifier="S" title="t"><qti-stimulus-body><p>Shared <img src="../img/map.png" alt="m"/></p></qti-stimulus-body></qti-assessment-stimulus>`,
		"export/img/map.png", png,
		"export/old.xml", "<questestinterop/>",
	)
	all, report := readPackage(t, data)
	var ids []string
	for _, f := range all {
		ids = append(ids, f.Identity)
	}
	if !slices.Equal(ids, []string{"I-1", "I-2", "I-1#2", "I-4"}) {
		t.Fatalf("identities %q in\n%s", ids, report)
	}
	one, two, three, none := all[0], all[1], all[2], all[3]
	if !slices.Equal(one.Folder, []string{"The test", "First"}) || !slices.Equal(one.Tags, []string{"rivers", "Europe", "Geography", "hard", "maths"}) || one.Difficulty != "0.7" {
		t.Errorf("the first is in %q with %q, %q", one.Folder, one.Tags, one.Difficulty)
	}
	if len(one.Media) != 1 || one.Media[0].Name != "map.png" || !strings.Contains(one.Item.BodyHTML, one.Media[0].URL()) {
		t.Errorf("the first has the files %+v and the body %s", one.Media, one.Item.BodyHTML)
	}
	if !slices.Equal(two.Folder, []string{"The test", "First", "Second"}) || !strings.HasPrefix(two.Item.BodyHTML, "<section><p>Shared <img") || len(two.Media) != 1 {
		t.Errorf("the second is in %q with %s", two.Folder, two.Item.BodyHTML)
	}
	if three.Folder != nil || three.Item == nil || none.Item != nil {
		t.Errorf("the third is in %q, the fourth is %+v", three.Folder, none.Item)
	}
	for _, want := range []string{
		`missing export/items/a/one.xml:1 (I-1): file "none.png"`, `missing export/imsmanifest.xml`, `item "items/none.xml"`, "lifeCycle", `simplified export/test.xml`, "timeLimits",
		`"more.xml": it contains itself`, `missing export/test.xml:2 (T): item "missing.xml"`, "weight", `there more than once; this item goes by "I-1#2"`, "QTI 1.2", "info export/items/b/two words.xml",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("nothing is said of %q in\n%s", want, report)
		}
	}
}

// TestPackageWithoutManifest: all items of an archive are taken.
func TestPackageWithoutManifest(t *testing.T) {
	for name, files := range map[string][]string{
		"none":   {"b/two.xml", simple("two", ""), "a/one.xml", simple("one", ""), "a/readme.txt", "x", "a/other.xml", "<other/>"},
		"broken": {"imsmanifest.xml", "<manifest><resources></manifest>", "b/two.xml", simple("two", ""), "a/one.xml", simple("one", "")},
	} {
		t.Run(name, func(t *testing.T) {
			all, report := readPackage(t, zipped(t, files...))
			if len(all) != 2 || all[0].Identity != "one" || all[1].Identity != "two" {
				t.Errorf("%+v", all)
			}
			if !strings.Contains(report, "manifest") || name == "none" && !strings.Contains(report, "this is <other>") {
				t.Errorf("the report is\n%s", report)
			}
		})
	}
}

// TestBrokenItem: one item that is not XML leaves the others as they are.
func TestBrokenItem(t *testing.T) {
	all, report := readPackage(t, zipped(t,
		"imsmanifest.xml", manifestOf(resourceOf("A", "imsqti_item_xmlv2p1", "a.xml", ""), resourceOf("B", "imsqti_item_xmlv2p1", "b.xml", ""), resourceOf("C", "imsqti_item_xmlv2p1", "c.xml", ""), resourceOf("D", "imsqti_item_xmlv2p1", "d.xml", "")),
		"a.xml", simple("a", ""), "b.xml", "<assessmentItem>\n\n<itemBody></assessmentItem>", "c.xml", "<notAnItem/>", "d.xml", simple("d", ""),
	))
	if len(all) != 4 || all[0].Item == nil || all[1].Item != nil || all[2].Item != nil || all[3].Item == nil {
		t.Errorf("%+v\n%s", all, report)
	}
	for _, want := range []string{"skipped b.xml:3 (B)", "this is <notAnItem>"} {
		if !strings.Contains(report, want) {
			t.Errorf("nothing is said of %q in\n%s", want, report)
		}
	}
}

// TestMemoryIsBounded: a package of many items is read, and written, one at a
// time. What stays is what the manifest says of each.
func TestMemoryIsBounded(t *testing.T) {
	const items = 3000
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	filler := "<p>" + strings.Repeat("a long text ", 400) + "</p>"
	found := readOne(t, bytesSource("x.xml", []byte(simple("item", filler))))
	var out bytes.Buffer
	lines, err := Write(&out, func(yield func(itemfile.Found, error) bool) {
		for i := range items {
			found.Identity = fmt.Sprintf("item-%d", i)
			if !yield(found, nil) {
				return
			}
		}
	})
	if err != nil || len(lines) > 0 {
		t.Fatal(err, lines)
	}
	n, early, most := 0, uint64(0), uint64(0)
	for found, err := range Read(t.Context(), bytesSource("x.zip", withoutCompanions(t, out.Bytes()))) {
		if err != nil || found.Item == nil {
			t.Fatal(err, found.Lines)
		}
		switch n++; {
		case n == items/4:
			early = live()
		case n > items/4 && n%500 == 0:
			most = max(most, live())
		}
	}
	if n != items {
		t.Errorf("%d items, want %d", n, items)
	}
	// The items that are read in between have 11 MB of text, and as much of markup.
	if grown := int64(most) - int64(early); grown > 3<<20 {
		t.Errorf("the memory grows by %d bytes while %d items are read", grown, items*3/4)
	}
}
