package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The command line reads the environment and writes to the process's own
// streams: these tests are not parallel.

// platform runs a command line and returns its exit code and what it wrote.
func platform(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return platformIn(t, t.Context(), args...)
}

func platformIn(t *testing.T, ctx context.Context, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	capture := func(stream **os.File) func() string {
		read, write, err := os.Pipe()
		require.NoError(t, err)
		saved := *stream
		*stream = write
		text := make(chan string)
		go func() {
			body, _ := io.ReadAll(read)
			text <- string(body)
		}()
		return func() string {
			*stream = saved
			_ = write.Close()
			return <-text
		}
	}
	out, errs := capture(&os.Stdout), capture(&os.Stderr)
	code = run(ctx, args)
	return code, out(), errs()
}

// clean removes what a developer's environment may set.
func clean(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "LYCEUM_") || name == "DATABASE_URL" || name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
			t.Setenv(name, "") // restored at the end
			require.NoError(t, os.Unsetenv(name))
		}
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "platform.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// setting is the value of a flag as `platform config` prints it.
func setting(t *testing.T, output, flag string) string {
	t.Helper()
	for line := range strings.Lines(output) {
		if value, ok := strings.CutPrefix(line, flag+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	require.FailNow(t, "setting not printed", "%s in\n%s", flag, output)
	return ""
}

func TestPrecedence(t *testing.T) {
	clean(t)
	config := file(t, "log-level: warn\n")
	level := func(args ...string) string {
		t.Helper()
		code, out, errs := platform(t, append(args, "config")...)
		require.Zero(t, code, errs)
		return setting(t, out, "log-level")
	}
	require.Equal(t, "info", level(), "default")
	require.Equal(t, "warn", level("--config-file", config), "file before default")
	t.Setenv("LYCEUM_LOG_LEVEL", "error")
	require.Equal(t, "error", level("--config-file", config), "environment before file")
	require.Equal(t, "debug", level("--config-file", config, "--log-level", "debug"), "flag before environment")
	require.NoError(t, os.Unsetenv("LYCEUM_LOG_LEVEL"))
	t.Setenv("LYCEUM_CONFIG_FILE", config)
	require.Equal(t, "warn", level(), "the file itself may come from the environment")
}

func TestConfigFileIsTakenLiterally(t *testing.T) {
	clean(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("hush\n"), 0o600))
	code, out, errs := platform(t, "config", "--config-file", file(t, `
# a comment
smtp-address: mail.example:587
smtp-user: 0123
smtp-password: "file:`+secret+`"
demo: no
drain-delay: 90s
pool-size: 20
mail-from: '"School, the" <a@b.example>'
allowed-origins: [https://a.example, https://b.example]
bus: kafka
kafka-brokers: [k1:9092, k2:9092]
kafka-create-topics: false
kafka-replication: 3
kafka-sasl: scram-sha-512
kafka-user: lyceum
kafka-password: "file:`+secret+`"
modules: [notify, analytics]
upstream: ["users=http://a:1,http://b:1", content=http://c:1]
await-database: true
`))
	require.Zero(t, code, errs)
	for flag, want := range map[string]string{
		"smtp-user": "0123", "demo": "no", "drain-delay": "1m30s", "pool-size": "20", "smtp-password": "***",
		"mail-from": `"School, the" <a@b.example>`, "allowed-origins": "[https://a.example https://b.example]",
		"bus": "kafka", "kafka-brokers": "[k1:9092 k2:9092]", "kafka-create-topics": "false", "kafka-replication": "3",
		"kafka-sasl": "scram-sha-512", "kafka-password": "***", "modules": "[notify analytics]",
		"upstream": "[users=http://a:1,http://b:1 content=http://c:1]", "await-database": "true",
	} {
		require.Equal(t, want, setting(t, out, flag), flag)
	}
}

// Lists are replaced as a whole by what goes before them, and one flag may be
// given several times.
func TestListsOfModules(t *testing.T) {
	clean(t)
	t.Setenv("LYCEUM_BUS", "kafka")
	t.Setenv("LYCEUM_KAFKA_BROKERS", "k1:9092,k2:9092")
	t.Setenv("LYCEUM_MODULES", "users,notify")
	t.Setenv("LYCEUM_UPSTREAM", "content=http://a:1,http://b:1;assessment=http://c:1")
	out := mustConfig(t)
	require.Equal(t, "[users notify]", setting(t, out, "modules"))
	require.Equal(t, "[k1:9092 k2:9092]", setting(t, out, "kafka-brokers"))
	require.Equal(t, "[content=http://a:1,http://b:1 assessment=http://c:1]", setting(t, out, "upstream"))
	require.Equal(t, "true", setting(t, out, "kafka-create-topics"))
	out = mustConfig(t, "--modules", "analytics", "--upstream", "users=http://d:1,http://e:1", "--upstream", "content=http://f:1",
		"--no-kafka-create-topics")
	require.Equal(t, "[analytics]", setting(t, out, "modules"))
	require.Equal(t, "[users=http://d:1,http://e:1 content=http://f:1]", setting(t, out, "upstream"))
	require.Equal(t, "false", setting(t, out, "kafka-create-topics"))
}

// What a process with a part of the modules needs to run with the others does
// not concern a command that works on its database.
func TestOnlyCommandsThatConnectModulesNeedTheirConnections(t *testing.T) {
	clean(t)
	part := []string{"--modules", "assessment", "--data-dir", t.TempDir(),
		"--assessment-database-url", "postgres://a:hush@127.0.0.1:1/x?sslmode=disable&connect_timeout=2"}
	for _, command := range []string{"serve", "config", "events lag"} {
		code, _, errs := platform(t, append(strings.Fields(command), part...)...)
		require.Equal(t, 2, code, command)
		for _, mistake := range []string{
			"--modules: assessment alone would get no events from the others", "--media-key: is needed", "--upstream: users does not run here",
		} {
			require.Contains(t, errs, mistake, command)
		}
	}
	for _, command := range []string{"migrate", "media-key"} {
		code, _, errs := platform(t, append(strings.Fields(command), append(part, "--content-database-url",
			"postgres://a:hush@127.0.0.1:1/x?sslmode=disable&connect_timeout=2", "--database-url", "postgres://a:hush@127.0.0.1:1/x?sslmode=disable&connect_timeout=2")...)...)
		require.Equal(t, 1, code, command)
		require.Contains(t, errs, "failed to connect", command)
	}
}

func TestMistakesAreRefused(t *testing.T) {
	clean(t)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":          {[]string{"--nonsense"}, "--nonsense"},
		"unknown command":       {[]string{"dance"}, "dance"},
		"no number":             {[]string{"config", "--pool-size", "many"}, "--pool-size"},
		"not one of":            {[]string{"config", "--demo", "perhaps"}, "--demo"},
		"validation":            {[]string{"config", "--pool-size", "1", "--listen", "x"}, "--pool-size: 1"},
		"secret without a file": {[]string{"config", "--role-secret", "file:/nowhere/at/all"}, "/nowhere/at/all"},
		"no such file":          {[]string{"config", "--config-file", "/nowhere/at/all"}, "/nowhere/at/all"},
		"unknown keys":          {[]string{"config", "--config-file", file(t, "lisen: x\nworld: y\n")}, "unknown keys: lisen, world"},
		"key that is no setting": {[]string{"config", "--config-file", file(t, "help: true\n")},
			"unknown keys: help"},
		"key twice":          {[]string{"config", "--config-file", file(t, "demo: no\ndemo: yes\n")}, "demo"},
		"key without value":  {[]string{"config", "--config-file", file(t, "listen:\n")}, "listen has no plain value"},
		"key with a mapping": {[]string{"config", "--config-file", file(t, "mail-from: {a: b}\n")}, "line 1: mail-from has no plain value"},
		"nested list":        {[]string{"config", "--config-file", file(t, "allowed-origins: [[a]]\n")}, "is not a list of plain values"},
		"two documents":      {[]string{"config", "--config-file", file(t, "demo: no\n---\ndemo: yes\n")}, "more than one document"},
		"not YAML":           {[]string{"config", "--config-file", file(t, "demo: [\n")}, "read the configuration file"},
		"list of keys":       {[]string{"config", "--config-file", file(t, "- demo\n")}, "read the configuration file"},
		"file's bad value":   {[]string{"config", "--config-file", file(t, "pool-size: many\n")}, "pool-size"},
		"no consumer":        {[]string{"events", "replay"}, "--consumer"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := platform(t, test.args...)
			require.Equal(t, 2, code)
			require.Contains(t, errs, test.want)
			require.Contains(t, errs, "platform --help")
		})
	}
	require.Equal(t, "", setting(t, mustConfig(t, "--config-file", file(t, "")), "public-url"), "an empty file is no mistake")
}

