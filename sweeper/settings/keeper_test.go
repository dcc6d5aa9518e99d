package settings_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
	"rekey/sweeper/settings"
)

var ada = accounts.By{Actor: "staff:ada", Reason: "ticket 4711"}

// newKeeper returns a keeper of a new store, whose time is noon.
func newKeeper(t *testing.T) (*settings.Keeper, *sqlstore.Store) {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), sqlstoretest.SQLite(t), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is lost with a temporary folder
	documents := accounts.SweepDocuments{Store: store, Now: func() time.Time { return noon }}
	return &settings.Keeper{Documents: documents, Checks: checks}, store
}

func patch(text string) accounts.SweepChange {
	return accounts.SweepChange{Patch: json.RawMessage(text), By: ada}
}

// changed makes a change that must be right.
func changed(t *testing.T, k *settings.Keeper, c accounts.SweepChange) settings.View {
	t.Helper()
	v, err := k.Change(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func events(t *testing.T, s *sqlstore.Store) []accounts.Event {
	t.Helper()
	all, err := s.Events(t.Context(), uuid.Nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestKeeperChanges(t *testing.T) {
	t.Parallel()
	k, store := newKeeper(t)
	first, err := k.Look(t.Context())
	if err != nil || first.Version != 1 || cmp.Diff(settings.Default(), first.Settings) != "" || first.ChangedAt != nil {
		t.Errorf("%+v, %v", first, err)
	}
	c := patch(`{"workers":8,"filter":"user.created_at < now"}`)
	c.Version, c.DryRun = 1, true
	would := changed(t, k, c)
	if !would.DryRun || would.Version != 1 || would.Settings.Workers != 8 || len(would.Changes) != 2 || len(events(t, store)) != 0 {
		t.Errorf("%+v", would)
	}
	if d, version, err := k.Read(t.Context()); err != nil || version != 1 || d.Workers != 1 {
		t.Errorf("a dry run has made %+v of it (version %d, %v)", d, version, err)
	}
	c.DryRun = false
	is := changed(t, k, c)
	if is.Version != 2 || is.Settings.Workers != 8 || is.ChangedBy != "staff:ada" || is.ChangedAt == nil || !is.ChangedAt.Equal(noon) {
		t.Errorf("%+v", is)
	}
	all := events(t, store)
	if len(all) != 1 || all[0].Kind != accounts.EventSweepSet || all[0].Actor != "staff:ada" || all[0].Reason != "ticket 4711" {
		t.Fatalf("%+v", all)
	}
	if diff := cmp.Diff(map[string]string{"workers": "1 -> 8", "filter": `"" -> "user.created_at < now"`}, all[0].Detail); diff != "" {
		t.Error(diff)
	}
	if _, err := k.Change(t.Context(), c); !errors.Is(err, accounts.ErrStale) {
		t.Errorf("an old version: %v", err)
	}
	if again := changed(t, k, patch(`{"workers":8}`)); again.Version != 2 || len(again.Changes) != 0 || len(events(t, store)) != 1 {
		t.Errorf("what is so already: %+v", again)
	}
	for _, wrong := range []accounts.SweepChange{{Patch: json.RawMessage(`{"workers":9}`)}, patch(`{"worker":9}`), {Command: "go", By: ada}} {
		if _, err := k.Change(t.Context(), wrong); len(accounts.InvalidErrors(err)) != 1 {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

// Of two who decide on the same version one is told; who names no version gets on all the same.
func TestKeeperChangesAtOnce(t *testing.T) {
	t.Parallel()
	k, store := newKeeper(t)
	try := func(c accounts.SweepChange) (done, stale int) {
		var all sync.WaitGroup
		var lock sync.Mutex
		for i := range 10 {
			c := c
			c.Patch = json.RawMessage(`{"workers":` + string(rune('0'+i%7+3)) + `}`)
			if i%2 == 0 {
				c.Patch = json.RawMessage(`{"chunk":` + string(rune('1'+i)) + `00}`)
			}
			all.Go(func() {
				_, err := k.Change(t.Context(), c)
				lock.Lock()
				defer lock.Unlock()
				switch {
				case err == nil:
					done++
				case errors.Is(err, accounts.ErrStale):
					stale++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		return done, stale
	}
	if done, stale := try(accounts.SweepChange{Version: 1, By: ada}); done != 1 || stale != 9 {
		t.Errorf("%d of the same version were made and %d were stale", done, stale)
	}
	if done, stale := try(accounts.SweepChange{By: ada}); done != 10 {
		t.Errorf("%d of any version were made and %d were stale", done, stale)
	}
	_, version, err := k.Read(t.Context())
	if err != nil || version != int64(len(events(t, store)))+1 {
		t.Errorf("version %d (%v) has %d events", version, err, len(events(t, store)))
	}
}

// Whatever several people want at once, and name no version, is had: no override is lost, and each start counts.
func TestKeeperAtOnce(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper(t)
	const people = 5
	var all sync.WaitGroup
	for i := range people {
		tonight := patch(fmt.Sprintf(`{"workers":%d}`, 10+i))
		tonight.Until = noon.Add(time.Duration(1+i) * time.Hour)
		for _, c := range []accounts.SweepChange{tonight, {Command: accounts.SweepStart, By: ada}} {
			all.Go(func() {
				if _, err := k.Change(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	v, err := k.Look(t.Context())
	if err != nil || len(v.Settings.Overrides) != people || v.Settings.Starts() != people || v.Version != 1+2*people {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestKeeperCommands(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		from    settings.State
		command accounts.SweepCommand
		to      settings.State // "": refused
	}{
		{"off", accounts.SweepStart, "running"}, {"running", accounts.SweepStart, "running"}, {"paused", accounts.SweepStart, "running"}, {"draining", accounts.SweepStart, "running"},
		{"off", accounts.SweepResume, ""}, {"running", accounts.SweepResume, "running"}, {"paused", accounts.SweepResume, "running"}, {"draining", accounts.SweepResume, "running"},
		{"off", accounts.SweepPause, "paused"}, {"running", accounts.SweepPause, "paused"}, {"paused", accounts.SweepPause, "paused"}, {"draining", accounts.SweepPause, "paused"},
		{"off", accounts.SweepStop, "off"}, {"running", accounts.SweepStop, "draining"}, {"paused", accounts.SweepStop, "off"}, {"draining", accounts.SweepStop, "draining"},
	} {
		t.Run(string(row.from)+" "+string(row.command), func(t *testing.T) {
			t.Parallel()
			k, store := newKeeper(t)
			changed(t, k, patch(`{"state":"running"}`))
			before := changed(t, k, patch(`{"state":"`+string(row.from)+`"}`))
			was := len(events(t, store))
			v, err := k.Change(t.Context(), accounts.SweepChange{Command: row.command, By: ada})
			if row.to == "" {
				if fault, ok := errors.AsType[*accounts.InvalidError](err); !ok || fault.Field != "state" {
					t.Fatal(err)
				}
				return
			}
			if err != nil || v.Effective.State != row.to {
				t.Errorf("it is %s, %v", v.Effective.State, err)
			}
			if made := len(events(t, store)) - was; (made == 1) != (row.from != row.to || row.command == accounts.SweepStart) || v.Version != before.Version+int64(made) {
				t.Errorf("%d events, version %d after %d", made, v.Version, before.Version)
			}
		})
	}
}

// What was off and is paused is off again when somebody resumes, and was not asked for before somebody starts it.
func TestKeeperPausesWhatIsOff(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper(t)
	do := func(c accounts.SweepCommand) settings.View {
		t.Helper()
		return changed(t, k, accounts.SweepChange{Command: c, By: ada})
	}
	do(accounts.SweepPause)
	if v := do(accounts.SweepPause); v.Effective.State != settings.Paused || len(v.Changes) > 0 {
		t.Errorf("%+v", v)
	}
	if v := do(accounts.SweepResume); v.Effective.State != settings.Off || v.Settings.Starts() != 0 {
		t.Errorf("%+v", v)
	}
	do(accounts.SweepPause)
	if v := changed(t, k, patch(`{"state":"running"}`)); v.Settings.Starts() != 1 {
		t.Errorf("%+v", v.Settings.Started)
	}
	do(accounts.SweepPause)
	if v := do(accounts.SweepResume); v.Effective.State != settings.Running || v.Settings.Starts() != 1 {
		t.Errorf("%+v", v)
	}
	changed(t, k, patch(`{"state":"off"}`))
	tonight := patch(`{"state":"paused"}`)
	tonight.Until = noon.Add(time.Hour)
	if v := changed(t, k, tonight); v.Settings.Pause(noon) == nil || v.Effective.State != settings.Off {
		t.Errorf("%+v", v)
	}
}

// Who resumes or starts means it: what pauses it for a while ends, and of an override nothing else does. What an override holds in
// the place of a setting is told.
func TestKeeperGoes(t *testing.T) {
	t.Parallel()
	for _, command := range []accounts.SweepCommand{accounts.SweepResume, accounts.SweepStart} {
		t.Run(string(command), func(t *testing.T) {
			t.Parallel()
			k, _ := newKeeper(t)
			changed(t, k, patch(`{"state":"running"}`))
			for _, set := range []string{`{"state":"paused","workers":2}`, `{"state":"paused"}`, `{"accounts_per_second":1}`} {
				tonight := patch(set)
				tonight.Until = noon.Add(time.Hour)
				changed(t, k, tonight)
			}
			v := changed(t, k, accounts.SweepChange{Command: command, By: ada})
			if len(v.Holds) > 0 || len(v.Changes) == 0 || len(v.Settings.Overrides) != 2 || v.Effective.Workers != 2 {
				t.Errorf("%+v", v)
			}
			v = changed(t, k, patch(`{"accounts_per_second":500}`))
			var told []string
			for _, o := range v.Overridden() {
				told = append(told, o.Field+" "+o.Value+" "+o.By)
			}
			if diff := cmp.Diff([]string{"accounts_per_second 1 staff:ada", "workers 2 staff:ada"}, told); diff != "" {
				t.Error(diff)
			}
		})
	}
	k, _ := newKeeper(t)
	tonight := patch(`{"state":"paused"}`)
	tonight.Until = noon.Add(time.Hour)
	changed(t, k, tonight)
	if v := changed(t, k, accounts.SweepChange{Command: accounts.SweepResume, By: ada}); v.Effective.State != settings.Off || len(v.Settings.Overrides) > 0 {
		t.Errorf("of what is off: %+v", v)
	}
}

// All that holds the sweeper up is said, and until when.
func TestKeeperHolds(t *testing.T) {
	t.Parallel()
	texts := func(v settings.View) (all []string) {
		for _, h := range v.Holds {
			text := string(h.Cause) + ": " + h.Text
			if h.Until != nil {
				text += " | " + h.Until.Format(time.RFC3339)
			}
			all = append(all, text)
		}
		return all
	}
	k, _ := newKeeper(t)
	v, err := k.Look(t.Context())
	if diff := cmp.Diff([]string{"off: nobody has started it"}, texts(v)); err != nil || diff != "" {
		t.Error(err, diff)
	}
	changed(t, k, accounts.SweepChange{Command: accounts.SweepStart, By: ada})
	v = changed(t, k, patch(`{"schedule":{"zone":"Europe/Berlin","windows":["mon-fri 09:00-14:00"]}}`))
	if len(v.Holds) != 0 || v.Closes == nil || !v.Closes.Equal(noon.Add(time.Hour)) {
		t.Errorf("in the window: %v, %v", v.Holds, v.Closes)
	}
	v = changed(t, k, patch(`{"schedule":{"windows":["mon-fri 22:00-05:30"],"blackout":["2026-11-23"]},"accounts_per_second":0}`))
	if diff := cmp.Diff([]string{"rate: accounts_per_second is 0", "window: outside the windows; the next one opens Tue 2026-11-24 00:00 CET | 2026-11-23T23:00:00Z"}, texts(v)); diff != "" {
		t.Error(diff)
	}
	v = changed(t, k, patch(`{"schedule":{"windows":["mon-fri 22:00-05:30"],"blackout":null},"accounts_per_second":0}`))
	want := []string{"rate: accounts_per_second is 0", "window: outside the windows; the next one opens Mon 2026-11-23 22:00 CET | 2026-11-23T21:00:00Z"}
	if diff := cmp.Diff(want, texts(v)); diff != "" {
		t.Error(diff)
	}
	tonight := patch(`{"schedule":{"windows":[]},"accounts_per_second":"max"}`)
	tonight.Until = noon.Add(time.Hour)
	if v = changed(t, k, tonight); len(v.Holds) != 0 || v.EffectiveUntil == nil || !v.EffectiveUntil.Equal(tonight.Until) || v.Closes != nil {
		t.Errorf("with an override: %v until %v", v.Holds, v.EffectiveUntil)
	}
	hold := patch(`{"state":"paused"}`)
	hold.Until = noon.Add(2 * time.Hour)
	v = changed(t, k, hold)
	want = []string{"paused: paused by staff:ada until 2026-11-23T14:00:00Z: ticket 4711 | 2026-11-23T14:00:00Z"}
	if diff := cmp.Diff(want, texts(v)); diff != "" {
		t.Error(diff)
	}
	v = changed(t, k, accounts.SweepChange{Command: accounts.SweepPause, By: ada})
	if diff := cmp.Diff([]string{"paused: paused since 2026-11-23T12:00:00Z by staff:ada: ticket 4711"}, texts(v)); diff != "" {
		t.Error(diff)
	}
	changed(t, k, accounts.SweepChange{Command: accounts.SweepResume, By: ada})
	changed(t, k, patch(`{"overrides":[],"schedule":{"windows":null,"blackout":["2026-01-01..2028-01-01"]},"accounts_per_second":null}`))
	k.Beside = func(context.Context, settings.Document, time.Time) ([]settings.Hold, error) {
		return []settings.Hold{{Cause: settings.CauseSignal, Text: "login p99 900 ms, limit 500 ms"}}, nil
	}
	v, err = k.Look(t.Context())
	want = []string{"window: outside the windows, and none opens within a year", "signal: login p99 900 ms, limit 500 ms"}
	if diff := cmp.Diff(want, texts(v)); err != nil || diff != "" {
		t.Error(err, diff)
	}
	changed(t, k, patch(`{"schedule":null}`))
	k.Beside = func(context.Context, settings.Document, time.Time) ([]settings.Hold, error) { return nil, nil }
	k.Slowed = func(context.Context) (string, error) { return "slowed down", nil }
	if v, err = k.Look(t.Context()); err != nil || v.Slowed != "slowed down" || len(v.Holds) != 0 {
		t.Errorf("slowed down: %+v (%v)", v, err)
	}
	k.Beside = func(context.Context, settings.Document, time.Time) ([]settings.Hold, error) {
		return nil, errors.New("the store is down")
	}
	v, err = k.Look(t.Context())
	if got := texts(v); err != nil || got[len(got)-1] != "signal: what the run and the governor say cannot be read" {
		t.Error(err, got)
	}
}

// What cannot be read is neither an answer nor the client's mistake.
func TestKeeperCannotTell(t *testing.T) {
	t.Parallel()
	k, store := newKeeper(t)
	_, err := k.Documents.Put(t.Context(), 1, []byte(`{"order":7}`), nil, ada)
	if err != nil {
		t.Fatal(err)
	}
	asked := func() []error {
		_, lookErr := k.Look(t.Context())
		_, _, readErr := k.Read(t.Context())
		_, patchErr := k.Change(t.Context(), patch(`{"workers":3}`))
		_, commandErr := k.Change(t.Context(), accounts.SweepChange{Command: accounts.SweepPause, By: ada})
		return []error{lookErr, readErr, patchErr, commandErr}
	}
	for i, err := range asked() {
		if err == nil || !strings.HasPrefix(err.Error(), "stored sweeper settings: ") {
			t.Errorf("%d: %v", i, err)
		}
		if len(accounts.InvalidErrors(err)) > 0 {
			t.Errorf("%d is the client's mistake: %v", i, err)
		}
	}
	// What only another version takes can be seen and mended, and not worked by.
	if _, err = k.Documents.Put(t.Context(), 2, []byte(`{"order":"random"}`), nil, ada); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.Read(t.Context()); err == nil || err.Error() != "stored sweeper settings: order must be key, inactive or weakest" {
		t.Error(err)
	}
	if _, err := k.Look(t.Context()); err != nil {
		t.Error(err)
	}
	changed(t, k, patch(`{"order":null}`))
	if _, version, err := k.Read(t.Context()); err != nil || version != 4 {
		t.Error(version, err)
	}

	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for i, err := range asked() {
		if _, ok := errors.AsType[*accounts.UnavailableError](err); !ok {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// What is shown is what the OpenAPI document promises, with everything set and with nothing, and what it takes is taken.
func TestViewIsAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromFile("../../gateway/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	conforms := func(schema string, v any) {
		t.Helper()
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		if err := document.Components.Schemas[schema].Value.VisitJSON(value); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	k, _ := newKeeper(t)
	first, err := k.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conforms("Sweeper", first)
	const all = `{"state":"running","schedule":{"zone":"Europe/Berlin","windows":["mon-fri 09:00-14:00"],"blackout":["2026-12-24"]},"workers":3,` +
		`"accounts_per_second":"max","batch":{"target_ms":100,"max":100},"chunk":500,"order":"weakest","filter":"user.disabled","hash":"reset","dry_run":true,` +
		`"error_budget":{"share":1,"at_least":1},"sources":["shop"],"every":"90m","governor":{"login_p99_ms":{"stop":900}}}`
	const none = `{"state":null,"schedule":{"zone":null,"windows":null,"blackout":null},"workers":null,"accounts_per_second":null,"batch":null,"chunk":null,` +
		`"order":null,"filter":null,"hash":null,"dry_run":null,"error_budget":null,"sources":null,"every":null,"governor":null,"overrides":[]}`
	conforms("SweeperPatch", json.RawMessage(all))
	conforms("SweeperPatch", json.RawMessage(none))
	full := changed(t, k, patch(all))
	if full.Closes == nil || len(full.Changes) != len(full.Settings.Fields())+len([]string{"started"}) {
		t.Errorf("not everything was changed: %+v", full.Changes)
	}
	conforms("Sweeper", full)
	tonight := patch(`{"accounts_per_second":0,"schedule":{"windows":["sat 01:00-02:00"]}}`)
	tonight.Until, tonight.DryRun = noon.Add(time.Hour), true
	conforms("Sweeper", changed(t, k, tonight))
	tonight.DryRun = false
	conforms("Sweeper", changed(t, k, tonight))
	k.Checks.Sources = []string{}
	conforms("Sweeper", changed(t, k, patch(`{"workers":4}`)))
	if last := changed(t, k, patch(none)); cmp.Diff(settings.Default().Settings, last.Settings.Settings) != "" || len(last.Settings.Overrides) > 0 {
		t.Errorf("null is not the default: %+v", last.Settings)
	}
}
