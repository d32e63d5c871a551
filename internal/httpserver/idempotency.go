package httpserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	headerKey      = "Idempotency-Key"
	headerReplayed = "Idempotency-Replayed"

	// IdempotencyKeyLifetime is how long a key is remembered, at least.
	IdempotencyKeyLifetime = 24 * time.Hour

	// answerPatience is how long after its effect a request may still be
	// answered: longer than any request lives. A key without an answer after
	// that belongs to a process that has died between the two.
	answerPatience = time.Minute

	maxKey          = 255
	maxKeptResponse = 1 << 20
)

// once serves a POST that carries an Idempotency-Key so that it takes effect
// once, however often it is sent. The key is claimed in the first transaction
// of the request, together with its effect: a request that fails before leaves
// no trace, and of two at the same time one waits for the other's commit and
// then finds the key taken. The answer is kept once the handler has returned,
// and before it is sent.
//
// The fingerprint covers the target and the body. The body of a raw route is
// not read for it, only its declared length and type.
func (s *Server) once(b *boundRoute, w http.ResponseWriter, r *http.Request, body []byte, handler http.HandlerFunc) {
	ctx := r.Context()
	principal, signedIn := auth.FromContext(ctx)
	if b.Method != http.MethodPost || b.Secret || !signedIn || len(r.Header.Values(headerKey)) == 0 {
		handler(w, r)
		return
	}
	key, err := parseKey(r.Header.Values(headerKey))
	if err == nil && b.db == nil {
		err = problem.New(problem.Malformed, "idempotency-key-unsupported", "This path does not support %s.", headerKey)
	}
	if err != nil {
		WriteProblem(w, r, err)
		return
	}
	k := keptRequest{db: b.db, table: keyTable(b.module), principal: principal.AccountID, key: key, route: b.ID,
		fingerprint: fingerprint(r, body)}
	switch answer, err := k.find(ctx); {
	case err != nil:
		WriteProblem(w, r, err)
		return
	case answer != nil:
		answer.send(w, r)
		return
	}

	taken := false
	claimed, claim := postgres.WithClaim(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ok, err := k.claim(ctx, tx)
		if err == nil && !ok {
			taken = true
			return errKeyInProgress()
		}
		return err
	})
	held := &heldWriter{w: w, header: w.Header().Clone()}
	handler(held, r.WithContext(claimed))
	if taken {
		s.answerTaken(k, w, r)
		return
	}
	if claim.Kept() && held.status() < 500 && !held.passing {
		// The effect is there even if the client has gone.
		saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := k.save(saving, keptAnswer{status: held.status(), header: held.header, body: held.body.Bytes()}); err != nil {
			s.log.LogAttrs(ctx, slog.LevelError, "an answer could not be kept for its Idempotency-Key",
				slog.String("request_id", RequestID(ctx)), slog.String("route", b.Path), slog.Any("error", err))
		}
	}
	held.release()
}

// answerTaken is for the loser of two simultaneous requests.
func (s *Server) answerTaken(k keptRequest, w http.ResponseWriter, r *http.Request) {
	callOf(r.Context()).problem = ""
	answer, err := k.find(r.Context())
	if err == nil && answer == nil {
		err = errKeyInProgress()
	}
	if err != nil {
		WriteProblem(w, r, err)
		return
	}
	answer.send(w, r)
}

func errKeyInProgress() error {
	return problem.New(problem.Conflict, "idempotency-key-in-progress",
		"A request with this %s has begun and its answer is not known yet.", headerKey).After(time.Second)
}

// errAnswerLost is final: the effect is there, once, and its answer nowhere.
func errAnswerLost() error {
	return problem.New(problem.Conflict, "idempotency-answer-lost",
		"The request with this %s has taken effect, and its answer was lost with the process that made it. "+
			"Read what it has changed; send another key only to do it again.", headerKey)
}

// parseKey reads the header: a quoted string, as the draft has it, or the bare
// text that most clients send.
func parseKey(values []string) (string, error) {
	bad := problem.New(problem.Malformed, "idempotency-key-malformed",
		"%s must be one string of 1 to %d visible ASCII characters.", headerKey, maxKey)
	if len(values) != 1 {
		return "", bad
	}
	key := strings.TrimSpace(values[0])
	if unquoted, ok := strings.CutPrefix(key, `"`); ok {
		if key, ok = strings.CutSuffix(unquoted, `"`); !ok {
			return "", bad
		}
	}
	if key == "" || len(key) > maxKey {
		return "", bad
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return "", bad
		}
	}
	return key, nil
}

