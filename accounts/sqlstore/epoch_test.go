package sqlstore

import (
	neturl "net/url"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// A move waits for a write that holds the epoch, on another connection. SQLite lets nobody else begin to write meanwhile, so
// there is nothing to see there.
func TestMoveWaitsForAHeldWrite(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	s := open(t, postgresURL(t))
	state, err := phase.Initial(phase.Lazy, "0123456789abcdef", time.Now())
	if err == nil {
		state, err = s.InitPhase(t.Context(), state)
	}
	if err != nil {
		t.Fatal(err)
	}
	next, err := state.Move(phase.LegacyOnly, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	moved := make(chan error, 1)
	held := *s
	held.epoch = state.Epoch
	err = held.inTx(t.Context(), func(querier) error {
		go func() {
			moved <- s.MovePhase(t.Context(), next[0], accounts.Event{
				ID: uuid.Must(uuid.NewV7()), At: time.Now(), AccountID: uuid.Max, Kind: accounts.EventPhaseMoved, Actor: "test",
			})
		}()
		for waits := false; !waits; {
			select {
			case err := <-moved:
				t.Errorf("the move did not wait: %v", err)
				moved <- err
				return nil
			default:
			}
			var err error
			waits, err = s.exists(t.Context(), s.read, `
SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7230163 AND NOT granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-moved; err != nil {
		t.Fatal(err)
	}
	if epoch, err := s.PhaseEpoch(t.Context()); err != nil || epoch != 2 {
		t.Errorf("the epoch is %d (%v), want 2", epoch, err)
	}
}

// A move does not wait for ever for a process that was stopped in the middle of a write: the server takes the write back, and
// nothing of it is there when the process wakes.
func TestMoveGoesOnWithoutAStoppedWrite(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	url := postgresURL(t)
	var wait string
	if err := open(t, url).read.QueryRowContext(t.Context(), `SHOW idle_in_transaction_session_timeout`).Scan(&wait); err != nil || wait != "10s" {
		t.Errorf("the server waits %s (%v) for the next statement of a transaction, want the time of a lease", wait, err)
	}
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("idle_in_transaction_session_timeout", "200") // milliseconds
	u.RawQuery = query.Encode()
	s := open(t, u.String())
	state, err := phase.Initial(phase.Lazy, "0123456789abcdef", time.Now())
	if err == nil {
		state, err = s.InitPhase(t.Context(), state)
	}
	if err != nil {
		t.Fatal(err)
	}
	next, err := state.Move(phase.LegacyOnly, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	event := func() accounts.Event {
		return accounts.Event{ID: uuid.Must(uuid.NewV7()), At: time.Now(), AccountID: uuid.Max, Kind: accounts.EventPhaseMoved, Actor: "test"}
	}
	late := event()
	held := *s
	held.epoch = state.Epoch
	err = held.inTx(t.Context(), func(tx querier) error {
		if err := s.insertEvent(t.Context(), tx, late); err != nil {
			return err
		}
		if err := s.MovePhase(t.Context(), next[0], event()); err != nil {
			t.Errorf("the move: %v", err)
		}
		return nil
	})
	if err == nil {
		t.Error("the late write is committed")
	}
	if there, err := s.exists(t.Context(), s.read, `SELECT 1 FROM events WHERE id = $1`, late.ID); err != nil || there {
		t.Errorf("the late write is there: %v (%v)", there, err)
	}
}
