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
	"slices"
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
	"github.com/lyceum-lms/platform/internal/upstream"
)

// The names in access tokens. They are part of the format: a process that
// runs one module verifies tokens that another has issued.
const (
	tokenIssuer   = "lyceum"
	tokenAudience = "lyceum"
)

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
	blobs    map[string]*blob.Bucket // of the modules here that keep files
	sender   mail.Sender             // nil without a module that sends mail
	catcher  *mail.Catcher           // nil when mail goes by SMTP
	started  time.Time
	draining atomic.Bool
	// awaited is what the start waits for, if it waits.
	awaited atomic.Pointer[string]

	// What follows is there once connected is set.
	connected atomic.Bool
	complete  atomic.Bool // everything has been started
	db        *database
	modules   modules
	bus       *bus.Bus  // nil without a module
	keys      *keyWatch // nil where users runs, which has the keys, and where nobody asks for them
	upstreams []*upstream.Forwarder
	server    *httpserver.Server
}

// prepare makes what needs no database and starts nothing.
func prepare(ctx context.Context, cfg Config) (_ *platform, err error) {
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
	p.blobs, err = openBlobs(ctx, cfg)
	if err == nil && (cfg.runs("users") || cfg.runs("notify")) {
		p.sender, err = p.openMail()
	}
	if err != nil {
		return nil, errors.Join(err, p.close(context.WithoutCancel(ctx)))
	}
	return p, nil
}

// connect makes everything else and starts nothing but the embedded database. A
// server of somebody else's is migrated only if asked for.
func (p *platform) connect(ctx context.Context, publicURL string, migrate bool) error {
	verifier := auth.NewVerifier(tokenIssuer, tokenAudience, time.Now)
	if err := p.makeModules(ctx, publicURL, migrate, verifier); err != nil {
		return err
	}
	absent, err := p.elsewhere()
	if err != nil {
		return err
	}
	if p.bus, err = p.newBus(absent); err != nil {
		return err
	}
	if p.keys, err = newKeyWatch(p.cfg, verifier, p.log); err != nil {
		return err
	}
	if p.server, err = p.newServer(verifier, absent); err != nil {
		return err
	}
	if err := p.instrument(); err != nil {
		return err
	}
	p.connected.Store(true)
	return nil
}

// elsewhere are the modules that do not run here, without a database: they tell
// what they publish and which paths are theirs.
func (p *platform) elsewhere() ([]module, error) {
	if len(p.modules.all) == len(moduleNames) {
		return nil, nil
	}
	everyone, err := unconnected()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(everyone.all, func(m module) bool { return p.cfg.runs(m.Name()) }), nil
}

// makeModules opens the databases of the modules that run here and makes them.
func (p *platform) makeModules(ctx context.Context, publicURL string, migrate bool, verifier *auth.Verifier) (err error) {
	waiting := func(reason error) {
		text := reason.Error()
		p.awaited.Store(&text)
	}
	if p.db, err = openDatabase(ctx, p.cfg, migrate, p.log, waiting); err != nil {
		return err
	}
	signer, err := p.cfg.mediaSigner()
	if err != nil {
		return err
	}
	p.modules, err = newModules(ctx, p.cfg.hosted(), parts{
		publicURL: publicURL, databases: p.db.pools, log: p.log, registry: p.tel.Registry,
		mail: p.sender, blobs: p.blobs, verifier: verifier, media: signer,
	})
	return err
}

// newBus connects the modules with each other, and with those of other
// processes.
func (p *platform) newBus(absent []module) (*bus.Bus, error) {
	if len(p.modules.all) == 0 {
		return nil, nil // a process that only forwards has no bus
	}
	kafka, err := p.cfg.kafka()
	if err != nil {
		return nil, err
	}
	o := bus.Options{Kafka: kafka, Log: p.log, Registerer: p.tel.Registry, Retention: p.cfg.EventRetention}
	for _, m := range p.modules.all {
		o.Members = append(o.Members, bus.Member{Contract: m.Contract(), DB: p.db.pools[m.Name()]})
	}
	for _, m := range absent {
		o.Elsewhere = append(o.Elsewhere, m.Contract())
	}
	return bus.New(o)
}

