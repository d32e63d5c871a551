package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Mechanisms by which a User signs in.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// User is somebody who may sign in. Names and passwords are of letters, digits
// and dashes.
type User struct {
	Name, Password string
	// Mechanism is one of Plain, ScramSHA256 and ScramSHA512.
	Mechanism string
}

// SASL makes a client sign in as the user.
func (u User) SASL() kgo.Opt {
	switch u.Mechanism {
	case ScramSHA256:
		return kgo.SASL(scram.Auth{User: u.Name, Pass: u.Password}.AsSha256Mechanism())
	case ScramSHA512:
		return kgo.SASL(scram.Auth{User: u.Name, Pass: u.Password}.AsSha512Mechanism())
	default:
		return kgo.SASL(plain.Auth{User: u.Name, Pass: u.Password}.AsMechanism())
	}
}

// CAFile is the certificate of the authority that signed those of the brokers.
func (c *Cluster) CAFile() string { return filepath.Join(c.dir, "tls", "ca.pem") }

// ClientCertificate are the files of the client's certificate and its key.
func (c *Cluster) ClientCertificate() (cert, key string) {
	return filepath.Join(c.dir, "tls", "client.pem"), filepath.Join(c.dir, "tls", "client-key.pem")
}

// TLSConfig is that of a client: it trusts the brokers and has the client's
// certificate where they ask for one.
func (c *Cluster) TLSConfig(t testing.TB) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(c.CAFile())
	if err != nil {
		t.Fatalf("read the authority's certificate: %v", err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AppendCertsFromPEM(text)
	if c.options.ClientName != "" {
		certificate, err := tls.LoadX509KeyPair(c.ClientCertificate())
		if err != nil {
			t.Fatalf("read the client's certificate: %v", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config
}

// Grant allows a user everything with topics and consumer groups whose names
// begin with the prefix, or only some operations, and returns when all brokers
// know it.
func (c *Cluster) Grant(t testing.TB, user, prefix string, operations ...kadm.ACLOperation) {
	t.Helper()
	if len(operations) == 0 {
		operations = []kadm.ACLOperation{kadm.OpAll}
	}
	rights := kadm.NewACLs().Topics(prefix).Groups(prefix).ResourcePatternType(kadm.ACLPatternPrefixed).
		Operations(operations...).Allow("User:" + user).AllowHosts("*")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	results, err := c.Admin(t).CreateACLs(ctx, rights)
	for _, r := range results {
		err = errors.Join(err, r.Err)
	}
	if err != nil {
		t.Fatalf("grant rights to %s: %v", user, err)
	}
	for _, n := range c.nodes {
		if !n.running() {
			continue
		}
		if err := n.awaitRights(ctx, user, prefix, operations); err != nil {
			t.Fatalf("grant rights to %s: %v", user, err)
		}
	}
}

// awaitRights waits until the node's authorizer, which learns of rights later
// than they are answered for, has those of a Grant.
func (n *node) awaitRights(ctx context.Context, user, prefix string, operations []kadm.ACLOperation) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(n.inner))
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	defer client.Close()
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType, request.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	request.Operation, request.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	request.Principal = kmsg.StringPtr("User:" + user)
	return await(ctx, func(ctx context.Context) error {
		response, err := client.SeedBrokers()[0].Request(ctx, request)
		if err != nil {
			return err
		}
		rights, ok := response.(*kmsg.DescribeACLsResponse)
		if !ok {
			return fmt.Errorf("unexpected answer %T", response)
		}
		found, wanted := 0, 2*len(operations) // for topics and for groups
		for _, resource := range rights.Resources {
			for _, right := range resource.ACLs {
				if resource.ResourceName == prefix && slices.Contains(operations, right.Operation) {
					found++
				}
			}
		}
		if err := kerr.ErrorForCode(rights.ErrorCode); err != nil || found < wanted {
			return errors.Join(err, fmt.Errorf("node %d knows %d rights of %d", n.id, found, wanted))
		}
		return nil
	})
}

// secure adds what the clients' listener asks for. Brokers and controllers talk
// in plaintext, and a client that uses their listener may do everything.
func (c *Cluster) secure(p map[string]string) error {
	o := c.options
	protocol := "PLAINTEXT"
	switch {
	case o.TLS && len(o.Users) > 0:
		protocol = "SASL_SSL"
	case o.TLS:
		protocol = "SSL"
	case len(o.Users) > 0:
		protocol = "SASL_PLAINTEXT"
	}
	p["listener.security.protocol.map"] = "CLIENTS:" + protocol + ",INNER:PLAINTEXT,CONTROLLER:PLAINTEXT"
	if o.TLS {
		p["listener.name.clients.ssl.keystore.type"] = "PEM"
		p["listener.name.clients.ssl.keystore.location"] = filepath.Join(c.dir, "tls", "broker.pem")
	}
	if o.ClientName != "" {
		p["listener.name.clients.ssl.client.auth"] = "required"
		p["listener.name.clients.ssl.truststore.type"] = "PEM"
		p["listener.name.clients.ssl.truststore.location"] = c.CAFile()
		p["listener.name.clients.ssl.principal.mapping.rules"] = "RULE:^CN=([^,]+).*$/$1/"
	}
	if o.Authorize {
		p["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		p["super.users"] = "User:ANONYMOUS" // the inner listeners
	}
	return c.signIn(p)
}

// signIn adds the mechanisms of the users, and those whose password brokers know
// from their properties.
func (c *Cluster) signIn(p map[string]string) error {
	plainUsers := ""
	var mechanisms []string
	for _, u := range c.options.Users {
		switch u.Mechanism {
		case Plain:
			plainUsers += fmt.Sprintf(` user_%s="%s"`, u.Name, u.Password)
		case ScramSHA256, ScramSHA512:
			p["listener.name.clients."+strings.ToLower(u.Mechanism)+".sasl.jaas.config"] =
				"org.apache.kafka.common.security.scram.ScramLoginModule required;"
		default:
			return fmt.Errorf("user %s: there is no mechanism %q", u.Name, u.Mechanism)
		}
		if !slices.Contains(mechanisms, u.Mechanism) {
			mechanisms = append(mechanisms, u.Mechanism)
		}
	}
	if plainUsers != "" {
		p["listener.name.clients.plain.sasl.jaas.config"] =
			"org.apache.kafka.common.security.plain.PlainLoginModule required" + plainUsers + ";"
	}
	if len(mechanisms) > 0 {
		p["listener.name.clients.sasl.enabled.mechanisms"] = strings.Join(mechanisms, ",")
	}
	return nil
}

// scramArguments are those of Kafka's formatting tool for the users whose
// password the metadata keep.
func (c *Cluster) scramArguments() []string {
	var args []string
	for _, u := range c.options.Users {
		if u.Mechanism != Plain {
			args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", u.Mechanism, u.Name, u.Password))
		}
	}
	return args
}

// makeCertificates makes an authority and the certificates that it signs.
func (c *Cluster) makeCertificates() error {
	if c.options.ClientName != "" && !c.options.TLS {
		return errors.New("a client's certificate (ClientName) needs TLS")
	}
	if !c.options.TLS {
		return nil
	}
	authority, err := newAuthority()
	if err != nil {
		return fmt.Errorf("make a certificate authority: %w", err)
	}
	brokerCert, brokerKey, err := authority.issue("broker", x509.ExtKeyUsageServerAuth)
	if err != nil {
		return fmt.Errorf("make the brokers' certificate: %w", err)
	}
	clientCert, clientKey, err := authority.issue(c.options.ClientName, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return fmt.Errorf("make the client's certificate: %w", err)
	}
	certFile, keyFile := c.ClientCertificate()
	return errors.Join(
		writeFile(c.CAFile(), authority.text),
		writeFile(filepath.Join(c.dir, "tls", "broker.pem"), brokerKey+brokerCert),
		writeFile(certFile, clientCert),
		writeFile(keyFile, clientKey),
	)
}

// authority is a certificate authority of a day.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	text string // the certificate in PEM
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert := certificate("Lyceum's tests", 1)
	cert.IsCA, cert.BasicConstraintsValid, cert.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, text: encode("CERTIFICATE", der)}, nil
}

// issue makes a certificate and its key in PEM.
func (a *authority) issue(name string, usage x509.ExtKeyUsage) (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := certificate(name, time.Now().UnixNano())
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{usage}
	template.IPAddresses, template.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &private.PublicKey, a.key)
	if err != nil {
		return "", "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER), nil
}

func certificate(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
