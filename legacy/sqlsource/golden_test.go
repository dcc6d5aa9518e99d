package sqlsource

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rekey/legacy"
)

var update = flag.Bool("update", false, "write the statements that are built into testdata")

// shops are the configurations whose statements are pinned, and run on the engines that there are.
func shops() []struct {
	name   string
	config Config
} {
	plain := Columns{ID: "id", Username: "login", Email: "email", Password: "pass"}
	spread := Columns{ID: "id", Username: "login", Email: "mail.address", Password: "secret.hash"}
	mail := Join{Table: "emails", As: "mail", On: []On{{"id", "user_id"}}, Where: []Condition{{"is_primary", "=", []string{"true"}}}}
	secret := Join{Table: "old.secrets", As: "secret", On: []On{{"id", "user_id"}}}
	return []struct {
		name   string
		config Config
	}{
		{"one table", Config{Table: "users", Columns: plain}},
		{"one identifier, one condition", Config{
			Table: "users", Columns: Columns{ID: "id", Email: "email", Password: "pass"}, Where: []Condition{{"deleted_at", "is null", nil}},
		}},
		{"every condition", Config{
			Table: "old.users", Columns: plain,
			Where: []Condition{
				{"kind", "=", []string{"customer"}}, {"status", "!=", []string{"gone"}}, {"id", ">", []string{"0"}},
				{"id", "<", []string{"900"}}, {"status", "in", []string{"new", "old"}}, {"kind", "not in", []string{"robot", "guest"}},
				{"email", "is not null", nil}, {"deleted_at", "is null", nil},
			},
			DisabledWhen: []Condition{{"status", "=", []string{"banned"}}, {"bans", ">", []string{"3"}}},
		}},
		{"several columns of a kind, a profile, further columns", Config{
			Table:   "users",
			Columns: Columns{ID: "id", Username: "login, login_clean", Email: "email", Password: "pass", Salt: "salt", CreatedAt: "made", LastLoginAt: "seen", Disabled: "!active"},
			Profile: ProfileColumns{
				DisplayName: "first, last", Locale: "lang", EmailVerified: "!unconfirmed", Roles: "roles", Groups: "teams", TOTPSecret: "totp",
			},
			Extra:        []string{"points", "birthday"},
			DisabledWhen: []Condition{{"bans", "!=", []string{"0"}}},
		}},
		{"a key of three columns", Config{
			Table: "users", Columns: Columns{ID: "realm, shard, login", Username: "login", Email: "email", Password: "pass"},
			Where: []Condition{{"status", "=", []string{"live"}}},
		}},
		{"joined tables that hold identifiers", Config{
			Table: "users", Columns: spread, Joins: []Join{mail, secret}, Where: []Condition{{"deleted_at", "is null", nil}},
			DisabledWhen: []Condition{{"secret.locked", "=", []string{"true"}}},
		}},
		{"joined tables of profiles only, one behind the other", Config{
			Table: "users", Columns: plain, Profile: ProfileColumns{Roles: "role.name"},
			Joins: []Join{
				{Table: "users_roles", As: "member", On: []On{{"id", "user_id"}}},
				{Table: "roles", As: "role", On: []On{{"member.role_id", "id"}}, Where: []Condition{{"status", "!=", []string{"off"}}}},
			},
		}},
		{"people chosen by a joined table, a key of two columns", Config{
			Table: "users", Columns: Columns{ID: "realm, login", Username: "login", Email: "email", Password: "pass"},
			Joins: []Join{{Table: "members", As: "member", On: []On{{"realm", "realm"}, {"login", "login"}}}},
			Where: []Condition{{"member.site", "=", []string{"shop"}}, {"deleted_at", "is null", nil}},
		}},
		{"queries", Config{Queries: Queries{
			Lookup:    "SELECT id, email, pass AS password FROM users WHERE lower(email) IN (:identifier) OR login IN (:identifier);",
			Get:       "SELECT id, email, pass AS password FROM users WHERE id = :id",
			List:      "SELECT id, email, pass AS password FROM users WHERE kind <> 'a:limit' ORDER BY id LIMIT :limit",
			ListAfter: "SELECT id, email, pass AS password FROM users WHERE id > :after ORDER BY id LIMIT :limit",
		}}},
	}
}

// goldenTypes gives the columns of shops types.
func goldenTypes(s *schema) map[column]columnType {
	types := map[column]columnType{}
	for i := range s.tables {
		for _, name := range s.columnsOf(i) {
			t := typeText
			switch {
			case slices.Contains([]string{"id", "shard", "bans", "user_id", "role_id"}, name):
				t = typeInt64
			case slices.Contains([]string{"is_primary", "locked"}, name):
				t = typeBool
			}
			types[column{i, name}] = t
		}
	}
	return types
}

