package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// With the kernel of argon2 switched off the hashes are the same: whoever was hashed with one logs in without, and the other way round,
// and so does whoever has an argon2 hash of each kind in the old store.
func TestKernelsMakeTheSameHashes(t *testing.T) {
	t.Parallel()
	hashes := []string{ // of "password", by the reference program; the last has several lanes
		"$argon2i$v=19$m=4096,t=3,p=1$c29tZXNhbHQtYXNjaWk$cTEDtayN8E5r230+BhematRS58ZGvMYYOfTauTkWD50",
		"$argon2d$v=19$m=4096,t=3,p=1$c29tZXNhbHQtYXNjaWk$DrGB/NEl2ZzilJXhXIIvHY2Af5Wkhc+p/CpJrq+MUOg",
		"$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQtYXNjaWk$rObN3BzNAp2UPlM1hcFlwBHYtGKU/mc82OmzQB84FuE",
		"$argon2id$v=19$m=64,t=2,p=8$bXc3MDJFNG5nUGJyaXJ0OWcyTWNyYw$ItDLYyrW9pqJlRlbqrRRvA",
	}
	statements := []string{`CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT, hash TEXT)`}
	add := func(login, hash string) {
		statements = append(statements, fmt.Sprintf(`INSERT INTO users (login, hash) VALUES ('%s', '%s')`, login, hash))
	}
	for _, kernel := range []string{"auto", "generic"} {
		for i, hash := range hashes {
			add(fmt.Sprint(kernel, i), hash)
		}
	}
	yaml := fmt.Sprintf(`
store: sqlite://%s
master_key_file: %s
limits: off
password: {lanes: 2}
legacy:
  - {name: shop, dsn: 'sqlite://%s', table: users, columns: {id: id, username: login, password: hash}}
`, filepath.Join(t.TempDir(), "rekey.db"), masterKey(t), sqlite(t, statements...))

	for _, test := range []struct{ kernel, after string }{{"auto", ""}, {"generic", "auto"}, {"auto", "generic"}} {
		g := start(t, "", yaml, "REKEY_PASSWORD_KERNEL="+test.kernel)
		for _, first := range []string{test.kernel, test.after} {
			if first == "" {
				continue
			}
			for _, login := range []string{"0", "1", "2", "3"} {
				wantStatus(t, "login of "+first+login+" with "+test.kernel, g.login(t, first+login, "password"), http.StatusOK)
				wantStatus(t, "wrong login of "+first+login+" with "+test.kernel, g.login(t, first+login, "passwort"), http.StatusUnauthorized)
			}
		}
		if says := strings.Contains(g.log.String(), `"argon2":"generic"`); says != (test.kernel == "generic") {
			t.Errorf("with %s the log says that it is generic: %t", test.kernel, says)
		}
		g.stop(t)
	}
}
