package e2e

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// 500 people of a table in MariaDB are moved by a list, of whom 20 cannot be, each with a reason. The first run is killed in the middle; the same
// command goes on. Those who moved log in with the passwords that they have.
func TestMigrateAList(t *testing.T) {
	t.Parallel()
	mysqlDSN, shop := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	store, _ := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	const people, refused = 500, 20
	mustExec(t, shop, `CREATE TABLE users (id int NOT NULL PRIMARY KEY, login varchar(400), pass varchar(255)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)

	var hashes []string
	for i := range 8 {
		made, err := bcrypt.GenerateFromPassword(fmt.Appendf(nil, "secret %d", i), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, string(made))
	}
	want := map[string]int{} // the classes of those who cannot move
	insert := bytes.NewBufferString(`INSERT INTO users VALUES `)
	list := bytes.NewBufferString("\xef\xbb\xbfidentifier,source,legacy_id\r\n")
	for i := range people {
		login, pass, class := fmt.Sprintf("user%d", i), hashes[i%len(hashes)], ""
		switch {
		case i >= refused:
		case i < 5:
			pass, class = "what is this", "unreadable-hash"
		case i < 9:
			pass, class = "*", "unusable-hash"
		case i < 12:
			pass, class = "$2y$31$"+strings.Repeat("a", 53), "over-bounds"
		case i < 14:
			login, class = fmt.Sprintf("%s%d", strings.Repeat("x", 350), i), "invalid-identifier"
		case i < 16:
			login, class = fmt.Sprintf("\x01%d", i), "invalid-identifier"
		default: // two are of one name each
			login, class = []string{"twin", "TWIN"}[i%2]+strconv.Itoa(i/2), "contested"
		}
		if class != "" {
			want[class]++
		}
		fmt.Fprintf(insert, "(%d, '%s', '%s'),", i, login, pass)
		if i%3 == 0 && class == "" {
			fmt.Fprintf(list, "%s,,\r\n", login)
		} else {
			fmt.Fprintf(list, ",shop,%d\r\n", i)
		}
	}
	mustExec(t, shop, strings.TrimSuffix(insert.String(), ","))
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, list.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, "", fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\npassword: {memory_kib: 64, time: 1}\nlegacy:\n  - {name: shop, kind: sql, dsn: '%s', table: users, columns: {id: id, username: login, password: pass}, scheme: auto}\n",
		store, masterKey(t), mysqlDSN))
	moved := func() int { t.Helper(); return one[int](t, store, `SELECT count(*)::int FROM accounts`) }

	args := []string{"account", "migrate", "--list", file, "--reason", "the spring list", "--output", "csv", "--config", g.config}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary(t, ""), append(args, "--workers", "1")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for running := true; running; {
		if moved() >= people/5 {
			_ = cmd.Process.Kill() // it may have ended by itself
		}
		select {
		case <-ended:
			running = false
		case <-time.After(5 * time.Millisecond): // another process tells only when it is asked
		}
	}
	t.Logf("%d had moved when it was killed", moved())

	out, errs := g.mustRekey(t, args[:len(args)-2]...)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != people+1 {
		t.Fatalf("%d rows (%v)\n%s", len(rows), err, errs)
	}
	outcomes, got := map[string]int{}, map[string]int{}
	for _, row := range rows[1:] {
		outcome, class, reason := row[5], row[6], row[7]
		outcomes[outcome]++
		if outcome == "refused" {
			got[class]++
			if reason == "" || row[3] == "" {
				t.Errorf("no reason, or nobody: %q", row)
			}
		}
	}
	if outcomes["moved"]+outcomes["unchanged"] != people-refused || outcomes["refused"] != refused || len(outcomes) > 3 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("outcomes %v, classes %v, want %v\n%s", outcomes, got, want, errs)
	}
	if n := moved(); n != people-refused {
		t.Errorf("%d accounts", n)
	}
	wantRows(t, "pgx", store, `events WHERE kind = 'account.migrated' AND reason = 'the spring list'`, people-refused)

	// What the source has, less what is here, is in quarantine.
	var rest []struct{ Class, State string }
	out, _ = g.mustRekey(t, "quarantine", "list", "--output", "json")
	if err := json.Unmarshal([]byte(out), &rest); err != nil || len(rest) != refused {
		t.Errorf("%d in quarantine (%v)", len(rest), err)
	}
	for _, r := range rest {
		if want[r.Class]--; r.State != "open" || want[r.Class] < 0 {
			t.Errorf("in quarantine: %+v", r)
		}
	}

	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := refused + w; i < people; i += 4 {
				if a := g.login(t, fmt.Sprintf("user%d", i), fmt.Sprintf("secret %d", i%len(hashes))); a.status != http.StatusOK {
					t.Errorf("user%d: login answered %d", i, a.status)
				}
			}
		})
	}
	wg.Wait()
	if a := g.login(t, "user20", "another"); a.status != http.StatusUnauthorized {
		t.Errorf("a wrong password got %d", a.status)
	}
	g.mustLogin(t, "TWIN8", "secret 1") // contested: the old store answers for the exact spelling
}
