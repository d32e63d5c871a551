package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// defaultTimeout bounds the sending of one message. It is below the time that
// a stopping process grants its jobs.
const defaultTimeout = 15 * time.Second

// SMTPConfig says how to reach the mail server.
type SMTPConfig struct {
	// Address is host:port.
	Address string
	// User and Password authenticate, unless User is empty. They are sent only
	// over TLS.
	User     string
	Password string
	// TLS is "starttls" (the default), "tls" (from the first byte) or "none".
	TLS string
	// From is the sender's address, with or without a display name.
	From string
	// Timeout bounds each Send; 15 seconds if not positive.
	Timeout time.Duration
	// TLSConfig is for servers whose certificate is of a private authority. Nil
	// trusts the system's authorities.
	TLSConfig *tls.Config
}

// SMTP sends through a mail server, with a connection for each message. It may
// be used from many goroutines.
type SMTP struct {
	host    string
	options []gomail.Option
	dialTLS *tls.Config // not nil if the connection begins with TLS
	from    *mail.Address
	timeout time.Duration
}

// NewSMTP checks the configuration. It does not connect.
func NewSMTP(cfg SMTPConfig) (*SMTP, error) {
	host, portText, err := net.SplitHostPort(cfg.Address)
	if err != nil || host == "" {
		return nil, fmt.Errorf("the mail server's address %q is not host:port", cfg.Address)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("the mail server's address %q has no usable port", cfg.Address)
	}
	from, err := parseFrom(cfg.From)
	if err != nil {
		return nil, err
	}
	s := &SMTP{host: host, from: from, timeout: cfg.Timeout}
	if s.timeout <= 0 {
		s.timeout = defaultTimeout
	}
	s.options = []gomail.Option{gomail.WithPort(int(port)), gomail.WithTimeout(s.timeout)}
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.TLSConfig != nil {
		tlsConfig = cfg.TLSConfig.Clone()
	}
	if tlsConfig.ServerName == "" {
		tlsConfig.ServerName = host
	}
	switch cfg.TLS {
	case "", "starttls":
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSMandatory), gomail.WithTLSConfig(tlsConfig))
	case "tls":
		s.options = append(s.options, gomail.WithSSL())
		s.dialTLS = tlsConfig
	case "none":
		if cfg.User != "" {
			return nil, errors.New("a password is not sent to a mail server without TLS")
		}
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, fmt.Errorf("the mail server's TLS mode %q is not starttls, tls or none", cfg.TLS)
	}
	if cfg.User != "" {
		s.options = append(s.options, gomail.WithUsername(cfg.User), gomail.WithPassword(cfg.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	if _, err := gomail.NewClient(host, s.options...); err != nil {
		return nil, fmt.Errorf("set up the mail server's client: %w", err)
	}
	return s, nil
}

// Send implements Sender.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg, err := compose(m, s.from, time.Now())
	if err != nil {
		return fmt.Errorf("send a mail: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	// The library heeds ctx while it dials, not after.
	release := func() bool { return true }
	defer func() { release() }()
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := s.dial(dialing, network, address)
		if err == nil {
			release = context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	client, err := gomail.NewClient(s.host, append(s.options[:len(s.options):len(s.options)], gomail.WithDialContextFunc(dial))...)
	if err != nil {
		return fmt.Errorf("send a mail: %w", err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	err = client.SendWithSMTPClient(session, msg)
	// Whatever becomes of the farewell: a message that has been accepted must
	// not be sent again.
	_ = client.CloseWithSMTPClient(session)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("send a mail: %w", context.Cause(ctx))
		}
		return fmt.Errorf("send a mail: %w", withoutAddress(err))
	}
	return nil
}

func (s *SMTP) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.dialTLS != nil {
		return (&tls.Dialer{Config: s.dialTLS}).DialContext(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// withoutAddress tells what the server said in codes. Its words, and those of
// the library, name the recipient.
func withoutAddress(err error) error {
	var failure *gomail.SendError
	if !errors.As(err, &failure) {
		return errors.New("the exchange with the mail server broke off")
	}
	code := failure.ErrorCode()
	if code == 0 {
		return fmt.Errorf("the exchange with the mail server broke off: %s", failure.Reason)
	}
	answer := fmt.Sprintf("the mail server answered %d %s: %s", code, failure.EnhancedStatusCode(), failure.Reason)
	if code >= 500 {
		return refused("%s", answer)
	}
	return errors.New(answer)
}
