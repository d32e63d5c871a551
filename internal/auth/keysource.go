package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	maxSetBytes = 64 << 10
	maxSetKeys  = 32
	// maxKeyID bounds the ids that are looked for. Ours have 43 characters.
	maxKeyID = 64
	// fetchTimeout bounds one fetch from one address.
	fetchTimeout = 2 * time.Second
	// maxRetryPause is the longest pause after a failed fetch.
	maxRetryPause = 10 * time.Second
	// maxWaiting bounds the tokens that wait for a fetch: each holds a request.
	maxWaiting = 128
	// absentFor is how long a key that was looked for in vain is not looked for
	// again. It is short, since a replica of the issuer may publish a key a
	// moment later than the one that signs with it.
	absentFor   = 5 * time.Second
	absentNoted = 1024
)

// KeySourceOptions say where keys come from. URLs, Verifier and Log are
// required.
type KeySourceOptions struct {
	// URLs are where the key set is, as a JSON Web Key Set (RFC 7517): the path
	// /v1/auth/keys of processes that run users. The one that worked last is
	// asked first, then the others in turn.
	URLs []string
	// Verifier gets the keys.
	Verifier *Verifier
	Log      *slog.Logger
	// Client fetches them. Redirects are not followed, and each fetch has its
	// own time limit. Default: a plain client without kept connections.
	Client *http.Client
	// Interval is how often the keys are fetched. Default one minute.
	Interval time.Duration
	// MinInterval is the least time between two fetches, however many tokens
	// with unknown keys come. Default one second.
	MinInterval time.Duration
	// Patience is how long such a token waits for a fetch. Default three seconds.
	Patience time.Duration
}

// KeySource keeps a Verifier's keys those of an issuer in another process. A key
// is published long before it signs, so the regular fetch is enough for a
// rotation that was announced. For one that was not, a token with an unknown key
// waits until the keys have been fetched once more, and is judged then: a good
// token is not refused because its key is new. While the issuer is away, the
// last keys stay good, and tokens of unknown ones get a 503 rather than a 401,
// which would sign their owners out.
//
// Whoever sends tokens with made-up keys causes a fetch a second at most, all of
// them together, and has at most 128 requests waiting for it.
//
// It is not jwk.Cache of the JWX library, whose parser does the reading: that
// one fetches a set from one address and cannot go on to the next, fetches as
// often as Refresh is called, judges neither content type nor number of keys, and
// answers all look-ups by one goroutine; its documentation advises against it for
// a source that may be away.
type KeySource struct {
	options KeySourceOptions
	client  http.Client
	gate    chan struct{} // holds whoever fetches
	asked   chan struct{} // a fetch is wanted
	at      int           // the URL that worked last; of the holder of the gate

	mu      sync.Mutex
	next    *fetch // the one that has not begun
	waiting int
	ready   bool
	lastErr error
	warned  time.Time // zero while all is well
	absent  *lru.Cache[string, time.Time]
}

// fetch is a fetching of the keys that tokens wait for.
type fetch struct {
	done chan struct{}
	err  error
}

func newFetch() *fetch { return &fetch{done: make(chan struct{})} }

// NewKeySource makes a source and has the verifier ask it for keys that it does
// not know. Nothing is fetched before Run or Refresh.
func NewKeySource(o KeySourceOptions) (*KeySource, error) {
	if len(o.URLs) == 0 || o.Verifier == nil || o.Log == nil {
		return nil, errors.New("a source of keys needs a URL, a verifier and a log")
	}
	for _, text := range o.URLs {
		if u, err := url.Parse(text); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
			return nil, errors.New("a URL of the keys is not an http or https URL without a password")
		}
	}
	o.Interval = cmp.Or(o.Interval, time.Minute)
	o.MinInterval = cmp.Or(o.MinInterval, time.Second)
	o.Patience = cmp.Or(o.Patience, 3*time.Second)
	absent, err := lru.New[string, time.Time](absentNoted)
	if err != nil {
		return nil, fmt.Errorf("make room for unknown keys: %w", err)
	}
	s := &KeySource{options: o, gate: make(chan struct{}, 1), asked: make(chan struct{}, 1), next: newFetch(), absent: absent,
		lastErr: errors.New("nothing has been fetched yet")}
	if o.Client != nil {
		s.client = *o.Client
	} else {
		s.client.Transport = &http.Transport{DisableKeepAlives: true}
	}
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.Verifier.whenMissing(s.find)
	return s, nil
}

