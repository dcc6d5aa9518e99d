package accountstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func newSession(account uuid.UUID) accounts.Session {
	return accounts.Session{
		ID: uuid.Must(uuid.NewV7()), AccountID: account, Source: "shop", LegacyID: "7",
		Client: "Mozilla/5.0", Address: "2001:db8::1",
		CreatedAt: now(), RotatedAt: now(), ExpiresAt: now().Add(14 * 24 * time.Hour),
	}
}

func sessionAsStored(n accounts.Session) accounts.Session {
	n.CreatedAt, n.RotatedAt, n.ExpiresAt = stored(n.CreatedAt), stored(n.RotatedAt), stored(n.ExpiresAt)
	if !n.RevokedAt.IsZero() {
		n.RevokedAt = stored(n.RevokedAt)
	}
	return n
}

func sessionRules() []rule {
	return []rule{
		{"round trip", "A session comes back as it was stored, and needs no account: its person may not have moved yet.",
			testSession},
		{"twice", "A session id is used once.", testSessionTwice},
		{"rotate", "A rotation moves a living session from the generation that was named to the next, and returns it so.",
			testRotate},
		{"rotate stale", "A rotation from another generation, or of a session that is revoked or expired, is ErrStale and " +
			"changes nothing; of one that is not there it is ErrNotFound.", testRotateStale},
		{"renew", "A session whose account is here is rotated and comes back with it; it expires idle later, but never beyond " +
			"its absolute age.", testRenew},
		{"renew stale", "A renewal from another generation, of a session that is revoked, expired or not there, or whose account " +
			"is not here or disabled, is ErrStale and changes nothing.", testRenewStale},
		{"revoke", "Revoking ends a session once, with one event; again, or of none, it does nothing.", testRevoke},
		{"delete", "Only sessions that expired before the given time are deleted, and no more than the limit.", testDelete},
	}
}

func testSession(t *testing.T, s accounts.Store) {
	for name, change := range map[string]func(*accounts.Session){
		"new":          func(*accounts.Session) {},
		"account here": func(n *accounts.Session) { n.Source, n.LegacyID = "", "" },
		"revoked":      func(n *accounts.Session) { n.Generation, n.RevokedAt = 1<<40, now() },
		"bare":         func(n *accounts.Session) { n.Client, n.Address = "", "" },
	} {
		session := newSession(uuid.Must(uuid.NewV7()))
		change(&session)
		is(t, "CreateSession, "+name, s.CreateSession(t.Context(), session), nil)
		got, err := s.Session(t.Context(), session.ID)
		is(t, "Session, "+name, err, nil)
		same(t, "Session, "+name, got, sessionAsStored(session))
	}
}

func testSessionTwice(t *testing.T, s accounts.Store) {
	session := newSession(uuid.Must(uuid.NewV7()))
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	other := newSession(uuid.Must(uuid.NewV7()))
	other.ID = session.ID
	if s.CreateSession(t.Context(), other) == nil {
		t.Error("CreateSession with an id that is there: no error")
	}
	got, err := s.Session(t.Context(), session.ID)
	is(t, "Session", err, nil)
	same(t, "Session", got, sessionAsStored(session))
}

func testRotate(t *testing.T, s accounts.Store) {
	session := newSession(uuid.Must(uuid.NewV7()))
	beside := newSession(session.AccountID)
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	is(t, "CreateSession", s.CreateSession(t.Context(), beside), nil)
	want := session
	for i := range int64(3) {
		want.Generation = i + 1
		want.RotatedAt = now().Add(time.Duration(i+1) * time.Hour)
		want.ExpiresAt = want.RotatedAt.Add(2 * time.Hour)
		got, err := s.RotateSession(t.Context(), session.ID, i, want.RotatedAt, want.ExpiresAt)
		is(t, "RotateSession", err, nil)
		same(t, "RotateSession", got, sessionAsStored(want))
		got, err = s.Session(t.Context(), session.ID)
		is(t, "Session", err, nil)
		same(t, "Session", got, sessionAsStored(want))
	}
	got, err := s.Session(t.Context(), beside.ID)
	is(t, "Session", err, nil)
	same(t, "the session beside it", got, sessionAsStored(beside))
}

func testRotateStale(t *testing.T, s accounts.Store) {
	ctx, later := t.Context(), now().Add(time.Hour)
	far := later.Add(240 * time.Hour)
	session := newSession(uuid.Must(uuid.NewV7()))
	session.Generation = 5
	is(t, "CreateSession", s.CreateSession(ctx, session), nil)
	unchanged := func(what string, want accounts.Session) {
		t.Helper()
		got, err := s.Session(ctx, want.ID)
		is(t, "Session", err, nil)
		same(t, what, got, sessionAsStored(want))
	}
	for _, from := range []int64{4, 6, 0, -1} {
		_, err := s.RotateSession(ctx, session.ID, from, later, far)
		is(t, "RotateSession from another generation", err, accounts.ErrStale)
	}
	for _, at := range []time.Time{session.ExpiresAt, session.ExpiresAt.Add(time.Microsecond)} {
		_, err := s.RotateSession(ctx, session.ID, 5, at, at.Add(time.Hour))
		is(t, "RotateSession when it has expired", err, accounts.ErrStale)
	}
	unchanged("after stale rotations", session)

	did, err := s.RevokeSession(ctx, session.ID, later, Event(session.AccountID, accounts.EventSessionRevoked))
	is(t, "RevokeSession", onceTrue(did, err), nil)
	_, err = s.RotateSession(ctx, session.ID, 5, later, far)
	is(t, "RotateSession of a revoked one", err, accounts.ErrStale)
	session.RevokedAt = later
	unchanged("after it was revoked", session)

	_, err = s.RotateSession(ctx, uuid.Must(uuid.NewV7()), 5, later, far)
	is(t, "RotateSession of none", err, accounts.ErrNotFound)

	last := newSession(session.AccountID)
	is(t, "CreateSession", s.CreateSession(ctx, last), nil)
	_, err = s.RotateSession(ctx, last.ID, 0, last.ExpiresAt.Add(-time.Microsecond), far)
	is(t, "RotateSession in the last microsecond", err, nil)
}

