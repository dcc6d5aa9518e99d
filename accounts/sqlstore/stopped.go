package sqlstore

import (
	"context"
	"strings"
	"time"
)

// Of a process that stands still in a transaction, the server waits for the next statement only so long, and takes the transaction
// back. But in the middle of a COPY it waits for rows, and none of its timeouts holds there (PostgreSQL 15: a cancellation is kept
// back while the next piece is read; one that ends the connection is not). The people of that batch, and every move of the phase,
// would wait for as long as the process stands still.

// longestCopy is longer than whoever copies waits for the end of it.
const longestCopy = 15 * time.Second

// copied are the tables that are written to by COPY, as a regular expression.
var copied = func() string {
	var names []string
	for _, b := range (madeRows{}).batches() {
		names = append(names, b.name)
	}
	return strings.Join(names, "|")
}()

// endStoppedTimeout bounds a look for such processes. It is taken aside: nothing fails because of it.
const endStoppedTimeout = 2 * time.Second

// endStopped ends the connections of ours that have stood still in the middle of a COPY for too long. Who waits for what another
// process writes calls it, and tries again. On SQLite there are none.
func (s *Store) endStopped(ctx context.Context) {
	if s.Postgres() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endStoppedTimeout)
	defer cancel()
	longest := longestCopy
	if s.longestCopy > 0 {
		longest = s.longestCopy
	}
	// Where it cannot be asked, whoever waits goes on waiting, and looks again.
	_ = s.each(ctx, s.read, func(scan) error { return nil }, `
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND usename = current_user AND state = 'active' AND wait_event = 'ClientRead'
   AND query ~ '^copy "(`+copied+`)" .* from stdin'
   AND query_start < clock_timestamp() - make_interval(secs => $1)`, longest.Seconds())
}
