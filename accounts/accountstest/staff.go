package accountstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func staffRules() []rule {
	return []rule{
		{"round trip", "A token is found by its digest and comes back as it was stored, with one event.", testStaffToken},
		{"twice", "An id or a digest that is there already is an error, and stores neither a token nor an event.", testStaffTwice},
		{"end", "A token that is unknown, revoked or at its end is ErrNotFound, and nothing tells which.", testStaffEnd},
		{"use", "The last use is noted at most once in the given time, and never set back.", testStaffUse},
		{"revoke", "Revoking ends a token once, with one event; again it does nothing; of none it is ErrNotFound.", testStaffRevoke},
		{"revoke race", "Of 50 that revoke a token one does, with one event.", testStaffRevokeRace},
		{"add race", "Of 50 that add one token one does, with one event.", testStaffAddRace},
	}
}

// staffToken returns a token that can be added.
func staffToken(name string) accounts.StaffToken {
	t := accounts.StaffToken{
		ID: uuid.Must(uuid.NewV7()), Name: name, Role: accounts.RoleSupport, CreatedAt: now(), ExpiresAt: now().Add(time.Hour),
	}
	copy(t.Digest[:], name)
	t.Digest[len(t.Digest)-1] = 0xff // no text
	return t
}

func staffAsStored(t accounts.StaffToken) accounts.StaffToken {
	t.CreatedAt, t.ExpiresAt = stored(t.CreatedAt), stored(t.ExpiresAt)
	for _, at := range []*time.Time{&t.LastUsedAt, &t.RevokedAt} {
		if !at.IsZero() {
			*at = stored(*at)
		}
	}
	return t
}

// staffEvent returns an event about no account, and how many of its kind there are.
func staffEvent(kind accounts.EventKind) accounts.Event { return Event(uuid.Nil, kind) }

func addStaff(t *testing.T, s accounts.Store, token accounts.StaffToken) {
	t.Helper()
	is(t, "AddStaffToken", s.AddStaffToken(t.Context(), token, staffEvent(accounts.EventStaffTokenAdded)), nil)
}

func testStaffToken(t *testing.T, s accounts.Store) {
	none, err := s.StaffTokens(t.Context())
	is(t, "StaffTokens", err, nil)
	same(t, "tokens of an empty store", len(none), 0)

	var want []accounts.StaffToken
	for i, role := range accounts.Roles() {
		token := staffToken(numbered("anna", i))
		token.Role, token.CreatedAt = role, now().Add(time.Duration(i)*time.Second)
		token.ExpiresAt = token.CreatedAt.Add(time.Hour)
		addStaff(t, s, token)
		got, err := s.StaffTokenByDigest(t.Context(), token.Digest, now())
		is(t, "StaffTokenByDigest", err, nil)
		same(t, "StaffTokenByDigest", got, staffAsStored(token))
		want = append(want, staffAsStored(token))
	}
	got, err := s.StaffTokens(t.Context())
	is(t, "StaffTokens", err, nil)
	same(t, "StaffTokens, oldest first", got, want)
	same(t, "kind of the event", events(t, s, uuid.Nil, len(want))[0].Kind, accounts.EventStaffTokenAdded)
}

func testStaffTwice(t *testing.T, s accounts.Store) {
	first := staffToken("anna")
	addStaff(t, s, first)
	sameID, sameDigest := staffToken("bert"), staffToken("carl")
	sameID.ID, sameDigest.Digest = first.ID, first.Digest
	for what, token := range map[string]accounts.StaffToken{"id": sameID, "digest": sameDigest} {
		err := s.AddStaffToken(t.Context(), token, staffEvent(accounts.EventStaffTokenAdded))
		noVerdict(t, "AddStaffToken with an "+what+" that is there", err)
	}
	got, err := s.StaffTokens(t.Context())
	is(t, "StaffTokens", err, nil)
	same(t, "StaffTokens", got, []accounts.StaffToken{staffAsStored(first)})
	events(t, s, uuid.Nil, 1)
}

