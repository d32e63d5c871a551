package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	testIssuer   = "https://lyceum.example"
	testAudience = "lyceum"
	testTTL      = 10 * time.Minute
)

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// tokens is a key, its signer and a verifier that knows it, at a time that the
// test sets.
type tokens struct {
	t        *testing.T
	key      Key
	signer   *Signer
	verifier *Verifier
	now      time.Time
}

func newTokens(t *testing.T) *tokens {
	t.Helper()
	f := &tokens{t: t, key: newKey(t), now: testStart}
	f.signer = NewSigner(f.key, testIssuer, testAudience, testTTL)
	f.verifier = NewVerifier(testIssuer, testAudience, func() time.Time { return f.now })
	f.verifier.SetKeys(publicSet(t, f.key))
	return f
}

func newKey(t *testing.T) Key {
	t.Helper()
	k, err := NewKey()
	require.NoError(t, err)
	return k
}

func publicSet(t *testing.T, keys ...Key) jwk.Set {
	t.Helper()
	set, err := PublicSet(keys...)
	require.NoError(t, err)
	return set
}

func somebody() Principal {
	return Principal{AccountID: uuid.New(), OrganisationID: uuid.New(), SessionID: uuid.New(), Roles: []Role{Instructor, Learner}}
}

func (f *tokens) sign(p Principal) string {
	f.t.Helper()
	token, _, err := f.signer.Sign(p, f.now)
	require.NoError(f.t, err)
	return token
}

func (f *tokens) refuses(reason, token, why string) {
	f.t.Helper()
	p, _, err := f.verifier.Verify(token)
	require.Error(f.t, err, why)
	require.True(f.t, problem.Is(err, reason), "%s: %v", why, err)
	require.Equal(f.t, 401, problem.Of(err).Status())
	require.Zero(f.t, p, why)
}

// forge signs any header and claims with the right key.
func (f *tokens) forge(header, claims string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(header)) + "." + b64([]byte(claims))
	return signed + "." + b64(ed25519.Sign(f.key.private, []byte(signed)))
}

