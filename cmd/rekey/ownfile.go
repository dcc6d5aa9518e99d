package main

import (
	"errors"
	"os"
)

// createOwn opens an empty file that only its owner can read, whoever could read what it was before. What is no file, such as a pipe,
// is opened as it is.
func createOwn(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		if err = f.Truncate(0); err == nil && info.Mode().Perm()&0o077 != 0 {
			err = f.Chmod(0o600)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
