package token

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"rekey/accounts"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
)

// onEachStore runs a test with the store in memory and with SQLite, for somebody who has moved and somebody who has not.
func onEachStore(t *testing.T, test func(*testing.T, store)) {
	t.Helper()
	for _, s := range []struct {
		name string
		open func(*testing.T) store
	}{
		{"memory", func(*testing.T) store { return newMemory() }},
		{"memory, moved", func(*testing.T) store {
			m := newMemory()
			m.here = true
			return m
		}},
		{"SQLite", func(t *testing.T) store { return openSQLite(t) }},
		{"SQLite, moved", func(t *testing.T) store {
			s := openSQLite(t)
			moveAlice(t, s)
			return s
		}},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, s.open(t))
		})
	}
}

// moveAlice stores her account.
func moveAlice(t testing.TB, s *sqlstore.Store) {
	t.Helper()
	err := s.Create(t.Context(), accounts.Record{
		Account:    accounts.Account{ID: alice.ID, CreatedAt: time.Now()},
		Credential: accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: "$argon2id$x"},
	}, accounts.Event{ID: uuid.New(), At: time.Now(), AccountID: alice.ID, Kind: accounts.EventMigrated, Actor: "person"})
	if err != nil {
		t.Fatal(err)
	}
}

func openSQLite(t testing.TB) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstoretest.SQLite(t), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// session returns the stored session of a refresh token.
func (h *house) session(t testing.TB, s accounts.Sessions, raw string) accounts.Session {
	t.Helper()
	id, _, ok := h.families.key.parse(raw)
	if !ok {
		t.Fatal("not one of our refresh tokens")
	}
	stored, err := s.Session(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func TestOpen(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, s store) {
		h := newHouse(t, s, newClock(), nil)
		tokens, err := h.families.Open(t.Context(), Login{
			Person: alice, Client: "Mozilla\x00/5.0 \xff" + strings.Repeat("é", 300), Address: "192.0.2.1",
		})
		if err != nil {
			t.Fatal(err)
		}
		got := h.session(t, s, tokens.Refresh)
		if len(got.Client) > maxClient || len(got.Client) < maxClient-1 || !utf8.ValidString(got.Client) || strings.ContainsRune(got.Client, 0) {
			t.Errorf("client is %q", got.Client)
		}
		got.Client = ""
		now := h.clock.Now()
		if diff := cmp.Diff(accounts.Session{
			ID: got.ID, AccountID: alice.ID, Source: "shop", LegacyID: "17", Address: "192.0.2.1",
			CreatedAt: now, RotatedAt: now, ExpiresAt: now.Add(DefaultIdle),
		}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRefreshGoesOn(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, s store) {
		h := newHouse(t, s, newClock(), nil)
		tokens := h.open(t)
		login, err := h.families.Verify(t.Context(), tokens.Access)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{tokens.Refresh: true}
		for i := range 5 {
			h.clock.Add(time.Hour)
			tokens, err = h.refresh(t, tokens.Refresh)
			if err != nil {
				t.Fatal(err)
			}
			if seen[tokens.Refresh] {
				t.Fatal("a refresh token came twice")
			}
			seen[tokens.Refresh] = true
			stored := h.session(t, s, tokens.Refresh)
			if stored.Generation != int64(i+1) || !stored.ExpiresAt.Equal(h.clock.Now().Add(DefaultIdle)) {
				t.Errorf("after %d refreshes the session is %+v", i+1, stored)
			}
			claims, err := h.families.Verify(t.Context(), tokens.Access)
			if err != nil {
				t.Fatal(err)
			}
			want := login
			want.IssuedAt, want.ExpiresAt, want.TokenID = h.clock.Now(), h.clock.Now().Add(DefaultAccessLife), claims.TokenID
			if diff := cmp.Diff(want, claims); diff != "" || claims.TokenID == login.TokenID {
				t.Errorf("the new access token differs in more than its time and id: %s", diff)
			}
			if got, err := h.families.Session(t.Context(), claims); err != nil || got.ID != stored.ID {
				t.Errorf("Session: %v", err)
			}
		}
	})
}

// For the grace the token before the current one yields the same successor; what comes later, or is older, is a
// second party, and both are put out.
func TestReuse(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name     string
		after    time.Duration // since the last rotation
		behind   int           // how many generations the token is behind the current one
		accepted bool
	}{
		{"at once", 0, 1, true},
		{"at the end of the grace", DefaultGrace - time.Microsecond, 1, true},
		{"after the grace", DefaultGrace, 1, false},
		{"much later", time.Hour, 1, false},
		{"an older one at once", 0, 2, false},
		{"a much older one", time.Minute, 3, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			m, c := newMemory(), newClock()
			h := newHouse(t, m, c, nil)
			chain := []Tokens{h.open(t)}
			for i := range 3 {
				next, err := h.refresh(t, chain[i].Refresh)
				if err != nil {
					t.Fatal(err)
				}
				chain = append(chain, next)
			}
			current := chain[3]
			c.Add(x.after)
			got, err := h.refresh(t, chain[3-x.behind].Refresh)
			if x.accepted {
				if err != nil || got.Refresh != current.Refresh {
					t.Fatalf("%v, or not the same successor", err)
				}
				if s := h.session(t, m, current.Refresh); s.Generation != 3 || !s.RevokedAt.IsZero() {
					t.Errorf("the session is %+v", s)
				}
				if _, err := h.refresh(t, got.Refresh); err != nil {
					t.Errorf("the successor: %v", err)
				}
				return
			}
			wantInvalid(t, "reuse", err)
			for i, old := range chain {
				_, err := h.refresh(t, old.Refresh)
				wantInvalid(t, fmt.Sprintf("token %d after the reuse", i), err)
			}
			_, err = h.families.Verify(t.Context(), current.Access)
			wantInvalid(t, "the access token after the reuse", err)
			events := m.eventsOf(accounts.EventSessionReused)
			if len(events) != 1 || events[0].AccountID != alice.ID || events[0].RequestID != "request" || len(m.eventsOf(accounts.EventSessionRevoked)) != 0 {
				t.Errorf("events: %+v, want one that names the account and the request", m.events[1:])
			}
		})
	}
}

