package httpsource

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
)

// TestKeycloakPerson reads the whole record of the contract.
func TestKeycloakPerson(t *testing.T) {
	t.Parallel()
	v, err := parseJSON([]byte(`{"id":"a-1","username":"anna","email":"Anna@example.org","firstName":"Anna","lastName":"Berg",
		"enabled":false,"emailVerified":true,"attributes":{"locale":["de"],"colour":["red","blue"],"none":[],"null":null},
		"roles":["admin","user"],"groups":["staff"],"requiredActions":["UPDATE_PASSWORD"],
		"totps":[{"name":"phone","secret":"JBSW Y3DP","digits":8,"period":60,"algorithm":"HmacSHA256","encoding":"BASE32"},{"secret":"raw"}],
		"organizations":[{"orgName":"Shop","orgAlias":"shop","domains":[{"domainName":"example.org","isVerified":true}]}],
		"unknown":{"is":"passed over"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := keycloakPerson(v)
	if err != nil {
		t.Fatal(err)
	}
	want := legacy.User{
		ID: "a-1", Username: "anna", Email: "Anna@example.org", Disabled: true,
		Profile: legacy.Profile{
			DisplayName: "Anna Berg", Locale: "de", EmailVerified: true, Roles: []string{"admin", "user"}, Groups: []string{"staff"},
			Attributes: map[string]string{"locale": "de", "colour": `["red","blue"]`},
			TOTP: []legacy.TOTP{
				{Name: "phone", Secret: []byte("Hello"), Algorithm: "SHA256", Digits: 8, Period: 60},
				{Secret: []byte("raw"), Algorithm: "SHA1"},
			},
		},
		Extra: map[string]any{
			"firstName": "Anna", "lastName": "Berg", "requiredActions": []string{"UPDATE_PASSWORD"}, "organizations": []string{"shop"},
			"attributes.locale": []string{"de"}, "attributes.colour": []string{"red", "blue"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestKeycloakPersonMissing: what is not said is empty, and who is not said to be disabled is not.
func TestKeycloakPersonMissing(t *testing.T) {
	t.Parallel()
	for _, record := range []string{
		`{"username":"anna"}`,
		`{"username":"anna","id":null,"email":null,"firstName":null,"enabled":null,"emailVerified":null,"attributes":null,"roles":null,
			"groups":null,"requiredActions":null,"totps":null,"organizations":null}`,
	} {
		v, err := parseJSON([]byte(record))
		if err != nil {
			t.Fatal(err)
		}
		got, err := keycloakPerson(v)
		if diff := cmp.Diff(legacy.User{Username: "anna", Extra: map[string]any{}}, got); diff != "" || err != nil {
			t.Errorf("error %v, %s", err, diff)
		}
	}
}

// TestKeycloakPersonUnreadable: each wrong type is told by its field, and never by its value.
func TestKeycloakPersonUnreadable(t *testing.T) {
	t.Parallel()
	for members, column := range map[string]string{
		`"username":7`:                                            "username",
		`"email":{"hunter2":1}`:                                   "email",
		`"firstName":["hunter2"]`:                                 "firstName",
		`"enabled":"hunter2"`:                                     "enabled",
		`"enabled":2`:                                             "enabled",
		`"emailVerified":"true"`:                                  "emailVerified",
		`"attributes":["hunter2"]`:                                "attributes",
		`"attributes":{"a":"hunter2"}`:                            "attributes",
		`"attributes":{"a":[1]}`:                                  "attributes",
		`"roles":"hunter2"`:                                       "roles",
		`"roles":[` + many(maxTexts+1, `"r"`) + `]`:               "roles",
		`"groups":[null]`:                                         "groups",
		`"requiredActions":{}`:                                    "requiredActions",
		`"organizations":[{"orgName":"hunter2"}]`:                 "organizations",
		`"totps":{}`:                                              "totps",
		`"totps":["hunter2"]`:                                     "totps",
		`"totps":[{}]`:                                            "totps/secret",
		`"totps":[{"secret":""}]`:                                 "totps/secret",
		`"totps":[{"secret":"hunter2!","encoding":"BASE32"}]`:     "totps/secret",
		`"totps":[{"secret":"hunter2","encoding":"BASE64"}]`:      "totps/encoding",
		`"totps":[{"secret":"hunter2","digits":9}]`:               "totps/digits",
		`"totps":[{"secret":"hunter2","digits":"6"}]`:             "totps/digits",
		`"totps":[{"secret":"hunter2","period":-30}]`:             "totps/period",
		`"totps":[{"secret":"hunter2","period":1e2}]`:             "totps/period",
		`"totps":[{"secret":"hunter2","algorithm":"HmacMD5"}]`:    "totps/algorithm",
		`"totps":[` + many(maxTOTP+1, `{"secret":"a"}`) + `]`:     "totps",
		`"totps":[{"secret":"` + strings.Repeat("a", 300) + `"}]`: "totps/secret",
	} {
		v, err := parseJSON([]byte(`{"id":"1",` + members + `}`))
		if err != nil {
			t.Errorf("%.60s: %v", members, err)
			continue
		}
		_, err = keycloakPerson(v)
		row, ok := err.(*legacy.RowError) //nolint:errorlint // it is the type that is promised
		if !ok || row.Column != column || row.Key != "1" {
			t.Errorf("%.60s: %v, want column %s", members, err, column)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.60s: the error tells the value", members)
		}
	}
}

func many(n int, item string) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }

// TestPlainPerson maps a record by pointers, and refuses wrong types.
func TestPlainPerson(t *testing.T) {
	t.Parallel()
	read, err := newFields(Fields{
		ID: "/user/id", Username: "/user/names/0", Email: "/user/e~1mail", Phone: "/tel", Disabled: "/blocked", CreatedAt: "/made",
		LastLoginAt: "/seen", DisplayName: "/name", Locale: "/lang", EmailVerified: "/ok", PhoneVerified: "/tel_ok", Roles: "/roles",
		Groups: "/groups", Attributes: map[string]string{"colour": "/a/colour", "size": "/a/size", "vip": "/a/vip", "none": "/a/none"},
	}, KeyID)
	if err != nil {
		t.Fatal(err)
	}
	person := func(text string) (legacy.User, error) {
		v, err := parseJSON([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return read(v)
	}
	got, err := person(`{"user":{"id":-42,"names":["anna","second"],"e/mail":"a@example.org"},"tel":"+49151","blocked":1,
		"made":"2011-03-04 05:06:07","seen":1700000000000,"name":"Anna","lang":"de","ok":true,"tel_ok":0,"roles":["r"],"groups":[],
		"a":{"colour":"red","size":1.50,"vip":true,"none":null}}`)
	want := legacy.User{
		ID: "-42", Username: "anna", Email: "a@example.org", Phone: "+49151", Disabled: true,
		CreatedAt: time.Date(2011, 3, 4, 5, 6, 7, 0, time.UTC), LastLoginAt: time.Unix(1700000000, 0).UTC(),
		Profile: legacy.Profile{
			DisplayName: "Anna", Locale: "de", EmailVerified: true, Roles: []string{"r"},
			Attributes: map[string]string{"colour": "red", "size": "1.50", "vip": "true"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, %s", err, diff)
	}
	if got, err := person(`{"user":{"id":"x"},"made":"0000-00-00 00:00:00","seen":"never"}`); err != nil || !got.CreatedAt.IsZero() || !got.LastLoginAt.IsZero() {
		t.Errorf("strange dates: %v, %v, error %v", got.CreatedAt, got.LastLoginAt, err)
	}
	for _, wrong := range []string{
		`[]`, `{"user":{"id":true}}`, `{"user":{"id":1e3}}`, `{"blocked":"no"}`, `{"made":true}`, `{"seen":{}}`, `{"ok":"true"}`, `{"roles":{}}`,
		`{"name":5}`, `{"a":{"colour":["red"]}}`,
	} {
		if _, err := person(wrong); err == nil {
			t.Errorf("%s: was read", wrong)
		}
	}
}

func TestPointer(t *testing.T) {
	t.Parallel()
	// The document and the pointers of RFC 6901, section 5.
	v, err := parseJSON([]byte(`{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"/foo/0": "bar", "/": "0", "/a~1b": "1", "/c%d": "2", "/e^f": "3", "/g|h": "4", "/i\\j": "5", "/k\"l": "6", "/ ": "7", "/m~0n": "8",
		"/foo/2": "", "/foo/-": "", "/foo/00": "", "/foo/+1": "", "/foo/bar": "", "/foo/0/x": "", "/none": "", "/none/x": "",
	} {
		p, err := parsePointer(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := v.at(p).literal; got != want {
			t.Errorf("%q leads to %q, want %q", text, got, want)
		}
	}
	if p, err := parsePointer(""); err != nil || v.at(p).kind != object {
		t.Errorf("the empty pointer is not the whole document: %v", err)
	}
}

// FuzzPeople reads whatever an application may answer. What is taken for a person must be fit to be one, and must have
// been JSON to encoding/json as well.
func FuzzPeople(f *testing.F) {
	for _, seed := range []string{
		lieRecord, `{"data":{"people":[]}}`, `{"data":{"people":[{"id":1,"login":"anna","mail":null,"active":true,"created":"2011-03-04T05:06:07Z"}]}}`,
		`{"id":"1","id":"2"}`, `{"id":"\ud83d\ude00"}`, `{"id":"\ud83d"}`, `{"id":"\\ud83d"}`, `{"id":1e999}`, `[[[[`, "\xef\xbb\xbf{}", `{"id":"1"} {}`,
		`{"id":"a","totps":[{"secret":"JBSWY3DP","encoding":"BASE32"}],"attributes":{"a":["b","c"]}}`,
	} {
		f.Add([]byte(seed))
	}
	var dialects []*dialect
	for _, c := range []Config{keycloakConfig("https://h"), plainConfig("https://h")} {
		d, err := newDialect(c)
		if err != nil {
			f.Fatal(err)
		}
		dialects = append(dialects, d)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > maxUserBody {
			return
		}
		for _, d := range dialects {
			users, err := d.people(&answer{status: http.StatusOK, body: body})
			if err != nil {
				continue
			}
			if !json.Valid(body) {
				t.Error("what is no JSON was read")
			}
			for _, u := range users {
				if !askable(u.ID) {
					t.Errorf("key %q", u.ID)
				}
				for _, id := range u.Identifiers() {
					if !askable(id) {
						t.Errorf("identifier %q", id)
					}
				}
			}
		}
	})
}

// FuzzVerdict: whatever the body, only the value in the field is a yes, and the other in the field a no.
func FuzzVerdict(f *testing.F) {
	for _, seed := range []string{`{"ok":true}`, `{"ok":false}`, `{"ok":"true"}`, `{"ok":true,"ok":false}`, `{"ok":[true]}`, `{"ok":true}x`, `<ok>`, ``} {
		f.Add(200, seed)
		f.Add(401, seed)
	}
	rs, err := newRules(Verdict{Status: []int{200}, Field: "/ok", Value: "true"}, Verdict{Status: []int{200, 401}, Field: "/ok", Value: "false"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		said, err := rs.judge(&answer{status: status, header: http.Header{}, body: []byte(body)}, "")
		var whole map[string]any
		_ = json.Unmarshal([]byte(body), &whole) // what it cannot read is neither
		there := whole["ok"]
		yes, no := there == true || there == "true", there == false || there == "false"
		if err == nil && (!yes || said != yesProven || status != http.StatusOK) {
			t.Errorf("%d %q: yes", status, body)
		}
		if isNo(err) && (!no || status != http.StatusOK && status != http.StatusUnauthorized) {
			t.Errorf("%d %q: no", status, body)
		}
	})
}

// A record that cannot be read is named by the key that people of that source are read by.
func TestKeyOfTheUnreadable(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 100) + "@X"
	for name, row := range map[string]struct {
		config Config
		record string
		want   string
	}{
		"id":                {Config{}, `{"id":"1","email":"` + long + `","enabled":"no"}`, "1"},
		"an address":        {Config{Key: KeyEmail}, `{"id":"1","email":"` + long + `","enabled":"no"}`, long},
		"in any case":       {Config{Key: KeyEmail, IgnoresCase: true}, `{"id":"1","email":"` + long + `","enabled":"no"}`, strings.ToLower(long)},
		"the key is broken": {Config{Key: KeyUsername}, `{"id":"1","username":{},"email":"a@x"}`, ""},
	} {
		read, err := keyedBy(row.config, keycloakPerson)
		if err != nil {
			t.Fatal(err)
		}
		v, err := parseJSON([]byte(row.record))
		if err != nil {
			t.Fatal(err)
		}
		u, err := read(v)
		if bad, ok := errors.AsType[*legacy.RowError](err); !ok || bad.Key != row.want || u.ID != "" {
			t.Errorf("%s: %v of %q, want %q", name, err, u.ID, row.want)
		}
	}
}
