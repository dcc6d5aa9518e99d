package mapping_test

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"rekey/legacy"
	"rekey/legacy/mapping"
)

// finding is a Finding of one person.
type finding struct {
	kind  mapping.Kind
	field string
}

// cleaned applies a mapping that only cleans.
func cleaned(t testing.TB, s mapping.Sanitise, u legacy.User) (legacy.User, []finding) {
	t.Helper()
	u.ID = "1"
	m := compiled(t, mapping.Config{Sanitise: s})
	got, kept, err := m.Apply(u)
	if err != nil || !kept {
		t.Fatalf("kept %v, error %v", kept, err)
	}
	var found []finding
	for _, f := range m.Report().Findings {
		if f.Count != 1 || !slices.Equal(f.Keys, []string{"1"}) {
			t.Errorf("%s of %s: %d times, keys %v", f.Kind, f.Field, f.Count, f.Keys)
		}
		found = append(found, finding{f.Kind, f.Field})
	}
	return got, found
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 320)
	for name, test := range map[string]struct {
		clean    mapping.Sanitise
		in, want string
		found    []mapping.Kind
	}{
		"as it is":         {mapping.Sanitise{}, "o'brien 100%_sure", "o'brien 100%_sure", nil},
		"capitals":         {mapping.Sanitise{}, "Anna", "Anna", nil},
		"none":             {mapping.Sanitise{}, "", "", nil},
		"blank before":     {mapping.Sanitise{}, " anna", "anna", []mapping.Kind{mapping.Trimmed}},
		"blank behind":     {mapping.Sanitise{}, "anna ", "anna", []mapping.Kind{mapping.Trimmed}},
		"blanks":           {mapping.Sanitise{}, " anna ", "anna", []mapping.Kind{mapping.Trimmed, mapping.Unreachable}},
		"lines":            {mapping.Sanitise{}, "anna\r\n", "anna", []mapping.Kind{mapping.Trimmed, mapping.Unreachable}},
		"zero width":       {mapping.Sanitise{}, "\ufeffanna\u200b", "anna", []mapping.Kind{mapping.Trimmed, mapping.Unreachable}},
		"NUL behind":       {mapping.Sanitise{}, "anna\x00", "anna", []mapping.Kind{mapping.Trimmed, mapping.Unreachable}},
		"padded":           {mapping.Sanitise{}, "anna" + strings.Repeat(" ", 500), "anna", []mapping.Kind{mapping.Trimmed, mapping.Unreachable}},
		"blanks only":      {mapping.Sanitise{}, " \t", "", []mapping.Kind{mapping.Trimmed}},
		"blanks are kept":  {mapping.Sanitise{KeepSpaces: true}, " anna ", " anna ", nil},
		"decomposed":       {mapping.Sanitise{}, "Rene\u0301", "Ren\u00e9", []mapping.Kind{mapping.Composed}},
		"the form is kept": {mapping.Sanitise{KeepForm: true}, "Rene\u0301", "Rene\u0301", nil},
		"composed":         {mapping.Sanitise{}, "Ren\u00e9", "Ren\u00e9", nil},
		"another script":   {mapping.Sanitise{}, "дарья", "дарья", nil},
		"all at once":      {mapping.Sanitise{}, " Rene\u0301", "Ren\u00e9", []mapping.Kind{mapping.Trimmed, mapping.Composed}},

		// A name must not become somebody else's.
		"control character": {mapping.Sanitise{}, "ad\x00min", "", []mapping.Kind{mapping.Control}},
		"line inside":       {mapping.Sanitise{}, "ad\nmin", "", []mapping.Kind{mapping.Control}},
		"delete":            {mapping.Sanitise{}, "ad\x7fmin", "", []mapping.Kind{mapping.Control}},
		"C1":                {mapping.Sanitise{}, "ad\u0085min", "", []mapping.Kind{mapping.Control}},
		"not UTF-8":         {mapping.Sanitise{}, "M\xfcller", "", []mapping.Kind{mapping.BadUTF8}},
		"longest":           {mapping.Sanitise{}, long, long, nil},
		"too long":          {mapping.Sanitise{}, long + "a", "", []mapping.Kind{mapping.TooLong}},
		"too long in NFC":   {mapping.Sanitise{}, strings.Repeat("\u0958", 106), "", []mapping.Kind{mapping.Composed, mapping.TooLong}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, found := cleaned(t, test.clean, legacy.User{Username: test.in, Phone: test.in})
			if got.Username != test.want || got.Phone != test.want {
				t.Errorf("username %q, phone %q; want %q", got.Username, got.Phone, test.want)
			}
			if left := len(test.found) > 0 && test.want == "" && name != "blanks only"; left != (got.LeftOut == 2) || !left && got.LeftOut != 0 {
				t.Errorf("%d left out", got.LeftOut)
			}
			var want []finding
			for _, kind := range test.found {
				want = append(want, finding{kind, "username"}, finding{kind, "phone"})
			}
			if diff := gocmp.Diff(sorted(want), sorted(found), gocmp.AllowUnexported(finding{})); diff != "" {
				t.Errorf("found (-want +got)\n%s", diff)
			}
		})
	}
}

