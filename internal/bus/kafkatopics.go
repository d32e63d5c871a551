package bus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	// maxPayload bounds an event's payload. The largest are problem sets.
	maxPayload = 8 << 20
	// maxRecord is the topics' max.message.bytes: a payload with its headers and
	// some room.
	maxRecord = 2 * maxPayload
	// compactWithin is when what an erasure has covered is gone from the disks of
	// the brokers at the latest.
	compactWithin = 7 * 24 * time.Hour
	factsSegment  = 24 * time.Hour
)

// topic is where a module's events are.
func (c KafkaConfig) topic(module string) string { return c.Prefix + "." + module }

// factsTopic is where the payloads of a module's events with personal data
// are, by their key alone, so that compaction can forget them.
func (c KafkaConfig) factsTopic(module string) string { return c.topic(module) + ".contact-facts" }

func (c KafkaConfig) group(consumer string) string { return c.Prefix + "." + consumer }

// ErrKafkaSetup is in errors that waiting does not cure: the brokers answer and
// something is set up wrongly.
var ErrKafkaSetup = errors.New("kafka is not set up for this")

// wantedTopic is a topic as it has to be.
type wantedTopic struct {
	name    string
	configs map[string]string
	compact bool
}

func (k *kafka) wanted(module string, facts bool) []wantedTopic {
	size := strconv.Itoa(maxRecord)
	all := []wantedTopic{{name: k.config.topic(module), configs: map[string]string{
		"cleanup.policy": "delete", "retention.ms": millis(k.config.Retention), "max.message.bytes": size,
	}}}
	if facts {
		all = append(all, wantedTopic{name: k.config.factsTopic(module), compact: true, configs: map[string]string{
			"cleanup.policy": "compact", "max.message.bytes": size,
			"segment.ms": millis(factsSegment), "max.compaction.lag.ms": millis(compactWithin),
		}})
	}
	return all
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// ensure makes sure of the topics, unless it has been done. Those who come while
// somebody is at it wait for what they find.
func (k *kafka) ensure(ctx context.Context) error {
	if k.ensured.Load() {
		return nil
	}
	_, err, _ := k.looking.Do("topics", func() (any, error) { return nil, k.ensureTopics(ctx) })
	return err
}

// ensureTopics makes what is missing, if it may, and checks what is there.
func (k *kafka) ensureTopics(ctx context.Context) error {
	var wanted []wantedTopic
	for module, facts := range k.modules {
		wanted = append(wanted, k.wanted(module, facts)...)
	}
	slices.SortFunc(wanted, func(a, b wantedTopic) int { return strings.Compare(a.name, b.name) })
	var names []string
	for _, w := range wanted {
		names = append(names, w.name)
	}
	found, err := k.admin.Metadata(ctx, names...)
	if err != nil {
		return k.explain("look for the topics", err)
	}
	var errs []error
	for _, w := range wanted {
		t := found.Topics[w.name]
		switch {
		case errors.Is(t.Err, kerr.UnknownTopicOrPartition):
			errs = append(errs, k.create(ctx, w, len(found.Brokers)))
		case t.Err != nil:
			errs = append(errs, k.explain("look for topic "+w.name, t.Err))
		case len(t.Partitions) != Partitions:
			errs = append(errs, fmt.Errorf("%w: topic %s has %d partitions and must have %d, because events are numbered by partition: "+
				"delete it if it is empty, or choose another --kafka-prefix", ErrKafkaSetup, w.name, len(t.Partitions), Partitions))
		default:
			errs = append(errs, k.checkConfig(ctx, w))
		}
	}
	err = errors.Join(errs...)
	k.ensured.Store(err == nil)
	return err
}

func (k *kafka) create(ctx context.Context, w wantedTopic, brokers int) error {
	if !k.config.CreateTopics {
		return fmt.Errorf("%w: topic %s is missing and --kafka-create-topics is off: make it with %d partitions and %s",
			ErrKafkaSetup, w.name, Partitions, describe(w.configs))
	}
	replication := k.config.Replication
	if replication == 0 {
		replication = int16(min(3, brokers))
	}
	configs := map[string]*string{"min.insync.replicas": new("1")}
	if replication >= 3 {
		configs["min.insync.replicas"] = new("2") // one broker may be away, and no acknowledged event with it
	}
	for name, value := range w.configs {
		configs[name] = &value
	}
	_, err := k.admin.CreateTopic(ctx, Partitions, replication, configs, w.name)
	switch {
	case err == nil:
		k.log.InfoContext(ctx, "kafka: topic made", "topic", w.name, "partitions", Partitions, "replication", replication)
		return nil
	case errors.Is(err, kerr.TopicAlreadyExists):
		return nil // another process was faster
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return fmt.Errorf("%w: topic %s cannot have %d replicas: there are %d brokers; set --kafka-replication",
			ErrKafkaSetup, w.name, replication, brokers)
	}
	return k.explain("make topic "+w.name, err)
}

// checkConfig refuses a topic whose settings would lose events or keep what was
// erased. A different retention is the operator's own choice.
func (k *kafka) checkConfig(ctx context.Context, w wantedTopic) error {
	described, err := k.admin.DescribeTopicConfigs(ctx, w.name)
	if err == nil {
		var of kadm.ResourceConfig
		if of, err = described.On(w.name, nil); err == nil {
			err = of.Err
		}
		if err == nil {
			return checkSettings(w, of.Configs)
		}
	}
	if errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed) {
		k.log.WarnContext(ctx, "kafka: may not read the settings of a topic, which are taken to be right", "topic", w.name)
		return nil
	}
	return k.explain("read the settings of topic "+w.name, err)
}

