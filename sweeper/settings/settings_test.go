package settings_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests ask for zones, wherever they run

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/sweeper/settings"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var checks = settings.Checks{
	Sources: []string{"shop", "blog"},
	Governor: func(limits json.RawMessage) error {
		if strings.Contains(string(limits), "bad") {
			return &accounts.InvalidError{Field: "signals.bad", Reason: "is not a signal"}
		}
		if strings.Contains(string(limits), "odd") {
			return errors.New("is odd")
		}
		return nil
	},
}

func edit(patch string) settings.Edit {
	return settings.Edit{Patch: json.RawMessage(patch), By: "staff:ada", Reason: "a test"}
}

// applied returns the document after an edit that must be right, and its changes.
func applied(t *testing.T, stored string, e settings.Edit) (string, settings.Document, []settings.Change) {
	t.Helper()
	next, changes, err := settings.Apply([]byte(stored), e, noon, checks)
	if err != nil {
		t.Fatal(err)
	}
	d, err := settings.Decode(next)
	if err != nil {
		t.Fatal(err)
	}
	return string(next), d, changes
}

func TestDefaultsCanBeUsed(t *testing.T) {
	t.Parallel()
	d := settings.Default()
	if err := d.Check(); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"state":"off","schedule":{"zone":"","windows":[],"blackout":[]},"workers":1,"accounts_per_second":200,` +
		`"batch":{"target_ms":500,"max":2000},"chunk":10000,"order":"key","filter":"","hash":"auto","dry_run":false,` +
		`"error_budget":{"share":0.05,"at_least":100},"sources":[],"every":"24h","governor":null,"overrides":[]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	for _, stored := range []string{"{}", want} {
		got, err := settings.Decode([]byte(stored))
		if err != nil || cmp.Diff(d, got) != "" {
			t.Errorf("%s: %v %s", stored, err, cmp.Diff(d, got))
		}
	}
}

// What is stored is what somebody has set, and no more; null takes it away again.
func TestApplyMerges(t *testing.T) {
	t.Parallel()
	const one = `{"accounts_per_second": "max", "workers": 8, "schedule": {"zone": "Europe/Berlin", "windows": ["mon-fri 22:00-05:30"]}}`
	stored, d, changes := applied(t, "{}", edit(one))
	if want := `{"accounts_per_second":"max","schedule":{"windows":["mon-fri 22:00-05:30"],"zone":"Europe/Berlin"},"workers":8}`; stored != want {
		t.Errorf("got  %s\nwant %s", stored, want)
	}
	if !d.AccountsPerSecond.Unbounded() || d.Workers != 8 || d.Chunk != settings.Default().Chunk {
		t.Errorf("got %+v", d)
	}
	want := []settings.Change{
		{Field: "accounts_per_second", Before: "200", After: `"max"`},
		{Field: "schedule.windows", Before: "[]", After: `["mon-fri 22:00-05:30"]`},
		{Field: "schedule.zone", Before: `""`, After: `"Europe/Berlin"`},
		{Field: "workers", Before: "1", After: "8"},
	}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Error(diff)
	}
	stored, d, changes = applied(t, stored, edit(`{"schedule": {"windows": null}, "accounts_per_second": null, "workers": 8}`))
	if want := `{"schedule":{"zone":"Europe/Berlin"},"workers":8}`; stored != want {
		t.Errorf("got  %s\nwant %s", stored, want)
	}
	if len(changes) != 2 || d.AccountsPerSecond != 200 {
		t.Errorf("got %v, %+v", changes, d)
	}
	if again, _, changes := applied(t, stored, edit(`{"workers": 8, "chunk": 10000, "schedule": {}, "governor": null}`)); again != stored || len(changes) != 0 {
		t.Errorf("what changes nothing made %s of it: %v", again, changes)
	}
	stored, _, _ = applied(t, stored, edit(`{"governor": {"login_p99": {"limit": 2, "off": null}}}`))
	stored, d, _ = applied(t, stored, edit(` { "governor" : { "legacy_p99" : 3 } } `))
	if want := `{"legacy_p99":3,"login_p99":{"limit":2}}`; string(d.Governor) != want {
		t.Errorf("governor is %s, want %s", d.Governor, want)
	}
	if _, d, _ := applied(t, stored, edit(`{"governor": null}`)); d.Governor != nil {
		t.Errorf("governor is %s", d.Governor)
	}
}

