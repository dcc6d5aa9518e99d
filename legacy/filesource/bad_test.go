package filesource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
)

// few is a mapping of three columns.
func few() map[string]string {
	return map[string]string{"id": "id", "email": "mail", "password": "hash"}
}

// told returns the RowErrors within an error.
func told(t *testing.T, err error) []string {
	t.Helper()
	var list []string
	var walk func(error)
	walk = func(err error) {
		if row, ok := err.(*legacy.RowError); ok { //nolint:errorlint // the tree is walked here
			switch {
			case row.Column == wholeRecord && row.Line > 0:
				list = append(list, fmt.Sprintf("%s|%s|line %d: %s", row.Key, row.Column, row.Line, row.Reason))
			case row.Line > 0:
				list = append(list, fmt.Sprintf("%s|%s|%s (line %d)", row.Key, row.Column, row.Reason, row.Line))
			default:
				list = append(list, fmt.Sprintf("%s|%s|%s", row.Key, row.Column, row.Reason))
			}
			return
		}
		switch wrapped := err.(type) { //nolint:errorlint // likewise
		case interface{ Unwrap() error }:
			walk(wrapped.Unwrap())
		case interface{ Unwrap() []error }:
			for _, inner := range wrapped.Unwrap() {
				walk(inner)
			}
		}
	}
	walk(err)
	return list
}

