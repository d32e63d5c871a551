package notify_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/notify"
)

func TestConfigRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	good := notify.Config{PublicURL: "https://learn.example"}
	require.NoError(t, good.Validate())
	for name, spoil := range map[string]func(*notify.Config){
		"PublicURL":         func(c *notify.Config) { c.PublicURL = "" },
		"PublicURL \"ftp":   func(c *notify.Config) { c.PublicURL = "ftp://learn.example" },
		"APIURL":            func(c *notify.Config) { c.APIURL = "https://api.example/" },
		"Retention":         func(c *notify.Config) { c.Retention = time.Hour },
		"MailWorkers":       func(c *notify.Config) { c.MailWorkers = -1 },
		"ContactRetry":      func(c *notify.Config) { c.ContactRetry = -1 },
		"StreamsPerAccount": func(c *notify.Config) { c.StreamsPerAccount = 1001 },
		"StreamLifetime":    func(c *notify.Config) { c.StreamLifetime = 2 * time.Hour },
	} {
		bad := good
		spoil(&bad)
		require.ErrorContains(t, bad.Validate(), name)
		_, err := notify.New(bad, notify.Deps{})
		require.ErrorContains(t, err, name)
	}
	_, err := notify.New(good, notify.Deps{})
	require.ErrorContains(t, err, "required")
}
