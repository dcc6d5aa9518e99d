//go:build unix

package survey

import (
	"os"
	"syscall"
)

// lock makes a second survey with the same state file fail at once. The system lets go of it with the process.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
