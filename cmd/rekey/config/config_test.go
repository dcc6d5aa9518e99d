package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

const smallest = `listen: 127.0.0.1:8080
admin: {listen: 127.0.0.1:8081}
store: sqlite:///var/lib/rekey/rekey.db
legacy:
  - name: shop
    kind: sql
    dsn: mysql://user:hunter2@127.0.0.1:3306/shop
    table: users
    columns: {id: id, username: login, email: email, password: pass, disabled: "!active"}
    scheme: auto
`

// load reads text as rekey.yaml with the given environment.
func load(t *testing.T, text string, environ ...string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rekey.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(options(path, environ))
	if err != nil {
		err = errors.New(strings.ReplaceAll(err.Error(), path, "rekey.yaml"))
	}
	return c, err
}

func options(path string, environ []string) Options {
	return Options{Path: path, Environ: environ}
}

func TestSmallest(t *testing.T) {
	t.Parallel()
	c, err := load(t, smallest)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Store = NewURL("sqlite:///var/lib/rekey/rekey.db")
	want.MasterKeyFile = "/var/lib/rekey/rekey.db.key"
	want.Issuer = "http://127.0.0.1:8080"
	want.Legacy = []Legacy{{
		Name: "shop", Kind: "sql", DSN: NewURL("mysql://user:hunter2@127.0.0.1:3306/shop"), Table: "users",
		Columns: Columns{ID: "id", Username: "login", Email: "email", Password: "pass", Disabled: "!active"},
		Scheme:  "auto", Timeout: 2 * time.Second, MaxConns: 8,
		Watch:     Watch{Every: 30 * time.Second, Overlap: 2 * time.Minute},
		Reconcile: Reconcile{Every: 24 * time.Hour, PerSecond: 50, MostChanged: 10},
	}}
	same := cmp.Options{
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".origins" || p.Last().String() == ".notes" }, cmp.Ignore()),
		cmp.AllowUnexported(Config{}),
	}
	if diff := cmp.Diff(want, c, same); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if got := c.Warnings().Error(); !strings.Contains(got, "issuer: is not set") {
		t.Errorf("no warning about the issuer in %q", got)
	}
}

func TestEnvironmentWins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dsn := filepath.Join(dir, "dsn")
	if err := os.WriteFile(dsn, []byte("postgres://app:geheim@db/old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, smallest+"limits: off\n",
		"REKEY_LISTEN=[::1]:9000", "REKEY_TOKENS_ALGORITHM=RS256", "REKEY_LEGACY_0_DSN_FILE="+dsn, "REKEY_LIMITS=on",
		"REKEY_LEGACY_0_COLUMNS_LAST_LOGIN_AT=seen", "REKEY_TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.1",
		"REKEY_LEGACY_1_NAME=blog", "REKEY_LEGACY_1_PRESET=wordpress", "REKEY_LEGACY_1_DSN=sqlite:///blog.db",
		"REKEY_LEGACY_1_PARAMS=iterations=10,pepper=salz=1", "REKEY_PASSWORD_TIME=3",
		"REKEY_CONFIG=elsewhere", "REKEY_TEST_MYSQL=mysql://x", "REKEY_FAILPOINT=x", "REKEY_SERVICES_DURABLE=1", "HOME=/",
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, got, want string }{
		{"listen", c.Listen, "[::1]:9000"},
		{"algorithm", c.Tokens.Algorithm, "RS256"},
		{"dsn from a file", c.Legacy[0].DSN.Reveal(), "postgres://app:geheim@db/old"},
		{"limits", fmt.Sprint(c.Limits.Off), "false"},
		{"column", c.Legacy[0].Columns.LastLoginAt, "seen"},
		{"proxies", fmt.Sprint(c.TrustedProxies), "[10.0.0.0/8 192.0.2.1/32]"},
		{"second source", c.Legacy[1].Name + c.Legacy[1].Kind + c.Legacy[1].DSN.Reveal(), "blogsqlsqlite:///blog.db"},
		{"scheme of the preset", c.Legacy[1].Scheme, "wordpress"},
		{"params", c.Legacy[1].Params.Reveal()["pepper"] + c.Legacy[1].Params.Reveal()["iterations"], "salz=110"},
		{"time", fmt.Sprint(c.Password.Time), "3"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, tc.got, tc.want)
		}
	}
}

