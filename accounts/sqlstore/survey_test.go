package sqlstore

import (
	"database/sql"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// A comparison right after a sweep knows how large the tables are: PostgreSQL has looked at them.
func TestVerifyKnowsTheTables(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	s := open(t, postgresURL(t))
	id := uuid.Must(uuid.NewV7())
	run := accounts.Run{ID: id, Kind: accounts.RunVerify, State: accounts.RunRunning, Spec: "{}", Began: time.Now()}
	event := accounts.Event{ID: uuid.Must(uuid.NewV7()), At: time.Now(), AccountID: uuid.Max, Kind: "run.began", Actor: "test"}
	if err := s.BeginRun(t.Context(), run, nil, event); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"accounts", "legacy_links"} {
		var looked sql.NullTime
		err := s.read.QueryRowContext(t.Context(), `SELECT last_analyze FROM pg_stat_user_tables WHERE relname = $1`, table).Scan(&looked)
		if err != nil || !looked.Valid {
			t.Errorf("nobody has looked at %s (%v)", table, err)
		}
	}
}
