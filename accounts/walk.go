package accounts

import (
	"context"
	"errors"

	"rekey/legacy"
)

// Why a legacy store cannot be walked.
var (
	errNoLister = errors.New("the source cannot be walked")
	errNoCutter = errors.New("the source cannot be cut into pieces")
)

// walk visits everybody of a legacy store in the order of its keys, and is told of each record that cannot be read once.
func walk(ctx context.Context, source Source, page int, visit func(legacy.User) error, unreadable func(*legacy.RowError)) error {
	return walkPages(ctx, source, page, func(people []legacy.User) error {
		for _, user := range people {
			if err := visit(user); err != nil {
				return err
			}
		}
		return nil
	}, unreadable)
}

// walkPages is walk by the page.
func walkPages(ctx context.Context, source Source, page int, visit func([]legacy.User) error, unreadable func(*legacy.RowError)) error {
	list, err := lists(source, "")
	if err != nil {
		return err
	}
	told := map[string]bool{}
	for after := ""; ; {
		p, err := readPage(ctx, source.Source, after, page, list)
		if err != nil && !errors.Is(err, ErrWalkStuck) {
			return err
		}
		again := map[string]bool{}
		for _, row := range p.Unreadable { // those behind the last readable key come again with the next page
			if !told[row.Key] || row.Key == "" {
				unreadable(row)
			}
			again[row.Key] = true
		}
		if err := visit(p.People); err != nil {
			return err
		}
		if err != nil || p.Last {
			return err
		}
		after, told = p.Next, again
	}
}