func TestGraceCanBeNone(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := newHouse(t, m, newClock(), nil)
	h.families.grace = -1
	first := h.open(t)
	if _, err := h.refresh(t, first.Refresh); err != nil {
		t.Fatal(err)
	}
	_, err := h.refresh(t, first.Refresh)
	wantInvalid(t, "reuse without a grace", err)
}

// However many ask at once, on whatever replica, there is one successor.
func TestOneSuccessor(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, s store) {
		c := newClock()
		replicas := []*house{newHouse(t, s, c, nil), newHouse(t, s, c, nil)}
		tokens := replicas[0].open(t)
		for round := range 5 {
			const racers = 50
			successors := make([]string, racers)
			var all sync.WaitGroup
			for i := range racers {
				all.Go(func() {
					next, err := replicas[i%2].refresh(t, tokens.Refresh)
					if err != nil {
						t.Error(err)
					}
					successors[i] = next.Refresh
				})
			}
			all.Wait()
			for _, successor := range successors {
				if successor != successors[0] {
					t.Fatal("two successors of one token")
				}
			}
			if g := replicas[0].session(t, s, successors[0]).Generation; g != int64(round+1) {
				t.Fatalf("generation is %d after %d rounds", g, round+1)
			}
			tokens.Refresh = successors[0]
		}
	})
}

