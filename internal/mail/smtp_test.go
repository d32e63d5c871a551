package mail

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// delivery is what a mail server accepted.
type delivery struct {
	from, to, user string
	encrypted      bool
	mail           *mail.Message
	body           string
}

// server is a mail server that accepts what refuse does not object to.
type server struct {
	address   string
	delivered chan delivery
	refuse    func(to string) error
	stall     chan struct{} // if not nil, the data is accepted when it closes
}

func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, encrypted := c.TLSConnectionState()
	return &session{server: s, delivery: delivery{encrypted: encrypted}}, nil
}

type session struct {
	server   *server
	delivery delivery
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "lyceum" || password != "correct" {
			return smtp.ErrAuthFailed
		}
		s.delivery.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error { s.delivery.from = from; return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.delivery.to = to
	if s.server.refuse != nil {
		return s.server.refuse(to)
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		return err
	}
	if s.server.stall != nil {
		<-s.server.stall
	}
	s.delivery.mail, s.delivery.body = m, string(body)
	s.server.delivered <- s.delivery
	return nil
}

func (s *session) Reset() {}

func (s *session) Logout() error { return nil }

// serve runs a mail server until the test ends.
func serve(t *testing.T, tlsConfig *tls.Config, implicit bool) *server {
	t.Helper()
	s := &server{delivered: make(chan delivery, 10)}
	srv := smtp.NewServer(s)
	srv.Domain, srv.TLSConfig = "localhost", tlsConfig
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = listener.Addr().String()
	if implicit {
		listener = tls.NewListener(listener, tlsConfig)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.NoError(t, <-ended)
	})
	return s
}

// certificate makes a self-signed certificate for 127.0.0.1 and the client's
// configuration that trusts it.
func certificate(t *testing.T) (forServer, forClient *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	forServer = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return forServer, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}

const testFrom = "Lyceum <no-reply@lyceum.example>"

func newSMTP(t *testing.T, cfg SMTPConfig) *SMTP {
	t.Helper()
	if cfg.From == "" {
		cfg.From = testFrom
	}
	s, err := NewSMTP(cfg)
	require.NoError(t, err)
	return s
}

func welcome() Message {
	return Message{
		ID: "users-42", To: "Ada Lovelace <ada@example.org>", Subject: "Willkommen, Ada – schön!",
		Text: "Grüße\n.\nThe line before is a dot.\n" + strings.Repeat("long ", 300),
	}
}

func (s *server) next(t *testing.T) delivery {
	t.Helper()
	select {
	case d := <-s.delivered:
		return d
	case <-time.After(10 * time.Second):
		t.Fatal("no mail arrived")
		return delivery{}
	}
}

func TestMailArrives(t *testing.T) {
	t.Parallel()
	server := serve(t, nil, false)
	s := newSMTP(t, SMTPConfig{Address: server.address, TLS: "none"})
	m := welcome()
	m.Headers = map[string]string{"List-Unsubscribe": "<https://lyceum.example/x>", "Reply-To": "help@lyceum.example"}
	require.NoError(t, s.Send(t.Context(), m))
	d := server.next(t)
	require.Equal(t, "no-reply@lyceum.example", d.from)
	require.Equal(t, "ada@example.org", d.to)
	header := func(name string) string {
		text, err := new(mime.WordDecoder).DecodeHeader(d.mail.Header.Get(name))
		require.NoError(t, err)
		return text
	}
	require.Equal(t, m.Subject, header("Subject"))
	require.Equal(t, `"Ada Lovelace" <ada@example.org>`, header("To"))
	require.Equal(t, `"Lyceum" <no-reply@lyceum.example>`, header("From"))
	require.Equal(t, "<users-42@lyceum.example>", header("Message-ID"))
	require.Equal(t, "<https://lyceum.example/x>", header("List-Unsubscribe"))
	require.Equal(t, "help@lyceum.example", header("Reply-To"))
	require.Equal(t, "auto-generated", header("Auto-Submitted"))
	text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(d.body)))
	require.NoError(t, err)
	require.Equal(t, m.Text, strings.TrimRight(unixLines(text), "\n"))

	require.NoError(t, s.Send(t.Context(), welcome()))
	require.Equal(t, "<users-42@lyceum.example>", server.next(t).mail.Header.Get("Message-ID"), "another try is the same mail")

	m.ID, m.HTML = "", "<p>Grüße</p>"
	require.NoError(t, s.Send(t.Context(), m))
	d = server.next(t)
	require.NotContains(t, d.mail.Header.Get("Message-ID"), "users-42")
	require.Contains(t, d.mail.Header.Get("Content-Type"), "multipart/alternative")
	require.Less(t, strings.Index(d.body, "text/plain"), strings.Index(d.body, "text/html"), "the best form comes last")
}

func TestMailOverTLS(t *testing.T) {
	t.Parallel()
	forServer, forClient := certificate(t)
	for mode, implicit := range map[string]bool{"starttls": false, "": false, "tls": true} {
		server := serve(t, forServer, implicit)
		cfg := SMTPConfig{Address: server.address, TLS: mode, User: "lyceum", Password: "correct", TLSConfig: forClient}
		require.NoError(t, newSMTP(t, cfg).Send(t.Context(), welcome()), mode)
		d := server.next(t)
		require.True(t, d.encrypted, mode)
		require.Equal(t, "lyceum", d.user, mode)

		cfg.Password = "wrong"
		err := newSMTP(t, cfg).Send(t.Context(), welcome())
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrRefused, "the password can be put right")
		require.NotContains(t, err.Error(), "wrong")
		cfg.Password, cfg.TLSConfig = "correct", nil
		require.Error(t, newSMTP(t, cfg).Send(t.Context(), welcome()), "the certificate is nobody's")
	}
	plain := serve(t, nil, false)
	err := newSMTP(t, SMTPConfig{Address: plain.address, TLS: "starttls"}).Send(t.Context(), welcome())
	require.Error(t, err, "a server without TLS, or an attacker that hides it")
	require.Empty(t, plain.delivered)
}

