package mail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// keptMails is how many of the newest mails a catcher keeps and shows.
	keptMails = 1000
	// spareMails is how many more may lie there for a while: looking for old ones
	// reads the whole folder.
	spareMails = 100
	emlSuffix  = ".eml"
	tempName   = ".mail-*.tmp"
)

// Catcher sends mail nowhere: it stores each as a file that people read with
// their mail programs and tests over HTTP. It is for development.
type Catcher struct {
	dir  string
	from *mail.Address
	log  *slog.Logger
	mu   sync.Mutex // one store at a time, so that names follow the order of arrival
	room int        // mails that may still be stored before old ones are looked for
}

// NewCatcher returns a catcher that stores mails from the given address in dir,
// which it creates for this user alone if it is missing.
func NewCatcher(dir, from string, log *slog.Logger) (*Catcher, error) {
	sender, err := parseFrom(from)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for caught mail: %w", err)
	}
	return &Catcher{dir: dir, from: sender, log: log}, nil
}

// Send implements Sender.
func (c *Catcher) Send(ctx context.Context, m Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("catch a mail: %w", err)
	}
	msg, err := compose(m, c.from, time.Now())
	if err != nil {
		return fmt.Errorf("catch a mail: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("catch a mail: make its id: %w", err)
	}
	if err := writeWhole(c.dir, id.String()+emlSuffix, func(f *os.File) error {
		_, err := msg.WriteTo(f)
		return err
	}); err != nil {
		return fmt.Errorf("catch a mail: %w", err)
	}
	c.log.InfoContext(ctx, "mail caught", "mail_id", id)
	if c.room > 0 {
		c.room--
		return nil
	}
	if err := c.prune(); err != nil {
		return fmt.Errorf("catch a mail: %w", err)
	}
	c.room = spareMails
	return nil
}

// writeWhole makes a file appear in dir with all its content.
func writeWhole(dir, name string, write func(*os.File) error) (err error) {
	f, err := os.CreateTemp(dir, tempName)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, name))
}

// prune deletes all but the newest mails. It looks at the folder itself, which
// another process may share.
func (c *Catcher) prune() error {
	ids, err := c.newest()
	if err != nil {
		return err
	}
	for _, id := range ids[min(len(ids), keptMails):] {
		// Another process may share the folder.
		if err := os.Remove(c.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete an old mail: %w", err)
		}
	}
	return nil
}

// newest lists the ids of all mails, newest first.
func (c *Catcher) newest() ([]uuid.UUID, error) {
	entries, err := os.ReadDir(c.dir) // by name, so by time
	if err != nil {
		return nil, fmt.Errorf("list the caught mail: %w", err)
	}
	var ids []uuid.UUID
	for _, e := range entries {
		if id, ok := mailID(e.Name()); ok {
			ids = append(ids, id)
		}
	}
	slices.Reverse(ids)
	return ids, nil
}

// mailID reads the id in the name of a mail's file.
func mailID(name string) (uuid.UUID, bool) {
	text, ok := strings.CutSuffix(name, emlSuffix)
	if !ok {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil && id.String() == text && id.Version() == 7
}

func (c *Catcher) path(id uuid.UUID) string { return filepath.Join(c.dir, id.String()+emlSuffix) }
