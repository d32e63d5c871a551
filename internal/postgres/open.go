package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options say how to open a pool. The zero value of every field but URL is a
// sensible default.
type Options struct {
	// URL is a connection URL or a keyword/value string, as libpq knows them.
	URL string
	// Module names the owner of the pool: the server shows it as the
	// application "lyceum/<module>".
	Module string
	// MaxConns bounds the pool. Default 8.
	MaxConns int32
	// StatementTimeout bounds every statement on the server. Default 30 s.
	StatementTimeout time.Duration
	// LockTimeout bounds every wait for a lock. Default 10 s.
	LockTimeout time.Duration
	// IdleInTransactionTimeout bounds the pauses inside a transaction, so that
	// a replica that hangs does not hold its locks. Default 60 s.
	IdleInTransactionTimeout time.Duration
	// ConnectTimeout bounds one attempt to connect. Default 5 s.
	ConnectTimeout time.Duration
	// TransactionPooler is set when URL leads to a pooler that gives out server
	// connections by transaction, such as PgBouncer. Nothing is kept in the
	// session then: statements are not prepared by name, and the timeouts above
	// and the search path are those of the role, not of the connection.
	TransactionPooler bool
}

const (
	connLifetime      = 30 * time.Minute
	connIdleTime      = 5 * time.Minute
	healthCheckPeriod = 15 * time.Second
)

// Open opens a pool and reaches the server once. After that the pool looks
// after itself: connections that died with a restarted server are noticed and
// replaced, and calls fail only while there is no server.
func Open(ctx context.Context, o Options) (*DB, error) {
	config, err := poolConfig(o)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database pool of %s: %w", cmp.Or(o.Module, "platform"), err)
	}
	db := NewDB(pool)
	if err := db.Ping(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database pool of %s: %w", cmp.Or(o.Module, "platform"), err)
	}
	return db, nil
}

func poolConfig(o Options) (*pgxpool.Config, error) {
	if o.URL == "" {
		return nil, errors.New("open database pool: the URL is empty")
	}
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		// The parser's error quotes the URL with its password masked.
		return nil, fmt.Errorf("parse database URL: %w", err)
	}
	config.MaxConns = cmp.Or(o.MaxConns, 8)
	config.MinConns = 0
	config.MaxConnLifetime = connLifetime
	config.MaxConnLifetimeJitter = connLifetime / 10
	config.MaxConnIdleTime = connIdleTime
	config.HealthCheckPeriod = healthCheckPeriod
	config.ConnConfig.ConnectTimeout = cmp.Or(o.ConnectTimeout, 5*time.Second)
	// Spans name the statement, never its arguments.
	config.ConnConfig.Tracer = otelpgx.NewTracer()

	params := config.ConnConfig.RuntimeParams
	params["application_name"] = "lyceum/" + cmp.Or(o.Module, "platform")
	if o.TransactionPooler {
		// Types of arguments are asked for once and remembered here; each
		// execution is then one self-contained message.
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		return config, nil
	}
	params["search_path"] = ""
	params["timezone"] = "UTC"
	params["statement_timeout"] = milliseconds(cmp.Or(o.StatementTimeout, 30*time.Second))
	params["lock_timeout"] = milliseconds(cmp.Or(o.LockTimeout, 10*time.Second))
	params["idle_in_transaction_session_timeout"] = milliseconds(cmp.Or(o.IdleInTransactionTimeout, time.Minute))
	return config, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
