package pass

import (
	"context"

	"rekey/accounts"
	"rekey/legacy"
)

// judgements judges some people. Of a key that several of the page have, or the one before of the page before too, the store has
// several records, and a question by the key would be answered by any of them: all of them are judged as such.
func (d *doing) judgements(ctx context.Context, users []legacy.User) ([]accounts.Judgement, error) {
	all, err := d.Service.CompareMany(ctx, d.c.Source, users)
	before := d.c.Cursor
	for i := range all {
		id := users[i].ID
		if id == before || d.several[id] {
			j, twinsErr := d.Service.CompareTwins(ctx, d.c.Source, id)
			if twinsErr != nil {
				return all[:i], twinsErr
			}
			all[i] = j
		}
		before = id
	}
	return all, err
}

// severalOf returns the keys that several people have.
func severalOf(users []legacy.User) map[string]bool {
	several := map[string]bool{}
	seen := make(map[string]bool, len(users))
	for i := range users {
		if id := users[i].ID; seen[id] {
			several[id] = true
		} else {
			seen[id] = true
		}
	}
	return several
}
