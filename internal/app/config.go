package app

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Config is the whole configuration of a process. Its tags are the command
// line: flags, environment variables and defaults have one source.
type Config struct {
	Listen    string `default:"127.0.0.1:8080" env:"LYCEUM_LISTEN" help:"Address of the API. Default: ${default}." placeholder:"ADDR"`
	OpsListen string `default:"127.0.0.1:8081" env:"LYCEUM_OPS_LISTEN" help:"Address of health, metrics, status and caught mail. Not for the public. Default: ${default}." placeholder:"ADDR"`
	PublicURL string `env:"LYCEUM_PUBLIC_URL" help:"Address under which people reach the API; mail links to it. Default: http:// and the API's address." placeholder:"URL"`
	DataDir   string `type:"path" env:"LYCEUM_DATA_DIR" help:"Directory of the embedded database, files and caught mail. Default: the user's data directory." placeholder:"DIR"`

	DatabaseURL Secret `env:"DATABASE_URL,LYCEUM_DATABASE_URL" help:"PostgreSQL server to use instead of an embedded one, as its administrator: it makes the modules' roles and schemas." placeholder:"URL"`
	RoleSecret  Secret `env:"LYCEUM_ROLE_SECRET" help:"Secret from which the passwords of the modules' database roles are derived. Default: the password in the database URL."`

	UsersDatabaseURL      Secret `env:"LYCEUM_USERS_DATABASE_URL" help:"Login of module users, if not derived from the database URL." placeholder:"URL"`
	ContentDatabaseURL    Secret `env:"LYCEUM_CONTENT_DATABASE_URL" help:"The same for module content." placeholder:"URL"`
	AssessmentDatabaseURL Secret `env:"LYCEUM_ASSESSMENT_DATABASE_URL" help:"The same for module assessment." placeholder:"URL"`
	AnalyticsDatabaseURL  Secret `env:"LYCEUM_ANALYTICS_DATABASE_URL" help:"The same for module analytics." placeholder:"URL"`
	NotifyDatabaseURL     Secret `env:"LYCEUM_NOTIFY_DATABASE_URL" help:"The same for module notify." placeholder:"URL"`

	DatabasePooler bool `env:"LYCEUM_DATABASE_POOLER" help:"The modules' logins lead to a transaction pooler such as PgBouncer. The database URL itself never may."`

	PoolSize           int32         `default:"12" env:"LYCEUM_POOL_SIZE" help:"Connections of each module that runs here; five modules hold five times as many."`
	AssessmentPoolSize int32         `default:"24" env:"LYCEUM_ASSESSMENT_POOL_SIZE" help:"Connections of the exam engine."`
	EventRetention     time.Duration `default:"9600h" env:"LYCEUM_EVENT_RETENTION" help:"How long relayed events are kept for replays. What a consumer has not handled is kept longer."`

	AwaitDatabase bool `env:"LYCEUM_AWAIT_DATABASE" help:"Wait at the start for databases and schemas that are not there yet, or are being moved, instead of giving up."`

	Modules  []string `default:"users,content,assessment,analytics,notify" env:"LYCEUM_MODULES" help:"Modules that this process runs; none for a process that only forwards. A part of them needs --bus kafka. Default: all." placeholder:"NAME"`
	Upstream []string `sep:";" env:"LYCEUM_UPSTREAM" help:"Where a module runs that does not run here, as MODULE=URL; its requests are forwarded there. Several URLs are tried in turn: MODULE=URL,URL. Repeat it for other modules, in the variable after a semicolon." placeholder:"MODULE=URL"`
	MediaKey Secret   `env:"LYCEUM_MEDIA_KEY" help:"Key that signs media URLs: at least 32 bytes, in base64. Needed where content and assessment do not run in one process; platform media-key prints the one in use." placeholder:"KEY"`

	Bus               string   `default:"in-process" enum:"in-process,kafka" env:"LYCEUM_BUS" help:"What carries events from module to module: ${enum}. With in-process all modules run in one process, of which there may be replicas. Default: ${default}."`
	KafkaBrokers      []string `env:"LYCEUM_KAFKA_BROKERS" help:"Kafka brokers to begin with, as host:port. With --bus in-process events are also published there, for others to read or as a step towards --bus kafka." placeholder:"ADDR"`
	KafkaPrefix       string   `default:"lyceum" env:"LYCEUM_KAFKA_PREFIX" help:"First part of the names of topics and consumer groups. Default: ${default}." placeholder:"NAME"`
	KafkaTLS          bool     `name:"kafka-tls" env:"LYCEUM_KAFKA_TLS" help:"Speak TLS to the brokers."`
	KafkaCAFile       string   `name:"kafka-ca-file" type:"path" env:"LYCEUM_KAFKA_CA_FILE" help:"Certificates (PEM) of the authorities that the brokers' are checked against. Default: the system's." placeholder:"FILE"`
	KafkaCertFile     string   `type:"path" env:"LYCEUM_KAFKA_CERT_FILE" help:"Certificate (PEM) that this process shows to the brokers." placeholder:"FILE"`
	KafkaKeyFile      string   `type:"path" env:"LYCEUM_KAFKA_KEY_FILE" help:"Private key (PEM) of that certificate." placeholder:"FILE"`
	KafkaSASL         string   `name:"kafka-sasl" default:"none" enum:"none,plain,scram-sha-256,scram-sha-512" env:"LYCEUM_KAFKA_SASL" help:"How this process signs in to the brokers: ${enum}. Default: ${default}."`
	KafkaUser         string   `env:"LYCEUM_KAFKA_USER" help:"User name for the brokers."`
	KafkaPassword     Secret   `env:"LYCEUM_KAFKA_PASSWORD" help:"Password for the brokers."`
	KafkaCompression  string   `default:"zstd" enum:"none,gzip,snappy,lz4,zstd" env:"LYCEUM_KAFKA_COMPRESSION" help:"Compression of what is published: ${enum}. Default: ${default}."`
	KafkaReplication  int16    `default:"0" env:"LYCEUM_KAFKA_REPLICATION" help:"Copies of topics that are made. Default: 3, or as many as there are brokers."`
	KafkaCreateTopics bool     `default:"true" negatable:"" env:"LYCEUM_KAFKA_CREATE_TOPICS" help:"Make the topics that are missing, kept as long as --event-retention says. With --no-kafka-create-topics they are only checked."`

	BlobURL string `env:"LYCEUM_BLOB_URL" help:"Where files are kept (file:///...). Default: in the data directory. Replicas share it." placeholder:"URL"`

	SMTPAddress  string `env:"LYCEUM_SMTP_ADDRESS" help:"Mail server as host:port. Without one, mail is caught and can be read on the operations listener." placeholder:"ADDR"`
	SMTPUser     string `env:"LYCEUM_SMTP_USER" help:"User name for the mail server."`
	SMTPPassword Secret `env:"LYCEUM_SMTP_PASSWORD" help:"Password for the mail server."`
	SMTPTLS      string `name:"smtp-tls" default:"starttls" enum:"starttls,tls,none" env:"LYCEUM_SMTP_TLS" help:"Transport security of the mail server: ${enum}."`
	MailFrom     string `default:"Lyceum <no-reply@lyceum.example>" env:"LYCEUM_MAIL_FROM" help:"Sender of all mail."`

	AllowedOrigins []string `env:"LYCEUM_ALLOWED_ORIGINS" help:"Origins whose pages may call the API (CORS). Default: none."`
	TrustedProxies []string `env:"LYCEUM_TRUSTED_PROXIES" help:"Networks of the proxies in front of the API, such as 10.0.0.0/8: from them alone X-Forwarded-For is believed. Without it, limits by place take everybody behind a proxy for one." placeholder:"CIDR"`

	Demo string `default:"auto" enum:"auto,yes,no" env:"LYCEUM_DEMO" help:"Make a demo organisation with a course, where users and content both run: yes, no, or auto (with the embedded database only)."`

	LogLevel     string `default:"info" enum:"debug,info,warn,error" env:"LYCEUM_LOG_LEVEL" help:"Least level that is logged: ${enum}."`
	LogFormat    string `default:"text" enum:"text,json" env:"LYCEUM_LOG_FORMAT" help:"Form of the log: ${enum}."`
	OTLPEndpoint string `env:"LYCEUM_OTLP_ENDPOINT,OTEL_EXPORTER_OTLP_ENDPOINT" help:"OTLP/HTTP collector for traces, such as http://127.0.0.1:4318. Default: traces are not exported." placeholder:"URL"`

	DrainDelay      time.Duration `default:"0s" env:"LYCEUM_DRAIN_DELAY" help:"Pause between not being ready and refusing connections, for load balancers to notice."`
	ShutdownTimeout time.Duration `default:"25s" env:"LYCEUM_SHUTDOWN_TIMEOUT" help:"Longest orderly stop."`
}

