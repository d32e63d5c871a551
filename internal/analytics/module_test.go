package analytics

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	require.NoError(t, Config{}.Validate())
	require.NoError(t, Config{QueryTimeout: time.Minute}.Validate())
	require.ErrorContains(t, Config{QueryTimeout: time.Millisecond}.Validate(), "QueryTimeout")
	require.ErrorContains(t, Config{QueryTimeout: -time.Second}.Validate(), "QueryTimeout")
	_, err := New(Config{}, Deps{})
	require.ErrorContains(t, err, "DB")
}

func TestTheContractFitsThePublishers(t *testing.T) {
	t.Parallel()
	contracts := []bus.Contract{(&Module{}).Contract()}
	for _, publisher := range []string{"users", "content", "assessment"} {
		contracts = append(contracts, bus.Contract{Module: publisher, Publishes: event.PublishedBy(publisher)})
	}
	require.NoError(t, bus.Check(contracts...))
}

// TestReadiness follows the database.
func TestReadiness(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	require.NoError(t, s.module.Start(t.Context()))
	require.NoError(t, s.module.Ready(t.Context()))
	require.NoError(t, s.module.Stop(t.Context()))
	require.NoError(t, s.module.Stop(t.Context()), "stopping twice")
	s.module.db.Close()
	require.Error(t, s.module.Ready(t.Context()))
}