func sorted(list []finding) []finding {
	return slices.SortedFunc(slices.Values(list), func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.field, b.field))
	})
}

func TestEmailCase(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		as       mapping.EmailCase
		in, want string
		folded   bool
	}{
		{mapping.EmailAsStored, "Anna@Example.ORG", "Anna@Example.ORG", false},
		{mapping.EmailLowerDomain, "Anna@Example.ORG", "Anna@example.org", true},
		{mapping.EmailLowerDomain, "anna@example.org", "anna@example.org", false},
		{mapping.EmailLowerDomain, `"A@B"@C.D`, `"A@B"@c.d`, true},
		{mapping.EmailLowerDomain, "Anna", "Anna", false},
		{mapping.EmailLower, "Anna@Example.ORG", "anna@example.org", true},
		{mapping.EmailLower, "Anna", "anna", true},
		{mapping.EmailLower, "ДАРЬЯ@ПРИМЕР.РФ", "дарья@пример.рф", true},
		{mapping.EmailLower, strings.Repeat("\u023A", 159) + "@a", "", false}, // 319 bytes, and 477 in lower case
	} {
		got, found := cleaned(t, mapping.Sanitise{EmailCase: test.as}, legacy.User{Email: test.in})
		if got.Email != test.want {
			t.Errorf("%s: %q becomes %q, want %q", test.as, test.in, got.Email, test.want)
		}
		if slices.Contains(found, finding{mapping.CaseFolded, "email"}) != test.folded {
			t.Errorf("%s: %q: found %v", test.as, test.in, found)
		}
	}
	// Only e-mail addresses have that switch.
	if got, _ := cleaned(t, mapping.Sanitise{EmailCase: mapping.EmailLower}, legacy.User{Username: "Anna"}); got.Username != "Anna" {
		t.Errorf("the username becomes %q", got.Username)
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		clean       mapping.Sanitise
		in          string
		line, block string // as a display name, as an attribute
		inLine      []mapping.Kind
		inBlock     []mapping.Kind
	}{
		"as it is": {mapping.Sanitise{}, "Anna Berg", "Anna Berg", "Anna Berg", nil, nil},
		"blanks":   {mapping.Sanitise{}, " Anna ", "Anna", "Anna", []mapping.Kind{mapping.Trimmed}, []mapping.Kind{mapping.Trimmed}},
		"lines": {
			mapping.Sanitise{}, "Street 1\r\n\tTown", "Street 1   Town", "Street 1\n\tTown",
			[]mapping.Kind{mapping.Control}, []mapping.Kind{mapping.Control},
		},
		"lines alone":   {mapping.Sanitise{}, "a\nb", "a b", "a\nb", []mapping.Kind{mapping.Control}, nil},
		"control":       {mapping.Sanitise{}, "An\x00na\x1b[31m", "Anna[31m", "Anna[31m", []mapping.Kind{mapping.Control}, []mapping.Kind{mapping.Control}},
		"not UTF-8":     {mapping.Sanitise{}, "M\xfcller", "M\uFFFDller", "M\uFFFDller", []mapping.Kind{mapping.BadUTF8}, []mapping.Kind{mapping.BadUTF8}},
		"decomposed":    {mapping.Sanitise{}, "Rene\u0301", "Ren\u00e9", "Ren\u00e9", []mapping.Kind{mapping.Composed}, []mapping.Kind{mapping.Composed}},
		"form is kept":  {mapping.Sanitise{KeepForm: true}, "Rene\u0301", "Rene\u0301", "Rene\u0301", nil, nil},
		"space is kept": {mapping.Sanitise{KeepSpaces: true}, " a ", " a ", " a ", nil, nil},
		"cut":           {mapping.Sanitise{MaxText: 4}, "abcdef", "abcd", "abcd", []mapping.Kind{mapping.TooLong}, []mapping.Kind{mapping.TooLong}},
		"cut at a rune": {mapping.Sanitise{MaxText: 4}, "abc€f", "abc", "abc", []mapping.Kind{mapping.TooLong}, []mapping.Kind{mapping.TooLong}},
		"cut to a word": {mapping.Sanitise{MaxText: 4}, "abc def", "abc", "abc", []mapping.Kind{mapping.TooLong}, []mapping.Kind{mapping.TooLong}},
		"a megabyte": {
			mapping.Sanitise{}, strings.Repeat("x", 1<<20), strings.Repeat("x", 4096), strings.Repeat("x", 4096),
			[]mapping.Kind{mapping.TooLong}, []mapping.Kind{mapping.TooLong},
		},
		"a megabyte of nothing": {
			mapping.Sanitise{}, strings.Repeat(" ", 1<<20), "", "",
			[]mapping.Kind{mapping.Trimmed, mapping.TooLong}, []mapping.Kind{mapping.Trimmed, mapping.TooLong},
		},
		"a megabyte of no text": {
			mapping.Sanitise{MaxText: 3}, strings.Repeat("\xff", 1<<20), "\uFFFD", "\uFFFD",
			[]mapping.Kind{mapping.BadUTF8, mapping.TooLong}, []mapping.Kind{mapping.BadUTF8, mapping.TooLong},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := legacy.User{Profile: legacy.Profile{DisplayName: test.in, Attributes: map[string]string{"x": test.in}}}
			got, found := cleaned(t, test.clean, u)
			if got.Profile.DisplayName != test.line {
				t.Errorf("the display name is %.80q, want %.80q", got.Profile.DisplayName, test.line)
			}
			if got.Profile.Attributes["x"] != test.block {
				t.Errorf("the attribute is %.80q, want %.80q", got.Profile.Attributes["x"], test.block)
			}
			if u.Profile.Attributes["x"] != test.in {
				t.Error("what was given has changed")
			}
			var want []finding
			for _, kind := range test.inLine {
				want = append(want, finding{kind, "display_name"})
			}
			for _, kind := range test.inBlock {
				want = append(want, finding{kind, "attributes.x"})
			}
			if diff := gocmp.Diff(sorted(want), sorted(found), gocmp.AllowUnexported(finding{})); diff != "" {
				t.Errorf("found (-want +got)\n%s", diff)
			}
		})
	}
}

