package pass_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/sqlsource"
	"rekey/sweeper/pass"
)

// benchPeople are in both stores, which are SQLite.
const benchPeople = 10_000

// BenchmarkCompare is a pass that finds no difference. Its number is people/s, each compared both ways.
func BenchmarkCompare(b *testing.B) {
	w := newWorldOver(b, phase.Lazy, tableOf(b, benchPeople))
	if err := w.copy(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		v, err := pass.Compare(b.Context(), pass.CompareConfig{Service: w.Service, Sources: []string{"shop"}, Workers: 2, By: because})
		if err != nil || v.Found.Sources[0].Counts[accounts.VerdictEqual] != benchPeople {
			b.Fatalf("%+v, %v", v.Found, err)
		}
	}
	b.ReportMetric(benchPeople*float64(b.N)/b.Elapsed().Seconds(), "people/s")
}

// tableOf is a table of so many people, whose hashes are carried as they are.
func tableOf(tb testing.TB, people int) legacy.Source {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "shop.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		tb.Fatal(err)
	}
	for _, text := range []string{
		`CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT, email TEXT, pass TEXT, seen INTEGER)`,
		`CREATE INDEX users_login ON users (login)`, `CREATE INDEX users_email ON users (email)`, `CREATE INDEX users_seen ON users (seen, id)`,
		fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
INSERT INTO users SELECT i, 'user' || i, 'user' || i || '@example.org', '$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy', 1700000000 + i FROM n`, people),
	} {
		if _, err := db.ExecContext(tb.Context(), text); err != nil {
			tb.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	source, err := sqlsource.Open(sqlsource.Config{
		Name: "shop", DSN: "sqlite://" + path, Table: "users", Scheme: "auto", UpdatedAt: "seen",
		Columns: sqlsource.Columns{ID: "id", Username: "login", Email: "email", Password: "pass"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = source.Close() }) // it has only read
	return source
}
