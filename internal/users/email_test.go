package users

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestParseEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ada@example.org":            "ada@example.org",
		"  Ada@EXAMPLE.org\n":        "ada@example.org",
		"ada+courses@example.org":    "ada+courses@example.org",
		"ADA.LOVELACE@example.org":   "ada.lovelace@example.org",
		"zoe\u0308@example.org":      "zo\u00eb@example.org", // composed
		"ZO\u00cb@example.org":       "zo\u00eb@example.org",
		"ada@B\u00fccher.example":    "ada@xn--bcher-kva.example",
		"ada@xn--bcher-kva.example":  "ada@xn--bcher-kva.example",
		"\u212Aelvin@example.org":    "kelvin@example.org", // the Kelvin sign is a K
		"o'neil!#$%&*=?@example.org": "o'neil!#$%&*=?@example.org",
	} {
		got, ok := parseEmail(in)
		if !ok || got != want {
			t.Errorf("parseEmail(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{
		"", "@", "ada", "ada@", "@example.org", "ada@localhost", "ada@example..org", "ada@.example.org", "ada@example.org.",
		".ada@example.org", "ada.@example.org", "a..da@example.org", "a da@example.org", "ada@exam ple.org",
		"ada@b@example.org", `"ada"@example.org`, "ada(x)@example.org", "<ada@example.org>", "ada@[127.0.0.1]",
		"ada\x00@example.org", "ada\r\nBcc:bob@example.org@example.org", "ada@example.org\x00", "ada\xff@example.org",
		"ada\u202e@example.org", "ada\ufffd@example.org", "ada@example_.org",
		strings.Repeat("a", 65) + "@example.org", "ada@" + strings.Repeat("a.", 130) + "org",
	} {
		if got, ok := parseEmail(in); ok {
			t.Errorf("parseEmail(%q) = %q; want it refused", in, got)
		}
	}
}

// Whatever is accepted has one form, which is accepted again and is the same
// for every way to write it.
func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{"ada@example.org", "ZOE\u0308@B\u00dcCHER.example", "\u0130@example.org", "\u1e9e@xn--zca.example",
		"\u212b\u0323@a.example", "a@b", "\u03a3\u03c2@example.org", "\u0345\u0399@example.org", "\u01c5@example.org",
		"0@\u0130.0", "\u03a9@\u2136.0", "\u0742@\u0342\u0345.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		email, ok := parseEmail(s)
		if !ok {
			return
		}
		if len(email) > maxEmailBytes || !utf8.ValidString(email) || !norm.NFC.IsNormalString(email) ||
			strings.ToLower(email) != email || strings.ContainsAny(email, " \r\n\x00<>,;:\"()[]\\") || strings.Count(email, "@") != 1 {
			t.Errorf("parseEmail(%q) = %q, which is not normal", s, email)
		}
		for _, other := range []string{email, " " + s + " ", norm.NFD.String(s), norm.NFC.String(s), asciiUpper(s)} {
			if again, ok := parseEmail(other); !ok || again != email {
				t.Errorf("parseEmail(%q) = %q, but parseEmail(%q) = %q, %v", s, email, other, again, ok)
			}
		}
	})
}

func asciiUpper(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}
