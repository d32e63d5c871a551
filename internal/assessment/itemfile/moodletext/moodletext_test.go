package moodletext

import (
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/markup"
)

func TestSharesAreRestoredToTheirPrecision(t *testing.T) {
	for text, want := range map[string]string{
		"33.33333": "0.333333333", "66.66667": "0.666666667", "-33.33333": "-0.333333333", "14.28571": "0.142857143", "83.33333": "0.833333333", "100": "1", "99.99999": "1",
		"-100.000": "-1", "50": "0.5", "12,5": "0.125", "0": "0", "-0": "0", "0.5": "0.005", "12.3456789": "0.123456789", "11.11111": "0.111111111", " 5 ": "0.05", "1e1": "0.1", "8.33333": "0.083333333",
	} {
		got, ok := ParsePercent(text)
		if !ok || got.String() != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "x", "1/2", "0x10", "1e999999", "100001", "NaN", "Inf", "1_0", "--1"} {
		if got, ok := ParsePercent(text); ok {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestSharesAddUpToTheWhole(t *testing.T) {
	third := Whole / 3
	shares := []Share{third, third, third, -third, -third, -third, 0}
	Complete(shares)
	if shares[0]+shares[1]+shares[2] != Whole || shares[3]+shares[4]+shares[5] != -Whole || shares[6] != 0 {
		t.Errorf("%v", shares)
	}
	for _, other := range [][]Share{{Whole / 2, Whole / 4}, {Whole, Whole}, {0}, {}, {-Whole / 4}} {
		before := append([]Share{}, other...)
		Complete(other)
		for i := range other {
			if other[i] != before[i] {
				t.Errorf("%v became %v", before, other)
			}
		}
	}
}

func TestFoldersAndTheirPaths(t *testing.T) {
	for _, folder := range [][]string{{}, {"A"}, {"A", "B/C", "D"}, {"A/B"}} {
		if got := Folder(Path(folder)); strings.Join(got, "|") != strings.Join(folder, "|") {
			t.Errorf("%q, want %q", got, folder)
		}
	}
	if got := Folder(strings.Repeat("a/", 100)); len(got) != 20 {
		t.Errorf("%d folders", len(got))
	}
}

func TestTeX(t *testing.T) {
	for text, want := range map[string]string{
		"$$a$$": `\[a\]`, "a $$b": "a $$b", "$$$$": "$$$$", "[TEX]a[/TEX]": `\(a\)`, "[tex]a": "[tex]a", "<tex>a</tex>": `\(a\)`, `<a title="$$x$$">b</a>`: `<a title="$$x$$">b</a>`,
		"<pre>$$a$$</pre> $$b$$": `<pre>$$a$$</pre> \[b\]`, "<code>x": "<code>x", "5$ and 6$": "5$ and 6$", "$$a$$ $$b$$": `\[a\] \[b\]`,
	} {
		if got := TeX(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestTokensThatWereCutAreRemoved(t *testing.T) {
	tokens := NewTokens("q")
	got := tokens.Put("a "+tokens.Token(0)+" "+tokens.Token(12)+` <b title="`+tokens.Token(3)+`">`+tokens.Token(1)[:len(tokens.Token(1))-1], func(n int, attribute bool) string {
		if attribute {
			return "!"
		}
		return strings.Repeat("x", n+1)
	})
	if got != `a x xxxxxxxxxxxxx <b title="!">1` && got != `a x xxxxxxxxxxxxx <b title="!">` {
		t.Error(got)
	}
}

func TestMarkdownIsRenderedAndItsFormulasAreLeftAlone(t *testing.T) {
	r := NewRenderer()
	for text, want := range map[string]string{
		"a\nb": "a\nb", "a  \nb": "a<br/>\nb", "a\n\nb": "<p>a</p>\n<p>b</p>", "<b>a</b>": "<b>a</b>",
		"*a* **b** `c`": "<em>a</em> <strong>b</strong> <code>c</code>", "- a\n- b": "<ul>\n<li>a</li>\n<li>b</li>\n</ul>",
		`\(x_1 * y_1 * z\)`: `\(x_1 * y_1 * z\)`, "$$a_b < c_d$$": `\[a_b &lt; c_d\]`,
		"<script>x</script>a": "a", "[a](javascript:alert(1))": "<span>a</span>", "\ue0000\ue001": "0",
	} {
		if got := r.Clean(text, Markdown, markup.Events{}); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestNotesSayEachThingOnce(t *testing.T) {
	n := &Notes{At: itemfile.Place{File: "f", Line: 1}}
	n.Add(itemfile.Info, "a", "b")
	n.Add(itemfile.Info, "a", "b")
	n.AddAt(7, itemfile.Simplified, "a", "b")
	r := NewRenderer()
	r.Clean("<script>x</script><p onclick=y style=z>a</p>", HTML, n.Events(nil))
	lines := n.Lines()
	if len(lines) != 4 || lines[1].Place.Line != 7 || len(n.Lines()) != 4 {
		t.Errorf("%v", lines)
	}
}

func TestIdentitiesAreUnique(t *testing.T) {
	var ids Identities
	seen := map[string]bool{}
	for _, id := range []string{"a", "a#2", "a", "a", "b", "a#2", "a#3"} {
		got, taken := ids.Unique(id)
		if seen[got] || taken != (got != id) {
			t.Errorf("%s: %s %v", id, got, taken)
		}
		seen[got] = true
	}
}