// Run fetches the keys now, then regularly and when they are asked for, until
// ctx ends. It must run for tokens with new keys to be found good at once; it
// should outlast the serving of requests.
func (s *KeySource) Run(ctx context.Context) {
	failures := 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.asked:
			if !pause(ctx, time.Until(last.Add(s.options.MinInterval))) {
				return
			}
		}
		last = time.Now()
		wait := s.options.Interval
		if err := s.Refresh(ctx); err == nil {
			failures = 0
		} else {
			wait = min(wait, s.options.MinInterval<<min(failures, 10), maxRetryPause)
			failures++
		}
		timer.Reset(wait)
	}
}

func pause(ctx context.Context, length time.Duration) bool {
	if length <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Refresh fetches the keys now. On an error the verifier keeps those it has.
func (s *KeySource) Refresh(ctx context.Context) error {
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	f := s.next
	s.next = newFetch()
	s.mu.Unlock()
	set, err := s.fetchAny(ctx)
	if err == nil {
		s.take(ctx, set)
	}
	if ctx.Err() == nil {
		s.report(ctx, err)
	}
	f.err = err
	close(f.done)
	return err
}

// fetchAny asks one address after the other.
func (s *KeySource) fetchAny(ctx context.Context) (jwk.Set, error) {
	var errs []error
	for i := range s.options.URLs {
		at := (s.at + i) % len(s.options.URLs)
		set, err := s.fetch(ctx, s.options.URLs[at])
		if err == nil {
			s.at = at
			return set, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("fetch the keys of access tokens: %w", errors.Join(errs...))
}

func (s *KeySource) fetch(ctx context.Context, from string) (jwk.Set, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // it has been read as far as it matters
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", from, res.StatusCode)
	}
	switch media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media {
	case "application/json", "application/jwk-set+json":
	default:
		return nil, fmt.Errorf("%s answers with the content type %q, which is not that of a key set", from, media)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxSetBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", from, err)
	}
	set, err := parseSet(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return set, nil
}

// parseSet reads a key set that has at least one key of use.
func parseSet(text []byte) (jwk.Set, error) {
	if len(text) > maxSetBytes {
		return nil, fmt.Errorf("the key set is larger than %d bytes", maxSetBytes)
	}
	// RFC 7517: members of a kind that is not known are passed over.
	set, err := jwk.Parse(text, jwk.WithIgnoreParseError(true))
	if err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	if set.Len() > maxSetKeys {
		return nil, fmt.Errorf("the key set has %d keys, more than %d", set.Len(), maxSetKeys)
	}
	if len(usableKeys(set)) == 0 {
		return nil, errors.New("the key set has no Ed25519 key with an id")
	}
	return set, nil
}

// take gives the keys to the verifier.
func (s *KeySource) take(ctx context.Context, set jwk.Set) {
	before := slices.Sorted(maps.Keys(*s.options.Verifier.keys.Load()))
	s.options.Verifier.SetKeys(set)
	if now := slices.Sorted(maps.Keys(*s.options.Verifier.keys.Load())); !slices.Equal(before, now) {
		s.options.Log.InfoContext(ctx, "the keys of access tokens have changed", "keys", strings.Join(now, " "))
	}
}

// report notes how a fetch went, and logs it: failures once a minute.
func (s *KeySource) report(ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastErr = err
	switch {
	case err == nil && !s.warned.IsZero():
		s.options.Log.InfoContext(ctx, "the keys of access tokens can be fetched again")
		s.warned = time.Time{}
	case err != nil && time.Since(s.warned) >= time.Minute:
		s.options.Log.WarnContext(ctx, "the keys of access tokens cannot be fetched; those that are known stay good", "error", err)
		s.warned = time.Now()
	}
	s.ready = s.ready || err == nil
}

// Ready returns nil once keys have come.
func (s *KeySource) Ready(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		return nil
	}
	return fmt.Errorf("no key that verifies access tokens is known: %w", s.lastErr)
}

// find waits until the keys have been fetched after it was called. Its error is
// a problem for the bearer of a token whose key could not be looked for.
func (s *KeySource) find(kid string) error {
	if len(kid) > maxKeyID {
		return nil // it is none
	}
	s.mu.Lock()
	if at, ok := s.absent.Get(kid); ok && time.Since(at) < absentFor {
		s.mu.Unlock()
		return nil
	}
	if s.waiting == maxWaiting {
		s.mu.Unlock()
		return cannotTell()
	}
	s.waiting++
	f := s.next
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waiting--
	}()
	select {
	case s.asked <- struct{}{}:
	default: // somebody has asked already
	}
	timer := time.NewTimer(s.options.Patience)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-timer.C:
		return cannotTell()
	}
	if f.err != nil {
		return cannotTell()
	}
	if !s.options.Verifier.knows(kid) {
		s.absent.Add(kid, time.Now())
	}
	return nil
}

func cannotTell() error {
	return problem.New(problem.Unavailable, "keys-unavailable", "Access tokens cannot be checked right now. Try again shortly.").After(time.Second)
}