func testStaffEnd(t *testing.T, s accounts.Store) {
	token, revoked := staffToken("anna"), staffToken("bert")
	addStaff(t, s, token)
	revoked.RevokedAt = now()
	addStaff(t, s, revoked)
	for name, ask := range map[string]struct {
		digest accounts.StaffDigest
		at     time.Time
		want   error
	}{
		"a living one":      {token.Digest, token.ExpiresAt.Add(-time.Microsecond), nil},
		"one at its end":    {token.Digest, token.ExpiresAt, accounts.ErrNotFound},
		"one past its end":  {token.Digest, token.ExpiresAt.Add(time.Hour), accounts.ErrNotFound},
		"a revoked one":     {revoked.Digest, now(), accounts.ErrNotFound},
		"an unknown digest": {accounts.StaffDigest{1}, now(), accounts.ErrNotFound},
		"no digest":         {accounts.StaffDigest{}, now(), accounts.ErrNotFound},
	} {
		_, err := s.StaffTokenByDigest(t.Context(), ask.digest, ask.at)
		is(t, "StaffTokenByDigest of "+name, err, ask.want)
	}
}

func testStaffUse(t *testing.T, s accounts.Store) {
	token := staffToken("anna")
	addStaff(t, s, token)
	used := func(want time.Time) {
		t.Helper()
		got, err := s.StaffTokenByDigest(t.Context(), token.Digest, now())
		is(t, "StaffTokenByDigest", err, nil)
		same(t, "last use", got.LastUsedAt, stored(want))
	}
	for _, use := range []struct{ after, want time.Duration }{
		{0, 0},
		{time.Minute - time.Microsecond, 0}, // too soon
		{time.Minute, time.Minute},
		{0, time.Minute}, // another process is late
		{5 * time.Minute, 5 * time.Minute},
	} {
		is(t, "UseStaffToken", s.UseStaffToken(t.Context(), token.ID, now().Add(use.after), time.Minute), nil)
		used(now().Add(use.want))
	}
	is(t, "UseStaffToken of none", s.UseStaffToken(t.Context(), uuid.Must(uuid.NewV7()), now(), time.Minute), nil)
	events(t, s, uuid.Nil, 1)
}

func testStaffRevoke(t *testing.T, s accounts.Store) {
	token, beside := staffToken("anna"), staffToken("bert")
	addStaff(t, s, token)
	addStaff(t, s, beside)
	for i, want := range []bool{true, false, false} {
		at := now().Add(time.Duration(i) * time.Second)
		did, err := s.RevokeStaffToken(t.Context(), token.ID, at, staffEvent(accounts.EventStaffTokenRevoked))
		is(t, "RevokeStaffToken", err, nil)
		same(t, numbered("RevokeStaffToken", i), did, want)
	}
	nobody := uuid.Must(uuid.NewV7())
	_, err := s.RevokeStaffToken(t.Context(), nobody, now(), staffEvent(accounts.EventStaffTokenRevoked))
	is(t, "RevokeStaffToken of none", err, accounts.ErrNotFound)
	events(t, s, uuid.Nil, 3)
	token.RevokedAt = now()
	got, err := s.StaffTokens(t.Context())
	is(t, "StaffTokens", err, nil)
	same(t, "StaffTokens", got, []accounts.StaffToken{staffAsStored(token), staffAsStored(beside)})
}

func testStaffRevokeRace(t *testing.T, s accounts.Store) {
	token := staffToken("anna")
	addStaff(t, s, token)
	errs := together(crowd, func(int) error {
		return onceTrue(s.RevokeStaffToken(t.Context(), token.ID, now(), staffEvent(accounts.EventStaffTokenRevoked)))
	})
	oneWon(t, errs, errNotMe)
	events(t, s, uuid.Nil, 2)
}

func testStaffAddRace(t *testing.T, s accounts.Store) {
	token := staffToken("anna")
	errs := together(crowd, func(int) error {
		return s.AddStaffToken(t.Context(), token, staffEvent(accounts.EventStaffTokenAdded))
	})
	added := 0
	for _, err := range errs {
		if err == nil {
			added++
		} else {
			noVerdict(t, "AddStaffToken of the same", err)
		}
	}
	same(t, "added", added, 1)
	events(t, s, uuid.Nil, 1)
}
