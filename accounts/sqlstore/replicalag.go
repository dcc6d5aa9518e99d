package sqlstore

import (
	"context"
	"time"
)

// A ReplicaLag tells how far the standbys of the database are behind. It is not safe for concurrent use.
type ReplicaLag struct {
	store *Store
	track track
}

// ReplicaLag returns what reads the lag of this store's standbys.
func (s *Store) ReplicaLag() *ReplicaLag { return &ReplicaLag{store: s} }

// Read returns the lag of the slowest standby that is connected. standbys is false if there is none, as with SQLite, or if the
// user may not know: pg_stat_replication tells who has pg_read_all_stats alone. To be asked every few seconds.
//
// replay_lag of pg_stat_replication is what it last took to apply something, and stands still when a standby does. So it
// is remembered when each position of the log was reached, and what has not been applied since is late by that much at least.
func (l *ReplicaLag) Read(ctx context.Context, now time.Time) (lag time.Duration, standbys bool, err error) {
	if l.store.Postgres() == nil {
		return 0, false, nil
	}
	var reached, applied, known, micros int64
	err = l.store.each(ctx, l.store.read, func(scan scan) error { return scan(&reached, &applied, &known, &micros) }, `
SELECT CAST(pg_current_wal_lsn() - '0/0' AS bigint), CAST(coalesce(min(replay_lsn - '0/0'), 0) AS bigint), count(replay_lsn),
       CAST(coalesce(max(extract(epoch FROM replay_lag)), 0) * 1000000 AS bigint)
  FROM pg_stat_replication WHERE state IN ('streaming', 'catchup')`)
	if err != nil {
		return 0, false, storeError("read the lag of the standbys", err)
	}
	behind := l.track.behind(now, reached, applied)
	return max(behind, time.Duration(micros)*time.Microsecond), known > 0, nil
}

// A track remembers when positions of the log were reached, the oldest first.
type track struct{ seen []position }

type position struct {
	at      time.Time
	reached int64
}

// maxTrack positions are half an hour, at one in two seconds.
const maxTrack = 900

// behind returns for how long at least something has been there that is behind the position applied.
func (t *track) behind(now time.Time, reached, applied int64) time.Duration {
	if n := len(t.seen); n == 0 || t.seen[n-1].reached < reached {
		t.seen = append(t.seen, position{now, reached})
	}
	if len(t.seen) > maxTrack {
		t.seen = t.seen[1:]
	}
	for _, p := range t.seen {
		if p.reached > applied {
			return now.Sub(p.at)
		}
	}
	return 0
}
