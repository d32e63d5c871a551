package app

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config is the whole configuration of a process. Its tags are the command
// line: flags, environment variables and defaults have one source.
type Config struct {
	Listen    string `default:"127.0.0.1:8080" env:"LYCEUM_LISTEN" help:"Address of the API." placeholder:"ADDR"`
	OpsListen string `default:"127.0.0.1:8081" env:"LYCEUM_OPS_LISTEN" help:"Address of health, metrics, status and caught mail. Not for the public." placeholder:"ADDR"`
	PublicURL string `env:"LYCEUM_PUBLIC_URL" help:"Address under which people reach the API; mail links to it. Default: http:// and the API's address." placeholder:"URL"`
	DataDir   string `env:"LYCEUM_DATA_DIR" help:"Directory of the embedded database, files and caught mail. Default: the user's data directory." placeholder:"DIR"`

	DatabaseURL Secret `env:"DATABASE_URL,LYCEUM_DATABASE_URL" help:"PostgreSQL server to use instead of an embedded one, as its administrator: it makes the modules' roles and schemas." placeholder:"URL"`
	RoleSecret  Secret `env:"LYCEUM_ROLE_SECRET" help:"Secret from which the passwords of the modules' database roles are derived. Default: the password in the database URL."`

	UsersDatabaseURL      Secret `env:"LYCEUM_USERS_DATABASE_URL" help:"Login of module users, if not derived from the database URL." placeholder:"URL"`
	ContentDatabaseURL    Secret `env:"LYCEUM_CONTENT_DATABASE_URL" help:"The same for module content." placeholder:"URL"`
	AssessmentDatabaseURL Secret `env:"LYCEUM_ASSESSMENT_DATABASE_URL" help:"The same for module assessment." placeholder:"URL"`
	AnalyticsDatabaseURL  Secret `env:"LYCEUM_ANALYTICS_DATABASE_URL" help:"The same for module analytics." placeholder:"URL"`
	NotifyDatabaseURL     Secret `env:"LYCEUM_NOTIFY_DATABASE_URL" help:"The same for module notify." placeholder:"URL"`

	PoolSize           int32         `default:"12" env:"LYCEUM_POOL_SIZE" help:"Connections of each module; five modules hold five times as many."`
	AssessmentPoolSize int32         `default:"24" env:"LYCEUM_ASSESSMENT_POOL_SIZE" help:"Connections of the exam engine."`
	EventRetention     time.Duration `default:"9600h" env:"LYCEUM_EVENT_RETENTION" help:"How long relayed events are kept for replays."`

	BlobURL string `env:"LYCEUM_BLOB_URL" help:"Where files are kept (file:///...). Default: in the data directory. Replicas share it." placeholder:"URL"`

	SMTPAddress  string `env:"LYCEUM_SMTP_ADDRESS" help:"Mail server as host:port. Without one, mail is caught and can be read on the operations listener." placeholder:"ADDR"`
	SMTPUser     string `env:"LYCEUM_SMTP_USER" help:"User name for the mail server."`
	SMTPPassword Secret `env:"LYCEUM_SMTP_PASSWORD" help:"Password for the mail server."`
	SMTPTLS      string `default:"starttls" enum:"starttls,tls,none" env:"LYCEUM_SMTP_TLS" help:"Transport security of the mail server: ${enum}."`
	MailFrom     string `default:"Lyceum <no-reply@lyceum.example>" env:"LYCEUM_MAIL_FROM" help:"Sender of all mail."`

	AllowedOrigins []string `env:"LYCEUM_ALLOWED_ORIGINS" help:"Origins whose pages may call the API (CORS). Default: none."`

	Demo string `default:"auto" enum:"auto,yes,no" env:"LYCEUM_DEMO" help:"Make a demo organisation with a course: yes, no, or auto (with the embedded database only)."`

	LogLevel     string `default:"info" enum:"debug,info,warn,error" env:"LYCEUM_LOG_LEVEL" help:"Least level that is logged: ${enum}."`
	LogFormat    string `default:"text" enum:"text,json" env:"LYCEUM_LOG_FORMAT" help:"Form of the log: ${enum}."`
	OTLPEndpoint string `env:"LYCEUM_OTLP_ENDPOINT,OTEL_EXPORTER_OTLP_ENDPOINT" help:"OTLP/HTTP collector for traces, such as http://127.0.0.1:4318. Default: traces are not exported." placeholder:"URL"`

	DrainDelay      time.Duration `default:"0s" env:"LYCEUM_DRAIN_DELAY" help:"Pause between not being ready and refusing connections, for load balancers to notice."`
	ShutdownTimeout time.Duration `default:"25s" env:"LYCEUM_SHUTDOWN_TIMEOUT" help:"Longest orderly stop."`
}

// Validate reports every mistake at once.
func (c Config) Validate() error {
	var errs []error
	mistake := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: "+format, append([]any{flag}, args...)...))
	}
	for flag, addr := range map[string]string{"listen": c.Listen, "ops-listen": c.OpsListen} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			mistake(flag, "%q is not an address like 127.0.0.1:8080: %v", addr, err)
		}
	}
	if c.Listen == c.OpsListen && !strings.HasSuffix(c.Listen, ":0") {
		mistake("ops-listen", "must differ from --listen, which the public reaches")
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			mistake("public-url", "%q is not an http or https URL", c.PublicURL)
		}
	}
	if c.SMTPAddress != "" {
		if _, _, err := net.SplitHostPort(c.SMTPAddress); err != nil {
			mistake("smtp-address", "%q is not host:port: %v", c.SMTPAddress, err)
		}
	}
	for flag, n := range map[string]int32{"pool-size": c.PoolSize, "assessment-pool-size": c.AssessmentPoolSize} {
		if n < 4 || n > 1000 {
			mistake(flag, "%d is not between 4 and 1000", n)
		}
	}
	for flag, d := range map[string]time.Duration{"drain-delay": c.DrainDelay, "shutdown-timeout": c.ShutdownTimeout} {
		if d < 0 || d > time.Hour {
			mistake(flag, "%s is not between 0 and an hour", d)
		}
	}
	if c.EventRetention < 24*time.Hour {
		mistake("event-retention", "%s is less than a day: a consumer that is down for a night would lose events", c.EventRetention)
	}
	return errors.Join(errs...)
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
