package legacy

import (
	"context"
	"time"
)

// Watcher is a Source that can tell whose record was written, by a time that the store keeps with each.
type Watcher interface {
	// Watches reports whether it can, as it is configured. It does not ask the store.
	Watches() bool
	// Changed returns a page of those whose record was written, in the order of that time and then of the key, up to limit of
	// them. It begins behind after, which is the Next of an earlier page, or "" for all there are; and back earlier than that,
	// by the store's own clock, since what is written first is not always seen first.
	//
	// Who is there no more may be among them, where the store keeps the record with a mark. A record that has no time is never
	// among them, nor is one that was removed whole.
	Changed(ctx context.Context, after string, back time.Duration, limit int) (Changes, error)
	// Newest returns where Changed would have ended if it had read all there is: behind the record that was written last, or ""
	// if there is none.
	Newest(ctx context.Context) (string, error)
}

// Changes is a page of whose record was written.
type Changes struct {
	IDs  []string // keys; who is meant by one is for Get to tell
	Next string   // where the next page begins, also if this was the last: what is written later comes behind it
	More bool     // there may be another page
}
