package accounts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

func shopKey(id string) accounts.LegacyKey {
	return accounts.LegacyKey{Source: "shop", LegacyID: id}
}

// refuse puts people of the shop into quarantine as a sweep does, from what Migrate says of them.
func (w *world) refuse(t *testing.T, ids ...string) int64 {
	t.Helper()
	var refused []accounts.Unmoved
	for _, id := range ids {
		m := swept(id)
		m.Untold = true
		_, err := w.Migrate(t.Context(), m)
		no, ok := accounts.UnmovedBy(shopKey(id), err)
		if !ok {
			t.Fatalf("person %s: %v", id, err)
		}
		refused = append(refused, no)
	}
	added, err := w.NoteRefused(t.Context(), refused, because)
	must(t, "NoteRefused", err, nil)
	return added
}

// inQuarantine returns "id class state tries" of everybody who is there.
func (w *world) inQuarantine(t *testing.T, q accounts.QuarantineQuery) []string {
	t.Helper()
	q.Limit = 100
	rows, err := w.Quarantine(t.Context(), q)
	must(t, "Quarantine", err, nil)
	said := []string{}
	for _, r := range rows {
		said = append(said, strings.Join([]string{r.LegacyID, string(r.Class), string(r.State), strings.Repeat("+", int(r.Attempts))}, " "))
	}
	return said
}

func sameList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Everybody whom a sweep could not move is there with their class, by one event for all; again nothing is new.
func TestNoteRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHash("1", "anna", "auto", "what is this"), withHash("2", "bert", "auto", "!"),
		withHash("3", "carl", "auto", "$2y$31$"+strings.Repeat("a", 53)), withHash("4", strings.Repeat("x", 400), "md5($pass)", md5hex("tulip")),
		md5Salted(t, "5", "dora", "", "tulip"), md5Salted(t, "6", "DORA", "", "rose"), legacy.User{ID: "7", Username: "emil"})
	everybody := []string{"1", "2", "3", "4", "5", "6", "7", "nobody"}
	if n := w.refuse(t, everybody...); n != 7 {
		t.Errorf("%d are new, want 7", n)
	}
	if n := w.refuse(t, everybody...); n != 0 {
		t.Errorf("again %d are new", n)
	}
	sameList(t, "quarantine", w.inQuarantine(t, accounts.QuarantineQuery{}),
		"1 unreadable-hash open ", "2 unusable-hash open ", "3 over-bounds open ", "4 invalid-identifier open ", "5 contested open ", "6 contested open ", "7 unusable-hash open ")
	events, err := w.store.Events(t.Context(), uuid.Nil, 10)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events (%v), want 1", len(events), err)
	}
	if e := events[0]; e.Kind != accounts.EventQuarantined || e.Actor != because.Actor || e.Detail["people"] != "7" || e.Detail["contested"] != "2" {
		t.Errorf("the event: %+v", e)
	}
	for _, id := range everybody { // and none each
		if events, err := w.store.Events(t.Context(), accounts.SubjectFor("shop", id), 10); err != nil || len(events) != 0 {
			t.Errorf("%s has %d events (%v)", id, len(events), err)
		}
	}
	counts, err := w.QuarantineCounts(t.Context())
	if err != nil || len(counts) != 5 {
		t.Errorf("counts: %+v (%v)", counts, err)
	}
	if _, err := w.NoteRefused(t.Context(), nil, accounts.By{}); !errors.As(err, new(*accounts.InvalidError)) {
		t.Errorf("without a reason: %v", err)
	}
}

// A reason for which the legacy store is to blame is told from one that waiting mends.
func TestUnmovedBy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "1", "anna", "", "tulip"))
	for class, err := range map[accounts.NoteClass]error{
		accounts.NoteMapping:          &legacy.RowError{Key: "1", Column: "email", Mapping: true},
		accounts.NoteUnreadableRecord: &legacy.RowError{Key: "1", Column: "email"},
		accounts.NoteTimeout:          context.DeadlineExceeded,
	} {
		w.source.SetDown(err)
		_, err := w.Migrate(t.Context(), accounts.Migration{Source: "shop", LegacyID: "1", By: because})
		no, ok := accounts.UnmovedBy(shopKey("1"), err)
		if !ok || no.Class != class || no.LegacyKey != shopKey("1") || no.Reason == "" {
			t.Errorf("%s: %+v", class, no)
		}
	}
	w.source.SetDown(nil)
	// Those who are moved one by one are told of as they are refused; "cannot tell" is no refusal that anybody is put there for.
	sameList(t, "quarantine", w.inQuarantine(t, accounts.QuarantineQuery{}), "1 mapping-error open ", "1 unreadable-record open ")
	for _, err := range []error{nil, accounts.ErrNotFound, accounts.ErrNothingMoves, &accounts.UnavailableError{Err: errors.New("the disk is full")}} {
		if no, ok := accounts.UnmovedBy(shopKey("1"), err); ok {
			t.Errorf("%v is the refusal %+v", err, no)
		}
	}
	if no, ok := accounts.UnmovedBy(shopKey("1"), accounts.ErrContestedPerson); !ok || no.Class != accounts.NoteContested {
		t.Errorf("contested: %+v", no)
	}
}