func mustConfig(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := platform(t, append(args, "config")...)
	require.Zero(t, code, errs)
	return out
}

func TestConfigShowsEverySettingAndNoSecret(t *testing.T) {
	clean(t)
	t.Setenv("DATABASE_URL", "postgres://admin:hush@db.example/lyceum")
	out := mustConfig(t, "--otlp-endpoint", "http://collector:hush@otlp.example:4318", "--role-secret", "hush")
	require.NotContains(t, out, "hush")
	require.Equal(t, "***", setting(t, out, "database-url"))
	require.Equal(t, "http://collector:xxxxx@otlp.example:4318", setting(t, out, "otlp-endpoint"))

	_, help, _ := platform(t, "--help")
	var settings int
	for line := range strings.Lines(out) {
		flag, _, _ := strings.Cut(line, ":")
		require.Contains(t, strings.ReplaceAll(help, "--[no-]", "--"), "--"+flag, "a setting is not called as its flag is")
		settings++
	}
	flags := strings.Count(help, "\n      --") + strings.Count(help, "\n  -h, --")
	require.Equal(t, flags-2, settings, "every flag but --help and --config-file is shown")
	require.NotContains(t, help, "hush", "--help shows values of the environment")
}

func TestEveryCommandHasHelp(t *testing.T) {
	clean(t)
	for _, command := range []string{"", "serve", "migrate", "import", "import course", "import items", "events", "events topology", "events lag",
		"events dead-letters", "events retry", "events replay", "config", "media-key", "docs", "version"} {
		code, out, errs := platform(t, append(strings.Fields(command), "--help")...)
		require.Zero(t, code, command)
		require.Empty(t, errs, command)
		require.Contains(t, out, "Usage: platform", command)
	}
}