// Validate reports every mistake at once, each with the flag that it is in.
func (c Config) Validate() error {
	var errs []error
	mistake := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: "+format, append([]any{flag}, args...)...))
	}
	c.validateAddresses(mistake)
	c.validateDatabase(mistake)
	c.validateMail(mistake)
	c.validateTopology(mistake)
	c.validateKafka(mistake)
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"drain-delay", c.DrainDelay}, {"shutdown-timeout", c.ShutdownTimeout}} {
		if d.value < 0 || d.value > time.Hour {
			mistake(d.flag, "%s is not between 0 and an hour", d.value)
		}
	}
	if c.EventRetention < 24*time.Hour {
		mistake("event-retention", "%s is less than a day: a replay would hardly find anything", c.EventRetention)
	}
	return errors.Join(errs...)
}

type mistakeFunc = func(flag, format string, args ...any)

func (c Config) validateAddresses(mistake mistakeFunc) {
	for _, a := range []struct{ flag, value string }{{"listen", c.Listen}, {"ops-listen", c.OpsListen}} {
		if _, _, err := net.SplitHostPort(a.value); err != nil {
			mistake(a.flag, "%q is not an address like 127.0.0.1:8080", a.value)
		}
	}
	if c.Listen == c.OpsListen && !strings.HasSuffix(c.Listen, ":0") {
		mistake("ops-listen", "must differ from --listen, which the public reaches")
	}
	for _, u := range []struct{ flag, value string }{{"public-url", c.PublicURL}, {"otlp-endpoint", c.OTLPEndpoint}} {
		if u.value != "" && !isWebURL(u.value) {
			mistake(u.flag, "is not an http or https URL") // it may hold a password: not shown
		}
	}
	for _, o := range c.AllowedOrigins {
		if u, err := url.Parse(o); o != "*" && (err != nil || !isWebURL(o) || o != u.Scheme+"://"+u.Host) {
			mistake("allowed-origins", "%q is not an origin like https://learn.example, without a path, nor *", o)
		}
	}
	if _, err := c.trustedProxies(); err != nil {
		mistake("trusted-proxies", "%v", err)
	}
	if c.BlobURL != "" && !strings.HasPrefix(c.BlobURL, "file:///") {
		mistake("blob-url", "must begin with file:///, the one kind of store that there is")
	}
}

