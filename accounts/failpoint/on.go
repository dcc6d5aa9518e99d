//go:build failpoint

package failpoint

import (
	"os"
	"slices"
	"strings"
	"sync"
	"time"
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

// Without tells whether REKEY_FAILPOINT_WITHOUT, a list with commas, names a guard to leave out. A name that Guards does not
// list is a panic.
func Without(g Guard) bool { return slices.Contains(leftOut(), g) }

var leftOut = sync.OnceValue(func() []Guard {
	var all []Guard
	for name := range strings.FieldsFuncSeq(os.Getenv("REKEY_FAILPOINT_WITHOUT"), func(r rune) bool { return r == ',' }) {
		g, ok := ParseGuard(name)
		if !ok {
			panic("failpoint: REKEY_FAILPOINT_WITHOUT names no guard: " + name)
		}
		all = append(all, g)
	}
	return all
})

// Now is the time by a clock that is wrong by what REKEY_FAILPOINT_CLOCK says, such as -3s. The time between two readings is
// right.
func Now() time.Time { return time.Now().Add(skew()) }

var skew = sync.OnceValue(func() time.Duration {
	text := os.Getenv("REKEY_FAILPOINT_CLOCK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic("failpoint: REKEY_FAILPOINT_CLOCK: " + err.Error())
	}
	return d
})
