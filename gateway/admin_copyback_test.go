package gateway_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// owed is what GET /admin/v1/copy-back tells, and what an account's answer has of it.
type owed struct {
	Backlog struct {
		Waiting, Refused int
		Oldest           time.Time
	}
	Deliveries []delivery
	CopyBack   []delivery `json:"copy_back"`
	Next       string
}

type delivery struct {
	ID        string
	AccountID string `json:"account_id"`
	Source    string
	Kind      string
	Intent    bool
	CreatedAt time.Time `json:"created_at"`
	Attempts  int
	NextAt    time.Time `json:"next_at"`
	Refused   string
}

// owe changes a person's password, and owes the shop that; the first of n is refused.
func (w *world) owe(account string, n int) {
	w.t.Helper()
	id := uuid.MustParse(account)
	for i := range n {
		d := accounts.Delivery{ID: uuid.Must(uuid.NewV7()), AccountID: id, Source: "shop", Kind: accounts.DeliverPassword, Sealed: []byte("hush"), CreatedAt: time.Now()}
		next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: "$argon2id$x"}
		event := accounts.Event{ID: uuid.Must(uuid.NewV7()), At: time.Now(), AccountID: id, Kind: accounts.EventPassword, Actor: "test"}
		if err := w.store.SetPassword(w.t.Context(), id, int64(i+1), next, uuid.Nil, event, d); err != nil {
			w.t.Fatal(err)
		}
	}
	claimed, err := w.store.ClaimDelivery(w.t.Context(), time.Now(), time.Now().Add(time.Minute))
	if err == nil {
		err = w.store.PostponeDelivery(w.t.Context(), claimed, time.Now().Add(time.Hour), "the legacy store refused Password: it is too long")
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// What the old store has refused is listed, with the account and by itself, and can be tried again at once.
func TestCopyBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	anna := w.login("anna", "tulip").Account.ID
	_, token := w.staff(accounts.RoleAdmin, 0)
	const path = "/admin/v1/copy-back"
	if a := w.admin(token, "GET", path, ""); a.Code != 200 || strings.TrimSpace(a.Body.String()) != `{"backlog":{"waiting":0,"refused":0},"deliveries":[]}` {
		t.Errorf("before: %d %s", a.Code, a.Body)
	}
	w.owe(anna, 3)
	list := func(query string) owed {
		t.Helper()
		a := w.admin(token, "GET", path+query, "")
		if a.Code != 200 || strings.Contains(a.Body.String(), "sealed") || strings.Contains(a.Body.String(), "Sealed") {
			t.Fatalf("%s: %d %s", query, a.Code, a.Body)
		}
		return as[owed](t, a)
	}
	all := list("")
	if all.Backlog.Waiting != 3 || all.Backlog.Refused != 1 || all.Backlog.Oldest.IsZero() || len(all.Deliveries) != 3 || all.Next != "" {
		t.Fatalf("%+v", all)
	}
	if d := all.Deliveries[0]; d.AccountID != anna || d.Source != "shop" || d.Kind != "password" || d.Intent || d.Attempts != 1 ||
		d.Refused != "the legacy store refused Password: it is too long" || !d.NextAt.After(time.Now()) || d.CreatedAt.IsZero() {
		t.Errorf("the refused one: %+v", d)
	}
	for query, want := range map[string][]delivery{
		"?limit=3":                               all.Deliveries,
		"?limit=2":                               all.Deliveries[:2],
		"?refused=true":                          all.Deliveries[:1],
		"?refused=false":                         all.Deliveries,
		"?account=anna":                          all.Deliveries,
		"?account=" + anna:                       all.Deliveries,
		"?limit=2&after=" + all.Deliveries[1].ID: all.Deliveries[2:],
	} {
		got := list(query)
		if !slices.Equal(got.Deliveries, want) {
			t.Errorf("%s: %+v", query, got.Deliveries)
		}
		if full := strings.Contains(query, "limit="+strconv.Itoa(len(want))); full != (got.Next != "") || full && got.Next != want[len(want)-1].ID {
			t.Errorf("%s: next is %q", query, got.Next)
		}
	}
	for query, field := range map[string]string{
		"?limit=0": "limit", "?limit=501": "limit", "?limit=x": "limit", "?refused=yes": "refused", "?after=x": "after", "?who=anna": "who",
	} {
		if a := w.admin(token, "GET", path+query, ""); a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != field {
			t.Errorf("%s: %d %s", query, a.Code, a.Body)
		}
	}
	if a := w.admin(token, "GET", path+"?account=nobody", ""); a.Code != 404 {
		t.Errorf("of nobody: %d", a.Code)
	}
	if a := as[owed](t, w.admin(token, "GET", "/admin/v1/accounts/anna", "")); !slices.Equal(a.CopyBack, all.Deliveries) {
		t.Errorf("with the account: %+v", a.CopyBack)
	}
	if err := w.store.Delete(t.Context(), uuid.MustParse(anna), 4, time.Now(), accounts.Event{ID: uuid.New(), AccountID: uuid.MustParse(anna), Kind: accounts.EventDeleted}); err != nil {
		t.Fatal(err)
	}
	if a := as[owed](t, w.admin(token, "GET", "/admin/v1/accounts/"+anna, "")); !slices.Equal(a.CopyBack, all.Deliveries) {
		t.Errorf("with the deleted account: %+v", a.CopyBack)
	}
	if a := w.admin(token, "GET", "/admin/v1/phase", ""); !strings.Contains(a.Body.String(), `"backlog":{"waiting":3,"refused":1,"oldest":"`) {
		t.Errorf("with the phase: %s", a.Body)
	}
}

