package audit

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"rekey/legacy/hash"
)

// Books are both stores, when nothing is under way any more.
type Books struct {
	New, Legacy *sql.DB
	Source      string            // what the old store is called
	Subjects    map[string]string // by name, of those who were there at the begin
	Hashes      *hash.Registry
	Text        func(name, password string) string
	Tokens      func() []string // those of all letters
	Logs        []string        // files that the processes wrote
}

// How long what is on its way may take to arrive when nothing is broken any more: what must be in both stores (I9), and all.
const (
	intentsIn = 30 * time.Second
	restIn    = 40 * time.Second
)

// AwaitRest waits until nothing is on its way between the stores (I9, I19), and says what still is after a while.
func (b Books) AwaitRest(ctx context.Context) (findings []string) {
	ctx, cancel := context.WithTimeout(ctx, restIn)
	defer cancel()
	late := time.After(intentsIn)
	var waiting, refused, doubt int // when it was last told
	for {
		var now [3]int
		err := b.New.QueryRowContext(ctx, `
SELECT (SELECT count(*) FROM copy_back), (SELECT count(*) FROM copy_back WHERE refused <> ''),
       (SELECT count(*) FROM copy_back WHERE intent) + (SELECT count(*) FROM accounts WHERE in_doubt)`).Scan(&now[0], &now[1], &now[2])
		if err == nil {
			waiting, refused, doubt = now[0], now[1], now[2]
			if waiting+doubt == 0 {
				return findings
			}
		}
		select {
		case <-ctx.Done():
			return append(findings, fmt.Sprintf("I19: %d changes are still on their way after %s, %d of them refused by the old store", waiting, restIn, refused))
		case <-late:
			if doubt > 0 {
				findings = append(findings, fmt.Sprintf("I9: changes of both stores have not ended in %s, or accounts are in doubt: %d", intentsIn, doubt))
			}
		case <-time.After(50 * time.Millisecond): // another process tells only when it is asked
		}
	}
}
