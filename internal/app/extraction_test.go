package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

func TestThePlanSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	plan := func(module, target string, change func(*Config)) (string, error) {
		cfg := sound()
		cfg.DatabaseURL, cfg.DataDir = Secret(db.URL()), t.TempDir()
		change(&cfg)
		var out strings.Builder
		err := Plan(t.Context(), cfg, module, target, &out)
		return out.String(), err
	}
	text, err := plan("assessment", "", func(*Config) {})
	require.ErrorIs(t, err, ErrNotReadyToExtract)
	require.Contains(t, text, "missing  the bus is Kafka")
	require.Contains(t, text, "missing  --media-key is set")
	require.Contains(t, text, "ok       notify.results reads assessment")
	require.Contains(t, text, "ok       assessment/module is at")

	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	onKafka := func(c *Config) {
		c.Bus, c.KafkaBrokers = busKafka, cluster.ListenAddrs()
		c.MediaKey = Secret(strings.Repeat("QUJD", 12))
	}
	text, err = plan("assessment", "", onKafka)
	require.NoError(t, err, text)
	require.Contains(t, text, "--kafka-brokers "+cluster.ListenAddrs()[0], "commands have the values of the configuration")
	require.NotContains(t, text, "QUJD", "and no secret")

	text, err = plan("notify", "", onKafka)
	require.NoError(t, err, text)
	require.NotContains(t, text, "media", "notify signs no URLs of files")

	text, err = plan("assessment", db.URL(), onKafka)
	require.ErrorIs(t, err, ErrNotReadyToExtract)
	require.Contains(t, text, "is the database that module assessment is in", "a schema is not moved onto itself")

	_, err = plan("billing", "", onKafka)
	require.ErrorContains(t, err, "there is no module")
}
