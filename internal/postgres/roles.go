package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// OwnerRole is the role that owns a module's schema and runs its migrations.
// Nobody can log in as it.
func OwnerRole(module string) string { return "lyceum_" + module + "_owner" }

// AppRole is the role a module logs in as. It reads and writes the rows of its
// own schema and can do nothing else.
func AppRole(module string) string { return "lyceum_" + module + "_app" }

// Secret is the secret that the passwords of the module roles are derived from
// when none is configured: the password in the administrator's URL. It is empty
// when that URL has none, as with an embedded server.
func Secret(adminURL string) (string, error) {
	config, err := pgconn.ParseConfig(adminURL)
	if err != nil {
		return "", fmt.Errorf("parse database URL: %w", err)
	}
	return config.Password, nil
}

// RolePassword derives a role's password from secret, so that the migrator and
// every replica agree on it without storing it. Without a secret there is no
// password, and the server must let the role in by other means: a password that
// anybody can compute would be worse than none.
func RolePassword(secret, role string) string {
	if secret == "" {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(role))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// ModuleURL is adminURL with the login of a module's app role in place of the
// administrator's.
func ModuleURL(adminURL, module, secret string) (string, error) {
	role := AppRole(module)
	password := RolePassword(secret, role)
	if !strings.HasPrefix(adminURL, "postgres://") && !strings.HasPrefix(adminURL, "postgresql://") {
		// A keyword/value string: the last value of a keyword counts.
		if _, err := pgconn.ParseConfig(adminURL); err != nil {
			return "", fmt.Errorf("parse database URL: %w", err)
		}
		return fmt.Sprintf("%s user=%s password='%s'", adminURL, role, password), nil
	}
	u, err := url.Parse(adminURL)
	if err != nil {
		// The error of url.Parse quotes the URL and its password.
		return "", fmt.Errorf("parse database URL: it is not a valid URL")
	}
	// The pairs that stay are left as they are: a database URL means other things
	// by "+" than net/url does.
	u.RawQuery = strings.Join(slices.DeleteFunc(strings.Split(u.RawQuery, "&"), func(pair string) bool {
		key, _, _ := strings.Cut(pair, "=")
		name, err := url.PathUnescape(key)
		return err == nil && (name == "user" || name == "password")
	}), "&")
	u.User = url.User(role)
	if password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String(), nil
}

// scramVerifier is what the server stores of a password. Sending it in place of
// the password keeps the password out of the server's log and statistics. The
// salt is derived too: it need only be unlike those of other roles, and a fixed
// one makes running the migrator again change nothing.
func scramVerifier(password, role string) (string, error) {
	const iterations = 4096
	salt := sha256.Sum256([]byte("lyceum salt " + role + password))
	salted, err := pbkdf2.Key(sha256.New, password, salt[:16], iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive the password verifier of %s: %w", role, err)
	}
	sum := func(key []byte, message string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(message))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(sum(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt[:16]),
		encode(stored[:]), encode(sum(salted, "Server Key"))), nil
}
