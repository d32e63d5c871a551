package users

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// secret is an opaque token as its holder has it: 256 random bits in base64url.
type secret string

func newSecret() secret {
	b := make([]byte, 32)
	rand.Read(b) // never fails, by its documentation
	return secret(base64.RawURLEncoding.EncodeToString(b))
}

// digest is what is stored of a secret. A plain hash is enough for 256 random
// bits; nobody can search them. A string that newSecret cannot have made has a
// digest that is in no table.
func (s secret) digest() []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// String keeps the secret out of logs and error texts.
func (s secret) String() string { return "[secret]" }