// Names of things are left out where a text would be cut: "admin-readonly" must not become "admin".
func TestNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("r", 257)
	many := make([]string, 300)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	u := legacy.User{Profile: legacy.Profile{
		Locale: strings.Repeat("l", 65),
		Roles:  []string{" admin ", long, "", "ad\x00min", "\xff", "editor"},
		Groups: many,
	}}
	got, found := cleaned(t, mapping.Sanitise{}, u)
	if diff := gocmp.Diff([]string{"admin", "editor"}, got.Profile.Roles); diff != "" {
		t.Errorf("roles (-want +got)\n%s", diff)
	}
	if len(got.Profile.Groups) != 256 || got.Profile.Locale != "" {
		t.Errorf("%d groups, locale %q", len(got.Profile.Groups), got.Profile.Locale)
	}
	want := []finding{
		{mapping.Control, "roles"}, {mapping.BadUTF8, "roles"}, {mapping.TooLong, "locale"}, {mapping.TooLong, "roles"},
		{mapping.TooMany, "groups"}, {mapping.Trimmed, "roles"},
	}
	if diff := gocmp.Diff(sorted(want), sorted(found), gocmp.AllowUnexported(finding{})); diff != "" {
		t.Errorf("found (-want +got)\n%s", diff)
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string][]mapping.Kind{
		"plan":                   nil,
		" plan":                  {mapping.BadName, mapping.Trimmed}, // there is one of that name
		"a\x00b":                 {mapping.BadName, mapping.Control},
		"\xff":                   {mapping.BadName, mapping.BadUTF8},
		strings.Repeat("n", 257): {mapping.BadName, mapping.TooLong},
		"":                       {mapping.BadName},
	} {
		all := map[string]string{name: "other", "plan": "gold"}
		got, found := cleaned(t, mapping.Sanitise{}, legacy.User{Profile: legacy.Profile{Attributes: all}})
		if diff := gocmp.Diff(map[string]string{"plan": "gold"}, got.Profile.Attributes); diff != "" && name != "plan" {
			t.Errorf("beside %q (-want +got)\n%s", name, diff)
		}
		var want []finding
		for _, kind := range kinds {
			want = append(want, finding{kind, "attributes"})
		}
		if diff := gocmp.Diff(sorted(want), sorted(found), gocmp.AllowUnexported(finding{})); diff != "" {
			t.Errorf("%q (-want +got)\n%s", name, diff)
		}
	}

	many := map[string]string{}
	for i := range 300 {
		many["a"+strconv.Itoa(i)] = "x"
	}
	got, found := cleaned(t, mapping.Sanitise{}, legacy.User{Profile: legacy.Profile{Attributes: many}})
	if len(got.Profile.Attributes) != 256 || !slices.Equal(found, []finding{{mapping.TooMany, "attributes"}}) {
		t.Errorf("%d attributes, found %v", len(got.Profile.Attributes), found)
	}
}

