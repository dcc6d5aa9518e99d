package report_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	dom "golang.org/x/net/html"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/sweeper/report"
)

// hostile leaves an attribute in either kind of quotes, a cell and the style sheet, and runs a script in two ways.
const hostile = `"'></td></style><script>alert("1")</script><b onclick="alert(2)" title='`

// ledger is one in which something of everything is found, and foreign text wherever some can be.
func ledger() accounts.Ledger {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	people := int64(1_000_000)
	name := func(what string) string { return what + hostile }
	l := accounts.Ledger{
		Progress: accounts.Progress{
			At: at, Phase: phase.NewFirst, Accounts: 900_000, Reset: 12, Passwords: map[accounts.Scheme]int64{"argon2id": 500_000, "wrapped": 399_988},
			Sources: []accounts.SourceProgress{
				{
					Source: name("shop"), Home: 880_000, Copied: 20_000, Deleted: 5000, Total: &people, TotalAt: &at, Unmoved: &accounts.Between{Low: 95_000, High: 100_000},
					Disabled: 312, Drifted: 7, Gone: 3, How: map[accounts.How]int64{accounts.ByLogin: 500_000, accounts.BySweep: 400_000}, LegacyLogin: &at,
				},
				{Source: name("blog"), Uncounted: "it cannot be counted"},
			},
		},
		Ready: accounts.Readiness{Checks: []accounts.ReadyLine{
			{Hurdle: accounts.HurdleUnmoved, Found: name("found"), Do: name("do")}, {Hurdle: accounts.HurdlePhase, OK: true, Found: "new-first"}, {Hurdle: accounts.HurdleOldHashes, Later: true, Found: "some"},
		}},
		Quarantine:  []accounts.NoteCount{{Source: name("shop"), Class: accounts.NoteContested, Reason: name("reason"), People: 12}},
		Events:      map[accounts.EventKind]int64{accounts.EventMigrated: 900_000, accounts.EventDeleted: 5000},
		Phases:      []accounts.PhaseStepTaken{{At: at, Kind: accounts.EventPhaseMoved, Epoch: "2", Phase: "ramp", Percent: "20", Frozen: true, Actor: name("actor"), Reason: name("why")}},
		Validations: []accounts.PassMade{{ID: uuid.Max, Began: at, Ended: at, Complete: true, Found: map[accounts.Verdict]int64{accounts.VerdictEqual: 900_000}}},
		Runs:        []accounts.RunMade{{ID: uuid.Max, Kind: accounts.RunMove, State: accounts.RunFailed, Why: name("too many"), Began: at, Ended: at}},
	}
	for i := range 30 {
		l.Days = append(l.Days, accounts.DayCount{Day: at.AddDate(0, 0, i).Truncate(24 * time.Hour), Source: "shop", How: accounts.ByLogin, People: int64(30_000 - 900*i)})
	}
	return l
}

func written(t *testing.T, l accounts.Ledger) string {
	t.Helper()
	var page strings.Builder
	if err := report.WriteHTML(&page, l); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// TestPageNeedsNothing: no script, nothing from elsewhere, and a table beside each chart.
func TestPageNeedsNothing(t *testing.T) {
	t.Parallel()
	page := written(t, ledger())
	for _, no := range []string{"<script", "http://", "https://", "@import", "url(", " style=", "<img", "<link", "<iframe", "javascript:"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %q", no)
		}
	}
	if charts, tables := strings.Count(page, "<svg"), strings.Count(page, "<table"); charts != 5 || tables != 10 {
		t.Errorf("%d charts and %d tables, want 5 and 10", charts, tables)
	}
	for _, want := range []string{"95,000 to 100,000", "not counted", "ramp 20, frozen", "equal 900,000", "2026-03-04 05:06", "login 30,000"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestForeignTextStaysText: what others have written is text to a browser, unchanged, and never markup.
func TestForeignTextStaysText(t *testing.T) {
	t.Parallel()
	root, err := dom.Parse(strings.NewReader(written(t, ledger())))
	if err != nil {
		t.Fatal(err)
	}
	elements := strings.Fields("html head meta title style body main section h1 h2 p strong div table tbody tr th td svg g text rect")
	var text strings.Builder
	for n := range root.Descendants() {
		if n.Type == dom.TextNode {
			text.WriteString(n.Data)
		}
		if n.Type == dom.ElementNode && !slices.Contains(elements, n.Data) {
			t.Errorf("an element %q", n.Data)
		}
	}
	for _, what := range []string{"shop", "blog", "found", "do", "reason", "actor", "why", "too many"} {
		if !strings.Contains(text.String(), what+hostile) {
			t.Errorf("%s is not on the page as it was", what)
		}
	}
}

// TestEmpty: before anything has happened there is a page too.
func TestEmpty(t *testing.T) {
	t.Parallel()
	page := written(t, accounts.Ledger{})
	for _, want := range []string{"The phase was never moved.", "Nobody has compared the stores.", "There was none.", "Nobody is in quarantine."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestOverTime: years are not drawn by the day.
func TestOverTime(t *testing.T) {
	t.Parallel()
	for days, want := range map[int]string{1: "2026-03-04", 40: "2026-03-04", 41: "2026-03", 1240: "2026-03", 1300: "2026"} {
		l := accounts.Ledger{}
		for i := range days {
			l.Days = append(l.Days, accounts.DayCount{Day: time.Date(2026, 3, 4+i, 0, 0, 0, 0, time.UTC), Source: "shop", How: accounts.BySweep, People: 1})
		}
		if page := written(t, l); !strings.Contains(page, fmt.Sprintf("<td>%s</td>", want)) {
			t.Errorf("%d days: no row %q", days, want)
		}
	}
}

// TestPageInChromium: a browser draws it and complains of nothing.
func TestPageInChromium(t *testing.T) {
	t.Parallel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium: apt-get install chromium")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	if err := os.WriteFile(path, []byte(written(t, ledger())), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	picture := filepath.Join(dir, "report.png")
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--enable-logging=stderr", "--window-size=1200,3000", "--screenshot="+picture, "file://"+path)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "CONSOLE") || strings.Contains(line, "Content Security Policy") {
			t.Errorf("the browser complains: %s", line)
		}
	}
	if info, err := os.Stat(picture); err != nil || info.Size() < 20_000 {
		t.Errorf("the picture is empty: %v", err)
	}
}
