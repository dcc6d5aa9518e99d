package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"rekey/accounts"
	"rekey/gateway"
	"rekey/legacy"
)

type quarantine struct {
	Counts []accounts.QuarantineCount
	Notes  []accounts.QuarantineRow
	Next   string
}

type retried struct {
	DryRun bool `json:"dry_run"`
	People []accounts.Retried
	Next   string
}

// quarantined puts people of the shop there under a class.
func (w *world) quarantined(class accounts.NoteClass, ids ...string) {
	w.t.Helper()
	var refused []accounts.Unmoved
	for _, id := range ids {
		refused = append(refused, accounts.Unmoved{LegacyKey: accounts.LegacyKey{Source: "shop", LegacyID: id}, Class: class, Reason: "test"})
	}
	if _, err := w.accounts.NoteRefused(w.t.Context(), refused, accounts.By{Actor: "test", Reason: "test"}); err != nil {
		w.t.Fatal(err)
	}
}

// Who was not moved is listed with a class and a reason, in pages, and counted.
func TestListQuarantine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleAuditor, 0)
	const path = "/admin/v1/quarantine"
	if a := w.admin(token, "GET", path, ""); a.Code != 200 || strings.TrimSpace(a.Body.String()) != `{"notes":[]}` {
		t.Errorf("before: %d %s", a.Code, a.Body)
	}
	w.quarantined(accounts.NoteUnreadableHash, "7", "8", "9")
	w.quarantined(accounts.NoteContested, "9")
	w.quarantined(accounts.NoteDrifted, "10")
	list := func(query string) quarantine {
		t.Helper()
		a := w.admin(token, "GET", path+query, "")
		if a.Code != 200 {
			t.Fatalf("%s: %d %s", query, a.Code, a.Body)
		}
		return as[quarantine](t, a)
	}
	all := list("")
	if len(all.Notes) != 4 || all.Next != "" || len(all.Counts) != 3 || all.Notes[0].State != accounts.NoteOpen || all.Notes[0].Reason != "test" {
		t.Errorf("all: %+v", all)
	}
	for query, want := range map[string]string{
		"?class=contested": "9", "?class=drifted": "10", "?source=blog": "", "?state=skipped": "", "?state=open&class=unreadable-hash": "7 8 9",
	} {
		var ids []string
		for _, n := range list(query).Notes {
			ids = append(ids, n.LegacyID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	var paged []accounts.QuarantineRow
	for next := "?limit=2"; next != ""; {
		page := list(next)
		if first := next == "?limit=2"; first != (page.Counts != nil) {
			t.Errorf("%s: counts %v", next, page.Counts)
		}
		paged = append(paged, page.Notes...)
		if next = ""; page.Next != "" {
			next = "?limit=2&after=" + page.Next
		}
	}
	if !slices.Equal(paged, all.Notes) {
		t.Errorf("in pages: %+v", paged)
	}
	for query, field := range map[string]string{"?class=x": "class", "?state=x": "state", "?limit=0": "limit", "?limit=501": "limit", "?after=x": "after", "?after=eA": "after"} {
		if a := w.admin(token, "GET", path+query, ""); a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != field {
			t.Errorf("%s: %d %s", query, a.Code, a.Body)
		}
	}
}

// Support try one person again, and operators a class; whoever is moved then logs in with their old password.
func TestRetryQuarantine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, support := w.staff(accounts.RoleSupport, 0)
	_, operator := w.staff(accounts.RoleOperator, 0)
	const path = "/admin/v1/quarantine/retry"
	w.quarantined(accounts.NoteUnreadableHash, "1", "nobody")
	for body, want := range map[string]int{
		`{"class":"unreadable-hash","reason":"the bound is higher"}`:                      403, // by support
		`{"source":"shop","legacy_id":"2","reason":"ticket 1"}`:                           404,
		`{"legacy_id":"1","reason":"ticket 1"}`:                                           400,
		`{"source":"shop","legacy_id":"1","class":"unreadable-hash","reason":"ticket 1"}`: 400,
		`{"source":"shop","legacy_id":"1"}`:                                               400,
	} {
		if a := w.admin(support, "POST", path, body); a.Code != want {
			t.Errorf("%s: %d %s, want %d", body, a.Code, a.Body, want)
		}
	}
	for body, field := range map[string]string{
		`{"reason":"x"}`: "class", `{"class":"x","reason":"x"}`: "class", `{"class":"drifted","reason":"x"}`: "class", `{"class":"contested","after":"x","reason":"x"}`: "after",
	} {
		if a := w.admin(operator, "POST", path, body); a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != field {
			t.Errorf("%s: %d %s", body, a.Code, a.Body)
		}
	}
	a := w.admin(operator, "POST", path, `{"class":"unreadable-hash","dry_run":true,"reason":"the bound is higher"}`)
	dry := as[retried](t, a)
	if a.Code != 200 || !dry.DryRun || dry.Next != "" || len(dry.People) != 2 || dry.People[0].Outcome != accounts.OutcomeMoved || dry.People[1].Outcome != accounts.OutcomeGone {
		t.Fatalf("dry run: %d %s", a.Code, a.Body)
	}
	w.old.SetDown(&legacy.RowError{Key: "1", Column: "pass", Reason: "test"})
	a = w.admin(support, "POST", path, `{"source":"shop","legacy_id":"1","reason":"ticket 1"}`)
	if got := as[retried](t, a); a.Code != 200 || len(got.People) != 1 || got.People[0].Outcome != accounts.OutcomeRefused || got.People[0].Now != accounts.NoteUnreadableRecord {
		t.Errorf("refused: %d %s", a.Code, a.Body)
	}
	w.old.SetDown(nil)
	a = w.admin(support, "POST", path, `{"source":"shop","legacy_id":"1","reason":"ticket 1"}`)
	if got := as[retried](t, a); a.Code != 200 || len(got.People) != 1 || got.People[0].Outcome != accounts.OutcomeMoved {
		t.Errorf("moved: %d %s", a.Code, a.Body)
	}
	if a := w.login("anna", "tulip"); a.Code != 200 {
		t.Errorf("login: %d", a.Code)
	}
	if got := as[quarantine](t, w.admin(operator, "GET", "/admin/v1/quarantine?state=open", "")); len(got.Notes) != 1 || got.Notes[0].LegacyID != "nobody" {
		t.Errorf("afterwards: %+v", got.Notes)
	}
}

func TestSkipQuarantine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	w.quarantined(accounts.NoteUnreadableHash, "1")
	for _, want := range []string{"true", "false"} {
		a := w.admin(token, "POST", "/admin/v1/quarantine/skip", `{"source":"shop","legacy_id":"1","reason":"a test account"}`)
		if a.Code != 200 || strings.TrimSpace(a.Body.String()) != `{"changed":`+want+`,"legacy_id":"1","source":"shop"}` {
			t.Errorf("%d %s", a.Code, a.Body)
		}
	}
	got := as[quarantine](t, w.admin(token, "GET", "/admin/v1/quarantine?state=skipped", "")).Notes
	if len(got) != 1 || got[0].By != "staff:support-person" || got[0].Because != "a test account" {
		t.Errorf("%+v", got)
	}
	if a := w.admin(token, "POST", "/admin/v1/quarantine/skip", `{"source":"shop","legacy_id":"1"}`); a.Code != 400 {
		t.Errorf("without a reason: %d %s", a.Code, a.Body)
	}
}

