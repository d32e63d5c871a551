package qti12

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

func manifest(resources string) file {
	return file{"imsmanifest.xml", `<?xml version="1.0"?><manifest xmlns="http://www.imsglobal.org/xsd/imsccv1p1/imscp_v1p1"><metadata><schema>IMS Common Cartridge</schema><schemaversion>1.1.0</schemaversion></metadata><resources>` + resources + `</resources></manifest>`}
}

// pixels is a picture of that size.
func pixels(t *testing.T, width, height int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func packed(t *testing.T, files ...file) []itemfile.Found {
	t.Helper()
	list, err := all(t, source("p.imscc", zipped(t, files...)))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func single(html string) string {
	return item(canvas("multiple_choice_question", "1"), stem(html)+choose("Single", "a", "A", "b", "B"), processing(when("", equal("response1", "a"), set("100"))))
}

// TestACartridgeHoldsQuestionsTwice: Canvas puts a poorer copy beside its own form.
func TestACartridgeHoldsQuestionsTwice(t *testing.T) {
	list := packed(t,
		manifest(`<resource identifier="q1" type="imsqti_xmlv1p2/imscc_xmlv1p1/assessment"><file href="q1/assessment_qti.xml"/><dependency identifierref="m"/></resource>`+
			`<resource identifier="m" type="associatedcontent/imscc_xmlv1p1/learning-application-resource" href="q1/assessment_meta.xml"><file href="q1/assessment_meta.xml"/><file href="non_cc_assessments/q1.xml.qti"/></resource>`+
			`<resource identifier="b" type="associatedcontent/imscc_xmlv1p1/learning-application-resource" href="non_cc_assessments/bank.xml.qti"><file href="non_cc_assessments/bank.xml.qti"/></resource>`+
			`<resource identifier="gone" type="imsqti_xmlv1p2/imscc_xmlv1p1/question-bank"><file href="gone.xml"/></resource>`),
		file{"q1/assessment_qti.xml", strings.ReplaceAll(document(single("poor")), `ident="i1"`, `ident="cc"`)},
		file{"q1/assessment_meta.xml", `<quiz identifier="q1"><title>My quiz</title><shuffle_answers>true</shuffle_answers></quiz>`},
		file{"non_cc_assessments/q1.xml.qti", strings.Replace(document(single("rich")), `ident="a1"`, `ident="q1"`, 1)},
		file{"non_cc_assessments/bank.xml.qti", `<questestinterop><objectbank ident="b"><qtimetadata><qtimetadatafield><fieldlabel>bank_title</fieldlabel><fieldentry>The bank</fieldentry></qtimetadatafield></qtimetadata>` + strings.Replace(single("banked"), "i1", "i2", 1) + `</objectbank></questestinterop>`},
	)
	var bodies []string
	var lines []itemfile.Line
	for _, found := range list {
		lines = append(lines, found.Lines...)
		if found.Item != nil {
			bodies = append(bodies, found.Item.BodyHTML)
			if found.Item.BodyHTML == "rich" && (!found.Item.Parts[0].Shuffle || found.Place.File != "non_cc_assessments/q1.xml.qti") {
				t.Errorf("%+v", found.Item.Parts[0])
			}
		}
	}
	if fmt.Sprint(bodies) != "[banked rich]" && fmt.Sprint(bodies) != "[rich banked]" {
		t.Errorf("%q", bodies)
	}
	whole := itemfile.Found{Lines: lines}
	wantLine(t, whole, itemfile.Info, "assessment_qti.xml", "twice")
	wantLine(t, whole, itemfile.Missing, `"gone"`)
	wantLine(t, whole, itemfile.Info, "settings of the quiz", "My quiz")
}

func TestFilesOfAPackage(t *testing.T) {
	refs := []string{
		"$IMS-CC-FILEBASE$/Uploaded%20Media/a%20b.png?canvas_download=1", "%24IMS-CC-FILEBASE%24/Uploaded Media/a b.png", "$IMS_CC_FILE_BASE$Uploaded Media/a b.png", "../web_resources/Uploaded Media/A B.PNG", "plain.png",
	}
	html := ""
	for i, ref := range refs {
		html += fmt.Sprintf(`<img src="%s" alt="%d">`, ref, i)
	}
	html += `<a href="$IMS-CC-FILEBASE$/doc.pdf">doc</a><a href="$WIKI_REFERENCE$/pages/start">page</a><img src="$IMS-CC-FILEBASE$/none.png" alt="n"><a href="https://example.org/">web</a><img src="data:image/png;base64,` + base64.StdEncoding.EncodeToString([]byte("x")) + `" alt="d">`
	list := packed(t, manifest(`<resource identifier="q" type="imsqti_xmlv1p2"><file href="quiz/q.xml"/></resource>`),
		file{"quiz/q.xml", document(single(html))}, file{"web_resources/Uploaded Media/a b.png", "one"}, file{"quiz/plain.png", "two"}, file{"web_resources/doc.pdf", "three"})
	found := list[0]
	if n := strings.Count(found.Item.BodyHTML, `src="asset:`); n != 6 {
		t.Errorf("%d of 6 images in %s", n, found.Item.BodyHTML)
	}
	for _, want := range []string{`/doc.pdf" rel="nofollow noreferrer">doc</a>`, `<span>page</span>`, `[Missing file: none.png (n)]`, `href="https://example.org/"`} {
		if !strings.Contains(found.Item.BodyHTML, want) {
			t.Errorf("no %s in %s", want, found.Item.BodyHTML)
		}
	}
	if len(found.Media) != 4 {
		t.Errorf("%d media: %+v", len(found.Media), found.Media)
	}
	for _, m := range found.Media {
		r, err := m.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || int64(len(data)) != m.Bytes || itemfile.MediaOf("", data).SHA256 != m.SHA256 {
			t.Errorf("%+v: %q %v", m, data, err)
		}
	}
	wantLine(t, found, itemfile.Missing, "none.png")
	wantLine(t, found, itemfile.Simplified, "$WIKI_REFERENCE$")
}

func TestBlackboardFiles(t *testing.T) {
	html := `<img src="@X@EmbeddedFile.requestUrlStub@X@bbcswebdav/xid-17_1" alt="x">`
	list := packed(t, manifest(`<resource identifier="res1" type="assessment/x-bb-qti-pool" bb:file="res1.dat" xml:base="res1"/>`), file{"res1.dat", document(single(html))}, file{"csfiles/home_dir/pic__xid-17_1.png", "x"}, file{"csfiles/home_dir/pic__xid-17_1.png.xml", "<lom/>"})
	if !strings.Contains(list[0].Item.BodyHTML, `/pic__xid-17_1.png"`) {
		t.Errorf("%s", list[0].Item.BodyHTML)
	}
}

func TestAreasOfAnImage(t *testing.T) {
	xy := func(id, uri, label string) string {
		return `<item ident="` + id + `">` + canvas("hot_spot_question", "2") + `<presentation><flow><response_xy ident="response1" rcardinality="Single">` + stem("Point at it") + `<render_hotspot><material><matimage uri="` + uri + `"/></material>` + label + `</render_hotspot></response_xy></flow></presentation></item>`
	}
	canvasArea := `<response_label ident="response1" rarea="%s">%s</response_label>`
	choiceItem := `<item ident="c"><presentation><response_lid ident="r" rcardinality="Single"><render_hotspot><material><matimage uri="../img/map.png" label="A map"/></material><response_label ident="A" rarea="Rectangle">10,20,30,40</response_label><response_label ident="B" rarea="Ellipse">100,50,20,10</response_label></render_hotspot></response_lid></presentation>` +
		processing(when("", equal("r", "B"), set("100"))) + `</item>`
	insideItem := `<item ident="in"><presentation><response_xy ident="r"><render_hotspot><material><matimage uri="../img/map.png"/></material></render_hotspot></response_xy></presentation>` +
		processing(when("", `<varinside respident="r" areatype="Rectangle">0,0,50,50</varinside>`, set("100")), when("", `<varinside respident="r" areatype="Ellipse">150,50,20,20</varinside>`, set("50"))) + `</item>`
	list := packed(t, file{"q/q.xml", document(
		xy("s", "$IMS-CC-FILEBASE$/Uploaded Media/uuid", fmt.Sprintf(canvasArea, "square", "0.1,0.2,0.5,0.6")),
		xy("o", "$IMS-CC-FILEBASE$/Uploaded Media/uuid", fmt.Sprintf(canvasArea, "oval", "0.0,0.0,0.5,1.0")),
		xy("p", "$IMS-CC-FILEBASE$/Uploaded Media/uuid", fmt.Sprintf(canvasArea, "polygon", "0.1,0.1,0.9,0.1,0.5,0.9")),
		xy("bad", "$IMS-CC-FILEBASE$/Uploaded Media/uuid", fmt.Sprintf(canvasArea, "square", "0.372")),
		choiceItem, insideItem)}, file{"web_resources/Uploaded Media/uuid", pixels(t, 200, 100)}, file{"img/map.png", pixels(t, 200, 100)})
	byID := map[string]itemfile.Found{}
	for _, found := range list {
		byID[found.Place.ID] = found
	}
	point := func(x, y int) scoring.Response { return scoring.Response{"1": {Points: [][2]int{{x, y}}}} }
	square := byID["s"]
	wantKinds(t, square, event.Point)
	if img := square.Item.Parts[0].Image; img.Width != 200 || img.Height != 100 || !strings.HasSuffix(img.Src, "/uuid.png") || square.Item.Parts[0].PromptHTML != "Point at it" {
		t.Errorf("%+v", square.Item.Parts[0])
	}
	wantLine(t, square, itemfile.Simplified, "alternative text")
	earns(t, square, point(20, 20), "2")
	earns(t, square, point(100, 60), "2")
	earns(t, square, point(101, 60), "0")
	earns(t, byID["o"], point(50, 50), "2")
	earns(t, byID["o"], point(2, 2), "0")
	earns(t, byID["p"], point(100, 50), "2")
	earns(t, byID["p"], point(20, 80), "0")
	wantLine(t, byID["bad"], itemfile.Skipped, "coordinates")
	wantKinds(t, byID["c"], event.Hotspot)
	if c := byID["c"].Item.Parts[0].Choices; fmt.Sprintf("%v %s %v", c[0].Area.Coords, c[1].Area.Shape, c[1].Area.Coords) != "[10 20 40 60] ellipse [100 50 10 5]" {
		t.Errorf("%+v %+v", c[0].Area, c[1].Area)
	}
	earns(t, byID["c"], chosen("B"), "1")
	earns(t, byID["in"], point(50, 50), "1")
	earns(t, byID["in"], point(150, 60), "0.5")
	earns(t, byID["in"], point(80, 80), "0")
}

// TestAFaultyFileOfAPackageIsItsOwn: the others are read.
func TestAFaultyFileOfAPackageIsItsOwn(t *testing.T) {
	broken := document(strings.Replace(single("before"), "i1", "i0", 1), "<item><presentation>")
	list := packed(t, file{"a.xml", broken}, file{"b.xml", document(single("fine"))}, file{"c.xml", "<other/>"}, file{"d.xml", "not XML"})
	bodies := ""
	var lines []itemfile.Line
	for _, found := range list {
		lines = append(lines, found.Lines...)
		if found.Item != nil {
			bodies += found.Item.BodyHTML + " "
		}
	}
	if bodies != "before fine " {
		t.Errorf("%q", bodies)
	}
	wantLine(t, itemfile.Found{Lines: lines}, itemfile.Skipped, "rest of the file", "is where")
}

func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		what  string
		data  string
		words []string
	}{
		{"cut", document(single("Q"))[:700], []string{"q.xml:2", "ends"}},
		{"entities", `<!DOCTYPE questestinterop [<!ENTITY x SYSTEM "file:///etc/passwd">]><questestinterop><item ident="&x;"/></questestinterop>`, []string{"entities of its own"}},
		{"deep", "<questestinterop>" + strings.Repeat("<section>", 300), []string{"deeper than 200"}},
		{"deep in an item", "<questestinterop><item>" + strings.Repeat("<flow>", 300), []string{"deeper than 200"}},
		{"mismatch", "<questestinterop><item>\n</section>", []string{"q.xml:2", "should be"}},
		{"a package without questions", string(zipped(t, file{"readme.txt", "x"})), []string{"no QTI 1.2"}},
		{"a damaged package", string(zipped(t, file{"a.xml", document(single("Q"))})[:80]), []string{"damaged"}},
		{"a broken manifest", string(zipped(t, file{"imsmanifest.xml", "<manifest>"})), []string{"imsmanifest.xml", "ends before"}},
	} {
		_, err := all(t, source("q.xml", []byte(tc.data)))
		var refused *itemfile.RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", tc.what, err)
			continue
		}
		for _, w := range tc.words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", tc.what, err, w)
			}
		}
	}
}

