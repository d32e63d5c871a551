package qtifile

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
)

// TestRefused: what must not be read is refused with a sentence and a line.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"entities":          {`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>` + "\n" + simple("x", "&b;"), "declares entities of its own"},
		"external entities": {`<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + "\n" + simple("x", "&a;"), "declares entities of its own"},
		"deep nesting":      {simple("x", strings.Repeat("<div>", 400)+strings.Repeat("</div>", 400)), "nested deeper than 200"},
		"many elements":     {simple("x", strings.Repeat("<br/>", 150_000)), "more than 100000 elements"},
		"too large":         {simple("x", strings.Repeat("x", 17<<20)), "larger than"},
		"truncated":         {simple("x", "")[:400], "the document ends"},
		"crossed tags":      {simple("x", "<p><b></p></b>"), "</p> is where </b> should be"},
		"not XML":           {"Dear all,", "not XML"},
		"nothing":           {"", "no element"},
		"a test":            {`<assessmentTest identifier="t"/>`, "this is <assessmentTest>, which only refers to items in other files"},
		"a manifest":        {manifestOf(), "this is <manifest>"},
		"results":           {`<assessmentResult/>`, "there are no items in it"},
		"QTI 1.2":           {`<questestinterop/>`, "QTI 1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			count := 0
			for found, err := range Read(t.Context(), bytesSource("x.xml", []byte(c.source))) {
				count++
				var refused *itemfile.RefusedError
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || refused.Place.File != "x.xml" {
					t.Errorf("it says %v and yields %+v, want %q", err, found.Identity, c.want)
				}
			}
			if count != 1 {
				t.Errorf("it yields %d", count)
			}
		})
	}
}

// TestTolerated: what exporters get wrong is put right, and told.
func TestTolerated(t *testing.T) {
	plain := simple("x", "<p>Caf\u00e9 \u2013 \u00fc</p>")
	latin, err := charmap.ISO8859_1.NewEncoder().String(simple("x", "<p>Caf\u00e9 \u00fc</p>"))
	if err != nil {
		t.Fatal(err)
	}
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(plain)
	if err != nil {
		t.Fatal(err)
	}
	prefixed := strings.NewReplacer("</", "</q:", "<", "<q:", "xmlns=", "xmlns:q=").Replace(simple("x", "<p>Caf\u00e9</p>"))
	for name, c := range map[string]struct{ source, body, line string }{
		"byte order mark":     {"\ufeff" + plain, "Caf\u00e9", ""},
		"UTF-16":              {wide, "Caf\u00e9 \u2013", "UTF-16"},
		"declared Latin 1":    {`<?xml version="1.0" encoding="ISO-8859-1"?>` + latin, "Caf\u00e9 \u00fc", "encoding"},
		"undeclared Latin 1":  {latin, "Caf\u00e9 \u00fc", "bytes that are not UTF-8"},
		"HTML entities":       {simple("x", "<p>a&nbsp;b &eacute; &copy</p>"), "a\u00a0b \u00e9", ""},
		"bare ampersand":      {simple("x", "<p>Marks & Spencer</p>"), "Marks &amp; Spencer", ""},
		"control characters":  {simple("x", "<p>a\x00b\x1bc</p>"), "abc", "control characters"},
		"no namespace":        {strings.Replace(plain, ` xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1"`, "", 1), "Caf\u00e9", ""},
		"another namespace":   {strings.Replace(plain, "http://www.imsglobal.org/xsd/imsqti_v2p1", "http://example.com/x", 1), "Caf\u00e9", "it is not QTI's"},
		"prefixes":            {prefixed, "Caf\u00e9", ""},
		"document type":       {`<!DOCTYPE assessmentItem>` + plain, "Caf\u00e9", "DOCTYPE"},
		"unknown element":     {simple("x", "<p>Caf\u00e9 <wobble>bar</wobble></p>"), "Caf\u00e9 bar", "wobble"},
		"unknown attribute":   {strings.Replace(plain, "<p>", `<p wibble="1">`, 1), "Caf\u00e9", "wibble"},
		"script":              {simple("x", `<p onclick="x()">Caf&#233;<script>alert(1)</script></p><style>p{}</style>`), "Caf\u00e9", "scripts and event handlers"},
		"no alternative text": {simple("x", `<p>Caf&#233; <img src="https://example.com/x.png"/></p>`), "example.com/x.png", "images without alternative text"},
		"path out":            {simple("x", `<p>Caf&#233; <img src="../../../etc/passwd" alt="x"/></p>`), "Caf\u00e9", `file "../../../etc/passwd"`},
		"style sheet":         {strings.Replace(plain, "<itemBody>", `<stylesheet href="x.css" type="text/css"/><itemBody>`, 1), "Caf\u00e9", `style sheet "x.css"`},
		"capitals":            {simple("x", "<P>Caf&#233; <B>x</B></P>"), "Caf\u00e9 <b>x</b>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := readOne(t, bytesSource("x.xml", []byte(c.source)))
			if found.Item == nil {
				t.Fatalf("there is no item: %+v", found.Lines)
			}
			if !strings.Contains(found.Item.BodyHTML, c.body) || strings.Contains(found.Item.BodyHTML, "script") || strings.Contains(found.Item.BodyHTML, "onclick") {
				t.Errorf("the body is %q, want %q in it", found.Item.BodyHTML, c.body)
			}
			said := false
			for _, l := range found.Lines {
				said = said || strings.Contains(l.What+": "+l.Why, c.line)
			}
			if c.line != "" && !said {
				t.Errorf("nothing is said of %q: %+v", c.line, found.Lines)
			}
			if it := ready(t, found.Item); scoreOf(it, choices("RESPONSE", "a")) != "1" {
				t.Error("it does not score any more")
			}
		})
	}
}

