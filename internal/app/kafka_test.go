package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestValidateKafka(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	text := filepath.Join(t.TempDir(), "text.pem")
	require.NoError(t, os.WriteFile(text, []byte("hello"), 0o600))
	login := func(c *Config) { c.KafkaUser, c.KafkaPassword = "u", "hush" }
	for name, test := range map[string]struct {
		change func(*Config)
		want   string // empty: no mistake
	}{
		"brokers":              {on("k1:9092", "k2:9092"), ""},
		"publishing only":      {both(on("k:9092"), func(c *Config) { c.Bus = "in-process" }), ""},
		"no brokers":           {on(), "--kafka-brokers: is needed with --bus kafka"},
		"broker without port":  {on("k1"), `--kafka-brokers: "k1" is not host:port`},
		"broker without host":  {on(":9092"), `--kafka-brokers: ":9092" is not host:port`},
		"TLS, no brokers":      {func(c *Config) { c.KafkaTLS = true }, "--kafka-brokers: is needed with the other flags of Kafka"},
		"password, no brokers": {login, "--kafka-brokers: is needed with the other flags"},
		"prefix":               {both(on("k:1"), func(c *Config) { c.KafkaPrefix = "school.a-b_c" }), ""},
		"prefix with a slash":  {both(on("k:1"), func(c *Config) { c.KafkaPrefix = "a/b" }), `--kafka-prefix: "a/b" is not a name`},
		"empty prefix":         {both(on("k:1"), func(c *Config) { c.KafkaPrefix = "" }), "--kafka-prefix: "},
		"replication":          {both(on("k:1"), func(c *Config) { c.KafkaReplication = -1 }), "--kafka-replication: -1 is less than 0"},

		"TLS":                   {secured(cert, cert, key), ""},
		"TLS of the system":     {secured("", "", ""), ""},
		"CA file missing":       {secured("/nowhere/ca.pem", "", ""), "--kafka-ca-file: read the authorities' certificates: open /nowhere/ca.pem"},
		"CA file without any":   {secured(text, "", ""), "holds no certificate in PEM form"},
		"certificate, no key":   {secured("", cert, ""), "--kafka-key-file: is needed with --kafka-cert-file"},
		"key, no certificate":   {secured("", "", key), "--kafka-cert-file: is needed with --kafka-key-file"},
		"certificate for a key": {secured("", cert, cert), "--kafka-cert-file: read it and --kafka-key-file: "},
		"files, no TLS":         {both(secured(cert, "", ""), func(c *Config) { c.KafkaTLS = false }), "--kafka-ca-file: has no effect without --kafka-tls"},

		"SCRAM":                  {both(on("k:1"), login, sasl("scram-sha-512")), ""},
		"PLAIN with TLS":         {both(secured("", "", ""), login, sasl("plain")), ""},
		"PLAIN in the clear":     {both(on("127.0.0.1:1", "k:1"), login, sasl("plain")), "--kafka-tls: is needed with --kafka-sasl plain"},
		"PLAIN to this machine":  {both(on("127.0.0.1:1", "[::1]:1", "localhost:1"), login, sasl("plain")), ""},
		"password, no mechanism": {both(on("k:1"), login), "--kafka-sasl: says none, which needs neither --kafka-user nor --kafka-password"},
		"mechanism, no user":     {both(on("k:1"), login, sasl("scram-sha-256"), func(c *Config) { c.KafkaUser = "" }), "--kafka-user: is needed with --kafka-sasl scram-sha-256"},
		"mechanism, no password": {both(on("k:1"), login, sasl("scram-sha-256"), func(c *Config) { c.KafkaPassword = "" }), "--kafka-password: is needed with --kafka-sasl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sound()
			test.change(&c)
			wantMistake(t, c.Validate(), test.want)
		})
	}
}

func on(brokers ...string) func(*Config) {
	return func(c *Config) { c.Bus, c.KafkaBrokers = "kafka", brokers }
}

func sasl(mechanism string) func(*Config) {
	return func(c *Config) { c.KafkaSASL = mechanism }
}

func secured(ca, cert, key string) func(*Config) {
	return func(c *Config) {
		on("k:9093")(c)
		c.KafkaTLS, c.KafkaCAFile, c.KafkaCertFile, c.KafkaKeyFile = true, ca, cert, key
	}
}

func TestTheBusIsToldWhatTheFlagsSay(t *testing.T) {
	t.Parallel()
	none, err := sound().kafka()
	require.NoError(t, err)
	require.Nil(t, none, "there is no Kafka unless brokers are given")

	cert, key := certificate(t)
	c := sound()
	secured(cert, cert, key)(&c)
	c.KafkaSASL, c.KafkaUser, c.KafkaPassword, c.KafkaReplication = "scram-sha-512", "u", "hush", 3
	got, err := c.kafka()
	require.NoError(t, err)
	require.Equal(t, "SCRAM-SHA-512", got.SASL)
	require.Equal(t, "hush", got.Password)
	require.Equal(t, []string{"k:9093"}, got.Brokers)
	require.Equal(t, c.EventRetention, got.Retention)
	require.EqualValues(t, 3, got.Replication)
	require.True(t, got.CreateTopics)
	require.False(t, got.PublishOnly)
	require.EqualValues(t, tls.VersionTLS12, got.TLS.MinVersion)
	require.NotNil(t, got.TLS.RootCAs)
	require.Len(t, got.TLS.Certificates, 1)

	c.Bus = "in-process"
	got, err = c.kafka()
	require.NoError(t, err)
	require.True(t, got.PublishOnly, "brokers without --bus kafka are published to")

	c.Modules = []string{"none"}
	got, err = c.kafka()
	require.NoError(t, err)
	require.Nil(t, got, "who only forwards has no events")
}

// certificate makes a certificate and its key, in files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	body, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: body}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return cert, key
}
