package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/lyceum-lms/platform/internal/assessment"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/content"
	"github.com/lyceum-lms/platform/internal/content/olx"
	"github.com/lyceum-lms/platform/internal/contractdoc"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/mail"
	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/postgres"
)

// unconnected makes the modules without a database or any other I/O, to read
// what they declare.
func unconnected() (modules, error) {
	databases := map[string]*postgres.DB{}
	for _, m := range moduleNames {
		databases[m] = postgres.NewDB(nil)
	}
	media, err := mediaurl.New(make([]byte, mediaurl.MinKeyBytes), time.Hour)
	if err != nil {
		return modules{}, err
	}
	sender, err := mail.NewSMTP(mail.SMTPConfig{Address: "localhost:25", From: "no-reply@lyceum.example"})
	if err != nil {
		return modules{}, err
	}
	ctx := context.Background() //nolint:forbidigo // nothing is connected: there is nothing to interrupt
	return newModules(ctx, moduleNames, parts{
		publicURL: "http://localhost", databases: databases, log: slog.New(slog.DiscardHandler),
		registry: prometheus.NewRegistry(), mail: sender, blobs: map[string]*blob.Bucket{"content": memblob.OpenBucket(nil), "assessment": memblob.OpenBucket(nil)},
		verifier: auth.NewVerifier(tokenIssuer, tokenAudience, time.Now), media: media,
	})
}

// Contracts are what the modules declare they publish and consume.
func Contracts() ([]bus.Contract, error) {
	m, err := unconnected()
	if err != nil {
		return nil, err
	}
	return m.contracts(), nil
}

// Routes are all operations of the API.
func Routes() ([]httpserver.RouteInfo, error) {
	server, _, err := undressed()
	if err != nil {
		return nil, err
	}
	return server.Routes(), nil
}

// undressed is a server with all routes that serves nobody.
func undressed() (*httpserver.Server, modules, error) {
	m, err := unconnected()
	if err != nil {
		return nil, m, err
	}
	server := paperServer(m.all, httpserver.Options{Version: "1"})
	return server, m, server.Check()
}

// paperServer is a server of some modules that serves nobody.
func paperServer(modules []module, o httpserver.Options) *httpserver.Server {
	o.Verifier = auth.NewVerifier(tokenIssuer, tokenAudience, time.Now)
	o.Log, o.Registerer = slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	server := httpserver.New(o)
	for _, m := range modules {
		m.Routes(server.Router(m.Name(), m.Prefixes(), nil))
	}
	return server
}

// describe is the OpenAPI document of a process that forwards: of the modules
// that run here and of those that are forwarded.
func describe(cfg Config, upstreams map[string][]*url.URL) (func() ([]byte, error), error) {
	everyone, err := unconnected()
	if err != nil {
		return nil, err
	}
	reachable := slices.DeleteFunc(everyone.all, func(m module) bool { return !cfg.runs(m.Name()) && len(upstreams[m.Name()]) == 0 })
	server := paperServer(reachable, httpserver.Options{Version: Version(), PublicURL: cfg.PublicURL})
	document, err := server.OpenAPI()
	return func() ([]byte, error) { return document, nil }, errors.Join(err, server.Check())
}

// Documents are the files that are generated from the code, by their path
// below the documents' directory.
func Documents() (map[string][]byte, error) {
	server, m, err := undressed()
	if err != nil {
		return nil, err
	}
	docs := map[string][]byte{}
	if docs["openapi.json"], err = server.OpenAPI(); err != nil {
		return nil, err
	}
	contracts := m.contracts()
	if docs["asyncapi.json"], err = contractdoc.AsyncAPI("1", contracts...); err != nil {
		return nil, err
	}
	docs["topology.md"] = []byte("# Who consumes whose events\n\nGenerated from the code by `make generate`; do not edit.\n\n```mermaid\n" +
		contractdoc.Mermaid(contracts...) + "```\n")
	docs[filepath.Join("runbooks", "extract-a-module.md")] = extractionRunbook()
	for _, c := range contracts {
		var routes []contractdoc.Route
		for _, r := range server.Routes() {
			if r.Module == c.Module {
				routes = append(routes, contractdoc.Route{
					Method: r.Method, Path: r.Path, Permission: string(r.Permission), Summary: r.Summary,
				})
			}
		}
		docs[filepath.Join("modules", c.Module+".md")] = []byte(contractdoc.Page(c, routes, contracts...))
	}
	return docs, nil
}

