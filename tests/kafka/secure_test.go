package kafka_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lyceum-lms/platform/tests/kafka"
)

func TestUsersSignInOverTLS(t *testing.T) {
	users := []kafka.User{
		{Name: "plain", Password: "plain-secret", Mechanism: kafka.Plain},
		{Name: "scram256", Password: "scram256-secret", Mechanism: kafka.ScramSHA256},
		{Name: "scram512", Password: "scram512-secret", Mechanism: kafka.ScramSHA512},
	}
	c := kafka.Start(t, kafka.Options{TLS: true, Users: users, Authorize: true})
	c.CreateTopic(t, "notes", 1, 1, nil)

	for _, user := range users {
		t.Run("with "+user.Mechanism, func(t *testing.T) {
			require.NoError(t, c.Client(t, user.SASL()).Ping(t.Context()))

			wrong := user
			wrong.Password = "guessed"
			require.ErrorIs(t, ping(t, c.Client(t, wrong.SASL())), kerr.SaslAuthenticationFailed)
		})
	}
	t.Run("and nobody else", func(t *testing.T) {
		require.Error(t, ping(t, c.Client(t)), "a client that does not sign in")
		stranger, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...), users[0].SASL())
		require.NoError(t, err)
		defer stranger.Close()
		require.Error(t, ping(t, stranger), "a client without TLS")
	})
	t.Run("and do what they may", func(t *testing.T) {
		client := c.Client(t, users[1].SASL())
		send := func(topic string) error {
			return client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("one")}).FirstErr()
		}
		require.ErrorIs(t, send("notes"), kerr.TopicAuthorizationFailed)

		c.Grant(t, "scram256", "no")

		require.NoError(t, send("notes"))
		create := func(topic string) error {
			_, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic)
			return err
		}
		require.ErrorIs(t, create("other"), kerr.TopicAuthorizationFailed)
		c.Grant(t, "scram256", "other", kadm.OpCreate)
		require.NoError(t, create("other"))
		require.ErrorIs(t, send("other"), kerr.TopicAuthorizationFailed)
		requireValues(t, c.Client(t, users[1].SASL(), kgo.ConsumeTopics("notes"), kgo.ConsumerGroup("notaries")), "one")
	})
}

func TestClientsHaveCertificates(t *testing.T) {
	c := kafka.Start(t, kafka.Options{TLS: true, ClientName: "platform", Authorize: true})
	c.CreateTopic(t, "notes", 1, 1, nil)
	c.Grant(t, "platform", "notes")

	produce(t, c.Client(t), "notes", "one")

	anonymous := c.TLSConfig(t)
	anonymous.Certificates = nil
	require.Error(t, ping(t, c.Client(t, kgo.DialTLSConfig(anonymous))))
}

// ping tries once.
func ping(t *testing.T, client *kgo.Client) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := client.SeedBrokers()[0].Request(ctx, metadataRequest())
	return err
}
