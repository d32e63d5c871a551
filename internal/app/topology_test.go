package app

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goodKey is a media key of the least length.
var goodKey = Secret(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xfb\xff", 16))))

func TestValidateTopology(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*Config)
		want   string // empty: no mistake
	}{
		"one module":     {func(c *Config) { c.Modules = []string{"notify"} }, ""},
		"none":           {func(c *Config) { c.Modules = []string{"none"} }, ""},
		"no name at all": {func(c *Config) { c.Modules = nil }, "--modules: names no module; for a process that only forwards it is none"},
		"empty name":     {func(c *Config) { c.Modules = []string{""} }, `--modules: there is no module "";`},
		"unknown module": {func(c *Config) { c.Modules = []string{"user"} },
			`--modules: there is no module "user"; the modules are users, content, assessment, analytics, notify`},
		"a module twice":      {func(c *Config) { c.Modules = []string{"notify", "notify"} }, "--modules: notify is named twice"},
		"none and some":       {func(c *Config) { c.Modules = []string{"none", "notify"} }, "--modules: none goes with no other name"},
		"upstream":            {forwarding("users=http://a:80"), ""},
		"several":             {forwarding("users=http://a:80, https://b/", "content=http://[::1]:8080"), ""},
		"no module":           {forwarding("http://u:hush@a:80"), "--upstream: is not of the form MODULE=URL"},
		"of an unknown one":   {forwarding("user=http://a:80"), `--upstream: there is no module "user"; the modules are users,`},
		"of one that is here": {forwarding("notify=http://a:80"), "--upstream: notify runs here and is not forwarded"},
		"twice":               {forwarding("users=http://a", "users=http://b"), "--upstream: is given twice for users: put its URLs into one"},
		"no scheme":           {forwarding("users=a:80"), "--upstream: a URL of users is not an http or https URL"},
		"no host":             {forwarding("users=http://"), "--upstream: a URL of users is not"},
		"one of two missing":  {forwarding("users=http://a,"), "--upstream: a URL of users is not"},
		"with a path":         {forwarding("users=http://a/v1"), "--upstream: a URL of users has more than a scheme and a host"},
		"with a password":     {forwarding("users=http://u:hush@a"), "--upstream: a URL of users has more than a scheme and a host"},
		"media key":           {func(c *Config) { c.MediaKey = goodKey }, ""},
		"media key, short":    {func(c *Config) { c.MediaKey = "aHVzaA==" }, "--media-key: has 4 bytes, fewer than 32: make one with openssl rand -base64 32"},
		"media key, no key":   {func(c *Config) { c.MediaKey = "hush!" }, "--media-key: is not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sound()
			test.change(&c)
			wantMistake(t, c.Validate(), test.want)
		})
	}
}

func forwarding(values ...string) func(*Config) {
	return func(c *Config) { c.Modules, c.Upstream = []string{"notify"}, values }
}

// wantMistake wants one mistake, or none if it is to say nothing.
func wantMistake(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorContains(t, err, want)
	require.NotContains(t, err.Error(), "hush", "the message tells a password")
	require.NotContains(t, err.Error(), "\n", "one mistake, one line")
}

// A process that cannot work with the others is refused before it starts
// anything; a command that only looks at its database is not.
func TestValidateServing(t *testing.T) {
	t.Parallel()
	split := func(modules ...string) func(*Config) {
		return func(c *Config) {
			c.Modules, c.Bus, c.KafkaBrokers, c.MediaKey = modules, "kafka", []string{"k:9092"}, goodKey
			if !c.runs("users") {
				c.Upstream = []string{"users=http://users:8080"}
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string // empty: no mistake
	}{
		"defaults":                  {func(*Config) {}, ""},
		"everything, on Kafka":      {split(moduleNames...), ""},
		"a part, on Kafka":          {split("notify"), ""},
		"a part with users":         {split("users", "analytics"), ""},
		"a part, in process":        {both(split("users", "notify"), func(c *Config) { c.Bus = "in-process" }), "--modules: users,notify alone would get no events from the others: run all modules, or set --bus kafka"},
		"users nowhere":             {both(split("notify"), func(c *Config) { c.Upstream = nil }), "--upstream: users does not run here: give its URL (users=http://...)"},
		"content alone":             {split("content"), ""},
		"content without a key":     {both(split("content"), func(c *Config) { c.MediaKey = "" }), "--media-key: is needed where content and assessment do not run in one process"},
		"assessment without a key":  {both(split("users", "assessment"), func(c *Config) { c.MediaKey = "" }), "platform media-key prints the one that content uses"},
		"both without a key":        {both(split("content", "assessment"), func(c *Config) { c.MediaKey = "" }), ""},
		"neither, without a key":    {both(split("analytics"), func(c *Config) { c.MediaKey = "" }), ""},
		"only forwarding":           {func(c *Config) { c.Modules, c.Upstream = []string{"none"}, []string{"users=http://a"} }, ""},
		"forwarding, without users": {func(c *Config) { c.Modules, c.Upstream = []string{"none"}, []string{"content=http://a"} }, ""},
		"forwarding nothing":        {func(c *Config) { c.Modules = []string{"none"} }, "--upstream: is needed with --modules none: there is nothing to forward to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sound()
			test.change(&c)
			require.NoError(t, c.Validate(), "that is for Validate to refuse")
			wantMistake(t, c.ValidateServing(), test.want)
		})
	}
}

func both(changes ...func(*Config)) func(*Config) {
	return func(c *Config) {
		for _, change := range changes {
			change(c)
		}
	}
}

// Both alphabets of base64 mean the same key, with padding and without.
func TestMediaKeyIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	key := []byte(strings.Repeat("\xfb\xff\x01", 11))
	for _, text := range []string{
		base64.StdEncoding.EncodeToString(key), base64.URLEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key) + "\n",
	} {
		got, err := Config{MediaKey: Secret(text)}.mediaKey()
		require.NoError(t, err, text)
		require.Equal(t, key, got)
	}
	none, err := Config{}.mediaSigner()
	require.NoError(t, err)
	require.Nil(t, none)
}

// A schema is migrated where it is: one that has moved to another server is not
// made again on the old one, where that would open it to old processes.
func TestModulesWithADatabaseOfTheirOwnAreLeftAlone(t *testing.T) {
	t.Parallel()
	const admin = "postgres://admin:hush@db:5432/lyceum"
	c := sound()
	c.DatabaseURL = admin
	c.ContentDatabaseURL = "postgres://lyceum_content_app@db/lyceum"        // another login to the same database
	c.AssessmentDatabaseURL = "postgres://lyceum_assessment_app@db2/lyceum" // moved
	c.NotifyDatabaseURL = "host=db port=5432 user=lyceum_notify_app dbname=notify"
	here, err := kept(c, admin)
	require.NoError(t, err)
	require.Equal(t, []string{"users", "content", "analytics"}, here)

	c.Modules = []string{"assessment", "analytics"}
	here, err = kept(c, admin)
	require.NoError(t, err)
	require.Equal(t, []string{"analytics"}, here)

	c.DatabasePooler = true // where it leads cannot be seen
	here, err = kept(c, admin)
	require.NoError(t, err)
	require.Equal(t, []string{"assessment", "analytics"}, here)
}
