package accountstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// unseenRules are of people who are moved without their password, and of comparing both stores.
func unseenRules() []rule {
	return []rule{
		{"carried", "A strong legacy hash is kept sealed; it is never kept bare.", testCarried},
		{"disabled there", "Who is disabled because legacy says so is enabled again with legacy, unless somebody here has said so too.", testDisabledThere},
		{"set link", "What a link says is changed only from what was read of it, with its event, and not of a deleted account.", testSetLink},
		{"validations", "Passes come back whole, the newest first.", testValidations},
		{"last validations", "The last pass over everything, and the last that has found a difference, are found behind however many others.", testLastValidations},
	}
}

func testCarried(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	r.Credential = accounts.Credential{Scheme: accounts.SchemeCarried, Encoded: "$rekey-carried$bcrypt", Legacy: "c2VhbGVk"}
	create(t, s, r)
	whole(t, s, r)
	for what, c := range map[string]accounts.Credential{
		"bare":         {Scheme: accounts.SchemeCarried, Encoded: "$2y$10$bare", Legacy: "c2VhbGVk"},
		"without it":   {Scheme: accounts.SchemeCarried, Encoded: "$rekey-carried$bcrypt"},
		"of no scheme": {Scheme: "md5", Encoded: "$rekey-carried$md5", Legacy: "c2VhbGVk"},
	} {
		bad := Person("Bert")
		bad.Credential = c
		if err := s.Create(t.Context(), bad, Event(bad.ID, accounts.EventMigrated)); err == nil {
			t.Errorf("a carried hash %s was stored", what)
		}
	}
}

func testDisabledThere(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	r := Person("Ada")
	r.Disabled, r.DisabledThere = true, true
	create(t, s, r)
	whole(t, s, r)
	version := int64(0)
	copied := func(there, wantDisabled, wantThere bool) accounts.Record {
		t.Helper()
		version++
		next := r
		next.DisabledThere = there
		is(t, "Recopy", s.Recopy(t.Context(), next, version, Event(r.ID, accounts.EventCopied)), nil)
		got, err := s.ByID(t.Context(), r.ID)
		if err != nil || got.Disabled != wantDisabled || got.DisabledThere != wantThere {
			t.Errorf("disabled %t, there %t (%v), want %t, %t", got.Disabled, got.DisabledThere, err, wantDisabled, wantThere)
		}
		return got
	}
	same(t, "session epoch", copied(true, true, true).SessionEpoch, 0)
	same(t, "session epoch", copied(false, false, false).SessionEpoch, 0)
	same(t, "session epoch", copied(true, true, true).SessionEpoch, 1)

	changed, _, err := setDisabled(t, s, r.ID, true) // what was legacy's is ours now
	is(t, "SetDisabled", err, nil)
	same(t, "changed", changed, true)
	copied(false, true, false)
	copied(true, true, false)
	_, _, err = setDisabled(t, s, r.ID, false)
	is(t, "SetDisabled", err, nil)
	copied(false, false, false)
}

func testSetLink(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	was := *asStored(r).Link
	is2 := was
	is2.Fingerprint, is2.CopiedEpoch, is2.Dirty, is2.Drifted = []byte{9, 9}, 4, true, true
	set := func(was, is accounts.LegacyLink) error {
		return s.SetLink(t.Context(), was, is, Event(r.ID, accounts.EventDrifted))
	}
	for what, other := range map[string]func(*accounts.LegacyLink){
		"fingerprint": func(l *accounts.LegacyLink) { l.Fingerprint = []byte{1} },
		"epoch":       func(l *accounts.LegacyLink) { l.CopiedEpoch++ },
		"dirty":       func(l *accounts.LegacyLink) { l.Dirty = true },
		"drifted":     func(l *accounts.LegacyLink) { l.Drifted = true },
	} {
		stale := was
		other(&stale)
		is(t, "SetLink from another "+what, set(stale, is2), accounts.ErrStale)
	}
	strange := was
	strange.LegacyID = "strange"
	is(t, "SetLink of nobody", set(strange, is2), accounts.ErrNotFound)
	whole(t, s, r)
	events(t, s, r.ID, 1)

	oneWon(t, together(crowd, func(int) error { return set(was, is2) }), accounts.ErrStale)
	events(t, s, r.ID, 2)
	got, err := s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, nil)
	same(t, "the link", *got.Link, is2)

	is(t, "Delete", s.Delete(t.Context(), r.ID, 1, now(), Event(r.ID, accounts.EventDeleted)), nil)
	is(t, "SetLink of a deleted person", set(is2, was), accounts.ErrNotFound)
}

func testValidations(t *testing.T, s accounts.Store) {
	all, err := s.Validations(t.Context(), 10)
	is(t, "Validations", err, nil)
	same(t, "Validations", len(all), 0)
	var want []accounts.Validation
	for i := range 3 {
		one := accounts.NewComparison("shop")
		one.Marked = i
		one.Add(accounts.VerdictDifferent, "7'é")
		v := accounts.Validation{
			ID: uuid.Must(uuid.NewV7()), Began: stored(now().Add(time.Duration(i) * time.Hour)), Ended: stored(now().Add(24 * time.Hour)), Epoch: int64(i + 1),
			Found: accounts.ValidationReport{Complete: i > 0, Sources: []accounts.Comparison{one}},
		}
		is(t, "AddValidation", s.AddValidation(t.Context(), v), nil)
		want = append([]accounts.Validation{v}, want...)
	}
	all, err = s.Validations(t.Context(), 2)
	is(t, "Validations", err, nil)
	same(t, "Validations", all, want[:2])
}

func testLastValidations(t *testing.T, s accounts.Store) {
	began := stored(now())
	add := func(complete bool, epoch int64, verdict accounts.Verdict) accounts.Validation {
		t.Helper()
		one := accounts.NewComparison("shop")
		one.Add(verdict, "7")
		began = began.Add(time.Second)
		v := accounts.Validation{
			ID: uuid.Must(uuid.NewV7()), Began: began, Ended: began, Epoch: epoch,
			Found: accounts.ValidationReport{Complete: complete, Sources: []accounts.Comparison{one}},
		}
		is(t, "AddValidation", s.AddValidation(t.Context(), v), nil)
		return v
	}
	last := func(epoch int64, complete, unclean *accounts.Validation) {
		t.Helper()
		for what, read := range map[string]struct {
			want *accounts.Validation
			read func() (accounts.Validation, error)
		}{
			"LastComplete": {complete, func() (accounts.Validation, error) { return s.LastComplete(t.Context(), epoch) }},
			"LastUnclean":  {unclean, func() (accounts.Validation, error) { return s.LastUnclean(t.Context()) }},
		} {
			got, err := read.read()
			if read.want == nil {
				is(t, what, err, accounts.ErrNotFound)
				continue
			}
			is(t, what, err, nil)
			same(t, what, got, *read.want)
		}
	}
	last(0, nil, nil)
	whole := add(true, 4, accounts.VerdictAhead)
	last(4, &whole, nil)
	last(5, nil, nil)
	part := add(false, 5, accounts.VerdictDifferent)
	last(4, &whole, &part)
	for range 3 {
		add(false, 5, accounts.VerdictUnmovable)
	}
	last(4, &whole, &part)
	both := add(true, 5, accounts.VerdictMissingHere)
	last(5, &both, &both)
	next := add(true, 6, accounts.VerdictEqual)
	add(false, 6, accounts.VerdictEqual)
	last(4, &next, &both)
	last(7, nil, &both)
}
