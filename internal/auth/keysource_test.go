package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lyceum-lms/platform/internal/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon = 10 * time.Second

// issuer is a process that publishes keys and signs with them.
type issuer struct {
	t       *testing.T
	url     string
	fetches atomic.Int64
	answer  atomic.Pointer[http.HandlerFunc]
}

func newIssuer(t *testing.T, keys ...Key) *issuer {
	t.Helper()
	i := &issuer{t: t}
	i.publish(keys...)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		(*i.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	i.url = s.URL
	return i
}

func (i *issuer) handle(h http.HandlerFunc) { i.answer.Store(&h) }

func (i *issuer) publish(keys ...Key) {
	i.t.Helper()
	i.say(200, "application/json", setText(i.t, keys...))
}

func (i *issuer) say(status int, contentType, text string) {
	i.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text)) // the test sees what comes of it
	})
}

func setText(t *testing.T, keys ...Key) string {
	t.Helper()
	raw, err := json.Marshal(publicSet(t, keys...))
	require.NoError(t, err)
	return string(raw)
}

func tokenOf(t *testing.T, k Key) string {
	t.Helper()
	token, _, err := NewSigner(k, testIssuer, testAudience, testTTL).Sign(somebody(), testStart)
	require.NoError(t, err)
	return token
}

// newSource makes a source that is refreshed only when something asks for it,
// and that is in no hurry to be slow.
func newSource(t *testing.T, change func(*KeySourceOptions), urls ...string) (*KeySource, *Verifier) {
	t.Helper()
	v := NewVerifier(testIssuer, testAudience, func() time.Time { return testStart })
	o := KeySourceOptions{URLs: urls, Verifier: v, Log: slog.New(slog.DiscardHandler), Interval: time.Hour, MinInterval: time.Millisecond}
	if change != nil {
		change(&o)
	}
	s, err := NewKeySource(o)
	require.NoError(t, err)
	return s, v
}

// run runs the source until the test ends.
func run(t *testing.T, s *KeySource) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	require.Eventually(t, func() bool { return s.Ready(ctx) == nil }, soon, time.Millisecond)
}

func TestKeysComeFromTheIssuer(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	i := newIssuer(t, k)
	s, v := newSource(t, nil, i.url)
	require.ErrorContains(t, s.Ready(t.Context()), "nothing has been fetched yet")
	run(t, s)
	_, _, err := v.Verify(tokenOf(t, k))
	require.NoError(t, err)
	require.EqualValues(t, 1, i.fetches.Load())
}

func TestKeysAreFetchedRegularly(t *testing.T) {
	t.Parallel()
	old, next := newKey(t), newKey(t)
	i := newIssuer(t, old)
	s, v := newSource(t, func(o *KeySourceOptions) { o.Interval = 5 * time.Millisecond }, i.url)
	run(t, s)
	token := tokenOf(t, old)
	_, _, err := v.Verify(token)
	require.NoError(t, err)
	i.publish(next)
	require.Eventually(t, func() bool { return v.knows(next.ID()) }, soon, time.Millisecond)
	_, _, err = v.Verify(token)
	require.True(t, problem.Is(err, "token-invalid"), "a key that is taken back is no good any more: %v", err)
}

// A rotation that nobody has announced refuses nobody: whoever comes first with
// a new token waits for the keys, and so do all who come meanwhile.
func TestARotationRefusesNobody(t *testing.T) {
	t.Parallel()
	old, next := newKey(t), newKey(t)
	i := newIssuer(t, old)
	s, v := newSource(t, nil, i.url)
	run(t, s)
	i.publish(next, old)
	var all sync.WaitGroup
	refused := make(chan error, 100)
	for range cap(refused) {
		token := tokenOf(t, next)
		all.Go(func() {
			if _, _, err := v.Verify(token); err != nil {
				refused <- err
			}
		})
	}
	all.Wait()
	require.Empty(t, refused)
	_, _, err := v.Verify(tokenOf(t, old))
	require.NoError(t, err)
	t.Logf("%d fetches for %d tokens at once", i.fetches.Load()-1, cap(refused))
	require.Less(t, i.fetches.Load(), int64(cap(refused)))
}

