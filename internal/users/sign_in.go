package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// grant is what a sign-in or a refresh gives.
type grant struct {
	accessToken      string
	expiresIn        time.Duration
	refreshToken     secret
	refreshExpiresIn time.Duration
	account          account
}

// attempt is an attempt to sign in, not yet checked.
type attempt struct {
	email, password string
	// client is the network address that the attempt comes from.
	client string
	// userAgent is what the client calls itself, shown in the list of sessions.
	userAgent string
}

// candidate is the account that an attempt is about. It is zero, and has no
// password, if there is none.
type candidate struct {
	accountID    uuid.UUID
	confirmed    bool
	passwordHash string
}

// signIn begins a session. An unknown address and a wrong password are told
// apart neither by the answer nor by the work done for it.
func (m *Module) signIn(ctx context.Context, at attempt) (grant, error) {
	email, err := emailField("body.email", at.email)
	if err != nil {
		return grant{}, err
	}
	password := normalPassword(at.password)
	if len(password) > maxPasswordBytes {
		return grant{}, m.refuseSignIn()
	}
	fromHere := wrongFromOnePlace.from("", at.client)
	if err := m.throttle.exceeded(ctx, m.now(), fromHere); err != nil {
		m.metrics.signIns.WithLabelValues("throttled").Inc()
		return grant{}, err
	}
	tries := []try{signInFromAnywhere.of(email), signInFromOnePlace.from(email, at.client)}
	if err := m.throttle.take(ctx, m.now(), tries...); err != nil {
		m.metrics.signIns.WithLabelValues("throttled").Inc()
		return grant{}, err
	}
	g, err := m.startSession(ctx, email, password, at.userAgent)
	if problem.Is(err, wrongCredentials) {
		// Counted after the fact, so that those who sign in together from one
		// place do not wait for each other's count. Guesses at once are few: they
		// queue for the hashing.
		if countErr := m.throttle.take(ctx, m.now(), fromHere); countErr != nil && !problem.Is(countErr, tooManyAttempts) {
			return grant{}, countErr
		}
		return grant{}, err
	}
	// Everything but a wrong password leaves no mark.
	if backErr := m.throttle.giveBack(ctx, tries...); err == nil && backErr != nil {
		m.log.WarnContext(ctx, "a sign-in stays counted", "error", backErr)
	}
	return g, err
}

const wrongCredentials = "wrong-credentials"

func (m *Module) refuseSignIn() error {
	m.metrics.signIns.WithLabelValues("refused").Inc()
	return problem.New(problem.Unauthenticated, wrongCredentials, "The e-mail address or the password is wrong.")
}

func (m *Module) startSession(ctx context.Context, email, password, userAgent string) (grant, error) {
	c, err := m.candidate(ctx, email)
	if err != nil {
		return grant{}, err
	}
	right, outdated, err := m.hasher.verify(ctx, c.passwordHash, password)
	if err != nil {
		return grant{}, fmt.Errorf("verify the password of account %s: %w", c.accountID, err)
	}
	if !right {
		return grant{}, m.refuseSignIn()
	}
	if !c.confirmed {
		m.metrics.signIns.WithLabelValues("unconfirmed").Inc()
		return grant{}, problem.New(problem.Forbidden, "address-not-confirmed",
			"Confirm your e-mail address first. Another mail can be requested at /v1/auth/confirm/resend.")
	}
	rehashed := ""
	if outdated {
		if rehashed, err = m.hasher.hash(ctx, password); err != nil {
			return grant{}, err
		}
	}
	var g grant
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := m.now()
		a, err := lockAccount(ctx, tx, c.accountID)
		if errors.Is(err, errNoAccount) {
			return m.refuseSignIn()
		}
		if err != nil {
			return err
		}
		// The password may have been changed, and all sessions ended, while
		// this one was being verified.
		stored, err := passwordHash(ctx, tx, a.id)
		if err != nil {
			return err
		}
		if stored != c.passwordHash {
			return m.refuseSignIn()
		}
		if rehashed != "" {
			if err := setPassword(ctx, tx, a.id, rehashed, now); err != nil {
				return err
			}
		}
		g, err = m.openSession(ctx, tx, a, userAgent, now)
		return err
	})
	if err != nil {
		return grant{}, err
	}
	m.metrics.signIns.WithLabelValues("ok").Inc()
	return g, nil
}

// candidate looks an address up: one probe of the index of addresses, one of
// the credentials.
func (m *Module) candidate(ctx context.Context, email string) (candidate, error) {
	var c candidate
	err := m.db.Pool.QueryRow(ctx, candidateQuery, email).Scan(&c.accountID, &c.confirmed, &c.passwordHash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return candidate{}, fmt.Errorf("look up an address: %w", err)
	}
	return c, nil
}

const candidateQuery = `select a.account_id, a.email_confirmed_at is not null, coalesce(c.password_hash, '')
	from users.accounts a left join users.credentials c on c.account_id = a.account_id where a.email = $1`

func (m *Module) openSession(ctx context.Context, tx pgx.Tx, a account, userAgent string, now time.Time) (grant, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return grant{}, fmt.Errorf("make a session id: %w", err)
	}
	s := session{id: id, userAgent: shortUserAgent(userAgent), createdAt: now, expiresAt: now.Add(m.cfg.SessionLifetime)}
	if err := insertSession(ctx, tx, a.id, s); err != nil {
		return grant{}, err
	}
	if err := audit(ctx, tx, now, sessionStarted, a.id, a.organisationID, id.String()); err != nil {
		return grant{}, err
	}
	return m.issueTokens(ctx, tx, a, s.id, s.expiresAt, now)
}

// issueTokens gives a session its next pair of tokens.
func (m *Module) issueTokens(ctx context.Context, tx pgx.Tx, a account, sessionID uuid.UUID, sessionExpires, now time.Time) (grant, error) {
	expires := now.Add(m.cfg.RefreshTokenLifetime)
	if expires.After(sessionExpires) {
		expires = sessionExpires
	}
	refresh, err := insertRefreshToken(ctx, tx, sessionID, now, expires)
	if err != nil {
		return grant{}, err
	}
	access, expiresIn, err := m.keys.sign(auth.Principal{
		AccountID: a.id, OrganisationID: a.organisationID, SessionID: sessionID, Roles: a.roles,
	}, now)
	if err != nil {
		return grant{}, err
	}
	return grant{
		accessToken: access, expiresIn: expiresIn,
		refreshToken: refresh, refreshExpiresIn: expires.Sub(now), account: a,
	}, nil
}

// shortUserAgent keeps what a person needs to recognise a device.
func shortUserAgent(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if runes := []rune(s); len(runes) > 200 {
		s = string(runes[:200])
	}
	return s
}
