package mail

import (
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	gomail "github.com/wneessen/go-mail"
)

const (
	maxAddressBytes = 512  // with the display name
	maxHeaderBytes  = 2000 // of a subject or another field
	maxHeaders      = 20
	maxBodyBytes    = 1 << 20 // of each form of the text
)

var (
	idPattern         = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	headerNamePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

	// ownHeaders are written here or by servers on the way.
	ownHeaders = map[string]bool{
		"from": true, "sender": true, "to": true, "cc": true, "bcc": true, "subject": true, "date": true,
		"message-id": true, "mime-version": true, "auto-submitted": true, "user-agent": true, "x-mailer": true,
		"return-path": true, "received": true, "dkim-signature": true,
	}
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// parseFrom reads the sender's address of a configuration.
func parseFrom(from string) (*mail.Address, error) {
	a, err := parseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("the sender's address %q cannot be used", from)
	}
	return a, nil
}

func parseAddress(text string) (*mail.Address, error) {
	if len(text) > maxAddressBytes || !plain(text) {
		return nil, refused("the address is malformed")
	}
	a, err := mail.ParseAddress(text)
	// A quoted local part may hold anything; nobody has one.
	if err != nil || !plain(a.Name) || strings.ContainsAny(a.Address, "\" <>(),;:\\") {
		return nil, refused("the address is malformed")
	}
	return a, nil
}

// plain reports whether text fits on one line of a header.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// compose checks the message and writes it in RFC 5322 form. Nothing of it can
// end a header line.
func compose(m Message, from *mail.Address, now time.Time) (*gomail.Msg, error) {
	to, err := parseAddress(m.To)
	if err != nil {
		return nil, err
	}
	if m.ID != "" && !idPattern.MatchString(m.ID) {
		return nil, refused("the id is malformed")
	}
	if m.Subject == "" || len(m.Subject) > maxHeaderBytes || !plain(m.Subject) {
		return nil, refused("the subject is missing, too long or not one line")
	}
	if m.Text == "" || len(m.Text) > maxBodyBytes || len(m.HTML) > maxBodyBytes {
		return nil, refused("the text is missing or too long")
	}
	id := m.ID
	if id == "" {
		fresh, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("make a mail's id: %w", err)
		}
		id = fresh.String()
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := setHeaders(msg, m.Headers); err != nil {
		return nil, err
	}
	msg.FromMailAddress(from)
	msg.ToMailAddress(to)
	msg.Subject(m.Subject)
	msg.SetDateWithValue(now)
	msg.SetMessageIDWithValue(id + "@" + from.Address[strings.LastIndexByte(from.Address, '@')+1:])
	// Nobody's absence notice shall answer it (RFC 3834).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

func setHeaders(msg *gomail.Msg, headers map[string]string) error {
	if len(headers) > maxHeaders {
		return refused("there are more than %d header fields", maxHeaders)
	}
	for name, value := range headers {
		lower := strings.ToLower(name)
		if !headerNamePattern.MatchString(name) || ownHeaders[lower] ||
			strings.HasPrefix(lower, "content-") || strings.HasPrefix(lower, "resent-") {
			return refused("the header field %q may not be set", name)
		}
		if len(value) > maxHeaderBytes || !plain(value) {
			return refused("the header field %s is too long or not one line", name)
		}
		msg.SetGenHeader(gomail.Header(name), value)
	}
	return nil
}