func (f *tokens) header() string {
	return fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q}`, f.key.ID())
}

// claims are good ones with some changed; nil removes.
func (f *tokens) claims(changes map[string]any) string {
	f.t.Helper()
	claims := map[string]any{
		"iss": testIssuer, "aud": testAudience, "sub": uuid.NewString(), "org": uuid.NewString(), "sid": uuid.NewString(),
		"roles": []string{"learner"}, "iat": f.now.Unix(), "nbf": f.now.Unix(), "exp": f.now.Add(testTTL).Unix(),
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	raw, err := json.Marshal(claims)
	require.NoError(f.t, err)
	return string(raw)
}

func TestVerifyReturnsWhatWasSigned(t *testing.T) {
	t.Parallel()
	f := newTokens(t)
	want := somebody()
	token, expires, err := f.signer.Sign(want, f.now.Add(700*time.Millisecond))
	require.NoError(t, err)
	require.Equal(t, testStart.Add(testTTL), expires, "tokens hold whole seconds")
	for range 2 { // once checked, once remembered
		got, until, err := f.verifier.Verify(token)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, expires, until.UTC())
		got.Roles[0] = PlatformAdmin // must not reach the next caller
	}

	nobody := Principal{}
	_, _, err = f.signer.Sign(nobody, f.now)
	require.Error(t, err)
	_, _, err = NewSigner(Key{}, testIssuer, testAudience, testTTL).Sign(want, f.now)
	require.Error(t, err)
}

func TestTokenWithoutRoles(t *testing.T) {
	t.Parallel()
	f := newTokens(t)
	p := somebody()
	p.Roles = nil
	got, _, err := f.verifier.Verify(f.sign(p))
	require.NoError(t, err)
	require.False(t, got.Can(TakeCourses))
}

// The clocks of issuer and verifier may be half a minute apart.
func TestTokenLifetime(t *testing.T) {
	t.Parallel()
	for _, remembered := range []bool{false, true} {
		f := newTokens(t)
		token := f.sign(somebody())
		if remembered {
			_, _, err := f.verifier.Verify(token)
			require.NoError(t, err)
		}
		f.now = testStart.Add(-31 * time.Second)
		f.refuses("token-invalid", token, "before its time")
		for _, good := range []time.Duration{-29 * time.Second, 0, testTTL, testTTL + 29*time.Second} {
			f.now = testStart.Add(good)
			_, _, err := f.verifier.Verify(token)
			require.NoError(t, err, "after %v", good)
		}
		f.now = testStart.Add(testTTL + 31*time.Second)
		f.refuses("token-expired", token, "after its time")
	}
}

func TestKeysAreSwappedAtOnce(t *testing.T) {
	t.Parallel()
	f := newTokens(t)
	old := f.sign(somebody())
	_, _, err := f.verifier.Verify(old)
	require.NoError(t, err)

	next := newKey(t)
	f.verifier.SetKeys(publicSet(t, next, f.key))
	_, _, err = f.verifier.Verify(old)
	require.NoError(t, err, "both keys are known")
	fresh, _, err := NewSigner(next, testIssuer, testAudience, testTTL).Sign(somebody(), f.now)
	require.NoError(t, err)
	_, _, err = f.verifier.Verify(fresh)
	require.NoError(t, err)

	f.verifier.SetKeys(publicSet(t, next))
	f.refuses("token-invalid", old, "its key is gone, though it has been verified before")

	// Another key under the id of the old one.
	impostor := Key{id: f.key.id, private: next.private}
	f.verifier.SetKeys(publicSet(t, impostor))
	f.refuses("token-invalid", old, "its key is another one now")
	f.verifier.SetKeys(jwk.NewSet())
	f.refuses("token-invalid", fresh, "no key is known")
}

func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	f := newTokens(t)
	claims, kid := f.claims(nil), f.key.ID()
	_, _, err := f.verifier.Verify(f.forge(f.header(), claims))
	require.NoError(t, err, "the forge itself is sound")
	for why, header := range map[string]string{
		"no algorithm":       fmt.Sprintf(`{"typ":"at+jwt","kid":%q}`, kid),
		"none":               fmt.Sprintf(`{"alg":"none","typ":"at+jwt","kid":%q}`, kid),
		"NoNe":               fmt.Sprintf(`{"alg":"NoNe","typ":"at+jwt","kid":%q}`, kid),
		"HS256":              fmt.Sprintf(`{"alg":"HS256","typ":"at+jwt","kid":%q}`, kid),
		"lower case":         fmt.Sprintf(`{"alg":"eddsa","typ":"at+jwt","kid":%q}`, kid),
		"ES256":              fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":%q}`, kid),
		"list of algorithms": fmt.Sprintf(`{"alg":["EdDSA"],"typ":"at+jwt","kid":%q}`, kid),
		"no type":            fmt.Sprintf(`{"alg":"EdDSA","kid":%q}`, kid),
		"another type":       fmt.Sprintf(`{"alg":"EdDSA","typ":"JWT","kid":%q}`, kid),
		"no key":             `{"alg":"EdDSA","typ":"at+jwt"}`,
		"empty key":          `{"alg":"EdDSA","typ":"at+jwt","kid":""}`,
		"key as a path":      `{"alg":"EdDSA","typ":"at+jwt","kid":"../../dev/null"}`,
		"critical extension": fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q,"crit":["exp"],"exp":1}`, kid),
		"empty crit":         fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q,"crit":[]}`, kid),
		"unencoded payload":  fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q,"b64":false}`, kid),
		"compressed":         fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q,"zip":"DEF"}`, kid),
		"key to fetch":       fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q,"jku":"https://evil.example"}`, kid),
		"key brought along":  fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q,"jwk":{"kty":"OKP"}}`, kid),
		"certificate":        fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q,"x5u":"https://evil.example"}`, kid),
		"any further member": fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q,"cty":"JWT"}`, kid),
		"not an object":      `["EdDSA","at+jwt"]`,
		"null":               `null`,
		"not JSON":           `{"alg"`,
		"two objects":        f.header() + f.header(),
		"nothing":            ``,
		"second alg wins":    fmt.Sprintf(`{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":%q}`, kid),
		"deeply nested":      strings.Repeat("[", 2000),
	} {
		f.refuses("token-invalid", f.forge(header, claims), why)
	}
}

// The public key is public: a token whose MAC was made with it proves nothing.
func TestPublicKeyIsNoSecret(t *testing.T) {
	t.Parallel()
	f := newTokens(t)
	public := f.key.private.Public().(ed25519.PublicKey)
	for _, alg := range []string{"HS256", "EdDSA"} {
		b64 := base64.RawURLEncoding.EncodeToString
		signed := b64(fmt.Appendf(nil, `{"alg":%q,"typ":"at+jwt","kid":%q}`, alg, f.key.ID())) + "." + b64([]byte(f.claims(nil)))
		mac := hmac.New(sha256.New, public)
		mac.Write([]byte(signed))
		f.refuses("token-invalid", signed+"."+b64(mac.Sum(nil)), alg)
	}
}

