package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"rekey/accounts"
	"rekey/accounts/accountstest"
	"rekey/accounts/phase"
)

// standStill does what a process does that stands still in the middle of a batch: the row of one account is on its way, in the epoch
// that the store holds, and the rest does not come. It returns the account's id.
func standStill(t *testing.T, s *Store) uuid.UUID {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	first, sent, over, ended := uuid.Must(uuid.NewV7()), make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.inConnTx(ctx, func(conn *sql.Conn, _ *sql.Tx) error {
			return conn.Raw(func(driver any) error {
				rows := 0
				_, err := driver.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{"accounts"}, []string{"id", "disabled", "created_at"},
					pgx.CopyFromFunc(func() ([]any, error) {
						if rows++; rows > copiedRows {
							close(sent)
							<-over
							return nil, errUndone
						}
						id := first
						if rows > 1 {
							id = uuid.Must(uuid.NewV7())
						}
						return []any{[16]byte(id), false, int64(1)}, nil
					}))
				return err
			})
		})
	}()
	t.Cleanup(func() {
		close(over)
		if err := <-ended; err == nil {
			t.Error("what it wrote is committed")
		}
	})
	select {
	case <-sent:
	case err := <-ended:
		t.Fatalf("it does not stand still: %v", err)
	}
	return first
}

// copiedRows are more than what is kept back until there is enough to send.
const copiedRows = 5000

// Who comes to the same account, and a move of the phase, do not wait for as long as a process stands still in the middle of a COPY.
func TestStoppedCopy(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	url := postgresURL(t)
	s := open(t, url)
	s.longestCopy = time.Millisecond
	state, err := phase.Initial(phase.Lazy, "0123456789abcdef", time.Now())
	if err == nil {
		state, err = s.InitPhase(t.Context(), state)
	}
	if err != nil {
		t.Fatal(err)
	}
	held := *s
	held.epoch = state.Epoch

	standStill(t, &held)
	next, err := state.Move(phase.LegacyOnly, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.MovePhase(soon, next[0], accountstest.Event(uuid.Max, accounts.EventPhaseMoved)); err != nil {
		t.Errorf("the move: %v", err)
	}
	wantEnded(t, s, func() {})

	id := standStill(t, s)
	r, e := person("one")
	r.ID = id
	e.AccountID = r.ID
	for deadline := time.Now().Add(20 * time.Second); ; { // the first waits in vain
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		err := s.Create(short, r, e)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) || time.Now().After(deadline) {
			t.Fatalf("create: %v", err)
		}
	}
	wantEnded(t, s, func() {})

	standStill(t, s)
	wantEnded(t, s, func() { // workers look each second
		if _, err := s.ClaimChunk(t.Context(), uuid.New(), "worker", 1, time.Second); !errors.Is(err, accounts.ErrNotFound) {
			t.Fatal(err)
		}
	})
}

// wantEnded fails unless nobody stands still any more, once others have tried to do something.
func wantEnded(t *testing.T, s *Store, try func()) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		try()
		stands, err := s.exists(t.Context(), s.read, `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'copy%'`)
		if err != nil {
			t.Fatal(err)
		}
		if !stands {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it stands still")
		}
	}
}
