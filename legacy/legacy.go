// Package legacy is the contract with an old user store: who is in it, and what an adapter can do beyond that.
//
// It serves the packages that move people out of such a store and the adapters below this folder. It imports
// nothing else of this repository, and it never writes: an adapter that can write says so by being a Writer.
package legacy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors that keep three answers apart. An error that is none of these means "cannot tell": the store was down,
// slow, or said something that could not be read. It must never be shown to a person as a wrong password.
var (
	// ErrNoUser: the store answered, and nobody is there under that key.
	ErrNoUser = errors.New("no such user in the legacy store")
	// ErrTooMany: the store answered, and more people have that identifier than can be told apart.
	ErrTooMany = errors.New("too many people share an identifier in the legacy store")
	// ErrWrongPassword: the store answered, and the password is not that person's.
	ErrWrongPassword = errors.New("wrong password")
)

// ErrMapping is wrapped by the error of an adapter's Check when the store answers but has not what the configuration
// names (a table, a column, an attribute, a field), or does not let us read it: a mistake that waiting does not mend.
var ErrMapping = errors.New("the store has not what the configuration names")

// MaxRowKey is how long a key may be, in bytes. What is longer is no key.
const MaxRowKey = 1 << 10

// shownKey is how much of a key is told where people read it, in bytes.
const shownKey = 64

// ShownKey returns a key as it may be told in a message or a report: short, and text. Several keys may be shown alike.
func ShownKey(key string) string { return strings.ToValidUTF8(key[:min(len(key), shownKey)], "") }

// A RowError says that one person's record cannot be read. It never contains the value.
type RowError struct {
	Key    string // the record's whole key, as Get takes it; empty if it is the key that cannot be read, or is none
	Column string // the column, attribute or field
	Reason string
	Line   int64 // where the record begins in a file, from 1; 0 where there are no lines

	// Mapping: the record was read, and an expression of the configuration has no result for it.
	Mapping bool
}

func (e *RowError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("user %q: column %s cannot be read: %s (line %d)", ShownKey(e.Key), e.Column, e.Reason, e.Line)
	}
	return fmt.Sprintf("user %q: column %s cannot be read: %s", ShownKey(e.Key), e.Column, e.Reason)
}

// RowErrors takes the records that cannot be read out of List's error. What is left is nil unless the page itself failed.
func RowErrors(err error) ([]*RowError, error) {
	var rows []*RowError
	var gather func(error)
	gather = func(err error) {
		switch e := err.(type) { //nolint:errorlint // it walks the tree that errors.As would stop in at the first
		case *RowError:
			rows = append(rows, e)
		case interface{ Unwrap() []error }:
			for _, each := range e.Unwrap() {
				gather(each)
			}
		case interface{ Unwrap() error }:
			gather(e.Unwrap())
		}
	}
	gather(err)
	if len(rows) > 0 {
		return rows, nil
	}
	return nil, err
}

// A User is one person as the legacy store has them.
type User struct {
	ID       string // the store's own key, as text; never empty, never re-used for somebody else
	Username string // as stored, not canonical; empty where the store has none
	Email    string
	Phone    string
	Aliases  []string // what else the person can type, of whatever kind: a second address, an old name
	LeftOut  int      // how many of those the store has that cannot be kept: too long, or no text

	// Password is the stored hash, or nil where the store does not show it and only verifies (see Verifier).
	Password *Stored

	Profile Profile

	// Extra holds what else was read of the person, by the store's own names, for mapping expressions alone: string,
	// int64, float64, bool, time.Time, or a list of strings. It is not kept.
	Extra map[string]any

	Disabled    bool
	CreatedAt   time.Time // zero where unknown
	LastLoginAt time.Time // zero where unknown
}

// Identifiers returns what the person can type to log in, as stored, empty ones left out.
func (u User) Identifiers() []string {
	var ids []string
	for _, id := range append([]string{u.Username, u.Email, u.Phone}, u.Aliases...) {
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// Source is an old user store that can be asked for a person.
type Source interface {
	// Lookup returns everyone who has one of the spellings as username, e-mail, phone or alias, compared the way the
	// store itself compares. Nobody is an empty slice and no error; more than one is for the caller to settle, and
	// ErrTooMany is more than an adapter returns. Every other error means "cannot tell".
	Lookup(ctx context.Context, spellings ...string) ([]User, error)
}

// Getter is a Source that can read a person by the store's own key.
type Getter interface {
	// Get returns ErrNoUser if the key is not there. Every other error means "cannot tell".
	Get(ctx context.Context, id string) (User, error)
}

// Verifier is a Source that checks a password itself, because it does not show its hashes.
type Verifier interface {
	// Verify returns nil if password is the user's, ErrWrongPassword if it is not, ErrNoUser if the person has
	// gone since Lookup. Every other error means "cannot tell". It does not keep password.
	Verify(ctx context.Context, user User, password []byte) error
}

// Lister is a Source that can be walked from end to end.
type Lister interface {
	// List returns up to limit people in the order of the store's key, starting behind after (the ID of the last
	// person of the page before; "" for the first page). A page shorter than limit is the last.
	//
	// People whose record cannot be read are left out, and told by an error that wraps a *RowError for each of them; the
	// others of the page are returned beside that error. They count for the length of the page.
	//
	// The slice is the caller's, who may change it.
	List(ctx context.Context, after string, limit int) ([]User, error)
}

// Cutter is a Lister that can be walked in pieces, by several at once.
type Cutter interface {
	// Cuts reports whether it can: an adapter may be able to, and its configuration not.
	Cuts() bool
	// Cut returns the ID of the nth person behind after, in the order of List; "" if there are not as many. Records that cannot be
	// read count, but one without a key that can.
	Cut(ctx context.Context, after string, n int) (id string, err error)
	// ListTo is List that ends with the person whose ID is through, or before the first behind it where that is not there any more.
	ListTo(ctx context.Context, after, through string, limit int) ([]User, error)
}

// Apart is a Lister that may be configured to list by another question than it looks people up by.
type Apart interface {
	// ListsApart reports whether it is: whom it lists may be nobody to Lookup, or be told otherwise there.
	ListsApart() bool
}

// ListsApart reports whether a source does; see Apart.
func ListsApart(s Source) bool {
	apart, ok := s.(Apart)
	return ok && apart.ListsApart()
}

// Checker is a Source that can tell a mistake of configuration from an outage, before anybody logs in.
type Checker interface {
	// Check asks the store once. Its error wraps ErrMapping if the store answers but has not what the configuration
	// names. Every other error means that it does not answer.
	Check(ctx context.Context) error
}

// Pinger is a Source that can be asked, as often as a probe likes, whether it answers.
type Pinger interface {
	Ping(ctx context.Context) error
}