// TestBadRecords shows of each kind of broken record that it is told by line, that those around it are read, and that
// whoever has an address in it is not taken for nobody.
func TestBadRecords(t *testing.T) {
	t.Parallel()
	const head, tail = `{"id":1,"mail":"a@x","hash":"h"}` + "\n", "\n" + `{"id":3,"mail":"c@x","hash":"h"}` + "\n"
	const csvHead, csvTail = "id,mail,hash\n1,a@x,h\n", "\n3,c@x,h\n"
	const listHead, listTail = "{\"users\":[" + `{"localId":"1","email":"a@x"},`, `,{"localId":"3","email":"c@x"}]}`
	long := strings.Repeat("z", maxRecord)
	tests := map[string]struct {
		format, text string
		bad          string
		doubt        string // an address of which nobody can tell
	}{
		"broken":           {"jsonl", head + `{"id":2,"mail":"b@x"` + tail, "|record|line 2: not valid JSON at byte 21: a comma or a closing bracket is missing", "b@x"},
		"about another":    {"jsonl", head + `{"id":2,"mail":"b@x","bio":"a@x` + tail, "|record|line 2: not valid JSON at byte 32: a string is not closed", "b@x"},
		"no object":        {"jsonl", head + `["b@x"]` + tail, "|record|line 2: not a JSON object", "b@x"},
		"more behind":      {"jsonl", head + `{"id":2,"mail":"b@x"} {}` + tail, "|record|line 2: not valid JSON at byte 23: something follows the value", "b@x"},
		"name twice":       {"jsonl", head + `{"id":2,"mail":"b@x","mail":"d@x"}` + tail, "|record|line 2: not valid JSON at byte 28: a name comes twice", "d@x"},
		"name twice below": {"jsonl", head + `{"id":2,"mail":"b@x","o":{"a":1,"\u0061":2}}` + tail, "|record|line 2: not valid JSON at byte 41: a name comes twice", "b@x"},
		"NUL":              {"jsonl", head + "{\"id\":2,\"mail\":\"b@x\x00\"}" + tail, "|record|line 2: not valid JSON at byte 20: a control character in a string", "b@x"},
		"escaped NUL":      {"jsonl", head + `{"id":2,"mail":"b@x","hash":"\u0000"}` + tail, "|record|line 2: not valid JSON at byte 36: a NUL in a string", "b@x"},
		"not UTF-8":        {"jsonl", head + "{\"id\":2,\"mail\":\"b@x\",\"hash\":\"\xff\"}" + tail, "|record|line 2: not UTF-8 text", "b@x"},
		"half a pair":      {"jsonl", head + `{"id":2,"mail":"b@x","hash":"\ud800"}` + tail, "|record|line 2: not valid JSON at byte 36: half a surrogate pair", "b@x"},
		"deep":             {"jsonl", head + `{"id":2,"mail":"b@x","o":` + strings.Repeat("[", 100_000) + tail, "|record|line 2: not valid JSON at byte 58: nested more than 32 deep", "b@x"},
		"too long":         {"jsonl", head + `{"id":2,"mail":"b@x","hash":"` + long + `"}` + tail, "|record|line 2: longer than 1048576 bytes", "b@x"},
		"no key":           {"jsonl", head + `{"mail":"b@x","hash":"h"}` + tail, "|id|the key is missing (line 2)", "b@x"},
		"key is half":      {"jsonl", head + `{"id":2.5,"mail":"b@x","hash":"h"}` + tail, "|id|the key is no text or whole number (line 2)", "b@x"},
		"key is long":      {"jsonl", head + `{"id":"` + long[:2000] + `","mail":"b@x","hash":"h"}` + tail, "|id|the key is longer than 1024 bytes (line 2)", "b@x"},
		"hash is no text":  {"jsonl", head + `{"id":2,"mail":"b@x","hash":{"a":1}}` + tail, "2|hash|no text (line 2)", "b@x"},
		"key twice":        {"jsonl", head + `{"id":2,"mail":"b@x","hash":"h"}` + "\n" + `{"id":2,"mail":"d@x","hash":"h"}` + tail, "2|id|2 records have this key, the first of them in line 2 (line 2)", "d@x"},

		"csv bare quote":   {"csv", csvHead + `2,b"@x,h` + csvTail, "|record|line 3: a quote within a field that is not doubled, or not at its start", ""},
		"csv behind quote": {"csv", csvHead + `2,"b@x"y,h` + csvTail, "|record|line 3: a quote within a field that is not doubled, or not at its start", "b@x"},
		"csv over lines":   {"csv", csvHead + "2,\"b@x\n4,\"d@x,h" + csvTail, "|record|line 3: a quote within a field that is not doubled, or not at its start (lines 3 to 4)", "b@x"},
		"csv few fields":   {"csv", csvHead + `2,b@x` + csvTail, "|record|line 3: 2 fields instead of 3", "b@x"},
		"csv many fields":  {"csv", csvHead + `2,b@x,h,` + strings.Repeat(",", 5000) + csvTail, "|record|line 3: 1002 fields instead of 3", "b@x"},
		"csv NUL":          {"csv", csvHead + "2,b@x,\x00" + csvTail, "|record|line 3: a NUL byte", "b@x"},
		"csv not UTF-8":    {"csv", csvHead + "2,b@x,\xff" + csvTail, "|record|line 3: not UTF-8 text", "b@x"},
		"csv too long":     {"csv", csvHead + `2,b@x,` + long + csvTail, "|record|line 3: longer than 1048576 bytes", "b@x"},
		// What somebody wrote into a field of their own is no record, however long it is.
		"csv forged":  {"csv", csvHead + "2,b@x,\"" + long + "\n9,admin@x,forged\n\"" + csvTail, "|record|line 3: longer than 1048576 bytes", "b@x"},
		"csv key":     {"csv", csvHead + ",b@x,h" + csvTail, "|id|the key is missing (line 3)", "b@x"},
		"csv returns": {"csv", strings.ReplaceAll(csvHead, "\n", "\r\n") + "\"2\"\r,b@x,h" + csvTail, "|record|line 3: a quote within a field that is not doubled, or not at its start", ""},

		"element":          {"firebase", listHead + `{"localId":"2","email":"b@x",}` + listTail, "|record|line 1: not valid JSON at byte 30: a name is missing", "b@x"},
		"element no value": {"firebase", listHead + `b@x` + listTail, "|record|line 1: not valid JSON at byte 1: a value is missing", "b@x"},
		"element too long": {"firebase", listHead + "\n" + `{"localId":"2","email":"b@x","salt":"` + long + `]}{,"}` + listTail, "|record|line 2: longer than 1048576 bytes", "b@x"},
		"element raw line": {"firebase", listHead + "{\"localId\":\"2\",\"email\":\"b@x\",\"salt\":\"\n\"}" + listTail, "|record|line 1: not valid JSON at byte 38: a control character in a string", "b@x"},
		"claims":           {"firebase", listHead + `{"localId":"2","email":"b@x","customAttributes":"{"}` + listTail, "2|customAttributes|not a JSON object (line 1)", "b@x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{Format: tt.format, Columns: few()}
			if tt.format == "firebase" {
				c.Columns, c.Params = nil, map[string]string{"signerKey": "a2V5"}
			}
			s := over(t, c, tt.text)
			users, err := s.List(t.Context(), "", 100)
			var keys []string
			for _, u := range users {
				keys = append(keys, u.ID)
			}
			if want := []string{"1", "3"}; !slices.Equal(keys, want) {
				t.Errorf("List: people %v, want %v", keys, want)
			}
			if diff := cmp.Diff([]string{tt.bad}, told(t, err)); diff != "" {
				t.Errorf("List's error, want (-), got (+):\n%s", diff)
			}
			if _, err := s.Lookup(t.Context(), "nobody@x"); err != nil {
				t.Errorf("Lookup of nobody: %v", err)
			}
			if users, err := s.Lookup(t.Context(), "a@x"); err != nil || len(users) != 1 {
				t.Errorf("Lookup of somebody good: %d people, error %v", len(users), err)
			}
			if users, err := s.Lookup(t.Context(), "admin@x"); err != nil || len(users) > 0 {
				t.Errorf("Lookup of a forged record: %d people, error %v", len(users), err)
			}
			if tt.doubt != "" {
				if users, err := s.Lookup(t.Context(), tt.doubt); len(told(t, err)) == 0 {
					t.Errorf("Lookup of whom the bad record is of: %d people, error %v", len(users), err)
				}
			}
			stats, err := s.Stats(t.Context())
			wantBad := int64(1)
			if name == "key twice" {
				wantBad = 2
			}
			if err != nil || stats.People != 2 || stats.Bad != wantBad || stats.Torn != "" {
				t.Errorf("Stats: %+v, error %v", stats, err)
			}
		})
	}
}

