package accounts_test

import (
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/legacy"
)

// Two people whose keys begin alike are two notes, each under a key that can be asked for. Who has no key that can be kept is none.
func TestNotesOfLongKeys(t *testing.T) {
	t.Parallel()
	begin := "uid=" + strings.Repeat("x", 80)
	w := newWorld(t, md5Salted(t, begin+"1", "anna", "", "tulip"), md5Salted(t, begin+"2", "bert", "", "rose"))
	var refused []accounts.Unmoved
	for _, key := range []string{begin + "1", begin + "2", "nul\x00id", "\xff", ""} {
		refused = append(refused, accounts.UnmovedRow("shop", &legacy.RowError{Key: key, Column: "roles"}))
	}
	added, err := w.NoteRefused(t.Context(), refused, because)
	must(t, "NoteRefused", err, nil)
	if added != 2 {
		t.Errorf("%d notes, want 2", added)
	}
	sameList(t, "quarantine", w.inQuarantine(t, accounts.QuarantineQuery{}), begin+"1 unreadable-record open ", begin+"2 unreadable-record open ")
	done, _, err := w.RetryQuarantined(t.Context(), accounts.Retry{Class: accounts.NoteUnreadableRecord, Limit: 10, By: because})
	must(t, "RetryQuarantined", err, nil)
	if len(done) != 2 || done[0].Outcome != accounts.OutcomeMoved || done[1].Outcome != accounts.OutcomeMoved {
		t.Errorf("the records were mended: %+v", done)
	}
	sameList(t, "quarantine", w.inQuarantine(t, accounts.QuarantineQuery{State: accounts.NoteOpen}))
}

// A note under a key that is not the legacy store's own stays: that nobody is there under it says nothing of its person.
func TestRetryOfACleanedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "nul id", "anna", "", "tulip"))
	cleaned, gone := "nul\uFFFDid", "left"
	var refused []accounts.Unmoved
	for _, key := range []string{cleaned, gone} {
		refused = append(refused, accounts.UnmovedRow("shop", &legacy.RowError{Key: key, Column: "roles"}))
	}
	_, err := w.NoteRefused(t.Context(), refused, because)
	must(t, "NoteRefused", err, nil)
	for _, r := range []accounts.Retry{{Class: accounts.NoteUnreadableRecord, Limit: 10}, {Person: shopKey(cleaned)}} {
		r.By = because
		done, _, err := w.RetryQuarantined(t.Context(), r)
		must(t, "RetryQuarantined", err, nil)
		last := done[len(done)-1]
		if last.LegacyID != cleaned || last.Outcome != accounts.OutcomeRefused || last.Now != accounts.NoteUnreadableRecord || last.Reason == "" {
			t.Errorf("%+v", last)
		}
		if r.Class != "" && (len(done) != 2 || done[0].Outcome != accounts.OutcomeGone) {
			t.Errorf("of the two: %+v", done)
		}
	}
	sameList(t, "quarantine", w.inQuarantine(t, accounts.QuarantineQuery{State: accounts.NoteOpen}), cleaned+" unreadable-record open ++")
}
