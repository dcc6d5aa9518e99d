package main

import (
	"errors"

	"github.com/spf13/cobra"

	"rekey/legacy/hash"
)

func newHash(c console) *cobra.Command {
	return group("hash", "Look at old password hashes: which scheme, does a password match, by which recipe",
		`Old password hashes outside of any store: what they are, whether a password matches them, and how they were made.
Nothing here is written anywhere. Passwords are read from standard input, a terminal or a file.`,
		newHashIdentify(c), newHashVerify(c), newHashLab(c))
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
