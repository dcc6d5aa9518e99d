//go:build !failpoint

package failpoint

import "time"

// Hit does nothing in this build.
func Hit(string) {}

// Without is false in this build: no guard can be left out.
func Without(Guard) bool { return false }

// Now is time.Now in this build.
func Now() time.Time { return time.Now() }
