package users

import (
	"strings"
	"testing"
)

// cheap hashing, for tests that are not about its cost.
var cheap = Argon2{MemoryKiB: 32, Iterations: 1, Parallelism: 1, BelowFloor: true}

// The digest is from the reference implementation:
// echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32 -e
func TestHashMatchesTheReferenceImplementation(t *testing.T) {
	t.Parallel()
	h, err := parseHash("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil {
		t.Fatal(err)
	}
	if !h.matches("password") {
		t.Error("the right password does not match")
	}
	if h.matches("Password") {
		t.Error("a wrong password matches")
	}
}

func TestHashSurvivesItsText(t *testing.T) {
	t.Parallel()
	h := newHash(cheap, "analytical engine")
	again, err := parseHash(h.String())
	if err != nil || again.String() != h.String() {
		t.Fatalf("parseHash(%q) = %v, %v", h, again, err)
	}
	if !again.matches("analytical engine") || again.matches("analytical engines") {
		t.Error("the parsed hash does not match what was hashed, and that alone")
	}
	if again.outdated(cheap) {
		t.Error("a hash with the present parameters is outdated")
	}
	if stronger := (Argon2{MemoryKiB: 64, Iterations: 1, Parallelism: 1}); !again.outdated(stronger) {
		t.Error("a hash with other parameters is not outdated")
	}
	if unmatchable(cheap).matches("") {
		t.Error("the hash of nobody matches")
	}
}

func TestParseHashRefuses(t *testing.T) {
	t.Parallel()
	good := newHash(cheap, "x").String()
	for name, bad := range map[string]string{
		"nothing":                "",
		"plain text":             "password",
		"another function":       strings.Replace(good, "argon2id", "argon2i", 1),
		"another version":        strings.Replace(good, "v=19", "v=16", 1),
		"no memory bound":        strings.Replace(good, "m=32", "m=4294967295", 1),
		"no iterations":          strings.Replace(good, "t=1", "t=0", 1),
		"endless iterations":     strings.Replace(good, "t=1", "t=4294967295", 1),
		"no lanes":               strings.Replace(good, "p=1", "p=0", 1),
		"trailing text":          strings.Replace(good, "p=1", "p=1,x=2", 1),
		"a missing digest":       good[:strings.LastIndexByte(good, '$')],
		"a short digest":         good[:strings.LastIndexByte(good, '$')+5],
		"a digest not in base64": good[:len(good)-2] + "!!",
	} {
		if h, err := parseHash(bad); err == nil {
			t.Errorf("%s: parsed as %v", name, h.params)
		}
	}
}

func TestArgon2Floor(t *testing.T) {
	t.Parallel()
	for _, owasp := range []Argon2{
		{MemoryKiB: 47104, Iterations: 1}, {MemoryKiB: 19456, Iterations: 2}, {MemoryKiB: 12288, Iterations: 3},
		{MemoryKiB: 9216, Iterations: 4}, {MemoryKiB: 7168, Iterations: 5},
	} {
		if err := owasp.validate(); err != nil {
			t.Errorf("OWASP's recommendation %+v is refused: %v", owasp, err)
		}
	}
	for _, weak := range []Argon2{{MemoryKiB: 32, Iterations: 1}, {MemoryKiB: 19456, Iterations: 1}, {MemoryKiB: 1024, Iterations: 60}} {
		if weak.validate() == nil {
			t.Errorf("%+v is accepted", weak)
		}
	}
	if err := cheap.validate(); err != nil {
		t.Errorf("parameters for tests are refused: %v", err)
	}
}
