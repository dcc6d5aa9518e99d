package filter_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rekey/sweeper/filter"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var ada = filter.Record{
	ID: "7", Source: "shop", Username: "ada", Email: "Ada@Example.org", CreatedAt: now.AddDate(-9, 0, 0), LastLoginAt: now.AddDate(0, -3, 0), Scheme: "md5",
}

func TestMatch(t *testing.T) {
	t.Parallel()
	ghost := filter.Record{ID: "8", Source: "forum", Disabled: true}
	for text, want := range map[string][2]bool{ // ada, and who is hardly known
		``:                               {true, true},
		` `:                              {true, true},
		`false`:                          {false, false},
		`user.id == "7"`:                 {true, false},
		`user.source == "shop"`:          {true, false},
		`user.username.startsWith("ad")`: {true, false},
		`has(user.email)`:                {true, false},
		`user.email.matches("(?i)@example\\.org$")`:                               {true, false},
		`user.created_at < now`:                                                   {true, true},
		`has(user.created_at)`:                                                    {true, false},
		`user.last_login_at < now - duration("8760h")`:                            {false, true}, // never is long ago
		`has(user.last_login_at) && user.last_login_at < now - duration("8760h")`: {false, false},
		`!has(user.last_login_at)`:                                                {false, true},
		`user.disabled`:                                                           {false, true},
		`user.scheme in ["md5", "sha1"] && !user.disabled`:                        {true, false},
		`.user.id == "7"`:                                                         {true, false},
		`[1, 2].exists(x, user.id == "7")`:                                        {true, false},
		`now.getFullYear() == 2026`:                                               {true, true},
	} {
		f, err := filter.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for i, r := range []filter.Record{ada, ghost} {
			if got, err := f.Match(r, now); got != want[i] || err != nil {
				t.Errorf("%s of %s: %t, %v", text, r.ID, got, err)
			}
		}
	}
}

func TestCompileSaysWhereAndWhy(t *testing.T) {
	t.Parallel()
	const names = "id, source, username, email, created_at, last_login_at, disabled, scheme"
	for text, want := range map[string]string{
		`user.disabled && user.emial == "x"`: "line 1, column 22: there is no user.emial; there are " + names,
		"user.disabled\n&& user.password":    "line 2, column 8: there is no user.password; there are " + names,
		`user == user`:                       "line 1, column 1: user is no value; ask for one of " + names,
		`user.disabled || dyn(.user) == 1`:   "line 1, column 23: user is no value; ask for one of " + names,
		`type(user) == type(1)`:              "line 1, column 6: user is no value; ask for one of " + names,
		`user.id`:                            "its result must be true or false",
		`dyn(user.disabled)`:                 "its result must be true or false",
		`user.id == 7`:                       "line 1, column 9: found no matching overload for '_==_' applied to '(string, int)'",
		`user.id.matches("(")`:               "a constant in it, such as a regular expression or a duration, cannot be read",
		`emial == "x"`:                       "line 1, column 1: undeclared reference to 'emial'",
		strings.Repeat("(", 65) + "true" + strings.Repeat(")", 65): "expression recursion limit exceeded: 64",
		strings.Repeat(" ", filter.MaxLength) + "true":             "must be at most 4096 bytes",
		"[" + strings.Repeat("1,", 99) + "1].all(x, [" + strings.Repeat("1,", 99) + "1].all(y, [" + strings.Repeat("1,", 99) + "1].all(z, x == y)))": "it may cost too much for one person: it goes through lists within lists",
		`a person{}`: "line 1, column 3: Syntax error: mismatched input 'person' expecting <EOF>",
	} {
		err := filter.Check(text)
		fault, ok := errors.AsType[*filter.Error](err)
		if !ok || !strings.HasPrefix(fault.Error(), want) {
			t.Errorf("%.60s: got %v, want %s", text, err, want)
		}
	}
}

// What has no result says so and tells nothing of the person.
func TestMatchWithoutResult(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`int(user.id) / 0 == 1`, `int(user.username) == 1`, `timestamp(user.email) < now`} {
		f, err := filter.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := f.Match(ada, now)
		if got || err == nil || strings.Contains(strings.ToLower(err.Error()), "ada") {
			t.Errorf("%s: %t, %v", text, got, err)
		}
	}
}

// Whatever stands in the settings and whatever a person is: compiling and asking end soon, without a panic.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`user.last_login_at < now - duration("8760h")`, `has(user.email) && user.email.matches("(?i)@example\\.org$")`, `user.scheme in ["md5"]`, `dyn(user)`,
		`[1, 2, 3].map(x, [x].map(y, [y])) == []`, `timestamp(user.id) > now`, `1 / 0 == 1`, "\x00", "((((((", "user.\n", "'\xff' == ''", `a.b{c: 1}`, `user{}`, `.user.id == ""`,
	} {
		f.Add(seed, "text")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		compiled, err := filter.Compile(text)
		if err != nil {
			if _, ok := errors.AsType[*filter.Error](err); !ok {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		r := ada
		r.Username, r.Email, r.ID = value[:min(len(value), 1024)], value[:min(len(value), 1024)], "1"
		_, _ = compiled.Match(r, now) // no panic is all that is asked
	})
}

func BenchmarkMatch(b *testing.B) {
	f, err := filter.Compile(`user.last_login_at < now - duration("8760h") && !user.disabled && user.scheme in ["md5", "sha1"]`)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := f.Match(ada, now); err != nil {
			b.Fatal(err)
		}
	}
}