// A logout that races with refreshes wins: whatever was handed out before it is worth nothing after it.
func TestRevokeRacesWithRefresh(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, s store) {
		h := newHouse(t, s, newClock(), nil)
		for range 10 {
			tokens := h.open(t)
			var mu sync.Mutex
			handedOut := []Tokens{tokens}
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					if i == 3 {
						if err := h.families.Revoke(t.Context(), tokens.Refresh, "r"); err != nil {
							t.Error(err)
						}
						return
					}
					next, err := h.refresh(t, tokens.Refresh)
					if err != nil && !errors.Is(err, ErrInvalid) {
						t.Error(err)
					}
					if err == nil {
						mu.Lock()
						defer mu.Unlock()
						handedOut = append(handedOut, next)
					}
				})
			}
			all.Wait()
			for _, old := range handedOut {
				_, err := h.refresh(t, old.Refresh)
				wantInvalid(t, "refresh token after logout", err)
				_, err = h.families.Verify(t.Context(), old.Access)
				wantInvalid(t, "access token after logout", err)
			}
		}
	})
}

// What happens between the reading of a session and its rotation.
func TestRefreshInterleaved(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name    string
		between func(h *house, m *memory, tokens Tokens)
		check   func(t *testing.T, h *house, m *memory, tokens, got Tokens, err error)
	}{
		{
			"somebody else rotates",
			func(h *house, _ *memory, tokens Tokens) {
				if _, err := h.families.Refresh(context.Background(), tokens.Refresh, "other", h.people); err != nil {
					panic(err)
				}
			},
			func(t *testing.T, h *house, m *memory, tokens, got Tokens, err error) {
				if err != nil || h.session(t, m, tokens.Refresh).Generation != 1 || got.Refresh == tokens.Refresh {
					t.Errorf("%v, want the successor that the other one got", err)
				}
			},
		},
		{
			"logout",
			func(h *house, _ *memory, tokens Tokens) {
				if err := h.families.Revoke(context.Background(), tokens.Refresh, "other"); err != nil {
					panic(err)
				}
			},
			func(t *testing.T, _ *house, _ *memory, _, _ Tokens, err error) { wantInvalid(t, "refresh", err) },
		},
		{
			"the row is removed",
			func(_ *house, m *memory, _ Tokens) {
				m.mu.Lock()
				defer m.mu.Unlock()
				clear(m.sessions)
			},
			func(t *testing.T, _ *house, _ *memory, _, _ Tokens, err error) { wantInvalid(t, "refresh", err) },
		},
		{
			"it ends",
			func(h *house, _ *memory, _ Tokens) { h.clock.Add(DefaultIdle) },
			func(t *testing.T, _ *house, _ *memory, _, _ Tokens, err error) { wantInvalid(t, "refresh", err) },
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			h := newHouse(t, m, newClock(), nil)
			tokens := h.open(t)
			var once sync.Once
			got, err := h.families.Refresh(t.Context(), tokens.Refresh, "r", people{m, func(accounts.Session) (Person, error) {
				once.Do(func() { x.between(h, m, tokens) })
				return alice, nil
			}})
			x.check(t, h, m, tokens, got, err)
		})
	}
}

func TestRefreshAsksAboutThePerson(t *testing.T) {
	t.Parallel()
	down := &accounts.UnavailableError{RetryAfter: time.Second, Err: errDown}
	for _, x := range []struct {
		name   string
		person Person
		err    error
		ended  bool
	}{
		{"may no longer log in", Person{}, fmt.Errorf("resume: %w", accounts.ErrCredentials), true},
		{"is gone", Person{}, ErrInvalid, true},
		{"cannot be told", Person{}, down, false},
		{"is somebody else", Person{ID: uuid.Max}, nil, false},
	} {
		m := newMemory()
		h := newHouse(t, m, newClock(), nil)
		tokens := h.open(t)
		refresh := func(person Person, err error) error {
			_, err = h.families.Refresh(t.Context(), tokens.Refresh, "r", people{m, func(s accounts.Session) (Person, error) {
				if s.AccountID != alice.ID || s.LegacyID != alice.LegacyID {
					t.Errorf("%s: asked about session %+v", x.name, s)
				}
				return person, err
			}})
			return err
		}
		err := refresh(x.person, x.err)
		if err == nil || errors.Is(err, ErrInvalid) != x.ended {
			t.Errorf("%s: %v", x.name, err)
		}
		if n := m.count("RotateSession"); n != 0 {
			t.Errorf("%s: the session was rotated all the same", x.name)
		}
		err = refresh(alice, nil)
		if x.ended {
			wantInvalid(t, x.name+", and back again", err)
			_, err := h.families.Verify(t.Context(), tokens.Access)
			wantInvalid(t, "their access token", err)
			if len(m.eventsOf(accounts.EventSessionRevoked)) != 1 {
				t.Errorf("%s: want one event", x.name)
			}
		} else if err != nil {
			t.Errorf("%s, and back again: %v", x.name, err)
		}
	}
}

