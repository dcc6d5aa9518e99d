package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// planPeople is how large the table of TestPlan is. REKEY_TEST_PLAN_PEOPLE makes another; for a million:
//
//	REKEY_TEST_PLAN_PEOPLE=1000000 deploy/dev/services run -- go test -run TestPlan -v -timeout 20m ./cmd/rekey/e2e/
func planPeople(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("REKEY_TEST_PLAN_PEOPLE"))
	if os.Getenv("REKEY_TEST_PLAN_PEOPLE") == "" {
		n, err = 20_000, nil
	}
	if err != nil || n < 20_000 {
		t.Fatal("REKEY_TEST_PLAN_PEOPLE wants a number from 20000")
	}
	return n
}

// fillPlanTable makes people in eight schemes, an eighth in each, by MariaDB's own sequence. Each hundredth shares an
// address with the others of their thousand, each fiftieth is blocked, each third has never logged in, and each
// thousandth has a hash that no rule reads. The hashes are of the right shape and of nobody's password.
const fillPlanTable = `
INSERT INTO people
SELECT seq, CONCAT('User', seq),
  IF(seq %% 100 = 0, CONCAT('Shared', seq DIV 1000, '@Example.org'), CONCAT('u', seq, '@example.org')),
  IF(seq %% 1000 = 7, CONCAT('$weird$', MD5(seq)), ELT(1 + seq %% 8,
    CONCAT('$2y$10$', LEFT(SHA2(seq, 256), 21), 'u', LEFT(SHA2(seq + 1, 256), 30), 'O'),
    CONCAT('$2y$05$', LEFT(SHA2(seq, 256), 21), 'u', LEFT(SHA2(seq + 1, 256), 30), 'O'),
    CONCAT('$P$B', LEFT(SHA2(seq, 256), 8), LEFT(SHA2(seq + 1, 256), 21), '.'),
    CONCAT('{SSHA}', TO_BASE64(UNHEX(CONCAT(SHA1(seq), LEFT(MD5(seq), 16))))),
    CONCAT('*', UPPER(SHA1(seq))),
    CONCAT('pbkdf2_sha256$260000$', LEFT(MD5(seq), 12), '$', REPLACE(TO_BASE64(UNHEX(SHA2(seq, 256))), '\n', '')),
    CONCAT('$5$', LEFT(MD5(seq), 8), '$', LEFT(SHA2(seq, 256), 42), '.'),
    CONCAT('$6$', LEFT(MD5(seq), 8), '$', LEFT(SHA2(seq, 512), 85), '.'))),
  IF(seq %% 3 = 0, NULL, FROM_UNIXTIME(UNIX_TIMESTAMP() - (seq * 7919) %% 100000000)),
  FROM_UNIXTIME(UNIX_TIMESTAMP() - 100000000 - seq), seq %% 50 = 0, 42
FROM seq_1_to_%d`

