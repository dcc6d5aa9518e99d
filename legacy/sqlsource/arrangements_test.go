package sqlsource

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// An arrangement is a way to keep the suite's people in several tables, or beside others. make makes the tables, whose
// names begin with prefix, and returns how they are read.
type arrangement struct {
	name string
	make func(t *testing.T, w writer, prefix string, people []legacy.User) Config
	wrap func(*Source) legacy.Source
}

// A writer makes tables in an engine's own words.
type writer struct {
	t     *testing.T
	e     engine
	admin *sql.DB
}

// table makes a table of columns such as "id int".
func (w writer) table(name string, columns ...string) {
	w.t.Helper()
	for i, c := range columns {
		column, generic, _ := strings.Cut(c, " ")
		columns[i] = column + " " + w.e.types[generic]
	}
	must(w.t, w.admin, "CREATE TABLE "+name+" ("+strings.Join(columns, ", ")+")")
}

// row inserts a row.
func (w writer) row(table string, values ...any) {
	w.t.Helper()
	marks := make([]string, len(values))
	for i := range values {
		marks[i] = w.e.mark(i + 1)
	}
	must(w.t, w.admin, "INSERT INTO "+table+" VALUES ("+strings.Join(marks, ", ")+")", values...)
}

func arrangements() []arrangement {
	return []arrangement{{"joined", joinedTables, nil}, {"composite key", compositeKey, inRealm}, {"queries", byQueries, nil}}
}

// joinedTables spreads people over four tables, among second addresses, several roles, and people who were deleted.
func joinedTables(_ *testing.T, w writer, p string, people []legacy.User) Config {
	w.table(p+"users", "id int", "login text", "phone text", "made time", "deleted time")
	w.table(p+"mails", "user_id int", "address text", "is_primary bool")
	w.table(p+"secrets", "user_id int", "hash text", "salt text", "seen time", "state text")
	w.table(p+"roles", "user_id int", "name text")
	must(w.t, w.admin, "CREATE UNIQUE INDEX "+p+"i1 ON "+p+"users (id)")
	must(w.t, w.admin, "CREATE INDEX "+p+"i2 ON "+p+"mails (address)")
	moment := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, u := range people {
		w.row(p+"users", u.ID, u.Username, u.Phone, orNull(u.CreatedAt), nil)
		if u.Email != "" {
			w.row(p+"mails", u.ID, u.Email, true)
			w.row(p+"mails", u.ID, "second@example.org", false)
		}
		state := "fine"
		if u.Disabled {
			state = "banned"
		}
		w.row(p+"secrets", u.ID, u.Password.Hash, u.Password.Salt, orNull(u.LastLoginAt), state)
		for _, role := range []string{"reader", "writer", "reader"} {
			w.row(p+"roles", u.ID, role)
		}
		w.row(p+"users", "1000"+u.ID, u.Username, u.Phone, nil, moment) // has been deleted
	}
	return Config{
		Table: p + "users",
		Columns: Columns{
			ID: "id", Username: "login", Email: "mail.address", Phone: "phone", Password: "secret.hash", Salt: "secret.salt", CreatedAt: "made",
			LastLoginAt: "secret.seen",
		},
		Profile: ProfileColumns{Roles: "role.name"},
		Joins: []Join{
			{Table: p + "mails", As: "mail", On: []On{{"id", "user_id"}}, Where: []Condition{{"is_primary", "=", []string{"true"}}}},
			{Table: p + "secrets", As: "secret", On: []On{{"id", "user_id"}}},
			{Table: p + "roles", As: "role", On: []On{{"secret.user_id", "user_id"}}},
		},
		Where:        []Condition{{"deleted", "is null", nil}},
		DisabledWhen: []Condition{{"secret.state", "=", []string{"banned"}}},
	}
}

// compositeKey keeps the people of one realm among the same people of another.
func compositeKey(_ *testing.T, w writer, p string, people []legacy.User) Config {
	w.table(p+"users", "realm text", "id int", "login text", "mail text", "phone text", "hash text", "salt text", "made time", "seen time", "state int")
	must(w.t, w.admin, "CREATE UNIQUE INDEX "+p+"i ON "+p+"users (realm, id)")
	for _, realm := range []string{"e:u", "us"} {
		for _, u := range people {
			state := 0
			if u.Disabled {
				state = 7
			}
			w.row(p+"users", realm, u.ID, u.Username, u.Email, u.Phone, u.Password.Hash, u.Password.Salt, orNull(u.CreatedAt), orNull(u.LastLoginAt), state)
		}
	}
	return Config{
		Table: p + "users",
		Columns: Columns{
			ID: "realm, id", Username: "login", Email: "mail", Phone: "phone", Password: "hash", Salt: "salt", CreatedAt: "made", LastLoginAt: "seen",
		},
		Where:        []Condition{{"realm", "in", []string{"e:u"}}},
		DisabledWhen: []Condition{{"state", ">", []string{"7"}}, {"state", "in", []string{"3", "7"}}},
	}
}

