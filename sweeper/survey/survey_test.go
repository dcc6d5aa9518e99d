package survey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
)

// TestCounts: what was put in comes out.
func TestCounts(t *testing.T) {
	t.Parallel()
	people := crowd(3000)
	people[1].Email = "U0@Example.org " // as the first one's, once canonical
	people[2].Password.Hash = "!"
	people[3].Password.Hash = "hunter2-in-the-clear"
	people[4].Password.Hash = "$new$5f4dcc3b5aa765d61d8327deb882cf99"
	people[5].Password.Hash = "$new$5f4dcc3b5aa765d61d8327deb882cf98"
	people[6].Password.Hash = "$new$5f4dcc3b5aa765d61d8327deb882cf97"
	people[7].Disabled = true
	people[8].LastLoginAt = time.Time{}
	people[9].Profile.EmailVerified = true
	people[10].Username, people[10].Email = "a\x00b", ""
	people[11].Password = nil
	people[12].Profile.TOTP = []legacy.TOTP{{Secret: []byte("topsecret")}}
	other := &fakeStore{people: crowd(20)[15:]} // five people of the same names
	got := mustRun(t, config(t, &fakeStore{people: people}, other))

	first := got.Sources[0]
	if first.Accounts != 3000 || got.Accounts != 3005 {
		t.Errorf("%d and %d accounts", first.Accounts, got.Accounts)
	}
	for what, pair := range map[string][2]int64{
		"no password": {first.NoPassword, 2}, "not shown": {first.NotShown, 0}, "disabled": {first.Disabled, 1},
		"never logged in": {first.NeverLoggedIn, 1}, "unverified": {first.Unverified, 2998}, "nameless": {first.Nameless, 1},
		"respelled": {first.Respelled, 1}, "second factor": {first.SecondFactor, 1}, "within": {got.Collisions.Within, 1}, "across": {got.Collisions.Across, 10},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d, want %d", what, pair[0], pair[1])
		}
	}
	if diff := cmp.Diff([]SchemeCount{{"bcrypt", Strong, true, 2994}}, first.Schemes); diff != "" {
		t.Error(diff)
	}
	if len(first.Unreadable) != 2 || first.Unreadable[0].Marker != "$new$" || first.Unreadable[0].Count != 3 || first.Unreadable[1].Shape != "text" {
		t.Errorf("unreadable: %+v", first.Unreadable)
	}
	if other := got.Sources[1]; other.Unverified != -1 || other.Accounts != 5 {
		t.Errorf("a source that tells nothing of verification: %d unverified of %d", other.Unverified, other.Accounts)
	}
	if diff := cmp.Diff([]Pair{{"store0", "store1", 10}}, got.Collisions.Pairs); diff != "" {
		t.Error(diff)
	}
	for _, e := range got.Collisions.Examples {
		if e.Count != 2 || len(e.Holders) != 2 {
			t.Errorf("example %+v, want two holders", e)
		}
	}
}

// TestNothingSecretIsTold whichever way a report is printed, and neither by the state file.
func TestNothingSecretIsTold(t *testing.T) {
	t.Parallel()
	people := crowd(40)
	for i := range people {
		people[i].Password.Hash = "hunter2"
		people[i].Password.Salt = "saltysalt"
		people[i].Profile.TOTP = []legacy.TOTP{{Secret: []byte("topsecret")}}
		people[i].Profile.RecoveryCodes = []string{"recover-me"}
	}
	people[3].Password.Hash = "$hunter2$"
	people[4].Password.Hash = "{hunter2}"
	people[20].Email = people[21].Email
	c := config(t, &fakeStore{people: people})
	c.State = filepath.Join(t.TempDir(), "state")
	report := mustRun(t, c)
	var text, page bytes.Buffer
	if err := errors.Join(report.WriteText(&text), report.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	state, err := os.ReadFile(c.State)
	if err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]string{"text": text.String(), "page": page.String(), "JSON": string(raw), "state": string(state)} {
		for _, secret := range []string{"hunter2", "saltysalt", "topsecret", "recover-me", "u21@example.org", "user2"} {
			if strings.Contains(out, secret) {
				t.Errorf("the %s tells %q", name, secret)
			}
		}
	}
	if info, err := os.Stat(c.State); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state file may be read by others: %v, %v", info.Mode(), err)
	}
}

