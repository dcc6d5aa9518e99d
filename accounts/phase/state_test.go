package phase_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rekey/accounts/phase"
)

const (
	testSalt  = "0123456789abcdef"
	testEpoch = 5
)

func testTime() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC) }

// state is a settled state, the ramp at 0.
func state(plan phase.Plan, p phase.Phase) phase.State {
	return phase.State{Epoch: testEpoch, TrustEpoch: testEpoch, Plan: plan, Phase: p, Began: testTime(), Salt: testSalt}
}

func TestInitial(t *testing.T) {
	t.Parallel()
	local := time.Date(2026, 3, 1, 13, 0, 0, 123456789, time.FixedZone("CET", 3600))
	for plan, want := range map[phase.Plan]phase.State{
		phase.Lazy:      {Epoch: 1, TrustEpoch: 1, Plan: phase.Lazy, Phase: phase.NewFirst, Began: testTime(), Salt: testSalt},
		phase.DualWrite: {Epoch: 1, Plan: phase.DualWrite, Phase: phase.LegacyOnly, Began: testTime(), Salt: testSalt},
	} {
		got, err := phase.Initial(plan, testSalt, local)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", plan, err, diff)
		}
	}
	if _, err := phase.Initial(0, testSalt, local); err == nil {
		t.Error("an installation without a plan")
	}
	if _, err := phase.Initial(phase.Lazy, "short", local); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a short salt: %v", err)
	}
}

// The shape of the JSON: other programs read it, and rows of it are stored.
func TestStateJSON(t *testing.T) {
	t.Parallel()
	s := state(phase.DualWrite, phase.Ramp)
	s.Percent = 1250
	s.Allow = []uuid.UUID{uuid.MustParse("00000000-0000-0000-0000-000000000001"), uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")}
	crossing := state(phase.Lazy, phase.LegacyOnly)
	crossing.TrustEpoch, crossing.Frozen, crossing.To = 0, true, phase.NewFirst
	for want, s := range map[string]phase.State{
		`{"epoch":5,"trust_epoch":5,"plan":"dual-write","phase":"ramp","percent":12.5,"frozen":false,"began":"2026-03-01T12:00:00.123456Z",` +
			`"salt":"0123456789abcdef","allow":["00000000-0000-0000-0000-000000000001","6ba7b810-9dad-11d1-80b4-00c04fd430c8"]}`: s,
		`{"epoch":5,"trust_epoch":0,"plan":"lazy","phase":"legacy-only","percent":0,"frozen":true,"to":"new-first",` +
			`"began":"2026-03-01T12:00:00.123456Z","salt":"0123456789abcdef"}`: crossing,
	} {
		data, err := json.Marshal(s)
		if err != nil || string(data) != want {
			t.Errorf("written as %s, %v\nwant       %s", data, err, want)
		}
		var got phase.State
		if err := json.Unmarshal([]byte(want), &got); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}
	}
}