// TestRefused gives the whole text of each error: it is what the operator reads.
func TestRefused(t *testing.T) {
	t.Parallel()
	const base = "store: sqlite:///r.db\nissuer: https://id.example\n"
	source := func(lines string) string {
		return base + "legacy:\n  - name: shop\n    dsn: sqlite:///old.db\n    table: users\n    columns: {id: id, email: mail, password: pass}\n" + lines
	}
	for _, tc := range []struct {
		name, text string
		environ    []string
		want       string
	}{
		{"unknown key", base + "lisen: 127.0.0.1:1\n", nil,
			"rekey.yaml:3:1: lisen: unknown key; did you mean listen?\n      3 | lisen: …\n        | ^"},
		{"unknown key in a list", source("    shceme: auto\n"), nil,
			"rekey.yaml:8:5: legacy[0].shceme: unknown key; did you mean scheme?\n      8 | shceme: …\n        | ^"},
		{"repeated key", base + "store: sqlite:///s.db\n", nil,
			"rekey.yaml:3:1: store: is given twice; the first is on line 1\n      3 | store: …\n        | ^"},
		{"bad scheme", source("    scheme: bcrpyt\n"), nil,
			"rekey.yaml:8:13: legacy[0].scheme: unknown scheme \"bcrpyt\"; did you mean bcrypt?\n      8 | scheme: bcrpyt\n        |         ^"},
		{"bad recipe", source("    scheme: md5($pas)\n"), nil,
			"rekey.yaml:8:13: legacy[0].scheme: "},
		{"a key like no other", "a: 1\n" + base, nil, "rekey.yaml:1:1: a: unknown key; known here: listen, admin, store, store_file, redis, redis_file, limits, legacy, collisions, " +
			"master_key_file, issuer, audience, plan, phase, relax_file, relax_journal, trusted_proxies, tokens, password, password_policy, hash_bounds, login, required_actions, mail, bridge, sweeper, jobs, drain, shutdown, log\n      1 | a: …\n        | ^"},
		{"limit", base + "limits: {address: {burst: 1000, count: 1, per: 24h}}\n", nil, "rekey.yaml:3:19: limits.address: "},
		{"no value", base + "listen:\n", nil,
			"rekey.yaml:3:1: listen: has no value; give it one or remove the line\n      3 | listen: …\n        | ^"},
		{"two mistakes at once", base + "listen: nowhere\nshutdown: soon\n", nil,
			"rekey.yaml:4:11: shutdown: want a duration such as 300ms, 2s, 5m or 336h\n      4 | shutdown: soon\n        |           ^"},
		{"two checks at once", base + "shutdown: 1ms\nlisten: nowhere\n", nil,
			"rekey.yaml:3:11: shutdown: must be 1s to 10m0s\n      3 | shutdown: 1ms\n        |           ^\n" +
				"rekey.yaml:4:9: listen: want address:port, such as 127.0.0.1:8080\n      4 | listen: nowhere\n        |         ^"},
		{"a replica of another kind", source("    replica_dsn: mysql://u:p@h/d\n"), nil,
			"rekey.yaml:8:18: legacy[0].replica_dsn: is of another kind of database than dsn, so it is no replica of that\n      8 | replica_dsn: …\n        |              ^"},
		{"a replica that is the new store", source("    replica_dsn: sqlite:///r.db\n"), nil,
			"rekey.yaml:8:18: legacy[0].replica_dsn: is the new store itself\n      8 | replica_dsn: …\n        |              ^"},
		{"a replica of a file", base + "legacy:\n  - {name: shop, kind: file, file: {path: /e.csv, format: csv}, replica_dsn: sqlite:///r.db}\n", nil,
			"rekey.yaml:4:78: legacy[0].replica_dsn: is for kind sql\n      4 | replica_dsn: …\n        |              ^"},
		{"drain", base + "drain: 30s\n", nil,
			"rekey.yaml:3:8: drain: must be shorter than shutdown (30s), which it is a part of\n      3 | drain: 30s\n        |        ^"},
		{"group for a value", base + "listen: {a: b}\n", nil, "rekey.yaml:3:9: listen: want one value, not a group of keys"},
		{"value for a group", base + "tokens: fast\n", nil,
			"rekey.yaml:3:9: tokens: want a group of keys: algorithm, access_life, client_id, refresh_idle, refresh_absolute, rotate_keys_every"},
		{"limits", base + "limits: maybe\n", nil,
			"rekey.yaml:3:9: limits: want on, off, or the keys of this group\n      3 | limits: maybe\n        |         ^"},
		{"unknown variable", base, []string{"REKEY_LISTN=x"}, "REKEY_LISTN: unknown variable; did you mean REKEY_LISTEN?"},
		{"bad variable", base, []string{"REKEY_SHUTDOWN=x"}, "REKEY_SHUTDOWN: shutdown: want a duration such as 300ms, 2s, 5m or 336h"},
		{"gap in a list", base, []string{"REKEY_LEGACY_3_NAME=x"}, "REKEY_LEGACY_3_NAME: unknown variable"},
		{"both", base + "redis: redis://a\nredis_file: /b\n", nil,
			"rekey.yaml:4:13: redis: is given twice, as itself and as a file; keep one\n      4 | redis_file: /b\n        |             ^"},
		{"both, the other way round", base + "redis_file: /b\nredis: redis://a\n", nil,
			"rekey.yaml:4:1: redis: is given twice, as itself and as a file; keep one\n      4 | redis: …\n        | ^\nrekey.yaml:3:13: redis_file: /b: no such file or directory\n      3 | redis_file: /b\n        |             ^"},
		{"both in the environment", base, []string{"REKEY_REDIS=redis://a", "REKEY_REDIS_FILE=/b"},
			"REKEY_REDIS_FILE: redis: is given twice, as itself and as a file; keep one"},
		{"no file", base + "redis_file: /nowhere/x\n", nil,
			"rekey.yaml:3:13: redis_file: /nowhere/x: no such file or directory\n      3 | redis_file: /nowhere/x\n        |             ^"},
		{"no store", "listen: 127.0.0.1:1\n", nil, "store: is missing: sqlite:///var/lib/rekey/rekey.db or postgres://user:password@host/database"},
		{"relative store", "store: sqlite://r.db\n", nil,
			"rekey.yaml:1:8: store: want an absolute path: sqlite:///var/lib/rekey/rekey.db\n      1 | store: …\n        |        ^"},
		{"no key with postgres", "store: postgres://h/d\n", nil,
			"master_key_file: is required with PostgreSQL: every replica needs the same key; make it with `openssl rand -hex 32`, mode 0600"},
		{"unknown kind", source("    kind: ladp\n"), nil,
			"rekey.yaml:8:11: legacy[0].kind: unknown kind \"ladp\"; did you mean ldap?; want sql, ldap, http, file\n      8 | kind: ladp\n        |       ^"},
		{"kinds mixed up", base + "legacy: [{name: a, kind: http, http: {url: https://x}, dsn: mysql://h/d}]\n", nil,
			"rekey.yaml:3:61: legacy[0].dsn: is for kind sql\n      3 | dsn: …\n        |      ^"},
		{"a list of another kind", base + "legacy: [{name: a, kind: file, file: {path: /x.csv, format: csv}, disabled_when: [{column: x, op: is null}]}]\n", nil,
			"rekey.yaml:3:82: legacy[0].disabled_when: is for kind sql"},
		{"a variable of another kind", base + "legacy: [{name: a, kind: file, file: {path: /x.csv, format: csv}}]\n",
			[]string{"REKEY_LEGACY_0_WHERE_0_COLUMN=x", "REKEY_LEGACY_0_COLUMNS_DISABLED=x"},
			"rekey.yaml:3:10: legacy[0].columns: is for kind sql\nrekey.yaml:3:10: legacy[0].where: is for kind sql"},
		{"another kind's group", source("    ldap: {url: ldaps://x}\n"), nil, "rekey.yaml:8:11: legacy[0].ldap: is for kind ldap"},
		{"ldap without a base", base + "legacy: [{name: a, kind: ldap, ldap: {url: ldaps://x}}]\n", nil,
			"rekey.yaml:3:38: legacy[0].ldap.base_dn: is missing: ou=people,dc=example,dc=org"},
		{"file without a format", base + "legacy: [{name: a, kind: file, file: {path: /x.csv}}]\n", nil,
			"rekey.yaml:3:38: legacy[0].file.format: is missing: auth0, firebase, keycloak, cognito, okta, csv or jsonl"},
		{"watch without a time", source("    watch: {every: 5s}\n"), nil,
			"rekey.yaml:8:12: legacy[0].watch: needs columns.updated_at, which says when a record was written; reconcile does without"},
		{"reconcile an export", base + "legacy: [{name: a, kind: file, file: {path: /x.csv, format: csv}, reconcile: {every: 1h}}]\n", nil,
			"rekey.yaml:3:78: legacy[0].reconcile: is not for kind file: an export does not change"},
		{"status", base + "legacy: [{name: a, kind: http, http: {url: https://x, wrong_status: [never]}}]\n", nil,
			"rekey.yaml:3:69: legacy[0].http.wrong_status: want HTTP statuses such as 401"},
		{"preset of an export", base + "legacy: [{name: a, dsn: sqlite:///o, preset: meteor}]\n", nil, "rekey.yaml:3:46: legacy[0].preset: "},
		{"preset without its prefix", base + "legacy: [{name: a, dsn: sqlite:///o, preset: joomla}]\n", nil,
			"rekey.yaml:3:10: legacy[0].prefix: is missing; the installer draws it at random: $dbprefix in configuration.php"},
		{"fold", source("    fold: rot13\n"), nil,
			"rekey.yaml:8:11: legacy[0].fold: want trim, lower, upper, nfc, nfkc or 7bit\n      8 | fold: rot13\n        |       ^"},
		{"manage_url", source("    manage_url: shop.example.org/account\n"), nil,
			"rekey.yaml:8:17: legacy[0].manage_url: want an http(s) address without user and password: everybody who is sent there sees it\n" +
				"      8 | manage_url: shop.example.org/account\n        |             ^"},
		{"manage_url with a user", source("    manage_url: https://me@shop.example.org\n"), nil,
			"rekey.yaml:8:17: legacy[0].manage_url: want an http(s) address without user and password: everybody who is sent there sees it\n" +
				"      8 | manage_url: https://me@shop.example.org\n        |             ^"},
		{"domain", source("    domains: [example.org, nonsense]\n"), nil, "rekey.yaml:8:14: legacy[0].domains[1]: want a domain such as example.org"},
		{"collisions", base + "collisions: merge\n", nil,
			"rekey.yaml:3:13: collisions: unknown value \"merge\"; known here: quarantine, prefer-order, link\n      3 | collisions: merge\n        |             ^"},
		{"jobs", base + "jobs: cron\n", nil,
			"rekey.yaml:3:7: jobs: unknown value \"cron\"; known here: process, river\n      3 | jobs: cron\n        |       ^"},
		{"jobs on sqlite", base + "jobs: river\n", nil,
			"rekey.yaml:3:7: jobs: river needs a store on PostgreSQL; with SQLite use process\n      3 | jobs: river\n        |       ^"},
		{"plaintext", source("    scheme: plaintext\n"), nil,
			"rekey.yaml:8:13: legacy[0].scheme: plaintext needs allow_plaintext: true beside it, so that nobody writes it by accident\n      8 | scheme: plaintext\n        |         ^"},
		{"pepper twice", source("    pepper: a\n    params: {pepper: b}\n"), nil,
			"rekey.yaml:8:13: legacy[0].pepper: is given twice, here and among params; keep one\n      8 | pepper: …\n        |         ^"},
		{"share", base + "phase: {limits: {mirrored_share: 95}}\n", nil,
			"rekey.yaml:3:34: phase.limits.mirrored_share: must be 0 to 1\n      3 | mirrored_share: 95\n        |                 ^"},
		{"no number", base + "phase: {limits: {p99_ratio: NaN}}\n", nil,
			"rekey.yaml:3:29: phase.limits.p99_ratio: want a number such as 0.95\n      3 | p99_ratio: NaN\n        |            ^"},
		{"relax alone", base + "relax_file: /run/relax\n", nil,
			"relax_journal: is missing: without it nobody would know afterwards what was written while relax_file is there"},
		{"journal alone", base + "relax_journal: /srv/journal\n", nil, "relax_file: is missing: relax_journal is for what is written while it is there"},
		{"one path", base + "relax_file: /srv/x\nrelax_journal: /srv/./x\n", nil,
			"rekey.yaml:4:16: relax_journal: want two different absolute paths, for this and relax_file\n      4 | relax_journal: /srv/./x\n        |                ^"},
		{"soak", base + "phase: {limits: {soak: {shadow: -1s}}}\n", nil, "rekey.yaml:3:33: phase.limits.soak.shadow: must be 0s to 8760h0m0s\n      3 | shadow: -1s\n        |         ^"},
		{"required scheme", base + "required_actions: {change_password: [phpas]}\n", nil,
			"rekey.yaml:3:37: required_actions.change_password: unknown scheme \"phpas\": want recipe, for all of them, or a name that `rekey hash identify --list` prints"},
		{"required recipe", base + "required_actions: {change_password: [md5($pass.'pepper')]}\n", nil,
			"rekey.yaml:3:37: required_actions.change_password: unknown scheme \"md5(…\": want recipe, for all of them, or a name that `rekey hash identify --list` prints"},
		{"required field", base + "required_actions: {complete_profile: [birthday]}\n", nil,
			"rekey.yaml:3:38: required_actions.complete_profile: unknown field \"birthday\"; known here: display_name, locale"},
		{"compared logins", base + "phase: {compare: 1.5, compare_per_second: -1}\n", nil,
			"rekey.yaml:3:43: phase.compare_per_second: must be 0 to 1000\n" +
				"      3 | compare_per_second: -1\n        |                     ^\n" +
				"rekey.yaml:3:18: phase.compare: must be 0 to 1\n" +
				"      3 | compare: 1.5\n        |          ^"},
		{"required address", base + "required_actions: {verify_email: true}\n", nil,
			"rekey.yaml:3:34: required_actions.verify_email: needs mail: without a letter nobody could do it, and so nobody would be wholly in\n" +
				"      3 | verify_email: true\n        |               ^"},
		{"terms", base + "required_actions: {accept_terms: \"1\\u0007\"}\n", nil,
			"rekey.yaml:3:34: required_actions.accept_terms: want at most 64 characters that can be shown, such as 2026-11\n" +
				"      3 | accept_terms: 1\a\n        |               ^"},
		{"same listener", base + "admin: {listen: 127.0.0.1:8080}\n", nil,
			"rekey.yaml:3:17: admin.listen: is the address of the public listener; staff have one of their own\n      3 | listen: 127.0.0.1:8080\n        |         ^"},
		{"work", base + "password: {memory_kib: 262144, time: 5}\n", nil,
			"rekey.yaml:3:11: password: memory_kib times time must be at most 1048576 (1 GiB)"},
		{"syntax", base + "redis: \"redis://:geheim@h\nlisten: x\n", nil,
			"rekey.yaml:3:8: could not find end character of double-quoted text\n      3 | redis: …\n        | ^"},
		{"second document", base + "---\nlisten: 127.0.0.1:1\n", nil, "rekey.yaml:4:1: the file has a second document; everything belongs into one"},
		{"alias", base + "listen: &a 127.0.0.1:1\n", nil, "rekey.yaml:3:9: listen: want one value, not an anchor or alias: they are not supported here"},
		{"proxy", base + "trusted_proxies: [10.0.0.0/8, example.org]\n", nil,
			"rekey.yaml:3:31: trusted_proxies[1]: want a range of addresses such as 10.0.0.0/8\n      3 | trusted_proxies: example.org\n        |                  ^"},
		{"preset", base + "legacy: [{name: a, dsn: sqlite:///o, preset: wordpres}]\n", nil,
			"rekey.yaml:3:46: legacy[0].preset: unknown preset \"wordpres\"; did you mean wordpress?\n      3 | preset: wordpres\n        |         ^"},
		{"columns", base + "legacy: [{name: a, dsn: sqlite:///o, table: t, columns: {id: i}}]\n", nil,
			"rekey.yaml:3:57: legacy[0].columns.password: is missing\nrekey.yaml:3:57: legacy[0].columns: need username, email or phone: what people type to log in"},
		{"same name", source("  - {name: shop, preset: django, dsn: sqlite:///d}\n"), nil,
			"rekey.yaml:8:12: legacy[1].name: is the name of legacy[0] too\n      8 | name: shop\n        |       ^"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tc.text, tc.environ...)
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.HasSuffix(tc.want, ": ") { // the words are another package's
				if !strings.HasPrefix(err.Error(), tc.want) {
					t.Errorf("got %s, want %s…", err, tc.want)
				}
				return
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSecretsAreNotPrinted puts one word into every secret place, and looks for it in all that comes out.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	c, err := load(t, `store: postgres://rekey:hunter2@db/rekey?sslmode=require&sslpassword=hunter2
redis: redis://:hunter2@cache:6379/0
master_key_file: /k
legacy:
  - {name: shop, dsn: "mysql://root:hunter2@db/shop", replica_dsn: "mysql://root:hunter2@db2/shop", preset: wordpress, pepper: hunter2, params: {signerKey: hunter2, rounds: 8}}
`)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "store", c.Store, "pepper", c.Legacy[0].Pepper, "params", c.Legacy[0].Params, "all", c)
	values := fmt.Sprint(c.Values())
	for name, text := range map[string]string{
		"json": string(asJSON), "yaml": string(asYAML), "log": log.String(), "values": values,
		"%v": fmt.Sprintf("%v", c.Legacy), "%+v": fmt.Sprintf("%+v", *c), "%#v": fmt.Sprintf("%#v", c.Legacy),
		"unexported field": fmt.Sprintf("%v %+v %#v", struct{ c *Config }{c}, struct{ c Config }{*c}, struct{ l []Legacy }{c.Legacy}),
		"%s":               fmt.Sprintf("%s %s", c.Store, c.Legacy[0].Pepper), "%q": fmt.Sprintf("%q", c.Store),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows a secret: %s", name, text)
		}
	}
	if want := "postgres://rekey:***@db/rekey?sslmode=require&sslpassword=***"; !strings.Contains(values, want) {
		t.Errorf("values do not show the store's host: %s", values)
	}
}