// trustedProxies reads the networks. An address alone is a network of one.
func (c Config) trustedProxies() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range c.TrustedProxies {
		if a, err := netip.ParseAddr(text); err == nil {
			text = netip.PrefixFrom(a, a.BitLen()).String()
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a network like 10.0.0.0/8 or 2001:db8::/32", text)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

func isWebURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

func (c Config) validateDatabase(mistake mistakeFunc) {
	given := 0
	for _, m := range moduleNames {
		login := c.moduleURL(m)
		if login == "" {
			continue
		}
		if c.runs(m) {
			given++
		}
		if _, err := pgconn.ParseConfig(login); err != nil {
			mistake(m+"-database-url", "%v", err) // masks the password
		}
	}
	here := len(c.hosted())
	if c.DatabaseURL != "" {
		if _, err := pgconn.ParseConfig(string(c.DatabaseURL)); err != nil {
			mistake("database-url", "%v", err)
		}
	} else if given > 0 && given < here {
		mistake("database-url", "is needed unless every module that runs here has a login of its own; %d of %d have", given, here)
	}
	if c.DatabasePooler && given < here {
		mistake("database-pooler", "needs a login for every module that runs here (--users-database-url and so on): "+
			"those derived from --database-url lead to the server itself")
	}
	for _, p := range []struct {
		flag  string
		value int32
	}{{"pool-size", c.PoolSize}, {"assessment-pool-size", c.AssessmentPoolSize}} {
		if p.value < 4 || p.value > 1000 {
			mistake(p.flag, "%d is not between 4 and 1000", p.value)
		}
	}
}

func (c Config) validateMail(mistake mistakeFunc) {
	if _, err := mail.ParseAddress(c.MailFrom); err != nil {
		mistake("mail-from", "%q is not an address like Lyceum <no-reply@lyceum.example>", c.MailFrom)
	}
	if c.SMTPAddress == "" {
		if c.SMTPUser != "" || c.SMTPPassword != "" {
			mistake("smtp-address", "is needed with --smtp-user and --smtp-password")
		}
		return
	}
	if host, _, err := net.SplitHostPort(c.SMTPAddress); err != nil || host == "" {
		mistake("smtp-address", "%q is not host:port", c.SMTPAddress)
	}
	if c.SMTPTLS == "none" && c.SMTPUser != "" {
		mistake("smtp-tls", "a password is not sent to a mail server without TLS")
	}
}

// moduleURL is the login configured for a module, empty if there is none.
func (c Config) moduleURL(module string) string {
	return string(map[string]Secret{
		"users": c.UsersDatabaseURL, "content": c.ContentDatabaseURL, "assessment": c.AssessmentDatabaseURL,
		"analytics": c.AnalyticsDatabaseURL, "notify": c.NotifyDatabaseURL,
	}[module])
}

func (c Config) poolSize(module string) int32 {
	if module == "assessment" {
		return c.AssessmentPoolSize
	}
	return c.PoolSize
}

// Secret is a value that is never printed. Written as "file:PATH" it is read
// from that file, without the line break at its end.
type Secret string

// UnmarshalText reads the value, from a file if it says so.
func (s *Secret) UnmarshalText(text []byte) error {
	path, isFile := strings.CutPrefix(string(text), "file:")
	if !isFile {
		*s = Secret(text)
		return nil
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read a secret: %w", err)
	}
	*s = Secret(strings.TrimRight(string(body), "\r\n"))
	return nil
}

// String hides the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