func TestHostileClaims(t *testing.T) {
	t.Parallel()
	f := newTokens(t)
	for why, changes := range map[string]map[string]any{
		"another issuer":       {"iss": "https://evil.example"},
		"no issuer":            {"iss": nil},
		"another audience":     {"aud": "elsewhere"},
		"no audience":          {"aud": nil},
		"audiences without us": {"aud": []string{"a", "b"}},
		"no end":               {"exp": nil},
		"end as text":          {"exp": "never"},
		"not yet":              {"nbf": testStart.Add(time.Hour).Unix()},
		"made in the future":   {"iat": testStart.Add(time.Hour).Unix()},
		"no subject":           {"sub": nil},
		"subject is no id":     {"sub": "admin"},
		"nil subject":          {"sub": uuid.Nil.String()},
		"subject is a number":  {"sub": 1},
		"no organisation":      {"org": nil},
		"organisation object":  {"org": map[string]any{}},
		"no session":           {"sid": nil},
		"session is no id":     {"sid": "1 or 1=1"},
		"no roles":             {"roles": nil},
		"roles as text":        {"roles": "platform_admin"},
		"role is a number":     {"roles": []any{1}},
		"too many roles":       {"roles": make([]string, 17)},
	} {
		f.refuses("token-invalid", f.forge(f.header(), f.claims(changes)), why)
	}
	for _, raw := range []string{"", "null", "[]", `"x"`, "{", "{}", strings.Repeat("[", 3000)} {
		f.refuses("token-invalid", f.forge(f.header(), raw), raw)
	}
	f.refuses("token-expired", f.forge(f.header(), f.claims(map[string]any{"exp": testStart.Add(-time.Hour).Unix()})), "old")

	got, _, err := f.verifier.Verify(f.forge(f.header(), f.claims(map[string]any{"roles": []string{"headmaster", "learner"}})))
	require.NoError(t, err)
	require.Equal(t, []Role{Learner}, got.Roles, "roles that are not known grant nothing")
	_, _, err = f.verifier.Verify(f.forge(f.header(), f.claims(map[string]any{"aud": []string{"x", testAudience}})))
	require.NoError(t, err, "one audience of several is us")
}

func TestTamperedTokens(t *testing.T) {
	t.Parallel()
	f := newTokens(t)
	token := f.sign(somebody())
	parts := strings.Split(token, ".")
	other := strings.Split(f.sign(somebody()), ".")
	for why, bad := range map[string]string{
		"empty":               "",
		"two parts":           parts[0] + "." + parts[1],
		"four parts":          token + ".",
		"no signature":        parts[0] + "." + parts[1] + ".",
		"payload of another":  parts[0] + "." + other[1] + "." + parts[2],
		"short signature":     token[:len(token)-4],
		"long signature":      token + "AAAA",
		"zero signature":      parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86),
		"padding":             token + "==",
		"line break":          token + "\n",
		"line break inside":   parts[0] + "\n." + parts[1] + "." + parts[2],
		"space before":        " " + token,
		"scheme left":         "Bearer " + token,
		"base64, not url":     strings.ReplaceAll(parts[0], "-", "+") + "/." + parts[1] + "." + parts[2],
		"other trailing bits": token[:len(token)-1] + sameBytes(token[len(token)-1]),
		"JSON form":           fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, parts[1], parts[0], parts[2]),
		"too long":            token + strings.Repeat("A", maxTokenBytes),
		"many dots":           strings.Repeat(".", maxTokenBytes),
		"not text":            "\xff\xfe.\x00.\x00",
	} {
		f.refuses("token-invalid", bad, why)
	}
	for i := range len(token) {
		bad := []byte(token)
		if bad[i]++; bad[i] == token[i] {
			continue
		}
		f.refuses("token-invalid", string(bad), fmt.Sprintf("character %d changed", i))
	}
	stranger := newTokens(t)
	f.refuses("token-invalid", stranger.sign(somebody()), "key of a stranger")
}