// Somebody who has moved, and shows their newest token, costs one question to the store; everybody else is asked about.
func TestRefreshOfTheMoved(t *testing.T) {
	t.Parallel()
	m := newMemory()
	m.here = true
	h := newHouse(t, m, newClock(), nil)
	first := h.open(t)
	second, err := h.refresh(t, first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"Session", "RotateSession"} {
		if n := m.count(call); n != 0 {
			t.Errorf("%s was called %d times", call, n)
		}
	}
	if again, err := h.refresh(t, first.Refresh); err != nil || again.Refresh != second.Refresh {
		t.Errorf("within the grace: %v, want the same successor", err)
	}
	m.here = false // disabled, or gone
	_, err = h.families.Refresh(t.Context(), second.Refresh, "r", people{m, func(accounts.Session) (Person, error) {
		return Person{}, accounts.ErrCredentials
	}})
	wantInvalid(t, "who may no longer be in", err)
	m.here = true
	_, err = h.refresh(t, second.Refresh)
	wantInvalid(t, "the family, after it was ended", err)
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, s store) {
		h := newHouse(t, s, newClock(), nil)
		idle := h.open(t)
		h.clock.Add(DefaultIdle)
		_, err := h.refresh(t, idle.Refresh)
		wantInvalid(t, "after the idle life", err)

		tokens := h.open(t)
		begun := h.clock.Now()
		for h.clock.Now().Before(begun.Add(DefaultAbsolute - DefaultIdle)) {
			h.clock.Add(DefaultIdle - time.Second)
			if tokens, err = h.refresh(t, tokens.Refresh); err != nil {
				t.Fatal(err)
			}
		}
		if end := h.session(t, s, tokens.Refresh).ExpiresAt; !end.Equal(begun.Add(DefaultAbsolute)) {
			t.Errorf("ends at %s, want the absolute life", end)
		}
		h.clock.Add(begun.Add(DefaultAbsolute).Sub(h.clock.Now()))
		_, err = h.refresh(t, tokens.Refresh)
		wantInvalid(t, "after the absolute life", err)
	})
}

func TestRubbishCostsNoQuery(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := newHouse(t, m, newClock(), nil)
	good := h.open(t).Refresh
	for _, raw := range []string{"", "x", good[:len(good)-5] + "AAAAA", refreshKey{}.text(uuid.New(), 0)} {
		_, err := h.refresh(t, raw)
		wantInvalid(t, "rubbish", err)
		if err := h.families.Revoke(t.Context(), raw, "r"); err != nil {
			t.Errorf("logout with rubbish: %v", err)
		}
	}
	if n := m.count("Session"); n != 0 {
		t.Errorf("the store was asked %d times about rubbish", n)
	}
	_, err := h.refresh(t, h.families.key.text(uuid.New(), 0))
	wantInvalid(t, "a family that is not there", err)
	_, err = h.refresh(t, h.families.key.text(h.session(t, m, good).ID, 7))
	wantInvalid(t, "a generation that is not there yet", err)
	if _, err := h.refresh(t, good); err != nil {
		t.Errorf("which must not end the family: %v", err)
	}
}