// Who has mended the old store need not wait for the next try.
func TestTryCopyBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	anna := w.login("anna", "tulip").Account.ID
	w.owe(anna, 2)
	_, token := w.staff(accounts.RoleOperator, 0)
	try := func(body, want string) answer {
		t.Helper()
		a := w.admin(token, "POST", "/admin/v1/copy-back", body)
		if a.Code != 200 || strings.TrimSpace(a.Body.String()) != want {
			t.Errorf("%s: %d %s, want %s", body, a.Code, a.Body, want)
		}
		return a
	}
	for body, field := range map[string]string{
		`{}`: "reason", `{"reason":"x","account":5}`: "account", `{"reason":"x","account":null}`: "account", `{"reason":"x","dry_run":"yes"}`: "dry_run", `{"reason":"x","all":true}`: "all",
	} {
		if a := w.admin(token, "POST", "/admin/v1/copy-back", body); a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != field {
			t.Errorf("%s: %d %s", body, a.Code, a.Body)
		}
	}
	for _, ref := range []string{"nobody", ""} { // an empty one is nobody, and not everybody
		if a := w.admin(token, "POST", "/admin/v1/copy-back", `{"reason":"x","account":"`+ref+`"}`); a.Code != 404 {
			t.Errorf("of %q: %d %s", ref, a.Code, a.Body)
		}
	}
	try(`{"dry_run":true,"reason":"is it the column?"}`, `{"deliveries":1,"dry_run":true}`)
	done := try(`{"account":"anna","reason":"the column is wider"}`, `{"deliveries":1,"dry_run":false}`)
	try(`{"reason":"the column is wider"}`, `{"deliveries":0,"dry_run":false}`)
	if _, err := w.store.ClaimDelivery(t.Context(), time.Now(), time.Now().Add(time.Minute)); err != nil {
		t.Errorf("it is not due: %v", err)
	}
	events := as[eventPage](t, w.admin(token, "GET", "/admin/v1/events?account=anna", "")).Events
	events = slices.DeleteFunc(events, func(e event) bool { return e.Kind != "copy-back.tried-now" })
	if len(events) != 1 || events[0].Actor != "staff:operator-person" || events[0].Reason != "the column is wider" ||
		events[0].Detail["deliveries"] != "1" || events[0].RequestID != done.Header().Get("X-Request-Id") {
		t.Errorf("events: %+v", events)
	}
}
