package survey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dom "golang.org/x/net/html"

	"rekey/legacy"
)

// hostile leaves an attribute in either kind of quotes, a cell and the style sheet, and runs a script in two ways.
const hostile = `"'></td></style><script>alert("1")</script><b onclick="alert(2)" title='`

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
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("the page has no policy")
	}
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	if got := html.UnescapeString(policy[1]); got != want {
		t.Errorf("the policy is %s, want %s", got, want)
	}
	if got := strings.Count(page, "<svg"); got != 4 {
		t.Errorf("%d charts, want 4", got)
	}
	if got := strings.Count(page, "<table"); got < 9 {
		t.Errorf("%d tables", got)
	}
}

// TestForeignTextStaysText: whatever stands in any string of a report is text to a browser, unchanged, and never markup.
func TestForeignTextStaysText(t *testing.T) {
	t.Parallel()
	var report Report
	planted := plant(reflect.ValueOf(&report).Elem(), nil)
	var page strings.Builder
	if err := report.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	root, err := dom.Parse(strings.NewReader(page.String()))
	if err != nil {
		t.Fatal(err)
	}
	elements := strings.Fields("html head meta title style body main section h1 h2 h3 p strong div table tbody tr th td svg g text rect")
	attributes := strings.Fields("lang charset http-equiv content name class viewBox role aria-label x y dx dy width height rx")
	var text, values strings.Builder
	for n := range root.Descendants() {
		switch n.Type {
		case dom.TextNode:
			fmt.Fprintln(&text, n.Data)
		case dom.DoctypeNode:
		case dom.ElementNode:
			if !slices.Contains(elements, n.Data) {
				t.Errorf("an element %q", n.Data)
			}
			for _, a := range n.Attr {
				if !slices.Contains(attributes, a.Key) {
					t.Errorf("an attribute %q of %s", a.Key, n.Data)
				}
				fmt.Fprintln(&values, a.Val)
			}
		default:
			t.Errorf("a node of type %d: %q", n.Type, n.Data)
		}
	}
	for _, foreign := range planted {
		if !strings.Contains(text.String(), foreign) {
			t.Errorf("%s is not on the page, or not as it was", foreign)
		}
	}
	if want := "Last logins of " + report.Sources[0].Name + "\n"; !strings.Contains(values.String(), want) {
		t.Errorf("no chart is called %s", want)
	}
}

// plant fills v, with a hostile text of its own in each string, and returns those texts behind the ones that were planted
// before.
func plant(v reflect.Value, planted []string) []string {
	switch v.Kind() {
	case reflect.String:
		planted = append(planted, fmt.Sprintf("%s%d;", hostile, len(planted)))
		v.SetString(planted[len(planted)-1])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			break
		}
		for _, field := range v.Fields() {
			planted = plant(field, planted)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		planted = plant(v.Index(0), planted)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		planted = plant(v.Elem(), planted)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		planted = plant(value, plant(key, planted))
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	default:
		panic("plant: a " + v.Kind().String())
	}
	return planted
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