// TestBadPasswords shows that a hash or second factor that cannot be read keeps its person from being taken for one who
// has none.
func TestBadPasswords(t *testing.T) {
	t.Parallel()
	auth0 := func(body string) string { return `{"user_id":"1","email":"a@x",` + body + `}` }
	custom := func(body string) string { return auth0(`"custom_password_hash":{` + body + `}`) }
	okta := func(body string) string {
		return `{"id":"1","profile":{"login":"a@x"},"credentials":{"password":{"hash":{` + body + `}}}}`
	}
	keycloak := func(credentials string) string {
		return `{"users":[{"id":"1","username":"a@x","enabled":true,"credentials":[` + credentials + `]}]}`
	}
	tests := map[string]struct{ format, text, bad string }{
		"two":             {"auth0", auth0(`"passwordHash":"a","password_hash":"b"`), "password_hash|more than one password"},
		"two kinds":       {"auth0", auth0(`"passwordHash":"a","custom_password_hash":{"algorithm":"md5"}`), "custom_password_hash|more than one password"},
		"no value":        {"auth0", custom(`"algorithm":"md5","hash":{}`), "custom_password_hash|no hash.value"},
		"algorithm":       {"auth0", custom(`"algorithm":"rot13","hash":{"value":"x"}`), "custom_password_hash|an unknown algorithm"},
		"latin1":          {"auth0", custom(`"algorithm":"md5","hash":{"value":"x"},"password":{"encoding":"latin1"}`), "custom_password_hash|a password.encoding that cannot be computed"},
		"short":           {"auth0", custom(`"algorithm":"md5","hash":{"value":"00","encoding":"hex"}`), "custom_password_hash|not as long as the digest"},
		"position":        {"auth0", custom(`"algorithm":"md5","hash":{"value":"00"},"salt":{"value":"s","position":"middle"}`), "custom_password_hash|an unknown salt.position"},
		"salted bcrypt":   {"auth0", custom(`"algorithm":"bcrypt","hash":{"value":"$2b$"},"salt":{"value":"s"}`), "custom_password_hash|a salt for an algorithm that has its own"},
		"no key":          {"auth0", custom(`"algorithm":"hmac","hash":{"value":"00","digest":"md5"}`), "custom_password_hash|hash.key cannot be read"},
		"costs":           {"auth0", custom(`"algorithm":"scrypt","hash":{"value":"00","encoding":"hex"},"keylen":1,"cost":3,"blockSize":8,"parallelization":1`), "custom_password_hash|impossible costs"},
		"pbkdf2":          {"auth0", custom(`"algorithm":"pbkdf2","hash":{"value":"$pbkdf2-sha256$i=1e9$$"}`), "custom_password_hash|not a PHC string of pbkdf2"},
		"totp":            {"auth0", auth0(`"mfa_factors":[{"totp":{"secret":"0189"}}]`), "mfa_factors|a one-time password's secret is not base32"},
		"bcrypt parts":    {"okta", okta(`"algorithm":"BCRYPT","workFactor":10,"salt":"x","value":"y"`), "credentials.password.hash|want workFactor, 22 letters of salt and 31 of value"},
		"order":           {"okta", okta(`"algorithm":"MD5","salt":"eHh4","value":"AAAAAAAAAAAAAAAAAAAAAA=="`), "credentials.password.hash|a salt without its saltOrder"},
		"digest":          {"okta", okta(`"algorithm":"PBKDF2","salt":"eHh4","value":"AAAAAAAAAAAAAAAAAAAAAA==","iterationCount":1,"digestAlgorithm":"X"`), "credentials.password.hash|an unknown digest"},
		"two passwords":   {"keycloak", keycloak(`{"type":"password","secretData":"{}","credentialData":"{}"},{"type":"password","secretData":"{}","credentialData":"{}"}`), "credentials|more than one password"},
		"empty password":  {"keycloak", keycloak(`{"type":"password"}`), "credentials|a password without secretData and credentialData"},
		"otp":             {"keycloak", keycloak(`{"type":"otp","secretData":"{\"value\":\"x\",\"value\":\"y\"}"}`), "credentials|a one-time password without secretData"},
		"otp digits":      {"keycloak", keycloak(`{"type":"otp","secretData":"{\"value\":\"x\"}","credentialData":"{\"subType\":\"totp\",\"digits\":60}"}`), "credentials|a one-time password whose numbers are out of range"},
		"otp of md5":      {"keycloak", keycloak(`{"type":"otp","secretData":"{\"value\":\"x\"}","credentialData":"{\"subType\":\"totp\",\"algorithm\":\"HmacMD5\"}"}`), "credentials|a one-time password whose numbers are out of range"},
		"otp in no base":  {"keycloak", keycloak(`{"type":"otp","secretData":"{\"value\":\"!\"}","credentialData":"{\"subType\":\"totp\",\"secretEncoding\":\"BASE32\"}"}`), "credentials|a one-time password's secret is not base32"},
		"otp in a base64": {"keycloak", keycloak(`{"type":"otp","secretData":"{\"value\":\"!\"}","credentialData":"{\"subType\":\"totp\",\"secretEncoding\":\"BASE64\"}"}`), "credentials|a one-time password's secret in an unknown encoding"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := over(t, Config{Format: tt.format}, tt.text)
			users, err := s.Lookup(t.Context(), "a@x")
			if len(users) > 0 || errors.Is(err, legacy.ErrNoUser) {
				t.Errorf("Lookup: %d people, error %v", len(users), err)
			}
			if diff := cmp.Diff([]string{"1|" + tt.bad + " (line 1)"}, told(t, err)); diff != "" {
				t.Errorf("Lookup's error, want (-), got (+):\n%s", diff)
			}
			if _, err := s.Get(t.Context(), "1"); len(told(t, err)) != 1 {
				t.Errorf("Get: %v", err)
			}
		})
	}
}

