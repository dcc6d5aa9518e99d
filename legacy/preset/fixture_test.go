package preset_test

import (
	"bufio"
	"bytes"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A fixture is a file of testdata: the application's own tables in its own dialect, people in them, and what a source
// must say of these. {{hash}} and {{salt}} stand for a stored password, {{hash.x}} for member x of one that is JSON.
type fixture struct {
	preset     string
	definition string // where the application defines the tables
	dialect    string // mysql, postgres or sqlserver
	alone      bool   // the preset works on that dialect and on no other
	statements []string
	passwords  []stored
	params     map[string]string // what the operator has to say

	find                      []string // spellings under each of which the person is found
	id, username, email       string
	name, locale              string
	totp                      []byte // the secret
	verified                  bool
	roles, groups             []string
	created, lastLogin        time.Time
	disabled, enabled, absent []string
	cannotTell                []string // there is something for a password, and it can be neither right nor wrong
	listed                    []string // the keys of everybody, where the order is worth looking at
}

// A stored password, and what it was made of.
type stored struct {
	origin               string // the vector's id, or the program
	password, hash, salt string
}

// readFixtures reads testdata.
func readFixtures(t *testing.T) []fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.sql")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	var list []fixture
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parseFixture(string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if want := strings.TrimSuffix(filepath.Base(path), ".sql"); f.preset != want {
			t.Fatalf("%s is of preset %q", path, f.preset)
		}
		list = append(list, f)
	}
	return list
}

func parseFixture(text string) (fixture, error) {
	f := fixture{params: map[string]string{}}
	head, body, ok := strings.Cut(text, "\n\n")
	if !ok {
		return f, errors.New("no empty line behind the head")
	}
	own := stored{password: "password"}
	for line := range strings.Lines(head) {
		key, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "-- "), ": ")
		if !ok {
			return f, fmt.Errorf("no key in %q", line)
		}
		if err := f.set(key, value, &own); err != nil {
			return f, err
		}
	}
	if own.hash != "" {
		f.passwords = append(f.passwords, own)
	}
	for statement := range strings.SplitSeq(body, ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			f.statements = append(f.statements, statement)
		}
	}
	if f.definition == "" || f.dialect == "" || len(f.passwords) == 0 || len(f.find) == 0 || f.id == "" || len(f.statements) < 2 {
		return f, errors.New("something is missing")
	}
	return f, nil
}

// set reads one line of the head.
func (f *fixture) set(key, value string, own *stored) (err error) {
	texts := map[string]*string{
		"preset": &f.preset, "definition": &f.definition, "id": &f.id, "username": &f.username, "email": &f.email,
		"name": &f.name, "locale": &f.locale,
		"hash": &own.hash, "salt": &own.salt, "made by": &own.origin,
	}
	spellings := map[string]*[]string{"find": &f.find, "disabled": &f.disabled, "enabled": &f.enabled, "absent": &f.absent, "cannot tell": &f.cannotTell}
	words := map[string]*[]string{"roles": &f.roles, "groups": &f.groups, "listed": &f.listed}
	times := map[string]*time.Time{"created": &f.created, "last login": &f.lastLogin}
	param, isParam := strings.CutPrefix(key, "param ")
	switch {
	case isParam:
		f.params[param] = value
	case texts[key] != nil:
		*texts[key] = value
	case spellings[key] != nil:
		*spellings[key] = strings.Split(value, "; ")
	case words[key] != nil:
		*words[key] = strings.Fields(value)
	case times[key] != nil:
		*times[key], err = time.Parse(time.RFC3339, value)
	case key == "totp":
		f.totp, err = base32.StdEncoding.DecodeString(value)
	case key == "verified":
		f.verified = value == "true"
	case key == "dialect":
		var rest string
		f.dialect, rest, _ = strings.Cut(value, ",")
		f.alone = rest != ""
	case key == "vectors":
		for id := range strings.FieldsSeq(value) {
			password, err := vector(id)
			if err != nil {
				return err
			}
			f.passwords = append(f.passwords, password)
		}
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return err
}

// filled returns the statements with a stored password in its places, as literals of an engine.
func (f fixture) filled(engine string, s stored) ([]string, error) {
	places := map[string]string{"hash": s.hash, "salt": s.salt}
	if strings.HasPrefix(s.hash, "{") {
		var members map[string]string
		if err := json.Unmarshal([]byte(s.hash), &members); err == nil { // else it is no JSON, such as "{bcrypt}$2a$…"
			for name, member := range members {
				places["hash."+name] = member
			}
		}
	}
	escape := strings.NewReplacer("'", "''")
	if engine == "mysql" {
		escape = strings.NewReplacer("'", "''", `\`, `\\`)
	}
	list := slices.Clone(f.statements)
	for i := range list {
		list[i] = toEngine(list[i], f.dialect, engine)
		for name, value := range places {
			list[i] = strings.ReplaceAll(list[i], "{{"+name+"}}", escape.Replace(value))
		}
		if strings.Contains(list[i], "{{") {
			return nil, fmt.Errorf("nothing to put in a place of: %.60s", list[i])
		}
	}
	return list, nil
}

// vector returns a row of package hash's vectors.
func vector(id string) (stored, error) {
	rows, err := vectors()
	if err != nil {
		return stored{}, err
	}
	row, ok := rows[id]
	if !ok {
		return stored{}, fmt.Errorf("no vector %s", id)
	}
	return row, nil
}

var vectors = sync.OnceValues(func() (map[string]stored, error) {
	rows := map[string]stored{}
	for _, path := range []string{"../hash/testdata/vectors.jsonl", "../hash/testdata/php.jsonl"} {
		more, err := readVectors(path)
		if err != nil {
			return nil, err
		}
		maps.Copy(rows, more)
	}
	return rows, nil
})

func readVectors(path string) (map[string]stored, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows := map[string]stored{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row struct {
			ID, Format, Password, Hash, Salt string
			Valid                            bool
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if row.Valid {
			rows[row.ID] = stored{row.ID + " " + row.Format, row.Password, row.Hash, row.Salt}
		}
	}
	return rows, lines.Err()
}
