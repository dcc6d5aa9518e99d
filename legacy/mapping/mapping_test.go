package mapping_test

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
	"rekey/legacy/mapping"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func at(moment time.Time) func() time.Time { return func() time.Time { return moment } }

// What is wrong with an expression is told at start, with the expression and the place.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200)
	for name, test := range map[string]struct {
		config mapping.Config
		want   []string // parts of the error
		line   int
		column int
	}{
		"unknown column": {
			mapping.Config{Keep: "user.disabled || user.payng", Columns: []string{"paying"}},
			[]string{"keep, line 1, column 22", "there is no user.payng", "paying", "\tuser.disabled || user.payng\n\t" + strings.Repeat(" ", 21) + "^"}, 1, 22,
		},
		"unknown column in the second line": {
			mapping.Config{Keep: "user.disabled ||\n  user.payng"},
			[]string{"line 2, column 7", "\t  user.payng\n\t      ^"}, 2, 7,
		},
		"unknown variable":       {mapping.Config{Keep: "usr.paying"}, []string{"undeclared reference to 'usr'"}, 1, 1},
		"syntax":                 {mapping.Config{Keep: "user.disabled &&"}, []string{"Syntax error"}, 1, 17},
		"nothing":                {mapping.Config{Set: map[string]string{"email": " "}}, []string{"email: there is no expression"}, 0, 0},
		"not a truth value":      {mapping.Config{Keep: "user.email"}, []string{"its result is string; true or false is needed"}, 0, 0},
		"not a text":             {mapping.Config{Set: map[string]string{"email": "1 + 1"}}, []string{"email: its result is int; a text"}, 0, 0},
		"not a time":             {mapping.Config{Set: map[string]string{"created_at": "duration('1h')"}}, []string{"its result is a duration; a time"}, 0, 0},
		"not a list":             {mapping.Config{Set: map[string]string{"roles": "user.email"}}, []string{"a list of texts"}, 0, 0},
		"a list of numbers":      {mapping.Config{Set: map[string]string{"groups": "[1]"}}, []string{"its result is list(int)"}, 0, 0},
		"text beside or":         {mapping.Config{Keep: "user.disabled || user.email"}, []string{"expected type 'bool' but found 'string'"}, 1, 22},
		"password":               {mapping.Config{Keep: `user.password == ""`}, []string{"there is no user.password"}, 1, 5},
		"totp":                   {mapping.Config{Keep: `size(user.totp) > 0`}, []string{"there is no user.totp"}, 1, 10},
		"a person as a value":    {mapping.Config{Keep: `dyn(user).email == ""`}, []string{"a person as a whole"}, 1, 5},
		"two persons":            {mapping.Config{Keep: `[user] == [user]`}, []string{"a person as a whole"}, 1, 2},
		"a person of one's own":  {mapping.Config{Keep: `rekey.user{email: "x"}.email == "x"`}, []string{"keep, line 1"}, 1, 11},
		"format":                 {mapping.Config{Keep: `"%s".format([user.email]) == "x"`}, []string{"format cannot be used"}, 1, 12},
		"regular expression":     {mapping.Config{Keep: `user.email.matches("(")`}, []string{"missing closing )"}, 0, 0},
		"duration":               {mapping.Config{Keep: `now - user.created_at > duration("1y")`}, []string{"keep: "}, 0, 0},
		"lists within lists":     {mapping.Config{Keep: `user.roles.exists(a, user.roles.exists(b, user.roles.exists(c, a + b == c)))`}, []string{"may cost too much"}, 0, 0},
		"a text within a text":   {mapping.Config{Keep: `user.display_name.replace("", user.display_name).size() > 1`}, []string{"may cost too much"}, 0, 0},
		"regular from a column":  {mapping.Config{Keep: `user.bio.matches(user.pattern)`, Columns: []string{"bio", "pattern"}}, []string{"may cost too much"}, 0, 0},
		"too deep":               {mapping.Config{Keep: deep}, []string{"keep"}, 0, 0},
		"too long":               {mapping.Config{Keep: "true || " + strings.Repeat("true ||", 4096) + "true"}, []string{"size exceeds limit"}, 0, 0},
		"unknown target":         {mapping.Config{Set: map[string]string{"id": "user.email"}}, []string{`set "id": no such field; there are created_at, disabled, display_name, email,`}, -1, 0},
		"password as target":     {mapping.Config{Set: map[string]string{"password": "user.email"}}, []string{"no such field"}, -1, 0},
		"attribute without name": {mapping.Config{Set: map[string]string{"attributes.": "user.email"}}, []string{"the name of an attribute"}, -1, 0},
		"attribute with blanks":  {mapping.Config{Set: map[string]string{"attributes. x": "user.email"}}, []string{"the name of an attribute"}, -1, 0},
		"column twice":           {mapping.Config{Columns: []string{"a", "a"}}, []string{"column a: user.a is something else already"}, -1, 0},
		"column of ours":         {mapping.Config{Columns: []string{"email"}}, []string{"column email: user.email is something else"}, -1, 0},
		"password column":        {mapping.Config{Columns: []string{"Password"}}, []string{"no expression may see it"}, -1, 0},
		"salt column":            {mapping.Config{Columns: []string{"salt"}}, []string{"no expression may see it"}, -1, 0},
		"column without name":    {mapping.Config{Columns: []string{""}}, []string{"a name has 1 to"}, -1, 0},
		"too many columns":       {mapping.Config{Columns: make([]string, 257)}, []string{"more than 256 columns"}, -1, 0},
		"longest text":           {mapping.Config{Sanitise: mapping.Sanitise{MaxText: 1 << 20}}, []string{"sanitise.max_text: want"}, -1, 0},
		"e-mail case":            {mapping.Config{Sanitise: mapping.Sanitise{EmailCase: "upper"}}, []string{"sanitise.email_case: want"}, -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.config.Name = "shop"
			_, err := mapping.New(test.config)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range append(test.want, "mapping of source shop") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in:\n%v", part, err)
				}
			}
			where, ok := errors.AsType[*mapping.ExpressionError](err)
			switch {
			case ok != (test.line >= 0):
				t.Errorf("an ExpressionError: %v", ok)
			case ok && (where.Line != test.line || where.Column != test.column):
				t.Errorf("line %d, column %d; want %d, %d", where.Line, where.Column, test.line, test.column)
			}
		})
	}
}