// Secrets and what others compare byte by byte stay as they are, or go.
func TestSecretsAreNotTouched(t *testing.T) {
	t.Parallel()
	const dirty = " \x00\xffRene\u0301\n"
	u := legacy.User{
		Password: &legacy.Stored{Hash: dirty, Salt: dirty, User: dirty, Params: map[string]string{"pepper": dirty}},
		Profile: legacy.Profile{
			TOTP:          []legacy.TOTP{{Name: "phone\n", Secret: []byte(dirty)}},
			RecoveryCodes: []string{dirty},
			External: []legacy.ExternalIdentity{
				{Provider: "google", Subject: " 1 "}, {Provider: "google", Subject: "a\x00"}, {Provider: "\xff", Subject: "1"},
				{Provider: "google", Subject: strings.Repeat("1", 1025)},
			},
		},
	}
	got, found := cleaned(t, mapping.Sanitise{}, u)
	if diff := gocmp.Diff(u.Password, got.Password); diff != "" {
		t.Error("the password has changed")
	}
	if string(got.Profile.TOTP[0].Secret) != dirty || got.Profile.RecoveryCodes[0] != dirty {
		t.Error("a second factor has changed")
	}
	if got.Profile.TOTP[0].Name != "phone" || u.Profile.TOTP[0].Name != "phone\n" {
		t.Errorf("the generator is called %q, and was %q", got.Profile.TOTP[0].Name, u.Profile.TOTP[0].Name)
	}
	if diff := gocmp.Diff([]legacy.ExternalIdentity{{Provider: "google", Subject: " 1 "}}, got.Profile.External); diff != "" {
		t.Errorf("the external identities (-want +got)\n%s", diff)
	}
	want := []finding{
		{mapping.Control, "external"}, {mapping.BadUTF8, "external"}, {mapping.TooLong, "external"},
		{mapping.Control, "totp"}, {mapping.Trimmed, "totp"},
	}
	if diff := gocmp.Diff(sorted(want), sorted(found), gocmp.AllowUnexported(finding{})); diff != "" {
		t.Errorf("found (-want +got)\n%s", diff)
	}
}