// newServer gives every module's paths to it, or to where it runs, or to nobody.
func (p *platform) newServer(verifier *auth.Verifier, absent []module) (*httpserver.Server, error) {
	proxies, err := p.cfg.trustedProxies()
	if err != nil {
		return nil, err
	}
	targets, err := p.cfg.upstreams()
	if err != nil {
		return nil, err
	}
	o := httpserver.Options{
		Verifier: verifier, Log: p.log, Registerer: p.tel.Registry, Version: Version(),
		PublicURL: p.cfg.PublicURL, AllowedOrigins: p.cfg.AllowedOrigins, TrustedProxies: proxies,
	}
	if len(targets) > 0 {
		// Whoever reads what can be asked for here does not care where it runs.
		if o.Document, err = describe(p.cfg, targets); err != nil {
			return nil, err
		}
	}
	server := httpserver.New(o)
	for _, m := range p.modules.all {
		m.Routes(server.Router(m.Name(), m.Prefixes(), p.db.pools[m.Name()]))
	}
	for _, m := range absent {
		if len(targets[m.Name()]) == 0 {
			server.Absent(m.Name(), m.Prefixes())
			continue
		}
		f, err := upstream.New(upstream.Options{Module: m.Name(), Targets: targets[m.Name()], Log: p.log, Registerer: p.tel.Registry})
		if err != nil {
			return nil, err
		}
		p.upstreams = append(p.upstreams, f)
		server.Forward(m.Name(), m.Prefixes(), f)
	}
	return server, server.Check()
}

// blobPrefixes are where in the blob store each module that keeps files has them.
func blobPrefixes() map[string]string {
	return map[string]string{"content": "", "assessment": "assessment/"}
}

// openBlobs opens the parts of the blob store of the modules that run here.
func openBlobs(ctx context.Context, cfg Config) (_ map[string]*blob.Bucket, err error) {
	buckets := map[string]*blob.Bucket{}
	for module, prefix := range blobPrefixes() {
		if !cfg.runs(module) {
			continue
		}
		bucket, openErr := openBucket(ctx, cfg)
		if openErr != nil {
			err = openErr
			break
		}
		if prefix != "" {
			bucket = blob.PrefixedBucket(bucket, prefix) // which takes the other over
		}
		buckets[module] = bucket
	}
	if err != nil {
		for _, b := range buckets {
			err = errors.Join(err, b.Close())
		}
		return nil, err
	}
	return buckets, nil
}

func openBucket(ctx context.Context, cfg Config) (*blob.Bucket, error) {
	address := cfg.BlobURL
	if address == "" {
		if err := postgres.MakeDataDir(cfg.DataDir); err != nil {
			return nil, err
		}
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
	err := postgres.MakeDataDir(p.cfg.DataDir)
	if err != nil {
		return nil, err
	}
	p.catcher, err = mail.NewCatcher(filepath.Join(p.cfg.DataDir, "mail"), p.cfg.MailFrom, p.log)
	return p.catcher, err
}

// start starts the modules, which can serve requests then. What they emit waits
// in their outboxes for startBus.
func (p *platform) start(ctx context.Context) error {
	for _, m := range p.modules.all {
		if err := m.Start(ctx); err != nil {
			return fmt.Errorf("start module %s: %w", m.Name(), err)
		}
	}
	if p.keys != nil {
		p.keys.start(ctx)
	}
	return nil
}

// startBus starts the bus, which may take as long as brokers take to answer.
func (p *platform) startBus(ctx context.Context) error {
	if p.bus != nil {
		if err := p.bus.Start(ctx); err != nil {
			return err
		}
	}
	p.complete.Store(true)
	return nil
}

// stop ends the bus, then the modules in reverse, then lets go of everything.
func (p *platform) stop(ctx context.Context) error {
	var errs []error
	if p.bus != nil {
		errs = append(errs, p.bus.Stop(ctx))
	}
	for i := len(p.modules.all) - 1; i >= 0; i-- {
		if err := p.modules.all[i].Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop module %s: %w", p.modules.all[i].Name(), err))
		}
	}
	if p.keys != nil {
		p.keys.stop()
	}
	for _, f := range p.upstreams {
		f.Close()
	}
	return errors.Join(append(errs, p.close(ctx))...)
}

func (p *platform) close(ctx context.Context) error {
	var errs []error
	for _, bucket := range p.blobs {
		errs = append(errs, bucket.Close())
	}
	if p.db != nil {
		errs = append(errs, p.db.close(ctx))
	}
	return errors.Join(append(errs, p.tel.Shutdown(ctx))...)
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
