package main

import (
	"errors"
	"os"
)

// openOwn opens a file to be written that only its owner can read from then on, whoever could before. It has what it had. What is no
// file, such as a pipe, is opened as it is.
func openOwn(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		err = f.Chmod(0o600)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// empty leaves nothing in a file. What is no file has nothing.
func empty(f *os.File) error {
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = f.Truncate(0)
	}
	return err
}

// createOwn is openOwn of a file that is empty then.
func createOwn(path string) (*os.File, error) {
	f, err := openOwn(path)
	if err != nil {
		return nil, err
	}
	if err := empty(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
