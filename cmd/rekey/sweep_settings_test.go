package main

import (
	"testing"
	"time"
	_ "time/tzdata" // the test asks for zones, wherever it runs

	"rekey/sweeper/settings"
)

// The end of an override is one moment, whatever the clock on the wall does that night.
func TestUntilOf(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ at, until, want string }{
		{"2026-11-23T12:00:00Z", "2h", "2026-11-23T14:00:00Z"},
		{"2026-11-23T12:00:00Z", "06:00", "2026-11-24T05:00:00Z"},
		{"2026-11-23T12:00:00Z", "2026-11-24T06:00:00+01:00", "2026-11-24T05:00:00Z"},
		{"2026-03-28T22:00:00Z", "02:30", "2026-03-29T01:00:00Z"}, // which is left out: when it jumps
		{"2026-03-28T22:00:00Z", "5h", "2026-03-29T03:00:00Z"},    // five hours are five hours
		{"2026-10-24T22:00:00Z", "02:30", "2026-10-25T00:30:00Z"}, // which comes twice: the first time
		{"2026-10-25T00:45:00Z", "02:30", "2026-10-25T01:30:00Z"}, // and the second, when the first has passed
	} {
		at, err := time.Parse(time.RFC3339, row.at)
		if err != nil {
			t.Fatal(err)
		}
		got, err := untilOf(row.until, settings.View{At: at, Effective: settings.Settings{Schedule: settings.Schedule{Zone: "Europe/Berlin"}}})
		if err != nil || got.UTC().Format(time.RFC3339) != row.want {
			t.Errorf("at %s until %s: %s, %v, want %s", row.at, row.until, got, err, row.want)
		}
	}
}