// TestPlan surveys a large MariaDB table: the counts are those that were put in, memory stays flat, and a second survey
// says what was changed meanwhile.
func TestPlan(t *testing.T) {
	t.Parallel()
	n := planPeople(t)
	dsn, db := database(t, need(t, "REKEY_TEST_MYSQL", "a MariaDB server"))
	for _, statement := range []string{
		`CREATE TABLE people (id BIGINT PRIMARY KEY, login VARCHAR(60) NOT NULL, email VARCHAR(100) NOT NULL, pass VARCHAR(200) NOT NULL,
			seen DATETIME NULL, created DATETIME NOT NULL, blocked TINYINT(1) NOT NULL, shoe_size INT) ENGINE=InnoDB CHARACTER SET utf8mb4`,
		fmt.Sprintf(fillPlanTable, n),
		`CREATE TABLE orders (id BIGINT PRIMARY KEY, buyer BIGINT, FOREIGN KEY (buyer) REFERENCES people(id)) ENGINE=InnoDB`,
		`CREATE VIEW addresses AS SELECT email FROM people`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%.40s: %v", statement, err)
		}
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "rekey.yaml")
	text := fmt.Sprintf("store: sqlite://%s/new.db\nlegacy:\n  - name: shop\n    dsn: %s\n    table: people\n"+
		"    columns: {id: id, username: login, email: email, password: pass, created_at: created, last_login_at: seen, disabled: blocked}\n", dir, dsn)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	page := filepath.Join(dir, "plan.html")
	if keep := os.Getenv("REKEY_TEST_PLAN_HTML"); keep != "" {
		page = keep
	}
	first, cost := runPlan(t, "--config", config, "--state", filepath.Join(dir, "plan.state"), "--html", page)
	t.Logf("%d people: %v, %v of a core, at most %d MB resident", n, cost.took.Round(100*time.Millisecond), cost.cpu.Round(100*time.Millisecond), cost.resident>>20)
	if len(first.Sources) != 1 {
		t.Fatalf("%d sources", len(first.Sources))
	}
	shop := first.Sources[0]
	weird := n / 1000
	for what, pair := range map[string][2]int{
		"accounts": {shop.Accounts, n}, "disabled": {shop.Disabled, n / 50}, "never logged in": {shop.Never, n / 3},
		"shared addresses": {first.Collisions.Within, n / 1000}, "their holders": {first.Collisions.Holders, n / 1000 * 10},
	} {
		if pair[0] < pair[1]-1 || pair[0] > pair[1]+1 {
			t.Errorf("%s: %d, want %d", what, pair[0], pair[1])
		}
	}
	readable, unreadable := 0, 0
	for _, scheme := range shop.Schemes {
		readable += scheme.Count
	}
	for _, foreign := range shop.Unreadable {
		unreadable += foreign.Count
		if foreign.Marker != "$weird$" || foreign.Shape != "32 hex digits" {
			t.Errorf("unreadable: %+v", foreign)
		}
	}
	if len(shop.Schemes) != 8 || readable != n-weird || unreadable != weird {
		t.Errorf("%d of eight schemes, %d readable, %d unreadable: %+v", len(shop.Schemes), readable, unreadable, shop.Schemes)
	}
	// The same for a million as for twenty thousand.
	if most := int64(250 << 20); cost.resident > most {
		t.Errorf("%d MB resident", cost.resident>>20)
	}

	// Others write: ten passwords, one person more, one person less.
	for _, statement := range []string{
		`UPDATE people SET pass = CONCAT('*', UPPER(SHA1(id + 1))) WHERE id BETWEEN 101 AND 110`,
		`DELETE FROM people WHERE id = 1`, fmt.Sprintf(`INSERT INTO people SELECT %d, 'Newman', 'new@example.org', pass, seen, created, 0, 1 FROM people WHERE id = 2`, n+1),
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	second, _ := runPlan(t, "--config", config, "--state", filepath.Join(dir, "plan.state"))
	if c := second.Sources[0].Changes; c == nil || c.Changed != 10 || c.Came != 1 || c.Went != 1 {
		t.Errorf("changes: %+v, want 10, 1 and 1", c)
	}
}

// planReport is what the test reads of the report.
type planReport struct {
	Sources []struct {
		Accounts int `json:"accounts"`
		Disabled int `json:"disabled"`
		Never    int `json:"never_logged_in"`
		Schemes  []struct {
			Scheme string `json:"scheme"`
			Count  int    `json:"count"`
		} `json:"schemes"`
		Unreadable []struct {
			Marker, Shape string
			Count         int
		} `json:"unreadable"`
		Changes *struct {
			Came, Went, Changed int
		} `json:"changes"`
	} `json:"sources"`
	Collisions struct {
		Within, Holders int
	} `json:"collisions"`
}

type planCost struct {
	took     time.Duration
	cpu      time.Duration // of this process; the database's is not in it
	resident int64         // bytes, at most
}

// runPlan runs the command and watches its memory.
func runPlan(t *testing.T, args ...string) (planReport, planCost) {
	t.Helper()
	cmd := exec.Command(binary(t, ""), append([]string{"plan", "-o", "json"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var cost planCost
	for running := true; running; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("rekey plan: %v\n%s", err, errs.String())
			}
			running = false
		case <-time.After(20 * time.Millisecond): // how often the system is asked, and nothing that the test waits for
			cost.resident = max(cost.resident, peakOf(cmd.Process.Pid))
		}
	}
	cost.took, cost.cpu = time.Since(began), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	var report planReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("the report: %v", err)
	}
	return report, cost
}

// peakOf returns the most memory that a process has had, or 0 where the system does not tell.
func peakOf(pid int) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
