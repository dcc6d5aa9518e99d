package gateway_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/legacy"
)

// sessions is the list that an access token gets: which of the clients are in it, newest first, and the id of each.
func (w *world) sessions(t *testing.T, access string) (clients []string, ids map[string]string, current string) {
	t.Helper()
	a := w.ask("GET", "/v1/account/sessions", "", "Authorization", "Bearer "+access)
	list := read[struct {
		Sessions []struct {
			ID, Client string
			Current    bool
		}
	}](t, a, 200)
	ids = map[string]string{}
	for _, s := range list.Sessions {
		clients, ids[s.Client] = append(clients, s.Client), s.ID
		if s.Current {
			current += s.Client
		}
	}
	return clients, ids, current
}

// from is a login with a user agent.
func (w *world) from(client, identifier, pw string) answer {
	w.t.Helper()
	return w.ask("POST", "/v1/login", text(w.t, "identifier", identifier, "password", pw), "User-Agent", client)
}

// end asks for the end of a session.
func (w *world) end(access, id string) answer {
	w.t.Helper()
	return w.ask("DELETE", "/v1/account/sessions/"+id, "", "Authorization", "Bearer "+access)
}

// Somebody sees and ends their sessions, moved or not.
func TestOwnSessions(t *testing.T) {
	t.Parallel()
	for name, unmoved := range map[string]bool{"moved": false, "not moved": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.failCreate.Store(unmoved)
			phone, desk, lost := w.from("phone", "anna", "tulip"), w.from("desk", "anna", "tulip"), w.from("lost", "anna", "tulip")
			if _, err := w.store.ByID(t.Context(), accounts.SubjectFor("shop", "1")); errors.Is(err, accounts.ErrNotFound) != unmoved {
				t.Fatalf("her account: %v", err)
			}
			clients, ids, current := w.sessions(t, desk.Access)
			if !slices.Equal(clients, []string{"lost", "desk", "phone"}) || current != "desk" {
				t.Errorf("the sessions are %v, this one is %q", clients, current)
			}

			for range 2 { // again is a success
				w.wants("end the lost one", w.end(desk.Access, ids["lost"]), 204, "")
			}
			if got := w.in(lost); got != out {
				t.Errorf("the lost one after it: %v", got)
			}
			if got := w.in(phone); got != allIn {
				t.Errorf("another after it: %v", got)
			}
			if clients, _, _ := w.sessions(t, desk.Access); !slices.Equal(clients, []string{"desk", "phone"}) {
				t.Errorf("the sessions are %v", clients)
			}
			w.wants("by the one that has ended", w.end(lost.Access, ids["phone"]), 401, "token")

			w.wants("end this one", w.end(desk.Access, ids["desk"]), 204, "")
			if got := w.in(desk); got != out {
				t.Errorf("this one after it: %v", got)
			}
			events, err := w.store.Events(t.Context(), accounts.SubjectFor("shop", "1"), 10)
			if err != nil {
				t.Fatal(err)
			}
			events = slices.DeleteFunc(events, func(e accounts.Event) bool { return e.Kind != accounts.EventSessionRevoked })
			want := []map[string]string{{"session": ids["lost"], "by_session": ids["desk"]}, {"session": ids["desk"], "by_session": ids["desk"]}}
			if !slices.EqualFunc(events, want, func(e accounts.Event, d map[string]string) bool {
				return maps.Equal(e.Detail, d) && e.Actor == "person"
			}) {
				t.Errorf("events: %+v, want %v", events, want)
			}
		})
	}
}

// What is another's is answered as what is not there, to the byte, and lives on.
func TestSessionsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.old.Change("2", func(u *legacy.User) { u.Disabled = false })
	anna, bert := w.login("anna", "tulip"), w.from("desk", "bert", "daisy")
	if _, ids, _ := w.sessions(t, bert.Access); len(ids) != 1 {
		t.Errorf("he sees %v", ids)
	}
	_, ids, _ := w.sessions(t, bert.Access)
	foreign, unknown := w.end(anna.Access, ids["desk"]), w.end(anna.Access, uuid.NewString())
	w.wants("another's", foreign, 404, "no-such")
	w.wants("nobody's", unknown, 404, "no-such")
	if foreign.Body.String() != unknown.Body.String() {
		t.Errorf("they differ: %s, %s", foreign.Body, unknown.Body)
	}
	w.wants("no id", w.end(anna.Access, "desk"), 400, "malformed")
	if got := w.in(bert); got != allIn {
		t.Errorf("he after it: %v", got)
	}
}

// No token is in the list, nor what one is made of.
func TestSessionsHoldNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	in := w.from("desk", "anna", "tulip")
	in = w.refresh(in.Refresh)
	a := w.ask("GET", "/v1/account/sessions", "", "Cookie", "__Host-rekey="+in.Access)
	var list struct{ Sessions []map[string]any }
	if err := json.Unmarshal(a.Body.Bytes(), &list); err != nil || len(list.Sessions) != 1 {
		t.Fatalf("%v: %s", err, a.Body)
	}
	got := slices.Sorted(maps.Keys(list.Sessions[0]))
	if want := []string{"address", "client", "created_at", "current", "expires_at", "id", "refreshed_at"}; !slices.Equal(got, want) {
		t.Errorf("a session shows %v, want %v", got, want)
	}
	if list.Sessions[0]["created_at"] == list.Sessions[0]["refreshed_at"] {
		t.Error("it does not show that it was used")
	}
	if strings.Contains(a.Body.String(), in.Refresh) || strings.Contains(a.Body.String(), in.Access) {
		t.Error("a token is in the list")
	}
}

// Who has something to do first neither sees nor ends sessions; nor does a cookie end one.
func TestSessionsAreClosed(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, accounts.RequiredActions{Terms: "2"}, nil)
	in := w.login("anna", "tulip")
	access := w.owes(t, in, "accept-terms")
	w.wants("list", w.ask("GET", "/v1/account/sessions", "", "Authorization", "Bearer "+access), 403, "required-actions")
	w.wants("list by cookie", w.ask("GET", "/v1/account/sessions", "", "Cookie", "__Host-rekey="+access), 403, "required-actions")
	w.wants("end", w.end(access, uuid.NewString()), 403, "required-actions")
	if a := w.as(access, "PUT", "/v1/account", "accepted_terms", "2"); a.Code != 204 {
		t.Fatalf("accept the terms: %d", a.Code)
	}
	whole := w.refresh(in.Refresh)
	_, ids, _ := w.sessions(t, whole.Access)
	for _, id := range ids {
		w.wants("end by cookie", w.ask("DELETE", "/v1/account/sessions/"+id, "", "Cookie", "__Host-rekey="+whole.Access), 401, "token")
	}
	w.wants("the session", w.refresh(whole.Refresh), 200, "")
}
