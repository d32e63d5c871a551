package content

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/lyceum-lms/platform/internal/postgres"
)

func TestUploadsThatWereLeftBehindAreSweptAway(t *testing.T) {
	t.Parallel()
	blobs := memblob.OpenBucket(nil)
	defer func() { require.NoError(t, blobs.Close()) }()
	now := time.Now()
	m, err := New(Config{}, Deps{
		DB: postgres.NewDB(nil), Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		Now: func() time.Time { return now }, Blobs: blobs,
	})
	require.NoError(t, err)
	for _, key := range []string{"imports/1", "media/00"} {
		require.NoError(t, blobs.WriteAll(t.Context(), key, []byte("x"), nil))
	}
	exists := func(key string) bool {
		there, err := blobs.Exists(t.Context(), key)
		require.NoError(t, err)
		return there
	}
	require.NoError(t, m.sweepUploads(t.Context()))
	require.True(t, exists("imports/1"), "it may still be waiting for its import")
	now = now.Add(uploadKept + time.Minute)
	require.NoError(t, m.sweepUploads(t.Context()))
	require.False(t, exists("imports/1"))
	require.True(t, exists("media/00"), "media are not uploads")
}

func TestConfigSaysWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	require.NoError(t, Config{}.Validate())
	for _, bad := range []Config{{MaxImportBytes: -1}, {MediaURLTTL: time.Second}, {UnitCacheBytes: -1}, {ImportWorkers: -1}} {
		require.Error(t, bad.Validate(), "%+v", bad)
		_, err := New(bad, Deps{})
		require.Error(t, err)
	}
}
