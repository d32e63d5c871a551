// Package app is the composition root: the one package that knows all modules.
// It turns a configuration into a running platform, starts its parts in order
// and stops them in reverse.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // the file:// scheme of --blob-url

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/mail"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/telemetry"
)

// The names in access tokens. They are part of the format: a process that
// runs one module verifies tokens that another has issued.
const (
	tokenIssuer   = "lyceum"
	tokenAudience = "lyceum"
)

// readyLag is how far a consumer may be behind before /readyz says so. That
// alone does not make the process unready: every replica would be at once, and
// taking them away would make no consumer faster.
const readyLag = 10 * time.Minute

// Version is the version of the build, from the module or the commit.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "commit " + s.Value[:12]
		}
	}
	return "development"
}

// platform is one running process.
type platform struct {
	cfg      Config
	tel      *telemetry.Telemetry
	log      *slog.Logger
	db       *database
	blobs    *blob.Bucket
	catcher  *mail.Catcher // nil when mail goes by SMTP
	modules  modules
	bus      *bus.Bus
	server   *httpserver.Server
	started  time.Time
	draining atomic.Bool
}

// open makes everything and starts nothing but the embedded database. A server
// of somebody else's is migrated only if asked for.
func open(ctx context.Context, cfg Config, publicURL string, migrate bool) (_ *platform, err error) {
	if cfg.DataDir == "" {
		if cfg.DataDir, err = postgres.DefaultDataDir(); err != nil {
			return nil, err
		}
	}
	p := &platform{cfg: cfg, started: time.Now()}
	p.tel, err = telemetry.Start(ctx, telemetry.Config{
		OTLPEndpoint: cfg.OTLPEndpoint, ServiceName: "lyceum", Version: Version(),
		LogFormat: cfg.LogFormat, LogLevel: cfg.LogLevel, Out: os.Stderr,
	})
	if err != nil {
		return nil, err
	}
	p.log = p.tel.Log
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close(context.WithoutCancel(ctx)))
		}
	}()
	if p.db, err = openDatabase(ctx, cfg, migrate, p.log); err != nil {
		return nil, err
	}
	if p.blobs, err = openBlobs(ctx, cfg); err != nil {
		return nil, err
	}
	sender, err := p.openMail()
	if err != nil {
		return nil, err
	}
	verifier := auth.NewVerifier(tokenIssuer, tokenAudience, time.Now)
	p.modules, err = newModules(ctx, parts{
		cfg: cfg, publicURL: publicURL, databases: p.db.pools, log: p.log, registry: p.tel.Registry,
		mail: sender, blobs: p.blobs, verifier: verifier,
	}, nil)
	if err != nil {
		return nil, err
	}
	var members []bus.Member
	for _, m := range p.modules.all {
		members = append(members, bus.Member{Contract: m.Contract(), DB: p.db.pools[m.Name()]})
	}
	p.bus, err = bus.New(bus.Options{Members: members, Log: p.log, Registerer: p.tel.Registry, Retention: cfg.EventRetention})
	if err != nil {
		return nil, err
	}
	proxies, err := cfg.trustedProxies()
	if err != nil {
		return nil, err
	}
	p.server = httpserver.New(httpserver.Options{
		Verifier: verifier, Log: p.log, Registerer: p.tel.Registry, Version: Version(),
		PublicURL: cfg.PublicURL, AllowedOrigins: cfg.AllowedOrigins, TrustedProxies: proxies,
	})
	for _, m := range p.modules.all {
		m.Routes(p.server.Router(m.Name(), m.Prefixes(), p.db.pools[m.Name()]))
	}
	return p, p.server.Check()
}

func openBlobs(ctx context.Context, cfg Config) (*blob.Bucket, error) {
	address := cfg.BlobURL
	if address == "" {
		dir := filepath.Join(cfg.DataDir, "blobs")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the directory of files: %w", err)
		}
		// no_tmp_dir: a rename must not cross file systems.
		address = (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir), RawQuery: "no_tmp_dir=true&metadata=skip"}).String()
	}
	bucket, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("open the blob store: %w", err)
	}
	return bucket, nil
}

