package olx

import (
	"strings"
	"testing"
)

// cleaned sanitises a fragment in a course with the static files of export.
func cleaned(t *testing.T, markup string) (string, *Report) {
	t.Helper()
	block, report := onlyBlock(t, `<html url_name="h" filename="h"/>`, map[string]string{"html/h.html": markup})
	return block.HTML, report
}

func TestHostileMarkup(t *testing.T) {
	for _, markup := range []string{
		`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `<svg onload=alert(1)><script>alert(1)</script></svg>`,
		`<a href="javascript:alert(1)">x</a>`, `<a href=" java&#10;script:alert(1)">x</a>`, `<a href="data:text/html,<script>alert(1)</script>">x</a>`,
		`<iframe src="javascript:alert(1)"></iframe>`, `<iframe srcdoc="<script>alert(1)</script>"></iframe>`, `<object data="javascript:alert(1)"></object>`,
		`<div style="background:url(javascript:alert(1))">x</div>`, `<style>@import 'javascript:alert(1)'</style>`, `<base href="https://evil.example/">`,
		`<form action="https://evil.example/"><input name=password><button formaction="javascript:alert(1)">go</button></form>`,
		`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>`, `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
		`<a href="asset:0000/steal.png">x</a>`, `<a href="unit:018f3b6e-0000-7000-8000-000000000001">x</a>`, `<div data-part="1" id="login" class="modal">x</div>`,
		`<meta http-equiv="refresh" content="0;url=https://evil.example">`, `<template><img src=x onerror=alert(1)></template>`, `<!--[if IE]><script>alert(1)</script><![endif]-->`,
		`<img src="/static/diagram.png" alt="&quot;><script>alert(1)</script>">`, `<p title="x" onclick="alert(1)">y</p>`,
	} {
		got, _ := cleaned(t, markup)
		// What is left may show hostile text, never markup with it.
		for _, bad := range []string{"<script", "onerror=", "onload=", "onclick=", `"javascript:`, "srcdoc", "<style", "style=", "<base", "<form", "<input", "formaction", "<meta", "<iframe", "<object", "<svg", "<template", "data-part", "id=", "class=", "asset:0000", "unit:018f", "<!--", `href="data:`} {
			if strings.Contains(strings.ReplaceAll(got, "&#34;&gt;&lt;script", ""), bad) {
				t.Errorf("%s became %s", markup, got)
			}
		}
	}
}

func TestKeptMarkup(t *testing.T) {
	for _, markup := range []string{
		`<h2>Title</h2><p>Text <em>and</em> <strong>more</strong>, H<sub>2</sub>O, <code>x &lt; y</code></p>`,
		`<p>\( a &lt; b \) and \[ \frac{1}{2} \]</p>`,
		`<table><caption>C</caption><thead><tr><th scope="col" colspan="2">H</th></tr></thead><tbody><tr><td rowspan="2">1</td></tr></tbody></table>`,
		`<ol start="3"><li>x</li></ol>`, `<p lang="fr" dir="ltr">Bonjour</p>`, `<details open=""><summary>S</summary>D</details>`,
	} {
		got, report := cleaned(t, markup)
		if got != markup {
			t.Errorf("%s became %s", markup, got)
		}
		wantClean(t, report)
	}
}

func TestLinks(t *testing.T) {
	for _, tc := range []struct {
		markup, want string // want is part of the result
		missing      bool
	}{
		{`<img src="/static/diagram.png" alt="D" width="50%" height="30px">`, `alt="D" width="50%" height="30"`, false},
		{`<img src="/static/diagram.png">`, `/diagram.png"`, false},
		{`<img src="/static/Big_Map.png">`, `/Big%20Map.png"`, false},
		{`<img src="/static/Big%20Map.png">`, `/Big%20Map.png"`, false},
		{`<a href="/static/notes_1_.pdf">n</a>`, `/notes%281%29.pdf"`, false},
		{`<img src="/asset-v1:Org+Num+run+type@asset+block@Big_Map.png">`, `/Big%20Map.png"`, false},
		{`<img src="https://studio.example.org/asset-v1:Org+Num+run+type@asset+block/../asset-v1:O+N+r+type@asset+block@diagram.png">`, `/diagram.png"`, false},
		{`<img src="/assets/courseware/v1/0123/asset-v1:Org+Num+run+type@asset+block/diagram.png">`, `/diagram.png"`, false},
		{`<img src="/c4x/Org/Num/asset/diagram.png">`, `src="asset:`, false},
		{`<img src="/static/gone.png" alt="A map">`, `<em>[Missing file: gone.png (A map)]</em>`, true},
		{`<a href="/static/gone.pdf">paper</a>`, `paper</span><em>[Missing file: gone.pdf]</em>`, true},
		{`<a href="chapter2.html">next</a>`, `<span>next</span>`, true},
		{`<a href="https://example.org/a?b=c&amp;d" target="_blank">x</a>`, `href="https://example.org/a?b=c&amp;d"`, false},
		{`<a href="mailto:a@example.org">x</a>`, `href="mailto:a@example.org"`, false},
		{`<img src="//example.org/i.png">`, `src="https://example.org/i.png"`, false},
		{`<a href="/jump_to_id/page">x</a>`, `href="unit:`, false},
		{`<iframe title="Simulation" src="https://example.org/s"></iframe>`, `<a href="https://example.org/s" rel="nofollow noreferrer">Open: Simulation</a>`, false},
		{`<center><font color="red">x</font></center>`, `<div><span>x</span></div>`, false},
	} {
		got, report := cleaned(t, tc.markup)
		if !strings.Contains(got, tc.want) {
			t.Errorf("%s became %s, want %s in it", tc.markup, got, tc.want)
		}
		if missing := len(report.Of(Missing)) > 0; missing != tc.missing {
			t.Errorf("%s: missing reported: %v\n%s", tc.markup, missing, report.Text())
		}
	}
}

func TestWhatIsDroppedIsReported(t *testing.T) {
	_, report := cleaned(t, `<script src="/static/x.js"></script><p onclick="f()" style="color:red" class="c">a %%USER_ID%%</p><link rel="stylesheet" href="s.css">
		<button>b</button><blink>c</blink><iframe src="https://example.org/"></iframe><a href="#top">d</a><a href="/jump_to_id/nowhere">e</a><a href="ftp://example.org/">f</a>`)
	for _, words := range [][]string{
		{"script /static/x.js ×1", "onclick ×1"}, {"style sheets", "link s.css"}, {"button ×1"}, {"blink ×1"}, {"iframe https://example.org/"},
		{"#top"}, {"/jump_to_id/nowhere"}, {`"ftp"`}, {"%%USER_ID%%"},
	} {
		wantReported(t, report, Simplified, append(words, "html/h")...)
	}
	if a := report.Counts.DroppedAttributes; a["style"] != 1 || a["class"] != 1 {
		t.Errorf("dropped attributes %v", a)
	}
	wantReported(t, report, Info, "style ×1")
}

func TestDeepMarkupIsNotFatal(t *testing.T) {
	got, report := cleaned(t, strings.Repeat("<div>", 5000))
	if strings.Count(got, "<div>") > 600 {
		t.Error("nested without limit")
	}
	wantReported(t, report, Skipped, "a text")
}

func TestReportIsBounded(t *testing.T) {
	_, report := cleaned(t, strings.Repeat(`<a href="x">y</a>`, maxEntries+5))
	if len(report.Entries) != maxEntries || report.Omitted < 5 || !strings.Contains(report.Text(), " more\n") {
		t.Errorf("%d entries, %d omitted", len(report.Entries), report.Omitted)
	}
}