// inRealm takes the realm off the keys, of which the suite knows the second part.
func inRealm(s *Source) legacy.Source { return realm{s} }

type realm struct{ *Source }

const realmPrefix = `e\:u:`

func (r realm) Lookup(ctx context.Context, spellings ...string) ([]legacy.User, error) {
	users, err := r.Source.Lookup(ctx, spellings...)
	return short(users), err
}

func (r realm) Get(ctx context.Context, id string) (legacy.User, error) {
	u, err := r.Source.Get(ctx, realmPrefix+id)
	return short([]legacy.User{u})[0], err
}

func (r realm) GetMany(ctx context.Context, ids []string) ([]legacy.User, error) {
	long := make([]string, len(ids))
	for i, id := range ids {
		long[i] = realmPrefix + id
	}
	users, err := r.Source.GetMany(ctx, long)
	return short(users), err
}

func (r realm) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	if after != "" {
		after = realmPrefix + after
	}
	users, err := r.Source.List(ctx, after, limit)
	return short(users), err
}

func (r realm) Cut(ctx context.Context, after string, n int) (string, error) {
	if after != "" {
		after = realmPrefix + after
	}
	id, err := r.Source.Cut(ctx, after, n)
	return strings.TrimPrefix(id, realmPrefix), err
}

func (r realm) ListTo(ctx context.Context, after, through string, limit int) ([]legacy.User, error) {
	if through == "" {
		return r.List(ctx, after, limit)
	}
	if after != "" {
		after = realmPrefix + after
	}
	users, err := r.Source.ListTo(ctx, after, realmPrefix+through, limit)
	return short(users), err
}

func (r realm) FindMany(ctx context.Context, spellings []string) ([]legacy.User, error) {
	users, err := r.Source.FindMany(ctx, spellings)
	return short(users), err
}

func (r realm) Search(ctx context.Context, part string, limit int) ([]legacy.User, error) {
	users, err := r.Source.Search(ctx, part, limit)
	return short(users), err
}

func short(users []legacy.User) []legacy.User {
	for i := range users {
		users[i].ID = strings.TrimPrefix(users[i].ID, realmPrefix)
	}
	return users
}

// byQueries reads by the operator's own queries, two of which find some people twice.
func byQueries(_ *testing.T, w writer, p string, people []legacy.User) Config {
	w.table(p+"users", "id int", "login text", "mail text", "phone text", "hash text", "salt text", "made time", "seen time", "blocked bool")
	for _, u := range people {
		w.row(p+"users", u.ID, u.Username, u.Email, u.Phone, u.Password.Hash, u.Password.Salt, orNull(u.CreatedAt), orNull(u.LastLoginAt), u.Disabled)
	}
	fields := "SELECT id, login AS USERNAME, mail AS email, phone, hash AS password, salt, made AS created_at, seen AS last_login_at, blocked AS disabled FROM " + p + "users"
	return Config{Queries: Queries{
		Lookup: fields + " WHERE login IN (:identifier) UNION ALL " + fields + " WHERE mail IN (:identifier) UNION ALL " +
			fields + " WHERE phone IN (:identifier)",
		Get:       fields + " WHERE id = :id",
		List:      fields + " WHERE ':id' <> '::' ORDER BY id LIMIT :limit ;\n",
		ListAfter: fields + " WHERE id > :after ORDER BY id LIMIT :limit",
	}}
}

// TestContractOfArrangements runs the suite on each engine over people in several tables, with a key of several columns,
// and by queries.
func TestContractOfArrangements(t *testing.T) {
	t.Parallel()
	down := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite://u:hunter2@" + filepath.Join(t.TempDir(), "none.db") },
		"mysql":    func(t *testing.T) string { return "mysql://u:hunter2@" + deaf(t) + "/d" },
		"postgres": func(t *testing.T) string { return "postgres://u:hunter2@" + deaf(t) + "/d?sslmode=disable" },
	}
	for _, a := range arrangements() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
				wrap := a.wrap
				if wrap == nil {
					wrap = func(s *Source) legacy.Source { return s }
				}
				empty := a.make(t, writer{t, e, admin}, "empty_", nil)
				legacytest.Run(t, legacytest.Harness{
					New: func(t *testing.T, people []legacy.User) legacy.Source {
						rule := strings.ToLower(t.Name()[strings.LastIndex(t.Name(), "/")+1:])
						c := a.make(t, writer{t, e, admin}, strings.NewReplacer(" ", "_", "#", "").Replace(rule)+"_", people)
						c.DSN, c.Params = dsn, map[string]string{"stretches": "3"}
						s := open(t, c)
						if err := s.Check(t.Context()); err != nil {
							t.Fatal(err)
						}
						return wrap(s)
					},
					Down: func(t *testing.T) legacy.Source {
						c := empty
						c.DSN, c.Timeout = down[e.name](t), 100*time.Millisecond
						return wrap(open(t, c))
					},
					Secrets: []string{"hunter2"},
				})
			})
		})
	}
}
