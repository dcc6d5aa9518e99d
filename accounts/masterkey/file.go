package masterkey

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxFile is more than any form of the key needs: 64 digits and a line end.
const maxFile = 128

// Reasons for which a file is not a master key. None repeats what the file holds.
var (
	errForm  = errors.New("must be one line of 64 hex digits, or of 44 characters of base64 (make one with: openssl rand -hex 32)")
	errZero  = errors.New("is all zeros (make one with: openssl rand -hex 32)")
	errPlain = errors.New("is not a regular file")
)

// Parse reads a key as its file holds it: 64 hex digits, or standard base64 with padding (RFC 4648, section 4), and
// at most one line end after it. The error never contains the text.
func Parse(text []byte) (*Key, error) {
	if cut, ok := bytes.CutSuffix(text, []byte("\n")); ok {
		text = bytes.TrimSuffix(cut, []byte("\r"))
	}
	var secret [Size]byte
	var n int
	var err error
	switch len(text) {
	case hex.EncodedLen(Size):
		n, err = hex.Decode(secret[:], text)
	case base64.StdEncoding.EncodedLen(Size):
		// The decoder skips line ends inside the text; what is left is then too short.
		var room [Size + 1]byte // what 44 characters without padding would fill
		n, err = base64.StdEncoding.Strict().Decode(room[:], text)
		secret = [Size]byte(room[:Size])
	}
	if err != nil || n != Size {
		return nil, errForm
	}
	if secret == [Size]byte{} {
		return nil, errZero
	}
	return newKey(secret), nil
}

// Load reads the key from a file that nobody else can read. A file of our own must have no bits for group or
// others. One that belongs to root and not to us may be readable by a group: that is how systemd credentials and
// Kubernetes secrets are handed over. It is the rule that PostgreSQL has for ssl_key_file.
func Load(path string) (*Key, error) {
	text, err := read(path)
	if err != nil {
		if onPath, ok := errors.AsType[*fs.PathError](err); ok {
			err = onPath.Err // the path is said once
		}
		return nil, fmt.Errorf("master key file %s: %w", path, err)
	}
	k, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("master key file %s %w", path, err)
	}
	return k, nil
}

func read(path string) ([]byte, error) {
	// Without O_NONBLOCK a named pipe would hold the start for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was read from only
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errPlain
	}
	if err := private(info.Mode(), owner(info), os.Geteuid()); err != nil {
		return nil, fmt.Errorf("%w (mend it with: chmod 600 %s)", err, path)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// unknownOwner is the owner on systems that have none in our sense; their modes say nothing either.
const unknownOwner = -1

// private tells what is wrong with the mode of a file that belongs to owner, for a process that runs as self.
func private(mode fs.FileMode, owner, self int) error {
	allowed := fs.FileMode(0o700)
	switch {
	case owner == unknownOwner:
		return nil
	case owner == self:
	case owner == 0:
		allowed = 0o740
	default:
		return fmt.Errorf("belongs to user %d, and not to us or root", owner)
	}
	if perm := mode.Perm(); perm&^allowed != 0 {
		return fmt.Errorf("can be used by others, its mode is %04o", perm)
	}
	return nil
}

// Create makes a new random key and writes it to a file with mode 0600. It never replaces a file: if there is one,
// the error is fs.ErrExist. When Create returns, the file and its name are on disk; and at no moment, not even
// after a crash, is there a file of that name without the whole key in it.
func Create(path string) (*Key, error) {
	k := Generate()
	if err := create(path, []byte(hex.EncodeToString(k.m.secret[:])+"\n")); err != nil {
		return nil, fmt.Errorf("create master key file: %w", err)
	}
	return k, nil
}

func create(path string, text []byte) (err error) {
	// A link to a finished file is what O_EXCL is for a file still to be written: it fails if the name is there.
	temp := path + "." + rand.Text() + ".tmp"
	if err := writeNew(temp, text); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temp), syncDir(filepath.Dir(path))) }()
	return os.Link(temp, path)
}

// writeNew writes a file that must not be there yet, and leaves none behind if it fails.
func writeNew(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes the names in a folder durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