func (p *platform) openMail() (mail.Sender, error) {
	if p.cfg.SMTPAddress != "" {
		return mail.NewSMTP(mail.SMTPConfig{
			Address: p.cfg.SMTPAddress, User: p.cfg.SMTPUser, Password: string(p.cfg.SMTPPassword),
			TLS: p.cfg.SMTPTLS, From: p.cfg.MailFrom,
		})
	}
	var err error
	p.catcher, err = mail.NewCatcher(filepath.Join(p.cfg.DataDir, "mail"), p.cfg.MailFrom, p.log)
	return p.catcher, err
}

// start starts modules, then the bus. Each step waits for the one before.
func (p *platform) start(ctx context.Context) error {
	for _, m := range p.modules.all {
		if err := m.Start(ctx); err != nil {
			return fmt.Errorf("start module %s: %w", m.Name(), err)
		}
	}
	return p.bus.Start(ctx)
}

// stop ends the bus, then the modules in reverse, then lets go of everything.
func (p *platform) stop(ctx context.Context) error {
	errs := []error{p.bus.Stop(ctx)}
	for i := len(p.modules.all) - 1; i >= 0; i-- {
		if err := p.modules.all[i].Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop module %s: %w", p.modules.all[i].Name(), err))
		}
	}
	return errors.Join(append(errs, p.close(ctx))...)
}

func (p *platform) close(ctx context.Context) error {
	var errs []error
	if p.blobs != nil {
		errs = append(errs, p.blobs.Close())
	}
	if p.db != nil {
		errs = append(errs, p.db.close(ctx))
	}
	return errors.Join(append(errs, p.tel.Shutdown(ctx))...)
}

// partState is one line of /readyz and /status.
type partState struct {
	Part    string `json:"part"`
	Ready   bool   `json:"ready"`
	Error   string `json:"error,omitempty"`
	Warning string `json:"warning,omitempty"`
}

// ready reports on every part, so that who is called at night sees at once
// which one it is.
func (p *platform) ready(ctx context.Context) (any, error) {
	var states []partState
	var errs []error
	check := func(part string, err error) {
		s := partState{Part: part, Ready: err == nil}
		if err != nil {
			s.Error = err.Error()
			errs = append(errs, fmt.Errorf("%s: %w", part, err))
		}
		states = append(states, s)
	}
	if p.draining.Load() {
		check("process", errors.New("stopping"))
	}
	for _, m := range p.modules.all {
		check(m.Name(), m.Ready(ctx))
	}
	if err := p.bus.Ready(ctx, readyLag); errors.Is(err, bus.ErrBehind) {
		states = append(states, partState{Part: "bus", Ready: true, Warning: err.Error()})
	} else {
		check("bus", err)
	}
	return states, errors.Join(errs...)
}

// status is what /status shows.
func (p *platform) status(ctx context.Context) any {
	parts, _ := p.ready(ctx)
	routes := map[string][]string{}
	for _, r := range p.server.Routes() {
		routes[r.Module] = append(routes[r.Module], r.Method+" "+r.Path)
	}
	lags, err := p.bus.Lag(ctx)
	if err != nil {
		p.log.WarnContext(ctx, "status: cannot measure the lag", "error", err)
	}
	return map[string]any{
		"version": Version(), "started_at": p.started.UTC(), "transport": "in-process",
		"parts": parts, "consumers": lags, "routes": routes,
	}
}

func (p *platform) opsHandler() http.Handler {
	extra := map[string]http.Handler{}
	if p.catcher != nil {
		extra["/mail"] = p.catcher.Handler()
		extra["/mail/"] = p.catcher.Handler()
	}
	return httpserver.OpsHandler(httpserver.OpsOptions{
		Ready: p.ready, Status: p.status, Metrics: p.tel.Registry, Extra: extra,
	})
}

// publicURL is where mail links lead: as configured, or the API's own address.
func publicURL(cfg Config, listening string) string {
	if cfg.PublicURL != "" {
		return strings.TrimRight(cfg.PublicURL, "/")
	}
	return "http://" + listening
}
