package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	neturl "net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"rekey/accounts/phase"
)

// postgresConnectTimeout bounds making one connection, where the URL does not say connect_timeout.
const postgresConnectTimeout = 5 * time.Second

// idleInTransaction is for how many milliseconds the server waits for the next statement of a transaction.
const idleInTransaction = "idle_in_transaction_session_timeout"

func openPostgres(ctx context.Context, url string, o Options) (*Store, error) {
	config, err := postgresConfig(url, o)
	if err != nil {
		return nil, err
	}
	// Waiting processes look again each second, for two minutes: that is how long another one's migrations may take.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return nil, err
	}
	conns, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	db := &pool{DB: stdlib.OpenDBFromPool(conns), conns: conns}
	return &Store{
		engine: postgresEngine(locker),
		read:   db,
		write:  db,
		growth: &growth{},
		close: func() error {
			err := db.Close()
			conns.Close()
			return err
		},
	}, nil
}

// postgresConfig reads the URL. The parser of the driver quotes what it cannot read, so it never gets to see the
// password: that is put in afterwards.
func postgresConfig(url string, o Options) (*pgxpool.Config, error) {
	u, err := neturl.Parse(url)
	if err != nil {
		return nil, errors.New("the postgres URL is malformed; special characters in the password must be written as %XX")
	}
	query := u.Query()
	if query.Has("password") || query.Has("sslpassword") {
		return nil, errors.New("the postgres URL takes the password before the host only: postgres://user:password@host/database")
	}
	password, given := "", false
	if u.User != nil {
		if password, given = u.User.Password(); given {
			u.User = neturl.User(u.User.Username())
		}
	}
	config, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	if given {
		config.ConnConfig.Password = password
	}
	if o.MaxConns > 0 || !query.Has("pool_max_conns") {
		config.MaxConns = int32(min(maxConns(o), 1<<15)) // far more than a server takes
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = postgresConnectTimeout
	}
	settings := config.ConnConfig.RuntimeParams
	if settings["application_name"] == "" {
		settings["application_name"] = "rekey"
	}
	// What decides races here are unique keys and conditions on the row itself, which hold at this level. A stricter
	// default of the database would add nothing but transactions that it undoes.
	settings["default_transaction_isolation"] = "read committed"
	// A transaction holds rows and the epoch, and a process that was stopped in the middle of one neither ends it nor asks for
	// more: the server does, once the lease of that process has ended too, or a move would wait until it wakes.
	if settings[idleInTransaction] == "" {
		settings[idleInTransaction] = strconv.FormatInt(phase.DefaultLease().TTL.Milliseconds(), 10)
	}
	// The server thinks that a subquery that looks for one row by its key costs far more than it does, and compiles statements that then
	// run for two milliseconds: for two hundred.
	if settings["jit"] == "" {
		settings["jit"] = "off"
	}
	return config, nil
}

// Postgres returns the connections to PostgreSQL, for what else lives in that database; nil on SQLite.
func (s *Store) Postgres() *pgxpool.Pool { return s.write.conns }

