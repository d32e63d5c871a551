// Package mediastore keeps the files of a module in its part of the blob store:
// media by the digest of their content, so that equal files are kept once, and
// uploads for as long as they are worked on. It serves media to whoever holds a
// signed URL.
package mediastore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// mediaPrefix and incomingPrefix are where media are, and where files wait whose
// digest is not known yet.
const (
	mediaPrefix    = "media/"
	incomingPrefix = "incoming/"
)

// deleteTimeout bounds one deletion, which is not worth waiting for.
const deleteTimeout = 10 * time.Second

// Store is one module's files. It is safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	log    *slog.Logger
}

// New returns a store in the bucket, which the caller closes.
func New(bucket *blob.Bucket, log *slog.Logger) *Store { return &Store{bucket: bucket, log: log} }

// Write streams r into the store. What is there only becomes visible if reading
// succeeds and check, called after the last byte, agrees; it may be nil.
func (s *Store) Write(ctx context.Context, key, mediaType string, r io.Reader, check func() error) error {
	// Closing a blob writer whose context has ended discards what was written.
	writing, discard := context.WithCancel(ctx)
	defer discard()
	w, err := s.bucket.NewWriter(writing, key, &blob.WriterOptions{ContentType: mediaType, DisableContentTypeDetection: true})
	if err != nil {
		return fmt.Errorf("write to the blob store: %w", err)
	}
	_, err = io.Copy(w, r)
	if err == nil && check != nil {
		err = check()
	}
	if err != nil {
		discard()
		_ = w.Close() // reports the cancellation that we asked for
		return err
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("write to the blob store: %w", err)
	}
	return nil
}

// Open reads what was written under a key. The caller closes it.
func (s *Store) Open(ctx context.Context, key string) (*blob.Reader, error) {
	r, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s from the blob store: %w", key, err)
	}
	return r, nil
}

// Delete removes what is under a key, even when ctx has ended. What cannot be
// removed is left to Sweep.
func (s *Store) Delete(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	if err := s.Remove(ctx, key); err != nil {
		s.log.WarnContext(ctx, "could not delete an upload; the sweep will", "key", key, "error", err)
	}
}

// Remove removes what is under a key. What is not there is fine.
func (s *Store) Remove(ctx context.Context, key string) error {
	if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("delete %s from the blob store: %w", key, err)
	}
	return nil
}

// Sweep removes what is below a prefix and older than a time, and what a dead
// process left while it received media.
func (s *Store) Sweep(ctx context.Context, prefix string, before time.Time) error {
	return errors.Join(s.sweep(ctx, prefix, before), s.sweep(ctx, incomingPrefix, before))
}

func (s *Store) sweep(ctx context.Context, prefix string, before time.Time) error {
	for list := s.bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
		found, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list uploads: %w", err)
		}
		if found.ModTime.After(before) {
			continue
		}
		if err := s.Remove(ctx, found.Key); err != nil {
			return err
		}
	}
}

// PutMedia keeps a file whose digest, a SHA-256 in lower-case hex, is known. One
// that is there already is not opened.
func (s *Store) PutMedia(ctx context.Context, digest, mediaType string, open func() (io.ReadCloser, error)) error {
	there, err := s.bucket.Exists(ctx, mediaPrefix+digest)
	if err != nil {
		return fmt.Errorf("look into the blob store: %w", err)
	}
	if there {
		return nil
	}
	file, err := open()
	if err != nil {
		return fmt.Errorf("open it: %w", err)
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	return s.Write(ctx, mediaPrefix+digest, mediaType, io.TeeReader(file, sum), func() error {
		// A folder that is imported may change between two reads of it.
		if hex.EncodeToString(sum.Sum(nil)) != digest {
			return errors.New("it has changed while it was being imported")
		}
		return nil
	})
}

// ReceiveMedia keeps a file as it arrives and returns its digest. check, called
// after the last byte, may refuse it.
func (s *Store) ReceiveMedia(ctx context.Context, mediaType string, r io.Reader, check func() error) (digest string, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("name an upload: %w", err)
	}
	key := incomingPrefix + id.String()
	sum := sha256.New()
	if err := s.Write(ctx, key, mediaType, io.TeeReader(r, sum), check); err != nil {
		return "", err
	}
	defer s.Delete(ctx, key)
	digest = hex.EncodeToString(sum.Sum(nil))
	return digest, s.PutMedia(ctx, digest, mediaType, func() (io.ReadCloser, error) { return s.Open(ctx, key) })
}

// OpenMedia reads a file by its digest. The caller closes it.
func (s *Store) OpenMedia(ctx context.Context, digest string) (*blob.Reader, error) {
	return s.Open(ctx, mediaPrefix+digest)
}