// A fetch that was under way when a token came may have looked before its key
// was there. The token waits for the one after it.
func TestATokenWaitsForAFetchThatBeginsAfterIt(t *testing.T) {
	t.Parallel()
	old, next := newKey(t), newKey(t)
	i := newIssuer(t, old)
	s, v := newSource(t, nil, i.url)
	run(t, s)
	began, go1 := make(chan struct{}), make(chan struct{})
	stale := setText(t, old)
	i.handle(func(w http.ResponseWriter, _ *http.Request) {
		began <- struct{}{}
		<-go1
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(stale))
	})
	refreshed := make(chan error)
	go func() { refreshed <- s.Refresh(t.Context()) }()
	<-began
	verified := make(chan error)
	go func() { _, _, err := v.Verify(tokenOf(t, next)); verified <- err }()
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.waiting == 1 }, soon, time.Millisecond)
	i.publish(next, old)
	close(go1)
	require.NoError(t, <-refreshed)
	require.NoError(t, <-verified)
}

// Made-up keys cause one fetch an interval, whoever sends them and however many,
// and those whose key is known do not notice.
func TestAStormOfMadeUpKeys(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	i := newIssuer(t, k)
	const interval = 200 * time.Millisecond
	s, v := newSource(t, func(o *KeySourceOptions) { o.MinInterval = interval }, i.url)
	run(t, s)
	good := tokenOf(t, k)
	_, _, err := v.Verify(good)
	require.NoError(t, err)
	forged := newKey(t)
	madeUp := func() string {
		f := tokens{key: forged}
		return f.forge(fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q}`, rand.Text()), "{}")
	}
	start := time.Now()
	var attackers sync.WaitGroup
	var refused, turnedAway atomic.Int64
	for range 300 {
		attackers.Go(func() {
			for range 5 {
				switch _, _, err := v.Verify(madeUp()); {
				case problem.Is(err, "token-invalid"):
					refused.Add(1)
				case problem.Is(err, "keys-unavailable"):
					turnedAway.Add(1)
				}
			}
		})
	}
	var slowest time.Duration
	for range 1000 {
		at := time.Now()
		_, _, err := v.Verify(good)
		slowest = max(slowest, time.Since(at))
		require.NoError(t, err)
	}
	attackers.Wait()
	fetches, most := i.fetches.Load()-1, int64(time.Since(start)/interval)+1
	t.Logf("1500 made-up keys in %v: %d fetches, %d refused after one, %d turned away; slowest good token %v",
		time.Since(start).Round(time.Millisecond), fetches, refused.Load(), turnedAway.Load(), slowest)
	require.EqualValues(t, 1500, refused.Load()+turnedAway.Load())
	require.LessOrEqual(t, fetches, most)
	require.Positive(t, refused.Load())
	require.Positive(t, turnedAway.Load(), "300 at once are more than may wait")

	// One that has been looked for in vain is not looked for again for a while.
	same, before := madeUp(), i.fetches.Load()
	for range 50 {
		_, _, err := v.Verify(same)
		require.True(t, problem.Is(err, "token-invalid"), "%v", err)
	}
	require.Equal(t, before+1, i.fetches.Load())
	f := tokens{key: forged}
	_, _, err = v.Verify(f.forge(fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q}`, strings.Repeat("k", 65)), "{}"))
	require.True(t, problem.Is(err, "token-invalid"))
	require.Equal(t, before+1, i.fetches.Load(), "what cannot be a key's id is not looked for")
}

// While the issuer is away, its last keys stay good, and nobody is told that
// their token is bad when it may be good.
func TestTheIssuerIsAway(t *testing.T) {
	t.Parallel()
	k, next := newKey(t), newKey(t)
	i := newIssuer(t, k)
	s, v := newSource(t, nil, i.url)
	run(t, s)
	i.say(503, "application/problem+json", "{}")
	require.ErrorContains(t, s.Refresh(t.Context()), "answers 503")
	require.NoError(t, s.Ready(t.Context()))
	_, _, err := v.Verify(tokenOf(t, k))
	require.NoError(t, err)
	_, _, err = v.Verify(tokenOf(t, next))
	require.True(t, problem.Is(err, "keys-unavailable"), "%v", err)
	require.Equal(t, 503, problem.Of(err).Status())
	require.Equal(t, time.Second, problem.Of(err).RetryAfter)
	i.publish(next)
	_, _, err = v.Verify(tokenOf(t, next))
	require.NoError(t, err, "it is back")
}

func TestBeforeTheFirstKeysNobodyCanTell(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	i := newIssuer(t)
	i.say(503, "text/plain", "starting")
	s, v := newSource(t, func(o *KeySourceOptions) { o.Patience = 20 * time.Millisecond }, i.url)
	_, _, err := v.Verify(tokenOf(t, k))
	require.True(t, problem.Is(err, "keys-unavailable"), "nothing runs yet: %v", err)
	require.Error(t, s.Refresh(t.Context()))
	require.ErrorContains(t, s.Ready(t.Context()), "answers 503")
	i.publish(k)
	run(t, s)
	_, _, err = v.Verify(tokenOf(t, k))
	require.NoError(t, err)
}

