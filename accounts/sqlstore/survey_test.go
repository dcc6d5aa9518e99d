package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/accountstest"
)

// looked returns at which tables the database has been told to look.
func looked(t *testing.T, s *Store) (tables []string) {
	t.Helper()
	err := s.each(t.Context(), s.read, func(scan scan) error {
		var name string
		var at sql.NullTime
		err := scan(&name, &at)
		if at.Valid {
			tables = append(tables, name)
		}
		return err
	}, `SELECT relname, last_analyze FROM pg_stat_user_tables ORDER BY relname`)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

var surveyed = []string{"accounts", "credentials", "identifiers", "legacy_links"}

// begin begins a run over one chunk.
func begin(t *testing.T, s *Store, kind accounts.RunKind) accounts.Chunk {
	t.Helper()
	run := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: kind, State: accounts.RunRunning, Spec: "{}", Began: time.Now()}
	part := accounts.Part{Source: "shop"}
	if err := s.BeginRun(t.Context(), run, []accounts.Part{part}, accountstest.Event(uuid.Max, accounts.EventSweepBegan)); err != nil {
		t.Fatal(err)
	}
	if err := s.CutChunks(t.Context(), run.ID, part, accounts.Part{Source: "shop", Whole: true}, []accounts.Chunk{{}}); err != nil {
		t.Fatal(err)
	}
	c, err := s.ClaimChunk(t.Context(), run.ID, "w", 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A comparison right after a sweep knows how large the tables are: PostgreSQL has looked at them.
func TestVerifyKnowsTheTables(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	s := open(t, postgresURL(t))
	begin(t, s, accounts.RunVerify)
	if tables := looked(t, s); !slices.Equal(tables, surveyed) {
		t.Errorf("it has looked at %v", tables)
	}
}

// Nobody waits for a table that is being vacuumed; the others are looked at.
func TestSurveyWaitsForNobody(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	s := open(t, postgresURL(t))
	vacuum, err := s.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = vacuum.Rollback() }()                                                                         // nothing was written
	if _, err := vacuum.ExecContext(t.Context(), `LOCK TABLE accounts IN SHARE UPDATE EXCLUSIVE MODE`); err != nil { // as VACUUM does
		t.Fatal(err)
	}
	if err := s.engine.survey(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if tables := looked(t, s); !slices.Equal(tables, surveyed[1:]) {
		t.Errorf("it has looked at %v", tables)
	}
}

// A sweep into small tables does not go on as if they were small.
func TestSweepKnowsTheTables(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	s := open(t, postgresURL(t))
	c := begin(t, s, accounts.RunMove)
	for batch := range 2 {
		if tables := looked(t, s); len(tables) > 0 {
			t.Errorf("after %d accounts it has looked at %v", batch*firstLook/2, tables)
		}
		var many []accounts.Made
		for i := range firstLook / 2 {
			r := accountstest.Person(fmt.Sprintf("person%d-%d", batch, i))
			many = append(many, accounts.Made{Record: r, Event: accountstest.Event(r.ID, accounts.EventMigrated)})
		}
		if refused, err := s.At(0).CreateMany(t.Context(), many, c, time.Hour); err != nil || len(refused) > 0 {
			t.Fatal(refused, err)
		}
	}
	if tables := looked(t, s); !slices.Equal(tables, surveyed) {
		t.Errorf("it has looked at %v", tables)
	}
}

// The database looks after a thousand accounts and each time when there are ten times as many, whoever of several counts them.
func TestGrowth(t *testing.T) {
	t.Parallel()
	var g growth
	var at []int
	for made := 400; made <= 200_000; made += 400 {
		if g.by(400) {
			at = append(at, made)
		}
	}
	if !slices.Equal(at, []int{1200, 12_000, 120_000}) {
		t.Errorf("it looks after %v accounts", at)
	}
}