// What an expression sets is cleaned like what a store says.
func TestSetIsCleaned(t *testing.T) {
	t.Parallel()
	m := compiled(t, mapping.Config{
		Set: map[string]string{
			"username": `"ad\u0000min"`, "email": `" A@B.C "`, "phone": `"\u200b1"`, "display_name": `"a\nb"`, "locale": `" de"`,
			"roles": `[" a", ""]`, "attributes.x": `"a\u0000" + user.long`,
		},
		Columns:  []string{"long"},
		Sanitise: mapping.Sanitise{EmailCase: mapping.EmailLowerDomain, MaxText: 5},
	})
	got, _, err := m.Apply(legacy.User{ID: "1", Username: "x", Extra: map[string]any{"long": "bcdefgh"}})
	if err != nil {
		t.Fatal(err)
	}
	want := legacy.User{ID: "1", Email: "A@b.c", Phone: "1", Profile: legacy.Profile{
		DisplayName: "a b", Locale: "de", Roles: []string{"a"}, Attributes: map[string]string{"x": "abcde"},
	}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("the person (-want +got)\n%s", diff)
	}
	for _, f := range []finding{
		{mapping.Control, "username"}, {mapping.Trimmed, "email"}, {mapping.CaseFolded, "email"}, {mapping.Unreachable, "email"},
		{mapping.Trimmed, "phone"}, {mapping.Unreachable, "phone"}, {mapping.TooLong, "attributes.x"},
	} {
		if count(m.Report(), f.kind, f.field) != 1 {
			t.Errorf("%s of %s is not reported", f.kind, f.field)
		}
	}
}

// FuzzSanitise: whatever an old store holds, what comes out is short text in NFC without control characters, cleaning it
// again changes nothing, and an identifier keeps what it had between its ends.
func FuzzSanitise(f *testing.F) {
	for _, seed := range []string{
		"", "anna", " anna ", "Rene\u0301", "a\x00b", "\xff\xfe", "\u0958\u0958", "\u200banna\ufeff", strings.Repeat("é", 400), "A@B.C", "\u2000x",
		" \u0301", "\u0130@\u0130", "a\u0085\u0301", "e\x00\u0301",
	} {
		f.Add(seed, 8, byte(0))
	}
	f.Fuzz(func(t *testing.T, text string, most int, cases byte) {
		s := mapping.Sanitise{MaxText: 1 + int(uint(most)%5000), EmailCase: []mapping.EmailCase{"", "domain", "lower"}[cases%3]}
		u := legacy.User{ID: "1", Username: text, Email: text, Phone: text, Profile: legacy.Profile{
			DisplayName: text, Locale: text, Roles: []string{text}, Groups: []string{text, text},
			Attributes: map[string]string{"x": text, text: text},
			External:   []legacy.ExternalIdentity{{Provider: text, Subject: text}},
		}}
		m := compiled(t, mapping.Config{Sanitise: s})
		once, _, err := m.Apply(u)
		if err != nil {
			t.Fatal(err)
		}
		twice, _, err := m.Apply(once)
		if diff := gocmp.Diff(once, twice); diff != "" || err != nil {
			t.Errorf("cleaned again (-once +twice)\n%s\nerror %v", diff, err)
		}
		p := once.Profile
		names := slices.Concat([]string{once.Username, once.Email, once.Phone, p.Locale}, p.Roles, p.Groups, slices.Collect(maps.Keys(p.Attributes)))
		for _, name := range append(names, p.DisplayName) {
			if strings.ContainsFunc(name, unicode.IsControl) {
				t.Errorf("a control character in %q", name)
			}
		}
		for _, name := range names {
			if len(name) > 320 {
				t.Errorf("%d bytes", len(name))
			}
		}
		for _, value := range append(slices.Collect(maps.Values(p.Attributes)), p.DisplayName) {
			if len(value) > s.MaxText {
				t.Errorf("%d bytes, at most %d", len(value), s.MaxText)
			}
			names = append(names, value)
		}
		for _, text := range names {
			if !utf8.ValidString(text) || !norm.NFC.IsNormalString(text) || strings.TrimSpace(text) != text {
				t.Errorf("not clean: %q", text)
			}
		}
		if once.Username != "" && !strings.Contains(norm.NFC.String(text), once.Username) {
			t.Errorf("%q became %q", text, once.Username)
		}
	})
}