func TestURLShown(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                  "",
		"mysql://u:p@h:3306/d":              "mysql://u:***@h:3306/d",
		"mysql://u@h/d?tls=true":            "mysql://u@h/d?tls=true",
		"postgres://h/d?user=a&password=b":  "postgres://h/d?user=***&password=***",
		"redis://:p@h:6379/0":               "redis://:***@h:6379/0",
		"sqlite:///a b/x@y.db":              "sqlite:///a%20b/x@y.db",
		"mysql://u:p/q@h/d":                 hidden, // an unescaped slash in the password
		"mysql://u:p#q@h/d":                 hidden,
		"u:p@tcp(h)/d":                      hidden,
		"mysql://u:%zz@h/d":                 hidden,
		"postgres://u:p@h/d?options=secret": "postgres://u:***@h/d?options=***",
	} {
		if got := NewURL(in).String(); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestValuesTellTheOrigin(t *testing.T) {
	t.Parallel()
	c, err := load(t, smallest, "REKEY_AUDIENCE=shop")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range c.Values() {
		_, place, _ := strings.Cut(v.Origin, "rekey.yaml")
		got[v.Key] = v.Value + " " + strings.TrimPrefix(v.Origin[:len(v.Origin)-len(place)], "") + place
	}
	for key, want := range map[string]string{
		"audience":             "shop REKEY_AUDIENCE",
		"plan":                 "lazy default",
		"legacy[0].max_conns":  "8 default",
		"legacy[0].columns.id": "id ",
		"limits":               "on default",
	} {
		if !strings.HasPrefix(got[key], want) {
			t.Errorf("%s: got %q, want %q", key, got[key], want)
		}
	}
	if !strings.HasSuffix(got["legacy[0].columns.id"], "rekey.yaml:9") {
		t.Errorf("place of a column: %q", got["legacy[0].columns.id"])
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rekey.yaml")
	text := smallest + "limits: off\ntrusted_proxies: [0.0.0.0/0]\npassword_policy: {min_length: 10}\npassword: {memory_kib: 64, time: 1}\n"
	if err := os.WriteFile(path, []byte(strings.Replace(text, "127.0.0.1:8081", ":8081", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Load(options(path, nil))
	if err != nil {
		t.Fatal(err)
	}
	got := c.Warnings().Error()
	for _, want := range []string{
		"limits: are off", "trusted_proxies: 0.0.0.0/0 trusts everybody", "password: is weaker", "password_policy.min_length: is less than the 15",
		"admin.listen: can be reached", "legacy[0].dsn: a secret stands in a file that others can read",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no warning %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "store: a secret") {
		t.Error("an address without a password is taken for a secret")
	}
}

func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	if _, err := load(t, strings.Repeat("# long\n", maxFile/7+1)); err == nil || !strings.Contains(err.Error(), "larger than 1024 KiB") {
		t.Errorf("an oversized file gives %v", err)
	}
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, maxSecret+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, smallest, "REKEY_REDIS_FILE="+big); err == nil || !strings.Contains(err.Error(), "larger than 64 KiB") {
		t.Errorf("an oversized secret gives %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(smallest))
	f.Add([]byte("limits: {address: {burst: 3}}\nlegacy: [{name: a, pepper: |\n x\n}]"))
	f.Add([]byte("a: &x [*x]\n<<: {b: !!int 3}\n? [a]\n: b"))
	f.Fuzz(func(t *testing.T, src []byte) {
		l := &loader{config: Default(), options: options("", nil)}
		l.file("rekey.yaml", src)
		l.check()
		_ = l.problems.Error() // must not panic; what it says is the table test's matter
		_ = l.config.Values()
	})
}

// What serve would refuse is refused here, all of it, each mistake at its own key.
func TestProductsOfTheBridge(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("a", 32)
	_, err := load(t, smallest+"bridge:\n  keycloak: {key: short}\n  okta: {key: "+key+"}\n  kratos:\n    key: "+key+"\n    header: 'X Y'\n  cognito: {key: "+key+"b, user: rekey, header: X-Key}\n")
	if err == nil {
		t.Fatal("bad keys are accepted")
	}
	for _, want := range []string{
		"rekey.yaml:12:19: bridge.keycloak.key: want at least 32 bytes",
		"rekey.yaml:13:15: bridge.okta.key: is that of kratos", "rekey.yaml:16:13: bridge.kratos.header: that is no name",
		"rekey.yaml:17:74: bridge.cognito.header: there is a user too",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), key) {
		t.Errorf("a key is quoted:\n%v", err)
	}
	if _, err := load(t, smallest+"bridge: {okta: {key: "+key+", header: Authorization}, kratos: {key: "+key+"b}}\n"); err != nil {
		t.Errorf("good keys are refused: %v", err)
	}
}

// What would refuse everybody at their login is refused here, before anybody comes.
func TestWhatNobodyCouldLogInWith(t *testing.T) {
	t.Parallel()
	source := func(dsn, columns, more string) string {
		return "store: sqlite:///srv/new.db\nlegacy:\n  - name: shop\n    dsn: " + dsn + "\n    table: users\n    columns: {id: id, username: login, password: pass" + columns + "}\n" + more
	}
	for _, tc := range []struct{ name, yaml, want string }{
		{"a recipe without its pepper", source("sqlite:///old.db", "", "    scheme: md5($pass.$pepper)\n"), "legacy[0].pepper"},
		{"with it", source("sqlite:///old.db", "", "    scheme: md5($pass.$pepper)\n    pepper: salz\n"), ""},
		{"a recipe without its salt", source("sqlite:///old.db", "", "    scheme: md5($pass.$salt)\n"), "legacy[0].columns.salt"},
		{"with a column", source("sqlite:///old.db", ", salt: salt", "    scheme: md5($pass.$salt)\n"), ""},
		{"with the salt in the hash", source("sqlite:///old.db", "", "    scheme: md5($pass.$salt)\n    params: {salt_from: 'split::'}\n"), ""},
		{"the new store as the old one", source("sqlite:///srv/../srv/new.db", "", ""), "legacy[0].dsn"},
	} {
		_, err := load(t, tc.yaml)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q named", tc.name, err, tc.want)
		}
	}
}
