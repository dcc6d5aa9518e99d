package survey

import (
	"testing"
	"time"

	"rekey/legacy"
)

// TestRemainder: people have moved for ten days. Of a hundred, one was last seen on each of the days before that, the ten last of whom
// have come; in the next seven days those come who had been away for ten to seventeen.
func TestRemainder(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	since := at.AddDate(0, 0, -10)
	r := NewRemainder(since, at)
	for day := range 100 {
		r.Add(legacy.User{ID: "x", CreatedAt: at.AddDate(-9, 0, 0), LastLoginAt: since.AddDate(0, 0, -day)}, day >= 10)
	}
	for range 5 {
		r.Add(legacy.User{ID: "y", CreatedAt: at.AddDate(-9, 0, 0)}, true)
	}
	rest := r.Rest()
	if rest.People != 105 || rest.Left != 95 || rest.Never != 5 {
		t.Errorf("%d people, %d left, %d never seen; want 105, 95 and 5", rest.People, rest.Left, rest.Never)
	}
	for i, want := range []Horizon{
		{7, Range{6.3, 7}, Range{88, 88.7}}, {30, Range{27, 30}, Range{65, 68}}, {90, Range{81, 90}, Range{5, 14}}, {365, Range{81, 90}, Range{5, 14}},
	} {
		got := rest.Horizons[i]
		for _, pair := range [][2]float64{
			{got.Moved.Low, want.Moved.Low}, {got.Moved.High, want.Moved.High}, {got.Left.Low, want.Left.Low}, {got.Left.High, want.Left.High}, {float64(got.Days), float64(want.Days)},
		} {
			if diff := pair[0] - pair[1]; diff > 1e-9 || diff < -1e-9 {
				t.Errorf("%+v, want %+v", got, want)
				break
			}
		}
	}
	var seen int64
	for _, bin := range rest.LastLogins {
		seen += bin.Count
	}
	if seen != 90 || rest.LastLogins[0].Count+rest.LastLogins[1].Count != 0 {
		t.Errorf("last logins %+v, want 90, none of them within a week", rest.LastLogins)
	}
	if none := NewRemainder(time.Time{}, at); len(none.Rest().Horizons) != 0 || len(none.Rest().LastLogins) != 0 {
		t.Error("of nobody something is known")
	}
}
