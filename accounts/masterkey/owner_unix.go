//go:build unix

package masterkey

import (
	"io/fs"
	"syscall"
)

func owner(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return unknownOwner
}
