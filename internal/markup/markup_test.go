package markup

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// items is how the readers of item files clean.
func items() *Cleaner { return New(Options{Placeholders: true, Math: true}) }

// keepAssets is the resolver of a caller that cleans what it made itself.
func keepAssets(r Reference) (Target, bool) {
	return Target{URL: r.URL}, strings.HasPrefix(r.URL, "asset:")
}

// hostile are known ways to get a script past a sanitiser.
var hostile = []string{
	`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `<svg onload=alert(1)><script>alert(1)</script></svg>`,
	`<a href="javascript:alert(1)">x</a>`, `<a href=" java&#10;script:alert(1)">x</a>`, "<a href=\"\x01javascript:alert(1)\">x</a>",
	`<a href="data:text/html,<script>alert(1)</script>">x</a>`, `<a href="&#x6A&#x61&#x76ascript:alert(1)">x</a>`, `<a href="vbscript:x">x</a>`,
	`<iframe src="javascript:alert(1)"></iframe>`, `<iframe srcdoc="<script>alert(1)</script>"></iframe>`, `<object data="javascript:alert(1)"></object>`,
	`<div style="background:url(javascript:alert(1))">x</div>`, `<style>@import 'javascript:alert(1)'</style>`, `<base href="https://evil.example/">`,
	`<form action="https://evil.example/"><input name=password><button formaction="javascript:alert(1)">go</button></form>`,
	`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>`, `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>`,
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`,
	`<math><mtext><table><mglyph><style><math><table id="</table>"><img src onerror=alert(1)">`,
	`<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">`, `<svg><p><style><g title="</style><img src onerror=alert(1)>">`,
	`<math></p><style><!--</style><img src/onerror=alert(1)>--></style></math>`, `<math><annotation-xml encoding="text/html"><style><img src=x onerror=alert(1)></style></annotation-xml></math>`,
	`<math><annotation-xml encoding="text/html"><script>alert(1)</script></annotation-xml></math>`, `<math><maction actiontype="statusline#https://x" xlink:href="javascript:alert(1)">x</maction></math>`,
	`<math href="javascript:alert(1)"><mi>x</mi></math>`, `<math><mi xlink:href="javascript:alert(1)">x</mi></math>`, `<math><mi><script>alert(1)</script></mi></math>`,
	`<math><mi><svg onload=alert(1)></mi></math>`, `<math><ms><b onclick="alert(1)">x</b></ms></math>`, `<math><mo><iframe src="javascript:alert(1)"></mo></math>`,
	`<svg><foreignObject><math><mi><mglyph><svg><mtext><style><path id="</style><img onerror=alert(1) src>">`,
	`<meta http-equiv="refresh" content="0;url=https://evil.example">`, `<template><img src=x onerror=alert(1)></template>`, `<!--[if IE]><script>alert(1)</script><![endif]-->`,
	`<img src="d.png" alt="&quot;><script>alert(1)</script>">`, `<p title="x" onclick="alert(1)">y</p>`, `<p/onclick=alert(1)>y`, `<scr<script>ipt>alert(1)</scr</script>ipt>`,
	"<scr\x00ipt>alert(1)</script>", "\xef\xbb\xbf<script>alert(1)</script>", "<p title=\"\xff\" onclick='alert(1)'>", `<plaintext><script>alert(1)</script>`,
	`<xmp><img src=x onerror=alert(1)></xmp>`, `<noembed><script>alert(1)</script></noembed>`, `<noframes><script>alert(1)</script></noframes>`, `<textarea><script>alert(1)</script></textarea>`,
	`<title><script>alert(1)</script></title>`, `<select><script>alert(1)</script><iframe><script>alert(1)</script></select>`, `<listing>&lt;img onerror=alert(1) src&gt;</listing>`,
	`<span data-part="1&quot; onclick=&quot;alert(1)">x</span>`, `<span data-variable="x' onmouseover='alert(1)">x</span>`, `<math><mi data-variable="&lt;script&gt;"></mi></math>`,
	`<a href="asset:&quot;onclick=alert(1)">x</a>`, `<video><source onerror="alert(1)"></video>`, `<audio src="javascript:alert(1)" controls></audio>`, `<image href="javascript:alert(1)">`,
	`&lt;script&gt;alert(1)&lt;/script&gt;`, `<p>&lt;img src=x onerror=alert(1)&gt;</p>`, `<details ontoggle=alert(1) open>x</details>`, `<a href="unit:018f">x</a>`,
}