func fingerprint(r *http.Request, body []byte) []byte {
	h := sha256.New()
	length := r.ContentLength
	if body != nil {
		length = int64(len(body))
	}
	for _, part := range [][]byte{[]byte(r.URL.Path), []byte(r.URL.RawQuery), []byte(r.Header.Get("Content-Type")),
		binary.BigEndian.AppendUint64(nil, uint64(length)), body} {
		// The length keeps one part from passing for the end of another.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return h.Sum(nil)
}

func keyTable(module string) string { return pgx.Identifier{module, "idempotency_keys"}.Sanitize() }

// keptRequest is a request with a key, as it is looked up.
type keptRequest struct {
	db          *postgres.DB
	table       string
	principal   uuid.UUID
	key, route  string
	fingerprint []byte
}

// find returns the answer that is kept for the request; nil if there is no such
// key. A key that is in progress, whose answer is lost, or that belongs to another
// request is a problem.
func (k keptRequest) find(ctx context.Context) (*keptAnswer, error) {
	var fingerprint []byte
	var status *int
	var lost bool
	var a keptAnswer
	err := k.db.Pool.QueryRow(ctx, `select fingerprint, status, headers, body, created_at < now() - $4::interval from `+k.table+
		` where principal = $1 and route = $2 and key = $3`, k.principal, k.route, k.key, answerPatience).
		Scan(&fingerprint, &status, &a.header, &a.body, &lost)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look an Idempotency-Key up: %w", err)
	case !bytes.Equal(fingerprint, k.fingerprint):
		return nil, problem.New(problem.Invalid, "idempotency-key-reused", "This %s was used with another request.", headerKey)
	case status == nil && lost:
		return nil, errAnswerLost()
	case status == nil:
		return nil, errKeyInProgress()
	}
	a.status = *status
	return &a, nil
}

// claim takes the key in tx, waiting for another transaction that is about to.
func (k keptRequest) claim(ctx context.Context, tx pgx.Tx) (bool, error) {
	tag, err := tx.Exec(ctx, `insert into `+k.table+` (principal, key, route, fingerprint) values ($1, $2, $3, $4) on conflict do nothing`,
		k.principal, k.key, k.route, k.fingerprint)
	if err != nil {
		return false, fmt.Errorf("claim an Idempotency-Key: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

func (k keptRequest) save(ctx context.Context, a keptAnswer) error {
	header := http.Header{}
	for _, name := range []string{"Content-Type", "Etag", "Location", "Retry-After"} {
		if values := a.header.Values(name); len(values) > 0 {
			header[name] = values
		}
	}
	_, err := k.db.Pool.Exec(ctx, `update `+k.table+` set status = $4, headers = $5, body = $6
		where principal = $1 and route = $2 and key = $3 and status is null`,
		k.principal, k.route, k.key, a.status, header, a.body)
	if err != nil {
		return fmt.Errorf("keep an answer for its Idempotency-Key: %w", err)
	}
	return nil
}

// keptAnswer is what was answered to a request.
type keptAnswer struct {
	status int
	header http.Header
	body   []byte
}

func (a *keptAnswer) send(w http.ResponseWriter, _ *http.Request) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set(headerReplayed, "true")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client has gone: nobody to tell
}

// PruneIdempotencyKeys forgets the keys of a module that are older than the
// given age, which should not be less than IdempotencyKeyLifetime. It returns
// how many there were. Small transactions keep it out of the way.
func PruneIdempotencyKeys(ctx context.Context, db *postgres.DB, module string, olderThan time.Duration) (int64, error) {
	const batch = 5000
	var total int64
	for {
		tag, err := db.Pool.Exec(ctx, `delete from `+keyTable(module)+` where ctid = any(array(
			select ctid from `+keyTable(module)+` where created_at < now() - $1::interval limit $2))`, olderThan, batch)
		if err != nil {
			return total, fmt.Errorf("prune the idempotency keys of %s: %w", module, err)
		}
		total += tag.RowsAffected()
		if tag.RowsAffected() < batch {
			return total, nil
		}
	}
}

// heldWriter holds an answer back until it has been kept. One that is too large
// to keep, or is flushed, passes through.
type heldWriter struct {
	w       http.ResponseWriter
	header  http.Header
	code    int
	body    bytes.Buffer
	passing bool
}

// Header implements http.ResponseWriter.
func (h *heldWriter) Header() http.Header {
	if h.passing {
		return h.w.Header()
	}
	return h.header
}

// WriteHeader implements http.ResponseWriter.
func (h *heldWriter) WriteHeader(status int) {
	if h.code == 0 && status >= 200 {
		h.code = status
	}
}

// Write implements http.ResponseWriter.
func (h *heldWriter) Write(p []byte) (int, error) {
	if h.code == 0 {
		h.code = http.StatusOK
	}
	if !h.passing && h.body.Len()+len(p) > maxKeptResponse {
		h.release()
		h.passing = true
	}
	if h.passing {
		return h.w.Write(p)
	}
	return h.body.Write(p)
}

// Flush implements http.Flusher.
func (h *heldWriter) Flush() {
	if !h.passing {
		h.release()
		h.passing = true
	}
	_ = http.NewResponseController(h.w).Flush()
}

// Unwrap serves http.ResponseController.
func (h *heldWriter) Unwrap() http.ResponseWriter { return h.w }

func (h *heldWriter) status() int {
	if h.code == 0 {
		return http.StatusOK
	}
	return h.code
}

// release sends what is held.
func (h *heldWriter) release() {
	if h.passing {
		return
	}
	clear(h.w.Header())
	for name, values := range h.header {
		h.w.Header()[name] = values
	}
	h.w.WriteHeader(h.status())
	_, _ = h.w.Write(h.body.Bytes()) // the client has gone: nobody to tell
}