func TestServerErrors(t *testing.T) {
	t.Parallel()
	server := serve(t, nil, false)
	s := newSMTP(t, SMTPConfig{Address: server.address, TLS: "none"})
	server.refuse = func(to string) error {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user " + to}
	}
	err := s.Send(t.Context(), welcome())
	require.ErrorIs(t, err, ErrRefused)
	require.Contains(t, err.Error(), "550")
	require.NotContains(t, err.Error(), "ada")

	server.refuse = func(to string) error {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later, " + to}
	}
	err = s.Send(t.Context(), welcome())
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrRefused)
	require.NotContains(t, err.Error(), "ada")

	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	err = newSMTP(t, SMTPConfig{Address: listener.Addr().String(), TLS: "none"}).Send(t.Context(), welcome())
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrRefused)
}

// A server that stops answering holds up neither the caller's deadline nor its
// cancellation.
func TestSendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := serve(t, nil, false)
	server.stall = make(chan struct{})
	defer close(server.stall)
	s := newSMTP(t, SMTPConfig{Address: server.address, TLS: "none", Timeout: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	require.ErrorIs(t, s.Send(ctx, welcome()), context.DeadlineExceeded)
	require.Less(t, time.Since(begun), 20*time.Second)

	quick := newSMTP(t, SMTPConfig{Address: server.address, TLS: "none", Timeout: 300 * time.Millisecond})
	begun = time.Now()
	require.Error(t, quick.Send(t.Context(), welcome()))
	require.Less(t, time.Since(begun), 20*time.Second)
}

func TestHostileMessagesAreRefused(t *testing.T) {
	t.Parallel()
	server := serve(t, nil, false)
	catcher, err := NewCatcher(t.TempDir(), testFrom, discard())
	require.NoError(t, err)
	senders := []Sender{newSMTP(t, SMTPConfig{Address: server.address, TLS: "none"}), catcher}
	long := strings.Repeat("x", 3<<20)
	for why, change := range map[string]func(*Message){
		"no recipient":            func(m *Message) { m.To = "" },
		"two recipients":          func(m *Message) { m.To = "a@example.org, b@example.org" },
		"not an address":          func(m *Message) { m.To = "ada" },
		"recipient with a line":   func(m *Message) { m.To = "ada@example.org\r\nBcc: eve@example.org" },
		"recipient with LF":       func(m *Message) { m.To = "ada@example.org\nRCPT TO:<eve@example.org>" },
		"name with a line":        func(m *Message) { m.To = "=?utf-8?q?Ada=0D=0ABcc:_eve@example.org?= <ada@example.org>" },
		"quoted local part":       func(m *Message) { m.To = `"ada> NOTIFY=x"@example.org` },
		"endless recipient":       func(m *Message) { m.To = long + "@example.org" },
		"subject with a line":     func(m *Message) { m.Subject = "Hi\r\nBcc: eve@example.org" },
		"subject with CR":         func(m *Message) { m.Subject = "Hi\rBcc: eve@example.org" },
		"subject with NUL":        func(m *Message) { m.Subject = "Hi\x00" },
		"subject not UTF-8":       func(m *Message) { m.Subject = "Hi\xff" },
		"no subject":              func(m *Message) { m.Subject = "" },
		"endless subject":         func(m *Message) { m.Subject = long },
		"no text":                 func(m *Message) { m.Text = "" },
		"endless text":            func(m *Message) { m.Text = long },
		"endless HTML":            func(m *Message) { m.HTML = long },
		"id with a line":          func(m *Message) { m.ID = "x>\r\nBcc: eve@example.org" },
		"id with a bracket":       func(m *Message) { m.ID = "x> <y" },
		"endless id":              func(m *Message) { m.ID = strings.Repeat("x", 129) },
		"header value with lines": func(m *Message) { m.Headers = map[string]string{"X-A": "b\r\nBcc: eve@example.org"} },
		"header name with lines":  func(m *Message) { m.Headers = map[string]string{"X-A: b\r\nBcc": "eve@example.org"} },
		"header name with colon":  func(m *Message) { m.Headers = map[string]string{"X-A:": "b"} },
		"another recipient":       func(m *Message) { m.Headers = map[string]string{"bCC": "eve@example.org"} },
		"another sender":          func(m *Message) { m.Headers = map[string]string{"From": "eve@example.org"} },
		"another content type":    func(m *Message) { m.Headers = map[string]string{"Content-Type": "text/html"} },
	} {
		m := welcome()
		change(&m)
		for _, s := range senders {
			require.ErrorIs(t, s.Send(t.Context(), m), ErrRefused, why)
		}
	}
	require.Empty(t, server.delivered)
}

func TestSMTPConfigIsChecked(t *testing.T) {
	t.Parallel()
	for why, cfg := range map[string]SMTPConfig{
		"no address":             {From: testFrom},
		"no port":                {From: testFrom, Address: "mail.example"},
		"port is a word":         {From: testFrom, Address: "mail.example:smtp"},
		"no host":                {From: testFrom, Address: ":25"},
		"unknown TLS mode":       {From: testFrom, Address: "mail.example:25", TLS: "maybe"},
		"password without TLS":   {From: testFrom, Address: "mail.example:25", TLS: "none", User: "u", Password: "p"},
		"no sender":              {Address: "mail.example:25"},
		"sender with a new line": {Address: "mail.example:25", From: "a@example.org\r\nBcc: b@example.org"},
	} {
		_, err := NewSMTP(cfg)
		require.Error(t, err, why)
	}
}