// TestGoesOnWhereItWas: an interrupted survey is continued without asking again for what has been read, and the report is
// that of one that was never interrupted.
func TestGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	people := crowd(9000)
	people[8000].Email = people[10].Email
	whole := mustRun(t, config(t, &fakeStore{people: people}))

	store := &fakeStore{people: people}
	c := config(t, store)
	c.State = filepath.Join(t.TempDir(), "state")
	ctx, cancel := context.WithCancel(t.Context())
	store.fail = func(after string, _ int) error {
		if after >= "k0004000" {
			cancel()
			return ctx.Err()
		}
		return nil
	}
	if _, err := Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want that it was cancelled", err)
	}
	read := store.asked.Load()
	store.fail = func(after string, _ int) error {
		if after < "k0004000" && store.asked.Load() < 9000 {
			t.Errorf("it asks again for what is behind %q", after)
		}
		return nil
	}
	got := mustRun(t, c)
	if read < 4000 || read > 8500 {
		t.Fatalf("%d people were read before the interruption", read)
	}
	got.Sweep, whole.Sweep, got.Roads, whole.Roads, got.Recommended, whole.Recommended = Sweep{}, Sweep{}, nil, nil, "", "" // measured
	if diff := cmp.Diff(whole, got); diff != "" {
		t.Error(diff)
	}
}

// TestSecondSurveyTellsChanges of others, and logins apart from them.
func TestSecondSurveyTellsChanges(t *testing.T) {
	t.Parallel()
	store := &fakeStore{people: crowd(5000)}
	c := config(t, store)
	c.State = filepath.Join(t.TempDir(), "state")
	if first := mustRun(t, c); first.Sources[0].Changes != nil {
		t.Fatal("the first survey has nothing to compare with")
	}
	if again := mustRun(t, c).Sources[0].Changes; again == nil || *again != (Changes{Since: someday}) {
		t.Errorf("nothing has changed: %+v", again)
	}
	for i := 100; i < 105; i++ {
		store.people[i].Password.Hash = "$2y$10$bbcdefghijklmnopqrstuuO4WZ1Yo4Ov0Xk2cpdYuOXqj1m6TvHme"
	}
	store.people[200].Disabled = true
	for i := 300; i < 312; i++ {
		store.people[i].LastLoginAt = someday
	}
	store.people = append(store.people[1:], person(5000), person(5001)) // one went, two came
	c.Now = func() time.Time { return someday.Add(48 * time.Hour) }
	got := mustRun(t, c)
	if diff := cmp.Diff(&Changes{Since: someday, Came: 2, Went: 1, Changed: 6, LoggedIn: 12}, got.Sources[0].Changes); diff != "" {
		t.Error(diff)
	}
	if len(got.Forecast.Checks) != 1 || got.Forecast.Checks[0].LoggedIn != 12 || got.Forecast.Checks[0].Days != 2 {
		t.Errorf("the forecast is not checked: %+v", got.Forecast.Checks)
	}
}

// TestBadRows are counted, each once, and never stop the walk; even a whole page of them.
func TestBadRows(t *testing.T) {
	t.Parallel()
	store := &fakeStore{people: crowd(6000), bad: map[string]string{}}
	for i := 400; i < 2100; i++ {
		store.bad[store.people[i].ID] = "not UTF-8 text"
	}
	store.bad[store.people[3].ID] = "too long"
	got := mustRun(t, config(t, store)).Sources[0]
	if got.Accounts != 6000-1701 || got.BadRows != 1701 {
		t.Errorf("%d people and %d bad rows", got.Accounts, got.BadRows)
	}
	if diff := cmp.Diff([]Counted{{"pass: not UTF-8 text", 1700}, {"pass: too long", 1}}, got.BadReasons); diff != "" {
		t.Error(diff)
	}
	if len(got.BadKeys) != maxBadKeys || got.BadKeys[0] != "k0000003" {
		t.Errorf("keys %q", got.BadKeys)
	}
}

