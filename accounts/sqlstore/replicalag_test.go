package sqlstore

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

func TestTrack(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	var tr track
	for i, c := range []struct{ reached, applied, behind int64 }{
		{100, 100, 0}, {100, 100, 0}, {200, 100, 0}, {300, 150, 1}, {300, 199, 2}, {300, 200, 2}, {300, 299, 3}, {300, 300, 0}, {400, 300, 0}, {400, 300, 1},
	} {
		got := tr.behind(start.Add(time.Duration(i)*time.Second), c.reached, c.applied)
		if got != time.Duration(c.behind)*time.Second {
			t.Errorf("second %d: %s behind, want %d s", i, got, c.behind)
		}
	}
	for i := range int64(2 * maxTrack) {
		tr.behind(start.Add(time.Duration(10+i)*time.Second), 500+i, 0)
	}
	if len(tr.seen) != maxTrack {
		t.Errorf("%d positions are remembered", len(tr.seen))
	}
}

func TestReplicaLag(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		s := open(t, url)
		if lag, standbys, err := s.ReplicaLag().Read(t.Context(), time.Now()); err != nil || s.Postgres() == nil && (standbys || lag != 0) {
			t.Errorf("without a standby: %s, %v, %v", lag, standbys, err)
		}
	})
}

// A standby receives the log of a server, and says of it what it is told to.
type standby struct{ conn *pgconn.PgConn }

// newStandby connects as a standby does; see "Streaming Replication Protocol" in the manual of PostgreSQL.
func newStandby(t *testing.T, url, position string) *standby {
	t.Helper()
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal("the URL of the server cannot be read")
	}
	config.RuntimeParams["replication"] = "true"
	config.RuntimeParams["application_name"] = t.Name()
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	s := &standby{conn}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) }) // the server hears of it in either case
	conn.Frontend().SendQuery(&pgproto3.Query{String: "START_REPLICATION PHYSICAL " + position})
	if err := conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		message, err := conn.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch m := message.(type) {
		case *pgproto3.CopyBothResponse:
			return s
		case *pgproto3.ErrorResponse:
			t.Fatal(m.Message)
		}
	}
}

// say tells the server up to where the log was applied.
func (s *standby) say(t *testing.T, applied uint64) {
	t.Helper()
	data := []byte{'r'}
	for range 3 { // written, flushed, applied
		data = binary.BigEndian.AppendUint64(data, applied)
	}
	data = binary.BigEndian.AppendUint64(data, 0) // the clock, which nobody looks at
	s.conn.Frontend().Send(&pgproto3.CopyData{Data: append(data, 0)})
	if err := s.conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
}

// TestReplicaLagOfAStandby: one that goes on receiving and applies nothing is the later the longer that lasts.
func TestReplicaLagOfAStandby(t *testing.T) {
	t.Parallel()
	url := postgresURL(t)
	s := open(t, url)
	var position string
	var applied int64
	err := s.each(t.Context(), s.read, func(scan scan) error { return scan(&position, &applied) }, `
SELECT CAST(pg_current_wal_flush_lsn() AS text), CAST(pg_current_wal_flush_lsn() - '0/0' AS bigint)`)
	if err != nil {
		t.Fatal(err)
	}
	newStandby(t, url, position).say(t, uint64(applied))
	if _, err := s.MetaOnce(t.Context(), "what", "is behind that position"); err != nil {
		t.Fatal(err)
	}
	lag, now := s.ReplicaLag(), time.Now()
	for waited := time.Duration(0); ; waited += time.Second {
		got, standbys, err := lag.Read(t.Context(), now.Add(waited))
		if err != nil {
			t.Fatal(err)
		}
		if standbys && got >= waited && waited >= 5*time.Second {
			return
		}
	}
}