// Whoever has moved, by whatever way, is not in quarantine any more; a login needs nobody's help.
func TestQuarantineEndsWithTheMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"), md5Salted(t, "8", "bert", "", "rose"))
	carry := swept("7")
	carry.Hash, carry.Untold = accounts.KeepCarry, true
	_, err := w.Migrate(t.Context(), carry)
	no, _ := accounts.UnmovedBy(shopKey("7"), err)
	late := accounts.Unmoved{LegacyKey: shopKey("8"), Class: no.Class, Reason: no.Reason}
	_, err = w.NoteRefused(t.Context(), []accounts.Unmoved{no}, because)
	must(t, "NoteRefused", err, nil)
	sameList(t, "before", w.inQuarantine(t, accounts.QuarantineQuery{State: accounts.NoteOpen}), "7 weak-hash open ")
	mustLogin(t, w.Service, "anna", "tulip")
	mustLogin(t, w.Service, "bert", "rose")
	sameList(t, "after", w.inQuarantine(t, accounts.QuarantineQuery{}), "7 weak-hash resolved ")
	// A sweep that looked before the login, and writes behind it.
	added, err := w.NoteRefused(t.Context(), []accounts.Unmoved{no, late}, because)
	if err != nil || added != 0 {
		t.Errorf("late notes: %d new (%v)", added, err)
	}
	sameList(t, "after late notes", w.inQuarantine(t, accounts.QuarantineQuery{}), "7 weak-hash resolved ")
}

// retried returns "id outcome now" of everybody who was tried again.
func retried(rows []accounts.Retried) []string {
	said := []string{}
	for _, r := range rows {
		said = append(said, strings.Join([]string{r.LegacyID, string(r.Outcome), string(r.Now)}, " "))
	}
	return said
}

