package sqlsource

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
	sqlitelib "modernc.org/sqlite/lib"

	"rekey/legacy"
)

// engines maps a DSN's scheme to what opens it.
func engines() map[string]opener {
	return map[string]opener{
		"mysql":      {mySQL(), openMySQL},
		"mariadb":    {mySQL(), openMySQL},
		"postgres":   {postgreSQL(), openPostgres},
		"postgresql": {postgreSQL(), openPostgres},
		"sqlserver":  {sqlServer(), openSQLServer},
		"sqlite":     {sqlite(), openSQLite},
	}
}

// An opener opens databases of one kind.
type opener struct {
	dialect dialect
	open    func(c Config, u *url.URL, to purpose) (*sql.DB, error)
}

// A purpose is what a pool is for.
type purpose bool

const (
	toRead  purpose = false // its connections refuse to write
	toWrite purpose = true
)

// key is the setting that the DSN comes from.
func (p purpose) key() string {
	if p == toWrite {
		return "write.dsn"
	}
	return "dsn"
}

// application is what the server shows as the name of who is connected.
func (p purpose) application() string {
	if p == toWrite {
		return "rekey legacy writer"
	}
	return "rekey legacy source"
}

// sqliteError is SQLITE_ERROR, the code of statements that SQLite cannot compile.
const sqliteError = sqlitelib.SQLITE_ERROR

// openDSN returns a pool that connects when it is first asked, and the secrets in the DSN. No error of it quotes the
// DSN, for a password with a "@" or "/" in it is found in the strangest places.
func openDSN(c Config, dsn string, to purpose) (dialect, *sql.DB, []string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return dialect{}, nil, nil, legacy.Wrong(to.key(), "not a URL; a password with : / ? # @ or %% in it must be percent-encoded")
	}
	engine, ok := engines()[u.Scheme]
	if !ok {
		return dialect{}, nil, nil, legacy.Wrong(to.key(), "want mysql://, postgres://, sqlserver:// or sqlite:///")
	}
	var secrets []string
	if password, ok := u.User.Password(); ok && password != "" {
		secrets = []string{password, url.QueryEscape(password), url.PathEscape(password)}
	}
	db, err := engine.open(c, u, to)
	if err != nil {
		return dialect{}, nil, nil, legacy.Wrong(to.key(), "%w", err)
	}
	return engine.dialect, db, secrets, nil
}

// openMySQL takes the options tls (true, false, skip-verify, preferred) and socket (a path, instead of the host).
func openMySQL(c Config, u *url.URL, to purpose) (*sql.DB, error) {
	m := mysql.NewConfig()
	m.User = u.User.Username()
	m.Passwd, _ = u.User.Password()
	m.Net, m.Addr = "tcp", net.JoinHostPort(orText(u.Hostname(), "127.0.0.1"), orText(u.Port(), "3306"))
	m.DBName = strings.TrimPrefix(u.Path, "/")
	for name, values := range u.Query() {
		switch value := values[len(values)-1]; name {
		case "tls":
			m.TLSConfig = value
		case "socket":
			m.Net, m.Addr = "unix", value
		default:
			return nil, fmt.Errorf("unknown option %q; want tls or socket", name)
		}
	}
	m.Timeout = c.Timeout
	m.Logger = noLog{}                                    // what it would print comes back as an error as well
	m.Params = map[string]string{"time_zone": "'+00:00'"} // TIMESTAMP is shown in the session's zone
	// Times stay text: parsed by the driver, one impossible date would cost a whole page of List.
	m.ParseTime = false
	m.ClientFoundRows = true // a row that is written as it was counts as written
	if to == toWrite {
		m.Params["wait_timeout"] = seconds(openTransaction) // MariaDB and MySQL have no other for a transaction in common
	}
	if err := m.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(m)
	if err != nil {
		return nil, errors.New("the driver refuses it; is tls one of true, false, skip-verify, preferred?")
	}
	if to == toWrite {
		return sql.OpenDB(connector), nil
	}
	return sql.OpenDB(readOnly{connector}), nil
}

