package auth

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// Key is an Ed25519 key pair that signs access tokens. Its JSON form is the
// private JWK of RFC 8037, with which anybody can sign in as everybody; all
// other forms show only its id. The zero Key cannot sign.
type Key struct {
	id      string
	private ed25519.PrivateKey
}

var (
	errNoKey     = errors.New("there is no signing key")
	errKeyFormat = errors.New("not an Ed25519 key pair as a private JWK whose kid is its thumbprint")
)

// NewKey makes a key pair. Its id is its RFC 7638 SHA-256 thumbprint, so one id
// never means two keys.
func NewKey() (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make a signing key: %w", err)
	}
	return keyOf(private)
}

func keyOf(private ed25519.PrivateKey) (Key, error) {
	public, err := jwk.Import(private.Public())
	if err != nil {
		return Key{}, fmt.Errorf("read a signing key's public part: %w", err)
	}
	digest, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return Key{}, fmt.Errorf("identify a signing key: %w", err)
	}
	return Key{id: base64.RawURLEncoding.EncodeToString(digest), private: private}, nil
}

// ID is the key's id: the kid of its tokens.
func (k Key) ID() string { return k.id }

// Public is what verifiers need: the public JWK with its kid, alg and use.
func (k Key) Public() (jwk.Key, error) {
	private, err := k.signing()
	if err != nil {
		return nil, err
	}
	return k.describe(private.Public())
}

// PublicSet is the key set to publish for tokens that any of the keys signed.
func PublicSet(keys ...Key) (jwk.Set, error) {
	set := jwk.NewSet()
	for _, k := range keys {
		public, err := k.Public()
		if err != nil {
			return nil, err
		}
		if err := set.AddKey(public); err != nil {
			return nil, fmt.Errorf("publish signing key %s: %w", k.id, err)
		}
	}
	return set, nil
}

// signing is the private part, which the zero Key lacks.
func (k Key) signing() (ed25519.PrivateKey, error) {
	if len(k.private) != ed25519.PrivateKeySize {
		return nil, errNoKey
	}
	return k.private, nil
}

func (k Key) describe(part any) (jwk.Key, error) {
	described, err := jwk.Import(part)
	if err != nil {
		return nil, fmt.Errorf("write signing key %s as a JWK: %w", k.id, err)
	}
	for name, value := range map[string]any{
		jwk.KeyIDKey: k.id, jwk.AlgorithmKey: jwa.EdDSA(), jwk.KeyUsageKey: jwk.ForSignature,
	} {
		if err := described.Set(name, value); err != nil {
			return nil, fmt.Errorf("write signing key %s as a JWK: %w", k.id, err)
		}
	}
	return described, nil
}

// MarshalJSON writes the private JWK, for the table of signing keys only.
func (k Key) MarshalJSON() ([]byte, error) {
	private, err := k.signing()
	if err != nil {
		return nil, err
	}
	described, err := k.describe(private)
	if err != nil {
		return nil, err
	}
	return json.Marshal(described)
}

// UnmarshalJSON reads what MarshalJSON wrote and refuses a key pair whose
// parts do not belong together. Its errors do not quote the key.
func (k *Key) UnmarshalJSON(raw []byte) error {
	var w struct {
		KeyType string `json:"kty"`
		Curve   string `json:"crv"`
		KeyID   string `json:"kid"`
		X       string `json:"x"`
		D       string `json:"d"`
	}
	if err := json.Unmarshal(raw, &w); err != nil || w.KeyType != "OKP" || w.Curve != "Ed25519" {
		return errKeyFormat
	}
	seed, err := base64.RawURLEncoding.DecodeString(w.D)
	if err != nil || len(seed) != ed25519.SeedSize {
		return errKeyFormat
	}
	public, err := base64.RawURLEncoding.DecodeString(w.X)
	if err != nil {
		return errKeyFormat
	}
	private := ed25519.NewKeyFromSeed(seed)
	if !bytes.Equal(public, private[ed25519.SeedSize:]) {
		return errKeyFormat
	}
	read, err := keyOf(private)
	if err != nil || read.id != w.KeyID {
		return errKeyFormat
	}
	*k = read
	return nil
}

// String shows the key's id.
func (k Key) String() string { return "signing key " + k.id }

// GoString keeps %#v from showing the private part.
func (k Key) GoString() string { return k.String() }

// LogValue keeps structured logs from showing the private part.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
