package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const patience = time.Minute

// produce sends values to partition 0 and returns when the brokers have them.
func produce(t *testing.T, client *kgo.Client, topic string, values ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, v := range values {
		err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr()
		require.NoError(t, err, "produce %q to %s", v, topic)
	}
}

// requireValues reads as many records as there are values.
func requireValues(t *testing.T, client *kgo.Client, values ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []string
	for len(got) < len(values) {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err0(), "after %q", got)
		for _, r := range fetches.Records() {
			got = append(got, string(r.Value))
		}
	}
	require.Equal(t, values, got)
}

func metadataRequest() *kmsg.MetadataRequest {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	return request
}
