package settings_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/sweeper/settings"
)

// What is stored and what a newer configuration does not have stands in the way of nothing but itself.
func TestStoredOfAnotherConfiguration(t *testing.T) {
	t.Parallel()
	other := settings.Checks{Sources: []string{"blog"}, NoMail: true, Governor: func(json.RawMessage) error { return errors.New("is of another version") }}
	for name, stored := range map[string]string{
		"set":      `{"state":"running","sources":["shop","blog"],"hash":"reset","governor":{"x":1}}`,
		"override": `{"state":"running","overrides":[{"until":"2999-01-01T00:00:00Z","set":{"sources":["shop"],"hash":"reset","governor":{"x":1}}}]}`,
	} {
		for _, good := range []string{`{"state":"paused"}`, `{"workers":3}`, `{"sources":["blog"]}`, `{"sources":null,"hash":null,"governor":null,"workers":3}`} {
			if _, changes, err := settings.Apply([]byte(stored), edit(good), noon, other); err != nil || len(changes) == 0 {
				t.Errorf("%s, and then %s: %v (%v)", name, good, changes, err)
			}
		}
		for patch, fault := range map[string]string{
			`{"sources":["shop"]}`: "sources[0] must be a source of the configuration", `{"governor":{"y":1}}`: "governor is of another version",
		} {
			for _, until := range []time.Time{{}, noon.Add(time.Hour)} {
				e := edit(patch)
				e.Until = until
				if _, _, err := settings.Apply([]byte(stored), e, noon, other); err == nil || !strings.Contains(err.Error(), fault) {
					t.Errorf("%s, and then %s: %v", name, patch, err)
				}
			}
		}
	}
}

// Whoever looks at the settings, or changes them, is told of sources that are gone, and whatever is set can be paused and stopped.
func TestSourceIsGone(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper(t)
	if v := changed(t, k, patch(`{"state":"running","sources":["shop","blog"]}`)); len(v.Unconfigured) > 0 {
		t.Errorf("%v", v.Unconfigured)
	}
	tonight := patch(`{"sources":["shop"]}`)
	tonight.Until = noon.Add(time.Hour)
	changed(t, k, tonight)
	k.Checks.Sources = []string{"blog"}
	for _, command := range []accounts.SweepCommand{accounts.SweepPause, accounts.SweepResume, accounts.SweepStart, accounts.SweepStop} {
		v := changed(t, k, accounts.SweepChange{Command: command, By: ada})
		if !slices.Equal(v.Unconfigured, []string{"shop"}) || len(v.Changes) == 0 {
			t.Errorf("%s: %+v", command, v)
		}
	}
	if v := changed(t, k, patch(`{"sources":["blog"],"overrides":[]}`)); len(v.Unconfigured) > 0 {
		t.Errorf("%v", v.Unconfigured)
	}
}