// A class is tried again once its cause is mended: who can be moved is, the others stay, each under the reason that holds now.
func TestRetryQuarantined(t *testing.T) {
	t.Parallel()
	var users []legacy.User
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		users = append(users, withHash(id, "user"+id, "auto", "what is this"))
	}
	w := newWorld(t, users...)
	w.refuse(t, "1", "2", "3", "4", "5")
	w.source.Change("1", func(u *legacy.User) { u.Password = md5Salted(t, "1", "", "", "tulip").Password })
	w.source.Change("2", func(u *legacy.User) { u.Password = nil })
	w.source.Remove("3")
	_, err := w.SkipQuarantined(t.Context(), shopKey("5"), because)
	must(t, "skip", err, nil)

	r := accounts.Retry{Class: accounts.NoteUnreadableHash, Limit: 10, By: because, DryRun: true}
	done, next, err := w.RetryQuarantined(t.Context(), r)
	must(t, "dry run", err, nil)
	want := []string{"1 moved ", "2 refused unusable-hash", "3 gone ", "4 refused unreadable-hash"}
	sameList(t, "dry run", retried(done), want...)
	if n, err := w.store.CountAccounts(t.Context()); n != 0 || err != nil || next != nil {
		t.Fatalf("a dry run made %d accounts (%v), and goes on at %v", n, err, next)
	}
	sameList(t, "after a dry run", w.inQuarantine(t, accounts.QuarantineQuery{State: accounts.NoteOpen}),
		"1 unreadable-hash open ", "2 unreadable-hash open ", "3 unreadable-hash open ", "4 unreadable-hash open ")

	r.DryRun, r.Limit = false, 3
	var all []accounts.Retried
	for pages := 1; ; pages++ {
		done, next, err := w.RetryQuarantined(t.Context(), r)
		must(t, "retry", err, nil)
		all = append(all, done...)
		if next == nil {
			if pages != 2 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		r.After = *next
	}
	sameList(t, "retry", retried(all), want...)
	sameList(t, "after it", w.inQuarantine(t, accounts.QuarantineQuery{}), "1 unreadable-hash resolved +", "2 unreadable-hash resolved +",
		"2 unusable-hash open ", "3 unreadable-hash resolved +", "4 unreadable-hash open +", "5 unreadable-hash skipped ")
	mustLogin(t, w.Service, "user1", "tulip")
	events, err := w.store.Events(t.Context(), accounts.SubjectFor("shop", "1"), 10)
	if err != nil || events[0].Kind != accounts.EventMigrated || events[0].Actor != because.Actor || events[0].Reason != because.Reason {
		t.Errorf("%+v (%v)", events, err)
	}

	// One who was skipped is taken when just they are asked for.
	w.source.Change("5", func(u *legacy.User) { u.Password = md5Salted(t, "5", "", "", "rose").Password })
	done, _, err = w.RetryQuarantined(t.Context(), accounts.Retry{Person: shopKey("5"), By: because})
	must(t, "retry of one", err, nil)
	sameList(t, "retry of one", retried(done), "5 moved ")
	_, _, err = w.RetryQuarantined(t.Context(), accounts.Retry{Person: shopKey("5"), By: because})
	must(t, "retry of who has moved", err, accounts.ErrNotFound)
	for name, r := range map[string]accounts.Retry{
		"of nobody": {By: because}, "of a class that lasts": {Class: accounts.NoteDrifted, By: because}, "of no class": {Class: "x", By: because},
		"without a reason": {Class: accounts.NoteContested},
	} {
		if _, _, err := w.RetryQuarantined(t.Context(), r); !errors.As(err, new(*accounts.InvalidError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A person is tried again with their class so many times; then only by somebody who asks for just them.
func TestRetryEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHash("1", "anna", "auto", "what is this"))
	w.refuse(t, "1")
	class := accounts.Retry{Class: accounts.NoteUnreadableHash, Limit: 10, By: because}
	for i := range accounts.MaxRetries + 1 {
		done, _, err := w.RetryQuarantined(t.Context(), class)
		must(t, "retry", err, nil)
		if want := min(accounts.MaxRetries-i, 1); len(done) != want {
			t.Errorf("try %d: %d people, want %d", i+1, len(done), want)
		}
	}
	done, _, err := w.RetryQuarantined(t.Context(), accounts.Retry{Person: shopKey("1"), By: because})
	must(t, "retry of one", err, nil)
	sameList(t, "retry of one", retried(done), "1 refused unreadable-hash")
}

// A try was counted also if it has killed the process.
func TestRetryIsCountedFirst(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, withHash("7", "anna", "auto", "what is this"))
	v.refuse(t, "7")
	v.shop.beforeGet = func() {
		sameList(t, "in the middle", v.inQuarantine(t, accounts.QuarantineQuery{}), "7 unreadable-hash open +")
	}
	_, _, err := v.RetryQuarantined(t.Context(), accounts.Retry{Person: shopKey("7"), By: because})
	must(t, "retry", err, nil)
	if v.shop.beforeGet != nil {
		t.Error("nobody was asked for")
	}
}

// A legacy store that is down ends the retry of a class, before it has used up the tries of everybody.
func TestRetryGivesUp(t *testing.T) {
	t.Parallel()
	var users []legacy.User
	ids := []string{"1", "2", "3", "4", "5"}
	for _, id := range ids {
		users = append(users, withHash(id, "user"+id, "auto", "what is this"))
	}
	w := newWorld(t, users...)
	w.refuse(t, ids...)
	w.source.SetDown(errors.New("down"))
	done, next, err := w.RetryQuarantined(t.Context(), accounts.Retry{Class: accounts.NoteUnreadableHash, Limit: 10, By: because})
	doubtful(t, "retry", err)
	sameList(t, "retry", retried(done), "1 not-answered ", "2 not-answered ", "3 not-answered ")
	if next == nil || next.LegacyID != "3" {
		t.Errorf("it goes on at %v", next)
	}
	w.source.SetDown(nil)
	sameList(t, "after it", w.inQuarantine(t, accounts.QuarantineQuery{State: accounts.NoteOpen}), "1 unreadable-hash open +", "2 unreadable-hash open +",
		"3 unreadable-hash open +", "4 unreadable-hash open ", "5 unreadable-hash open ")
}

// Where nobody is moved, no try is counted.
func TestRetryWhereNothingMoves(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, withHash("7", "anna", "auto", "what is this"))
	v.refuse(t, "7")
	v.move(t, phase.LegacyOnly)
	_, _, err := v.RetryQuarantined(t.Context(), accounts.Retry{Person: shopKey("7"), By: because})
	must(t, "retry", err, accounts.ErrNothingMoves)
	sameList(t, "after it", v.inQuarantine(t, accounts.QuarantineQuery{}), "7 unreadable-hash open ")
}

