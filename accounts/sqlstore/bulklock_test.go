package sqlstore

import (
	"database/sql"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/accountstest"
)

// Who makes an account waits for the rows of a batch before they ask for the lock that the batch asks for behind its rows. The other
// way round each would wait for the other, until the database undoes one of them a second later.
func TestCreateWaitsForRowsFirst(t *testing.T) {
	t.Parallel()
	url := postgresURL(t)
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // its database goes with it
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // as above
	batch, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	person := accountstest.Person("anna")
	if _, err := batch.ExecContext(t.Context(), `INSERT INTO accounts (id, disabled, created_at) VALUES ($1, FALSE, 0)`, person.ID.String()); err != nil {
		t.Fatal(err)
	}
	made := make(chan error, 1)
	go func() { made <- s.Create(t.Context(), person, accountstest.Event(person.ID, accounts.EventMigrated)) }()
	for waiting := 0; waiting == 0; time.Sleep(time.Millisecond) { // it is the database that tells
		const query = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
		if err := db.QueryRowContext(t.Context(), query).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	var free bool
	if err := batch.QueryRowContext(t.Context(), `SELECT pg_try_advisory_xact_lock(7230164)`).Scan(&free); err != nil {
		t.Fatal(err)
	}
	if !free {
		t.Error("the batch would wait for who waits for it")
	}
	if err := batch.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-made; err != nil {
		t.Error(err)
	}
	if _, err := s.ByID(t.Context(), person.ID); err != nil {
		t.Error(err)
	}
}