// safeTag is any tag that may be written.
var safeTag = regexp.MustCompile(`^</?[a-z][a-z0-9]*( [a-z-]+="[^"<>]*")*/?>$`)

// wantSafe checks the bytes: every "<" begins a tag of a plain form, with
// allowed names and nothing that acts. Text may look hostile, as text.
func wantSafe(t *testing.T, c *Cleaner, source, got string) {
	t.Helper()
	for rest := got; ; {
		i := strings.IndexByte(rest, '<')
		if i < 0 {
			break
		}
		end := strings.IndexByte(rest[i:], '>')
		if end < 0 {
			t.Fatalf("%q became %q: a tag without end", source, got)
		}
		tag := rest[i : i+end+1]
		rest = rest[i+end+1:]
		if !safeTag.MatchString(tag) {
			t.Fatalf("%q became %q: the tag %q", source, got, tag)
		}
		name := strings.TrimRight(strings.TrimLeft(strings.Fields(tag)[0], "</"), "/>")
		if c.elements[name] == nil && c.formulas[name] == nil {
			t.Fatalf("%q became %q: the element %q", source, got, name)
		}
		for _, m := range regexp.MustCompile(` ([a-z-]+)="([^"]*)"`).FindAllStringSubmatch(tag, -1) {
			value := strings.ToLower(html.UnescapeString(m[2]))
			switch attr := m[1]; {
			case strings.HasPrefix(attr, "on"), attr == "style", attr == "class", attr == "id", attr == "srcdoc", attr == "srcset", attr == "action":
				t.Fatalf("%q became %q: the attribute %q", source, got, attr)
			case attr == "href" || attr == "src" || attr == "poster":
				scheme, _, _ := strings.Cut(value, ":")
				if !c.schemes[scheme] {
					t.Fatalf("%q became %q: the address %q", source, got, value)
				}
			}
		}
	}
}

func TestHostileMarkupComesOutHarmless(t *testing.T) {
	for _, c := range []*Cleaner{items(), New(Options{})} {
		for _, markup := range hostile {
			for _, form := range []string{markup, "<p>" + markup + "</p>", "<table><tbody><tr><td>" + markup + "</td></tr></tbody></table>", "<math><mi>" + markup, "<math><mtext>" + markup + "</mtext></math>"} {
				got := c.Clean(form, Events{Resolve: keepAssets})
				wantSafe(t, c, form, got)
				wantStable(t, c, form, got)
			}
		}
	}
}

func wantStable(t *testing.T, c *Cleaner, source, got string) {
	t.Helper()
	if again := c.Clean(got, Events{Resolve: keepAssets}); again != got {
		t.Errorf("%q became\n%q and then\n%q", source, got, again)
	}
}