// WriteDocs writes Documents below dir. A file that is as it should be is not
// touched.
func WriteDocs(dir string) error {
	docs, err := Documents()
	if err != nil {
		return err
	}
	for name, body := range docs {
		path := filepath.Join(dir, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, body) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make the directory of %s: %w", name, err)
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// with makes the platform as far as open does, without starting it, and closes it
// after do.
func with(ctx context.Context, cfg Config, open, do func(ctx context.Context, p *platform) error) error {
	p, err := prepare(ctx, cfg)
	if err != nil {
		return err
	}
	if err = open(ctx, p); err == nil {
		err = do(ctx, p)
	}
	return errors.Join(err, p.close(context.WithoutCancel(ctx)))
}

// withoutBus is with for what needs modules alone, in a process that may be any.
func withoutBus(ctx context.Context, cfg Config, migrate bool, do func(ctx context.Context, p *platform) error) error {
	return with(ctx, cfg, func(ctx context.Context, p *platform) error {
		return p.makeModules(ctx, publicURL(cfg, cfg.Listen), migrate, auth.NewVerifier(tokenIssuer, tokenAudience, time.Now))
	}, do)
}

// WithBus calls do with a bus that looks at the database and runs nothing. It
// does not migrate a configured server: who only looks changes nothing.
func WithBus(ctx context.Context, cfg Config, do func(ctx context.Context, b *bus.Bus) error) error {
	cfg.LogLevel = "warn"
	return with(ctx, cfg, func(ctx context.Context, p *platform) error {
		return p.connect(ctx, publicURL(cfg, cfg.Listen), false)
	}, func(ctx context.Context, p *platform) error {
		if p.bus == nil {
			return fmt.Errorf("--modules %s: a process that only forwards has no bus", noModules)
		}
		return do(ctx, p.bus)
	})
}

// MediaKey is the key that signs media URLs, as --media-key takes it: the one
// configured or else the one that content keeps in its database, where it is
// made if there is none yet.
func MediaKey(ctx context.Context, cfg Config) (string, error) {
	cfg.LogLevel, cfg.Modules = "warn", []string{"content"}
	key, err := cfg.mediaKey()
	if err != nil {
		return "", err
	}
	if key == nil {
		err = withoutBus(ctx, cfg, false, func(ctx context.Context, p *platform) (err error) {
			key, err = p.modules.content.KeptMediaKey(ctx)
			return err
		})
	}
	return base64.RawURLEncoding.EncodeToString(key), err
}

// CourseImport is an import at the command line.
type CourseImport struct {
	Path         string
	Organisation string // slug
	// Progress, if not nil, is told how far the import is.
	Progress func(step string, done, total int)
}

// ImportCourse imports a course export and publishes it. It works on the
// databases of users and content, wherever these run. The events reach the other
// modules when the platform runs.
func ImportCourse(ctx context.Context, cfg Config, in CourseImport) (result *content.ImportResult, err error) {
	cfg.LogLevel, cfg.Modules = "warn", []string{"users", "content"}
	err = withoutBus(ctx, cfg, true, func(ctx context.Context, p *platform) error {
		organisation, err := p.organisation(ctx, in.Organisation)
		if err != nil {
			return err
		}
		src, err := olx.Open(ctx, in.Path, olx.Limits{})
		if err != nil {
			return err
		}
		result, err = p.modules.content.ImportCourse(ctx, src, content.ImportOptions{
			OrganisationID: organisation, AnyCourse: true, Progress: in.Progress,
		})
		return errors.Join(err, src.Close())
	})
	return result, err
}

// What commands see of assessment, which they do not know.
type (
	// ItemLine is a line of the report of an import of items.
	ItemLine = itemfile.Line
	// ItemImportResult is what became of an import of items.
	ItemImportResult = assessment.OperatorImportResult
)

// ItemImport is an import of items at the command line.
type ItemImport struct {
	Path string
	// Bank is the id of the bank. Empty: that of the organisation with BankTitle,
	// which is made if there is none.
	Bank         string
	Organisation string // slug
	BankTitle    string
	DryRun       bool
	Partial      bool
	// Progress, if not nil, is told how far the reading is.
	Progress func(questions int, read, bytes int64)
	// Line, if not nil, is given every line of the report, once it is known.
	Line func(ItemLine) error
}

// ReadItems reads a file of items and reports what it holds. It needs no
// database. each is given every line.
func ReadItems(ctx context.Context, path string, each func(ItemLine)) (result ItemImportResult, err error) {
	file, err := os.Open(path)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return result, fmt.Errorf("look at the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return result, fmt.Errorf("%s is not a file: for a folder, make a zip archive of it", path)
	}
	result.Report, err = assessment.ReadItems(ctx, itemfile.Source{Name: filepath.Base(path), Data: file, Size: info.Size()}, each)
	return result, err
}

// ImportItems imports a file of items into a bank. It works on the databases of
// users, content and assessment and on the blob store, wherever these modules run.
func ImportItems(ctx context.Context, cfg Config, in ItemImport) (result ItemImportResult, err error) {
	cfg.LogLevel, cfg.Modules = "warn", []string{"users", "content", "assessment"}
	file, err := os.Open(in.Path)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	o := assessment.OperatorImport{
		FileName: filepath.Base(in.Path), File: file, BankTitle: in.BankTitle, DryRun: in.DryRun, Partial: in.Partial, Progress: in.Progress,
	}
	if in.Bank != "" {
		if o.BankID, err = uuid.Parse(in.Bank); err != nil {
			return result, fmt.Errorf("--bank %q is not the id of a bank: %w", in.Bank, err)
		}
	}
	err = withoutBus(ctx, cfg, true, func(ctx context.Context, p *platform) error {
		if in.Bank == "" {
			if o.Organisation, err = p.organisation(ctx, in.Organisation); err != nil {
				return err
			}
		}
		var importErr error
		result, importErr = p.modules.assessment.ImportItems(ctx, o)
		if in.Line != nil && result.ImportID != uuid.Nil {
			importErr = errors.Join(importErr, p.modules.assessment.ImportLines(ctx, result.ImportID, in.Line))
		}
		return importErr
	})
	return result, err
}

func (p *platform) organisation(ctx context.Context, slug string) (uuid.UUID, error) {
	if slug == "demo" && p.wantsDemo() {
		if err := p.seedDemo(ctx); err != nil {
			return uuid.Nil, err
		}
	}
	return p.modules.users.OrganisationBySlug(ctx, slug)
}
