package accounts_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// TestLedger: the account lists what was done, by whom and why, in order, and counts everybody.
func TestLedger(t *testing.T) {
	t.Parallel()
	w := newReadyWorld(t)
	at := w.clock.now()
	state := phase.State{Epoch: 1, TrustEpoch: 1, Plan: phase.Lazy, Phase: phase.NewFirst, Began: at, Salt: "0123456789abcdef"}
	_, err := w.store.InitPhase(t.Context(), state)
	w.must(t, err)
	s := w.again(t)
	for i, name := range []string{"anna", "bert"} {
		_, err := s.MovePhase(t.Context(), accounts.PhaseMove{
			To: []phase.Phase{phase.LegacyOnly, phase.NewFirst}[i], By: accounts.By{Actor: "cli:" + name, Reason: "ticket of " + name},
		})
		w.must(t, err)
	}
	_, err = s.Verify(t.Context(), accounts.VerifySpec{Sources: []string{"shop"}}, because)
	w.must(t, err)
	l, err := w.again(t).Ledger(t.Context())
	w.must(t, err)
	var walked []string
	for _, step := range l.Phases {
		walked = append(walked, strings.Join([]string{step.Epoch, step.Phase, step.Actor, step.Reason}, " "))
	}
	want := []string{
		"2 new-first cli:anna ticket of anna", "3 legacy-only cli:anna ticket of anna", "4 legacy-only cli:anna ticket of anna",
		"5 legacy-only cli:bert ticket of bert", "6 new-first cli:bert ticket of bert", "7 new-first cli:bert ticket of bert",
	}
	if diff := cmp.Diff(want, walked); diff != "" {
		t.Errorf("the phases (-want +got):\n%s", diff)
	}
	day := w.clock.now().AddDate(0, 0, -7).Truncate(24 * time.Hour)
	if diff := cmp.Diff([]accounts.DayCount{{Day: day, Source: "shop", How: accounts.ByLogin, People: 3}}, l.Days); diff != "" {
		t.Errorf("the days (-want +got):\n%s", diff)
	}
	if p := l.Progress.Sources[0]; p.Copied != 3 || l.Events[accounts.EventMigrated] != 3 || len(l.Validations) != 1 || l.Validations[0].Found[accounts.VerdictEqual] != 3 || len(l.Ready.Checks) == 0 {
		t.Errorf("the account is %+v", l)
	}
}

// TestReceipt: whoever is named, in whatever way, has one, and nothing of it is a secret or a name.
func TestReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, weaklings(2)...)
	sweptAll(t, w.Service, "1")
	if _, err := w.Login(t.Context(), try("name1", "geheim")); err != nil {
		t.Fatal(err)
	}
	id := accounts.SubjectFor("shop", "1")
	for _, ref := range []string{"name1", "shop/1", id.String()} {
		r, err := w.Receipt(t.Context(), ref)
		if err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
		if r.Account != id || len(r.Links) != 1 || r.Links[0].How != accounts.BySweep || r.Links[0].LegacyID != "1" || r.From != "raw-md5-hex" || r.To != "wrapped" ||
			r.Password != accounts.SchemeArgon2id || r.Version != 2 || len(r.Events) != 2 || r.Events[0].Kind != accounts.EventMigrated {
			t.Errorf("%s: %+v", ref, r)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, no := range []string{"$argon2id$", "name1", "e8636ea013e682faf61f56ce1cb1ab5c"} {
			if strings.Contains(string(text), no) {
				t.Errorf("the receipt has %q", no)
			}
		}
	}
	e := accounts.Event{ID: uuid.Must(uuid.NewV7()), At: time.Now(), AccountID: id, Kind: accounts.EventDeleted, Actor: "person"}
	if err := w.store.Delete(t.Context(), id, 2, time.Now(), e); err != nil {
		t.Fatal(err)
	}
	if r, err := w.Receipt(t.Context(), "shop/1"); err != nil || r.Deleted.IsZero() || len(r.Events) != 3 {
		t.Errorf("after she was deleted: %+v, %v", r, err)
	}
	for _, ref := range []string{"shop/2", "blog/1", "nobody", "/"} {
		if _, err := w.Receipt(t.Context(), ref); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("%s: %v, want %v", ref, err, accounts.ErrNotFound)
		}
	}
}
