package hash

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"rekey/legacy"
)

func FuzzJava(f *testing.F) { fuzzApp(f, javaSchemes()) }

// The derived keys are CPython's hashlib, of "password" and "0123456789abcdef"; argon2's is the reference
// implementation's (argon2 -id -t 5 -k 64 -p 1).
const (
	javaSalt     = "MDEyMzQ1Njc4OWFiY2RlZg=="
	javaSHA1x64  = "Ah2jr57OqBshOQJJ0+KEcrehofQoi+qE73T2D1/iFb3J8B3tVd8ROLppZ2rq8NQ5tVHTmkOYZ2DEkgHwBEyLcg==" // x20000
	javaSHA256   = "7+EOVlfeYlWDIYuMjGvydMrkyOrH4XUsKK7PmN3jO2o="                                             // x20000
	javaArgon2   = "EJKnP12NFXprPomZrMfhtYhDzRlINEsffFbPx9CUQqA="
	javaArgonExt = `{"hashLength":["32"],"memory":["64"],"type":["id"],"version":["1.3"],"parallelism":["1"]}`
	giteaSaltHex = "e6dfdec5ec4d252c9a7860878248ff04"
)

// keycloakTexts returns secretData and credentialData.
func keycloakTexts(algorithm, iterations, value, salt, extra string) (secret, data string) {
	return fmt.Sprintf(`{"value":"%s","salt":"%s","additionalParameters":{}}`, value, salt),
		fmt.Sprintf(`{"hashIterations":%s,"algorithm":"%s","additionalParameters":%s}`, iterations, algorithm, extra)
}

