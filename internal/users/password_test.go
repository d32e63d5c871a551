package users

import (
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/problem"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	const email = "ada.lovelace@example.org"
	for _, good := range []string{
		"analytical engine", "plenty-of-letters", "Zwölf Äpfel!", "\U0001F642 smileys count", "xq7 vd2 mmk", strings.Repeat("ab cd efg ", 25),
	} {
		if err := checkPassword("body.password", normalPassword(good), email); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "short", "ninechars", "password123", "PassWord123", "qwertyuiop", "1234567890", "aaaaaaaaaaaa", "abababababab",
		"abcdefghijklm", "zyxwvutsrqpon", email, "Ada.Lovelace", "example.org", strings.Repeat("ab cd efg ", 26), "bad utf8 \xff\xff\xff\xff",
	} {
		err := checkPassword("body.password", normalPassword(bad), email)
		if p := problem.Of(err); err == nil || p.Code != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].Location != "body.password" {
			t.Errorf("%q: got %v, want a refusal that names body.password", bad, err)
		}
		if err != nil && bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the refusal of %q quotes it: %v", bad, err)
		}
	}
}

func TestPasswordIsOneHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	if normalPassword("Zwo\u0308lf A\u0308pfel") != normalPassword("Zw\u00f6lf \u00c4pfel") {
		t.Error("the composed and the decomposed form are different passwords")
	}
}

func TestCommonPasswordsAreLongEnoughToMatter(t *testing.T) {
	t.Parallel()
	if len(commonPasswords) < 150 {
		t.Fatalf("%d common passwords, want 150 or more", len(commonPasswords))
	}
	for p := range commonPasswords {
		if len(p) < minPasswordRunes || p != strings.ToLower(p) {
			t.Errorf("%q can never match", p)
		}
	}
}
