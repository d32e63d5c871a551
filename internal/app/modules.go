package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	publicURL string
	databases map[string]*postgres.DB
	log       *slog.Logger
	registry  prometheus.Registerer
	mail      mail.Sender             // needed by users and notify
	blobs     map[string]*blob.Bucket // needed by content and assessment, one each
	verifier  *auth.Verifier
	// media signs media URLs. Nil where content keeps the key, which is then
	// read; assessment without content cannot do without it.
	media *mediaurl.Signer
}

func (p parts) logOf(module string) *slog.Logger { return p.log.With("module", module) }

// modules are those of a process, by their types where app needs more than
// module.
type modules struct {
	users      *users.Module      // nil if it runs elsewhere
	content    *content.Module    // nil if it runs elsewhere
	assessment *assessment.Module // nil if it runs elsewhere
	all        []module
}

// newModules makes the named modules. It does no I/O but for the key that signs
// media URLs, if it is not in the parts.
func newModules(ctx context.Context, names []string, p parts) (modules, error) {
	var m modules
	for _, name := range moduleNames {
		if !slices.Contains(names, name) {
			continue
		}
		made, err := m.newModule(ctx, name, &p)
		if err != nil {
			return modules{}, fmt.Errorf("make module %s: %w", name, err)
		}
		m.all = append(m.all, made)
	}
	return m, nil
}

// newModule makes one module. Content comes before assessment, which needs its
// signer.
func (m *modules) newModule(ctx context.Context, name string, p *parts) (_ module, err error) {
	switch name {
	case "users":
		m.users, err = users.New(users.Config{PublicURL: p.publicURL}, users.Deps{
			DB: p.databases[name], Log: p.logOf(name), Registerer: p.registry, Now: time.Now, Mail: p.mail, Verifier: p.verifier,
		})
		return m.users, err
	case "content":
		m.content, err = content.New(content.Config{MediaURLTTL: mediaURLLifetime}, content.Deps{
			DB: p.databases[name], Log: p.logOf(name), Registerer: p.registry, Now: time.Now, Blobs: p.blobs[name], Media: p.media,
		})
		if err == nil && p.media == nil {
			p.media, err = m.content.MediaSigner(ctx)
		}
		return m.content, err
	case "assessment":
		m.assessment, err = assessment.New(assessment.Config{}, assessment.Deps{
			DB: p.databases[name], Log: p.logOf(name), Registerer: p.registry, Media: p.media, Blobs: p.blobs[name],
		})
		return m.assessment, err
	case "analytics":
		return analytics.New(analytics.Config{}, analytics.Deps{DB: p.databases[name]})
	case "notify":
		return notify.New(notify.Config{PublicURL: p.publicURL}, notify.Deps{
			DB: p.databases[name], Log: p.logOf(name), Registerer: p.registry, Mail: p.mail,
		})
	}
	return nil, errors.New("there is no such module")
}

func (m modules) contracts() []bus.Contract {
	var all []bus.Contract
	for _, mod := range m.all {
		all = append(all, mod.Contract())
	}
	return all
}