// sameBytes returns another last character of a base64url text that decodes to
// the same bytes when unused bits are ignored.
func sameBytes(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

func TestUselessKeysArePassedOver(t *testing.T) {
	t.Parallel()
	f := newTokens(t)
	good, err := f.key.Public()
	require.NoError(t, err)
	change := func(name string, value any) jwk.Key {
		k, err := newKey(t).Public()
		require.NoError(t, err)
		require.NoError(t, k.Set(name, value))
		return k
	}
	nameless, err := newKey(t).Public()
	require.NoError(t, err)
	require.NoError(t, nameless.Remove(jwk.KeyIDKey))
	symmetric, err := jwk.Import([]byte("secret"))
	require.NoError(t, err)
	require.NoError(t, symmetric.Set(jwk.KeyIDKey, "hmac"))
	set := jwk.NewSet()
	for _, k := range []jwk.Key{change(jwk.KeyUsageKey, "enc"), change(jwk.AlgorithmKey, "RS256"), nameless, symmetric, good} {
		require.NoError(t, set.AddKey(k))
	}
	f.verifier.SetKeys(set)
	require.Len(t, *f.verifier.keys.Load(), 1)
	_, _, err = f.verifier.Verify(f.sign(somebody()))
	require.NoError(t, err)
}

func TestKeySurvivesItsText(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	raw, err := json.Marshal(k)
	require.NoError(t, err)
	var again Key
	require.NoError(t, json.Unmarshal(raw, &again))
	require.Equal(t, k, again)

	var fields map[string]string
	require.NoError(t, json.Unmarshal(raw, &fields))
	require.Equal(t, map[string]string{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
		"kid": k.ID(), "x": fields["x"], "d": fields["d"]}, fields)
	other := newKey(t)
	otherRaw, err := json.Marshal(other)
	require.NoError(t, err)
	var otherFields map[string]string
	require.NoError(t, json.Unmarshal(otherRaw, &otherFields))
	for why, change := range map[string]map[string]string{
		"public part of another": {"x": otherFields["x"]},
		"private of another":     {"d": otherFields["d"]},
		"id of another":          {"kid": other.ID()},
		"no id":                  {"kid": ""},
		"public key only":        {"d": ""},
		"RSA":                    {"kty": "RSA"},
		"another curve":          {"crv": "X25519"},
		"not base64":             {"d": "!"},
	} {
		bad := map[string]string{}
		for name, value := range fields {
			bad[name] = value
		}
		for name, value := range change {
			bad[name] = value
		}
		text, err := json.Marshal(bad)
		require.NoError(t, err)
		var k Key
		err = json.Unmarshal(text, &k)
		require.ErrorIs(t, err, errKeyFormat, why)
		require.NotContains(t, err.Error(), fields["d"])
	}
	_, err = json.Marshal(Key{})
	require.Error(t, err)
	_, err = PublicSet(Key{})
	require.Error(t, err)
}

func TestKeyIsNeverShown(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	seed := base64.RawURLEncoding.EncodeToString(k.private.Seed())
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("rotated", "key", k)
	set, err := json.Marshal(publicSet(t, k))
	require.NoError(t, err)
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %#v %s %v", k, k, k, &k), log.String(), string(set)} {
		require.Contains(t, shown, k.ID())
		require.NotContains(t, shown, seed)
		require.NotContains(t, shown, fmt.Sprint(k.private.Seed()))
	}
}

// None of the published JSON Web Signature vectors is an access token: they are
// of HMAC, ECDSA and RSA, valid and hostile, with EdDSA not among them. So every
// one must be refused, whether or not its key is in the set under its id, and no
// such key may become known. The damage that the hostile ones do to the compact
// form is done to a good token in TestTamperedTokens.
func TestWycheproofSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(realDir(t), "wycheproof", "json_web_signature_test.json"))
	if err != nil {
		t.Skipf("the vectors are not there: %v", err)
	}
	var vectors struct {
		NumberOfTests int
		TestGroups    []struct {
			Public, Private json.RawMessage
			Tests           []struct {
				TcID    int
				Comment string
				JWS     json.RawMessage
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &vectors))
	f := newTokens(t)
	n := 0
	for _, group := range vectors.TestGroups {
		set := publicSet(t, f.key)
		for _, text := range []json.RawMessage{group.Public, group.Private} {
			if k, err := jwk.ParseKey(text); err == nil {
				require.NoError(t, set.AddKey(k))
			}
		}
		f.verifier.SetKeys(set)
		require.Len(t, *f.verifier.keys.Load(), 1)
		for _, test := range group.Tests {
			token := string(test.JWS)
			_ = json.Unmarshal(test.JWS, &token) // some are JSON objects
			f.refuses("token-invalid", token, fmt.Sprintf("vector %d: %s", test.TcID, test.Comment))
			n++
		}
	}
	require.Equal(t, vectors.NumberOfTests, n)
}

// realDir finds the folder with other systems' material.
func realDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LYCEUM_REAL_DIR"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared", "real")
		}
	}
	t.Skip("the module's root cannot be found")
	return ""
}

// Remembered tokens are bounded however many are presented.
func TestVerifierForgets(t *testing.T) {
	t.Parallel()
	f := newTokens(t)
	f.verifier.verified.Resize(10)
	for range 50 {
		_, _, err := f.verifier.Verify(f.sign(somebody()))
		require.NoError(t, err)
		f.refuses("token-invalid", rand.Text(), "garbage is not remembered")
	}
	require.Equal(t, 10, f.verifier.verified.Len())
}

func BenchmarkVerify(b *testing.B) {
	key, err := NewKey()
	require.NoError(b, err)
	set, err := PublicSet(key)
	require.NoError(b, err)
	v := NewVerifier(testIssuer, testAudience, func() time.Time { return testStart })
	v.SetKeys(set)
	token, _, err := NewSigner(key, testIssuer, testAudience, testTTL).Sign(somebody(), testStart)
	require.NoError(b, err)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			if _, err := v.check(token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("remembered", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := v.Verify(token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
