package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocloud.dev/blob"

	"github.com/lyceum-lms/platform/internal/analytics"
	"github.com/lyceum-lms/platform/internal/assessment"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/content"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/mail"
	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/notify"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/users"
)

// module is what app asks of a domain module.
type module interface {
	// Name is the module's name, schema and label.
	Name() string
	// Prefixes are the path prefixes that the module owns.
	Prefixes() []string
	// Contract says what the module publishes and consumes.
	Contract() bus.Contract
	// Routes adds the module's operations.
	Routes(r *httpserver.Router)
	// Start starts jobs and goroutines and returns when they run.
	Start(ctx context.Context) error
	// Stop ends them and waits. It is idempotent.
	Stop(ctx context.Context) error
	// Ready returns nil if the module can serve.
	Ready(ctx context.Context) error
}

// moduleNames is the order of start; stop is in reverse.
var moduleNames = []string{"users", "content", "assessment", "analytics", "notify"}

// parts are what modules are made of. They hold constructors' inputs only.
type parts struct {
	cfg       Config
	publicURL string
	databases map[string]*postgres.DB
	log       *slog.Logger
	registry  prometheus.Registerer
	mail      mail.Sender
	blobs     *blob.Bucket
	verifier  *auth.Verifier
}

// modules are the five, by their types where app needs more than module.
type modules struct {
	users   *users.Module
	content *content.Module
	all     []module
}

// newModules makes every module. It does no I/O but for the key that signs
// media URLs, which content keeps and assessment needs; media may be nil to
// have it read.
func newModules(ctx context.Context, p parts, media *mediaurl.Signer) (modules, error) {
	var m modules
	log := func(name string) *slog.Logger { return p.log.With("module", name) }
	usersModule, err := users.New(users.Config{PublicURL: p.publicURL}, users.Deps{
		DB: p.databases["users"], Log: log("users"), Registerer: p.registry, Now: time.Now, Mail: p.mail, Verifier: p.verifier,
	})
	if err != nil {
		return m, fmt.Errorf("make module users: %w", err)
	}
	contentModule, err := content.New(content.Config{}, content.Deps{
		DB: p.databases["content"], Log: log("content"), Registerer: p.registry, Now: time.Now, Blobs: p.blobs, Media: media,
	})
	if err != nil {
		return m, fmt.Errorf("make module content: %w", err)
	}
	if media == nil {
		if media, err = contentModule.MediaSigner(ctx); err != nil {
			return m, err
		}
	}
	assessmentModule, err := assessment.New(assessment.Config{}, assessment.Deps{
		DB: p.databases["assessment"], Log: log("assessment"), Registerer: p.registry, Media: media,
	})
	if err != nil {
		return m, fmt.Errorf("make module assessment: %w", err)
	}
	analyticsModule, err := analytics.New(analytics.Config{}, analytics.Deps{DB: p.databases["analytics"]})
	if err != nil {
		return m, fmt.Errorf("make module analytics: %w", err)
	}
	notifyModule, err := notify.New(notify.Config{PublicURL: p.publicURL}, notify.Deps{
		DB: p.databases["notify"], Log: log("notify"), Registerer: p.registry, Mail: p.mail,
	})
	if err != nil {
		return m, fmt.Errorf("make module notify: %w", err)
	}
	return modules{
		users: usersModule, content: contentModule,
		all: []module{usersModule, contentModule, assessmentModule, analyticsModule, notifyModule},
	}, nil
}

func (m modules) contracts() []bus.Contract {
	var all []bus.Contract
	for _, mod := range m.all {
		all = append(all, mod.Contract())
	}
	return all
}
