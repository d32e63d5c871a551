package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus"
)

const (
	busInProcess = "in-process"
	busKafka     = "kafka"
)

// kafka is what the bus is told of Kafka, nil if it has nothing to do with it.
func (c Config) kafka() (*bus.KafkaConfig, error) {
	if len(c.KafkaBrokers) == 0 || len(c.hosted()) == 0 {
		return nil, nil // no Kafka is a configuration, too
	}
	secured, err := c.kafkaTLS()
	if err != nil {
		return nil, err
	}
	mechanism := ""
	if c.KafkaSASL != "none" {
		mechanism = strings.ToUpper(c.KafkaSASL)
	}
	return &bus.KafkaConfig{
		Brokers: c.KafkaBrokers, Prefix: c.KafkaPrefix, PublishOnly: c.Bus != busKafka, TLS: secured,
		SASL: mechanism, User: c.KafkaUser, Password: string(c.KafkaPassword), Compression: c.KafkaCompression,
		CreateTopics: c.KafkaCreateTopics, Replication: c.KafkaReplication, Retention: c.EventRetention,
	}, nil
}

// kafkaTLS reads the files. It is nil for plaintext.
func (c Config) kafkaTLS() (*tls.Config, error) {
	if !c.KafkaTLS {
		return nil, nil // plaintext is a configuration, too
	}
	secured := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.KafkaCAFile != "" {
		pool, err := certificates(c.KafkaCAFile)
		if err != nil {
			return nil, fmt.Errorf("--kafka-ca-file: %w", err)
		}
		secured.RootCAs = pool
	}
	if c.KafkaCertFile != "" && c.KafkaKeyFile != "" {
		pair, err := tls.LoadX509KeyPair(c.KafkaCertFile, c.KafkaKeyFile)
		if err != nil {
			return nil, fmt.Errorf("--kafka-cert-file: read it and --kafka-key-file: %w", err)
		}
		secured.Certificates = []tls.Certificate{pair}
	}
	return secured, nil
}

func certificates(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the authorities' certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	return pool, nil
}

// kafkaPrefix is what fits into the name of a topic with a module's name and a
// suffix after it.
var kafkaPrefix = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$`)

func (c Config) validateKafka(mistake mistakeFunc) {
	if !kafkaPrefix.MatchString(c.KafkaPrefix) {
		mistake("kafka-prefix", "%q is not a name of up to 100 letters, digits, dots, dashes and underscores", c.KafkaPrefix)
	}
	if c.KafkaReplication < 0 {
		mistake("kafka-replication", "%d is less than 0, which leaves it to the brokers", c.KafkaReplication)
	}
	if len(c.KafkaBrokers) == 0 {
		if c.Bus == busKafka {
			mistake("kafka-brokers", "is needed with --bus kafka: give the host:port of a broker, or of several")
		} else if c.KafkaTLS || c.KafkaSASL != "none" || c.KafkaUser != "" || c.KafkaPassword != "" {
			mistake("kafka-brokers", "is needed with the other flags of Kafka")
		}
		return
	}
	local := true
	for _, b := range c.KafkaBrokers {
		host, port, err := net.SplitHostPort(b)
		if err != nil || host == "" || port == "" {
			mistake("kafka-brokers", "%q is not host:port", b)
			continue
		}
		local = local && isLoopback(host)
	}
	c.validateKafkaTLS(mistake)
	c.validateKafkaLogin(mistake, local)
}

func (c Config) validateKafkaTLS(mistake mistakeFunc) {
	if !c.KafkaTLS {
		for _, f := range []struct{ flag, value string }{
			{"kafka-ca-file", c.KafkaCAFile}, {"kafka-cert-file", c.KafkaCertFile}, {"kafka-key-file", c.KafkaKeyFile},
		} {
			if f.value != "" {
				mistake(f.flag, "has no effect without --kafka-tls")
			}
		}
		return
	}
	if c.KafkaCertFile != "" && c.KafkaKeyFile == "" {
		mistake("kafka-key-file", "is needed with --kafka-cert-file")
	}
	if c.KafkaKeyFile != "" && c.KafkaCertFile == "" {
		mistake("kafka-cert-file", "is needed with --kafka-key-file")
	}
	if _, err := c.kafkaTLS(); err != nil {
		flag, text, _ := strings.Cut(strings.TrimPrefix(err.Error(), "--"), ": ")
		mistake(flag, "%s", text)
	}
}

func (c Config) validateKafkaLogin(mistake mistakeFunc, local bool) {
	if c.KafkaSASL == "none" {
		if c.KafkaUser != "" || c.KafkaPassword != "" {
			mistake("kafka-sasl", "says none, which needs neither --kafka-user nor --kafka-password: name the mechanism that the brokers want")
		}
		return
	}
	if c.KafkaUser == "" {
		mistake("kafka-user", "is needed with --kafka-sasl %s", c.KafkaSASL)
	}
	if c.KafkaPassword == "" {
		mistake("kafka-password", "is needed with --kafka-sasl %s", c.KafkaSASL)
	}
	if c.KafkaSASL == "plain" && !c.KafkaTLS && !local {
		mistake("kafka-tls", "is needed with --kafka-sasl plain, which sends the password as it is: set it, or use scram-sha-512")
	}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