func TestOrdinaryMarkupComesThrough(t *testing.T) {
	c := items()
	for _, markup := range []string{
		`plain text`, `f(x) = 2 &lt; 3 &amp; 4`, `<p>one</p><p>two<br/>three</p>`, `<p>H<sub>2</sub>O <strong>and</strong> <em>more</em> <b><i>x</i></b></p>`,
		`<p>\( a &lt; b \) and \[ \frac{1}{2} \] $$x^{2}$$</p>`, `<ul><li>a<ol start="3"><li>b</li></ol></li></ul>`, `<dl><dt>t</dt><dd>d</dd></dl>`,
		`<table><caption>C</caption><thead><tr><th scope="col" colspan="2">H</th></tr></thead><tbody><tr><td rowspan="2"><p>1</p></td></tr></tbody></table>`,
		`<p lang="pt-BR" dir="ltr" title="T">x</p>`, `<details open=""><summary>S</summary>D</details>`, `<pre>  x
 y</pre>`, `<ruby>漢<rt>kan</rt></ruby>`, `<h2>H</h2><hr/><blockquote><p>q</p></blockquote>`,
		`<audio src="asset:aa/a.mp3" controls=""></audio>`, `<video controls=""><source src="https://example.org/v.mp4" type="video/mp4"/></video>`,
		`<figure><img src="asset:ab/c.png" alt="C" width="100%"/><figcaption>c</figcaption></figure>`,
		`<a href="https://example.org/?a=1&amp;b=2" rel="nofollow noreferrer">x</a>`,
	} {
		var losses Losses
		got := c.Clean(markup, Events{Resolve: keepAssets, Tell: losses.Add})
		if got != markup {
			t.Errorf("%s\nbecame %s", markup, got)
		}
		if !losses.Empty() {
			t.Errorf("%s: told %v", markup, losses.All())
		}
		if _, ok := c.scan(markup, Events{}); !ok {
			t.Errorf("%s went the long way", markup)
		}
	}
}

func TestUntidyMarkupIsTidied(t *testing.T) {
	c := items()
	for markup, want := range map[string]string{
		`<P>a<BR>b</P>`:                       `<p>a<br/>b</p>`,
		`<p>a<p>b`:                            `<p>a</p><p>b</p>`,
		`<ul><li>a<li>b</ul>`:                 `<ul><li>a</li><li>b</li></ul>`,
		`<table><tr><td>1<td>2</table>`:       `<table><tbody><tr><td>1</td><td>2</td></tr></tbody></table>`,
		`a < b & c`:                           `a &lt; b &amp; c`,
		`a &nbsp; b &copy; &#8364;`:           "a \u00a0 b © €",
		`<center><font color=red>x</font>`:    `<div><span>x</span></div>`,
		`<tt>x</tt><strike>y</strike>`:        `<code>x</code><s>y</s>`,
		`<b><i>x</b>y</i>`:                    `<b><i>x</i></b><i>y</i>`,
		"<p>a\r\nb</p>":                       "<p>a\nb</p>",
		`<img src='asset:a/b.png' alt='"q"'>`: `<img src="asset:a/b.png" alt="&#34;q&#34;"/>`,
		`<!-- c --><p>x</p><!-- d -->`:        `<p>x</p>`,
		`<p>x</p><?php echo 1 ?>`:             `<p>x</p>`,
		`it's "so"`:                           `it&#39;s &#34;so&#34;`,
		`<svg><circle r="1"/></svg>x`:         `x`,
		"<pre>\n\nx</pre>":                    "<pre>\n\nx</pre>",
	} {
		got := c.Clean(markup, Events{Resolve: keepAssets})
		if got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", markup, got, want)
		}
		wantStable(t, c, markup, got)
	}
}