// eachPostgres is each past database/sql.
func eachPostgres(ctx context.Context, conns *pgxpool.Pool, f func(scan) error, text string, args []any) error {
	return onLiving(func() error {
		rows, err := conns.Query(ctx, text, asBytes(args)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		return errors.Join(handOut(rows, f), rows.Err())
	})
}

// execPostgres is exec past database/sql.
func execPostgres(ctx context.Context, conns *pgxpool.Pool, text string, args []any) (n int64, err error) {
	err = onLiving(func() error {
		tag, err := conns.Exec(ctx, text, asBytes(args)...)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// asBytes returns the arguments with ids as the driver sends them; the type that we have for them would go through text.
func asBytes(args []any) []any {
	args = slices.Clone(args)
	idsAsBytes(args)
	return args
}

func idsAsBytes(values []any) {
	for i, value := range values {
		if id, ok := value.(uuid.UUID); ok {
			values[i] = [16]byte(id)
		}
	}
}

// lives is how many connections are tried, as by database/sql.
const lives = 3

// onLiving runs f anew while the pool hands out connections that have ended since they
// were used: their errors say that nothing was sent.
func onLiving(f func() error) error {
	var err error
	for range lives {
		if err = f(); !pgconn.SafeToRetry(err) {
			break
		}
	}
	return err
}

// SQLSTATE codes (PostgreSQL documentation, appendix A).
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

func postgresEngine(locker lock.SessionLocker) engine {
	return engine{
		unique: func(err error) bool { return sqlState(err) == uniqueViolation },
		again: func(err error) bool {
			code := sqlState(err)
			return code == serializationFailure || code == deadlockDetected
		},
		scrub:       scrubPostgres,
		renew:       (*Store).renewInSelect,
		keepChange:  lockChange,
		keepChanges: lockChanges,
		insertRows:  copyIn,
		survey:      analyze,
		lists: func(values, order string) string {
			return `json_agg(json_build_array(` + values + `) ORDER BY ` + order + `)`
		},
		texts: func(p string) string { return `(SELECT jsonb_array_elements_text(CAST(` + p + ` AS jsonb)) AS id)` },
		ids: func(p string) string {
			return `(SELECT CAST(jsonb_array_elements_text(CAST(` + p + ` AS jsonb)) AS uuid) AS id)`
		},
		elements:  func(arg string) string { return `jsonb_array_elements(` + arg + `::text::jsonb)` },
		clock:     `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`,
		bornHere:  `CASE get_byte(uuid_send(a.id), 6) / 16 WHEN 5 THEN 0 ELSE 1 END = 1`,
		holdEpoch: lockEpoch,
		migrations: migrations{
			dialect:     goose.DialectPostgres,
			folder:      "migrations/postgres",
			hasVersions: `SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass('` + goose.DefaultTablename + `')`,
			options:     []goose.ProviderOption{goose.WithSessionLocker(locker)},
		},
	}
}

// The advisory locks of a change of somebody who is not here yet. That one change and one move meet is told by a lock of the
// account; a move of many has no room for as many, and keeps all changes waiting instead, for no longer than its commit.
const (
	oneChange  = `SELECT pg_advisory_xact_lock_shared(7230164), pg_advisory_xact_lock(hashtextextended($1, 7230164))`
	allChanges = `SELECT pg_advisory_xact_lock(7230164)`
)

func lockChange(ctx context.Context, s *Store, tx querier, account uuid.UUID) error {
	return s.each(ctx, tx, func(scan) error { return nil }, oneChange, account.String())
}

func lockChanges(ctx context.Context, s *Store, tx querier) error {
	return s.each(ctx, tx, func(scan) error { return nil }, allChanges)
}

// analyze makes the statistics of the tables that hold everybody. PostgreSQL does it by itself, a minute or two after they were filled;
// until then it takes them for small, and reads all of them for each page of a walk. A table that somebody else looks at, or vacuums, is
// left out: nobody waits for it.
func analyze(ctx context.Context, s *Store) error {
	_, err := s.exec(ctx, s.write, `ANALYZE (SKIP_LOCKED) accounts, identifiers, credentials, legacy_links`)
	return err
}

// copyIn writes rows by COPY, which database/sql does not know.
func copyIn(ctx context.Context, conn *sql.Conn, _ *sql.Tx, b batch) error {
	return conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return errNotPgx
		}
		_, err := c.Conn().CopyFrom(ctx, pgx.Identifier{b.name}, b.columns, pgx.CopyFromSlice(b.rows, func(i int) ([]any, error) {
			row, err := b.row(i)
			idsAsBytes(row)
			return row, err
		}))
		return err
	})
}

var errNotPgx = errors.New("the connection is not the driver's")

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// scrubPostgres empties the fields in which the server quotes the row: its message names the constraint, which is enough.
func scrubPostgres(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		e.Detail, e.Where, e.InternalQuery = "", "", ""
	}
	return err
}
