package accounts

import (
	"context"
	"errors"

	"rekey/legacy"
)

// Why a legacy store cannot be walked to its end.
var (
	errNoLister  = errors.New("the source cannot be walked")
	errWalkStuck = errors.New("no record of a whole page has a key to go on from")
)

// walk visits everybody of a legacy store in the order of its keys, and is told of each record that cannot be read once.
func walk(ctx context.Context, source Source, page int, visit func(legacy.User) error, unreadable func(*legacy.RowError)) error {
	lister, ok := source.Source.(legacy.Lister)
	if !ok {
		return errNoLister
	}
	told := map[string]bool{}
	for after := ""; ; {
		users, err := lister.List(ctx, after, page)
		bad, err := legacy.RowErrors(err)
		if err != nil {
			return err
		}
		next := after
		again := map[string]bool{}
		for _, row := range bad { // those behind the last readable key come again with the next page
			if !told[row.Key] || row.Key == "" {
				unreadable(row)
			}
			again[row.Key] = true
			if len(row.Key) < legacy.MaxRowKey { // a longer one was cut, and is nothing to go on from
				next = row.Key
			}
		}
		for _, user := range users {
			if err := visit(user); err != nil {
				return err
			}
			next = user.ID
		}
		switch {
		case len(users)+len(bad) < page:
			return nil
		case next == after || next == "":
			return errWalkStuck
		}
		after, told = next, again
	}
}