func TestPlaceholdersAreKeptOnRequest(t *testing.T) {
	kept := []string{
		`<div data-part="RESPONSE"></div>`, `<p>a <span data-part="1"></span> b</p>`, `<span data-gap="1/G1"></span>`, `<span data-choice="H/a.b-c">words</span>`,
		`<span data-variable="x1"></span>`, `<div data-when="V" data-is="A1">x</div>`, `<span data-when="V" data-is-not="A">x</span>`, `<div data-part="Übung_1"></div>`,
		`<math><mi data-variable="x"></mi><mo>+</mo><mn data-variable="y"></mn></math>`,
	}
	with, without := items(), New(Options{Math: true})
	for _, markup := range kept {
		var losses Losses
		if got := with.Clean(markup, Events{Tell: losses.Add}); got != markup || !losses.Empty() {
			t.Errorf("%s became %s, told %v", markup, got, losses.All())
		}
		if got := without.Clean(markup, Events{Tell: losses.Add}); strings.Contains(got, "data-") || losses.Empty() {
			t.Errorf("%s became %s though placeholders are not wanted", markup, got)
		}
	}
	for _, markup := range []string{
		`<p data-part="1">x</p>`, `<b data-variable="x">x</b>`, `<math><mo data-variable="x"></mo></math>`, `<div data-part="a b"></div>`, `<div data-part=""></div>`,
		`<span data-gap="G1"></span>`, `<span data-gap="a/b/c"></span>`, `<span data-choice="/x"></span>`, `<div data-part="a&quot;b"></div>`, `<div data-part="-a"></div>`,
		`<div data-other="x"></div>`, `<div data-part="` + strings.Repeat("a", 201) + `"></div>`,
	} {
		var losses Losses
		if got := with.Clean(markup, Events{Tell: losses.Add}); strings.Contains(got, "data-") || losses.Empty() {
			t.Errorf("%s became %s, told %v", markup, got, losses.All())
		}
	}
	for attr := range placeholderForms() {
		if !HasPlaceholder(attr) || !HasPlaceholder(strings.ToUpper(attr)) {
			t.Errorf("%s is not known as a placeholder", attr)
		}
	}
	if HasPlaceholder("data-x") {
		t.Error("data-x is no placeholder")
	}
}

func TestMathematicsIsKeptOnRequest(t *testing.T) {
	c := items()
	for markup, want := range map[string]string{
		`<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mfrac><mn>1</mn><msqrt><mi mathvariant="normal">x</mi></msqrt></mfrac></math>`: `<math display="block"><mfrac><mn>1</mn><msqrt><mi mathvariant="normal">x</mi></msqrt></mfrac></math>`,
		`<math><mspace width="1em"/><mo stretchy="false">(</mo></math>`:                                                                                   `<math><mspace width="1em"></mspace><mo stretchy="false">(</mo></math>`,
		`<math><semantics><mi>x</mi><annotation encoding="application/x-tex">x_{1}</annotation></semantics></math>`:                                       `<math><semantics><mi>x</mi><annotation encoding="application/x-tex">x_{1}</annotation></semantics></math>`,
		`<math><mfenced><mi>a</mi><mi>b</mi></mfenced></math>`:                                                                                            `<math><mrow><mo>(</mo><mi>a</mi><mo>,</mo><mi>b</mi><mo>)</mo></mrow></math>`,
		`<math><mfenced open="[" close="" separators=";|"><mi>a</mi><mi>b</mi><mi>c</mi><mi>d</mi></mfenced></math>`:                                      `<math><mrow><mo>[</mo><mi>a</mi><mo>;</mo><mi>b</mi><mo>|</mo><mi>c</mi><mo>|</mo><mi>d</mi></mrow></math>`,
		`<math><mfenced open="&lt;" close="&gt;" separators=""><mi>a</mi></mfenced></math>`:                                                               `<math><mrow><mo>&lt;</mo><mi>a</mi><mo>&gt;</mo></mrow></math>`,
	} {
		var losses Losses
		got := c.Clean(markup, Events{Tell: losses.Add})
		if got != want || !losses.Empty() {
			t.Errorf("%s\nbecame %s\nwant   %s, told %v", markup, got, want, losses.All())
		}
		wantStable(t, c, markup, got)
	}
	for markup, want := range map[string]string{
		`<math><menclose notation="box"><mi>x</mi></menclose></math>`:                                                  `<math><mrow><mi>x</mi></mrow></math>`,
		`<math><maction actiontype="toggle"><mi>x</mi><mi>y</mi></maction></math>`:                                     `<math><mrow><mi>x</mi><mi>y</mi></mrow></math>`,
		`<math><mtext>a <b>bold</b> word</mtext></math>`:                                                               `<math><mtext>a bold word</mtext></math>`,
		`<math><semantics><mi>x</mi><annotation-xml encoding="text/html"><p>x</p></annotation-xml></semantics></math>`: `<math><semantics><mi>x</mi></semantics></math>`,
		`<math><mi style="color:red" href="https://example.org">x</mi></math>`:                                         `<math><mi>x</mi></math>`,
		`<math><mi mathcolor="url(x)">x</mi></math>`:                                                                   `<math><mi>x</mi></math>`,
		`<math><math><mi>x</mi></math></math>`:                                                                         `<math><mrow><mi>x</mi></mrow></math>`,
	} {
		var losses Losses
		got := c.Clean(markup, Events{Tell: losses.Add})
		if got != want || losses.Empty() {
			t.Errorf("%s\nbecame %s\nwant   %s, told %v", markup, got, want, losses.All())
		}
	}
	if got := New(Options{}).Clean(`a<math><mi>x</mi></math>b`, Events{}); got != "ab" {
		t.Errorf("without mathematics it became %s", got)
	}
}

