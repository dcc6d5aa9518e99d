package schedule_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests ask for zones, wherever they run

	"rekey/sweeper/schedule"
)

func parsed(t *testing.T, zone string, windows, blackout []string) schedule.Schedule {
	t.Helper()
	s, err := schedule.New(zone, windows, blackout)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// When it opens and closes next, from a moment on. The times have the offset that the clock had.
func TestNext(t *testing.T) {
	t.Parallel()
	const never = ""
	for name, row := range map[string]struct {
		zone, windows, blackout string // windows with ; between them
		from, opens, closes     string
	}{
		"an evening":                   {"Europe/Berlin", "mon-fri 22:00-05:30", "", "2026-11-18T12:00:00+01:00", "2026-11-18T22:00:00+01:00", "2026-11-19T05:30:00+01:00"},
		"open already":                 {"Europe/Berlin", "mon-fri 22:00-05:30", "", "2026-11-19T01:00:00+01:00", "2026-11-19T01:00:00+01:00", "2026-11-19T05:30:00+01:00"},
		"it closes at its end":         {"Europe/Berlin", "mon-fri 22:00-05:30", "", "2026-11-19T05:30:00+01:00", "2026-11-19T22:00:00+01:00", "2026-11-20T05:30:00+01:00"},
		"Friday's goes into Saturday":  {"Europe/Berlin", "mon-fri 22:00-05:30", "", "2026-11-21T05:00:00+01:00", "2026-11-21T05:00:00+01:00", "2026-11-21T05:30:00+01:00"},
		"over the weekend":             {"Europe/Berlin", "mon-fri 22:00-05:30", "", "2026-11-21T05:30:00+01:00", "2026-11-23T22:00:00+01:00", "2026-11-24T05:30:00+01:00"},
		"over the week's end":          {"Europe/Berlin", "sun 22:00-05:30", "", "2026-11-23T03:00:00+01:00", "2026-11-23T03:00:00+01:00", "2026-11-23T05:30:00+01:00"},
		"those that touch are one":     {"Europe/Berlin", "fri 22:00-24:00;sat-sun 00:00-24:00;mon 00:00-06:00", "", "2026-11-20T12:00:00+01:00", "2026-11-20T22:00:00+01:00", "2026-11-23T06:00:00+01:00"},
		"those that overlap too":       {"UTC", "mon 01:00-05:00;mon 02:00-03:00", "", "2026-11-23T00:00:00Z", "2026-11-23T01:00:00Z", "2026-11-23T05:00:00Z"},
		"no windows":                   {"UTC", "", "", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", never},
		"the whole week":               {"Europe/Berlin", "00:00-24:00", "", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", never},
		"no windows, and a blackout":   {"UTC", "", "2026-12-24..2026-12-26", "2026-12-25T03:00:00Z", "2026-12-27T00:00:00Z", never},
		"a blackout ends a window":     {"Europe/Berlin", "22:00-05:30", "2026-12-24", "2026-12-23T22:30:00+01:00", "2026-12-23T22:30:00+01:00", "2026-12-24T00:00:00+01:00"},
		"a blackout begins one":        {"Europe/Berlin", "22:00-05:30", "2026-12-24", "2026-12-24T00:00:00+01:00", "2026-12-25T00:00:00+01:00", "2026-12-25T05:30:00+01:00"},
		"a blackout in a window":       {"UTC", "thu 12:00-11:00;fri 11:00-12:00", "2026-12-25..2026-12-25;2026-12-25", "2026-12-24T12:00:00Z", "2026-12-24T12:00:00Z", "2026-12-25T00:00:00Z"},
		"a blackout of two years":      {"UTC", "22:00-05:30", "2026-01-01..2028-12-31", "2026-06-01T00:00:00Z", never, never},
		"a blackout of nearly a year":  {"UTC", "22:00-05:30", "2026-01-02..2026-12-31", "2026-01-02T05:30:00Z", "2027-01-01T00:00:00Z", "2027-01-01T05:30:00Z"},
		"half an hour off":             {"Asia/Kolkata", "01:00-02:00", "", "2026-06-01T00:00:00Z", "2026-06-02T01:00:00+05:30", "2026-06-02T02:00:00+05:30"},
		"Berlin, clocks forward":       {"Europe/Berlin", "22:00-05:30", "", "2026-03-28T12:00:00+01:00", "2026-03-28T22:00:00+01:00", "2026-03-29T05:30:00+02:00"}, // 6.5 hours
		"Berlin, a beginning left out": {"Europe/Berlin", "sun 02:30-04:00", "", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"},
		"Berlin, an end left out":      {"Europe/Berlin", "sat 22:00-02:30", "", "2026-03-28T12:00:00+01:00", "2026-03-28T22:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		"Berlin, all left out":         {"Europe/Berlin", "sun 02:10-02:50", "", "2026-03-28T12:00:00+01:00", "2026-04-05T02:10:00+02:00", "2026-04-05T02:50:00+02:00"},
		"Berlin, clocks back":          {"Europe/Berlin", "22:00-05:30", "", "2026-10-24T12:00:00+02:00", "2026-10-24T22:00:00+02:00", "2026-10-25T05:30:00+01:00"}, // 8.5 hours
		"Berlin, a beginning twice":    {"Europe/Berlin", "sun 02:30-04:00", "", "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T04:00:00+01:00"},
		"Berlin, an end twice":         {"Europe/Berlin", "sat 22:00-02:30", "", "2026-10-24T12:00:00+02:00", "2026-10-24T22:00:00+02:00", "2026-10-25T02:30:00+01:00"},
		"Berlin, both twice":           {"Europe/Berlin", "sun 02:10-02:50", "", "2026-10-24T12:00:00+02:00", "2026-10-25T02:10:00+02:00", "2026-10-25T02:50:00+01:00"},
		"Berlin, what the clock shows": {"Europe/Berlin", "sun 02:30-04:00", "", "2026-10-25T02:10:00+01:00", "2026-10-25T02:10:00+01:00", "2026-10-25T04:00:00+01:00"},
		"Berlin, until it goes back":   {"Europe/Berlin", "sun 00:00-02:00", "", "2026-10-24T12:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-25T02:00:00+01:00"},
		"Berlin, from it goes back on": {"Europe/Berlin", "sun 03:00-04:00", "", "2026-10-24T12:00:00+02:00", "2026-10-25T03:00:00+01:00", "2026-10-25T04:00:00+01:00"},
		"New York, forward":            {"America/New_York", "sun 01:30-02:30", "", "2026-03-08T00:00:00-05:00", "2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00"},
		"New York, back":               {"America/New_York", "sun 01:30-02:30", "", "2026-11-01T00:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-01T02:30:00-05:00"},
		"Lord Howe, forward by half":   {"Australia/Lord_Howe", "sun 02:15-03:00", "", "2026-10-04T00:00:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"},
		"Lord Howe, back by half":      {"Australia/Lord_Howe", "sun 01:45-03:00", "", "2026-04-05T00:00:00+11:00", "2026-04-05T01:45:00+11:00", "2026-04-05T03:00:00+10:30"},
		"Apia, into the day left out":  {"Pacific/Apia", "thu 22:00-05:00", "", "2011-12-29T12:00:00-10:00", "2011-12-29T22:00:00-10:00", "2011-12-31T00:00:00+14:00"},
		"Apia, out of it":              {"Pacific/Apia", "fri 22:00-05:00", "", "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T05:00:00+14:00"},
		"Apia, in it":                  {"Pacific/Apia", "fri 12:00-13:00", "", "2011-12-29T12:00:00-10:00", "2012-01-06T12:00:00+14:00", "2012-01-06T13:00:00+14:00"},
		"Apia, over it":                {"Pacific/Apia", "22:00-01:00", "", "2011-12-29T12:00:00-10:00", "2011-12-29T22:00:00-10:00", "2011-12-31T01:00:00+14:00"},
		"St John's, midnight twice":    {"America/St_Johns", "sat 22:00-24:00", "", "2010-11-06T12:00:00-02:30", "2010-11-06T22:00:00-02:30", "2010-11-07T00:00:00-03:30"},
		"St John's, back to Saturday":  {"America/St_Johns", "fri 23:45-23:30", "", "2010-11-07T00:00:30-02:30", "2010-11-07T00:00:30-02:30", "2010-11-06T23:30:00-03:30"},
		"the last of a leap year":      {"Europe/Berlin", "22:00-05:30", "", "2040-12-31T12:00:00+01:00", "2040-12-31T22:00:00+01:00", "2041-01-01T05:30:00+01:00"},
		"the day before it":            {"Europe/Berlin", "22:00-05:30", "", "2040-12-30T12:00:00+01:00", "2040-12-30T22:00:00+01:00", "2040-12-31T05:30:00+01:00"},
		"the first of the next":        {"America/New_York", "sat 22:00-05:30", "", "2040-12-31T23:00:00-05:00", "2041-01-05T22:00:00-05:00", "2041-01-06T05:30:00-05:00"},
		"Havana, a blackout":           {"America/Havana", "", "2026-11-01", "2026-11-01T12:00:00-05:00", "2026-11-02T00:00:00-05:00", never},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parsed(t, row.zone, split(row.windows), split(row.blackout))
			from := at(t, row.from)
			opens, closes := s.Next(from)
			for what, pair := range map[string]struct {
				got  time.Time
				want string
			}{"opens": {opens, row.opens}, "closes": {closes, row.closes}} {
				switch {
				case pair.want == never && !pair.got.IsZero():
					t.Errorf("%s %s, want never", what, pair.got.In(s.Zone()))
				case pair.want != never && !pair.got.Equal(at(t, pair.want)):
					t.Errorf("%s %s, want %s", what, pair.got.In(s.Zone()).Format(time.RFC3339), pair.want)
				}
			}
			if got, want := s.Open(from), row.opens == row.from; got != want {
				t.Errorf("Open is %t, want %t", got, want)
			}
		})
	}
}

func split(texts string) []string {
	if texts == "" {
		return nil
	}
	return strings.Split(texts, ";")
}

func TestAfter(t *testing.T) {
	t.Parallel()
	night := parsed(t, "Europe/Berlin", []string{"mon-fri 22:00-05:30"}, []string{"2026-11-26"})
	var always schedule.Schedule
	for name, row := range map[string]struct {
		s    schedule.Schedule
		from string
		work time.Duration
		want string // "": not within a year
	}{
		"none":             {night, "2026-11-23T12:00:00+01:00", 0, "2026-11-23T12:00:00+01:00"},
		"in one window":    {night, "2026-11-23T12:00:00+01:00", time.Hour, "2026-11-23T23:00:00+01:00"},
		"all of it":        {night, "2026-11-23T12:00:00+01:00", 7*time.Hour + 30*time.Minute, "2026-11-24T05:30:00+01:00"},
		"a bit more":       {night, "2026-11-23T12:00:00+01:00", 7*time.Hour + 31*time.Minute, "2026-11-24T22:01:00+01:00"},
		"the rest of one":  {night, "2026-11-24T05:00:00+01:00", time.Hour, "2026-11-24T22:30:00+01:00"},
		"over a blackout":  {night, "2026-11-25T22:00:00+01:00", 3 * time.Hour, "2026-11-27T01:00:00+01:00"},
		"always":           {always, "2026-11-23T12:00:00Z", 49 * time.Hour, "2026-11-25T13:00:00Z"},
		"a year":           {always, "2026-11-23T12:00:00Z", 366 * 24 * time.Hour, "2027-11-24T12:00:00Z"},
		"more than a year": {always, "2026-11-23T12:00:00Z", 366*24*time.Hour + 1, ""},
		"far too much":     {night, "2026-11-23T12:00:00Z", 1 << 62, ""},
	} {
		got := row.s.After(at(t, row.from), row.work)
		if row.want == "" && !got.IsZero() || row.want != "" && !got.Equal(at(t, row.want)) {
			t.Errorf("%s: got %s, want %q", name, got, row.want)
		}
		if open := row.s.Between(at(t, row.from), got); !got.IsZero() && open != row.work {
			t.Errorf("%s: open for %s until %s", name, open, got)
		}
	}
	if open := night.Between(at(t, "2026-11-24T05:00:00+01:00"), at(t, "2026-11-24T21:00:00+01:00")); open != 30*time.Minute {
		t.Errorf("into the day: %s", open)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	s := parsed(t, "Europe/Berlin", nil, nil)
	for _, row := range []struct{ from, clock, want string }{
		{"2026-11-23T05:59:00+01:00", "06:00", "2026-11-23T06:00:00+01:00"},
		{"2026-11-23T06:00:00+01:00", "06:00", "2026-11-24T06:00:00+01:00"},
		{"2026-03-28T12:00:00+01:00", "02:30", "2026-03-29T03:00:00+02:00"},
		{"2026-03-29T03:00:00+02:00", "02:30", "2026-03-30T02:30:00+02:00"},
		{"2026-10-25T02:10:00+02:00", "02:30", "2026-10-25T02:30:00+02:00"},
		{"2026-10-25T02:30:00+02:00", "02:30", "2026-10-25T02:30:00+01:00"},
		{"2026-10-25T02:45:00+02:00", "02:30", "2026-10-25T02:30:00+01:00"},
		{"2026-10-25T02:30:00+01:00", "02:30", "2026-10-26T02:30:00+01:00"},
	} {
		got, err := s.Clock(at(t, row.from), row.clock)
		if err != nil || !got.Equal(at(t, row.want)) {
			t.Errorf("%s after %s is %s, %v; want %s", row.clock, row.from, got, err, row.want)
		}
	}
	for _, clock := range []string{"", "6:00", "24:00", "06:60", "06.00", "ab:cd"} {
		if _, err := s.Clock(at(t, "2026-11-23T12:00:00Z"), clock); err == nil {
			t.Errorf("%q is a time of the day", clock)
		}
	}
}

// Each text that is wrong is named, all at once.
func TestNewNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := schedule.New("Europe/Atlantis",
		[]string{"mon 22:00-05:30", "mon-fry 22:00-05:30", "22:00", "22:00-25:00", "24:00-01:00", "mon 22:00-22:00", "mon tue 22:00-23:00", strings.Repeat("mon,", 20) + "mon 01:00-02:00", "", "mon- 22:00-23:00", "22:00-5:30", "22:00-05:3０"},
		[]string{"2026-12-24", "24.12.2026", "2026-12-26..2026-12-24", "2026-02-30", "1999-12-31", "..", ""})
	want := "zone must be a time zone of the IANA database, such as Europe/Berlin; " +
		"windows[1] has days that are none: mon, tue, wed, thu, fri, sat and sun are, with - and commas between them; " +
		"windows[2] must be days and times, such as mon-fri 22:00-05:30, or times alone; " +
		"windows[3] has times that are none: 00:00 to 23:59 are, and 24:00 for the end; " +
		"windows[4] has times that are none: 00:00 to 23:59 are, and 24:00 for the end; " +
		"windows[5] begins when it ends; a whole day is 00:00-24:00; " +
		"windows[6] must be days and times, such as mon-fri 22:00-05:30, or times alone; " +
		"windows[7] must be days and times, such as mon-fri 22:00-05:30, or times alone; " +
		"windows[8] must be days and times, such as mon-fri 22:00-05:30, or times alone; " +
		"windows[9] has days that are none: mon, tue, wed, thu, fri, sat and sun are, with - and commas between them; " +
		"windows[10] has times that are none: 00:00 to 23:59 are, and 24:00 for the end; " +
		"windows[11] has times that are none: 00:00 to 23:59 are, and 24:00 for the end; " +
		"blackout[1] must be a day, such as 2026-12-24, or two with .. between them; " +
		"blackout[2] ends before it begins; " +
		"blackout[3] must be a day, such as 2026-12-24, or two with .. between them; " +
		"blackout[4] must be a day, such as 2026-12-24, or two with .. between them; " +
		"blackout[5] must be a day, such as 2026-12-24, or two with .. between them; " +
		"blackout[6] must be a day, such as 2026-12-24, or two with .. between them"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if fault, ok := errors.AsType[*schedule.Error](err); !ok || fault.Field != "zone" {
		t.Errorf("the first fault is %v", fault)
	}
	for _, zone := range []string{"Local", "../etc/passwd", "/etc/localtime", strings.Repeat("a", 65), "Europe/Berlin\x00"} {
		if _, err := schedule.New(zone, nil, nil); err == nil {
			t.Errorf("%q is a zone", zone)
		}
	}
	_, err = schedule.New("", make([]string, schedule.MaxWindows+1), make([]string, schedule.MaxBlackout+1))
	if err == nil || err.Error() != "windows must be at most 64; blackout must be at most 366" {
		t.Errorf("too many: %v", err)
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"mon-fri 22:00-05:30": "mon-fri 22:00-05:30", "22:00-05:30": "mon-sun 22:00-05:30", "Sat,Sun  00:00-24:00": "sat-sun 00:00-24:00",
		"fri-mon 01:00-02:00": "mon,fri-sun 01:00-02:00", "wed,mon 01:00-02:00": "mon,wed 01:00-02:00", "mon-mon 01:00-02:00": "mon 01:00-02:00",
	} {
		w, err := schedule.ParseWindow(text)
		if err != nil || w.String() != want {
			t.Errorf("%q is %q, %v; want %q", text, w, err, want)
		}
	}
	for text, want := range map[string]string{"2028-02-29": "2028-02-29", "2026-12-24..2026-12-24": "2026-12-24", "2026-12-24..2027-01-06": "2026-12-24..2027-01-06"} {
		b, err := schedule.ParseBlackout(text)
		if err != nil || b.String() != want {
			t.Errorf("%q is %q, %v; want %q", text, b, err, want)
		}
	}
}
