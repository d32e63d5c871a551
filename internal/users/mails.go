package users

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"
)

// mailPurpose says what a mail is for. The names are stored with jobs.
type mailPurpose string

const (
	mailConfirm         mailPurpose = "confirm"
	mailAddressTaken    mailPurpose = "address_taken"
	mailReset           mailPurpose = "reset"
	mailInvitation      mailPurpose = "invitation"
	mailPasswordChanged mailPurpose = "password_changed"
)

// letter is the text of a mail.
type letter struct {
	subject, text string
}

// mailedToken is the token that a mail carries, or zero.
type mailedToken struct {
	secret    secret
	expiresAt time.Time
}

// page is where the web interface takes a mailed token. The token is in the
// fragment, which browsers do not send to servers, so it stays out of logs.
func (c Config) page(path string, token secret) string {
	return c.PublicURL + path + "#token=" + url.QueryEscape(string(token))
}

// write makes the text of a mail to the account.
func (c Config) write(p mailPurpose, a account, t mailedToken) letter {
	greeting := "Hello " + a.profile.displayName + ",\n\n"
	until := "It works once, until " + localTime(t.expiresAt, a.profile.timeZone) + ".\n"
	token := "The token itself, for use with the API:\n\n" + string(t.secret) + "\n\n"
	switch p {
	case mailConfirm:
		return letter{"Confirm your e-mail address", greeting +
			"confirm your e-mail address to finish your registration:\n\n" + c.page("/confirm", t.secret) + "\n\n" + token + until +
			"If you did not register, ignore this mail: the account cannot be used without it.\n"}
	case mailAddressTaken:
		if t.secret == "" {
			return letter{"You already have an account", greeting +
				"somebody, probably you, tried to register with this e-mail address. You already have an account: " +
				"sign in with it, or set a new password if you have forgotten yours.\n" +
				"If it was not you, there is nothing to do. Nothing has changed.\n"}
		}
		// Whoever registered first, and with what password, may have been a
		// stranger. So the owner of the address is asked to set a password, not
		// to confirm somebody else's.
		return letter{"Finish your registration", greeting +
			"somebody, probably you, tried to register with this e-mail address again. " +
			"To finish the registration, set your password:\n\n" + c.page("/set-password", t.secret) + "\n\n" + token + until +
			"If it was not you, ignore this mail.\n"}
	case mailReset:
		return letter{"Set a new password", greeting +
			"somebody, probably you, asked for a new password for your account. Set it here:\n\n" +
			c.page("/set-password", t.secret) + "\n\n" + token + until +
			"If it was not you, ignore this mail: your password stays as it is.\n"}
	case mailInvitation:
		return letter{"You have been invited", greeting +
			"an account has been made for you. Set your password to begin:\n\n" +
			c.page("/set-password", t.secret) + "\n\n" + token + until}
	default: // mailPasswordChanged
		return letter{"Your password has been changed", greeting +
			"the password of your account has just been changed, and the other sessions have been ended.\n" +
			"If it was not you, set a new password at once and tell your administrator.\n"}
	}
}

// plan says which token a mail to the account carries now, and whether the mail
// is still wanted at all: the state can have changed since it was asked for.
func (c Config) plan(p mailPurpose, a account) (token tokenPurpose, lifetime time.Duration, wanted bool) {
	switch p {
	case mailConfirm:
		return tokenConfirm, c.ConfirmationLifetime, a.confirmedAt == nil
	case mailAddressTaken:
		if a.confirmedAt == nil {
			return tokenSetPassword, c.ConfirmationLifetime, true
		}
		return "", 0, true
	case mailReset:
		return tokenSetPassword, c.ResetLifetime, true
	case mailInvitation:
		return tokenSetPassword, c.InvitationLifetime, true
	case mailPasswordChanged:
		return "", 0, true
	}
	return "", 0, false
}

// localTime shows a time as the account's owner reads clocks.
func localTime(t time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil { // a zone that this machine does not know any more
		loc = time.UTC
	}
	return t.In(loc).Format("2 January 2006, 15:04") + fmt.Sprintf(" (%s)", loc)
}

// withoutAddress keeps an address out of an error that will be stored with a
// job and logged: mail servers quote it in their refusals.
func withoutAddress(err error, address string) error {
	quoted := regexp.MustCompile("(?i)" + regexp.QuoteMeta(address))
	return errors.New("send a mail: " + quoted.ReplaceAllLiteralString(err.Error(), "<address>"))
}
