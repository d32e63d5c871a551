package users

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/lyceum-lms/platform/internal/problem"
)

// The limits of RFC 5321, section 4.5.3.1, in bytes.
const (
	maxEmailBytes     = 254
	maxLocalPartBytes = 64
)

// parseEmail returns the one form in which an address is stored and compared:
// Unicode NFC, lower case, the domain in its ASCII form. Addresses that differ
// in case only belong to one mailbox everywhere that matters, and two accounts
// for one mailbox would be one too many. Quoted local parts, comments and
// address literals are refused.
func parseEmail(s string) (string, bool) {
	if len(s) > 4*maxEmailBytes || !utf8.ValidString(s) {
		return "", false
	}
	s = strings.TrimSpace(s)
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return "", false
	}
	local := norm.NFC.String(strings.ToLower(norm.NFC.String(s[:at])))
	if !validLocalPart(local) {
		return "", false
	}
	domain, ok := parseDomain(s[at+1:])
	if !ok {
		return "", false
	}
	email := local + "@" + domain
	return email, len(email) <= maxEmailBytes
}

func parseDomain(s string) (string, bool) {
	domain, err := idna.Lookup.ToASCII(norm.NFC.String(s))
	if err != nil || !strings.Contains(domain, ".") || strings.HasPrefix(domain, ".") ||
		strings.HasSuffix(domain, ".") || strings.Contains(domain, "..") {
		return "", false
	}
	// Some rules, that of mixed directions for one, are checked before compatible
	// characters are replaced: the result must pass them as well.
	again, err := idna.Lookup.ToASCII(domain)
	return domain, err == nil && again == domain
}

func validLocalPart(s string) bool {
	if len(s) == 0 || len(s) > maxLocalPartBytes || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for _, r := range s {
		switch {
		case r == utf8.RuneError:
			return false
		case r < utf8.RuneSelf:
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r) {
				return false
			}
		case !unicode.In(r, unicode.L, unicode.M, unicode.N):
			return false
		}
	}
	return true
}

// emailField is parseEmail for a request.
func emailField(location, value string) (string, error) {
	email, ok := parseEmail(value)
	if !ok {
		return "", problem.InvalidField(location, "must be an e-mail address")
	}
	return email, nil
}