// All mistakes are told at once.
func TestNewTellsAll(t *testing.T) {
	t.Parallel()
	_, err := mapping.New(mapping.Config{Keep: "user.a", Set: map[string]string{"email": "user.b", "nonsense": "1", "phone": "user.c"}})
	for _, part := range []string{"user.a", "user.b", "nonsense", "user.c"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in:\n%v", part, err)
		}
	}
	many := map[string]string{}
	for i := range 257 {
		many["attributes."+strconv.Itoa(i)] = `"x"`
	}
	if _, err := mapping.New(mapping.Config{Set: many}); err == nil {
		t.Error("257 fields are set")
	}
}

// keeps reports whether an expression keeps a person.
func keeps(t *testing.T, keep string, u legacy.User) (bool, error) {
	t.Helper()
	c := mapping.Config{Keep: keep, Now: at(noon)}
	for column := range u.Extra {
		c.Columns = append(c.Columns, column)
	}
	_, kept, err := compiled(t, c).Apply(u)
	return kept, err
}

func TestKeep(t *testing.T) {
	t.Parallel()
	const example = `user.last_login > now - duration("8760h") || user.paying`
	person := legacy.User{
		ID: "7", Username: "anna", Email: "anna@example.org", Phone: "+49151", Disabled: true,
		CreatedAt: noon.AddDate(-2, 0, 0), LastLoginAt: noon.Add(-time.Hour),
		Profile: legacy.Profile{
			DisplayName: "Anna", Locale: "de", EmailVerified: true, Roles: []string{"admin"}, Groups: []string{"a", "b"},
			Attributes: map[string]string{"plan": "gold"},
		},
		Extra: map[string]any{
			"paying": true, "points": int64(12), "rate": 1.5, "since": noon.AddDate(-1, 0, 0), "tags": []string{"x", "y"}, "flag": "Y", "flags": "w,x",
			"last-name": "Berg", "none": nil, "never": time.Time{},
		},
	}
	with := func(change func(*legacy.User)) legacy.User {
		u := person
		u.Extra = maps.Clone(u.Extra)
		change(&u)
		return u
	}
	paying := func(value any) legacy.User {
		return with(func(u *legacy.User) { u.LastLoginAt, u.Extra["paying"] = noon.AddDate(-2, 0, 0), value })
	}
	for _, test := range []struct {
		keep string
		user legacy.User
		want bool
	}{
		{example, person, true},
		{example, paying(true), true},
		{example, paying(false), false},
		{example, with(func(u *legacy.User) { u.LastLoginAt, u.Extra["paying"] = time.Time{}, false }), false}, // never

		// Truth values as old stores write them.
		{example, paying(int64(1)), true},
		{example, paying(int64(0)), false},
		{example, paying(1.0), true},
		{example, paying("1"), true},
		{example, paying(" Yes "), true},
		{example, paying("f"), false},
		{example, paying(""), false},
		{example, paying("0000-00-00"), false},
		{example, paying(nil), false},
		{example, paying(noon), true},
		{"user.paying", paying("t"), true},
		{"!user.paying", paying("t"), false},
		{"user.paying && user.flag", person, true},
		{"(user.paying ? user.flag : user.paying) ? user.points > 1 : user.paying", person, true},
		{"truth(user.flag) == user.email_verified", person, true},
		{`user.tags.exists(t, t == "y" && user.flag)`, person, true},
		{`[user.flag, user.paying].all(f, f)`, person, true},
		{`[user.flag, user.paying].filter(f, f).size() == 2`, person, true},

		// Every field.
		{`user.id == "7" && user.username == "anna" && user.email.endsWith("@example.org") && user.phone == "+49151"`, person, true},
		{`user.disabled && user.email_verified && !user.phone_verified`, person, true},
		{`user.created_at < now && user.last_login == user.last_login_at && user.last_login < now`, person, true},
		{`"admin" in user.roles && user.groups == ["a", "b"] && user.locale == "de" && user.display_name == "Anna"`, person, true},
		{`user.attributes.plan == "gold" && user.attributes["plan"] == "gold" && !has(user.attributes.other)`, person, true},
		{`user.points == 12 && user.rate > 1 && user.since < now && "x" in user.tags`, person, true},
		{"user.`last-name` == \"Berg\"", person, true},
		{`user.none == null && user.never == null`, person, true},
		{`user.email.split("@")[1].lowerAscii() == "example.org"`, person, true},
		{`"x" in user.flags.split(",") && user.flags.split(",").exists(f, f == "x" || f.startsWith("y"))`, person, true},

		// What is not there.
		{`has(user.paying) && !has(user.none) && !has(user.never)`, person, true},
		{`has(user.last_login) && has(user.created_at) && has(user.roles) && has(user.attributes) && has(user.email)`, person, true},
		{`has(user.last_login) || has(user.created_at) || has(user.roles) || has(user.attributes) || has(user.email)`, legacy.User{ID: "1"}, false},
		{`user.last_login == timestamp(0) && user.created_at == timestamp("1970-01-01T00:00:00Z")`, legacy.User{ID: "1"}, true},

		// Expressions see what cleaning has left.
		{`user.username == "anna"`, legacy.User{ID: "1", Username: " anna\t"}, true},
	} {
		if got, err := keeps(t, test.keep, test.user); err != nil || got != test.want {
			t.Errorf("%s\nwith paying = %v: %v, error %v; want %v", test.keep, test.user.Extra["paying"], got, err, test.want)
		}
	}
}

