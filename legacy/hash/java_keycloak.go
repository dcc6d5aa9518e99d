package hash

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"strings"

	"rekey/legacy"
)

// Keycloak keeps a password as a credential row of two JSON texts: secretData {value, salt} and credentialData
// {hashIterations, algorithm, additionalParameters} (server-spi, PasswordCredentialModel). A realm export holds both in
// one object; a table holds them in the columns SECRET_DATA and CREDENTIAL_DATA.

func keycloakSchemes() []Scheme {
	return []Scheme{
		// the object of a realm export; or SECRET_DATA as hash and CREDENTIAL_DATA as salt column
		{Name: "keycloak", Aliases: []string{"keycloak-json"}, parse: parseKeycloak, Match: func(stored string) bool {
			return strings.HasPrefix(stored, "{") && strings.Contains(stored, `"secretData"`) && strings.Contains(stored, `"credentialData"`)
		}},
	}
}

// keycloakPBKDF2 are the algorithms that are PBKDF2, by their provider's id.
var keycloakPBKDF2 = map[string]hashFunc{"pbkdf2": hashSHA1, "pbkdf2-sha256": hashSHA256, "pbkdf2-sha512": hashSHA512}

// A keycloakRow is what the two texts say.
type keycloakRow struct {
	value, salt string // base64
	algorithm   string
	iterations  int64
	parameters  jsonObject // additionalParameters: each a list of one string
	// masked returns the stored value with another digest.
	masked func(value string) legacy.Stored
}

func parseKeycloak(e *env, s legacy.Stored) (*Hash, error) {
	row, err := readKeycloak(s)
	if err != nil {
		return nil, err
	}
	salt, ok := decode64(b64Std, row.salt, anyLen)
	if !ok || len(salt) == 0 {
		return nil, malformed("salt is not base64")
	}
	want, ok := decode64(b64Std, row.value, anyLen)
	if !ok || len(want) != 32 && len(want) != 64 { // the sizes that any release derives
		return nil, malformed("value is not base64 of 32 or 64 bytes")
	}
	if err := saltWithin(e, salt); err != nil {
		return nil, err
	}
	masked := row.masked(zero64(b64Std, len(want)))
	if row.algorithm == "argon2" {
		return openKeycloakArgon2(e, row, salt, want, masked)
	}
	d, ok := keycloakPBKDF2[row.algorithm]
	if !ok {
		return nil, malformed("unknown algorithm")
	}
	// Keycloak fills short passwords up with NULs to 14 characters; HMAC does the same to its key, so it changes nothing.
	set := pbkdf2Setting{prf: d, rounds: row.iterations, salt: salt, length: len(want)}
	return openPBKDF2(e, masked, set, want, masked.Hash)
}

// openKeycloakArgon2 says it as a PHC string and leaves bounds and arithmetic to that scheme.
func openKeycloakArgon2(e *env, row keycloakRow, salt, want []byte, masked legacy.Stored) (*Hash, error) {
	text := func(name string) string {
		var values []string
		if err := json.Unmarshal(row.parameters[name], &values); err != nil || len(values) != 1 {
			return ""
		}
		return values[0]
	}
	variant, version := "argon2"+text("type"), map[string]string{"1.3": "v=19", "1.0": "v=16"}[text("version")]
	if version == "" {
		return nil, malformed("unknown argon2 version")
	}
	size, ok := decimal(text("hashLength"))
	if !ok || size != int64(len(want)) {
		return nil, malformed("hashLength is not the value's length")
	}
	memory, okMemory := decimal(text("memory"))
	lanes, okLanes := decimal(text("parallelism"))
	if !okMemory || !okLanes {
		return nil, malformed("argon2 costs are not numbers")
	}
	phc := argon2PHC{variant: variant, version: version, memory: memory, time: row.iterations, lanes: lanes, salt: salt, digest: want}
	return phc.open(e, masked, masked.Hash)
}

// readKeycloak takes the two texts apart.
func readKeycloak(s legacy.Stored) (row keycloakRow, err error) {
	outer, err := readJSONObject([]byte(s.Hash))
	if err != nil {
		return row, err
	}
	secretText, dataText := s.Hash, s.Salt
	exported := outer["secretData"] != nil
	if exported {
		if outer["type"] != nil && outer.text("type") != "password" {
			return row, malformed("not a password credential")
		}
		secretText, dataText = outer.text("secretData"), outer.text("credentialData")
	}
	secret, err := readJSONObject([]byte(secretText))
	if err != nil {
		return row, err
	}
	data, err := readJSONObject([]byte(dataText))
	if err != nil {
		return row, err
	}
	iterations, ok := decimal(string(data["hashIterations"]))
	if !ok {
		return row, malformed("hashIterations is not a whole number")
	}
	row = keycloakRow{value: secret.text("value"), salt: secret.text("salt"), algorithm: data.text("algorithm"), iterations: iterations}
	if extra := data["additionalParameters"]; extra != nil {
		if row.parameters, err = readJSONObject(extra); err != nil {
			return row, err
		}
	}
	row.masked = func(value string) legacy.Stored {
		hidden := secret.with("value", value).String()
		if exported {
			hidden = outer.with("secretData", hidden).String()
		}
		return withHash(s, hidden)
	}
	return row, nil
}

// A jsonObject is an object whose values are not read yet.
type jsonObject map[string]json.RawMessage

// readJSONObject reads one object and nothing after it. Unlike package json it refuses a key that comes twice, so that
// no reader sees another value than we do, and keys keep their case.
func readJSONObject(text []byte) (jsonObject, error) {
	errNot := malformed("not a JSON object")
	dec := json.NewDecoder(bytes.NewReader(text))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, errNot
	}
	object := jsonObject{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, errNot
		}
		key, ok := token.(string)
		if !ok || object[key] != nil {
			return nil, malformed("a key of the JSON object comes twice")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, errNot
		}
		object[key] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNot
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("something follows the JSON object")
	}
	return object, nil
}

// text returns a member that is a string, or "".
func (o jsonObject) text(key string) string {
	var text *string
	if json.Unmarshal(o[key], &text) != nil || text == nil {
		return ""
	}
	return *text
}

// with returns a copy in which a member is the given string.
func (o jsonObject) with(key, text string) jsonObject {
	object := jsonObject{}
	maps.Copy(object, o)
	if value, err := json.Marshal(text); err == nil { // a string cannot fail
		object[key] = value
	}
	return object
}

func (o jsonObject) String() string {
	text, err := json.Marshal(o)
	if err != nil {
		return "" // the members were read from JSON, so this cannot be; and it is no credential
	}
	return string(text)
}