// TestTorn shows that an export that is cut off serves those before the cut, and knows nothing of all others.
func TestTorn(t *testing.T) {
	t.Parallel()
	const line = `{"id":1,"mail":"a@x","hash":"h"}` + "\n"
	var many strings.Builder
	many.WriteString(line)
	for i := range 8000 { // enough for the first to be out before the cut
		fmt.Fprintf(&many, `{"id":"x%d","mail":"%x@y","hash":"h"}`+"\n", i, i*i*2654435761)
	}
	cutOff := func(text string) string { return text[:len(text)-len(text)/4] }
	tests := map[string]struct{ format, text, torn string }{
		"line":          {"jsonl", line + `{"id":2,"mail":"b`, "line 2: the last line is cut off"},
		"csv":           {"csv", "id,mail,hash\n1,a@x,h\n2,b", "line 3: the last record is cut off: 2 fields instead of 3"},
		"csv quote":     {"csv", "id,mail,hash\n1,a@x,h\n2,\"b@x,h\n3,c@x,h\n", "line 3: a quote is opened and not closed before the end of the file"},
		"list":          {"jsonl", "[" + line + `,{"id":2,"mail":"b`, "the file ends within its list"},
		"list's end":    {"jsonl", "[" + line, "the file ends within its list"},
		"behind list":   {"jsonl", "[" + line + "]x", "something follows the JSON value"},
		"between":       {"jsonl", "[" + line + " x", "a comma or a bracket is missing"},
		"object":        {"firebase", `{"users":[{"localId":"1","email":"a@x"}]`, "the file ends within its object"},
		"object's name": {"firebase", `{"users":[{"localId":"1","email":"a@x"}],"na`, "the file ends within a name"},
		"no name":       {"firebase", `{"users":[{"localId":"1","email":"a@x"}],5:6}`, "a name is missing"},
		"gzip":          {"jsonl", cutOff(asGzip(t, many.String())), "the compressed file is cut off"},
		"zstd":          {"jsonl", cutOff(asZstd(t, many.String())), "the compressed file is cut off"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{Format: tt.format, Columns: few()}
			if tt.format == "firebase" {
				c.Columns, c.Params = nil, map[string]string{"signerKey": "a2V5"}
			}
			s := over(t, c, tt.text)
			if users, err := s.Lookup(t.Context(), "a@x"); err != nil || len(users) != 1 {
				t.Errorf("Lookup of somebody before the cut: %d people, error %v", len(users), err)
			}
			if users, err := s.Lookup(t.Context(), "z@x"); err == nil || errors.Is(err, legacy.ErrNoUser) {
				t.Errorf("Lookup of somebody who may be behind the cut: %d people, error %v", len(users), err)
			}
			if _, err := s.Get(t.Context(), "99"); err == nil || errors.Is(err, legacy.ErrNoUser) {
				t.Errorf("Get of somebody who may be behind the cut: %v", err)
			}
			stats, err := s.Stats(t.Context())
			if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "could not be read to its end") || !strings.Contains(err.Error(), stats.Torn) {
				t.Errorf("Ping: %v", err)
			}
			if err != nil || !strings.Contains(stats.Torn, tt.torn) {
				t.Errorf("Stats: %+v, error %v", stats, err)
			}
			if _, err := s.List(t.Context(), "", 10_000); !slices.ContainsFunc(told(t, err), func(row string) bool {
				return strings.Contains(row, "the rest of the export cannot be read")
			}) {
				t.Errorf("List: %v", err)
			}
		})
	}
}

