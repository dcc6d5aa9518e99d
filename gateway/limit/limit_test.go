package limit

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestDefaultRules(t *testing.T) {
	t.Parallel()
	rules := DefaultRules()
	for _, r := range []Rule{rules.Address, rules.Identifier} {
		if err := r.Check(); err != nil {
			t.Error(err)
		}
	}
	if rules.Address.Name == rules.Identifier.Name {
		t.Error("both rules count the same keys")
	}
	// NIST SP 800-63B, 5.2.2, allows a hundred consecutive failures before more has to happen.
	if rules.Identifier.Burst > 100 {
		t.Error("the burst per identifier is too large")
	}
}

func TestRuleOr(t *testing.T) {
	t.Parallel()
	def := Rule{Name: "n", Count: 1, Per: time.Second, Burst: 2}
	if got := (Rule{}).Or(def); got != def {
		t.Errorf("got %+v", got)
	}
	own := Rule{Name: "o", Count: 3, Per: time.Hour, Burst: 4}
	if got := own.Or(def); got != own {
		t.Errorf("got %+v", got)
	}
}

func TestAddressKey(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7",
		"::ffff:192.0.2.7":     "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1": "2001:db8:1:2::/64",
		"2001:db8:1:3::1":      "2001:db8:1:3::/64",
		"fe80::1%eth0":         "fe80::/64",
		"not an address":       "not an address",
		"":                     "",
	} {
		if got := AddressKey(address); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

func TestLocalIsBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100, 6400} {
		c := newClock()
		l := NewLocal(LocalConfig{MaxKeys: size, Now: c.Now})
		for i := range 3 * size {
			if _, err := l.Take(t.Context(), fmt.Sprint(i), aMinute, 1); err != nil {
				t.Fatal(err)
			}
		}
		if n := l.Keys(); n > size || n < size*3/4 {
			t.Errorf("%d keys are kept, with room for %d", n, size)
		}
		if l.Evicted() == 0 {
			t.Error("nothing was counted as forgotten")
		}
	}
}

// What has expired goes by itself, before anything alive is forgotten.
func TestLocalForgetsWhatSaysNothing(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := NewLocal(LocalConfig{MaxKeys: 100, Now: c.Now})
	for i := range 1000 {
		takes(t, l, fmt.Sprint(i), aMinute, 1, Decision{OK: true, Remaining: 9})
		c.Add(time.Second) // each is alive for 6 s
	}
	if l.Keys() > 8 || l.Evicted() != 0 {
		t.Errorf("%d keys are kept, %d were forgotten alive", l.Keys(), l.Evicted())
	}
}

func TestLocalForgetsWhatWasGivenBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := NewLocal(LocalConfig{Now: c.Now})
	takes(t, l, "ann", aMinute, 1, Decision{OK: true, Remaining: 9})
	c.Add(time.Second)
	l.Give(t.Context(), "ann", aMinute, 1)
	if l.Keys() != 0 {
		t.Error("a key that says nothing is kept")
	}
}

// The one that is being held off is the last to be forgotten.
func TestLocalFloodFreesNobody(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := NewLocal(LocalConfig{MaxKeys: 100, Now: c.Now})
	takes(t, l, "victim", aMinute, 10, Decision{OK: true})
	for i := range 10_000 {
		if _, err := l.Take(t.Context(), fmt.Sprint(i), aMinute, 1); err != nil {
			t.Fatal(err)
		}
	}
	takes(t, l, "victim", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
	// And once it is over, it is over for everybody.
	c.Add(time.Minute)
	takes(t, l, "newcomer", aMinute, 10, Decision{OK: true})
}

func TestLocalBoundsRules(t *testing.T) {
	t.Parallel()
	l := NewLocal(LocalConfig{MaxKeys: 10})
	for i := range maxRules + 1 {
		rule := aMinute
		rule.Name = fmt.Sprint(i)
		_, err := l.Take(t.Context(), "ann", rule, 1)
		if i < maxRules && err != nil || i == maxRules && !errors.Is(err, ErrRule) {
			t.Errorf("rule %d: %v", i, err)
		}
		l.Give(t.Context(), "ann", rule, 1)
	}
}
