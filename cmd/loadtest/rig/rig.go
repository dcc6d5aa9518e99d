// Package rig makes what is measured: the binary, databases and ports of its own, a process. It serves the tools that measure.
package rig

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // PostgreSQL

	"rekey/cmd/loadtest/gauge"
)

// Build compiles rekey into a folder, as it is released, and returns its path. It has to be run from the top folder.
func Build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "rekey")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/rekey")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build rekey (run this from the top folder): %w\n%s", err, out)
	}
	return binary, nil
}

// MasterKey writes a new master key into a folder and returns its path.
func MasterKey(dir string) (string, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	path := filepath.Join(dir, "master.key")
	return path, os.WriteFile(path, []byte(hex.EncodeToString(key)), 0o600)
}

// FreePorts returns two addresses of loopback that nobody listens on.
func FreePorts() (first, second string, err error) {
	var addrs [2]string
	for i := range addrs {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer func() { _ = l.Close() }() // it has served
		addrs[i] = l.Addr().String()
	}
	return addrs[0], addrs[1], nil
}

// A Database is one that was made on a server.
type Database struct {
	DSN  string
	Drop func() error
}

// errNotURL does not quote what it was, which may be a password.
var errNotURL = errors.New("the DSN is no URL")

// NewDatabase makes a database on the PostgreSQL or MariaDB that a DSN names.
func NewDatabase(ctx context.Context, server string) (Database, error) {
	u, err := url.Parse(server)
	if err != nil {
		return Database{}, errNotURL
	}
	admin, err := Connect(server)
	if err != nil {
		return Database{}, err
	}
	defer func() { _ = admin.Close() }() // connections that do not close harm nothing here
	name := "bench_" + strings.ToLower(rand.Text()[:16])
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return Database{}, err
	}
	drop := "DROP DATABASE " + name
	if isPostgres(u) {
		drop += " WITH (FORCE)"
	}
	made := *u
	made.Path = "/" + name
	db := Database{DSN: made.String(), Drop: func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return Exec(ctx, server, drop)
	}}
	return db, nil
}

func isPostgres(u *url.URL) bool { return strings.HasPrefix(u.Scheme, "postgres") }

// ServerPID returns the first process of a PostgreSQL or MariaDB on this machine: of PostgreSQL the postmaster, which is the parent
// of each backend.
func ServerPID(ctx context.Context, server string) (pid int, err error) {
	u, err := url.Parse(server)
	if err != nil {
		return 0, errNotURL
	}
	admin, err := Connect(server)
	if err != nil {
		return 0, err
	}
	defer func() { _ = admin.Close() }() // connections that do not close harm nothing here
	if !isPostgres(u) {
		var file string
		if err := admin.QueryRowContext(ctx, "SELECT @@pid_file").Scan(&file); err != nil {
			return 0, err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		_, err = fmt.Sscan(string(text), &pid)
		return pid, err
	}
	var backend int
	if err := admin.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return 0, err
	}
	return gauge.Parent(backend), nil
}

// Connect opens the database that a mysql:// or postgres:// DSN names.
func Connect(dsn string) (*sql.DB, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errNotURL
	}
	if isPostgres(u) {
		return sql.Open("pgx", dsn)
	}
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.DBName = "tcp", u.Host, u.User.Username(), strings.Trim(u.Path, "/")
	config.Passwd, _ = u.User.Password()
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Exec runs one statement in the database that a DSN names.
func Exec(ctx context.Context, dsn, text string, args ...any) error {
	db, err := Connect(dsn)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, text, args...)
	return errors.Join(err, db.Close())
}

// readyIn is how long a process may take to be ready.
const readyIn = 20 * time.Second

// Begin starts a gateway, waits until it is ready, and returns how long that took.
func Begin(cmd *exec.Cmd, client *http.Client, base string) (time.Duration, error) {
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	for ; time.Since(begin) < readyIn; time.Sleep(time.Millisecond) {
		if res, err := client.Get(base + "/readyz"); err == nil {
			_ = res.Body.Close() // nothing of it is needed
			if res.StatusCode == http.StatusOK {
				return time.Since(begin), nil
			}
		}
	}
	return 0, errors.New("rekey did not become ready")
}

// End stops a process as an operator does.
func End(cmd *exec.Cmd) error {
	err := cmd.Process.Signal(syscall.SIGTERM)
	if waited := cmd.Wait(); err == nil {
		err = waited
	}
	return err
}
