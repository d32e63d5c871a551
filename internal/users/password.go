package users

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	minPasswordRunes    = 10
	maxPasswordBytes    = 256
	minDistinctInSecret = 5
)

//go:embed common_passwords.txt
var commonPasswordList string

var commonPasswords = func() map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(commonPasswordList) {
		set[strings.TrimSpace(line)] = true
	}
	return set
}()

// normalPassword makes the same password out of what different keyboards send
// for it (RFC 8265, OpaqueString).
func normalPassword(s string) string { return norm.NFC.String(s) }

// checkPassword holds a new password against the rules, which follow NIST SP
// 800-63B: length, not among the first that an attacker tries, and no rule
// about kinds of characters. The password must be normal already.
func checkPassword(location, password, email string) error {
	switch {
	case !utf8.ValidString(password):
		return problem.InvalidField(location, "must be valid UTF-8")
	case utf8.RuneCountInString(password) < minPasswordRunes:
		return problem.InvalidField(location, "must have at least %d characters", minPasswordRunes)
	case len(password) > maxPasswordBytes:
		return problem.InvalidField(location, "must have at most %d bytes", maxPasswordBytes)
	}
	folded := strings.ToLower(password)
	local, domain, _ := strings.Cut(email, "@")
	switch {
	case folded == email, folded == local, folded == domain:
		return problem.InvalidField(location, "must not be the e-mail address or a part of it")
	case commonPasswords[folded]:
		return problem.InvalidField(location, "is one of the most common passwords")
	case monotonous(folded):
		return problem.InvalidField(location, "is too simple: it repeats or counts through a few characters")
	}
	return nil
}

// monotonous reports whether s has hardly any different characters, or counts
// up or down from beginning to end.
func monotonous(s string) bool {
	distinct := map[rune]bool{}
	up, down := true, true
	last, first := rune(0), true
	for _, r := range s {
		distinct[r] = true
		if !first {
			up = up && r == last+1
			down = down && r == last-1
		}
		last, first = r, false
	}
	return len(distinct) < minDistinctInSecret || up || down
}