func TestWhatIsDroppedIsTold(t *testing.T) {
	var losses Losses
	items().Clean(`<script src="/x.js"></script><p onclick="f()" style="color:red" class="c">a</p><link rel="stylesheet" href="s.css">
		<button>b</button><blink>c</blink><iframe src="https://example.org/"></iframe><a href="#top">d</a><a href="x/y.html">e</a><a href="ftp://example.org/">f</a>
		<img src="https://example.org/i.png"><img src="https://example.org/j.png" alt=""><img src="https://example.org/k.png" alt="" role="presentation"><img src="https://example.org/l.png" alt="L">
		<math><menclose><mi>x</mi></menclose></math>`, Events{Tell: losses.Add})
	got := map[Kind]string{}
	for _, l := range losses.All() {
		got[l.Kind] = l.What
		if l.Why == "" || l.Times == 0 {
			t.Errorf("%+v", l)
		}
	}
	for kind, want := range map[Kind]string{
		Scripts:      "scripts and event handlers (onclick ×1, script /x.js ×1)",
		Attributes:   "attributes (class ×1, role ×1, style ×1)",
		Styles:       "style sheets (link s.css ×1)",
		Forms:        "form controls (button ×1)",
		Elements:     "unknown elements (blink ×1)",
		Embeds:       "embedded content (iframe https://example.org/ ×1)",
		Anchors:      "links within the page (#top ×1)",
		Links:        "links that lead nowhere (ftp://example.org/ ×1, x/y.html ×1)",
		Alternatives: "images without alternative text (https://example.org/i.png ×1, https://example.org/j.png ×1)",
		Formulas:     "mathematical notation (menclose ×1)",
	} {
		if got[kind] != want {
			t.Errorf("%s: %q, want %q", kind, got[kind], want)
		}
		delete(got, kind)
	}
	if len(got) > 0 {
		t.Errorf("and also %v", got)
	}
}

func TestReferencesAreResolvedInTheirOrder(t *testing.T) {
	var asked []string
	got := items().Clean(`<p><img src="a.png" alt="A"><img src="gone.png" alt="G"><a href="b.pdf">b</a><a href="gone.pdf">c</a><video src=" c.mp4" poster="d.jpg"></video><object data="e.swf" title="E"></object></p>`, Events{
		Resolve: func(r Reference) (Target, bool) {
			asked = append(asked, fmt.Sprintf("%s %s %s", r.Element, r.Attribute, r.URL))
			if name, ok := strings.CutPrefix(r.URL, "gone"); ok {
				return Target{Missing: "gone" + name}, true
			}
			return Target{URL: "asset:00/" + r.URL}, true
		},
	})
	want := `<p><img src="asset:00/a.png" alt="A"/><em>[Missing file: gone.png (G)]</em><a href="asset:00/b.pdf" rel="nofollow noreferrer">b</a><span>c</span><em>[Missing file: gone.pdf]</em>` +
		`<video src="asset:00/c.mp4" poster="asset:00/d.jpg"></video><a href="asset:00/e.swf" rel="nofollow noreferrer">Open: E</a></p>`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(asked) != 7 || asked[0] != "img src a.png" || asked[4] != "video src c.mp4" || asked[6] != "object data e.swf" {
		t.Errorf("asked %q", asked)
	}
}

