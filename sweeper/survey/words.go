package survey

import (
	"fmt"
	"math"
	"time"

	"rekey/sweeper/sheet"
)

// counting writes a number of things.
func counting(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return sheet.Grouped(n) + " " + what + "s"
}

// persons writes a number of people.
func persons(n int64) string {
	if n == 1 {
		return "1 person"
	}
	return sheet.Grouped(n) + " people"
}

// people writes an estimated number of people: no more digits than an estimate has.
func people(r Range) string {
	low, high := rounded(r.Low), rounded(r.High)
	if low == high {
		return sheet.Grouped(low)
	}
	return sheet.Grouped(low) + " to " + sheet.Grouped(high)
}

// rounded keeps three digits.
func rounded(n float64) int64 {
	if n < 1000 {
		return int64(math.Round(n))
	}
	unit := math.Pow10(int(math.Floor(math.Log10(n))) - 2)
	return int64(math.Round(n/unit) * unit)
}

// span writes a range of seconds.
func span(r Range) string {
	low, high := duration(r.Low), duration(r.High)
	if low == high {
		return low
	}
	return low + " to " + high
}

// duration writes seconds with two digits.
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 1500*time.Millisecond: // or less
		return "a second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", seconds)
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// sizeText writes bytes.
func sizeText(n int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

// percent writes a share.
func percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}
