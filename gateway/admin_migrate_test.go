package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/accountstest"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// Support moves one person, by name, and the audit says who did and why. Their old password is their password.
func TestMigrateOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	type moved struct {
		AccountID string `json:"account_id"`
		Source    string
		LegacyID  string `json:"legacy_id"`
		Outcome   string
	}
	path := "/admin/v1/accounts/Anna/migrate"
	var first moved
	for i, want := range []string{"moved", "unchanged"} {
		a := w.admin(token, "POST", path, `{"reason":"ticket 4711"}`)
		got := as[moved](t, a)
		if a.Code != 200 || got.Outcome != want {
			t.Fatalf("%d: %d %s", i, a.Code, a.Body)
		}
		first = got
	}
	events := as[eventPage](t, w.admin(token, "GET", "/admin/v1/events?account=anna", "")).Events
	if len(events) != 1 || events[0].Kind != "account.migrated" || events[0].Actor != "staff:support-person" || events[0].Reason != "ticket 4711" ||
		events[0].Detail["how"] != "support" || events[0].AccountID != first.AccountID {
		t.Errorf("events: %+v", events)
	}
	if a := w.login("anna", "tulip"); a.Code != 200 || a.Account.ID != first.AccountID {
		t.Errorf("login: %d as %s", a.Code, a.Account.ID)
	}
	if a := w.admin(token, "POST", "/admin/v1/accounts/nobody/migrate", because); a.Code != 404 {
		t.Errorf("nobody: %d %s", a.Code, a.Body)
	}
	if a := w.admin(token, "POST", path, `{}`); a.Code != 400 {
		t.Errorf("without a reason: %d %s", a.Code, a.Body)
	}
}

// Who cannot be moved without a password is named by a class that a script can read.
func TestMigrateOneRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	w.old.Change("1", func(u *legacy.User) { u.Password = nil })
	a := w.admin(token, "POST", "/admin/v1/accounts/anna/migrate", because)
	if a.Code != 409 || !strings.Contains(a.Body.String(), "problem:unmovable") || !strings.Contains(a.Body.String(), "unusable-hash") {
		t.Errorf("%d %s", a.Code, a.Body)
	}
}

func TestValidations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleAuditor, 0)
	type page struct {
		Validations []struct {
			ID              string
			Epoch           int64
			Clean, Complete bool
			Sources         []struct {
				Source   string
				Counts   map[string]int
				Marked   int
				Examples map[string][]string
			}
		}
	}
	if a := w.admin(token, "GET", "/admin/v1/validation", ""); a.Code != 200 || !strings.Contains(a.Body.String(), `"validations":[]`) {
		t.Errorf("before: %d %s", a.Code, a.Body)
	}
	one := accounts.NewComparison("shop")
	one.Add(accounts.VerdictDifferent, "7")
	v := accounts.Validation{
		ID: uuid.Must(uuid.NewV7()), Began: time.Now(), Ended: time.Now(), Epoch: 3,
		Found: accounts.ValidationReport{Complete: true, Sources: []accounts.Comparison{one}},
	}
	if err := w.store.AddValidation(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	a := w.admin(token, "GET", "/admin/v1/validation", "")
	got := as[page](t, a).Validations
	if a.Code != 200 || len(got) != 1 || got[0].ID != v.ID.String() || got[0].Epoch != 3 || got[0].Clean || !got[0].Complete ||
		got[0].Sources[0].Counts["different"] != 1 || got[0].Sources[0].Examples["different"][0] != "7" {
		t.Errorf("%d %s", a.Code, a.Body)
	}

	by := accounts.By{Actor: "cli:test", Reason: "ticket 4711"}
	goesOn, err := w.accounts.Verify(t.Context(), accounts.VerifySpec{}, by)
	if err != nil {
		t.Fatal(err)
	}
	ignored := accounts.Ignored{Source: "shop", LegacyID: "8", Verdict: accounts.VerdictMissingHere, Actor: by.Actor, Reason: by.Reason, At: time.Now()}
	event := accounts.Event{ID: uuid.Must(uuid.NewV7()), At: time.Now(), Kind: accounts.EventDifferenceIgnored, Actor: by.Actor, Reason: by.Reason}
	if err := w.store.KeepIgnored(t.Context(), ignored, event); err != nil {
		t.Fatal(err)
	}
	ada := accountstest.Person("Ada")
	if err := w.store.Create(t.Context(), ada, accountstest.Event(ada.ID, accounts.EventMigrated)); err != nil {
		t.Fatal(err)
	}
	disagree := accounts.Disagreement{Source: "shop", LegacyID: "Ada", Version: 1, Fingerprint: ada.Link.Fingerprint, Taken: phase.New, At: time.Now()}
	if kept, err := w.store.KeepDisagreement(t.Context(), disagree, accountstest.Event(ada.ID, accounts.EventDisagreement)); !kept || err != nil {
		t.Fatal(kept, err)
	}
	v.ID, v.Began, v.Found.Since, v.Found.SinceClean = uuid.Must(uuid.NewV7()), v.Began.Add(time.Hour), v.Began, true
	if err := w.store.AddValidation(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	a = w.admin(token, "GET", "/admin/v1/validation", "")
	for _, want := range []string{
		`"running":{"id":"` + goesOn.Run.ID.String(), `"ignored":[{"source":"shop","legacy_id":"8","verdict":"missing-here","actor":"cli:test","reason":"ticket 4711"`,
		`"since_clean":true`, `"disagreeing":[{"source":"shop","legacy_id":"Ada","taken":"new","at":"`,
	} {
		if !strings.Contains(a.Body.String(), want) {
			t.Errorf("%s is not in %d %s", want, a.Code, a.Body)
		}
	}
}