// TestPlaceholdersAreOurs: an author cannot write what stands for parts.
func TestPlaceholdersAreOurs(t *testing.T) {
	found := readOne(t, bytesSource("x.xml", []byte(simple("x", `<div data-part="EVIL">x</div><span data-choice="RESPONSE/a">y</span><p data-when="V" data-is="x">z</p>`))))
	if body := found.Item.BodyHTML; strings.Count(body, "data-") != 1 || !strings.Contains(body, `data-part="RESPONSE"`) {
		t.Errorf("the body is %s", body)
	}
}

// TestReferencesToItself: files that refer to themselves come to an end.
func TestReferencesToItself(t *testing.T) {
	all, report := readPackage(t, zipped(t,
		"imsmanifest.xml", manifestOf(resourceOf("A", "imsqti_item_xmlv2p1", "a.xml", ""), resourceOf("M", "imsqti_item_xmlv2p1", "imsmanifest.xml", ""), resourceOf("T", "imsqti_test_xmlv2p1", "t.xml", "")),
		"a.xml", strings.Replace(simple("a", `<p><img src="a.xml" alt="x"/><object data="a.xml" type="text/html"/></p>`), "<itemBody>", `<assessmentStimulusRef href="a.xml" identifier="s"/><itemBody>`, 1),
		"t.xml", `<assessmentTest identifier="t"><testPart identifier="p"><assessmentSection identifier="s"><assessmentSectionRef href="t.xml" identifier="r"/></assessmentSection></testPart></assessmentTest>`,
	))
	if len(all) != 2 || all[0].Item == nil {
		t.Errorf("%+v", all)
	}
	for _, want := range []string{"there is no stimulus body in it", "it contains itself", "this is <manifest>"} {
		if !strings.Contains(report, want) {
			t.Errorf("nothing is said of %q in\n%s", want, report)
		}
	}
}

// TestHugeNumbers: numerals that would be too large to compute with do no harm.
func TestHugeNumbers(t *testing.T) {
	source := `<assessmentItem identifier="x" title="x"><responseDeclaration identifier="RESPONSE" cardinality="single" baseType="identifier">
<mapping defaultValue="-1e999999999" lowerBound="1e-999999999"><mapEntry mapKey="a" mappedValue="1e999999999"/><mapEntry mapKey="b" mappedValue="99999999999999999999999999999999999999999"/></mapping></responseDeclaration>
<outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float" normalMaximum="1e400"/>
<itemBody><choiceInteraction responseIdentifier="RESPONSE" maxChoices="999999999999"><simpleChoice identifier="a">a</simpleChoice><simpleChoice identifier="b">b</simpleChoice></choiceInteraction></itemBody>
<responseProcessing template="map_response"/></assessmentItem>`
	found := readOne(t, bytesSource("x.xml", []byte(source)))
	if len(found.Lines) == 0 {
		t.Error("nothing is said of it")
	}
}

// TestCancel: a reader ends with its context.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	data := zipped(t, "imsmanifest.xml", manifestOf(resourceOf("A", "imsqti_item_xmlv2p1", "a.xml", ""), resourceOf("B", "imsqti_item_xmlv2p1", "b.xml", "")), "a.xml", simple("a", ""), "b.xml", simple("b", ""))
	var last error
	items := 0
	for _, err := range Read(ctx, bytesSource("x.zip", data)) {
		items++
		last = err
		cancel()
	}
	if items != 2 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d yields, the last with %v", items, last)
	}
}