func TestAResolverCannotReturnAnything(t *testing.T) {
	for _, url := range []string{"javascript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "x", "unit:1", "JAVASCRIPT:x"} {
		got := items().Clean(`<a href="x">y</a>`, Events{Resolve: func(Reference) (Target, bool) { return Target{URL: url}, true }})
		if got != "<span>y</span>" {
			t.Errorf("%q: %s", url, got)
		}
	}
	got := New(Options{Schemes: []string{"unit"}}).Clean(`<a href="x">y</a>`, Events{Resolve: func(Reference) (Target, bool) { return Target{URL: "unit:1"}, true }})
	if !strings.Contains(got, `href="unit:1"`) {
		t.Error(got)
	}
}

func TestDeepOrLongMarkupIsReducedToItsWords(t *testing.T) {
	var losses Losses
	got := items().Clean(strings.Repeat("<div>", 5000)+"a &lt; b<script>no()</script>", Events{Tell: losses.Add})
	if got != "a &lt; b" {
		t.Errorf("deep: %q", got)
	}
	got = New(Options{MaxBytes: 10}).Clean("<p>äöü</p><p>more</p>", Events{Tell: losses.Add})
	if got != "äöü" {
		t.Errorf("long: %q", got)
	}
	if all := losses.All(); len(all) != 1 || all[0].Kind != Unreadable || all[0].Times != 2 {
		t.Errorf("told %v", all)
	}
}

func TestLossesAreBounded(t *testing.T) {
	var losses Losses
	for i := range 1000 {
		losses.Add(Elements, fmt.Sprintf("e%d", i), 1)
	}
	all := losses.All()
	if len(all) != 1 || all[0].Times != 1000 || !strings.HasPrefix(all[0].What, "unknown elements (others ×960, ") {
		t.Errorf("%v", all)
	}
	losses.Reset()
	if !losses.Empty() || len(losses.All()) != 0 {
		t.Error("not empty")
	}
}

// strict is a second opinion: an allow-list by another hand.
func strict(c *Cleaner) *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.AllowURLSchemes("https", "http", "mailto", "asset")
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	for _, list := range []map[string]*element{c.elements, c.formulas} {
		for name, e := range list {
			p.AllowElements(name)
			p.AllowNoAttrs().OnElements(name)
			for attr := range e.attrs {
				p.AllowAttrs(attr).OnElements(name)
			}
		}
	}
	return p
}

