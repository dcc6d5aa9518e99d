package preset_test

import (
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/preset"
	"rekey/legacy/sqlsource"
)

// TestWrite writes into each application's own tables by the preset as it stands, and reads what was written by the
// application's own scheme. Inserts are tried where the tables number their rows, which is not on SQLite: there the
// fixtures' keys have no numbering.
func TestWrite(t *testing.T) {
	t.Parallel()
	registry := hash.New(hash.Config{})
	written := map[string]bool{}
	for _, f := range readFixtures(t) {
		p, _ := preset.Named(f.preset)
		w, ok := p.WriteWith(p.TableWith(""), "")
		if !ok {
			continue
		}
		written[p.Name] = true
		for _, engine := range slices.Compact([]string{"sqlite", f.dialect}) {
			if engine == "sqlserver" || engine == "sqlite" && f.alone {
				continue
			}
			t.Run(p.Name+"/"+engine, func(t *testing.T) {
				t.Parallel()
				dsn := build(t, f, engine, f.passwords[0])
				insert := w.Insert
				if engine == "sqlite" {
					insert = "-"
				} else {
					number(t, dsn, engine, p)
				}
				c := configOf(p, dsn, f.params)
				c.Write = &sqlsource.Write{
					Scheme: w.Scheme, Like: cheaper(t, registry, w.Scheme, c.Params), Password: w.Password, Username: w.Username, Email: w.Email, Phone: w.Phone,
					DisplayName: w.DisplayName, EmailVerified: w.EmailVerified, Disabled: w.Disabled, Insert: insert, Delete: w.Delete,
				}
				source, err := sqlsource.OpenWriter(c)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { source.Close() })
				if err := source.Check(t.Context()); err != nil {
					t.Fatal(err)
				}
				writeTo(t, registry, source, f)
			})
		}
	}
	for _, p := range preset.All() {
		if p.Write != nil && !written[p.Name] {
			t.Errorf("%s: is written to, and has no fixture to try it on", p.Name)
		}
	}
}

// cheaper is the example of a scheme at a cost that a test can bear.
func cheaper(t *testing.T, registry *hash.Registry, scheme string, params map[string]string) string {
	t.Helper()
	if scheme == "" {
		return ""
	}
	like, ok := registry.Example(scheme, params)
	if !ok {
		t.Fatalf("%s: there is no example", scheme)
	}
	return strings.NewReplacer("$12$", "$04$", "$13$", "$04$", "$10$", "$04$", "600000", "1000", "m=65536", "m=64", "$P$B", "$P$7", "$S$D", "$S$7").Replace(like.Hash)
}

// writeTo changes, adds and removes people.
func writeTo(t *testing.T, registry *hash.Registry, source *sqlsource.Writer, f fixture) {
	t.Helper()
	ctx, people, can := t.Context(), finder{t, source.Source}, source.Writes()
	newPassword := func(u legacy.User) *legacy.NewPassword {
		like := *u.Password
		if can.Like != nil {
			like = *can.Like
			like.User = u.Username
		}
		made, err := registry.Make(like, []byte("newpass"))
		if err != nil {
			t.Fatal(err)
		}
		return &legacy.NewPassword{Hashed: made}
	}
	opens := func(u legacy.User) {
		t.Helper()
		h, err := registry.Open(*u.Password)
		if err != nil || !h.Verify([]byte("newpass")) || h.Verify([]byte("oldpass")) {
			t.Errorf("what was written is not the password (%v)", err)
		}
	}
	was := people.one(f.find[0])
	if err := source.Update(ctx, was, legacy.Change{Password: newPassword(was)}); err != nil {
		t.Fatal(err)
	}
	now := people.one(f.find[0])
	opens(now)
	if err := source.Update(ctx, was, legacy.Change{Password: newPassword(was)}); !errors.Is(err, legacy.ErrConflict) {
		t.Errorf("upon an old reading: %v", err)
	}
	mail, yes := "renamed@example.org", true
	if can.Email {
		if err := source.Update(ctx, now, legacy.Change{Email: &mail}); err != nil {
			t.Errorf("e-mail: %v", err)
		}
	}
	if can.Disabled {
		if err := source.Update(ctx, now, legacy.Change{Disabled: &yes}); err != nil {
			t.Errorf("disabled: %v", err)
		}
	}
	if can.Insert {
		fresh := legacy.User{Username: "New.Person", Email: "new@example.org", Password: now.Password}
		id, err := source.Insert(ctx, fresh, *newPassword(fresh))
		if err != nil {
			t.Fatalf("insert: %v", err)
		}
		added := people.one("new@example.org")
		if added.ID != id || added.Disabled {
			t.Errorf("who was inserted has the key %s, not %s, disabled %v", added.ID, id, added.Disabled)
		}
		opens(added)
		if can.Delete {
			if err := source.Delete(ctx, added); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
	} else if can.Delete {
		if err := source.Delete(ctx, now); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
}

// number lets a table give its rows numbers, as that of the application does, where the fixture leaves it out.
func number(t *testing.T, dsn, engine string, p preset.Preset) {
	t.Helper()
	if p.Write.Insert == "-" {
		return
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN is not a URL")
	}
	var admin *sql.DB
	if engine == "mysql" {
		password, _ := u.User.Password()
		admin = openAdmin(t, "mysql", u.User.Username()+":"+password+"@tcp("+u.Host+")"+u.Path)
		must(t, admin, "ALTER TABLE `"+p.TableWith("")+"` MODIFY `"+p.Columns.ID+"` BIGINT NOT NULL AUTO_INCREMENT")
		return
	}
	admin = openAdmin(t, "pgx", dsn)
	must(t, admin, `ALTER TABLE "`+p.TableWith("")+`" ALTER COLUMN "`+p.Columns.ID+`" ADD GENERATED BY DEFAULT AS IDENTITY (START 100)`)
}

// TestWriteWith puts names into statements.
func TestWriteWith(t *testing.T) {
	t.Parallel()
	p, _ := preset.Named("wordpress")
	w, ok := p.WriteWith("blog_users", "blog_")
	if !ok || !strings.Contains(w.Insert, "INSERT INTO blog_users ") || !strings.Contains(w.Insert, "'blog_capabilities'") || strings.Contains(w.Insert, "{p") {
		t.Errorf("%s", w.Insert)
	}
	if again, _ := preset.Named("wordpress"); !strings.Contains(again.Write.Insert, "{table}") {
		t.Error("the preset itself was changed")
	}
	if p, _ = preset.Named("drupal"); p.Write != nil {
		t.Error("Drupal 8 keeps people in a cache that a write does not reach")
	}
}
