package legacy

import "context"

// ManyFinder is a Source that can be asked at once for many people by what they type.
type ManyFinder interface {
	// FindsMany reports whether it can, as it is configured. It does not ask the store.
	FindsMany() bool
	// FindMany returns everyone who has one of the spellings, compared as by Lookup, in any order; who has several of them may come
	// more than once. ErrTooMany is many times as many people as there are spellings.
	//
	// People whose record cannot be read are left out, and told as by List. Every other error means "cannot tell", of all of them.
	FindMany(ctx context.Context, spellings []string) ([]User, error)
}

// FindsMany returns a source as one that can be asked for many people at once; nil where it cannot.
func FindsMany(s Source) ManyFinder {
	if finder, ok := s.(ManyFinder); ok && finder.FindsMany() {
		return finder
	}
	return nil
}
