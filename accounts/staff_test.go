package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
)

// A staffWorld is a Staff over a real SQLite store, with a clock that the test turns.
type staffWorld struct {
	*accounts.Staff
	store accounts.Store
	now   time.Time
	log   strings.Builder
}

func newStaffWorld(t *testing.T, wrap func(accounts.Store) accounts.StaffTokens) *staffWorld {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), sqlstoretest.SQLite(t), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is lost with a temporary folder
	w := &staffWorld{store: store, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	var tokens accounts.StaffTokens = store
	if wrap != nil {
		tokens = wrap(store)
	}
	w.Staff = accounts.NewStaff(accounts.StaffConfig{
		Store: tokens, Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	return w
}

func (w *staffWorld) who(t *testing.T, text string) (accounts.StaffToken, error) {
	t.Helper()
	digest, ok := accounts.ParseStaffToken(text)
	if !ok {
		t.Fatal("the text is not one of a staff token")
	}
	return w.Who(t.Context(), digest)
}

var byTest = accounts.By{Actor: "cli:test", Reason: "a test", RequestID: "r1"}

func TestStaffToken(t *testing.T) {
	t.Parallel()
	w := newStaffWorld(t, nil)
	added, text, err := w.Add(t.Context(), accounts.StaffGrant{Name: "anna.meier", Role: accounts.RoleSupport}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	if want := w.now.Add(30 * 24 * time.Hour); !added.ExpiresAt.Equal(want) || added.Name != "anna.meier" || added.Role != accounts.RoleSupport {
		t.Errorf("made %+v, want an end at %v", added, want)
	}
	if got, err := w.who(t, text); err != nil || got.ID != added.ID {
		t.Errorf("Who: %v, %v", got, err)
	}
	events, err := w.store.Events(t.Context(), uuid.Nil, 10)
	if err != nil || len(events) != 1 || events[0].Kind != accounts.EventStaffTokenAdded || events[0].Actor != "cli:test" ||
		events[0].Reason != "a test" || events[0].RequestID != "r1" || events[0].Detail["name"] != "anna.meier" || events[0].Detail["id"] != added.ID.String() {
		t.Errorf("events %+v, %v", events, err)
	}
	for what, kept := range map[string]string{"the event": fmt.Sprint(events), "the token": fmt.Sprintf("%v %+v %#v", added, added.Digest, added.Digest)} {
		if strings.Contains(kept, text) {
			t.Errorf("%s holds the text", what)
		}
	}

	w.now = added.ExpiresAt.Add(-time.Microsecond)
	if _, err := w.who(t, text); err != nil {
		t.Errorf("at the last moment: %v", err)
	}
	w.now = added.ExpiresAt
	if _, err := w.who(t, text); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("at its end: %v", err)
	}
}

func TestStaffRevoke(t *testing.T) {
	t.Parallel()
	w := newStaffWorld(t, nil)
	added, text, err := w.Add(t.Context(), accounts.StaffGrant{Name: "anna", Role: accounts.RoleAdmin}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if did, err := w.Revoke(t.Context(), added.ID, byTest); did != want || err != nil {
			t.Errorf("Revoke %d: %v, %v", i, did, err)
		}
	}
	if _, err := w.who(t, text); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("a revoked token: %v", err)
	}
	if _, err := w.Revoke(t.Context(), uuid.New(), byTest); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("Revoke of none: %v", err)
	}
	if _, err := w.Revoke(t.Context(), added.ID, accounts.By{Actor: "x"}); !isInvalid(err, "reason") {
		t.Errorf("Revoke without a reason: %v", err)
	}
	list, err := w.List(t.Context())
	if err != nil || len(list) != 1 || list[0].State(w.now) != accounts.StaffTokenRevoked {
		t.Errorf("List: %v, %v", list, err)
	}
	if n := len(eventsAbout(t, w.store, uuid.Nil)); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

func eventsAbout(t *testing.T, s accounts.Store, account uuid.UUID) []accounts.Event {
	t.Helper()
	events, err := s.Events(t.Context(), account, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func isInvalid(err error, field string) bool {
	invalid, ok := errors.AsType[*accounts.InvalidError](err)
	return ok && invalid.Field == field
}

// The last use is written once a minute, however often a token is used, and nobody is kept out because it cannot be.
func TestStaffUse(t *testing.T) {
	t.Parallel()
	var broken *brokenUse
	w := newStaffWorld(t, func(s accounts.Store) accounts.StaffTokens {
		broken = &brokenUse{Store: s}
		return broken
	})
	added, text, err := w.Add(t.Context(), accounts.StaffGrant{Name: "anna", Role: accounts.RoleAdmin}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	begin := w.now
	for _, step := range []struct{ after, want time.Duration }{
		{0, 0}, {30 * time.Second, 0}, {59 * time.Second, 0}, {61 * time.Second, 61 * time.Second}, {2 * time.Minute, 61 * time.Second},
	} {
		w.now = begin.Add(step.after)
		if _, err := w.who(t, text); err != nil {
			t.Fatal(err)
		}
		list, err := w.List(t.Context())
		if err != nil || !list[0].LastUsedAt.Equal(begin.Add(step.want)) {
			t.Errorf("used at %v, noted %v (%v)", step.after, list[0].LastUsedAt.Sub(begin), err)
		}
	}
	if broken.calls != 2 {
		t.Errorf("%d writes, want 2", broken.calls)
	}
	broken.err = errors.New("disk full")
	w.now = begin.Add(time.Hour)
	if who, err := w.who(t, text); err != nil || who.ID != added.ID {
		t.Errorf("while the use cannot be noted: %v", err)
	}
	if log := w.log.String(); !strings.Contains(log, "disk full") || strings.Contains(log, text) {
		t.Errorf("log: %s", log)
	}
}

type brokenUse struct {
	accounts.Store
	calls int
	err   error
}

func (b *brokenUse) UseStaffToken(ctx context.Context, id uuid.UUID, at time.Time, every time.Duration) error {
	b.calls++
	if b.err != nil {
		return b.err
	}
	return b.Store.UseStaffToken(ctx, id, at, every)
}

func TestStaffGrantCheck(t *testing.T) {
	t.Parallel()
	w := newStaffWorld(t, nil)
	good := accounts.StaffGrant{Name: "anna", Role: accounts.RoleAdmin, Until: w.now.Add(365 * 24 * time.Hour)}
	if err := good.Check(w.now); err != nil {
		t.Error(err)
	}
	for name, test := range map[string]struct {
		field string
		spoil func(*accounts.StaffGrant, *accounts.By)
	}{
		"no name":           {"name", func(g *accounts.StaffGrant, _ *accounts.By) { g.Name = "" }},
		"a long name":       {"name", func(g *accounts.StaffGrant, _ *accounts.By) { g.Name = strings.Repeat("a", 65) }},
		"a name with space": {"name", func(g *accounts.StaffGrant, _ *accounts.By) { g.Name = "anna meier" }},
		"a name of two":     {"name", func(g *accounts.StaffGrant, _ *accounts.By) { g.Name = "anna:admin" }},
		"a lookalike":       {"name", func(g *accounts.StaffGrant, _ *accounts.By) { g.Name = "аnna" }}, //nolint:gosmopolitan // the а is Cyrillic
		"no role":           {"role", func(g *accounts.StaffGrant, _ *accounts.By) { g.Role = "" }},
		"another role":      {"role", func(g *accounts.StaffGrant, _ *accounts.By) { g.Role = "Admin" }},
		"ended":             {"expires_at", func(g *accounts.StaffGrant, _ *accounts.By) { g.Until = w.now }},
		"too long":          {"expires_at", func(g *accounts.StaffGrant, _ *accounts.By) { g.Until = g.Until.Add(time.Second) }},
		"no reason":         {"reason", func(_ *accounts.StaffGrant, b *accounts.By) { b.Reason = "" }},
	} {
		g, by := good, byTest
		test.spoil(&g, &by)
		if _, _, err := w.Add(t.Context(), g, by); !isInvalid(err, test.field) {
			t.Errorf("%s: %v, want one that names %s", name, err, test.field)
		}
	}
	if list, err := w.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%d tokens were made (%v)", len(list), err)
	}
}

func TestReason(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]bool{
		"ticket 4711": true, "Größe, 日本 👩‍👩‍👧": true, strings.Repeat("ä", 500): true,
		"": false, "  ": false, strings.Repeat("ä", 501): false, "a\nb": false, "a\tb": false, "a\x00b": false, "a\x7fb": false,
		"a\u2028b": false, "a\u202eb": false, "a\u2066b": false, "a\xffb": false, "\u0085": false,
	} {
		err := accounts.By{Actor: "x", Reason: reason}.Check()
		if (err == nil) != want || err != nil && !isInvalid(err, "reason") {
			t.Errorf("%.20q: %v, want it taken: %v", reason, err, want)
		}
	}
}

func TestParseStaffToken(t *testing.T) {
	t.Parallel()
	w := newStaffWorld(t, nil)
	shape := regexp.MustCompile(`^rks_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 200 {
		_, text, err := w.Add(t.Context(), accounts.StaffGrant{Name: "anna", Role: accounts.RoleAdmin}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := accounts.ParseStaffToken(text); !ok || !shape.MatchString(text) || seen[text] {
			t.Fatal("a text that is not one, or twice the same")
		}
		seen[text] = true
		for i := range text { // no other text is taken for it
			other := text[:i] + string(text[i]^1) + text[i+1:]
			if _, ok := accounts.ParseStaffToken(other); ok {
				t.Fatalf("with another character at %d it is taken too", i)
			}
		}
		for _, other := range []string{"", text[:len(text)-1], text + "0", " " + text[1:], strings.ToUpper(text), "rks_" + text} {
			if _, ok := accounts.ParseStaffToken(other); ok {
				t.Errorf("a text of %d bytes is taken", len(other))
			}
		}
	}
}

// The form is fixed: tokens that are out there must go on counting.
func TestStaffTokenForm(t *testing.T) {
	t.Parallel()
	// Python: s="rks_"+"0"*42+"1"; b62 of zlib.crc32(s.encode()), digits 0-9a-zA-Z, padded to 6
	const text = "rks_0000000000000000000000000000000000000000001" + "3jLTOQ"
	digest, ok := accounts.ParseStaffToken(text)
	if !ok {
		t.Fatal("not taken")
	}
	if got := fmt.Sprintf("%x", digest[:]); got != "b7fc59035876aa1540dd0340878fc4b0fefa2f46f8fd1d43a740784f4d87e58f" {
		t.Errorf("digest %s", got)
	}
}

func FuzzParseStaffToken(f *testing.F) {
	f.Add("rks_")
	f.Add("rks_" + strings.Repeat("0", 49))
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := accounts.ParseStaffToken(text); ok && len(text) != 53 {
			t.Errorf("a text of %d bytes is taken", len(text))
		}
	})
}
