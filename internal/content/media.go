package content

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/mediaurl"
)

const mediaKeySetting = "media_signing_key"

// MediaSigner returns the signer of media URLs: the one the module was given,
// or else one whose key the first process to need it has put into the database.
// Modules that serve markup with media in it need the same one.
func (m *Module) MediaSigner(ctx context.Context) (*mediaurl.Signer, error) {
	if s := m.signer.Load(); s != nil {
		return s, nil
	}
	key, err := m.KeptMediaKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("get the key that signs media URLs: %w", err)
	}
	s, err := mediaurl.New(key, m.cfg.MediaURLTTL)
	if err != nil {
		return nil, err
	}
	m.signer.Store(s)
	return s, nil
}

// KeptMediaKey is the key that is kept in the database. It is made by whoever
// asks first.
func (m *Module) KeptMediaKey(ctx context.Context) ([]byte, error) {
	const load = `select value from content.settings where name = $1`
	key, found, err := one(ctx, m.db.Pool, pgx.RowTo[[]byte], load, mediaKeySetting)
	if err != nil || found {
		return key, err
	}
	fresh := make([]byte, mediaurl.MinKeyBytes)
	if _, err := rand.Read(fresh); err != nil {
		return nil, err
	}
	_, err = m.db.Pool.Exec(ctx,
		`insert into content.settings (name, value) values ($1, $2) on conflict do nothing`, mediaKeySetting, fresh)
	if err != nil {
		return nil, err
	}
	// Another replica may have been first.
	key, _, err = one(ctx, m.db.Pool, pgx.RowTo[[]byte], load, mediaKeySetting)
	return key, err
}
