package users

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	require.NoError(t, Config{PublicURL: "http://127.0.0.1:8080"}.Validate())
	for text, bad := range map[string]Config{
		"public URL":           {},
		"without a slash":      {PublicURL: "https://lyceum.example/"},
		"absolute http":        {PublicURL: "javascript:alert(1)"},
		"access token":         {PublicURL: "https://lyceum.example", AccessTokenLifetime: 2 * time.Hour},
		"reset lifetime":       {PublicURL: "https://lyceum.example", ResetLifetime: -time.Hour},
		"signing key lifetime": {PublicURL: "https://lyceum.example", SigningKeyLifetime: time.Hour},
		"mail workers":         {PublicURL: "https://lyceum.example", MailWorkers: -1},
		"OWASP":                {PublicURL: "https://lyceum.example", Argon2: Argon2{MemoryKiB: 1024, Iterations: 1, Parallelism: 1}},
	} {
		require.ErrorContains(t, bad.Validate(), text)
	}
	err := Config{ResetLifetime: -1, MailWorkers: -1}.Validate()
	for _, text := range []string{"public URL", "reset lifetime", "mail workers"} {
		require.ErrorContains(t, err, text, "everything that is wrong is reported at once")
	}
}
