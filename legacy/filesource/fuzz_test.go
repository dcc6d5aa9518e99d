package filesource

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// streamOf is an uncompressed export in memory.
func streamOf(t testing.TB, text []byte) *stream {
	t.Helper()
	s, err := openStream(&counter{ctx: t.Context(), from: bytes.NewReader(text)})
	if err != nil {
		t.Skip("refused by its beginning")
	}
	t.Cleanup(s.close)
	return s
}

// generic is a value as package json has it.
func (v value) generic() any {
	switch v.kind {
	case kindNull:
		return nil
	case kindBool:
		return v.text == "true"
	case kindNumber:
		return json.Number(v.text)
	case kindList:
		list := make([]any, 0, len(v.list))
		for _, inner := range v.list {
			list = append(list, inner.generic())
		}
		return list
	case kindObject:
		object := map[string]any{}
		for _, m := range v.members {
			object[m.name] = m.value.generic()
		}
		return object
	case kindString:
	}
	return v.text
}

// FuzzJSON compares with package json: what is accepted here is accepted there and means the same.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+3,"x\n\u00e9\ud83d\ude00",true,false,null],"b":{"c":{}}}`, `"\ud800"`, `[01]`, `{"a":1,"a":2}`, "\x00", `[1,]`, `{,}`,
		`"` + "\xff" + `"`, strings.Repeat("[", 40), ` 1 2`, `-`, `1.`, `"\u0000"`, `"a` + "\n" + `"`, `{"a" 1}`, "tru", `"\x"`, `"\u12`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := parseJSON(raw)
		var want any
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		theirs := decoder.Decode(&want)
		if theirs == nil {
			if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
				theirs = errors.New("more")
			}
		}
		if err != nil {
			if refused, ok := errors.AsType[*syntaxError](err); !ok || refused.reason == "" {
				t.Errorf("%q: error %v", raw, err)
			}
			return
		}
		if theirs != nil {
			t.Fatalf("%q is accepted, and package json says %v", raw, theirs)
		}
		if diff := cmp.Diff(want, v.generic()); diff != "" {
			t.Errorf("%q: package json (-), got (+):\n%s", raw, diff)
		}
	})
}

// walkAll takes all records of a scanner and checks what holds for each.
func walkAll(t *testing.T, scan scanner, lineCount int64) (records []record, end error) {
	t.Helper()
	last := int64(0)
	for {
		r, err := scan.next()
		if err != nil {
			return records, err
		}
		if r.line < last || r.line > lineCount {
			t.Fatalf("a record in line %d behind one in line %d of %d", r.line, last, lineCount)
		}
		if last = r.line; r.bad != "" && len(r.value.members) > 0 {
			t.Fatalf("a bad record with a value: %s", r.bad)
		}
		for _, address := range salvage(r.raw) {
			if !plain(address) || !strings.Contains(address, "@") {
				t.Fatalf("salvaged %q", address)
			}
		}
		r.raw = nil
		records = append(records, r)
	}
}

func countLines(text []byte) int64 { return int64(bytes.Count(text, []byte("\n"))) + 1 }

// FuzzLines compares with cutting at line ends.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{"{\"a\":1}\r\n\n {\"a\":2} \nx\n[1]\n{\"a\":3}", "", "\n\n", "\xef\xbb\xbf{}", "{\"a\":\"\n\"}", "{} {}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		records, end := walkAll(t, &lines{in: streamOf(t, text)}, countLines(text))
		if _, tear := errors.AsType[*tornError](end); !tear && !errors.Is(end, io.EOF) {
			t.Fatalf("ended by %v", end)
		}
		want := 0
		for line := range bytes.SplitSeq(bytes.TrimPrefix(text, markUTF8), []byte("\n")) {
			if len(bytes.TrimSpace(line)) > 0 {
				want++
			}
		}
		if errors.Is(end, io.EOF) && len(records) != want || len(records) > want {
			t.Errorf("%q: %d records of %d lines", text, len(records), want)
		}
	})
}

// FuzzArray compares with package json: the elements of what it reads whole are the records.
func FuzzArray(f *testing.F) {
	for _, seed := range []string{
		`{"x":[{"users":[1]}],"users":[{"a":"]}"},{"a":{"b":[2]}} , {}],"y":"\""}`, `{"users":[]}`, `{"users":[{"a":1}`, `{"users":[{"a":1}]} x`,
		`{"users":[{"a":1},]}`, `{"users":[1,"x",null]}`, `{"users":{}}`, `{}`, `[`, `{"users":[],"users":[]}`, `{"\u0075sers":[{}]}`, "{\"users\"\n:\n[\n{}\n]\n}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		records, end := walkAll(t, &array{in: streamOf(t, text), list: "users"}, countLines(text))
		var whole map[string]json.RawMessage
		var elements []json.RawMessage
		decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, markUTF8)))
		if decoder.Decode(&whole) != nil || whole["users"] == nil || json.Unmarshal(whole["users"], &elements) != nil || elements == nil {
			return
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) || !utf8.Valid(text) {
			return
		}
		if end != nil && errors.Is(end, io.EOF) && len(records) != len(elements) {
			t.Fatalf("%q: %d records of %d", text, len(records), len(elements))
		}
		if tear, ok := errors.AsType[*tornError](end); ok && !strings.Contains(tear.reason, "name") { // a name that is refused, such as half a pair
			t.Errorf("%q is whole, and torn: %v", text, tear)
		}
	})
}