// TestBadRowsOfAFile: equal mistakes are one reason wherever they are, and a record without a key is told by its line.
func TestBadRowsOfAFile(t *testing.T) {
	t.Parallel()
	tl := newTally()
	for line := range int64(40) {
		reason := fmt.Sprintf("not valid JSON at byte %d: a value is missing", 7*line)
		tl.badRow(&legacy.RowError{Column: "record", Reason: reason, Line: line + 1})
	}
	tl.badRow(&legacy.RowError{Key: "7", Column: "id", Reason: "2 records have this key, the first of them in line 50", Line: 50})
	tl.badRow(&legacy.RowError{Column: "id", Reason: "the key is missing"})
	if diff := cmp.Diff([]Counted{
		{"record: not valid JSON: a value is missing", 40}, {"id: 2 records have this key", 1}, {"id: the key is missing", 1},
	}, counted(tl.BadReasons)); diff != "" {
		t.Error(diff)
	}
	if len(tl.BadKeys) != maxBadKeys || tl.BadKeys[0] != "line 1" || tl.BadKeys[9] != "line 10" {
		t.Errorf("keys %q", tl.BadKeys)
	}
	nowhere := newTally()
	nowhere.badRow(&legacy.RowError{Column: "id", Reason: "the key is missing"})
	report := sourceReport(Source{Name: "old"}, nowhere, nil)
	var text strings.Builder
	report.text(&text)
	if strings.Contains(text.String(), "keys:") {
		t.Errorf("keys that nobody knows are told:\n%s", text.String())
	}
}

// TestNobodyIsVerified: a source that tells it says so of everybody; of another it is not known.
func TestNobodyIsVerified(t *testing.T) {
	t.Parallel()
	c := config(t, &fakeStore{people: crowd(10)}, &fakeStore{people: crowd(10)})
	c.Sources[0].TellsVerified = true
	got := mustRun(t, c)
	if tells, silent := got.Sources[0].Unverified, got.Sources[1].Unverified; tells != 10 || silent != -1 {
		t.Errorf("%d unverified where it is told, %d where it is not", tells, silent)
	}
}

// verifyingStore checks passwords itself.
type verifyingStore struct{ *fakeStore }

func (verifyingStore) Verify(context.Context, legacy.User, []byte) error { return nil }

// TestPasswordsNotShown: whoever has none in a source that verifies nothing has none at all, and one or two of whom a
// directory shows none do not close a road for everybody.
func TestPasswordsNotShown(t *testing.T) {
	t.Parallel()
	without := func(n int) *fakeStore {
		people := crowd(10)
		for i := range n {
			people[i].Password = nil
		}
		return &fakeStore{people: people}
	}
	for name, tt := range map[string]struct {
		source                  legacy.Source
		none, hidden            int64
		showsHashes, verifyOnly bool
	}{
		"an export, one without":     {without(1), 1, 0, true, false},
		"an export, all without":     {without(10), 10, 0, false, false},
		"a directory, one without":   {verifyingStore{without(1)}, 0, 1, true, false},
		"a directory that shows all": {verifyingStore{without(0)}, 0, 0, true, false},
		"a directory that hides all": {verifyingStore{without(10)}, 0, 10, false, true},
	} {
		c := config(t)
		c.Sources = []Source{{Name: "old", Source: tt.source}}
		got := mustRun(t, c)
		s := got.Sources[0]
		if s.NoPassword != tt.none || s.NotShown != tt.hidden || s.Capabilities[1].Has != tt.showsHashes {
			t.Errorf("%s: %d without a password, %d not shown, %+v", name, s.NoPassword, s.NotShown, s.Capabilities[1])
		}
		if got.Roads[0].Possible == tt.verifyOnly || strings.Contains(got.Recommended, "the only road") != tt.verifyOnly {
			t.Errorf("%s: %+v", name, got.Roads)
		}
		if told := strings.Contains(got.Roads[0].Why, "1 person whose password is not shown would need a reset"); told != (tt.hidden == 1) {
			t.Errorf("%s: %s", name, got.Roads[0].Why)
		}
		if got.Sweep.Profile != tt.none+tt.hidden || got.Forecast.Known && got.Forecast.Able != 10-tt.none {
			t.Errorf("%s: %+v, %+v", name, got.Sweep, got.Forecast)
		}
	}
}