func TestTheNextAddressIsAsked(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	bad, good := newIssuer(t), newIssuer(t, k)
	bad.say(503, "text/plain", "")
	s, v := newSource(t, nil, bad.url, good.url)
	require.NoError(t, s.Refresh(t.Context()))
	require.NoError(t, s.Refresh(t.Context()))
	require.True(t, v.knows(k.ID()))
	require.EqualValues(t, 1, bad.fetches.Load(), "the one that worked is asked first")
	require.EqualValues(t, 2, good.fetches.Load())
}

// Whatever comes instead of a key set, the last good one stays.
func TestWhatIsNoKeySet(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	i := newIssuer(t, k)
	s, v := newSource(t, nil, i.url)
	require.NoError(t, s.Refresh(t.Context()))
	var many []Key
	for range maxSetKeys + 1 {
		many = append(many, newKey(t))
	}
	symmetric, err := jwk.Import([]byte("secret"))
	require.NoError(t, err)
	require.NoError(t, symmetric.Set(jwk.KeyIDKey, "hmac"))
	useless, err := json.Marshal(map[string]any{"keys": []jwk.Key{symmetric}})
	require.NoError(t, err)
	good := setText(t, newKey(t))
	for want, answer := range map[string]http.HandlerFunc{
		"which is not that of a key set": say("text/html", good),
		`content type ""`:                say("", good),
		"read the key set":               say("application/json", "{"),
		"no Ed25519 key":                 say("application/json", `{"keys":[]}`),
		"no Ed25519 key with an id":      say("application/json", string(useless)),
		"larger than 65536 bytes":        say("application/json", `{"keys":[],"x":"`+strings.Repeat("x", 1<<20)+`"}`),
		"has 33 keys, more than 32":      say("application/json", setText(t, many...)),
		"answers 302":                    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, i.url, http.StatusFound) },
		"unexpected EOF": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(good))
		},
		"EOF": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		i.handle(answer)
		require.ErrorContains(t, s.Refresh(t.Context()), want)
		require.True(t, v.knows(k.ID()), want)
	}
	// Keys of a kind that is not known yet are passed over.
	next := newKey(t)
	i.say(200, "application/jwk-set+json; charset=utf-8", strings.Replace(setText(t, next), `{"keys":[`, `{"keys":[{"kty":"AKP","kid":"pq","alg":"ML-DSA-44"},`, 1))
	require.NoError(t, s.Refresh(t.Context()))
	require.True(t, v.knows(next.ID()))
	require.False(t, v.knows(k.ID()))
}

func say(contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{contentType}
		_, _ = w.Write([]byte(text))
	}
}

// An address that takes a connection and says nothing holds nobody for long.
func TestAnIssuerThatHangs(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	i := newIssuer(t, k)
	s, v := newSource(t, func(o *KeySourceOptions) { o.Patience = 50 * time.Millisecond }, i.url)
	run(t, s)
	i.handle(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	_, _, err := v.Verify(tokenOf(t, newKey(t)))
	require.True(t, problem.Is(err, "keys-unavailable"), "%v", err)
	_, _, err = v.Verify(tokenOf(t, k))
	require.NoError(t, err)
}

func TestFailuresAreLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	i := newIssuer(t)
	i.say(500, "text/plain", "")
	k := newKey(t)
	s, _ := newSource(t, func(o *KeySourceOptions) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) }, i.url)
	for range 5 {
		require.Error(t, s.Refresh(t.Context()))
	}
	i.publish(k)
	for range 5 {
		require.NoError(t, s.Refresh(t.Context()))
	}
	require.Equal(t, 1, strings.Count(log.String(), "cannot be fetched"))
	require.Equal(t, 1, strings.Count(log.String(), "have changed"))
	require.Equal(t, 1, strings.Count(log.String(), "can be fetched again"))
	require.Contains(t, log.String(), k.ID())
}

func TestASourceThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	v := NewVerifier(testIssuer, testAudience, time.Now)
	log := slog.New(slog.DiscardHandler)
	for _, bad := range []string{"", "users:8080", "ftp://a", "http://me:hush@a", "http://"} {
		_, err := NewKeySource(KeySourceOptions{URLs: []string{bad}, Verifier: v, Log: log})
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "hush")
	}
	_, err := NewKeySource(KeySourceOptions{Verifier: v, Log: log})
	require.Error(t, err)
}