// keycloakExport wraps the two as a realm export does.
func keycloakExport(t *testing.T, secret, data string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"id": "b5e5", "type": "password", "createdDate": 1700000000000, "secretData": secret, "credentialData": data,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestKeycloak(t *testing.T) {
	t.Parallel()
	var cases []appCase
	for _, c := range [][4]string{
		{"pbkdf2", "20000", javaSHA1x64, "{}"},
		{"pbkdf2-sha256", "20000", javaSHA256, "{}"},
		{"argon2", "5", javaArgon2, javaArgonExt},
	} {
		secret, data := keycloakTexts(c[0], c[1], c[2], javaSalt, c[3])
		cases = append(cases,
			appCase{name: c[0] + " exported", scheme: "keycloak", stored: keycloakExport(t, secret, data)},
			appCase{name: c[0] + " from the table", scheme: "keycloak", stored: secret, salt: data})
	}
	runApp(t, cases)
	secret, data := keycloakTexts("pbkdf2", "20000", javaSHA1x64, javaSalt, "{}")
	if name, _ := New(Config{}).Identify(keycloakExport(t, secret, data)); name != "keycloak" {
		t.Errorf("an exported row is taken for %q", name)
	}
}

func TestKeycloakRefuses(t *testing.T) {
	t.Parallel()
	secret, data := keycloakTexts("pbkdf2-sha256", "20000", javaSHA256, javaSalt, "{}")
	argonSecret, argonData := keycloakTexts("argon2", "5", javaArgon2, javaSalt, javaArgonExt)
	in := func(text, old, new string) string {
		t.Helper()
		if !strings.Contains(text, old) {
			t.Fatalf("nothing to replace: %s", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	var cases []appCase
	for _, c := range []struct {
		name, secret, data string
		want               error
		mentions           string
	}{
		{"empty", "", data, ErrUnusable, ""},
		{"no data", secret, "", ErrMalformed, ""},
		{"array", "[]", data, ErrMalformed, ""},
		{"null", "null", data, ErrMalformed, ""},
		{"cut", secret[:len(secret)-1], data, ErrMalformed, ""},
		{"more behind", secret + "{}", data, ErrMalformed, "follows"},
		{"junk behind", secret + "x", data, ErrMalformed, "follows"},
		{"data cut", secret, data[:len(data)-1], ErrMalformed, ""},
		{"value twice", in(secret, `{"value"`, `{"value":"AAAA","value"`), data, ErrMalformed, "twice"},
		{"key in another case", in(secret, `"value"`, `"Value"`), data, ErrMalformed, "value"},
		{"value a number", in(secret, `"`+javaSHA256+`"`, "7"), data, ErrMalformed, "value"},
		{"value null", in(secret, `"`+javaSHA256+`"`, "null"), data, ErrMalformed, "value"},
		{"value cut", in(secret, javaSHA256, javaSHA256[:40]), data, ErrMalformed, "value"},
		{"value of 20 bytes", in(secret, javaSHA256, javaSHA256[:26]+"A="), data, ErrMalformed, "value"},
		{"salt absent", in(secret, `"salt"`, `"pepper"`), data, ErrMalformed, "salt"},
		{"salt long", in(secret, javaSalt, strings.Repeat("AAAA", 342)), data, ErrBounds, "salt"},
		{"algorithm", secret, in(data, "pbkdf2-sha256", "bcrypt"), ErrMalformed, "algorithm"},
		{"iterations", secret, in(data, "20000", "2147483647"), ErrBounds, "iterations"},
		{"no iterations", secret, in(data, "20000", "0"), ErrBounds, "iterations"},
		{"negative", secret, in(data, "20000", "-1"), ErrMalformed, "hashIterations"},
		{"exponent", secret, in(data, "20000", "2e4"), ErrMalformed, "hashIterations"},
		{"iterations as text", secret, in(data, "20000", `"20000"`), ErrMalformed, "hashIterations"},
		{"parameters a list", secret, in(data, "{}", "[]"), ErrMalformed, ""},
		{"argon2 type", argonSecret, in(argonData, `["id"]`, `["x"]`), ErrMalformed, ""},
		{"argon2 version", argonSecret, in(argonData, "1.3", "1.2"), ErrMalformed, "version"},
		{"argon2 two versions", argonSecret, in(argonData, `["1.3"]`, `["1.3","1.0"]`), ErrMalformed, "version"},
		{"argon2 length", argonSecret, in(argonData, `["32"]`, `["16"]`), ErrMalformed, "hashLength"},
		{"argon2 memory", argonSecret, in(argonData, `["64"]`, `["4194304"]`), ErrBounds, ""},
		{"argon2 memory absent", argonSecret, in(argonData, `"memory"`, `"memorY"`), ErrMalformed, ""},
		{"argon2 lanes", argonSecret, in(argonData, `["1"]`, `["16777215"]`), ErrBounds, ""},
		{"argon2 passes", argonSecret, in(argonData, `:5,`, `:4294967295,`), ErrBounds, ""},
	} {
		cases = append(cases, appCase{name: c.name, scheme: "keycloak", stored: c.secret, salt: c.data, want: c.want, mentions: c.mentions})
	}
	otp := in(keycloakExport(t, secret, data), `"type":"password"`, `"type":"otp"`)
	runApp(t, append(cases,
		appCase{name: "another kind of credential", scheme: "keycloak", stored: otp, want: ErrMalformed, mentions: "password credential"},
		appCase{name: "deep nesting", scheme: "keycloak", stored: strings.Repeat("[", 8000), want: ErrMalformed},
		appCase{name: "deep nesting inside", scheme: "keycloak", stored: `{"a":` + strings.Repeat("[", 8000), want: ErrMalformed},
	))
}

func TestSpring(t *testing.T) {
	t.Parallel()
	pbkdf2 := appRow(t, "spring-pbkdf2-v5_8")
	allow := map[string]string{"plaintext": "allow"}
	argon2 := appRow(t, "spring-argon2-v5_8-delegating")
	runApp(t, []appCase{
		{name: "unsalted digest", scheme: "spring-MD5", stored: pythonMD5},
		{name: "unsalted digest, delegating", scheme: "spring", stored: "{MD5}" + pythonMD5},
		{name: "noop allowed", scheme: "spring", stored: "{noop}password", params: allow},
		{name: "defaults of 5.8", scheme: "spring-pbkdf2-v5_8", stored: pbkdf2.Hash},
		{name: "the secret is pbkdf2's", scheme: "spring", stored: argon2.Hash, params: map[string]string{"secret": "app-secret"}},
		{name: "bcrypt's limit", scheme: "spring", stored: appRow(t, "spring-bcrypt-delegating").Hash, limit: 72},
	})
}

// Spring never matches an empty password, whatever the encoder.
func TestSpringNeverMatchesEmpty(t *testing.T) {
	t.Parallel()
	// The digests are of "": they verify with these schemes' formulas, and must not.
	for _, s := range []legacy.Stored{
		{Scheme: "spring-MD5", Hash: "d41d8cd98f00b204e9800998ecf8427e"},
		{Scheme: "spring", Hash: "{MD5}d41d8cd98f00b204e9800998ecf8427e"},
		{Scheme: "spring-SHA-1", Hash: "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{Scheme: "spring", Hash: "{ldap}{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
		{Scheme: "spring-bcrypt", Hash: "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"},
		{Scheme: "spring", Hash: "{bcrypt}$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"},
	} {
		h, err := New(Config{}).Open(s)
		if err != nil {
			t.Errorf("%s: %v", s.Scheme, err)
		} else if _, err := h.Digest(nil); h.Verify(nil) || err == nil {
			t.Errorf("%s: an empty password is hashed", s.Scheme)
		}
	}
	r := New(Config{})
	for _, v := range readVectors(t) {
		if !v.Valid || !strings.HasPrefix(v.Format, "spring-") {
			continue
		}
		h, err := r.Open(v.stored())
		if err != nil {
			t.Errorf("%s %s: %v", v.ID, v.Format, err)
		} else if _, err := h.Digest(nil); err == nil {
			t.Errorf("%s %s: an empty password is hashed", v.ID, v.Format)
		}
	}
}

func TestSpringRefuses(t *testing.T) {
	t.Parallel()
	pbkdf2, scrypt := appRow(t, "spring-pbkdf2-v5_8").Hash, appRow(t, "spring-scrypt-v5_8").Hash
	_, scryptTail, _ := strings.Cut(scrypt[1:], "$")
	with := func(name, value string) map[string]string { return map[string]string{name: value} }
	costs := func(hex string) string { return "$" + hex + "$" + scryptTail }
	runApp(t, []appCase{
		{name: "no id", scheme: "spring", stored: "password", want: ErrMalformed},
		{name: "unknown id", scheme: "spring", stored: "{rot13}cnffjbeq", want: ErrMalformed},
		{name: "id in another case", scheme: "spring", stored: "{md5}" + pythonMD5, want: ErrMalformed},
		{name: "noop not allowed", scheme: "spring", stored: "{noop}password", want: ErrMalformed},
		{name: "noop and empty", scheme: "spring-noop-delegating", stored: "{noop}", want: ErrUnusable},
		{name: "noop without id", scheme: "spring-noop-delegating", stored: "password", want: ErrMalformed},
		{name: "bcrypt 2x", scheme: "spring", stored: "{bcrypt}$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", want: ErrMalformed},
		{name: "ldap plain", scheme: "spring", stored: "{ldap}password", want: ErrMalformed},
		{name: "ldap of another digest", scheme: "spring", stored: "{ldap}{MD5}X03MO1qnZdYdgyfeuILPmQ==", want: ErrMalformed},
		{name: "argon2 as bcrypt", scheme: "spring", stored: "{argon2}$2a$04$SW7q.AAI2BXNQbl2jEEyoe.r28bT62vZw.fKn/VA5QsRd.E/jUf.q", want: ErrMalformed},
		{name: "v5_8 as v5_5", scheme: "spring", stored: "{pbkdf2}" + pbkdf2, want: ErrMalformed},
		{name: "prf", scheme: "spring-pbkdf2", stored: pbkdf2, params: with("prf", "md2"), want: ErrMalformed, mentions: "prf"},
		{name: "iterations", scheme: "spring-pbkdf2", stored: pbkdf2, params: with("iterations", "10000001"), want: ErrBounds, mentions: "iterations"},
		{name: "salt_len", scheme: "spring-pbkdf2", stored: pbkdf2, params: with("salt_len", "8"), want: ErrMalformed},
		{name: "salt_len of nothing", scheme: "spring-pbkdf2", stored: pbkdf2, params: with("salt_len", "0"), want: ErrBounds, mentions: "salt_len"},
		{name: "hash_bits", scheme: "spring-pbkdf2", stored: pbkdf2, params: with("hash_bits", "250"), want: ErrMalformed, mentions: "hash_bits"},
		{name: "hash_bits few", scheme: "spring-pbkdf2", stored: pbkdf2, params: with("hash_bits", "8"), want: ErrBounds, mentions: "hash_bits"},
		{name: "encoding", scheme: "spring-pbkdf2", stored: pbkdf2, params: with("encoding", "base32"), want: ErrMalformed, mentions: "encoding"},
		{name: "long secret", scheme: "spring-pbkdf2", stored: pbkdf2, params: with("secret", strings.Repeat("s", 1025)), want: ErrBounds, mentions: "salt"},
		{name: "long secret of sha256", scheme: "spring-sha256", stored: appRow(t, "spring-sha256").Hash, params: with("secret", strings.Repeat("s", 1025)), want: ErrBounds, mentions: "secret"},
		{name: "digest iterations", scheme: "spring-MD5", stored: pythonMD5, params: with("iterations", "2000001"), want: ErrBounds, mentions: "iterations"},
		{name: "digest salt", scheme: "spring-MD5", stored: "{" + strings.Repeat("s", 1025) + "}" + pythonMD5, want: ErrBounds, mentions: "salt"},
		{name: "scrypt N", scheme: "spring-scrypt", stored: costs("280801"), want: ErrBounds, mentions: "scrypt"},
		{name: "scrypt log2 N", scheme: "spring-scrypt", stored: costs("ffff0801"), want: ErrBounds, mentions: "scrypt"},
		{name: "scrypt N of nothing", scheme: "spring-scrypt", stored: costs("801"), want: ErrBounds, mentions: "scrypt"},
		{name: "scrypt r", scheme: "spring-scrypt", stored: costs("e0001"), want: ErrBounds, mentions: "scrypt r"},
		{name: "scrypt p", scheme: "spring-scrypt", stored: costs("e0800"), want: ErrBounds, mentions: "scrypt p"},
		{name: "scrypt p many", scheme: "spring-scrypt", stored: costs("e08ff"), want: ErrBounds, mentions: "scrypt p"},
		{name: "scrypt upper case", scheme: "spring-scrypt", stored: costs("E0801"), want: ErrMalformed},
		{name: "scrypt leading zero", scheme: "spring-scrypt", stored: costs("0e0801"), want: ErrMalformed},
		{name: "scrypt sign", scheme: "spring-scrypt", stored: costs("+e0801"), want: ErrMalformed},
		{name: "scrypt dklen", scheme: "spring-scrypt", stored: scrypt, params: with("dklen", "64"), want: ErrMalformed},
	})
}

func TestJavaNeighbours(t *testing.T) {
	t.Parallel()
	appNeighboursOf(t, "spring-bcrypt", "spring-bcrypt-delegating", "spring-pbkdf2-v5_5", "spring-pbkdf2-v5_5-delegating",
		"spring-pbkdf2-v5_8", "spring-pbkdf2-v5_8-delegating", "spring-pbkdf2-secret", "spring-pbkdf2-b64",
		"spring-scrypt-v4_1", "spring-scrypt-v5_8-delegating", "spring-sha256", "spring-sha256-delegating",
		"spring-MD4", "spring-MD5-delegating", "spring-SHA-1", "spring-SHA-256", "spring-SHA-256-b64", "spring-SHA-512-it1000",
		"shiro1", "shiro-simplehash-hex", "shiro-simplehash-b64", "tomcat-salt-iter-hash", "tomcat-pbkdf2",
		"jasypt-basic-md5", "jasypt-strong-sha256", "jetty-md5", "jetty-crypt",
		"fusionauth-pbkdf2-sha256", "gogs-pbkdf2", "gitea-pbkdf2", "scrypt-columns-b64")
}

func TestJavaOther(t *testing.T) {
	t.Parallel()
	jasypt := appRow(t, "jasypt-basic-md5")
	algo := func(name string) map[string]string { return map[string]string{"passwd_hash_algo": name} }
	runApp(t, []appCase{
		{name: "tomcat's default key", scheme: "tomcat-pbkdf2", stored: "aabbccdd$1000$13878355ec98315ca1ceb6b614f6707ba8783fc6"},
		{name: "shiro by length", scheme: "shiro-simplehash-hex", stored: pythonMD5},
		{name: "jasypt", scheme: "jasypt-basic", stored: jasypt.Hash, fold: FoldNFC},
		{name: "gitea scrypt", scheme: "gitea", salt: giteaSaltHex, params: algo("scrypt$1024$8$2$50"),
			stored: "5aac2a726565d5858637f9a69a2693b65ca1aefe881996720089121778e7f1c86792834631ab52f893d2798441673a41b7fc"},
		{name: "gitea argon2", scheme: "gitea", salt: "30313233343536373839616263646566", params: algo("argon2$2$64$1$50"),
			stored: "7a668dae8b1cce3556a371e209862ed040d9b3f5f0552a3393a71074e0f570544c5165921db549166e0224d7c0a1a558abcc"},
		{name: "gitea before it wrote parameters", scheme: "gitea", salt: "0123456789", params: algo("pbkdf2"),
			stored: "df31c6895caea29ec32758ead365cfffe3c817c3140ce7f3effbc05f6b1aa75812f3ded0257802b2542732adf521c3f76034"},
		{name: "gitea bcrypt", scheme: "gitea", salt: giteaSaltHex, params: algo("bcrypt"), stored: appRow(t, "bcrypt-2y").Hash, limit: 72},
		{name: "gitea's old salt and name", scheme: "gitea", salt: "0123456789", params: algo("pbkdf2_v1"),
			stored: "df31c6895caea29ec32758ead365cfffe3c817c3140ce7f3effbc05f6b1aa75812f3ded0257802b2542732adf521c3f76034"},
	})
}

func TestJavaOtherRefuses(t *testing.T) {
	t.Parallel()
	gitea, shiro, tomcat := appRow(t, "gitea-pbkdf2"), appRow(t, "shiro1").Hash, appRow(t, "tomcat-salt-iter-hash").Hash
	with := func(name, value string) map[string]string { return map[string]string{name: value} }
	var cases []appCase
	for algorithm, want := range map[string]error{
		"": ErrMalformed, "md5": ErrMalformed, "pbkdf2$50000": ErrMalformed, "pbkdf2$50000$32": ErrMalformed, "pbkdf2$+1$50": ErrMalformed,
		"pbkdf2$1$1$50": ErrMalformed, "scrypt$65536$16$50": ErrMalformed, "pbkdf2$2147483647$50": ErrBounds,
		"scrypt$1048576$16$2$50": ErrBounds, "argon2$2$4194304$8$50": ErrBounds, "argon2$2$65536$8$32": ErrMalformed,
	} {
		cases = append(cases, appCase{name: "gitea " + algorithm, scheme: "gitea", stored: gitea.Hash, salt: gitea.Salt, params: with("passwd_hash_algo", algorithm), want: want})
	}
	runApp(t, append(cases, []appCase{
		{name: "gitea salt", scheme: "gitea", stored: gitea.Hash, salt: gitea.Salt[1:], want: ErrMalformed, mentions: "salt"},
		{name: "gitea no salt", scheme: "gitea", stored: gitea.Hash, want: ErrMalformed, mentions: "salt"},
		{name: "gogs no salt", scheme: "gogs", stored: gitea.Hash, want: ErrMalformed, mentions: "salt"},
		{name: "fusionauth factor", scheme: "fusionauth", stored: javaSHA256, salt: javaSalt, params: with("factor", "0"), want: ErrBounds, mentions: "factor"},
		{name: "fusionauth no salt", scheme: "fusionauth", stored: javaSHA256, want: ErrMalformed, mentions: "salt"},
		{name: "shiro iterations", scheme: "shiro1", stored: strings.Replace(shiro, "$500000$", "$2000001$", 1), want: ErrBounds, mentions: "iterations"},
		{name: "shiro algorithm", scheme: "shiro1", stored: strings.Replace(shiro, "SHA-256", "SHA-255", 1), want: ErrMalformed},
		{name: "shiro algorithm of another length", scheme: "shiro1", stored: strings.Replace(shiro, "SHA-256", "SHA-512", 1), want: ErrMalformed},
		{name: "simplehash algorithm", scheme: "shiro-simplehash-hex", stored: pythonMD5, params: with("algorithm", "SHA-256"), want: ErrMalformed, mentions: "algorithm"},
		{name: "simplehash encoding", scheme: "shiro-simplehash-hex", stored: pythonMD5, params: with("encoding", "base32"), want: ErrMalformed, mentions: "encoding"},
		{name: "tomcat iterations", scheme: "tomcat-salt-iter-hash", stored: strings.Replace(tomcat, "$1000$", "$4294967295$", 1), want: ErrBounds, mentions: "iterations"},
		{name: "tomcat algorithm", scheme: "tomcat-salt-iter-hash", stored: tomcat, params: with("algorithm", "CRC-32"), want: ErrMalformed, mentions: "algorithm"},
		{name: "tomcat long salt", scheme: "tomcat-salt-iter-hash", stored: strings.Repeat("00", 1025) + "$1$" + pythonMD5, want: ErrBounds, mentions: "salt"},
		{name: "tomcat key", scheme: "tomcat-pbkdf2", stored: "aabbccdd$1000$13878355ec98315ca1ceb6b614f6707ba8783fc6", params: with("key_bits", "256"), want: ErrMalformed, mentions: "key_bits"},
		{name: "tomcat prf", scheme: "tomcat-pbkdf2", stored: "aabbccdd$1000$13878355ec98315ca1ceb6b614f6707ba8783fc6", params: with("algorithm", "PBKDF2WithHmacMD5"), want: ErrMalformed, mentions: "algorithm"},
		{name: "jasypt iterations", scheme: "jasypt-basic", stored: appRow(t, "jasypt-basic-md5").Hash, params: with("iterations", "2000001"), want: ErrBounds, mentions: "iterations"},
		{name: "columns without a salt", scheme: "scrypt-columns-b64", stored: javaSHA256, want: ErrMalformed, mentions: "salt"},
		{name: "columns N", scheme: "scrypt-columns-b64", stored: javaSHA256, salt: javaSalt, params: with("N", "1000"), want: ErrMalformed, mentions: "N"},
		{name: "columns dklen", scheme: "scrypt-columns-b64", stored: javaSHA256, salt: javaSalt, params: with("dklen", "8"), want: ErrBounds, mentions: "dklen"},
	}...))
}

// Two spellings of one text are one password to jasypt.
func TestJasyptFolds(t *testing.T) {
	t.Parallel()
	h, err := New(Config{}).Open(appRow(t, "jasypt-basic-md5"))
	if err != nil {
		t.Fatal(err)
	}
	one, _ := h.Digest([]byte("caf\u00e9"))
	two, _ := h.Digest([]byte("cafe\u0301"))
	if len(one) == 0 || string(one) != string(two) {
		t.Error("composed and decomposed accents differ")
	}
}

// Java would write "?" for what ISO 8859-1 lacks, and so would let any such password in.
func TestJettyRefusesBeyondLatin1(t *testing.T) {
	t.Parallel()
	h, err := New(Config{}).Open(legacy.Stored{Scheme: "jetty-md5", Hash: "MD5:d41d8cd98f00b204e9800998ecf8427e"})
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"\u20ac", "\xff", "a\u4e2d"} {
		if _, err := h.Digest([]byte(password)); err == nil {
			t.Errorf("%q is hashed", password)
		}
	}
	if _, err := h.Digest([]byte("\u00e9")); err != nil {
		t.Errorf("a Latin-1 letter is refused: %v", err)
	}
}

// The marks that LDAP and Spring share are told apart by what follows them.
func TestJavaAuto(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for _, v := range readVectors(t) {
		if !v.Valid || !strings.HasSuffix(v.Format, "-delegating") {
			continue
		}
		want := "spring"
		if v.Format == "spring-noop-delegating" {
			want = ""
		}
		if got, _ := r.Identify(v.Hash); got != want {
			t.Errorf("%s %s is taken for %q, want %q", v.ID, v.Format, got, want)
		}
	}
	for stored, want := range map[string]string{
		"{MD5}X03MO1qnZdYdgyfeuILPmQ==":      "ldap",
		"{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=":  "ldap",
		appRow(t, "spring-scrypt-v5_8").Hash: "spring-scrypt-v4_1",
		appRow(t, "shiro1").Hash:             "shiro1",
		appRow(t, "jetty-md5").Hash:          "jetty-md5",
	} {
		if got, _ := r.Identify(stored); got != want {
			t.Errorf("%.20s is taken for %q, want %q", stored, got, want)
		}
	}
}
