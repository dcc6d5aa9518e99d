package schedule_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey/sweeper/schedule"
)

// An oracle answers by looking at the clock on the wall in each minute of some days.
type oracle struct {
	begin time.Time
	wall  []int // what the clock shows, in minutes since 1970
	open  []bool
}

const oracleDays = 12

func newOracle(zone *time.Location, begin time.Time) *oracle {
	o := &oracle{begin: begin, wall: make([]int, oracleDays*24*60), open: make([]bool, oracleDays*24*60)}
	for i := range o.wall {
		_, offset := o.at(i).In(zone).Zone()
		o.wall[i] = int(o.at(i).Unix()+int64(offset)) / 60
	}
	return o
}

func (o *oracle) at(i int) time.Time { return o.begin.Add(time.Duration(i) * time.Minute) }

// set makes it open, or closed, from when the clock shows one time until it shows another.
func (o *oracle) set(from, to int, open bool) {
	first := len(o.wall)
	for i, shown := range o.wall {
		if shown >= from {
			first = i
			break
		}
	}
	last := -1
	for i, shown := range o.wall {
		if shown == to {
			last = i // it closes now
		} else if shown < to {
			last = i + 1 // it may be left out
		}
	}
	for i := first; i < last; i++ {
		o.open[i] = open
	}
}

// The schedule says the same as the clock on the wall, minute by minute, around the nights in which it jumps.
func TestAgainstAnOracle(t *testing.T) {
	t.Parallel()
	zones := []string{
		"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "America/Havana", "America/Sao_Paulo",
		"America/St_Johns", "Africa/Casablanca", "Antarctica/Troll",
	}
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(zones).Draw(t, "zone")
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		some := time.Unix(rapid.Int64Range(978307200, 2208988800).Draw(t, "when"), 0).UTC().Truncate(time.Minute)
		if _, jump := some.In(zone).ZoneBounds(); !jump.IsZero() && rapid.Bool().Draw(t, "at a jump") {
			some = jump.UTC().Truncate(time.Minute) // a zone's last one may be of another kind
		}
		begin := some.Add(-oracleDays / 2 * 24 * time.Hour)
		o := newOracle(zone, begin)
		day := func(i int) (time.Weekday, int) { // of the i-th day, and when it begins by the clock on the wall
			d := begin.AddDate(0, 0, i).Truncate(24 * time.Hour)
			return d.Weekday(), int(d.Unix() / 60)
		}

		var windows, blackout []string
		minute := rapid.OneOf(rapid.IntRange(0, 24*60-1), rapid.IntRange(0, 4*60), rapid.SampledFrom([]int{0, 60, 90, 120, 150, 180}))
		for range rapid.IntRange(1, 3).Draw(t, "windows") {
			on := rapid.SliceOfN(rapid.Bool(), 7, 7).Draw(t, "days")
			from, to := minute.Draw(t, "from"), minute.Draw(t, "to")
			if from == to {
				to = 24 * 60
			}
			text := ""
			for d, is := range on {
				if is {
					text += "," + names[d]
				}
			}
			if text == "" {
				continue
			}
			windows = append(windows, fmt.Sprintf("%s %02d:%02d-%02d:%02d", text[1:], from/60, from%60, to/60, to%60))
			for i := -2; i < oracleDays+2; i++ {
				weekday, midnight := day(i)
				end := midnight + to
				if to < from {
					end += 24 * 60
				}
				if on[weekday] {
					o.set(midnight+from, end, true)
				}
			}
		}
		if len(windows) == 0 {
			for i := range o.open {
				o.open[i] = true
			}
		}
		for range rapid.IntRange(0, 2).Draw(t, "blackouts") {
			first := rapid.IntRange(0, oracleDays-1).Draw(t, "first")
			length := rapid.IntRange(1, 2).Draw(t, "length")
			_, midnight := day(first)
			o.set(midnight, midnight+length*24*60, false)
			from := begin.AddDate(0, 0, first)
			blackout = append(blackout, from.Format(time.DateOnly)+".."+from.AddDate(0, 0, length-1).Format(time.DateOnly))
		}

		s, err := schedule.New(name, windows, blackout)
		if err != nil {
			t.Fatal(err)
		}
		const edge = 3 * 24 * 60 // the oracle does not see what is before, and behind
		middle := len(o.open) - 2*edge
		for k := range middle {
			if i := edge + k; k%7 == 0 || o.open[i] != o.open[i-1] || o.open[i] != o.open[i+1] {
				if got := s.Open(o.at(i)); got != o.open[i] {
					t.Fatalf("%v without %v: Open(%s) is %t", windows, blackout, o.at(i).In(zone), got)
				}
			}
		}

		i := edge + rapid.IntRange(0, middle-1).Draw(t, "minute")
		opens := i
		for opens < len(o.open) && !o.open[opens] {
			opens++
		}
		closes := opens
		for closes < len(o.open) && o.open[closes] {
			closes++
		}
		gotOpens, gotCloses := s.Next(o.at(i))
		if opens < len(o.open)-edge && !gotOpens.Equal(o.at(opens)) || closes < len(o.open)-edge && !gotCloses.Equal(o.at(closes)) {
			t.Fatalf("%v without %v: Next(%s) is %s to %s, want %s to %s", windows, blackout, o.at(i).In(zone),
				gotOpens.In(zone), gotCloses.In(zone), o.at(opens).In(zone), o.at(closes).In(zone))
		}

		work := rapid.IntRange(1, 48*60).Draw(t, "work")
		done, left := i, work
		for ; done < len(o.open)-edge && left > 0; done++ {
			if o.open[done] {
				left--
			}
		}
		if got := s.After(o.at(i), time.Duration(work)*time.Minute); left == 0 && !got.Equal(o.at(done)) {
			t.Fatalf("%v without %v: %d minutes after %s are over at %s, want %s", windows, blackout, work, o.at(i).In(zone), got.In(zone), o.at(done).In(zone))
		}
	})
}

// Whatever is read, it is bounded, does not panic, and is written as it is read.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"mon-fri 22:00-05:30", "22:00-05:30", "sat,sun 00:00-24:00", "2026-12-24", "2026-12-24..2026-12-26", "fri-mon 1:00-", "..", "- -", ",", "::"} {
		f.Add(text)
	}
	from := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if w, err := schedule.ParseWindow(text); err == nil {
			again, err := schedule.ParseWindow(w.String())
			if err != nil || again != w {
				t.Errorf("%q is written %q, and read as %v, %v", text, w, again, err)
			}
			s, err := schedule.New("Europe/Berlin", []string{text}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if opens, closes := s.Next(from); opens.IsZero() || !closes.IsZero() && !opens.Before(closes) {
				t.Errorf("%q opens at %s and closes at %s", text, opens, closes)
			}
		}
		if b, err := schedule.ParseBlackout(text); err == nil {
			again, err := schedule.ParseBlackout(b.String())
			if err != nil || again != b {
				t.Errorf("%q is written %q, and read as %v, %v", text, b, again, err)
			}
			if _, err := schedule.New("Europe/Berlin", nil, []string{text}); err != nil {
				t.Error(err)
			}
		}
		_, _ = schedule.New(text, nil, nil) // must not panic
	})
}