func TestCommandsWithoutADatabase(t *testing.T) {
	clean(t)
	code, out, _ := platform(t, "version")
	require.Zero(t, code)
	require.NotEmpty(t, strings.TrimSpace(out))
	code, out, _ = platform(t, "events", "topology")
	require.Zero(t, code)
	require.Contains(t, out, "flowchart LR")
	code, _, errs := platform(t, "docs", "--dir", t.TempDir())
	require.Zero(t, code, errs)
}

func TestFailuresAreNotSuccess(t *testing.T) {
	clean(t)
	t.Setenv("DATABASE_URL", "postgres://admin:hush@127.0.0.1:1/lyceum?sslmode=disable&connect_timeout=2")
	dir := t.TempDir()
	code, _, errs := platform(t, "events", "lag", "--data-dir", dir)
	require.Equal(t, 1, code)
	require.NotContains(t, errs, "hush")
	// A command that is interrupted has not done its work.
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, errs = platformIn(t, interrupted, "migrate", "--data-dir", dir)
	require.Equal(t, 1, code, errs)
	// A port in use is found before anything is started, and named.
	code, _, errs = platform(t, "serve", "--data-dir", dir, "--listen", "127.0.0.1:0", "--ops-listen", occupied(t))
	require.Equal(t, 1, code)
	require.Contains(t, errs, "--ops-listen")
	require.Contains(t, errs, "is in use by another process")
	require.NoDirExists(t, filepath.Join(dir, "postgres"))
}

// occupied is an address that somebody listens on.
func occupied(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}
