package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// TestAFreshDataDirectoryIsMadeForEverybodyInIt: files and mail are put into it
// before the embedded server is, which root runs as another user.
func TestAFreshDataDirectoryIsMadeForEverybodyInIt(t *testing.T) {
	t.Parallel()
	parent, err := os.MkdirTemp("", "lyceum-") // unlike t.TempDir, it lets others pass
	require.NoError(t, err)
	require.NoError(t, os.Chmod(parent, 0o711))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(parent)) })
	cfg := sound()
	cfg.DataDir = filepath.Join(parent, "fresh")
	p, err := prepare(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.close(t.Context())) })
	require.DirExists(t, filepath.Join(cfg.DataDir, "blobs"))
	require.DirExists(t, filepath.Join(cfg.DataDir, "mail"))
	server, err := postgres.StartEmbedded(t.Context(), postgres.EmbeddedOptions{DataDir: cfg.DataDir, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, server.Stop(t.Context()))
}
