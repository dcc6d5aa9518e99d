package legacy

import (
	"context"
	"errors"
)

// ManyGetter is a Getter that can read many people at once.
type ManyGetter interface {
	// GetMany returns those of some keys who are there, in any order, each once. Whose record cannot be read is left out, and told
	// by an error that wraps a *RowError for each of them. Every other error means "cannot tell", of all of them.
	GetMany(ctx context.Context, ids []string) ([]User, error)
}

// GetMany reads people by their keys as ManyGetter.GetMany does, one by one where the source cannot do it at once.
func GetMany(ctx context.Context, source Getter, ids []string) ([]User, error) {
	if many, ok := source.(ManyGetter); ok {
		return many.GetMany(ctx, ids)
	}
	var users []User
	var bad []error
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		user, err := source.Get(ctx, id)
		rows, other := RowErrors(err)
		switch {
		case errors.Is(err, ErrNoUser):
		case other != nil:
			return nil, other
		case len(rows) > 0:
			bad = append(bad, err)
		default:
			users = append(users, user)
		}
	}
	return users, errors.Join(bad...)
}
