package accountstest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func textRules() []rule {
	return []rule{
		{"unusual", "Text comes back byte for byte: characters beyond the basic plane, quotes, placeholders, and long ones.",
			testUnusualText},
		{"nul", "Text with a NUL, or that is not UTF-8, is refused with an error and stored nowhere: cut or mended text " +
			"would be somebody else's identifier or another hash.", testRefusedText},
		{"nul asked for", "Where many are asked for, a key with a NUL, or that is not UTF-8, is nobody's: the others are found, and nobody " +
			"whose key is like it when it is cut or mended.", testAskedForText},
		{"user agent", "Text that only describes never keeps anybody out: a strange user agent is stored mended.",
			testUserAgent},
	}
}

func testUnusualText(t *testing.T, s accounts.Store) {
	for i, text := range []string{
		"𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧‍👦", "O'Brien", `"quoted"`, `back\slash`, "$1 ? :name @x", "'; DROP TABLE accounts; --",
		"e\u0301 is not é", "\u202eright to left", "tab\tand\nnewline\r", "%_*", " spaces around ", "\uFFFD", "NULL", "0", "0x00",
		strings.Repeat("ä", 500),
	} {
		r := Person(numbered("p", i))
		r.Identifiers[0].Canonical, r.Identifiers[0].Spelling = text, text
		r.Link.LegacyID = text
		r.ID = accounts.SubjectFor("shop", text)
		r.Credential.Encoded = encoded(text)
		r.Credential.Fold = text
		e := Event(r.ID, accounts.EventMigrated)
		e.Actor, e.Reason, e.RequestID, e.Detail = text, text, text, map[string]string{text: text}
		if err := s.Create(t.Context(), r, e); err != nil {
			t.Errorf("Create with %q: %v", text, err)
			continue
		}
		whole(t, s, r)
		same(t, "event", events(t, s, r.ID, 1)[0], eventAsStored(e))

		value, err := s.MetaOnce(t.Context(), text, text)
		is(t, "MetaOnce", err, nil)
		same(t, "MetaOnce", value, text)
	}
	// Far longer than a page of either database.
	long := strings.Repeat("long 𝔘 ", 100_000)
	r := Person("long")
	r.Credential.Encoded = encoded(long)
	create(t, s, r)
	got, err := s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, nil)
	same(t, "long hash", got.Credential.Encoded == r.Credential.Encoded, true)
}

func testRefusedText(t *testing.T, s accounts.Store) {
	for _, bad := range []string{"a\x00b", "\x00", "ada\x00", "a\xffb", "\xed\xa0\x80"} {
		for name, spoil := range map[string]func(*accounts.Record){
			"canonical": func(r *accounts.Record) { r.Identifiers[0].Canonical = bad },
			"spelling":  func(r *accounts.Record) { r.Identifiers[0].Spelling = bad },
			"hash":      func(r *accounts.Record) { r.Credential.Encoded = encoded(bad) },
			"legacy id": func(r *accounts.Record) { r.Link.LegacyID = bad },
			"source":    func(r *accounts.Record) { r.Link.Source = bad },
		} {
			r := Person("Ada")
			spoil(&r)
			noVerdict(t, "Create with a bad "+name, s.Create(t.Context(), r, Event(r.ID, accounts.EventMigrated)))
			none(t, s, Person("Ada"))
		}
		_, err := s.ByIdentifier(t.Context(), bad)
		noVerdict(t, "ByIdentifier", err)
		_, err = s.MetaOnce(t.Context(), "x", bad)
		noVerdict(t, "MetaOnce", err)
	}
	count(t, s, 0)
}

func testAskedForText(t *testing.T, s accounts.Store) {
	for _, name := range []string{"Ada", "a", "a\uFFFDb"} {
		create(t, s, Person(name))
		keep(t, s, disagreement(asStored(Person(name)), phase.New), true)
	}
	bad := []string{"a\x00b", "a\xffb", "\x00", "\xed\xa0\x80"}
	for _, want := range [][]string{nil, {"Ada"}} {
		keys := slices.Concat(bad, want)
		copies, err := s.Copies(t.Context(), "shop", keys)
		is(t, "Copies", err, nil)
		same(t, "Copies", slices.Sorted(maps.Keys(copies)), want)
		contents, err := s.Contents(t.Context(), "shop", keys)
		is(t, "Contents", err, nil)
		same(t, "Contents", slices.Sorted(maps.Keys(contents)), want)
		disagreements, err := s.DisagreementsOf(t.Context(), "shop", keys)
		is(t, "DisagreementsOf", err, nil)
		same(t, "DisagreementsOf", len(disagreements), len(want))
	}
}

func testUserAgent(t *testing.T, s accounts.Store) {
	session := newSession(uuid.Must(uuid.NewV7()))
	session.Client, session.Address = "Mozilla\x00 \xff cut in the middle \xe2\x82", "::1\x00"
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	got, err := s.Session(t.Context(), session.ID)
	is(t, "Session", err, nil)
	session.Client, session.Address = "Mozilla\uFFFD \uFFFD cut in the middle \uFFFD", "::1\uFFFD"
	same(t, "Session", got, sessionAsStored(session))
}
