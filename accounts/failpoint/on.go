//go:build failpoint

package failpoint

import (
	"os"
	"slices"
)

// Hit kills the process if the environment asks for it at this step. A name that Names does not list is a panic,
// on either side: a misspelt step would make a test pass that tested nothing.
func Hit(name string) {
	if !slices.Contains(Names(), name) {
		panic("failpoint: no step is called " + name)
	}
	wanted := os.Getenv("REKEY_FAILPOINT")
	if wanted != "" && !slices.Contains(Names(), wanted) {
		panic("failpoint: REKEY_FAILPOINT names no step: " + wanted)
	}
	if wanted != name {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // until the signal arrives
}
