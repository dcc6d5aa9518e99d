package main

import (
	"errors"

	"github.com/spf13/cobra"

	"rekey/legacy/hash"
)

func newHash(c console) *cobra.Command {
	return group("hash", "Look at old password hashes: which scheme, and does a password match",
		`Old password hashes outside of any store: what they are, and whether a password matches them.
Nothing here is written anywhere, and no command takes a password as an argument.`,
		newHashIdentify(c), newHashVerify(c))
}

// hashErrors are the words for what is wrong with a hash, without the details that differ from row to row. Scripts
// compare them.
var hashErrors = []error{hash.ErrScheme, hash.ErrParams, hash.ErrMalformed, hash.ErrBounds, hash.ErrUnusable}

// hashErrorText returns the fixed text of an error of package hash.
func hashErrorText(err error) string {
	for _, known := range hashErrors {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "the hash cannot be verified"
}