// A newer version has written something that this one does not know: it is passed over, kept, and not for this one to set.
func TestWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	const newer = `{"moon":{"full":true},"schedule":{"tide":"low"},"workers":8}`
	stored, d, _ := applied(t, newer, edit(`{"workers":9}`))
	if d.Workers != 9 || stored != `{"moon":{"full":true},"schedule":{"tide":"low"},"workers":9}` {
		t.Errorf("got %s", stored)
	}
	for _, stored := range []string{"", "[]", `{"workers":"two"}`, `{"overrides":7}`, `{"overrides":[{"set":{"workers":"two"}}]}`, `{"overrides":[{}]}`, `{} {}`} {
		if _, err := settings.Decode([]byte(stored)); err == nil {
			t.Errorf("%s was read", stored)
		}
		_, _, err := settings.Apply([]byte(stored), edit(`{"workers":9}`), noon, checks)
		if err == nil || !strings.HasPrefix(err.Error(), "stored sweeper settings: ") {
			t.Errorf("%s: %v", stored, err)
		}
	}
}

// Each field that cannot be so is named, all of them at once, and nothing of the value is repeated.
func TestApplyNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	many := `["` + strings.Repeat(`a","`, 100) + `a"]`
	for name, row := range map[string]struct {
		patch string
		until time.Time
		want  []string
	}{
		"no object":    {`[]`, time.Time{}, []string{"settings must be a JSON object"}},
		"nothing":      {``, time.Time{}, []string{"settings must be a JSON object"}},
		"more":         {`{} {}`, time.Time{}, []string{"settings must be a JSON object"}},
		"twice":        {`{"workers":1,"workers":2}`, time.Time{}, []string{"settings has a name twice"}},
		"twice inside": {`{"batch":{"max":1,"max":2}}`, time.Time{}, []string{"batch has a name twice"}},
		"too long":     {`{"filter":"` + strings.Repeat("a", settings.MaxDocument) + `"}`, time.Time{}, []string{"settings must be at most 65536 bytes"}},
		"unknown names": {`{"worker":1,"schedule":{"window":[]},"Workers":3,"\u202e":1,"batch":{"target":1}}`, time.Time{}, []string{
			"worker is not a setting", "schedule.window is not a setting", "Workers is not a setting", "? is not a setting", "batch.target is not a setting",
		}},
		"types": {`{"workers":2.5,"accounts_per_second":"fast","schedule":"night","dry_run":1,"filter":[],"sources":"shop","error_budget":{"share":"x"},"governor":7,"state":1}`, time.Time{}, []string{
			"workers must be a whole number", "accounts_per_second must be a number of accounts a second, or max", "schedule must be a JSON object",
			"dry_run must be true or false", "filter must be a text", "sources must be a list", "error_budget.share must be a number", "state must be a text",
		}},
		"an interval that is none": {`{"every":true}`, time.Time{}, []string{"every must be a duration such as 24h, or off"}},
		"an interval in words":     {`{"every":"daily"}`, time.Time{}, []string{"every must be a duration such as 24h, or off"}},
		"an interval too short":    {`{"every":"59s"}`, time.Time{}, []string{"every must be 1m to 8784h, or off"}},
		"an interval too long":     {`{"every":"8785h"}`, time.Time{}, []string{"every must be 1m to 8784h, or off"}},
		"an interval backwards":    {`{"every":"-24h"}`, time.Time{}, []string{"every must be 1m to 8784h, or off"}},
		"a rate of next to 0":      {`{"accounts_per_second":1e-300}`, time.Time{}, []string{"accounts_per_second must be 0, 0.001 to 1000000, or max"}},
		"a rate in quotes":         {`{"accounts_per_second":"100"}`, time.Time{}, []string{"accounts_per_second must be a number of accounts a second, or max"}},
		"values": {`{"state":"on","schedule":{"zone":"Mars","windows":["mon 1:00","22:00-23:00","x"],"blackout":["y"]},"workers":0,"accounts_per_second":-1,` +
			`"batch":{"target_ms":9,"max":0},"chunk":99,"order":"random","filter":"user.emial == 1","hash":"md5","error_budget":{"share":1.5,"at_least":0},` +
			`"sources":["shop","forum","shop"],"governor":{"bad":1}}`, time.Time{}, []string{
			"state must be off, running, paused or draining", "schedule.zone must be a time zone of the IANA database, such as Europe/Berlin",
			"schedule.windows[0] must be days and times, such as mon-fri 22:00-05:30, or times alone",
			"schedule.windows[2] must be days and times, such as mon-fri 22:00-05:30, or times alone",
			"schedule.blackout[0] must be a day, such as 2026-12-24, or two with .. between them", "workers must be 1 to 256",
			"accounts_per_second must be 0, 0.001 to 1000000, or max", "batch.target_ms must be 10 to 10000", "batch.max must be 1 to 20000",
			"chunk must be 100 to 1000000", "order must be key, inactive or weakest", "hash must be auto, carry, wrap or reset",
			"error_budget.share must be 0 to 1", "error_budget.at_least must be 1 to 1000000000", "filter cannot be used: line 1, column 5: there is no user.emial; there are id, source, username, email, created_at, last_login_at, disabled, scheme",
			"sources[1] must be a source of the configuration", "sources[2] is there twice", "governor.signals.bad is not a signal",
		}},
		"too much": {`{"workers":257,"accounts_per_second":1000001,"batch":{"target_ms":10001,"max":20001},"chunk":1000001,"sources":` + many +
			`,"filter":"` + strings.Repeat("a", 4097) + `","governor":[]}`, time.Time{}, []string{
			"workers must be 1 to 256", "accounts_per_second must be 0, 0.001 to 1000000, or max", "batch.target_ms must be 10 to 10000",
			"batch.max must be 1 to 20000", "chunk must be 100 to 1000000", "filter cannot be used: must be at most 4096 bytes", "sources must be at most 100",
			"governor must be a JSON object",
		}},
		"an odd governor":             {`{"governor":{"odd":1}}`, time.Time{}, []string{"governor is odd"}},
		"an override by hand":         {`{"overrides":[{"until":"2026-11-24T00:00:00Z","set":{}}]}`, time.Time{}, []string{"overrides must be empty, which ends them; one is added by saying until when"}},
		"the change of the state":     {`{"state_change":null}`, time.Time{}, []string{"state_change is not a setting"}},
		"an override of overrides":    {`{"overrides":[]}`, noon.Add(time.Hour), []string{"overrides is not a setting"}},
		"an override that starts":     {`{"state":"running"}`, noon.Add(time.Hour), []string{"state can only be paused for a while: what a person has stopped, a person starts"}},
		"an override of nothing":      {`{"workers":null}`, noon.Add(time.Hour), []string{"settings must name what is to hold until then"}},
		"an override that has ended":  {`{"workers":3}`, noon, []string{"until must be in the next 31 days"}},
		"an override for too long":    {`{"workers":3}`, noon.Add(settings.MaxOverride + 1), []string{"until must be in the next 31 days"}},
		"an override with bad values": {`{"workers":0,"chunk":0}`, noon.Add(time.Hour), []string{"workers must be 1 to 256", "chunk must be 100 to 1000000"}},
		"an override with bad names":  {`{"worker":0}`, noon.Add(time.Hour), []string{"worker is not a setting"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := edit(row.patch)
			e.Until = row.until
			_, _, err := settings.Apply([]byte("{}"), e, noon, checks)
			if diff := cmp.Diff(row.want, faults(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// faults returns what of an error stands at fields.
func faults(t *testing.T, err error) (all []string) {
	t.Helper()
	for _, fault := range accounts.InvalidErrors(err) {
		all = append(all, fault.Error())
	}
	if len(all) == 0 {
		t.Errorf("%v names no field", err)
	}
	return all
}

// An override holds until its end, the later before the earlier, and starts nothing.
func TestEffective(t *testing.T) {
	t.Parallel()
	stored, _, _ := applied(t, "{}", edit(`{"state":"running","workers":4,"sources":["shop"]}`))
	tonight, soon := edit(`{"workers":32,"accounts_per_second":"max","sources":["blog"],"schedule":{"windows":[]}}`), edit(`{"workers":1}`)
	tonight.Until, soon.Until = noon.Add(18*time.Hour), noon.Add(time.Hour)
	stored, _, _ = applied(t, stored, tonight)
	stored, d, changes := applied(t, stored, soon)
	const added = `[{"until":"2026-11-23T13:00:00Z","by":"staff:ada","reason":"a test","set":{"workers":1}}]`
	if diff := cmp.Diff([]settings.Change{{Field: "overrides", Before: "[]", After: added}}, changes); diff != "" {
		t.Error(diff)
	}
	type effect struct {
		state   settings.State
		workers int
		max     bool
		sources string
	}
	at := func(d settings.Document, when time.Time) effect {
		s := d.Effective(when)
		return effect{s.State, s.Workers, s.AccountsPerSecond.Unbounded(), strings.Join(s.Sources, ",")}
	}
	for when, want := range map[time.Duration]effect{
		0:                                {settings.Running, 1, true, "blog"},
		time.Hour - 1:                    {settings.Running, 1, true, "blog"},
		time.Hour:                        {settings.Running, 32, true, "blog"},
		18*time.Hour - 1:                 {settings.Running, 32, true, "blog"},
		18 * time.Hour:                   {settings.Running, 4, false, "shop"},
		settings.MaxOverride + time.Hour: {settings.Running, 4, false, "shop"},
	} {
		if got := at(d, noon.Add(when)); got != want {
			t.Errorf("after %s: %+v, want %+v", when, got, want)
		}
	}
	if got := d.Sources; !slices.Equal(got, []string{"shop"}) {
		t.Errorf("an override has written into the settings: %v", got)
	}
	for when, want := range map[time.Duration]time.Duration{0: time.Hour, time.Hour: 18 * time.Hour} {
		if got := d.ChangesAfter(noon.Add(when)); !got.Equal(noon.Add(want)) {
			t.Errorf("after %s it changes at %s", when, got)
		}
	}
	if got := d.ChangesAfter(noon.Add(18 * time.Hour)); !got.IsZero() {
		t.Errorf("it changes at %s", got)
	}

	hold := edit(`{"state":"paused"}`)
	hold.Until = noon.Add(time.Hour)
	held, d, _ := applied(t, stored, hold)
	if got := d.Effective(noon).State; got != settings.Paused {
		t.Errorf("it is %s", got)
	}
	for _, state := range []string{"off", "draining", "paused"} { // what a person says goes before
		_, d, _ = applied(t, held, edit(`{"state":"`+state+`"}`))
		if got := d.Effective(noon).State; string(got) != state {
			t.Errorf("it is %s, want %s", got, state)
		}
	}

	// The next edit after its end drops it, which is no change, and one that is asked to drops all.
	next, changes, err := settings.Apply([]byte(stored), edit(`{"workers":5}`), noon.Add(time.Hour), checks)
	if err != nil || len(changes) != 1 || changes[0].Field != "workers" || strings.Count(string(next), "until") != 1 {
		t.Errorf("%s, %v, %v", next, changes, err)
	}
	for _, patch := range []string{`{"overrides":[]}`, `{"overrides":null}`} {
		if _, d, changes := applied(t, stored, edit(patch)); len(d.Overrides) != 0 || len(changes) != 1 || at(d, noon).workers != 4 {
			t.Errorf("%s leaves %v", patch, d.Overrides)
		}
	}
}

func TestOverridesAreBounded(t *testing.T) {
	t.Parallel()
	stored := "{}"
	e := edit(`{"workers":3}`)
	for i := range 16 {
		e.Until = noon.Add(time.Duration(i+1) * time.Hour)
		stored, _, _ = applied(t, stored, e)
		if _, _, changes := applied(t, stored, e); len(changes) > 0 {
			t.Errorf("the same again made %v", changes)
		}
	}
	e.Until = noon.Add(20 * time.Hour)
	_, _, err := settings.Apply([]byte(stored), e, noon, checks)
	if err == nil || err.Error() != "overrides must be at most 16" {
		t.Errorf("got %v", err)
	}
}

// Who has changed the state last is kept, and nothing else makes somebody that.
func TestStateChange(t *testing.T) {
	t.Parallel()
	stored, d, _ := applied(t, "{}", edit(`{"workers":3,"state":"off"}`))
	if d.StateChange != nil {
		t.Errorf("got %+v", d.StateChange)
	}
	stored, d, _ = applied(t, stored, edit(`{"state":"running"}`))
	want := &settings.StateChange{At: noon, By: "staff:ada", Reason: "a test", From: settings.Off}
	if diff := cmp.Diff(want, d.StateChange); diff != "" {
		t.Error(diff)
	}
	bob := edit(`{"state":"running","workers":4}`)
	bob.By = "staff:bob"
	stored, d, _ = applied(t, stored, bob)
	if diff := cmp.Diff(want, d.StateChange); diff != "" {
		t.Error(diff)
	}
	bob.Patch, want.By, want.From = json.RawMessage(`{"state":null}`), "staff:bob", settings.Running
	_, d, _ = applied(t, stored, bob)
	if diff := cmp.Diff(want, d.StateChange); diff != "" || d.State != settings.Off {
		t.Error(d.State, diff)
	}
}

// Each time that somebody asks for a run is counted, also while it runs; that a pause ends asks for none.
func TestStarted(t *testing.T) {
	t.Parallel()
	stored, start := "{}", edit(`{"state":"running"}`)
	start.Start = true
	for i, row := range []struct {
		edit    settings.Edit
		starts  int64
		changes int
	}{
		{edit(`{"state":"draining"}`), 0, 1}, {edit(`{"state":"running"}`), 0, 1}, {edit(`{"state":"off"}`), 0, 1},
		{edit(`{"state":"running","workers":3}`), 1, 3}, {edit(`{"state":"running"}`), 1, 0}, {start, 2, 1}, {start, 3, 1},
		{edit(`{"state":"draining"}`), 3, 1}, {edit(`{"state":"running"}`), 3, 1}, {edit(`{"state":"off"}`), 3, 1}, {start, 4, 2},
		{edit(`{"state":"paused"}`), 4, 1}, {edit(`{"state":"running"}`), 4, 1},
	} {
		next, d, changes := applied(t, stored, row.edit)
		if stored = next; d.Starts() != row.starts || len(changes) != row.changes {
			t.Errorf("%d: started %d times, want %d: %+v", i, d.Starts(), row.starts, changes)
		}
		if d.Starts() > 0 && cmp.Diff(settings.StateChange{At: noon, By: "staff:ada", Reason: "a test"}, d.Started.StateChange) != "" {
			t.Errorf("%d: %+v", i, d.Started)
		}
	}
	if _, _, err := settings.Apply([]byte("{}"), edit(`{"started":{"number":9}}`), noon, checks); len(accounts.InvalidErrors(err)) != 1 {
		t.Errorf("it is nobody's to say how often: %v", err)
	}
}

// An interval is written as it is read.
func TestInterval(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"off"`: `"off"`, `0`: `"off"`, `"0s"`: `"off"`, `"24h"`: `"24h"`, `"90m"`: `"1h30m"`, `"1h0m30s"`: `"1h0m30s"`, `"10m"`: `"10m"`, `"8784h"`: `"8784h"`, `"1m30s"`: `"1m30s"`,
	} {
		var i settings.Interval
		err := json.Unmarshal([]byte(text), &i)
		written, writeErr := json.Marshal(i)
		if errors.Join(err, writeErr) != nil || string(written) != want {
			t.Errorf("%s: %s, %v, want %s", text, written, err, want)
		}
	}
}

func TestDetailIsBounded(t *testing.T) {
	t.Parallel()
	_, _, changes := applied(t, "{}", edit(`{"workers":3,"filter":"user.id == '`+strings.Repeat("ä", 1000)+`'"}`))
	want := map[string]string{"workers": "1 -> 3", "filter": `"" -> "user.id == '` + strings.Repeat("ä", 187) + "…"}
	if diff := cmp.Diff(want, settings.Detail(changes)); diff != "" {
		t.Error(diff)
	}
}

func TestErrorBudget(t *testing.T) {
	t.Parallel()
	b := settings.ErrorBudget{Share: 0.05, AtLeast: 100}
	for _, row := range []struct {
		failed, tried int64
		want          bool
	}{{99, 99, false}, {100, 100, true}, {100, 2000, false}, {101, 2000, true}, {0, 0, false}} {
		if got := b.Spent(row.failed, row.tried); got != row.want {
			t.Errorf("%d of %d: %t", row.failed, row.tried, got)
		}
	}
}

// Whatever is sent, and whatever is stored: no panic, and what is stored after it can be read.
func FuzzApply(f *testing.F) {
	for _, patch := range []string{
		`{"workers":3}`, `{"schedule":{"windows":["mon-fri 22:00-05:30"],"zone":null}}`, `{"accounts_per_second":"max"}`, `{"governor":{"a":{"b":null}}}`,
		`{"overrides":[]}`, `{"state":"paused"}`, `{"overrides":[{"until":"2026-11-24T00:00:00Z","set":{"workers":2}}]}`, `{"error_budget":{"share":1e-9}}`,
	} {
		f.Add("{}", patch, false)
		f.Add(patch, `{"workers":9}`, true)
	}
	f.Fuzz(func(t *testing.T, stored, patch string, forAWhile bool) {
		e := edit(patch)
		if forAWhile {
			e.Until = noon.Add(time.Hour)
		}
		next, changes, err := settings.Apply([]byte(stored), e, noon, checks)
		if err != nil {
			return
		}
		d, err := settings.Decode(next)
		if err != nil {
			t.Fatalf("%s of %s: %v", next, stored, err)
		}
		if err := d.Check(); err != nil && len(changes) > 0 {
			t.Fatalf("%s of %s: %v", next, stored, err)
		}
		_ = settings.Detail(changes)
		if again, changes, err := settings.Apply(next, e, noon, checks); err == nil && !forAWhile && len(changes) > 0 {
			t.Fatalf("the same again made %s of %s: %v", again, next, changes)
		}
	})
}