func TestRevokeIsIdempotent(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := newHouse(t, m, newClock(), nil)
	first, other := h.open(t), h.open(t)
	second, err := h.refresh(t, first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := h.families.Verify(t.Context(), second.Access)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, err := range []error{
			h.families.Revoke(t.Context(), first.Refresh, "r"), // an older one ends the family too
			h.families.Revoke(t.Context(), second.Refresh, "r"),
			h.families.RevokeFamily(t.Context(), claims.SessionID, "r"),
			h.families.RevokeFamily(t.Context(), uuid.New(), "r"),
		} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	if events := m.eventsOf(accounts.EventSessionRevoked); len(events) != 1 || events[0].Actor != "person" || events[0].RequestID != "r" {
		t.Errorf("events: %+v, want one", events)
	}
	_, err = h.refresh(t, second.Refresh)
	wantInvalid(t, "refresh after logout", err)
	_, err = h.families.Session(t.Context(), claims)
	wantInvalid(t, "session after logout", err)
	if _, err := h.refresh(t, other.Refresh); err != nil {
		t.Errorf("another session of the same person: %v", err)
	}
}

// A store that does not answer is never a verdict, and the token goes on working when it does again.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"CreateSession", "Session", "RenewSession", "RotateSession", "RevokeSession"} {
		m := newMemory()
		h := newHouse(t, m, newClock(), nil)
		tokens := h.open(t)
		claims, err := h.families.Verify(t.Context(), tokens.Access)
		if err != nil {
			t.Fatal(err)
		}
		m.setBefore(func(name string) error {
			if name == call {
				return errDown
			}
			return nil
		})
		for name, use := range map[string]struct {
			needs []string
			do    func() error
		}{
			"Open":    {[]string{"CreateSession"}, func() error { _, err := h.families.Open(t.Context(), Login{Person: alice}); return err }},
			"Refresh": {[]string{"RenewSession", "Session", "RotateSession"}, func() error { _, err := h.refresh(t, tokens.Refresh); return err }},
			"Session": {[]string{"Session"}, func() error { _, err := h.families.Session(t.Context(), claims); return err }},
			"Revoke":  {[]string{"Session", "RevokeSession"}, func() error { return h.families.Revoke(t.Context(), tokens.Refresh, "r") }},
			"RevokeOwn": {[]string{"Session", "RevokeSession"}, func() error {
				return h.families.RevokeOwn(t.Context(), accounts.Session{ID: claims.SessionID, AccountID: alice.ID}, claims.SessionID, "r")
			}},
		} {
			for _, needed := range use.needs {
				if needed == call {
					wantUnavailable(t, name+" without "+call, use.do())
				}
			}
		}
		m.setBefore(nil)
		if _, err := h.families.Verify(t.Context(), tokens.Access); err != nil {
			t.Errorf("without %s the access token was lost: %v", call, err)
		}
		if _, err := h.refresh(t, tokens.Refresh); err != nil {
			t.Errorf("without %s the family was lost: %v", call, err)
		}
	}
}

