package main

import (
	"io"
	"strings"
	"testing"

	"rekey/accounts"
)

// Only yes is yes.
func TestAskYes(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"yes\n": true, " yes \r\n": true, "yes": true, "": false, "\n": false, "y\n": false, "no\nyes\n": false, "yes, but\n": false} {
		if err := (console{in: strings.NewReader(answer), err: io.Discard}).askYes(); (err == nil) != want {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

// The number is of the sources that are swept, and what is not known is no number.
func TestResetWarning(t *testing.T) {
	t.Parallel()
	p := accounts.Progress{Sources: []accounts.SourceProgress{
		{Source: "shop", Unmoved: &accounts.Between{Low: 5, High: 7}}, {Source: "blog", Unmoved: &accounts.Between{High: 9}}, {Source: "ldap"},
	}}
	if got, want := resetWarning(p, []string{"shop", "ldap"}), "who has not moved yet (shop: up to 7 people, ldap: nobody knows how many) loses"; !strings.HasPrefix(got, want) {
		t.Error(got)
	}
}
