package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/mail"
)

const (
	// mailAttempts is how often a mail server is tried.
	mailAttempts = 13
	// addressPatience is how long a mail waits for an address to be known and
	// confirmed.
	addressPatience = 24 * time.Hour
	// longestWait bounds the pauses of that wait.
	longestWait = time.Hour
)

// outcome is what became of a delivery. The names are stored.
type outcome string

const (
	mailSent      outcome = "sent"
	mailFailed    outcome = "failed"
	mailCancelled outcome = "cancelled"
)

// letter is a mail that is to be sent, with what is known now.
type letter struct {
	AccountID   uuid.UUID
	Kind        string
	Title       string
	Body        string
	Link        string
	CreatedAt   time.Time
	Email       *string // nil while there is no confirmed address
	DisplayName string
	Wanted      bool
}

// sendMail sends the mail of a notification to the address that its account has
// by now. It returns how long to wait when there is none yet. final says that no
// further attempt will be made after an error.
func (m *Module) sendMail(ctx context.Context, id uuid.UUID, final bool) (wait time.Duration, err error) {
	l, found, err := m.loadLetter(ctx, id)
	if err != nil || !found {
		return 0, err // nothing is found that was erased or settled meanwhile
	}
	switch age := m.now().Sub(l.CreatedAt); {
	case !l.Wanted:
		return 0, m.settle(ctx, id, mailCancelled, "switched off")
	case l.Email == nil && age >= addressPatience:
		return 0, m.settle(ctx, id, mailFailed, "no confirmed address within a day")
	case l.Email == nil:
		m.metrics.mails.WithLabelValues("postponed").Inc()
		return min(max(age/2, m.cfg.ContactRetry), longestWait), nil
	}
	key, err := m.links.load(ctx, m.db.Pool)
	if err != nil {
		return 0, err
	}
	err = m.mail.Send(ctx, m.write(id, l, unsubscribeToken(key, l.AccountID, kind(l.Kind))))
	if err == nil {
		return 0, m.settle(ctx, id, mailSent, "")
	}
	refused := errors.Is(err, mail.ErrRefused)
	if refused || final {
		return 0, m.settle(ctx, id, mailFailed, reasonText(err))
	}
	err = fmt.Errorf("send the mail of notification %s: %w", id, err)
	return 0, errors.Join(err, m.noteAttempt(ctx, id, reasonText(err)))
}

func (m *Module) loadLetter(ctx context.Context, id uuid.UUID) (letter, bool, error) {
	found, err := collect[letter](ctx, m.db.Pool, `
		select n.account_id, n.kind, n.title, n.body, n.link, n.created_at,
			case when c.email_confirmed then c.email end as email, coalesce(c.display_name, '') as display_name,
			coalesce((select enabled from notify.preferences p
				where p.account_id = n.account_id and p.kind = n.kind and p.channel = 'mail'), true) as wanted
		from notify.deliveries d
		join notify.notifications n on n.id = d.notification_id
		left join notify.contacts c on c.account_id = n.account_id
		where d.notification_id = $1 and d.status = 'queued'`, id)
	if err != nil {
		return letter{}, false, fmt.Errorf("load the mail of notification %s: %w", id, err)
	}
	if len(found) == 0 {
		return letter{}, false, nil
	}
	return found[0], true, nil
}

// write makes the mail. Its id is that of the notification, so a second sending
// is recognisable. The header fields are for the mail program's own button.
func (m *Module) write(id uuid.UUID, l letter, unsubscribe string) mail.Message {
	greeting := "Hello,"
	if name := oneLine(l.DisplayName); name != "" {
		greeting = "Hello " + name + ","
	}
	return mail.Message{
		ID: moduleName + "-" + id.String(), To: *l.Email, Subject: l.Title,
		Text: greeting + "\n\n" + l.Title + ".\n" + l.Body + "\n\n" + m.cfg.PublicURL + l.Link + "\n\n" +
			"-- \nChoose which mails you get: " + m.cfg.PublicURL + "/settings/notifications\n",
		Headers: map[string]string{
			"List-Unsubscribe":      "<" + m.cfg.APIURL + unsubscribePath + "?token=" + unsubscribe + ">",
			"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		},
	}
}

// settle records what became of a delivery.
func (m *Module) settle(ctx context.Context, id uuid.UUID, o outcome, reason string) error {
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tried := 0
		if o == mailSent || o == mailFailed {
			tried = 1
		}
		_, err := tx.Exec(ctx, `
			update notify.deliveries set status = $2, reason = $3, attempts = attempts + $4, settled_at = now()
			where notification_id = $1 and status = 'queued'`, id, string(o), reason, tried)
		return err
	})
	if err != nil {
		return fmt.Errorf("record what became of the mail of notification %s: %w", id, err)
	}
	m.metrics.mails.WithLabelValues(string(o)).Inc()
	return nil
}

// noteAttempt records a failure that is not the last.
func (m *Module) noteAttempt(ctx context.Context, id uuid.UUID, reason string) error {
	_, err := m.db.Pool.Exec(ctx, `
		update notify.deliveries set attempts = attempts + 1, reason = $2 where notification_id = $1 and status = 'queued'`, id, reason)
	if err != nil {
		return fmt.Errorf("record an attempt to mail notification %s: %w", id, err)
	}
	return nil
}

// reasonText fits an error into its column.
func reasonText(err error) string {
	runes := []rune(oneLine(err.Error()))
	return string(runes[:min(len(runes), 1000)])
}
