package survey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rekey/legacy"
)

// written returns the page of a report in which something of everything is found, and foreign text wherever some can be.
func written(t *testing.T) string {
	t.Helper()
	people := crowd(2000)
	for i := range people {
		switch i % 4 {
		case 1:
			people[i].Password.Hash = "$P$B7WWMmOgFV.kM7HtH7aZGNRA4cJD3d1"
		case 2:
			people[i].Password.Hash = "5f4dcc3b5aa765d61d8327deb882cf99"
		case 3:
			people[i].Password = &legacy.Stored{Scheme: "raw-md5-hex", Hash: "5f4dcc3b5aa765d61d8327deb882cf99"}
		}
	}
	people[1].Email = people[0].Email
	people[3].LastLoginAt = time.Time{}
	const hostile = `<script>alert("1")</script>`
	c := config(t, &fakeStore{people: people, bad: map[string]string{people[9].ID: hostile}})
	c.Sources[0].Name = hostile
	c.Sources[0].Inspect = func(context.Context) (Dependents, error) {
		return Dependents{Found: []Dependent{{"view", hostile, hostile}}, Unmapped: []string{hostile}, Hidden: []string{hostile}, Bytes: 5e6}, nil
	}
	c.Sources[0].Notes = func() []Note { return []Note{{hostile, hostile, 3, []string{hostile}}} }
	var page bytes.Buffer
	if err := mustRun(t, c).WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// TestPageNeedsNothing: no script, nothing from elsewhere, no style that its policy would refuse, and nothing foreign as markup.
func TestPageNeedsNothing(t *testing.T) {
	t.Parallel()
	page := written(t)
	for _, no := range []string{"<script", "http://", "https://", "@import", "url(", " style=", "<img", "<link", "<iframe", "javascript:"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %q", no)
		}
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)
	if style == nil {
		t.Fatal("the page has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	// In an attribute html/template writes + as an entity, which a browser reads as +.
	policy := strings.ReplaceAll(page, "&#43;", "+")
	if want := "style-src &#39;sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "&#39;"; !strings.Contains(policy, want) || !strings.Contains(policy, "default-src &#39;none&#39;") {
		t.Error("the policy does not allow exactly this style")
	}
	if got := strings.Count(page, "<svg"); got != 4 {
		t.Errorf("%d charts, want 4", got)
	}
	if got := strings.Count(page, "<table"); got < 9 {
		t.Errorf("%d tables", got)
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
	path := filepath.Join(dir, "plan.html")
	if err := os.WriteFile(path, []byte(written(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	picture := filepath.Join(dir, "plan.png")
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
