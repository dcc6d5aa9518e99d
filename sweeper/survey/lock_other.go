//go:build !unix

package survey

import "os"

// lock does nothing where there is no flock(2): there, two surveys with one state file are the operator's to avoid.
func lock(*os.File) error { return nil }
