package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/argon2"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/migrations"
)

// The accounts that the platform makes by itself beside the embedded database,
// and the password of those that are loaded here.
const (
	instructorEmail    = "instructor@demo.example"
	instructorPassword = "look-at-the-stars"
	learnerPassword    = "a-password-of-bench"
)

// OWASP's parameters for argon2id, which are the platform's.
const (
	argonMemory = 19456
	argonPasses = 2
	argonSalt   = 16
	argonHash   = 32
)

// settleTimeout bounds the wait for events and jobs to be worked off.
const settleTimeout = 3 * time.Minute

// school is what the scenarios work with.
type school struct {
	course     uuid.UUID
	unit       uuid.UUID
	assessment uuid.UUID
	learners   []uuid.UUID // those enrolled
}

func learnerEmail(i int) string { return fmt.Sprintf("learner-%08d@bench.example", i) }

// openSchool loads the accounts by SQL, since real registrations would take a
// hash each, and does all the rest through the API.
func openSchool(ctx context.Context, b *bench) (*school, error) {
	s := &school{}
	if err := s.loadAccounts(ctx, b); err != nil {
		return nil, err
	}
	c, err := dial(ctx, b.platform.api)
	if err != nil {
		return nil, err
	}
	defer c.close()
	instructor, err := signInOnce(c, instructorEmail, instructorPassword)
	if err != nil {
		return nil, err
	}
	if err := s.importCourse(ctx, c, instructor); err != nil {
		return nil, err
	}
	tokens, err := b.signInLearners(ctx, s.learners)
	if err != nil {
		return nil, err
	}
	for _, token := range tokens {
		if err := c.call("POST", "/v1/courses/"+s.course.String()+"/enrolment", token, struct{}{}, nil); err != nil {
			return nil, fmt.Errorf("enrol a learner: %w", err)
		}
	}
	if err := b.settle(ctx, false); err != nil {
		return nil, err
	}
	return s, s.look(c, tokens[0])
}