func TestEveryListedElementAndAttributeCanBeWritten(t *testing.T) {
	c := items()
	values := map[string]string{
		"lang": "en", "dir": "rtl", "srclang": "de", "scope": "row", "type": "a", "kind": "captions", "open": "", "controls": "", "reversed": "",
		"data-gap": "a/b", "data-choice": "a/b",
	}
	for _, list := range []map[string]*element{c.elements, c.formulas} {
		for name, e := range list {
			for attr, form := range e.attrs {
				value, known := values[attr]
				if !known {
					value = "7"
				}
				if form == nil {
					value = "https://example.org/x"
				} else if !form(value) {
					t.Errorf("%s of %s does not take %q", attr, name, value)
				}
				var b strings.Builder
				n := &html.Node{Type: html.ElementNode, Data: name, DataAtom: atom.Lookup([]byte(name)), Attr: []html.Attribute{{Key: attr, Val: value}}}
				if c.elements[name] == nil {
					n.Namespace = "math"
				}
				c.write(&b, n)
				if !strings.Contains(b.String(), " "+attr+`="`+value+`"`) {
					t.Errorf("%s of %s is not written: %s", attr, name, b.String())
				}
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range hostile {
		f.Add(seed)
	}
	for _, seed := range []string{
		`<p>a<p>b<table><tr><td>x<a href="https://e.org"><table><a href="https://f.org">`, `<a href=https://a.b><div><a href=https://c.d>`, `<b><p>x</b>y</p>`,
		`<p><button><p>x</p></button></p>`, `<table>x<tr>y<td>z</table>`, `<h1><h2>x</h2></h1>`, `<li><p><li>`, `<ruby>a<rt>b<rp>c</ruby>`, `<pre>` + "\n\n" + `x</pre>`,
		`<math><mi>a<mi>b<p>c</math>`, `<math><mfenced><mrow><mi>x`, `<p><math><mtext><p>x</p></mtext></math></p>`, `<dl><dt>a<dd>b<dt>c</dl>`, `<form><p><form></p>`,
		`<details><summary><p>x</details>`, `<table><caption><table><caption>`, `<p><object><p>x</object></p>`, `<nobr><nobr>x`, `&amp;lt;&lt;b&gt;`, `<p title='a"b&amp;c'>`,
		`<div data-part="1"></div><span data-gap="1/2"></span>`, `<img src="asset:0/x" alt=a width=5px><img src=gone>`,
	} {
		f.Add(seed)
	}
	c := items()
	second := strict(c)
	resolve := Events{Resolve: func(r Reference) (Target, bool) {
		switch {
		case strings.HasPrefix(r.URL, "gone"):
			return Target{Missing: r.URL}, true
		case strings.HasPrefix(r.URL, "asset:"):
			return Target{URL: r.URL}, true
		}
		return Target{}, false
	}}
	f.Fuzz(func(t *testing.T, markup string) {
		got := c.Clean(markup, resolve)
		wantSafe(t, c, markup, got)
		if again := c.Clean(got, resolve); again != got {
			t.Fatalf("%q became\n%q and then\n%q", markup, got, again)
		}
		if short, ok := c.scan(plainBytes(markup), resolve); ok {
			long, err := c.rebuild(plainBytes(markup), resolve)
			if err == nil && long != short {
				t.Fatalf("%q became on the short way\n%q and on the long\n%q", markup, short, long)
			}
		}
		if strings.Contains(got, "src=") || strings.Contains(got, "href=") {
			return // a URL that it writes in another form
		}
		if opinion := second.Sanitize(got); strings.Count(opinion, "<") != strings.Count(got, "<") {
			t.Fatalf("%q became\n%q of which the second opinion leaves\n%q", markup, got, opinion)
		}
	})
}

func BenchmarkClean(b *testing.B) {
	c := items()
	for name, text := range map[string]string{
		"plain":    strings.Repeat("Which of these is a prime number, and why? ", 4),
		"editor":   `<p dir="ltr" style="text-align: left;">Which of <strong>these</strong> is a prime&nbsp;number?</p><p>Think of \(p \mid ab\).<br></p><ul><li>one</li><li>two &amp; three</li></ul>`,
		"formula":  `<p>Solve <math xmlns="http://www.w3.org/1998/Math/MathML"><mfrac><mn>1</mn><mi>x</mi></mfrac><mo>=</mo><mn>2</mn></math> for x.</p>`,
		"long_way": `<P>Which of <font color="red">these</font> is a prime number?<P>Think of \(p \mid ab\).<br><ul><li>one<li>two &amp; three</ul>`,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				c.Clean(text, Events{})
			}
		})
	}
}

func TestOneCleanerServesManyAtOnce(t *testing.T) {
	c := items()
	texts := []string{`<p>a <b>b</b></p>`, `<P>x<BR>y`, `plain "text"`, `<math><mi>x</mi></math>`}
	var want []string
	for _, text := range texts {
		want = append(want, c.Clean(text, Events{}))
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 400 {
				if k := i % len(texts); c.Clean(texts[k], Events{}) != want[k] {
					t.Errorf("%s came out differently", texts[k])
				}
			}
		})
	}
	group.Wait()
}
