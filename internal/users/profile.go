package users

import (
	"cmp"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/lyceum-lms/platform/internal/problem"
)

// What an account has when its owner has not said otherwise.
const (
	defaultLocale   = "en"
	defaultTimeZone = "UTC"
)

const maxNameRunes = 100

// profile is what people say about themselves, checked.
type profile struct {
	displayName string
	searchName  string // follows from displayName: see searchKey
	locale      string
	timeZone    string
}

// parseProfile checks all three values and reports all that are wrong. Empty
// locale and time zone are the defaults.
func parseProfile(displayName, locale, timeZone string) (profile, error) {
	var p profile
	var nameErr, localeErr, zoneErr error
	p.displayName, nameErr = parseName("body.display_name", displayName, maxNameRunes)
	p.searchName = searchKey(p.displayName)
	p.locale, localeErr = parseLocale(cmp.Or(locale, defaultLocale))
	p.timeZone, zoneErr = parseTimeZone(cmp.Or(timeZone, defaultTimeZone))
	return p, joinInvalid(nameErr, localeErr, zoneErr)
}

// parseName accepts a name of a person or an organisation: any script, on one
// line, without the controls that make a page show something else than is
// there.
func parseName(location, s string, maxRunes int) (string, error) {
	if !utf8.ValidString(s) {
		return "", problem.InvalidField(location, "must be valid UTF-8")
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	if n := utf8.RuneCountInString(s); n < 1 || n > maxRunes {
		return "", problem.InvalidField(location, "must have 1 to %d characters", maxRunes)
	}
	for _, r := range s {
		bidiOverride := r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
		if unicode.IsControl(r) || bidiOverride || r == 0x2028 || r == 0x2029 || r == utf8.RuneError {
			return "", problem.InvalidField(location, "must not contain control characters")
		}
	}
	return s, nil
}

// parseLocale accepts a BCP 47 tag and returns its canonical form.
func parseLocale(s string) (string, error) {
	tag, err := language.Parse(s)
	if err != nil || tag == language.Und || len(tag.String()) > 35 {
		return "", problem.InvalidField("body.locale", "must be a BCP 47 language tag, such as en or pt-BR")
	}
	return tag.String(), nil
}

// parseTimeZone accepts a name of the IANA time zone database.
func parseTimeZone(s string) (string, error) {
	_, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" || len(s) > 64 {
		return "", problem.InvalidField("body.time_zone", "must be an IANA time zone, such as Europe/Berlin")
	}
	return s, nil
}

// searchKey is a name as it is compared in searches.
func searchKey(s string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(s))) }

// joinInvalid makes one problem of several, so that a caller sees everything
// that is wrong at once. It returns nil if all are nil. An error that is not
// about values comes first.
func joinInvalid(errs ...error) error {
	var joined *problem.Problem
	for _, err := range errs {
		var p *problem.Problem
		switch {
		case err == nil:
		case !errors.As(err, &p) || p.Code != problem.Invalid:
			return err
		case joined == nil:
			joined = p
		default:
			joined.Fields = append(joined.Fields, p.Fields...)
		}
	}
	if joined == nil {
		return nil
	}
	return joined
}