func TestStateJSONIsStrict(t *testing.T) {
	t.Parallel()
	const good = `{"epoch":1,"trust_epoch":1,"plan":"lazy","phase":"new-first","percent":0,"frozen":false,"began":"2026-03-01T12:00:00Z","salt":"0123456789abcdef"}`
	var s phase.State
	if err := s.UnmarshalJSON([]byte(" " + good + "\n")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":        ``,
		"null":           `null`,
		"a list":         `[]`,
		"empty":          `{}`,
		"cut":            good[:len(good)-1],
		"more":           good + `{}`,
		"unknown key":    strings.Replace(good, `"epoch"`, `"secret":"x","epoch"`, 1),
		"another case":   strings.Replace(good, `"epoch"`, `"Epoch"`, 1),
		"twice":          strings.Replace(good, `"epoch"`, `"epoch":1,"epoch"`, 1),
		"percent text":   strings.Replace(good, `"percent":0`, `"percent":"0"`, 1),
		"percent sign":   strings.Replace(good, `"percent":0`, `"percent":0%`, 1),
		"percent e":      strings.Replace(good, `"percent":0`, `"percent":0e0`, 1),
		"epoch fraction": strings.Replace(good, `"epoch":1`, `"epoch":1.5`, 1),
		"phase number":   strings.Replace(good, `"new-first"`, `5`, 1),
		"no destination": strings.Replace(good, `"frozen"`, `"to":"","frozen"`, 1),
		"too long":       good + strings.Repeat(" ", 200<<10),
	} {
		s := state(phase.Lazy, phase.NewFirst)
		if err := s.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s: read", name)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
		if diff := cmp.Diff(state(phase.Lazy, phase.NewFirst), s); diff != "" {
			t.Errorf("%s: the state was changed:\n%s", name, diff)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	ids := make([]uuid.UUID, phase.MaxListed+1)
	for n := range ids {
		ids[n] = numbered(n)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
	for name, row := range map[string]struct {
		plan   phase.Plan
		phase  phase.Phase
		change func(*phase.State)
		want   string // part of the error; "": none
	}{
		"settled":                        {phase.DualWrite, phase.NewFirst, func(*phase.State) {}, ""},
		"no epoch":                       {phase.Lazy, phase.LegacyOnly, func(s *phase.State) { s.Epoch, s.TrustEpoch = 0, 0 }, "epoch 0"},
		"no plan":                        {0, phase.NewFirst, func(*phase.State) {}, "no plan"},
		"no phase":                       {phase.Lazy, 0, func(*phase.State) {}, `no phase ""`},
		"a phase that is none":           {phase.DualWrite, 9, func(*phase.State) {}, `no phase "unknown (9)"`},
		"a phase of the other plan":      {phase.Lazy, phase.Both, func(*phase.State) {}, `plan lazy has no phase "both"`},
		"a percentage elsewhere":         {phase.DualWrite, phase.Both, func(s *phase.State) { s.Percent = 1 }, "percent 0.01"},
		"too high":                       {phase.DualWrite, phase.Ramp, func(s *phase.State) { s.Percent = 10001 }, "percent 100.01"},
		"frozen for nothing":             {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Frozen = true }, "no move goes through this"},
		"half a crossing":                {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Frozen, s.To = true, phase.LegacyOnly }, ""},
		"the other half":                 {phase.Lazy, phase.LegacyOnly, func(s *phase.State) { s.Frozen, s.To = true, phase.LegacyOnly }, ""},
		"a crossing that is open":        {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.To = phase.LegacyOnly }, "no move goes through this"},
		"a crossing that skips":          {phase.DualWrite, phase.LegacyOnly, func(s *phase.State) { s.Frozen, s.To = true, phase.NewFirst }, "no move"},
		"a crossing back from the end":   {phase.Lazy, phase.NewOnly, func(s *phase.State) { s.Frozen, s.To = true, phase.NewFirst }, "no move"},
		"a crossing that needs none":     {phase.DualWrite, phase.Shadow, func(s *phase.State) { s.Frozen, s.To = true, phase.Both }, "no move"},
		"both, copies about to be":       {phase.DualWrite, phase.Both, func(s *phase.State) { s.To, s.TrustEpoch = phase.Both, testEpoch+1 }, ""},
		"both, and nothing announced":    {phase.DualWrite, phase.Both, func(s *phase.State) { s.To = phase.Both }, "trust epoch 5 in epoch 5"},
		"new-first, nothing announced":   {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Frozen, s.To = true, phase.NewFirst }, "trust epoch"},
		"new-first, announced":           {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Frozen, s.To, s.TrustEpoch = true, phase.NewFirst, 6 }, ""},
		"trust nobody in the ramp":       {phase.DualWrite, phase.Ramp, func(s *phase.State) { s.TrustEpoch = 0 }, "trust epoch 0"},
		"trust nobody in shadow":         {phase.DualWrite, phase.Shadow, func(s *phase.State) { s.TrustEpoch = 0 }, ""},
		"trust of tomorrow":              {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.TrustEpoch = 6 }, "trust epoch 6"},
		"trust of tomorrow, legacy-only": {phase.Lazy, phase.LegacyOnly, func(s *phase.State) { s.TrustEpoch = 6 }, "trust epoch 6"},
		"trust below zero":               {phase.Lazy, phase.LegacyOnly, func(s *phase.State) { s.TrustEpoch = -1 }, "trust epoch -1"},
		"no beginning":                   {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Began = time.Time{} }, "the year 1"},
		"a short salt":                   {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Salt = testSalt[1:] }, "salt"},
		"a long salt":                    {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Salt = strings.Repeat("x", 65) }, "salt"},
		"a salt with a space":            {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Salt = testSalt + " " }, "salt"},
		"a full list":                    {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Allow, s.Deny = ids[1:], ids[1:] }, ""},
		"a list that is too long":        {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Deny = ids }, "deny: 1001 accounts"},
		"a list out of order":            {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Allow = []uuid.UUID{ids[1], ids[0]} }, "allow"},
		"a double":                       {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Allow = []uuid.UUID{ids[1], ids[1]} }, "allow"},
		"the zero id":                    {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Deny = []uuid.UUID{uuid.Nil} }, "deny"},
	} {
		s := state(row.plan, row.phase)
		row.change(&s)
		err := s.Validate()
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
		// What may be stored can be read again, within the bound; what may not cannot.
		data, err := json.Marshal(s)
		if err != nil {
			continue
		}
		if err := json.Unmarshal(data, new(phase.State)); (err == nil) != (row.want == "") {
			t.Errorf("%s: read: %v", name, err)
		}
	}
}

// Every fault is told, not the first.
func TestValidateTellsAll(t *testing.T) {
	t.Parallel()
	err := phase.State{Percent: 1, Frozen: true, TrustEpoch: -1, Allow: []uuid.UUID{uuid.Nil}}.Validate()
	for _, part := range []string{"epoch 0", "no plan", "no phase", "percent", "frozen true", "trust epoch -1", "began", "salt", "allow"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in %v", part, err)
		}
	}
}

// What is read is valid, and is written and read as the same.
func FuzzState(f *testing.F) {
	for _, plan := range []phase.Plan{phase.Lazy, phase.DualWrite} {
		for _, p := range plan.Phases() {
			s := state(plan, p)
			s.Allow = []uuid.UUID{numbered(1)}
			data, err := json.Marshal(s)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte(`{"epoch":1,"trust_epoch":0,"plan":"lazy","phase":"legacy-only","frozen":true,"to":"new-first","percent":0.00,"began":"9999-12-31T23:59:59-23:59","salt":"0123456789abcdef"}`))
	f.Add([]byte(`{"epoch":1e0,"deny":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s, again phase.State
		if err := s.UnmarshalJSON(data); err != nil {
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("read, and not valid: %v", err)
		}
		written, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if fmt.Sprint(s) != fmt.Sprint(again) {
			t.Fatalf("read as %v, written and read as %v", s, again)
		}
	})
}
