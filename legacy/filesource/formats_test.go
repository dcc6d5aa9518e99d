package filesource

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// A vector is a row of package hash's vectors, which other programs made.
type vector struct {
	ID       string         `json:"id"`
	Password string         `json:"password"`
	Hash     string         `json:"hash"`
	Salt     string         `json:"salt"`
	Extra    map[string]any `json:"extra"`
}

// vectors reads the rows with these ids.
func vectors(t *testing.T) map[string]vector {
	t.Helper()
	text, err := os.ReadFile("../hash/testdata/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]vector{}
	scan := bufio.NewScanner(bytes.NewReader(text))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var v vector
		if err := json.Unmarshal(scan.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		found[v.ID] = v
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// hexTo64 writes bytes that are in hex as base64.
func hexTo64(t *testing.T, text string) string {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// verifies checks a stored hash with the right password and a wrong one.
func verifies(t *testing.T, stored *legacy.Stored, password string) {
	t.Helper()
	if stored == nil {
		t.Fatal("no hash")
	}
	opened, err := hash.New(hash.Config{}).Open(*stored)
	if err != nil {
		t.Fatal(err)
	}
	if !opened.Verify([]byte(password)) {
		t.Error("the right password does not verify")
	}
	if opened.Verify([]byte(password + "x")) {
		t.Error("a wrong password verifies")
	}
}

// TestHashes makes an export of each way to say a hash, and verifies the password of what is read.
func TestHashes(t *testing.T) {
	t.Parallel()
	v := vectors(t)
	custom := func(body string) string {
		return `{"user_id":"auth0|1","email":"a@x","custom_password_hash":` + body + `}`
	}
	okta := func(body string) string {
		return `{"id":"1","profile":{"login":"a@x"},"credentials":{"password":{"hash":` + body + `}}}`
	}
	split := func(phc string) []string { return strings.Split(phc, "$") }
	text := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	quoted := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	pbkdf2 := split(v["v01213"].Hash)
	scrypt := split(v["v01283"].Hash)
	keycloakPart := func(name string) string {
		var whole map[string]string
		if err := json.Unmarshal([]byte(v["v00887"].Hash), &whole); err != nil {
			t.Fatal(err)
		}
		return quoted(whole[name])
	}
	firebase := map[string]string{}
	for name, value := range v["v01163"].Extra {
		firebase[name] = fmt.Sprint(value)
	}
	tests := map[string]struct {
		format, vector, export string
		params                 map[string]string
	}{
		"auth0 password export": {format: "auth0", vector: "v00087", export: `{"_id":{"$oid":"60425dc43519d90068f82973"},"email_verified":false,"email":"a@x","passwordHash":"` + v["v00087"].Hash + `","tenant":"t","connection":"c","_tmp_is_unique":true}`},
		"auth0 password_hash":   {format: "auth0", vector: "v00090", export: `[{"user_id":"1","email":"a@x","password_hash":"` + v["v00090"].Hash + `"}]`},
		"auth0 bcrypt":          {format: "auth0", vector: "v00087", export: custom(`{"algorithm":"bcrypt","hash":{"value":"` + v["v00087"].Hash + `","encoding":"utf8"}}`)},
		"auth0 argon2":          {format: "auth0", vector: "v00124", export: custom(`{"algorithm":"argon2","hash":{"value":"` + v["v00124"].Hash + `"}}`)},
		"auth0 ldap":            {format: "auth0", vector: "v00135", export: custom(`{"algorithm":"ldap","hash":{"value":"` + v["v00135"].Hash + `","encoding":"utf8"}}`)},
		"auth0 pbkdf2":          {format: "auth0", vector: "v01213", export: custom(`{"algorithm":"pbkdf2","hash":{"value":"` + v["v01213"].Hash + `"}}`)},
		"auth0 pbkdf2 sized":    {format: "auth0", vector: "v01213", export: custom(`{"algorithm":"pbkdf2","hash":{"value":"` + strings.Replace(v["v01213"].Hash, "i=1000", "i=1000,l=64", 1) + `"}}`)},
		"auth0 md5":             {format: "auth0", vector: "v00544", export: custom(`{"algorithm":"md5","hash":{"value":"` + v["v00544"].Hash + `","encoding":"hex"}}`)},
		"auth0 md4 utf16le":     {format: "auth0", vector: "v01420", export: custom(`{"algorithm":"md4","hash":{"value":"` + v["v01420"].Hash + `","encoding":"hex"},"password":{"encoding":"utf16le"}}`)},
		"auth0 sha1 prefix":     {format: "auth0", vector: "v01606", export: custom(`{"algorithm":"sha1","hash":{"value":"` + v["v01606"].Hash + `","encoding":"base64"},"salt":{"value":"` + v["v01606"].Salt + `","position":"prefix"}}`)},
		"auth0 sha256 suffix":   {format: "auth0", vector: "v01614", export: custom(`{"algorithm":"sha256","hash":{"value":"` + v["v01614"].Hash + `","encoding":"hex"},"salt":{"value":"` + text(v["v01614"].Salt) + `","encoding":"base64","position":"suffix"}}`)},
		"auth0 sha512 flat":     {format: "auth0", vector: "v01627", export: custom(`{"algorithm":"sha512","hash":"` + v["v01627"].Hash + `","encoding":"hex","salt_prefix":"` + v["v01627"].Salt + `"}`)},
		"auth0 hmac":            {format: "auth0", vector: "v01616", export: custom(`{"algorithm":"hmac","hash":{"value":"` + v["v01616"].Hash + `","encoding":"hex","digest":"sha256","key":{"value":"` + v["v01616"].Salt + `"}}}`)},
		"auth0 scrypt":          {format: "auth0", vector: "v01283", export: custom(`{"algorithm":"scrypt","hash":{"value":"` + scrypt[4] + `","encoding":"base64"},"salt":{"value":"` + scrypt[3] + `","encoding":"base64"},"keylen":32,"cost":1024,"blockSize":8,"parallelization":1}`)},

		"firebase": {format: "firebase", vector: "v01163", params: firebase, export: `{"users":[{"localId":"1","email":"a@x","passwordHash":"` + v["v01163"].Hash + `","salt":"` + v["v01163"].Salt + `"}]}`},

		"keycloak":     {format: "keycloak", vector: "v00887", export: `{"realm":"r","users":[{"id":"1","username":"a@x","enabled":true,"credentials":[{"type":"password","userLabel":"mine","secretData":` + keycloakPart("secretData") + `,"credentialData":` + keycloakPart("credentialData") + `}]}]}`},
		"keycloak old": {format: "keycloak", vector: "v00889", export: keycloakOld(t, v["v00889"].Hash)},

		"okta bcrypt":  {format: "okta", vector: "v00087", export: okta(`{"algorithm":"BCRYPT","workFactor":5,"salt":"` + v["v00087"].Hash[7:29] + `","value":"` + v["v00087"].Hash[29:] + `"}`)},
		"okta sha1":    {format: "okta", vector: "v00545", export: okta(`{"algorithm":"SHA-1","value":"` + hexTo64(t, v["v00545"].Hash) + `"}`)},
		"okta md5":     {format: "okta", vector: "v01590", export: okta(`{"algorithm":"MD5","salt":"` + text(v["v01590"].Salt) + `","saltOrder":"POSTFIX","value":"` + hexTo64(t, v["v01590"].Hash) + `"}`)},
		"okta sha256":  {format: "okta", vector: "v01615", export: okta(`{"algorithm":"SHA-256","salt":"` + text(v["v01615"].Salt) + `","saltOrder":"PREFIX","value":"` + hexTo64(t, v["v01615"].Hash) + `"}`)},
		"okta sha512":  {format: "okta", vector: "v01626", export: okta(`{"algorithm":"SHA-512","salt":"` + text(v["v01626"].Salt) + `","saltOrder":"POSTFIX","value":"` + hexTo64(t, v["v01626"].Hash) + `"}`)},
		"okta pbkdf2":  {format: "okta", vector: "v01631", export: okta(`{"algorithm":"PBKDF2","salt":"` + text(v["v01631"].Salt) + `","value":"` + hexTo64(t, v["v01631"].Hash) + `","digestAlgorithm":"SHA512_HMAC","iterationCount":1000,"keySize":32}`)},
		"okta pbkdf64": {format: "okta", vector: "v01213", export: okta(`{"algorithm":"PBKDF2","salt":"` + pbkdf2[3] + `==","value":"` + pbkdf2[4] + `==","digestAlgorithm":"SHA512_HMAC","iterationCount":1000,"keySize":64}`)},
		"okta csv": {
			format: "okta", vector: "v01615", export: "id,profile.login,credentials.password.hash.algorithm,credentials.password.hash.salt,credentials.password.hash.saltOrder,credentials.password.hash.value\n" +
				"1,a@x,SHA-256," + text(v["v01615"].Salt) + ",PREFIX," + hexTo64(t, v["v01615"].Hash) + "\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := over(t, Config{Format: tt.format, Params: tt.params}, tt.export)
			users, err := s.Lookup(t.Context(), "a@x")
			if err != nil || len(users) != 1 {
				t.Fatalf("Lookup: %d people, error %v", len(users), err)
			}
			if len(v[tt.vector].Password) == 0 {
				t.Fatalf("there is no vector %s", tt.vector)
			}
			verifies(t, users[0].Password, v[tt.vector].Password)
			for column := range users[0].Extra {
				if lower := strings.ToLower(column); strings.Contains(lower, "hash") || strings.Contains(lower, "salt") {
					t.Errorf("Extra tells %s", column)
				}
			}
		})
	}
}

// keycloakOld writes a credential as exports from before Keycloak 8 have it.
func keycloakOld(t *testing.T, stored string) string {
	t.Helper()
	var whole map[string]string
	var secret struct{ Value, Salt string }
	var data struct {
		HashIterations int
		Algorithm      string
	}
	for text, to := range map[string]any{stored: &whole} {
		if err := json.Unmarshal([]byte(text), to); err != nil {
			t.Fatal(err)
		}
	}
	for text, to := range map[string]any{whole["secretData"]: &secret, whole["credentialData"]: &data} {
		if err := json.Unmarshal([]byte(text), to); err != nil {
			t.Fatal(err)
		}
	}
	old, err := json.Marshal(map[string]any{
		"type": "password", "hashedSaltedValue": secret.Value, "salt": secret.Salt,
		"hashIterations": data.HashIterations, "algorithm": data.Algorithm,
	})
	if err != nil {
		t.Fatal(err)
	}
	return `{"users":[{"id":"1","username":"a@x","enabled":true,"credentials":[` + string(old) + `]}]}`
}

// TestRecords reads one record of each format, with all that moves beside the password.
func TestRecords(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	seed := []byte("12345678901234567890") // RFC 6238
	tests := map[string]struct {
		format, export string
		columns        map[string]string
		want           legacy.User
	}{
		"auth0": {
			format: "auth0",
			export: `{"user_id":"auth0|1","email":"a@x","email_verified":true,"username":"anna","phone_number":"+49","phone_verified":false,
				"given_name":"Anna","family_name":"Berg","blocked":true,"created_at":"2020-01-02T03:04:05.678Z","last_login":"2024-02-03T04:05:06Z",
				"logins_count":7,"score":1.5,"password_set_date":{"$date":"2021-03-05T16:35:16.775Z"},
				"identities":[{"provider":"auth0","user_id":"1","connection":"db"},{"provider":"google-oauth2","user_id":"g1","connection":"google"}],
				"app_metadata":{"roles":["admin","staff"],"plan":"gold"},"user_metadata":{"color":"red","tags":["a",1]},
				"mfa_factors":[{"totp":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}},{"phone":{"value":"+49"}}]}`,
			columns: map[string]string{"roles": "app_metadata.roles", "attribute.color": "user_metadata.color", "locale": "user_metadata.locale"},
			want: legacy.User{
				ID: "auth0|1", Username: "anna", Email: "a@x", Phone: "+49", Disabled: true,
				CreatedAt: at("2020-01-02T03:04:05.678Z"), LastLoginAt: at("2024-02-03T04:05:06Z"),
				Profile: legacy.Profile{
					DisplayName: "Anna Berg", EmailVerified: true, Roles: []string{"admin", "staff"},
					Attributes: map[string]string{"color": "red"}, TOTP: []legacy.TOTP{{Secret: seed}},
					External: []legacy.ExternalIdentity{{Provider: "google-oauth2", Subject: "g1"}},
				},
				Extra: map[string]any{
					"given_name": "Anna", "family_name": "Berg", "logins_count": int64(7), "score": 1.5, "app_metadata.plan": "gold",
					"user_metadata.tags": []string{"a", "1"}, "password_set_date.$date": "2021-03-05T16:35:16.775Z",
					"unsupported_factors": []string{"phone"},
				},
			},
		},
		"firebase": {
			format: "firebase",
			export: `{"kind":"x","users":[{"localId":"f1","email":"a@x","emailVerified":true,"displayName":"Anna","photoUrl":"http://p",
				"lastSignedInAt":"1700000000123","createdAt":"1600000000000","phoneNumber":"+49","disabled":true,
				"customAttributes":"{\"role\":\"admin\",\"level\":3}",
				"providerUserInfo":[{"providerId":"google.com","rawId":"g1"},{"providerId":"password","rawId":"a@x"}]}]}`,
			want: legacy.User{
				ID: "f1", Email: "a@x", Phone: "+49", Disabled: true,
				CreatedAt: time.UnixMilli(1600000000000).UTC(), LastLoginAt: time.UnixMilli(1700000000123).UTC(),
				Profile: legacy.Profile{
					DisplayName: "Anna", EmailVerified: true,
					External: []legacy.ExternalIdentity{{Provider: "google.com", Subject: "g1"}},
				},
				Extra: map[string]any{"photoUrl": "http://p", "claims.role": "admin", "claims.level": int64(3)},
			},
		},
		"keycloak": {
			format: "keycloak",
			export: `{"realm":"r","clients":[{"secret":"}]","users":[1,2]}],"users":[
				{"id":"s","username":"service-account-x","enabled":true,"serviceAccountClientId":"x"},
				{"id":"k1","createdTimestamp":1600000000000,"username":"anna","enabled":false,"emailVerified":true,"firstName":"Anna","lastName":"Berg",
				"email":"a@x","attributes":{"locale":["pt-BR"],"phoneNumber":["+49"],"phoneNumberVerified":["true"],"team":["red","blue"]},
				"credentials":[
				{"type":"otp","userLabel":"phone","secretData":"{\"value\":\"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\"}","credentialData":"{\"subType\":\"totp\",\"digits\":8,\"counter\":0,\"period\":60,\"algorithm\":\"HmacSHA256\",\"secretEncoding\":\"BASE32\"}"},
				{"type":"otp","secretData":"{\"value\":\"12345678901234567890\"}","credentialData":"{\"subType\":\"totp\",\"digits\":6,\"period\":30,\"algorithm\":\"HmacSHA1\"}"},
				{"type":"otp","secretData":"{\"value\":\"12345678901234567890\"}","credentialData":"{\"subType\":\"hotp\",\"digits\":6,\"counter\":3,\"algorithm\":\"HmacSHA1\"}"},
				{"type":"webauthn","secretData":"{}","credentialData":"{}"}],
				"federatedIdentities":[{"identityProvider":"google","userId":"g1","userName":"anna"}],
				"realmRoles":["user"],"clientRoles":{"shop":["buyer","seller"]},"groups":["/staff/it"],"notBefore":0}]}`,
			want: legacy.User{
				ID: "k1", Username: "anna", Email: "a@x", Phone: "+49", Disabled: true, CreatedAt: time.UnixMilli(1600000000000).UTC(),
				Profile: legacy.Profile{
					DisplayName: "Anna Berg", Locale: "pt-BR", EmailVerified: true, PhoneVerified: true,
					Roles: []string{"user", "shop:buyer", "shop:seller"}, Groups: []string{"/staff/it"},
					TOTP: []legacy.TOTP{
						{Name: "phone", Secret: seed, Algorithm: "SHA256", Digits: 8, Period: 60},
						{Secret: seed, Algorithm: "SHA1", Digits: 6, Period: 30},
					},
					External: []legacy.ExternalIdentity{{Provider: "google", Subject: "g1"}},
				},
				Extra: map[string]any{
					"attributes.team": []string{"red", "blue"}, "notBefore": int64(0), "firstName": "Anna", "lastName": "Berg",
					"unsupported_factors": []string{"hotp", "webauthn"},
				},
			},
		},
		"cognito": {
			format: "cognito",
			export: "\xef\xbb\xbfname,given_name,family_name,email,email_verified,phone_number,phone_number_verified,locale,custom:team,cognito:mfa_enabled,cognito:username\r\n" +
				",Anna,Berg,a@x,TRUE,+49,FALSE,de,\"red, \"\"deep\"\"\",false,anna\r\n",
			columns: map[string]string{"attribute.team": "custom:team"},
			want: legacy.User{
				ID: "anna", Username: "anna", Email: "a@x", Phone: "+49",
				Profile: legacy.Profile{DisplayName: "Anna Berg", Locale: "de", EmailVerified: true, Attributes: map[string]string{"team": `red, "deep"`}},
				Extra:   map[string]any{"given_name": "Anna", "family_name": "Berg", "cognito:mfa_enabled": "false"},
			},
		},
		"okta": {
			format: "okta",
			export: `[{"id":"00u1","status":"SUSPENDED","created":"2013-06-24T16:39:18.000Z","lastLogin":null,
				"profile":{"firstName":"Anna","lastName":"Berg","email":"a@x","login":"anna@x","mobilePhone":"+49","locale":"de_DE","department":"IT"},
				"credentials":{"password":{},"recovery_question":{"question":"?","answer":"hunter2"}},"_links":{"self":{"href":"u"}}}]`,
			want: legacy.User{
				ID: "00u1", Username: "anna@x", Email: "a@x", Phone: "+49", Disabled: true, CreatedAt: at("2013-06-24T16:39:18Z"),
				Profile: legacy.Profile{DisplayName: "Anna Berg", Locale: "de_DE"},
				Extra:   map[string]any{"profile.firstName": "Anna", "profile.lastName": "Berg", "profile.department": "IT", "status": "SUSPENDED"},
			},
		},
		"csv": {
			format:  "csv",
			export:  "key;mail;active;tags;otp;codes;gh;e\n7;a@x;no;red|blue;GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ;a1,b2;77;x\n",
			columns: map[string]string{"id": "key", "email": "mail", "disabled": "!active", "groups": "tags", "totp": "otp", "recovery_codes": "codes", "external.github": "gh"},
			want: legacy.User{
				ID: "7", Email: "a@x", Disabled: true,
				Profile: legacy.Profile{
					Groups: []string{"red", "blue"}, TOTP: []legacy.TOTP{{Secret: seed}}, RecoveryCodes: []string{"a1", "b2"},
					External: []legacy.ExternalIdentity{{Provider: "github", Subject: "77"}},
				},
				Extra: map[string]any{"e": "x"},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{Format: tt.format, Columns: tt.columns}
			if tt.format == "firebase" {
				c.Params = map[string]string{"signerKey": "a2V5"}
			}
			if tt.format == "csv" {
				c.Separator = ';'
			}
			export := tt.export
			if tt.format == "auth0" { // a line
				export = strings.ReplaceAll(export, "\n", " ")
			}
			s := over(t, c, export)
			got, err := s.Get(t.Context(), tt.want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parts(tt.want), parts(got)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			stats, err := s.Stats(t.Context())
			if err != nil || stats.People != 1 || stats.Bad != 0 || stats.Torn != "" {
				t.Errorf("Stats: %+v, error %v", stats, err)
			}
		})
	}
}

// parts takes a user apart, for what they hold hides itself from those who print.
func parts(u legacy.User) map[string]any {
	all := map[string]any{
		"id": u.ID, "identifiers": u.Identifiers(), "disabled": u.Disabled, "created": u.CreatedAt, "seen": u.LastLoginAt,
		"name": u.Profile.DisplayName, "locale": u.Profile.Locale, "verified": []bool{u.Profile.EmailVerified, u.Profile.PhoneVerified},
		"roles": u.Profile.Roles, "groups": u.Profile.Groups, "attributes": u.Profile.Attributes, "codes": u.Profile.RecoveryCodes,
		"external": u.Profile.External, "password": u.Password == nil,
	}
	for i, t := range u.Profile.TOTP {
		all[fmt.Sprint("totp", i)] = []any{t.Name, string(t.Secret), t.Algorithm, t.Digits, t.Period}
	}
	maps.Copy(all, u.Extra)
	return all
}
