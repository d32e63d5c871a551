package app

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus"
)

// TestDocumentsAreUpToDate compares the generated documents with those in docs/.
func TestDocumentsAreUpToDate(t *testing.T) {
	t.Parallel()
	docs := filepath.Join("..", "..", "docs")
	generated, err := Documents()
	require.NoError(t, err)
	for _, name := range []string{"openapi.json", "asyncapi.json", "topology.md", "modules/users.md", "modules/notify.md"} {
		require.Contains(t, generated, filepath.FromSlash(name))
	}
	for name, want := range generated {
		got, err := os.ReadFile(filepath.Join(docs, name))
		require.NoError(t, err, "docs/%s is missing: run make generate", name)
		if string(got) != string(want) {
			t.Errorf("docs/%s is out of date: run make generate", name)
		}
	}
	pages, err := fs.Glob(os.DirFS(docs), "modules/*.md")
	require.NoError(t, err)
	for _, page := range pages {
		require.Contains(t, generated, filepath.FromSlash(page), "docs/%s belongs to no module: delete it", page)
	}
}

func TestWriteDocsTouchesOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, WriteDocs(dir))
	page := filepath.Join(dir, "modules", "users.md")
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	require.NoError(t, os.Chtimes(page, long, long))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "topology.md"), []byte("old"), 0o644))
	require.NoError(t, WriteDocs(dir))
	info, err := os.Stat(page)
	require.NoError(t, err)
	require.Equal(t, long.Unix(), info.ModTime().Unix())
	body, err := os.ReadFile(filepath.Join(dir, "topology.md"))
	require.NoError(t, err)
	require.Contains(t, string(body), "flowchart LR")
}

func TestModulesFitTogether(t *testing.T) {
	t.Parallel()
	contracts, err := Contracts()
	require.NoError(t, err)
	require.NoError(t, bus.Check(contracts...))
	var names []string
	for _, c := range contracts {
		names = append(names, c.Module)
	}
	require.Equal(t, moduleNames, names)
	routes, err := Routes()
	require.NoError(t, err)
	for _, r := range routes {
		require.NotEmpty(t, r.Permission, "%s %s", r.Method, r.Path)
	}
}