func TestSkipQuarantined(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHash("7", "anna", "auto", "what is this"))
	w.refuse(t, "7")
	by := accounts.By{Actor: "staff:berta", Reason: "a test account", RequestID: "r1"}
	for i, want := range []bool{true, false} {
		if did, err := w.SkipQuarantined(t.Context(), shopKey("7"), by); err != nil || did != want {
			t.Errorf("%d: %t (%v), want %t", i, did, err, want)
		}
	}
	w.refuse(t, "7") // the next sweep does not bring them back
	rows, err := w.Quarantine(t.Context(), accounts.QuarantineQuery{Limit: 10})
	if err != nil || len(rows) != 1 || rows[0].State != accounts.NoteSkipped || rows[0].By != "staff:berta" || rows[0].Because != "a test account" {
		t.Errorf("%+v (%v)", rows, err)
	}
	events, err := w.store.Events(t.Context(), anna, 10)
	if err != nil || len(events) != 1 || events[0].Kind != accounts.EventQuarantineSkipped || events[0].Reason != "a test account" ||
		events[0].Detail["classes"] != "unreadable-hash" || events[0].Detail["legacy_id"] != "7" {
		t.Errorf("%+v (%v)", events, err)
	}
	if _, err := w.SkipQuarantined(t.Context(), shopKey("7"), accounts.By{}); !errors.As(err, new(*accounts.InvalidError)) {
		t.Errorf("without a reason: %v", err)
	}
}

// A sweep leaves those alone whom staff have skipped, and those who kill whoever tries to move them, until they have moved.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withHash("1", "anna", "auto", "what is this"), md5Salted(t, "2", "bert", "", "rose"), md5Salted(t, "3", "carl", "", "lily"))
	w.refuse(t, "1")
	_, err := w.NoteRefused(t.Context(), []accounts.Unmoved{
		{LegacyKey: shopKey("2"), Class: accounts.NotePoisoned}, {LegacyKey: shopKey("3"), Class: accounts.NoteWeakHash},
		{LegacyKey: accounts.LegacyKey{Source: "blog", LegacyID: "4"}, Class: accounts.NotePoisoned},
	}, because)
	must(t, "NoteRefused", err, nil)
	_, err = w.SkipQuarantined(t.Context(), shopKey("1"), because)
	must(t, "skip", err, nil)
	held, err := w.HeldBack(t.Context(), "shop")
	if err != nil || len(held) != 2 || held["1"].Class != accounts.NoteUnreadableHash || held["2"].Class != accounts.NotePoisoned {
		t.Errorf("%+v (%v)", held, err)
	}
	mustLogin(t, w.Service, "bert", "rose")
	if held, err = w.HeldBack(t.Context(), "shop"); err != nil || len(held) != 1 {
		t.Errorf("after the login: %+v (%v)", held, err)
	}
}

// unlisted is an old store that does not find a person by what it says they are called.
type unlisted struct{ *legacytest.Memory }

func (unlisted) Lookup(context.Context, ...string) ([]legacy.User, error) { return nil, nil }

// Who is not found by their name can neither log in nor be moved, and waiting does not mend it; whose record is just being changed is
// tried again.
func TestMigrateOfTheUnfindable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
	s := w.serve(t, func(c *accounts.Config) { c.Sources[0].Source = unlisted{w.source} })
	mustNotMigrate(t, s, swept("7"), accounts.NoteInvalidIdentifier)
	sameList(t, "quarantine", w.inQuarantine(t, accounts.QuarantineQuery{}), "7 invalid-identifier open ")

	names := 0
	busy := w.serve(t, func(c *accounts.Config) {
		c.Sources[0].Source = renaming{w.source, func() {
			names++
			w.source.Change("7", func(u *legacy.User) { u.Username = "anna" + strings.Repeat("x", names) })
		}}
	})
	_, err := busy.Migrate(t.Context(), swept("7"))
	doubtful(t, "while they are renamed", err)
}

// renaming is an old store whose person is renamed each time that they were read.
type renaming struct {
	*legacytest.Memory
	rename func()
}

func (r renaming) Get(ctx context.Context, id string) (legacy.User, error) {
	user, err := r.Memory.Get(ctx, id)
	r.rename()
	return user, err
}
