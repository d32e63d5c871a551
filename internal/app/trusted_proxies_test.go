package app

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	got, err := Config{TrustedProxies: []string{"10.1.2.3/8", "192.0.2.7", "2001:db8::/32"}}.trustedProxies()
	require.NoError(t, err)
	var texts []string
	for _, p := range got {
		texts = append(texts, p.String())
	}
	require.Equal(t, []string{"10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"}, texts)
	for _, bad := range []string{"", "proxy.example", "10.0.0.0/33", "10.0.0.0/"} {
		_, err := Config{TrustedProxies: []string{bad}}.trustedProxies()
		require.ErrorContains(t, err, "is not a network", bad)
	}
}
