package pass

import (
	"context"

	"rekey/accounts"
	"rekey/legacy"
)

// judgements judges some people. Where the one before, of these or of the batch before, has the same key, the store has two records
// under it, and a question by the key would be answered by the other: those of a page stand beside one another.
func (d *doing) judgements(ctx context.Context, users []legacy.User) ([]accounts.Judgement, error) {
	all, err := d.Service.CompareMany(ctx, d.c.Source, users)
	before := d.c.Cursor
	for i := range all {
		if users[i].ID == before {
			all[i] = accounts.SeveralOfOneKey()
		}
		before = users[i].ID
	}
	return all, err
}