// TestRefused shows the exports that are not indexed at all, and which of them are mistakes of configuration.
func TestRefused(t *testing.T) {
	t.Parallel()
	bomb := asGzip(t, strings.Repeat(" ", 64<<20))
	damaged := []byte(asGzip(t, strings.Repeat(`{"id":1,"mail":"a@x","hash":"h"}`+"\n", 100)))
	damaged[len(damaged)-6] ^= 1 // of the checksum
	tests := map[string]struct {
		format, text, want string
		mapping            bool
	}{
		"no columns":        {"csv", "id,email,pass\n", "it has no column mail, hash", true},
		"no header":         {"csv", "", "it is empty", true},
		"column twice":      {"csv", "id,mail,mail,hash\n", `its column "mail" comes twice`, true},
		"broken header":     {"csv", "id,ma\"il,hash\n", "its first line, which names the columns, cannot be read", true},
		"open header":       {"csv", "id,\"mail,hash\n", "a quote is opened and not closed", false},
		"cognito":           {"cognito", "name,email\n", "it has no column cognito:username", true},
		"okta":              {"okta", "id,name\n", "it has no column", true},
		"UTF-16":            {"csv", "\xff\xfei\x00d\x00", "UTF-16", true},
		"no path":           {"jsonl", `{"id":1,"mail":"a@x"}`, "none of its records has hash", true},
		"no list":           {"keycloak", `{"realm":"r","user":[]}`, `it has no list "users"`, true},
		"list is an object": {"keycloak", `{"users":{}}`, `its "users" is no list`, true},
		"list twice":        {"keycloak", `{"users":[],"users":[]}`, `it has the list "users" twice`, true},
		"no object":         {"keycloak", `[]`, "it is not the JSON that the format has", true},
		"bomb":              {"jsonl", bomb, "it expands to more than 200 times its size", false},
		"damaged":           {"jsonl", string(damaged), "gzip: invalid checksum", false},
		"no gzip":           {"jsonl", "\x1f\x8b\x08\xff\xff", "gzip", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{Format: tt.format, Path: write(t, "export", tt.text)}
			if tt.format == "csv" || tt.format == "jsonl" {
				c.Columns = few()
			}
			s := source(t, c)
			err := s.Check(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, legacy.ErrMapping) != tt.mapping {
				t.Errorf("Check: %v; want %q", err, tt.want)
			}
			if users, err := s.Lookup(t.Context(), "a@x"); err == nil || errors.Is(err, legacy.ErrNoUser) {
				t.Errorf("Lookup: %d people, error %v", len(users), err)
			}
			if left := leftovers(t, s); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestOpenRefuses shows the configurations that are refused before any file is looked at.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Config{
		`format: "xml"`:                 {Format: "xml", Path: "p"},
		"path":                          {Format: "csv", Columns: few()},
		"over the export":               {Format: "csv", Path: "/p", IndexPath: "/p", Columns: few()},
		"path: it holds a NUL":          {Format: "csv", Path: "p\x00", Columns: few()},
		"columns.id: ":                  {Format: "csv", Path: "p", Columns: map[string]string{"email": "e"}},
		"at least one of username":      {Format: "csv", Path: "p", Columns: map[string]string{"id": "i"}},
		`columns.mail: `:                {Format: "csv", Path: "p", Columns: map[string]string{"id": "i", "mail": "e"}},
		`columns.attribute.: `:          {Format: "csv", Path: "p", Columns: map[string]string{"id": "i", "attribute.": "e"}},
		`columns.idx: `:                 {Format: "csv", Path: "p", Columns: map[string]string{"idx": "i"}},
		"columns.disabled: ":            {Format: "csv", Path: "p", Columns: map[string]string{"id": "i", "disabled": "!"}},
		"columns.salt: ":                {Format: "csv", Path: "p", Columns: map[string]string{"id": "i", "salt": "a\nb"}},
		"needs the parameter signerKey": {Format: "firebase", Path: "p"},
		"says itself how":               {Format: "auth0", Path: "p", Scheme: "raw-md5-hex"},
		"separator":                     {Format: "csv", Path: "p", Columns: few(), Separator: '"'},
		"max_conns: ":                   {Format: "csv", Path: "p", Columns: few(), MaxConns: -1},
		"negative":                      {Format: "csv", Path: "p", Columns: few(), Timeout: -1},
	} {
		if _, err := Open(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v; want %q", err, want)
		}
	}
	for _, name := range Formats() {
		c := Config{Format: name, Path: "p", Params: map[string]string{"signerKey": "a2V5"}}
		if name == "csv" || name == "jsonl" {
			c.Columns = few()
		}
		if _, err := Open(c); err != nil {
			t.Errorf("Open of %s: %v", name, err)
		}
	}
}
