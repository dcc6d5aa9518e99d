package masterkey

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strings"
)

// factName is under which name the check value of the key that a store was set up with is kept.
const factName = "master-key-check"

// Facts is the part of a store that Confirm needs: MetaOnce stores the value unless the name has one, and returns
// the value that stands.
type Facts interface {
	MetaOnce(ctx context.Context, name, value string) (string, error)
}

// A WrongKeyError says that the store was set up with another master key. Nothing may start with this one: what is
// sealed could not be opened, and every refresh token would be refused.
type WrongKeyError struct {
	Given string // ID of the key that was given
	Store string // ID of the key that the store was set up with, or "unknown"
}

func (e *WrongKeyError) Error() string {
	return fmt.Sprintf("wrong master key: the store was set up with key %s, and this is key %s", e.Store, e.Given)
}

// Confirm makes k the master key of a store that has none yet, and otherwise checks that it is the one. It returns
// a *WrongKeyError if it is not; every other error means that the store could not be asked.
func Confirm(ctx context.Context, store Facts, k *Key) error {
	stands, err := store.MetaOnce(ctx, factName, k.CheckValue())
	if err != nil {
		return fmt.Errorf("confirm master key: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(stands), []byte(k.CheckValue())) == 1 {
		return nil
	}
	id, _, ok := strings.Cut(stands, ":")
	if !ok || len(id) != len(k.ID()) {
		id = "unknown"
	}
	return &WrongKeyError{Given: k.ID(), Store: id}
}