func checkSettings(w wantedTopic, configs []kadm.Config) error {
	var errs []error
	for _, c := range configs {
		switch value := c.MaybeValue(); c.Key {
		case "cleanup.policy":
			if compacts := strings.Contains(value, "compact"); value != "" && compacts != w.compact {
				errs = append(errs, fmt.Errorf("%w: topic %s has cleanup.policy=%s and needs %s",
					ErrKafkaSetup, w.name, value, w.configs["cleanup.policy"]))
			}
		case "max.message.bytes":
			if n, err := strconv.Atoi(value); err == nil && n < maxRecord {
				errs = append(errs, fmt.Errorf("%w: topic %s has max.message.bytes=%d and needs at least %d", ErrKafkaSetup, w.name, n, maxRecord))
			}
		}
	}
	return errors.Join(errs...)
}

func describe(configs map[string]string) string {
	var parts []string
	for name, value := range configs {
		parts = append(parts, name+"="+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// explain adds to an error of the cluster what to do about it, and
// ErrKafkaSetup if waiting is not it.
func (k *kafka) explain(action string, err error) error {
	advice := ""
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		advice = "the brokers refuse the login: check --kafka-user, --kafka-password and --kafka-sasl"
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		advice = "the brokers do not offer this mechanism: check --kafka-sasl"
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed):
		advice = fmt.Sprintf("the user may not do this: grant it the topics and groups that begin with %q", k.config.Prefix+".")
	case errors.As(err, new(*tls.CertificateVerificationError)), errors.As(err, new(x509.UnknownAuthorityError)), errors.As(err, new(x509.HostnameError)):
		advice = "the brokers' certificate is not trusted: check --kafka-ca-file and the names in the certificate"
	case errors.As(err, new(tls.RecordHeaderError)):
		advice = "the brokers do not speak TLS on this port: check --kafka-tls and --kafka-brokers"
	case errors.Is(err, kerr.PolicyViolation):
		advice = "a policy of the cluster forbids it: make the topics by hand and set --no-kafka-create-topics"
	}
	if advice != "" {
		return fmt.Errorf("%w: %s: %w: %s", ErrKafkaSetup, action, err, advice)
	}
	return fmt.Errorf("kafka: %s: %w", action, err)
}
