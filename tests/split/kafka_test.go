package split

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/kafka"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestKafkaBehindTLSAndAPassword: events arrive through brokers that want both,
// in topics whose names begin as they are told to.
func TestKafkaBehindTLSAndAPassword(t *testing.T) {
	t.Parallel()
	server, authority := certificate(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{server}, MinVersion: tls.VersionTLS12}),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "lyceum", "the-password"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	database := postgrestest.New(t)
	platform := platformtest.Start(t, platformtest.Options{
		DatabaseURL: database.URL(), Bus: "kafka", KafkaBrokers: cluster.ListenAddrs(),
		Env: []string{"LYCEUM_KAFKA_TLS=true", "LYCEUM_KAFKA_CA_FILE=" + authority, "LYCEUM_KAFKA_SASL=scram-sha-512", "LYCEUM_KAFKA_USER=lyceum",
			"LYCEUM_KAFKA_PASSWORD=the-password", "LYCEUM_KAFKA_PREFIX=school-7", "LYCEUM_KAFKA_COMPRESSION=snappy"},
	})
	platformtest.Drained(t, database.Admin(t))
	events := int64(0)
	for _, p := range cluster.PartitionInfos("school-7.content") {
		events += p.HighWatermark
	}
	require.Positive(t, events, "the demo course has been published there")
	require.NotContains(t, platform.Log(t), "the-password")
}

// TestApacheKafkaThatRefuses: a process that brokers refuse says why, and what to
// do, and does not start.
func TestApacheKafkaThatRefuses(t *testing.T) {
	t.Parallel()
	cluster := kafka.Start(t, kafka.Options{TLS: true, Authorize: true, Users: []kafka.User{
		{Name: "lyceum", Password: "the-password", Mechanism: kafka.ScramSHA256}, {Name: "stranger", Password: "his-password", Mechanism: kafka.ScramSHA256},
	}})
	cluster.Grant(t, "lyceum", "school")
	database := postgrestest.New(t)
	prepare := func(env ...string) *platformtest.Platform {
		return platformtest.Prepare(t, platformtest.Options{
			DatabaseURL: database.URL(), Bus: "kafka", KafkaBrokers: cluster.Brokers(),
			Env: append([]string{"LYCEUM_KAFKA_TLS=true", "LYCEUM_KAFKA_CA_FILE=" + cluster.CAFile(), "LYCEUM_KAFKA_SASL=scram-sha-256",
				"LYCEUM_KAFKA_USER=lyceum", "LYCEUM_KAFKA_PASSWORD=the-password", "LYCEUM_KAFKA_PREFIX=school"}, env...),
		})
	}
	good := prepare()
	good.Restart(t)
	platformtest.Drained(t, database.Admin(t))
	for name, refused := range map[string]struct {
		env  []string
		says string
	}{
		"a wrong password":           {[]string{"LYCEUM_KAFKA_PASSWORD=guessed"}, "SASL_AUTHENTICATION_FAILED"},
		"another mechanism":          {[]string{"LYCEUM_KAFKA_SASL=scram-sha-512"}, "UNSUPPORTED_SASL_MECHANISM"},
		"a user without any right":   {[]string{"LYCEUM_KAFKA_USER=stranger", "LYCEUM_KAFKA_PASSWORD=his-password"}, "AUTHORIZATION_FAILED"},
		"a prefix that is forbidden": {[]string{"LYCEUM_KAFKA_PREFIX=another"}, "AUTHORIZATION_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			p := prepare(refused.env...)
			p.Launch(t)
			require.ErrorContains(t, p.AwaitExit(t), "exit status 1")
			require.Contains(t, p.Log(t), refused.says)
		})
	}
}

// certificate makes one for this machine, and a file with it as its authority.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	body, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: body}), 0o600))
	return tls.Certificate{Certificate: [][]byte{body}, PrivateKey: private}, path
}
