package bus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// KafkaConfig says where the brokers are, how to reach them and what the topics
// are made like. Topics are called "<prefix>.<module>", consumer groups
// "<prefix>.<consumer>".
type KafkaConfig struct {
	// Brokers are host:port addresses to begin with.
	Brokers []string
	// Prefix of topics and consumer groups, so that an access list can name all
	// of them and installations can share a cluster. Default: "lyceum".
	Prefix string
	// PublishOnly fills the topics while consumers still read the logs in this
	// process: the step before a change to Kafka, which then finds the history
	// there.
	PublishOnly bool
	// TLS is nil for plaintext.
	TLS *tls.Config
	// SASL is the mechanism: "" for none, "PLAIN", "SCRAM-SHA-256" or
	// "SCRAM-SHA-512".
	SASL           string
	User, Password string
	// Compression of what is published: "none", "gzip", "snappy", "lz4" or
	// "zstd". Default: "zstd".
	Compression string
	// CreateTopics makes the topics that are missing. Otherwise they are only
	// checked.
	CreateTopics bool
	// Replication of topics that are made. Default: 3, or as many brokers as
	// there are.
	Replication int16
	// Retention of topics that are made. Default: 400 days.
	Retention time.Duration
}

func (c KafkaConfig) withDefaults() KafkaConfig {
	if c.Prefix == "" {
		c.Prefix = "lyceum"
	}
	if c.Compression == "" {
		c.Compression = "zstd"
	}
	if c.Retention == 0 {
		c.Retention = 400 * 24 * time.Hour
	}
	return c
}

// clientOptions are those that every client of the cluster shares.
func (c KafkaConfig) clientOptions() ([]kgo.Opt, error) {
	if len(c.Brokers) == 0 {
		return nil, errors.New("kafka: no brokers are given")
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("lyceum"),
		kgo.DialTimeout(5 * time.Second),
		kgo.MetadataMinAge(250 * time.Millisecond), // a moved leader is found at once
		// Longer pauses, of up to 5 s by default, would add to the time in which a
		// partition has no leader.
		kgo.RetryBackoffFn(func(tries int) time.Duration {
			pause := min(50*time.Millisecond<<min(tries, 10), 500*time.Millisecond)
			return pause/2 + rand.N(pause/2)
		}),
		kgo.RequestRetries(math.MaxInt32), // it is the time that counts
		kgo.RetryTimeout(10 * time.Second),
	}
	if c.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(c.TLS))
	}
	mechanism, err := c.mechanism()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts, nil
}

func (c KafkaConfig) mechanism() (sasl.Mechanism, error) {
	switch c.SASL {
	case "":
		return nil, nil //nolint:nilnil // no mechanism is a mechanism
	case "PLAIN":
		return plain.Auth{User: c.User, Pass: c.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: c.User, Pass: c.Password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: c.User, Pass: c.Password}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("kafka: there is no SASL mechanism %q", c.SASL)
}

func (c KafkaConfig) codecs() ([]kgo.CompressionCodec, error) {
	codec, ok := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[c.Compression]
	if !ok {
		return nil, fmt.Errorf("kafka: there is no compression %q", c.Compression)
	}
	return []kgo.CompressionCodec{codec, kgo.NoCompression()}, nil
}
