package accounts_test

import (
	"testing"

	"rekey/accounts"
)

// The names that several people hold are for the sweep alone, also as digests.
func TestRunTold(t *testing.T) {
	t.Parallel()
	for found, want := range map[string]string{
		"": "", "{}": "", "no JSON": "", `{"shared":"AAAA","alone":"so many"}`: `{"alone":"so many"}`, `{"counts":{"passed":1}}`: `{"counts":{"passed":1}}`,
	} {
		if got := string(accounts.Run{Found: found}.Told()); got != want {
			t.Errorf("%s is told as %s", found, got)
		}
	}
}
