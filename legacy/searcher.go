package legacy

import "context"

// Searcher is a Source that finds people by a part of what they log in with, for support. It may be slow: no index knows the
// middle of a text.
type Searcher interface {
	// Searches reports whether it can, as it is configured. It does not ask the store.
	Searches() bool
	// Search returns up to limit people, in no order, who have part in an identifier: at the least in an e-mail address, and
	// whatever the letters' case at least where they are ASCII. No character of part means anything but itself. That it takes too
	// long says nothing about the store.
	//
	// People whose record cannot be read are left out, and told as by List.
	Search(ctx context.Context, part string, limit int) ([]User, error)
}
