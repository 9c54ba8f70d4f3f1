package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// DatabaseConfig says where PostgreSQL is.
type DatabaseConfig struct {
	Host           string        `yaml:"host"`            // name, address or socket directory; default db.shop.internal
	Port           int           `yaml:"port"`            // default 5432
	Name           string        `yaml:"name"`            // default shop
	User           string        `yaml:"user"`            // default shop
	Password       string        `yaml:"password"`        // default empty
	Pool           int           `yaml:"pool"`            // connections at most; 1 to 200, default 4
	ConnectTimeout time.Duration `yaml:"connect_timeout"` // default 2s
	QueryTimeout   time.Duration `yaml:"query_timeout"`   // of one request's queries, waiting for a connection included; default 900ms
}

// DefaultDatabase is what a configuration without a database section means.
func DefaultDatabase() DatabaseConfig {
	return DatabaseConfig{
		Host: "db.shop.internal", Port: 5432, Name: "shop", User: "shop",
		Pool: 4, ConnectTimeout: 2 * time.Second, QueryTimeout: 900 * time.Millisecond,
	}
}

// Validate checks every value against its range.
func (c DatabaseConfig) Validate() error {
	return errors.Join(
		Between("database.port", c.Port, 1, 65535),
		Between("database.pool", c.Pool, 1, 200),
		Between("database.connect_timeout", c.ConnectTimeout, 10*time.Millisecond, time.Minute),
		Between("database.query_timeout", c.QueryTimeout, 10*time.Millisecond, time.Minute),
	)
}

// Database is a pool of connections that bear the application's name. Statements of a
// request that is traced bear the trace's id besides, see marked.go.
type Database struct {
	*pgxpool.Pool
	application string
}

// OpenDatabase makes a pool. It does not connect, so that a service starts before its
// database does.
func OpenDatabase(ctx context.Context, c DatabaseConfig, application string) (*Database, error) {
	pc, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("database configuration: %w", err)
	}
	cc := &pc.ConnConfig.Config
	cc.Host, cc.Port, cc.Database = c.Host, uint16(c.Port), c.Name
	cc.User, cc.Password = c.User, c.Password
	cc.Fallbacks, cc.TLSConfig = nil, nil
	cc.ConnectTimeout = c.ConnectTimeout
	cc.RuntimeParams = map[string]string{
		"application_name": application,
		// The best plans here do not depend on the values, and planning a search
		// takes longer than running it.
		"plan_cache_mode": "force_generic_plan",
	}
	pc.ConnConfig.Tracer = statementTrace{}
	pc.MaxConns = int32(c.Pool)
	pc.MaxConnLifetime = 10 * time.Minute // so that connections follow the name to a new address
	pc.MaxConnLifetimeJitter = time.Minute
	pc.HealthCheckPeriod = 5 * time.Second
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("database pool: %w", err)
	}
	return &Database{pool, application}, nil
}

// ReadyWithDatabase makes readyz say no while ping, which asks the database, gives an error.
func (s *Service) ReadyWithDatabase(c DatabaseConfig, ping func(context.Context) error) {
	s.ReadyWhen(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, c.QueryTimeout)
		defer cancel()
		if err := ping(ctx); err != nil {
			return errors.New("database does not answer")
		}
		return nil
	})
}

// FailDatabase answers for a request that could not use the database and, where its
// caller is still there, logs it with attrs.
func (s *Service) FailDatabase(w http.ResponseWriter, r *http.Request, err error, attrs ...any) {
	if r.Context().Err() != nil {
		Fail(w, r, 499, "caller_gone", "the caller gave up")
		return
	}
	Failed(r, err)
	s.Log.ErrorContext(r.Context(), "database", append([]any{"err", err.Error(), "request_id", RequestID(r)}, attrs...)...)
	if errors.Is(err, context.DeadlineExceeded) {
		Fail(w, r, http.StatusGatewayTimeout, "database_timeout", "the database did not answer in time")
		return
	}
	Fail(w, r, http.StatusServiceUnavailable, "database_unavailable", "the database cannot be used")
}