// What no store keeps is wrong in the request, and nothing that may be tried again.
func TestQuarantineOfANul(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	for _, what := range []string{"retry", "skip"} {
		for name, body := range map[string]string{"legacy_id": `{"source":"shop","legacy_id":"1\u0000","reason":"r"}`, "source": `{"source":"sh\u0000p","legacy_id":"1","reason":"r"}`} {
			a := w.admin(token, "POST", "/admin/v1/quarantine/"+what, body)
			if a.Code != 400 || !strings.Contains(a.Body.String(), name) {
				t.Errorf("%s, %s: %d %s", what, name, a.Code, a.Body)
			}
		}
	}
}

// The document names the classes that there are.
func TestDocumentHasEveryNoteClass(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var documented, there []string
	for _, class := range document.Components.Schemas["NoteClass"].Value.Enum {
		documented = append(documented, class.(string))
	}
	for _, moved := range []bool{false, true} {
		for _, lasts := range []bool{false, true} {
			for _, class := range accounts.NoteClasses(moved, lasts) {
				there = append(there, string(class))
			}
		}
	}
	if !slices.Equal(documented, there) {
		t.Errorf("%q, want %q", documented, there)
	}
}

// What a client hands back is read as what it was, or refused.
func FuzzNoteCursor(f *testing.F) {
	f.Add("c2hvcAA3AGNvbnRlc3RlZA")
	f.Add("x")
	f.Fuzz(func(t *testing.T, text string) {
		if key, err := gateway.ParseNoteCursor(text); err == nil && gateway.NoteCursor(key) != text && text != "" {
			t.Errorf("%q is read as %+v, which is written %q", text, key, gateway.NoteCursor(key))
		}
	})
}
