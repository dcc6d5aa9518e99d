package sqlsource

import (
	"strings"
	"testing"
)

// TestWriteConfig names what is wrong with what is to be written, without asking the database.
func TestWriteConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(*Config)
		want   string // "" is right
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Write.Scheme = "md5(md5($pass).$salt)" }, ""},
		{func(c *Config) { c.Write.Scheme = "plaintext" }, "scheme: no value"},
		{func(c *Config) { c.Write.Scheme, c.Write.Like = "bcrypt", "not a hash" }, "like: bcrypt: malformed"},
		{func(c *Config) { c.Write.LikeSalt = "s" }, "like_salt: there is no like"},
		{func(c *Config) { c.Write.DSN = "postgres://h/d" }, "dsn: want the same kind"},
		{func(c *Config) { c.Write.DSN = "mariadb://h/d" }, ""},
		{func(c *Config) { c.Write.DSN = "nonsense" }, "dsn: want mysql"},
		{func(c *Config) { c.Write.Insert = "INSERT INTO users (a) VALUES (:password)" }, "insert: a new person's password is made in a scheme"},
		{func(c *Config) { c.Write.Scheme, c.Write.Insert = "bcrypt", "INSERT INTO users (a) VALUES (:email)" }, "insert: the mark :password is missing"},
		{func(c *Config) {
			c.Write.Scheme, c.Write.Insert = "bcrypt", "INSERT INTO users (a) VALUES (:old_password)"
		}, "insert: want the marks"},
		{func(c *Config) { c.Write.Password = "UPDATE users SET pass = :password WHERE id = :id" }, "password: the mark :old_password is missing"},
		{func(c *Config) {
			c.Write.Password = "UPDATE users SET pass = 'x' WHERE id = :id AND pass = :old_password"
		}, "password: the mark :password is missing"},
		{func(c *Config) { c.Write.Password = "UPDATE users SET pass = :password WHERE pass = :old_password" }, "password: the mark :id is missing"},
		{func(c *Config) {
			c.Write.Password = "DELETE FROM users WHERE id = :id AND pass = :old_password AND 1 = :password"
		}, "password: a statement begins with UPDATE"},
		{func(c *Config) { c.Write.Email = "DROP TABLE users" }, "email: a statement begins with UPDATE"},
		{func(c *Config) {
			c.Write.Email = "UPDATE users SET email = :email WHERE id = :id AND pass = :old_password; DROP TABLE users"
		}, "email: a statement begins with UPDATE or DELETE or INSERT"},
		{func(c *Config) {
			c.Write.Email = "UPDATE users SET email = :email WHERE id = :id AND pass = :old_password -- all"
		}, `email: outside quotes, a statement has no "-"`},
		{func(c *Config) {
			c.Write.Delete = "UPDATE users SET note = 'a;b' WHERE id = :id AND pass = :old_password"
		}, ""},
		{func(c *Config) { c.Write.Delete = "DELETE FROM users WHERE id = :id" }, "delete: the mark :old_password is missing"},
		{func(c *Config) { c.Write.Delete = "INSERT INTO gone VALUES (:id, :old_password)" }, "delete: a statement begins with UPDATE or DELETE"},
		{func(c *Config) {
			*c.Write = Write{Password: None, Username: None, Email: None, Insert: None, Delete: None}
		}, "nothing can be written"},
		{func(c *Config) { c.Columns.ID = "realm,id" }, ""},
		{func(c *Config) {
			c.Columns.ID = "realm,id"
			c.Write.Email = "UPDATE users SET email = :email WHERE id = :id AND pass = :old_password"
		}, "email: want the marks"},
		{func(c *Config) {
			c.Columns.ID = "realm,id"
			c.Write.Email = "UPDATE users SET email = :email WHERE realm = :id1 AND id = :id2 AND pass = :old_password"
		}, ""},
	} {
		c := Config{
			Name: "shop", DSN: "mysql://u:hunter2@h/d", Table: "users", Scheme: "auto",
			Columns: Columns{ID: "id", Username: "login", Email: "email", Password: "pass"}, Write: &Write{},
		}
		tt.change(&c)
		err := CheckConfig(c)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%v, want none", err)
		case tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "legacy source shop: write: "+tt.want)):
			t.Errorf("%v, want %s", err, tt.want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("the error tells a secret")
		}
	}
}