// What has no result says why, without the value.
func TestNoResult(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, test := range []struct {
		keep  string
		value any
		want  string
	}{
		{"user.c", secret, "neither true nor false"},
		{"user.c || user.disabled", secret, "neither true nor false"},
		{"user.c", []string{secret}, "neither true nor false"},
		{"user.c", strings.Repeat("1", 1000), "neither true nor false"},
		{"user.c > 3", secret, "another type"},
		{"user.c > 3", nil, "another type"},
		{"1 / user.c == 1", int64(0), "division by zero"},
		{"1 % user.c == 1", int64(0), "division by zero"},
		{"user.c + 9223372036854775807 > 1", int64(1), "out of range"},
		{"timestamp(user.c) < now", secret, "converted"},
		{"duration(user.c) < duration('1h')", secret, "converted"},
		{"int(user.c) < 1", secret, "converted"},
		{"user.attributes.hunter2 == ''", secret, "has() tells"},
		{"user.c[5] == ''", []string{secret}, "not there"},
		{"user.c == ''", strings.Repeat("x", 16<<10+1), "too large"},
		{"user.c == []", make([]string, 257), "too large"},
		{"user.c == []", []string{strings.Repeat("x", 16<<10), "x"}, "too large"},
		{"user.c == ''", struct{ secret string }{secret}, "do not know"},
		{"user.c == ''", []byte(secret), "do not know"},
		{"user.email.matches(user.c)", "(" + secret, "it"},
	} {
		_, err := keeps(t, test.keep, legacy.User{ID: strings.Repeat("7", 100), Extra: map[string]any{"c": test.value}})
		row, ok := errors.AsType[*legacy.RowError](err)
		switch {
		case !ok:
			t.Errorf("%s: error %v, want a RowError", test.keep, err)
		case !strings.Contains(row.Reason, test.want):
			t.Errorf("%s: %q, want %q", test.keep, row.Reason, test.want)
		case len(row.Key) != 100 || row.Column != "keep":
			t.Errorf("%s: key %q, column %q", test.keep, row.Key, row.Column)
		case strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, row), secret):
			t.Errorf("%s: the error tells the value", test.keep)
		}
	}
}