// TestTriesAgain with smaller pages when a store fails for a moment, and gives up when it does not recover.
func TestTriesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{people: crowd(3000)}
		slow := errors.New("too slow")
		var smallest int
		store.fail = func(after string, limit int) error {
			if after >= "k0000400" && limit > 100 {
				return slow
			}
			smallest = limit
			return nil
		}
		if got := mustRun(t, config(t, store)); got.Accounts != 3000 || smallest > 100 {
			t.Errorf("%d accounts, pages of %d", got.Accounts, smallest)
		}
		tries := 0
		store.fail = func(string, int) error {
			tries++
			return slow
		}
		began := time.Now()
		if _, err := Run(t.Context(), config(t, store)); !errors.Is(err, slow) || tries != triesAPage {
			t.Errorf("after %d tries: %v", tries, err)
		}
		if waited := time.Since(began); waited != 7500*time.Millisecond { // 0.5 + 1 + 2 + 4
			t.Errorf("it waited %v", waited)
		}
	})
}

// TestMistakesAreNotTriedAgain: waiting mends no configuration.
func TestMistakesAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	tries := 0
	store := &fakeStore{fail: func(string, int) error {
		tries++
		return legacy.ErrMapping
	}}
	if _, err := Run(t.Context(), config(t, store)); !errors.Is(err, legacy.ErrMapping) || tries != 1 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// TestRate: no more people are read in a second than allowed.
func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := config(t, &fakeStore{people: crowd(1000)})
		c.Rate = 100
		began := time.Now()
		mustRun(t, c)
		if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("1000 people at 100 a second took %v", took)
		}
	})
}

func TestLimit(t *testing.T) {
	t.Parallel()
	store := &fakeStore{people: crowd(5000)}
	c := config(t, store)
	c.Limit = 1234
	if got := mustRun(t, c); got.Accounts != 1234 || store.asked.Load() != 1234 {
		t.Errorf("%d accounts, %d read", got.Accounts, store.asked.Load())
	}
}

// TestStoreThatReturnsTheSamePageAgain must not be walked for ever.
func TestStoreThatReturnsTheSamePageAgain(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Sources = []Source{{Name: "round", Source: roundStore{}}}
	if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "the same page again") {
		t.Errorf("%v", err)
	}
}

type roundStore struct{ legacy.Source }

func (roundStore) List(_ context.Context, _ string, limit int) ([]legacy.User, error) {
	return crowd(limit)[:limit], nil
}

// TestSourceThatCannotBeWalked is in the report, with what that means.
func TestSourceThatCannotBeWalked(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Sources = []Source{{Name: "asked", Source: struct{ legacy.Source }{}}}
	got := mustRun(t, c)
	if s := got.Sources[0]; s.Walked || s.Capabilities[0].Has || !strings.Contains(s.Capabilities[0].Meaning, "reset") {
		t.Errorf("%+v", s)
	}
	if got.Roads[0].Possible || !strings.HasPrefix(got.Recommended, "lazy: the only road") {
		t.Errorf("recommended: %s", got.Recommended)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	twice := config(t, &fakeStore{}, &fakeStore{})
	twice.Sources[1].Name = twice.Sources[0].Name
	negative := config(t, &fakeStore{})
	negative.Rate = -1
	for name, c := range map[string]Config{"no source": config(t), "one name twice": twice, "a negative rate": negative} {
		if _, err := Run(t.Context(), c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// TestNothingIsLeftBehind without a state file.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	c := config(t, &fakeStore{people: crowd(10)})
	mustRun(t, c)
	left, err := os.ReadDir(c.Scratch)
	if err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestProgress counts up to the end, and promises no total that it has passed.
func TestProgress(t *testing.T) {
	t.Parallel()
	c := config(t, &fakeStore{people: crowd(5000)})
	c.Sources[0].Inspect = func(context.Context) (Dependents, error) { return Dependents{Rows: 3000}, nil }
	var steps []Progress
	c.Progress = func(p Progress) { steps = append(steps, p) }
	mustRun(t, c)
	done := int64(0)
	for _, step := range steps {
		if step.Done <= done || step.Total != 0 && step.Total != 3000 || step.Total == 3000 != (step.Done < 3000) {
			t.Errorf("%+v behind %d", step, done)
		}
		done = step.Done
	}
	if done != 5000 {
		t.Errorf("it ends at %d", done)
	}
}
