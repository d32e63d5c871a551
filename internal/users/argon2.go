package users

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon2 is the cost of one password hash. The zero value is OWASP's
// recommendation: 19456 KiB, 2 iterations, parallelism 1.
type Argon2 struct {
	// MemoryKiB is the memory of one hash. Default 19456.
	MemoryKiB uint32
	// Iterations is the number of passes over the memory. Default 2.
	Iterations uint32
	// Parallelism is the number of lanes. Default 1.
	Parallelism uint8
	// BelowFloor accepts parameters that are weaker than any of OWASP's
	// recommendations. It is for tests, where hashing must not take the time.
	BelowFloor bool
}

const (
	saltBytes = 16
	hashBytes = 32
	// The cost that a stored hash may ask for, lest a damaged row exhaust the
	// memory.
	maxMemoryKiB  = 1 << 20
	maxIterations = 64
)

func (a Argon2) validate() error {
	if a.MemoryKiB > maxMemoryKiB || a.Iterations > maxIterations {
		return fmt.Errorf("argon2: more than %d KiB or %d iterations", maxMemoryKiB, maxIterations)
	}
	// OWASP's recommendations trade memory for passes: 46 MiB and 1 pass, 19
	// and 2, 12 and 3, 9 and 4, 7 and 5. All of them cost at least this product.
	const floor = 7168 * 5
	if !a.BelowFloor && (a.MemoryKiB < 7168 || uint64(a.MemoryKiB)*uint64(a.Iterations) < floor) {
		return fmt.Errorf("argon2: %d KiB and %d iterations are weaker than OWASP's recommendations (19456 KiB, 2 iterations)",
			a.MemoryKiB, a.Iterations)
	}
	return nil
}

// hash is a parsed PHC string: parameters, salt, digest.
type hash struct {
	params       Argon2
	salt, digest []byte
}

var phcBase64 = base64.RawStdEncoding.Strict()

// newHash hashes the password with a fresh salt.
func newHash(p Argon2, password string) hash {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails, by its documentation
	return hash{p, salt, argon2.IDKey([]byte(password), salt, p.Iterations, p.MemoryKiB, p.Parallelism, hashBytes)}
}

// unmatchable is a hash that no password has, at the cost of a real one. It
// stands in for the hash of an account that does not exist.
func unmatchable(p Argon2) hash {
	random := make([]byte, saltBytes+hashBytes)
	rand.Read(random)
	return hash{p, random[:saltBytes], random[saltBytes:]}
}

// matches reports whether the password is the one that was hashed. It takes
// the same time for every password.
func (h hash) matches(password string) bool {
	p := h.params
	digest := argon2.IDKey([]byte(password), h.salt, p.Iterations, p.MemoryKiB, p.Parallelism, uint32(len(h.digest)))
	return subtle.ConstantTimeCompare(digest, h.digest) == 1
}

// outdated reports whether the hash was made with other parameters than p.
func (h hash) outdated(p Argon2) bool {
	return h.params.MemoryKiB != p.MemoryKiB || h.params.Iterations != p.Iterations ||
		h.params.Parallelism != p.Parallelism || len(h.digest) != hashBytes
}

// String is the PHC form: $argon2id$v=19$m=19456,t=2,p=1$salt$digest.
func (h hash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.params.MemoryKiB, h.params.Iterations, h.params.Parallelism,
		phcBase64.EncodeToString(h.salt), phcBase64.EncodeToString(h.digest))
}

var errHashFormat = errors.New("not an argon2id hash in PHC form")

// parseHash reads what String wrote. Its errors do not quote the hash.
func parseHash(s string) (hash, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return hash{}, errHashFormat
	}
	var h hash
	p := &h.params
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.MemoryKiB, &p.Iterations, &p.Parallelism); n != 3 || err != nil ||
		parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", p.MemoryKiB, p.Iterations, p.Parallelism) {
		return hash{}, errHashFormat
	}
	if p.Iterations < 1 || p.Iterations > maxIterations || p.Parallelism < 1 || p.MemoryKiB > maxMemoryKiB {
		return hash{}, errHashFormat
	}
	var err error
	if h.salt, err = phcBase64.DecodeString(parts[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return hash{}, errHashFormat
	}
	if h.digest, err = phcBase64.DecodeString(parts[5]); err != nil || len(h.digest) < 16 || len(h.digest) > 64 {
		return hash{}, errHashFormat
	}
	return h, nil
}