// What the estimate takes for cheaper than it is, such as one long text of a list, is stopped when it runs.
func TestCostIsStopped(t *testing.T) {
	t.Parallel()
	keep := "[" + strings.Repeat("1,", 900) + "1].all(i, !user.list[0].matches('y+z'))"
	_, err := keeps(t, keep, legacy.User{ID: "1", Extra: map[string]any{"list": []string{strings.Repeat("x", 16<<10)}}})
	if err == nil || !strings.Contains(err.Error(), "it costs too much") {
		t.Errorf("nine hundred times through a long text: %v", err)
	}
	if kept, err := keeps(t, keep, legacy.User{ID: "1", Extra: map[string]any{"list": []string{"x"}}}); err != nil || !kept {
		t.Errorf("through a short one: kept %v, error %v", kept, err)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	stored := func() legacy.User {
		return legacy.User{
			ID: "7", Username: "anna", Email: "Anna@Example.org", CreatedAt: noon, LastLoginAt: noon,
			Password: &legacy.Stored{Hash: "$2y$10$aaaa", Salt: " s ", User: "anna "},
			Profile: legacy.Profile{
				EmailVerified: true, Roles: []string{"old"}, Attributes: map[string]string{"plan": "gold", "gone": "x"},
				TOTP: []legacy.TOTP{{Name: "phone", Secret: []byte{1, 2}}}, RecoveryCodes: []string{" a b "},
				External: []legacy.ExternalIdentity{{Provider: "google", Subject: " 1 "}},
			},
			Extra: map[string]any{
				"mobile": int64(4915100000001), "status": int64(2), "seen": noon.AddDate(0, 0, -1), "tags": []string{"a", " b ", ""},
				"csv": "x, y", "null": nil, "rate": 0.5, "paying": "N",
			},
		}
	}
	set := map[string]string{
		"username":          `user.email.split("@")[0].lowerAscii()`,
		"phone":             `user.mobile`,
		"display_name":      `"  Anna\nBerg "`,
		"locale":            `"de"`,
		"disabled":          `user.status == 2`,
		"created_at":        `timestamp("2020-02-03T04:05:06+02:00")`,
		"last_login_at":     `user.seen`,
		"roles":             `user.csv.split(",")`, // the blanks go when the roles are cleaned,
		"groups":            `user.tags`,
		"attributes.plan":   `user.attributes.plan + "!"`,
		"attributes.mobile": `user.mobile`,
		"attributes.rate":   `user.rate`,
		"attributes.paying": `truth(user.paying) ? "yes" : "no"`,
		"attributes.seen":   `user.seen`,
		"attributes.gone":   `null`,
		"attributes.null":   "user.`null`",
		"attributes.empty":  `""`,
	}
	m := compiled(t, mapping.Config{Set: set, Columns: []string{"mobile", "status", "seen", "tags", "csv", "null", "rate", "paying"}})
	given := stored()
	got, kept, err := m.Apply(given)
	if err != nil || !kept {
		t.Fatalf("kept %v, error %v", kept, err)
	}
	want := stored()
	want.Username, want.Phone, want.Disabled, want.Extra = "anna", "4915100000001", true, nil
	want.CreatedAt, want.LastLoginAt = time.Date(2020, 2, 3, 2, 5, 6, 0, time.UTC), noon.AddDate(0, 0, -1)
	want.Profile.DisplayName, want.Profile.Locale = "Anna Berg", "de"
	want.Profile.Roles, want.Profile.Groups = []string{"x", "y"}, []string{"a", "b"}
	want.Profile.Attributes = map[string]string{
		"plan": "gold!", "mobile": "4915100000001", "rate": "0.5", "paying": "no", "seen": "2025-12-31T12:00:00Z", "empty": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the person (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(stored(), given); diff != "" {
		t.Errorf("what was given has changed (-want +got)\n%s", diff)
	}
}

// What is unknown stays unknown when it is passed on, and null makes unknown.
func TestSetUnknown(t *testing.T) {
	t.Parallel()
	m := compiled(t, mapping.Config{Set: map[string]string{
		"created_at": "user.last_login", "last_login_at": "null", "roles": "null", "username": "null", "groups": "[]",
	}})
	got, _, err := m.Apply(legacy.User{ID: "1", Username: "anna", CreatedAt: noon, Profile: legacy.Profile{Roles: []string{"a"}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(legacy.User{ID: "1"}, got); diff != "" {
		t.Errorf("the person (-want +got)\n%s", diff)
	}
}

// An address is verified only if the store said so of this very address.
func TestVerifiedIsNeverRaised(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		stored  bool
		email   string
		set     map[string]string
		want    bool
		refused bool
	}{
		"as stored":                    {true, "a@b.c", nil, true, false},
		"raised":                       {false, "a@b.c", map[string]string{"email_verified": "true"}, false, true},
		"raised by another flag":       {false, "a@b.c", map[string]string{"email_verified": "user.phone_verified"}, false, true},
		"taken away":                   {true, "a@b.c", map[string]string{"email_verified": "false"}, false, false},
		"confirmed":                    {true, "a@b.c", map[string]string{"email_verified": "true"}, true, false},
		"of another address":           {true, "a@b.c", map[string]string{"email": `"evil@b.c"`}, false, true},
		"of another address, insisted": {true, "a@b.c", map[string]string{"email": `"evil@b.c"`, "email_verified": "true"}, false, true},
		"of no address":                {true, "a@b.c", map[string]string{"email": `""`}, false, true},
		"of an address that is dirty":  {true, " a@b.c\n", nil, true, false},
		"of one that cannot be kept":   {true, "a\x00@b.c", nil, false, true},
		"in another case":              {true, "A@b.c", map[string]string{"email": "user.email.lowerAscii()"}, true, false},
	} {
		m := compiled(t, mapping.Config{Set: test.set})
		u := legacy.User{ID: "1", Email: test.email, Profile: legacy.Profile{EmailVerified: test.stored, PhoneVerified: true}, Phone: "1"}
		got, _, err := m.Apply(u)
		if err != nil || got.Profile.EmailVerified != test.want || !got.Profile.PhoneVerified {
			t.Errorf("%s: verified %v, want %v; error %v", name, got.Profile.EmailVerified, test.want, err)
		}
		if refused := count(m.Report(), mapping.NotVerified, "email_verified") == 1; refused != test.refused {
			t.Errorf("%s: reported %v, want %v", name, refused, test.refused)
		}
	}
	m := compiled(t, mapping.Config{Set: map[string]string{"phone_verified": "true"}})
	if got, _, err := m.Apply(legacy.User{ID: "1", Phone: "1"}); err != nil || got.Profile.PhoneVerified {
		t.Errorf("the phone: verified %v, error %v", got.Profile.PhoneVerified, err)
	}
}

// The time that expressions see is the one that was passed in, and it moves.
func TestNow(t *testing.T) {
	t.Parallel()
	clock := noon
	m, err := mapping.New(mapping.Config{Keep: `user.last_login > now - duration("1h")`, Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	u := legacy.User{ID: "1", LastLoginAt: noon.Add(-30 * time.Minute)}
	if _, kept, err := m.Apply(u); !kept || err != nil {
		t.Errorf("now: kept %v, error %v", kept, err)
	}
	clock = noon.Add(time.Hour)
	if _, kept, err := m.Apply(u); kept || err != nil {
		t.Errorf("an hour later: kept %v, error %v", kept, err)
	}
	byItself, err := mapping.New(mapping.Config{Keep: `now > timestamp("2026-01-01T00:00:00Z")`})
	if err != nil {
		t.Fatal(err)
	}
	if _, kept, err := byItself.Apply(u); !kept || err != nil {
		t.Errorf("without a clock: kept %v, error %v", kept, err)
	}
}

// Keys are listed up to a bound, each once, and so are findings.
func TestReportIsBounded(t *testing.T) {
	t.Parallel()
	m := compiled(t, mapping.Config{})
	for i := range 50 {
		for range 2 {
			if _, _, err := m.Apply(legacy.User{ID: strconv.Itoa(i), Username: " x"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	trimmed := m.Report().Findings[0]
	if trimmed.Count != 100 || len(trimmed.Keys) != 20 || trimmed.Keys[19] != "19" {
		t.Errorf("%d findings, keys %v", trimmed.Count, trimmed.Keys)
	}
	for i := range 1000 {
		u := legacy.User{ID: "1", Profile: legacy.Profile{Attributes: map[string]string{"a" + strconv.Itoa(i): " x"}}}
		if _, _, err := m.Apply(u); err != nil {
			t.Fatal(err)
		}
	}
	var total int64
	for _, f := range m.Report().Findings {
		total += f.Count
	}
	if n := len(m.Report().Findings); n > 520 || total != 1100 {
		t.Errorf("%d different findings, %d in all", n, total)
	}
	if m.Report().Read() != 1100 {
		t.Errorf("%d people read", m.Report().Read())
	}
	if key := legacyKey(t, strings.Repeat("é", 40)); len(key) > 64 || !strings.HasPrefix(key, "éé") {
		t.Errorf("a long key is listed as %q", key)
	}
}

// legacyKey returns how a key is listed.
func legacyKey(t *testing.T, key string) string {
	t.Helper()
	m := compiled(t, mapping.Config{})
	if _, _, err := m.Apply(legacy.User{ID: key, Username: " x"}); err != nil {
		t.Fatal(err)
	}
	return m.Report().Findings[0].Keys[0]
}

// count returns how often something was found.
func count(r mapping.Report, kind mapping.Kind, field string) int64 {
	for _, f := range r.Findings {
		if f.Kind == kind && f.Field == field {
			return f.Count
		}
	}
	return 0
}
