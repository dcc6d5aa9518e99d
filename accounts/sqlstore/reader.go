package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	neturl "net/url"
	"strings"
)

// A Reader is a store as it is, for a look at it: nothing is written, and no table brought up to date.
type Reader struct{ store *Store }

// OpenReader prepares to read the store at url; see Open. It asks nothing yet. The file of SQLite has to be there.
func OpenReader(ctx context.Context, url string) (*Reader, error) {
	open := openPostgres
	if strings.HasPrefix(url, "sqlite://") {
		open = openSQLiteReader
	}
	s, err := open(ctx, url, Options{MaxConns: 2})
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &Reader{s}, nil
}

// openSQLiteReader is openSQLite without a writer.
func openSQLiteReader(_ context.Context, url string, o Options) (*Store, error) {
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	read, err := sql.Open("sqlite", (&neturl.URL{Scheme: "file", Path: path}).String()+"?mode=ro&_query_only=on&"+sqliteSettings)
	if err != nil {
		return nil, err
	}
	read.SetMaxOpenConns(maxConns(o))
	return &Store{engine: sqliteEngine(), growth: &growth{}, read: &pool{DB: read}, close: read.Close}, nil
}

// ReadTx is that of Store.
func (r *Reader) ReadTx(ctx context.Context) (*sql.Tx, error) { return r.store.ReadTx(ctx) }

// Close releases the connections.
func (r *Reader) Close() error { return r.store.Close() }