// statements returns every statement that a source sends, by what it is for.
func statements(t *testing.T, s *Source) string {
	t.Helper()
	var out strings.Builder
	say := func(what, text string, args []any) {
		fmt.Fprintf(&out, "%s: %s\n", what, text)
		if len(args) > 0 {
			fmt.Fprintf(&out, "\t%v\n", args)
		}
	}
	if s.config.Table == "" {
		args := identifierArgs("anna", "anna@example.org")
		args[markID], args[markAfter], args[markLimit] = []any{int64(7)}, []any{int64(7)}, []any{int64(50)}
		for _, c := range []*custom{s.customs.lookup, s.customs.get, s.customs.list, s.customs.listAfter} {
			q := c.statement(s.dialect, args)
			say(c.name, q.text.String(), q.args)
		}
		return out.String()
	}
	shape, err := s.schema.shape(goldenTypes(s.schema))
	if err != nil {
		t.Fatal(err)
	}
	key := []any{int64(7)}
	if n := len(s.schema.key); n > 1 {
		key = []any{"eu", int64(7), "anna"}[:n]
	}
	text, _ := s.shapeQuery()
	say("columns", text, nil)
	text, args := s.lookupQuery(shape, []string{"anna", "anna@example.org"}, nil, maxPeople)
	say("lookup", text, args)
	text, args = s.getQuery(shape, key)
	say("get", text, args)
	text, args = s.manyQuery(shape, [][]any{key, key})
	say("get many", text, args)
	text, args = s.listQuery(shape, nil, nil, 50)
	say("list", text, args)
	text, args = s.listQuery(shape, key, nil, 50)
	say("list on", text, args)
	text, args = s.countQuery(shape)
	say("count", text, args)
	text, args = s.listQuery(shape, key, key, 50)
	say("list up to", text, args)
	text, args = s.cutQuery(shape, nil, 50)
	say("cut", text, args)
	text, args = s.cutQuery(shape, key, 50)
	say("cut on", text, args)
	return out.String()
}

// writeStatements returns every statement that is built to write, by what it is for, where the shop can be written.
func writeStatements(t *testing.T, c Config) string {
	t.Helper()
	c.Name, c.Scheme, c.Write = "shop", "auto", &Write{Like: bcryptLike}
	w, err := OpenWriter(c)
	if err != nil {
		return "# not written: " + err.Error() + "\n"
	}
	t.Cleanup(func() { w.Close() })
	shape, err := w.schema.shape(goldenTypes(w.schema))
	if err != nil {
		t.Fatal(err)
	}
	key := "7"
	if n := len(w.schema.key); n > 1 {
		key = joinKey([]string{"eu", "7", "anna"}[:n])
	}
	was := legacy.User{ID: key, Password: &legacy.Stored{Hash: "old", Salt: "salt"}}
	want := legacy.User{
		Username: "anna", Email: "anna@example.org", Profile: legacy.Profile{DisplayName: "Anna Berg"},
		Password: &legacy.Stored{Hash: "new", Salt: "pepper"},
	}
	var out strings.Builder
	one := &transaction{shape: shape}
	for _, by := range w.ways {
		var q *statement
		var err error
		switch {
		case by.why != "":
			fmt.Fprintf(&out, "# %s: %s\n", by.slot.name, by.why)
			continue
		case by.slot.part == partInsert:
			q, err = w.insertStatement(one, want)
		case by.slot.part == partDelete:
			q, err = w.deleteStatement(one, was)
		default:
			q, err = w.updateStatement(one, was, want, []writePart{by.slot.part})
		}
		if err != nil {
			fmt.Fprintf(&out, "# %s: %v\n", by.slot.name, err)
			continue
		}
		fmt.Fprintf(&out, "%s: %s\n\t%v\n", by.slot.name, q.text.String(), q.args)
	}
	return out.String()
}

// TestStatements pins every statement for every engine. SQL Server's are not run by any test here: there, this file is
// all there is. Run with -update to write the files, and read the difference.
func TestStatements(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{
		"mysql": "mysql://h/d", "postgres": "postgres://h/d", "sqlite": "sqlite:///d.db", "sqlserver": "sqlserver://u:p@h?database=d",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			for _, shop := range shops() {
				c := shop.config
				c.DSN = dsn
				fmt.Fprintf(&got, "# %s\n%s%s\n", shop.name, statements(t, open(t, c)), writeStatements(t, c))
			}
			path := filepath.Join("testdata", "statements", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wanted, made := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")
			for i := range max(len(wanted), len(made)) {
				if i >= len(wanted) || i >= len(made) || wanted[i] != made[i] {
					t.Fatalf("%s differs from line %d on; run with -update and read what has changed", path, i+1)
				}
			}
		})
	}
}
