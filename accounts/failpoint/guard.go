package failpoint

import "slices"

// A Guard is one thing that keeps a promise. A process with the build tag failpoint leaves out those that its environment
// names, so that the tests which are to notice can be seen to. In every other build they are all there: Without is a
// constant there, and what stands behind it is not in the binary.
type Guard string

// The guards, each by what it is.
const (
	CompareAndSet Guard = "compare-and-set" // a credential is replaced only if it is the one that was read
	AccountLock   Guard = "account-lock"    // one change that is written to both stores at a time
	Tombstone     Guard = "tombstone"       // who is deleted stays deleted
	OneAnswers    Guard = "one-answers"     // the legacy store is not asked because a password was wrong
	Doubt         Guard = "doubt"           // a legacy store that does not answer has not said no
	Commit        Guard = "commit"          // a change is acknowledged when it is committed
	Fingerprint   Guard = "fingerprint"     // copy-back looks whether others have written
	Crossing      Guard = "crossing"        // phases that may not coexist are crossed frozen, in step
	Forward       Guard = "forward"         // an intent whose write was sent is not rolled back
)

// Guards returns every guard.
func Guards() []Guard {
	return []Guard{CompareAndSet, AccountLock, Tombstone, OneAnswers, Doubt, Commit, Fingerprint, Crossing, Forward}
}

// ParseGuard returns the guard of that name.
func ParseGuard(name string) (Guard, bool) {
	return Guard(name), slices.Contains(Guards(), Guard(name))
}