func testRenew(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	create(t, s, Person("Bob"))
	session := newSession(r.ID)
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	const idle, absolute = 24 * time.Hour, 60 * time.Hour
	want := session
	for i, ends := range []time.Duration{34 * time.Hour, 44 * time.Hour, 54 * time.Hour, 60 * time.Hour} {
		want.Generation = int64(i + 1)
		want.RotatedAt = now().Add(time.Duration(i+1) * 10 * time.Hour)
		want.ExpiresAt = now().Add(ends)
		got, account, err := s.RenewSession(t.Context(), session.ID, int64(i), want.RotatedAt, idle, absolute)
		is(t, "RenewSession", err, nil)
		same(t, "RenewSession", got, sessionAsStored(want))
		same(t, "account of RenewSession", account, asStored(r).Account)
		got, err = s.Session(t.Context(), session.ID)
		is(t, "Session", err, nil)
		same(t, "Session", got, sessionAsStored(want))
	}
}

func testRenewStale(t *testing.T, s accounts.Store) {
	here, disabled := Person("Ada"), Person("Bob")
	disabled.Disabled = true
	create(t, s, here)
	create(t, s, disabled)
	for name, x := range map[string]struct {
		account uuid.UUID
		change  func(*accounts.Session)
		from    int64
	}{
		"an earlier generation":       {account: here.ID, from: 4},
		"a later generation":          {account: here.ID, from: 6},
		"an account that is not here": {account: uuid.Must(uuid.NewV7()), from: 5},
		"a disabled account":          {account: disabled.ID, from: 5},
		"a session that was revoked":  {account: here.ID, from: 5, change: func(n *accounts.Session) { n.RevokedAt = now() }},
		"a session that has expired":  {account: here.ID, from: 5, change: func(n *accounts.Session) { n.ExpiresAt = now() }},
	} {
		session := newSession(x.account)
		session.Generation = 5
		if x.change != nil {
			x.change(&session)
		}
		is(t, "CreateSession, "+name, s.CreateSession(t.Context(), session), nil)
		_, _, err := s.RenewSession(t.Context(), session.ID, x.from, now(), time.Hour, 240*time.Hour)
		is(t, "RenewSession of "+name, err, accounts.ErrStale)
		got, err := s.Session(t.Context(), session.ID)
		is(t, "Session, "+name, err, nil)
		same(t, "Session, "+name, got, sessionAsStored(session))
	}
	_, _, err := s.RenewSession(t.Context(), uuid.Must(uuid.NewV7()), 0, now(), time.Hour, 240*time.Hour)
	is(t, "RenewSession of none", err, accounts.ErrStale)
}

func testRevoke(t *testing.T, s accounts.Store) {
	session := newSession(uuid.Must(uuid.NewV7()))
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	e := Event(session.AccountID, accounts.EventSessionRevoked)
	for i, want := range []bool{true, false, false} {
		did, err := s.RevokeSession(t.Context(), session.ID, now().Add(time.Duration(i)*time.Hour), e)
		is(t, "RevokeSession", err, nil)
		same(t, numbered("RevokeSession", i), did, want)
		e.ID = uuid.Must(uuid.NewV7())
	}
	events(t, s, session.AccountID, 1)
	got, err := s.Session(t.Context(), session.ID)
	is(t, "Session", err, nil)
	session.RevokedAt = now()
	same(t, "Session", got, sessionAsStored(session))

	did, err := s.RevokeSession(t.Context(), uuid.Must(uuid.NewV7()), now(), e)
	is(t, "RevokeSession of none", err, nil)
	same(t, "RevokeSession of none", did, false)
	events(t, s, session.AccountID, 1)
}

func testDelete(t *testing.T, s accounts.Store) {
	var sessions []accounts.Session
	for i := range 6 {
		session := newSession(uuid.Must(uuid.NewV7()))
		session.ExpiresAt = now().Add(time.Duration(i) * time.Hour)
		sessions = append(sessions, session)
		is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	}
	before := sessions[4].ExpiresAt // four expired before it, one does at it, one later
	for _, want := range []int64{3, 1, 0} {
		n, err := s.DeleteSessions(t.Context(), before, 3)
		is(t, "DeleteSessions", err, nil)
		same(t, "DeleteSessions", n, want)
	}
	for i, session := range sessions {
		_, err := s.Session(t.Context(), session.ID)
		want := accounts.ErrNotFound
		if i >= 4 {
			want = nil
		}
		is(t, numbered("Session", i), err, want)
	}
}
