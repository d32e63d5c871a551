package kafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// makeNodes gives every node its addresses, its properties and formatted data.
func (c *Cluster) makeNodes(ctx context.Context, jars string) error {
	addresses, err := freeAddresses(3 * c.options.Nodes)
	if err != nil {
		return err
	}
	for i := range c.options.Nodes {
		c.nodes = append(c.nodes, &node{
			id: i + 1, dir: filepath.Join(c.dir, fmt.Sprintf("node%d", i+1)),
			clients: addresses[3*i], inner: addresses[3*i+1], controller: addresses[3*i+2],
		})
	}
	if err := c.makeCertificates(); err != nil {
		return err
	}
	properties, err := c.properties()
	if err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := writeFile(filepath.Join(n.dir, "server.properties"), format(n.properties(properties))); err != nil {
			return err
		}
	}
	checkpoint, err := c.checkpoint(ctx, jars, properties)
	if err != nil {
		return err
	}
	cluster := identifier()
	for _, n := range c.nodes {
		if err := n.format(cluster, checkpoint); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint is what the metadata begin with. Kafka's tool writes it, which takes
// a second: without users it is the one that was kept when the jars were fetched.
func (c *Cluster) checkpoint(ctx context.Context, jars string, shared map[string]string) (string, error) {
	const name = "bootstrap.checkpoint"
	args := c.scramArguments()
	path := filepath.Join(jars, name)
	if len(args) > 0 {
		scratch := filepath.Join(c.dir, "formatted")
		properties := c.nodes[0].properties(shared)
		properties["log.dirs"] = filepath.Join(scratch, "data")
		if err := writeFile(filepath.Join(scratch, "server.properties"), format(properties)); err != nil {
			return "", err
		}
		cmd := exec.CommandContext(ctx, "bash", append([]string{"-c", script, "kafka.sh", "format", scratch}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("format Kafka's data: %w\n%s", err, out)
		}
		path = filepath.Join(scratch, "data", name)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read Kafka's first metadata: %w", err)
	}
	return string(text), nil
}

// format does what Kafka's tool does for a node.
func (n *node) format(cluster, checkpoint string) error {
	data := filepath.Join(n.dir, "data")
	if err := writeFile(filepath.Join(data, "bootstrap.checkpoint"), checkpoint); err != nil {
		return err
	}
	return writeFile(filepath.Join(data, "meta.properties"), format(map[string]string{
		"version": "1", "cluster.id": cluster, "node.id": fmt.Sprint(n.id), "directory.id": identifier(),
	}))
}

// identifier is 16 random bytes as Kafka writes them.
func identifier() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return base64.RawURLEncoding.EncodeToString(id)
}

// properties are those that all nodes share.
func (c *Cluster) properties() (map[string]string, error) {
	var voters []string
	for _, n := range c.nodes {
		voters = append(voters, fmt.Sprintf("%d@%s", n.id, n.controller))
	}
	copies := fmt.Sprint(min(3, len(c.nodes)))
	p := map[string]string{
		"controller.quorum.voters": strings.Join(voters, ","),

		"auto.create.topics.enable":                "false",
		"default.replication.factor":               copies,
		"offsets.topic.replication.factor":         copies,
		"offsets.topic.num.partitions":             "4",
		"transaction.state.log.replication.factor": copies,
		"transaction.state.log.min.isr":            fmt.Sprint(min(2, len(c.nodes))),
		"transaction.state.log.num.partitions":     "4",

		// A test that kills a broker waits until it is missed.
		"broker.heartbeat.interval.ms": "500",
		"broker.session.timeout.ms":    "4000",
		// Nor does one wait for groups and for what is done in the background.
		"group.initial.rebalance.delay.ms": "0",
		"group.min.session.timeout.ms":     "1000",
		"log.initial.task.delay.ms":        "100",
		"log.cleaner.backoff.ms":           "250",

		// Small: the defaults are those of a machine for a broker alone.
		"log.cleaner.dedupe.buffer.size": "8388608",
		"log.index.size.max.bytes":       "1048576",
		"num.network.threads":            "2",
		"num.io.threads":                 "4",
		"background.threads":             "2",
		"group.coordinator.threads":      "1",
		"share.coordinator.threads":      "1",
	}
	if err := c.secure(p); err != nil {
		return nil, err
	}
	maps.Copy(p, c.options.Properties)
	return p, nil
}

// properties adds the node's own to those that all share.
func (n *node) properties(shared map[string]string) map[string]string {
	p := maps.Clone(shared)
	listeners := fmt.Sprintf("CLIENTS://%s,INNER://%s", n.clients, n.inner)
	p["process.roles"] = "broker,controller"
	p["node.id"] = fmt.Sprint(n.id)
	p["listeners"] = listeners + ",CONTROLLER://" + n.controller
	p["advertised.listeners"] = listeners
	p["inter.broker.listener.name"] = "INNER"
	p["controller.listener.names"] = "CONTROLLER"
	p["log.dirs"] = filepath.Join(n.dir, "data")
	return p
}

// format is the text of a properties file.
func format(properties map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", name, strings.ReplaceAll(properties[name], `\`, `\\`))
	}
	return text.String()
}

// freeAddresses are loopback addresses with ports that are free now. They are
// not among those that systems give to connections, which could take the port of
// a broker that is down for a moment.
func freeAddresses(count int) ([]string, error) {
	var addresses []string
	for range 1000 {
		if len(addresses) == count {
			return addresses, nil
		}
		address := fmt.Sprintf("127.0.0.1:%d", 15000+mathrand.IntN(17000))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		// It is held until all are found, so that none is found twice.
		defer func() { _ = listener.Close() }()
		addresses = append(addresses, address)
	}
	return nil, fmt.Errorf("find %d free ports", count)
}
