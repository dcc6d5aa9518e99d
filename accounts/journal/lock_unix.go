//go:build unix

package journal

import (
	"errors"
	"os"
	"syscall"
)

var errTaken = errors.New("another process has it: each needs a journal of its own")

// lock keeps other processes from a file until it is closed, or this process dies.
func lock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errTaken
	}
	return err
}
