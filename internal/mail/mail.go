// Package mail sends mail: through an SMTP server, or into a folder where
// developers and tests read it.
package mail

import (
	"context"
	"errors"
)

// Message is a mail to one recipient.
type Message struct {
	// ID is the same for each try to send the same mail, so that it keeps its
	// Message-ID and a recipient's server can tell the repetition. It consists of
	// up to 128 ASCII letters, digits, '.', '_' and '-'. Empty means a new one.
	ID string
	// To is an address, with or without a display name.
	To      string
	Subject string
	// Text is the plain text. HTML, unless empty, is the alternative to it.
	Text string
	HTML string
	// Headers are further header fields. Those that the package writes itself
	// are refused.
	Headers map[string]string
}

// Sender sends messages. Send returns nil once somebody else is responsible
// for the message. An error that wraps ErrRefused will be the same on another
// try; any other may not. No error names the recipient.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// ErrRefused is wrapped by errors that trying again cannot help: the message is
// malformed, or the server has refused it for good.
var ErrRefused = errors.New("mail refused")
