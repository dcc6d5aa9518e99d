package config

import (
	"strings"
	"testing"

	"rekey/sweeper/governor"
)

func TestSweeperChecks(t *testing.T) {
	t.Parallel()
	const base = "store: sqlite:///tmp/rekey.db\nissuer: https://login.example.org\nlegacy:\n" +
		"  - {name: shop, kind: sql, dsn: 'mysql://u@db/shop', preset: wordpress}\n" +
		"  - {name: staff, kind: ldap, ldap: {url: 'ldaps://d.example.org', base_dn: 'dc=example,dc=org', attributes: {id: entryUUID, username: [uid]}}}\n" +
		"sweeper: {checks: ["
	for check, wrong := range map[string]string{
		"{name: a, sql: SELECT 1, hold: 5}":                                     "",
		"{name: a, sql: SELECT 1, source: shop, hold: 5, shrink: 6.5, stop: 7}": "",
		"{name: a, http: 'https://user:s3cret@example.org/x?key=s3cret'}":       "",
		"{name: a, http: 'http://127.0.0.1:9000', stop: 7}":                     "",
		"{name: a, sql: SELECT 1, hold: 5}, {name: b, sql: SELECT 1, hold: 5}":  "",
		"{name: a, sql: SELECT 1, hold: 5}, {name: a, sql: SELECT 1, hold: 5}":  "checks[1].name",
		"{name: A queue, sql: SELECT 1, hold: 5}":                               "checks[0].name",
		"{sql: SELECT 1, hold: 5}":                                              "checks[0].name",
		"{name: a}":                                                             "checks[0].sql",
		"{name: a, sql: SELECT 1, http: 'https://example.org', hold: 5}":        "checks[0].sql",
		"{name: a, sql: SELECT 1}":                                              "checks[0].stop",
		"{name: a, sql: SELECT 1, source: staff, hold: 5}":                      "checks[0].source",
		"{name: a, sql: SELECT 1, source: nowhere, hold: 5}":                    "checks[0].source",
		"{name: a, http: 'https://example.org', source: shop}":                  "checks[0].source",
		"{name: a, http: 'ftp://user:s3cret@example.org'}":                      "checks[0].http",
		"{name: a, http: 's3cret'}":                                             "checks[0].http",
		"{name: a, sql: SELECT 1, hold: -5}":                                    "checks[0].hold",
		"{name: a, sql: SELECT 1, hold: 5, stop: 4}":                            "checks[0].stop",
		"{name: a, sql: SELECT 1, hold: 5, every: 1s}":                          "checks[0].every",
	} {
		_, err := load(t, base+check+"]}\n")
		said := ""
		if err != nil {
			said = err.Error()
		}
		if (wrong == "") != (err == nil) || wrong != "" && !strings.Contains(said, "sweeper."+wrong+": ") || strings.Contains(said, "s3cret") {
			t.Errorf("%s: %v, want %q", check, err, wrong)
		}
	}
	c, err := load(t, base+"{name: a, http: 'https://example.org'}, {name: b, http: 'https://example.org', hold: 5}]}\n")
	if err != nil {
		t.Fatal(err)
	}
	status, number := c.Sweeper.Checks[0], c.Sweeper.Checks[1]
	if !status.Status() || status.Limit() != (governor.Limit{Stop: 1}) || number.Status() || number.Limit() != (governor.Limit{Hold: 5}) {
		t.Errorf("%+v and %+v", status.Limit(), number.Limit())
	}
}