// FuzzCSV compares with package csv: where neither finds anything wrong, the fields are the same.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a,b\r\n\"x,\ny\",\"\"\"\"\r\n", "a,\"b", "a,b\"c\n", "\"a\"b\n", "\n\n,\n", "a\r\n", "\"\"\n", "\"a\"\r", "\xef\xbb\xbfa\n", "a,\x00\n", "\xff,", "\"a\"\r\r\n", "\r\n", "\"\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		scan := &table{in: streamOf(t, text), separator: ','}
		var got [][]string
		clean := true
		for {
			r, err := scan.read()
			if tear, ok := errors.AsType[*tornError](err); ok {
				if tear.line < 1 || tear.line > countLines(text) {
					t.Fatalf("%q: torn in line %d", text, tear.line)
				}
				clean = false
			} else if err != nil && !errors.Is(err, io.EOF) {
				t.Fatalf("ended by %v", err)
			}
			if err != nil {
				break
			}
			clean = clean && r.bad == ""
			if r.bad == "" {
				got = append(got, scan.fields())
			}
		}
		if bytes.ContainsRune(text, '\r') { // package csv changes them within fields
			return
		}
		theirs := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, markUTF8)))
		theirs.FieldsPerRecord = -1
		want, err := theirs.ReadAll()
		want = slices.DeleteFunc(want, func(fields []string) bool { return len(fields) == 1 && fields[0] == "" })
		switch {
		case !clean:
			return
		case err != nil:
			t.Fatalf("%q is accepted, and package csv says %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
			t.Errorf("%q: package csv (-), got (+):\n%s", text, diff)
		}
	})
}

// FuzzShape makes people of any record by each format, and checks what holds for every one.
func FuzzShape(f *testing.F) {
	for _, seed := range []string{
		`{"user_id":"1","email":"a@x","custom_password_hash":{"algorithm":"hmac","hash":{"value":"AA==","encoding":"base64","digest":"md5","key":{"value":"k"}},"salt":{"value":"s","position":"suffix"}}}`,
		`{"_id":{"$oid":"a"},"passwordHash":"$2b$","mfa_factors":[{"totp":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}}],"identities":[{"provider":"g","user_id":7}]}`,
		`{"localId":"1","passwordHash":"x","salt":"y","customAttributes":"{\"a\":[1]}","providerUserInfo":[{"providerId":"g","rawId":"1"}],"createdAt":"1600000000000"}`,
		`{"id":"1","username":"u","enabled":true,"credentials":[{"type":"password","hashedSaltedValue":"x","hashIterations":1},{"type":"otp","secretData":"{\"value\":\"x\"}","credentialData":"{\"subType\":\"totp\"}"}],"clientRoles":{"a":["b"]}}`,
		`{"id":"1","profile":{"login":"u"},"status":"STAGED","credentials":{"password":{"hash":{"algorithm":"PBKDF2","salt":"eA==","value":"AAAAAAAAAAAAAAAAAAAAAA==","digestAlgorithm":"SHA256_HMAC","iterationCount":5}}}}`,
		`{"cognito:username":"u","email_verified":"true"}`, `{"id":1,"mail":"a","hash":"h","x":1e999,"y":{"z":[1,null]}}`, `{"created":9223372036854775807,"lastLogin":"99999-01-01"}`,
	} {
		f.Add([]byte(seed))
	}
	var shapers []*shaper
	for _, kind := range formats() {
		c := Config{Format: kind.name}
		if kind.generic {
			c.Columns = few()
		}
		s, err := newShaper(c, kind, kind.frame == frameTable)
		if err != nil {
			f.Fatal(err)
		}
		shapers = append(shapers, s)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := parseJSON(raw)
		if err != nil || v.kind != kindObject {
			return
		}
		for _, s := range shapers {
			key, p, bad := s.shape(v)
			if (key == "") && bad == nil || len(key) > maxIdentifier {
				t.Fatalf("%s: %q: key %q, fault %v", s.format.name, raw, key, bad)
			}
			if bad != nil {
				continue
			}
			encoded, err := p.encode()
			if err != nil {
				t.Fatal(err)
			}
			again, err := decodePerson(encoded)
			if err != nil {
				t.Fatal(err)
			}
			c := Config{Scheme: "auto"}
			if diff := cmp.Diff(parts(p.user(key, c)), parts(again.user(key, c))); diff != "" {
				t.Errorf("%s: %q: before the index (-), behind it (+):\n%s", s.format.name, raw, diff)
			}
			u := again.user(key, c)
			for _, id := range u.Identifiers() {
				if len(id) > maxIdentifier+len("…") {
					t.Errorf("%s: an identifier of %d bytes", s.format.name, len(id))
				}
			}
			if u.Password != nil && len(u.Password.Hash) > maxHash+len("…") {
				t.Errorf("%s: a hash of %d bytes", s.format.name, len(u.Password.Hash))
			}
			for _, x := range u.Profile.TOTP {
				if len(x.Secret) == 0 || len(x.Secret) > 128 {
					t.Errorf("%s: a secret of %d bytes", s.format.name, len(x.Secret))
				}
			}
		}
	})
}
