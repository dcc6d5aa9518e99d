// Package accountstest is the contract of accounts.Store as a test suite. Every store runs it:
//
//	accountstest.Run(t, func(t *testing.T) accounts.Store { … a new, empty store … })
//
// A failure is followed by the promise that it broke, and by what breaks for people if it is not kept.
package accountstest

import (
	"testing"

	"rekey/accounts"
)

// A rule is one promise of a store and the test of it.
type rule struct {
	name    string
	promise string
	test    func(*testing.T, accounts.Store)
}

// Run tests a store. open returns a new and empty one each time it is called, and closes it at the end of the test;
// it must stand 50 goroutines at once.
func Run(t *testing.T, open func(*testing.T) accounts.Store) {
	t.Helper()
	for _, part := range []struct {
		name  string
		rules []rule
	}{
		{"directory", directoryRules()},
		{"create", createRules()},
		{"change", changeRules()},
		{"bulk", bulkRules()},
		{"life", lifeRules()},
		{"text", textRules()},
		{"sessions", sessionRules()},
		{"keys", keyRules()},
		{"support", supportRules()},
		{"desk", deskRules()},
		{"staff", staffRules()},
		{"phases", phaseRules()},
		{"outbox", outboxRules()},
		{"unseen", unseenRules()},
		{"mails", mailRules()},
		{"shadow", shadowRules()},
		{"watch", watchRules()},
		{"sweeps", sweepRules()},
		{"verify", verifyRules()},
		{"verdicts", verdictRules()},
		{"sweep", sweepSettingsRules()},
		{"reckon", reckonRules()},
		{"races", raceRules()},
		{"session races", sessionRaceRules()},
		{"life races", lifeRaceRules()},
		{"codes", codeRules()},
		{"factors", factorRules()},
		{"signals", signalRules()},
		{"quarantine", quarantineRules()},
	} {
		for _, r := range part.rules {
			t.Run(part.name+"/"+r.name, func(t *testing.T) {
				t.Parallel()
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("the promise that was broken: %s", r.promise)
					}
				})
				r.test(t, open(t))
			})
		}
	}
}
