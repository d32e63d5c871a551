package assessment

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/mediastore"
	"github.com/lyceum-lms/platform/internal/upload"
)

// mediaFile is a file that a bank's items may show.
type mediaFile struct {
	SHA256  []byte
	Name    string
	Bytes   int64
	AddedAt time.Time
}

// assetURL is the file in markup.
func (f mediaFile) assetURL() string {
	return "asset:" + hex.EncodeToString(f.SHA256) + "/" + url.PathEscape(f.Name)
}

// addMedia keeps an upload as a file of the bank. The same file under the same
// name is one.
func (m *Module) addMedia(ctx context.Context, caller auth.Principal, bankID uuid.UUID, file *upload.File) (mediaFile, error) {
	if _, err := bankFor(ctx, m.db.Pool, caller, bankID, bankAuthor); err != nil {
		return mediaFile{}, err
	}
	mediaType, _ := mediastore.MediaType(file.Name)
	digest, err := m.files.ReceiveMedia(ctx, mediaType, file, file.Check)
	if err != nil {
		return mediaFile{}, file.Fault(err)
	}
	sum, err := hex.DecodeString(digest)
	if err != nil {
		return mediaFile{}, fmt.Errorf("read a digest: %w", err)
	}
	f := mediaFile{SHA256: sum, Name: file.Name, Bytes: file.Bytes()}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := bankFor(ctx, tx, caller, bankID, bankAuthor); err != nil {
			return err
		}
		if err := saveMedia(ctx, tx, bankID, []mediaFile{f}); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `select added_at from assessment.bank_media where bank_id = $1 and sha256 = $2 and name = $3`,
			bankID, f.SHA256, f.Name).Scan(&f.AddedAt)
	})
	return f, err
}

// saveMedia makes files those of a bank. Their content is in the store already.
func saveMedia(ctx context.Context, tx pgx.Tx, bankID uuid.UUID, files []mediaFile) error {
	if len(files) == 0 {
		return nil
	}
	digests, names, sizes := make([][]byte, 0, len(files)), make([]string, 0, len(files)), make([]int64, 0, len(files))
	for _, f := range files {
		digests, names, sizes = append(digests, f.SHA256), append(names, f.Name), append(sizes, f.Bytes)
	}
	_, err := tx.Exec(ctx, `
		insert into assessment.bank_media (bank_id, sha256, name, bytes)
		select distinct $1::uuid, sha256, name, bytes from unnest($2::bytea[], $3::text[], $4::bigint[]) as f(sha256, name, bytes)
		on conflict do nothing`, bankID, digests, names, sizes)
	if err != nil {
		return fmt.Errorf("list the files of bank %s: %w", bankID, err)
	}
	return nil
}

// mediaAfter is where a page of files begins.
type mediaAfter struct {
	SHA256 []byte `json:"d"`
	Name   string `json:"n"`
}

// listMedia returns up to limit files of a bank after one, by their digests.
func (m *Module) listMedia(ctx context.Context, caller auth.Principal, bankID uuid.UUID, after mediaAfter, limit int) ([]mediaFile, error) {
	if _, err := bankFor(ctx, m.db.Pool, caller, bankID, bankReader); err != nil {
		return nil, err
	}
	if after.SHA256 == nil {
		after.SHA256 = []byte{}
	}
	rows, err := m.db.Pool.Query(ctx, `select sha256, name, bytes, added_at from assessment.bank_media
		where bank_id = $1 and (sha256, name) > ($2, $3) order by sha256, name limit $4`, bankID, after.SHA256, after.Name, limit)
	if err != nil {
		return nil, fmt.Errorf("list the files of bank %s: %w", bankID, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[mediaFile])
	if err != nil {
		return nil, fmt.Errorf("list the files of bank %s: %w", bankID, err)
	}
	return found, nil
}
