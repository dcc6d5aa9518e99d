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
	Source      string // what the old store is called
	Hashes      *hash.Registry
	Text        func(name, password string) string
	Logs        []string // files that the processes wrote
}

// restIn is how long what is on its way may take to arrive when nothing is broken any more.
const restIn = 40 * time.Second

// AwaitRest waits until nothing is on its way between the stores (I19), and says what still is after a while.
func (b Books) AwaitRest(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, restIn)
	defer cancel()
	for {
		var waiting, refused, doubt int
		err := b.New.QueryRowContext(ctx, `
SELECT (SELECT count(*) FROM copy_back), (SELECT count(*) FROM copy_back WHERE refused <> ''), (SELECT count(*) FROM accounts WHERE in_doubt)`).
			Scan(&waiting, &refused, &doubt)
		if err == nil && waiting+doubt == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return []string{fmt.Sprintf("I19: %d changes are still on their way after %s, %d of them refused by the old store, %d accounts are in doubt", waiting, restIn, refused, doubt)}
		case <-time.After(50 * time.Millisecond): // another process tells only when it is asked
		}
	}
}