// Somebody who replays a stolen token cannot save it by hanging up, and a store that fails then is not a verdict.
func TestEndOutlivesTheRequest(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := newHouse(t, m, newClock(), nil)
	first := h.open(t)
	second, err := h.refresh(t, first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Add(time.Minute)
	ctx, hangUp := context.WithCancel(t.Context())
	m.setBefore(func(call string) error {
		if call == "RevokeSession" {
			hangUp()
		}
		return nil
	})
	_, err = h.families.Refresh(ctx, first.Refresh, "r", h.people)
	wantInvalid(t, "reuse", err)
	m.setBefore(nil)
	_, err = h.refresh(t, second.Refresh)
	wantInvalid(t, "the family after a reuse whose client hung up", err)
}

func TestRefreshGivesUp(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := newHouse(t, m, newClock(), nil)
	tokens := h.open(t)
	m.setBefore(func(call string) error {
		if call == "RotateSession" {
			return accounts.ErrStale
		}
		return nil
	})
	_, err := h.refresh(t, tokens.Refresh)
	wantUnavailable(t, "a session that is always stale", err)
	if n := m.count("RotateSession"); n != attempts {
		t.Errorf("tried %d times, want %d", n, attempts)
	}
}

func TestLastGeneration(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := newHouse(t, m, newClock(), nil)
	s := h.session(t, m, h.open(t).Refresh)
	s.Generation = maxGeneration
	m.sessions[s.ID] = s
	_, err := h.refresh(t, h.families.key.text(s.ID, maxGeneration))
	wantInvalid(t, "the last generation", err)
}

// A family under any order of events does what a model of a few lines says.
func TestFamilyModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		m, c := newMemory(), newClock()
		h := newHouse(t, m, c, nil)
		chain := []string{h.open(t).Refresh}
		begun, rotated, dead := c.Now(), c.Now(), false
		ended := func() bool {
			return dead || !c.Now().Before(rotated.Add(DefaultIdle)) || !c.Now().Before(begun.Add(DefaultAbsolute))
		}
		r.Repeat(map[string]func(*rapid.T){
			"time": func(r *rapid.T) {
				c.Add(rapid.SampledFrom([]time.Duration{time.Second, DefaultGrace - 1, DefaultGrace, time.Hour, DefaultIdle - time.Hour, DefaultIdle}).Draw(r, "passes"))
			},
			"refresh": func(r *rapid.T) {
				behind := rapid.IntRange(0, min(3, len(chain)-1)).Draw(r, "behind")
				current := len(chain) - 1
				got, err := h.refresh(t, chain[current-behind])
				switch {
				case ended():
					wantInvalidIn(r, "an ended family", err)
				case behind == 0:
					if err != nil || len(chain) > 0 && got.Refresh == chain[current] {
						r.Fatalf("the current token: %v", err)
					}
					chain, rotated = append(chain, got.Refresh), c.Now()
				case behind == 1 && c.Now().Sub(rotated) < DefaultGrace:
					if err != nil || got.Refresh != chain[current] {
						r.Fatalf("within the grace: %v, or another successor", err)
					}
				default:
					wantInvalidIn(r, "reuse", err)
					dead = true
				}
			},
			"logout": func(r *rapid.T) {
				if rapid.IntRange(0, 9).Draw(r, "one in ten") > 0 {
					return
				}
				if err := h.families.Revoke(t.Context(), chain[0], "r"); err != nil {
					r.Fatal(err)
				}
				dead = true
			},
			"": func(r *rapid.T) {
				if n := len(m.eventsOf(accounts.EventSessionReused)) + len(m.eventsOf(accounts.EventSessionRevoked)); n > 1 {
					r.Fatalf("%d events of an end", n)
				}
			},
		})
	})
}

func wantInvalidIn(r *rapid.T, what string, err error) {
	if !errors.Is(err, ErrInvalid) {
		r.Fatalf("%s: %v, want ErrInvalid", what, err)
	}
}

func TestNewFamiliesRefuses(t *testing.T) {
	t.Parallel()
	m := newMemory()
	access := newAccess(t, openKeys(t, m, nil, nil), &list{}, nil)
	whole := FamiliesConfig{Access: access, Sessions: m, MasterKey: testMaster(t)}
	for name, spoil := range map[string]func(*FamiliesConfig){
		"no access":             func(c *FamiliesConfig) { c.Access = nil },
		"no sessions":           func(c *FamiliesConfig) { c.Sessions = nil },
		"no master key":         func(c *FamiliesConfig) { c.MasterKey = nil },
		"a short idle life":     func(c *FamiliesConfig) { c.Idle = DefaultAccessLife },
		"a short absolute life": func(c *FamiliesConfig) { c.Absolute = DefaultAccessLife },
		"a negative idle life":  func(c *FamiliesConfig) { c.Idle = -1 },
	} {
		c := whole
		spoil(&c)
		if _, err := NewFamilies(c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := NewFamilies(whole); err != nil {
		t.Error(err)
	}
}