// loadAccounts makes confirmed learners with one password. The first of them
// are also announced to the other modules, as the API would, so that their exams
// lead to notifications and mails.
func (s *school) loadAccounts(ctx context.Context, b *bench) error {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails, by its documentation
	hash := argon2.IDKey([]byte(learnerPassword), salt, argonPasses, argonMemory, 1, argonHash)
	phc := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, argonMemory, argonPasses,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash))
	for _, statement := range []string{
		`insert into users.accounts (account_id, organisation_id, email, email_confirmed_at, display_name, search_name,
			locale, time_zone, status, created_at, updated_at)
		select gen_random_uuid(), o.organisation_id, format('learner-%s@bench.example', lpad(i::text, 8, '0')), now(),
			'Learner ' || i, 'learner ' || i, 'en', 'UTC', 'active', now(), now()
		from generate_series(0, $1::int - 1) i, users.organisations o where o.slug = 'demo' and $2 <> ''`,
		`insert into users.credentials (account_id, password_hash, changed_at)
		select account_id, $2, now() from users.accounts where email like 'learner-%@bench.example' and $1 > 0`,
		`insert into users.roles (account_id, role, organisation_id, granted_at)
		select account_id, 'learner', organisation_id, now() from users.accounts
		where email like 'learner-%@bench.example' and $1::int > 0 and $2 <> ''`,
	} {
		if _, err := b.admin.Exec(ctx, statement, b.accounts, phc); err != nil {
			return fmt.Errorf("load accounts: %w", err)
		}
	}
	if _, err := b.admin.Exec(ctx, `analyze users.accounts, users.credentials, users.roles`); err != nil {
		return fmt.Errorf("analyse the accounts: %w", err)
	}
	return pgx.BeginFunc(ctx, b.admin, func(tx pgx.Tx) error {
		for i := range b.learners {
			var id, organisation uuid.UUID
			err := tx.QueryRow(ctx, `select account_id, organisation_id from users.accounts where email = $1`, learnerEmail(i)).
				Scan(&id, &organisation)
			if err != nil {
				return fmt.Errorf("find learner %d: %w", i, err)
			}
			s.learners = append(s.learners, id)
			err = event.ContactChanged.Emit(ctx, tx, event.ContactChangedV1{
				AccountID: id, OrganisationID: organisation, Email: learnerEmail(i), EmailConfirmed: true,
				DisplayName: fmt.Sprintf("Learner %d", i), Locale: "en", TimeZone: "UTC", At: time.Now().UTC(),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *school) importCourse(ctx context.Context, c *conn, token string) error {
	archive, err := courseArchive()
	if err != nil {
		return err
	}
	req := request("POST", "/v1/imports", token, archive)
	req = []byte(strings.Replace(string(req), "Content-Type: application/json", "Content-Type: application/gzip", 1))
	answer, err := c.expect(req, 202)
	if err != nil {
		return fmt.Errorf("upload the course: %w", err)
	}
	var state struct {
		ImportID uuid.UUID  `json:"import_id"`
		Status   string     `json:"status"`
		CourseID *uuid.UUID `json:"course_id"`
	}
	if err := decode(answer, &state); err != nil {
		return err
	}
	err = until(ctx, settleTimeout, "the course to be imported", func() (bool, error) {
		err := c.call("GET", "/v1/imports/"+state.ImportID.String(), token, nil, &state)
		return state.Status != "queued" && state.Status != "running", err
	})
	if err != nil {
		return err
	}
	if state.CourseID == nil {
		return fmt.Errorf("the import of the course ended as %q", state.Status)
	}
	s.course = *state.CourseID
	return nil
}

// look finds the unit and the exam as a learner does.
func (s *school) look(c *conn, token string) error {
	var outline struct {
		Chapters []struct {
			Subsections []struct {
				Units []struct {
					UnitID uuid.UUID `json:"unit_id"`
				} `json:"units"`
			} `json:"subsections"`
		} `json:"chapters"`
	}
	if err := c.call("GET", "/v1/courses/"+s.course.String()+"/outline", token, nil, &outline); err != nil {
		return err
	}
	var found struct {
		Items []struct {
			AssessmentID uuid.UUID `json:"assessment_id"`
			Items        int       `json:"items"`
		} `json:"items"`
	}
	query := url.Values{"course_id": {s.course.String()}}.Encode()
	if err := c.call("GET", "/v1/assessments?"+query, token, nil, &found); err != nil {
		return err
	}
	if len(outline.Chapters) != 1 || len(outline.Chapters[0].Subsections) != 2 || len(outline.Chapters[0].Subsections[0].Units) != 1 ||
		len(found.Items) != 1 || found.Items[0].Items != itemsOfExam {
		return errors.New("the course has not arrived as it was packed")
	}
	s.unit, s.assessment = outline.Chapters[0].Subsections[0].Units[0].UnitID, found.Items[0].AssessmentID
	return nil
}

func signInRequest(email, password string) []byte {
	return request("POST", "/v1/auth/sign-in", "", []byte(`{"email":"`+email+`","password":"`+password+`"}`))
}

func signInOnce(c *conn, email, password string) (token string, err error) {
	answer, err := c.expect(signInRequest(email, password), 200)
	if err != nil {
		return "", fmt.Errorf("sign %s in: %w", email, err)
	}
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	return grant.AccessToken, errors.Join(decode(answer, &grant), nilIf(grant.AccessToken != "", "a sign-in gave no token"))
}

// signInLearners gives every learner a fresh token: they live for ten minutes.
func (b *bench) signInLearners(ctx context.Context, learners []uuid.UUID) ([]string, error) {
	tokens := make([]string, len(learners))
	var next atomic.Int64
	return tokens, b.eachConn(ctx, 4, func(ctx context.Context, c *conn, _ int) error {
		for i := int(next.Add(1)) - 1; i < len(learners); i = int(next.Add(1)) - 1 {
			err := until(ctx, settleTimeout, "a learner to be signed in", func() (bool, error) {
				var err error
				tokens[i], err = signInOnce(c, learnerEmail(i), learnerPassword)
				var refused *statusError
				if errors.As(err, &refused) && refused.status == 503 {
					return false, nil // too many at once, for a busy machine
				}
				return err == nil, err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// eachConn runs do on n connections at once.
func (b *bench) eachConn(ctx context.Context, n int, do func(ctx context.Context, c *conn, i int) error) error {
	_, err := run(ctx, n, func(ctx context.Context, i int, _ time.Time, _ func(time.Duration)) error {
		c, err := dial(ctx, b.platform.api)
		if err != nil {
			return err
		}
		defer c.close()
		return do(ctx, c, i)
	})
	return err
}

// settle waits until every event has taken effect and every job that is due has
// been done. With onKafka, everything is to be on Kafka, too.
func (b *bench) settle(ctx context.Context, onKafka bool) error {
	var sql strings.Builder
	sql.WriteString("select not (false")
	for _, consumer := range migrations.Modules() {
		fmt.Fprintf(&sql, ` or exists (select from %[1]s.outbox)
			or exists (select from %[1]s.river_job where state in ('available', 'running', 'retryable'))`, consumer)
		for _, source := range migrations.Modules() {
			fmt.Fprintf(&sql, ` or exists (select from %s.consumer_positions p join %s.event_heads h using (partition)
				where p.source = '%[2]s' and p.seq < h.seq and (%[3]t or p.consumer <> '%[1]s.kafka'))`, consumer, source, onKafka)
		}
	}
	sql.WriteString(")")
	return until(ctx, settleTimeout, "events and jobs to be worked off", func() (settled bool, err error) {
		err = b.admin.QueryRow(ctx, sql.String()).Scan(&settled)
		return settled, err
	})
}

// until polls until done says so.
func until(ctx context.Context, limit time.Duration, what string, done func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); ; {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if time.Since(begin) > limit {
			return fmt.Errorf("waited %s for %s", limit, what)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func nilIf(ok bool, message string) error {
	if ok {
		return nil
	}
	return errors.New(message)
}