func orText(text, missing string) string {
	if text == "" {
		return missing
	}
	return text
}

type noLog struct{}

func (noLog) Print(...any) {}

// readOnly makes each new connection to MySQL refuse writes.
type readOnly struct{ driver.Connector }

// Connect is driver.Connector's.
func (r readOnly) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	execer, ok := conn.(driver.ExecerContext)
	if !ok {
		_ = conn.Close() // it is of no use
		return nil, errors.New("the driver cannot be told to read only")
	}
	if _, err := execer.ExecContext(ctx, "SET SESSION TRANSACTION READ ONLY", nil); err != nil {
		_ = conn.Close() // a connection that could write is not handed out
		return nil, err
	}
	return conn, nil
}

// openPostgres takes pgx's options, sslmode and default_query_exec_mode above all. A PgBouncer in front must let the
// parameter default_transaction_read_only through, and to write idle_in_transaction_session_timeout.
func openPostgres(c Config, u *url.URL, to purpose) (*sql.DB, error) {
	p, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New("pgx refuses it; look at the port and the options")
	}
	p.ConnectTimeout = c.Timeout
	if to == toRead {
		p.RuntimeParams["default_transaction_read_only"] = "on"
	} else {
		p.RuntimeParams["timezone"] = "UTC" // a column without a zone is given the session's time
		p.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(openTransaction.Milliseconds(), 10)
	}
	p.RuntimeParams["application_name"] = to.application()
	return stdlib.OpenDB(*p), nil
}

// openSQLServer takes the option database, and those of TLS: encrypt (disable, false, true, strict),
// trustservercertificate, hostnameincertificate and certificate. The server is told that the session only reads, which
// leads it to a replica where there is one and forbids nothing: see README.md for the rights that do.
func openSQLServer(c Config, u *url.URL, to purpose) (*sql.DB, error) {
	if u.User.Username() == "" {
		return nil, errors.New("a user is missing")
	}
	options := url.Values{"app name": {to.application()}, "dial timeout": {seconds(c.Timeout)}}
	if to == toRead {
		options.Set("applicationintent", "ReadOnly")
	}
	for name, values := range u.Query() {
		switch name = strings.ToLower(name); name {
		case "database", "encrypt", "trustservercertificate", "hostnameincertificate", "certificate":
			options.Set(name, values[len(values)-1])
		default:
			return nil, fmt.Errorf("unknown option %q; want database, encrypt, trustservercertificate, hostnameincertificate or certificate", name)
		}
	}
	if options.Get("database") == "" {
		return nil, errors.New("the option database is missing")
	}
	plain := *u
	plain.RawQuery = options.Encode()
	m, err := msdsn.Parse(plain.String())
	if err != nil {
		return nil, errors.New("the driver refuses it; is encrypt one of disable, false, true, strict, and the certificate there?")
	}
	connector := mssql.NewConnectorConfig(m)
	// Where two sessions wait for each other, it is this one that gives way, not the old application's.
	connector.SessionInitSQL = "SET DEADLOCK_PRIORITY LOW"
	return sql.OpenDB(connector), nil
}

// seconds rounds up, for a driver that takes 0 for its default.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// openSQLite opens a file that is there: read-only to SQLite, and read-only to us. To write, it takes the lock before it
// reads, and keeps foreign keys, which SQLite forgets unless it is told.
func openSQLite(_ Config, u *url.URL, to purpose) (*sql.DB, error) {
	if u.Host != "" || !strings.HasPrefix(u.Path, "/") || u.RawQuery != "" {
		return nil, errors.New("want sqlite:///absolute/path without options")
	}
	options := url.Values{"mode": {"ro"}, "_pragma": {"query_only(1)", "busy_timeout(1000)"}}
	if to == toWrite {
		options = url.Values{"mode": {"rw"}, "_pragma": {"foreign_keys(1)", "busy_timeout(1000)"}, "_txlock": {"immediate"}}
	}
	file := url.URL{Scheme: "file", Path: u.Path, RawQuery: options.Encode()}
	return sql.Open("sqlite", file.String())
}