// sound is a configuration without a mistake: the defaults.
func sound() Config {
	return Config{
		Listen: "127.0.0.1:8080", OpsListen: "127.0.0.1:8081", PoolSize: 12, AssessmentPoolSize: 24, EventRetention: 9600 * time.Hour,
		SMTPTLS: "starttls", MailFrom: "Lyceum <no-reply@lyceum.example>", Demo: "auto", LogLevel: "info", LogFormat: "text",
		ShutdownTimeout: 25 * time.Second, Modules: moduleNames, Bus: "in-process", KafkaPrefix: "lyceum", KafkaSASL: "none",
		KafkaCompression: "zstd", KafkaCreateTopics: true,
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	everyLogin := func(c *Config) {
		const login = "host=/run/pg dbname=lyceum"
		c.UsersDatabaseURL, c.ContentDatabaseURL, c.AssessmentDatabaseURL = login, login, login
		c.AnalyticsDatabaseURL, c.NotifyDatabaseURL = login, login
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string // empty: no mistake
	}{
		"defaults":               {func(*Config) {}, ""},
		"any port":               {func(c *Config) { c.Listen, c.OpsListen = "127.0.0.1:0", "127.0.0.1:0" }, ""},
		"all interfaces":         {func(c *Config) { c.Listen = ":8080" }, ""},
		"no port":                {func(c *Config) { c.Listen = "localhost" }, "--listen: "},
		"ops without a port":     {func(c *Config) { c.OpsListen = "localhost" }, "--ops-listen: "},
		"one address for both":   {func(c *Config) { c.OpsListen = c.Listen }, "--ops-listen: must differ"},
		"public URL":             {func(c *Config) { c.PublicURL = "https://learn.example" }, ""},
		"public URL, no scheme":  {func(c *Config) { c.PublicURL = "learn.example" }, "--public-url: "},
		"OTLP without a scheme":  {func(c *Config) { c.OTLPEndpoint = "localhost:4318" }, "--otlp-endpoint: "},
		"origins":                {func(c *Config) { c.AllowedOrigins = []string{"https://a.example:8443", "*"} }, ""},
		"origin with a path":     {func(c *Config) { c.AllowedOrigins = []string{"https://a.example/"} }, "--allowed-origins: "},
		"another blob store":     {func(c *Config) { c.BlobURL = "s3://bucket" }, "--blob-url: "},
		"database URL":           {func(c *Config) { c.DatabaseURL = "postgres://u:p@db/x?sslmode=disable" }, ""},
		"database by keywords":   {func(c *Config) { c.DatabaseURL = "host=db user=u password='p q' sslmode=disable" }, ""},
		"database, bad sslmode":  {func(c *Config) { c.DatabaseURL = "postgres://u:hush@db/x?sslmode=maybe" }, "--database-url: "},
		"database, other scheme": {func(c *Config) { c.DatabaseURL = "mysql://u:hush@db/x" }, "--database-url: "},
		"some modules' logins":   {func(c *Config) { c.NotifyDatabaseURL = "postgres://u:hush@db/x" }, "--database-url: is needed unless"},
		"one more login": {func(c *Config) {
			c.DatabaseURL, c.NotifyDatabaseURL = "postgres://u@db/x", "postgres://u@other/x"
		}, ""},
		"every module's login": {everyLogin, ""},
		"a login for each module that runs here": {func(c *Config) {
			c.Modules, c.NotifyDatabaseURL = []string{"notify"}, "postgres://u:hush@db/x"
		}, ""},
		"a login for one of two that run here": {func(c *Config) {
			c.Modules, c.NotifyDatabaseURL = []string{"notify", "analytics"}, "postgres://u:hush@db/x"
		}, "--database-url: is needed unless every module that runs here has a login of its own; 1 of 2 have"},
		"a login for one that runs elsewhere": {func(c *Config) {
			c.Modules, c.NotifyDatabaseURL = []string{"analytics"}, "postgres://u:hush@db/x"
		}, ""},
		"bad login of one that runs elsewhere": {func(c *Config) {
			c.Modules, c.NotifyDatabaseURL = []string{"analytics"}, "postgres://u:hush@db:port/x"
		}, "--notify-database-url: "},
		"bad login": {func(c *Config) { everyLogin(c); c.NotifyDatabaseURL = "postgres://u:hush@db:port/x" }, "--notify-database-url: "},
		"pooler":    {func(c *Config) { everyLogin(c); c.DatabasePooler = true }, ""},
		"pooler without logins": {func(c *Config) {
			c.DatabaseURL, c.DatabasePooler = "postgres://u@db/x", true
		}, "--database-pooler: needs a login"},
		"pool too small":       {func(c *Config) { c.PoolSize = 3 }, "--pool-size: 3 is not"},
		"exam pool too large":  {func(c *Config) { c.AssessmentPoolSize = 1001 }, "--assessment-pool-size: 1001 is not"},
		"sender":               {func(c *Config) { c.MailFrom = "nobody" }, "--mail-from: "},
		"SMTP":                 {func(c *Config) { c.SMTPAddress, c.SMTPUser, c.SMTPPassword = "mail.example:587", "u", "p" }, ""},
		"SMTP without a port":  {func(c *Config) { c.SMTPAddress = "mail.example" }, "--smtp-address: "},
		"SMTP user, no server": {func(c *Config) { c.SMTPUser = "u" }, "--smtp-address: is needed"},
		"SMTP password in the clear": {func(c *Config) {
			c.SMTPAddress, c.SMTPUser, c.SMTPPassword, c.SMTPTLS = "mail.example:25", "u", "p", "none"
		}, "--smtp-tls: "},
		"negative delay":       {func(c *Config) { c.DrainDelay = -time.Second }, "--drain-delay: "},
		"endless stop":         {func(c *Config) { c.ShutdownTimeout = 2 * time.Hour }, "--shutdown-timeout: "},
		"hardly any retention": {func(c *Config) { c.EventRetention = time.Hour }, "--event-retention: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sound()
			test.change(&c)
			err := c.Validate()
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "hush", "the message tells a password")
			require.NotContains(t, err.Error(), "\n", "one mistake, one line")
		})
	}
	t.Run("every mistake at once", func(t *testing.T) {
		t.Parallel()
		c := sound()
		c.Listen, c.PoolSize, c.MailFrom = "x", 0, ""
		err := c.Validate()
		for _, flag := range []string{"--listen", "--pool-size", "--mail-from"} {
			require.ErrorContains(t, err, flag)
		}
	})
}

func TestSecret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte("from a file\r\n"), 0o600))
	for _, test := range []struct{ text, want string }{
		{"plain", "plain"}, {"", ""}, {"file:" + path, "from a file"}, {"File:x", "File:x"},
	} {
		var s Secret
		require.NoError(t, s.UnmarshalText([]byte(test.text)))
		require.Equal(t, test.want, string(s))
	}
	require.Error(t, new(Secret).UnmarshalText([]byte("file:"+path+".missing")))
}

// TestSecretsAreNotPrinted tries every way in which Go turns a value into text.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	c := sound()
	c.DatabaseURL, c.RoleSecret, c.SMTPPassword = "postgres://u:hush@db/x", "hush", "hush"
	c.MediaKey, c.KafkaPassword = "hush", "hush"
	c.UsersDatabaseURL = "hush"
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", c.RoleSecret)
		fmt.Fprintf(&out, verb+"\n", &c)
	}
	body, err := json.Marshal(c)
	require.NoError(t, err)
	out.Write(body)
	slog.New(slog.NewTextHandler(&out, nil)).Info("configured", "config", c, "secret", c.RoleSecret)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("configured", "config", c, "secret", c.RoleSecret)
	require.NotContains(t, out.String(), "hush")
	require.Contains(t, out.String(), "***")
	require.Empty(t, Secret("").String(), "an empty secret is seen to be empty")
}