// TestWhatWasReadBeforeAFaultWasPassedOn: the caller decides what to do with it.
func TestWhatWasReadBeforeAFaultWasPassedOn(t *testing.T) {
	list, err := all(t, source("q.xml", []byte(document(single("Q"), "<item><oops></item>"))))
	if err == nil || len(list) == 0 || list[0].Item == nil {
		t.Errorf("%d, %v", len(list), err)
	}
}

func TestTolerance(t *testing.T) {
	doc := strings.NewReplacer(`<?xml version="1.0" encoding="UTF-8"?>`, "", ` xmlns="http://www.imsglobal.org/xsd/ims_qtiasiv1p2"`, "").Replace(document(item("", `<material><mattext texttype="text/html">AT&T &nbsp;caf`+"\xe9"+`</mattext></material>`+choose("Single", "a", "A"), "")))
	list, err := all(t, source("q.xml", []byte("\xef\xbb\xbf"+doc)))
	if err != nil || list[0].Item.BodyHTML != "AT&amp;T \u00a0café" {
		t.Fatalf("%v %+v", err, list)
	}
	wantLine(t, list[len(list)-1], itemfile.Info, "not UTF-8")
	latin, err := all(t, source("q.xml", []byte(`<?xml version="1.0" encoding="ISO-8859-1"?>`+strings.ReplaceAll(doc, "café", "caf\xe9"))))
	if err != nil || !strings.Contains(latin[0].Item.BodyHTML, "café") {
		t.Errorf("%v", err)
	}
}

func TestReadingCanStop(t *testing.T) {
	doc := []byte(document(single("1"), single("2"), single("3")))
	n := 0
	for _, err := range Read(t.Context(), source("q.xml", doc)) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n = 0
	for _, err := range Read(ctx, source("q.xml", doc)) {
		cancel()
		if n++; n == 2 && !errors.Is(err, context.Canceled) || n > 2 {
			t.Errorf("%d: %v", n, err)
		}
	}
	if n != 2 {
		t.Errorf("%d", n)
	}
}

// TestThousandsOfConditionsAreRefused: they are work without a bound.
func TestThousandsOfConditionsAreRefused(t *testing.T) {
	var rules []string
	for range 12000 {
		rules = append(rules, when("", equal("response1", "a"), add("1")))
	}
	found := only(t, document(item("", stem("Q")+choose("Multiple", "a", "A"), processing(rules...))))
	wantLine(t, found, itemfile.Skipped, "24000 conditions")
}
