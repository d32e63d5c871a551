package platformtest

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"testing"
)

// DemoPassword is everybody's in the demo organisation.
const DemoPassword = "look-at-the-stars"

// RegisteredPassword is that of everybody whom a test registers or invites.
const RegisteredPassword = "a-long-enough-secret"

// Grant is what a sign-in gives.
type Grant struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Account      struct {
		AccountID      string   `json:"account_id"`
		OrganisationID string   `json:"organisation_id"`
		DisplayName    string   `json:"display_name"`
		Email          string   `json:"email"`
		Roles          []string `json:"roles"`
	} `json:"account"`
}

// Person is a client that has signed in.
type Person struct {
	*Client
	Grant
	Email string
}

// SignIn signs somebody in.
func (p *Platform) SignIn(t testing.TB, email, password string) *Person {
	t.Helper()
	return SignInAt(t, p.URL, email, password)
}

// SignInAt signs somebody in at a base URL; see ClientAt.
func SignInAt(t testing.TB, base func() string, email, password string) *Person {
	t.Helper()
	person := &Person{Email: email}
	stranger := ClientAt(base)
	stranger.Post(t, "/v1/auth/sign-in", map[string]string{"email": email, "password": password}, &person.Grant)
	person.Client = stranger.WithToken(person.AccessToken)
	return person
}

// Admin signs in who administers the platform and the demo organisation.
func (p *Platform) Admin(t testing.TB) *Person {
	t.Helper()
	return p.SignIn(t, "admin@demo.example", DemoPassword)
}

// Instructor signs in who teaches the demo course.
func (p *Platform) Instructor(t testing.TB) *Person {
	t.Helper()
	return p.SignIn(t, "instructor@demo.example", DemoPassword)
}

// Learner signs in a learner of the demo organisation, not enrolled yet.
func (p *Platform) Learner(t testing.TB) *Person {
	t.Helper()
	return p.SignIn(t, "learner@demo.example", DemoPassword)
}

// Register makes an account in the demo organisation, confirms its address by
// the mail that comes, and signs in.
func (p *Platform) Register(t testing.TB, email, name string) *Person {
	t.Helper()
	stranger := p.Stranger()
	stranger.Post(t, "/v1/auth/register", map[string]string{
		"organisation": "demo", "email": email, "password": RegisteredPassword, "display_name": name,
	}, nil)
	stranger.Post(t, "/v1/auth/confirm", map[string]string{"token": p.MailedToken(t, email, "Confirm your e-mail address")}, nil)
	return p.SignIn(t, email, RegisteredPassword)
}

// Invited sets the password of somebody who was sent an invitation, and signs
// in.
func (p *Platform) Invited(t testing.TB, email string) *Person {
	t.Helper()
	token := p.MailedToken(t, email, "You have been invited")
	p.Stranger().Post(t, "/v1/auth/password/reset", map[string]string{"token": token, "password": RegisteredPassword}, nil)
	return p.SignIn(t, email, RegisteredPassword)
}

// Mail is a mail that the platform has sent.
type Mail struct {
	ID      string
	To      string
	Subject string
	Text    string
}

// mails is where caught mail is shown.
func (p *Platform) mails() *Client {
	if p.mailbox != nil {
		return p.mailbox.Operations()
	}
	return p.Operations()
}

// Mails are the caught mails to an address, the newest first, without texts.
func (p *Platform) Mails(t testing.TB, to string) []Mail {
	t.Helper()
	var found struct{ Items []Mail }
	p.mails().Get(t, "/mail?limit=200&to="+url.QueryEscape(to), &found)
	return found.Items
}

// AwaitMail waits for the newest mail to an address with a subject.
func (p *Platform) AwaitMail(t testing.TB, to, subject string) Mail {
	t.Helper()
	var mail Mail
	Eventually(t, fmt.Sprintf("a mail %q comes to %s", subject, to), func() error {
		mails := p.Mails(t, to)
		for _, m := range mails {
			if m.Subject == subject {
				p.mails().Get(t, "/mail/"+m.ID, &mail)
				return nil
			}
		}
		return fmt.Errorf("there are %d other mails", len(mails))
	})
	return mail
}

var mailedToken = regexp.MustCompile(`(?m)^The token itself, for use with the API:\n\n(\S+)$`)

// MailedToken waits for a mail and returns the token in it.
func (p *Platform) MailedToken(t testing.TB, to, subject string) string {
	t.Helper()
	mail := p.AwaitMail(t, to, subject)
	found := mailedToken.FindStringSubmatch(mail.Text)
	if found == nil {
		t.Fatalf("there is no token in the mail:\n%s", mail.Text)
	}
	return found[1]
}

// Refresh exchanges the refresh token; the old one is used up.
func (p *Person) Refresh(t testing.TB) {
	t.Helper()
	p.Call(t, http.MethodPost, "/v1/auth/refresh", map[string]string{"refresh_token": p.RefreshToken}, &p.Grant)
	p.Client = p.WithToken(p.AccessToken)
}
