// Package deploy_test keeps the files of this folder in step with the program: the examples are what people copy.
package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
)

// build makes rekey once for all tests, in a folder that TestMain removes.
var build = sync.OnceValues(func() (string, error) {
	program := filepath.Join(folder, "rekey")
	out, err := exec.Command("go", "build", "-o", program, "rekey/cmd/rekey").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
})

// folder is made by TestMain.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "rekey-deploy-"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// checkConfig runs rekey config check.
func checkConfig(t *testing.T, env []string, args ...string) {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatalf("build rekey: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), program, append([]string{"config", "check"}, args...)...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("config check: %v\n%s", err, out)
	}
}

func TestExampleConfigurationIsComplete(t *testing.T) {
	t.Parallel()
	checkConfig(t, nil, "--config", "rekey.yaml")
}

var (
	commentedKey = regexp.MustCompile(`(?m)^( *)#([a-z-])`)
	fileKey      = regexp.MustCompile(`(?m)^ *#?(store|redis|dsn|pepper|password)_file:.*\n`)
)

// With every "#" before a key taken away, the example is one that rekey takes; of each secret and its _file twin, which
// exclude one another, the secret is kept.
func TestExampleConfigurationUncommented(t *testing.T) {
	t.Parallel()
	text := fileKey.ReplaceAllString(read(t, "rekey.yaml"), "")
	text = commentedKey.ReplaceAllString(text, "$1$2")
	text = strings.Replace(text, "kind: sql\n    table: users", "kind: sql\n    dsn: postgres://old.example.org/forum\n    table: users", 1)
	text = strings.Replace(text, "/etc/rekey/letters", t.TempDir(), 1)
	path := filepath.Join(t.TempDir(), "rekey.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	checkConfig(t, nil, "--config", path)
}

func TestExampleConfigurationNamesEveryKey(t *testing.T) {
	t.Parallel()
	example := read(t, "rekey.yaml")
	tags := regexp.MustCompile(`yaml:"([a-z0-9_]+)[",]`).FindAllStringSubmatch(read(t, "../cmd/rekey/config/config.go")+read(t, "../cmd/rekey/config/gates.go")+read(t, "../cmd/rekey/config/sweeper.go"), -1)
	if len(tags) < 50 {
		t.Fatalf("only %d keys found in package config", len(tags))
	}
	for _, tag := range tags {
		if !regexp.MustCompile(`(?m)(^|[ #{])` + tag[1] + `:`).MatchString(example) {
			t.Errorf("rekey.yaml does not explain %s", tag[1])
		}
	}
}

// The example sends readers to the page of each kind for its keys.
func TestPagesNameEveryKeyOfTheirKind(t *testing.T) {
	t.Parallel()
	pages := map[string]string{"LDAP": "ldapsource", "HTTP": "httpsource", "File": "filesource", "Sanitise": "mapping"}
	kinds := read(t, "../cmd/rekey/config/kinds.go")
	structs := regexp.MustCompile(`(?s)\ntype (LDAP|HTTP|File|Sanitise)\w* struct \{\n(.*?)\n\}`).FindAllStringSubmatch(kinds, -1)
	if len(structs) < 9 {
		t.Fatalf("%d groups found in package config", len(structs))
	}
	for _, group := range structs {
		page := read(t, "../legacy/"+pages[group[1]]+"/README.md")
		for _, tag := range regexp.MustCompile(`yaml:"([a-z0-9_]+)"`).FindAllStringSubmatch(group[2], -1) {
			if !regexp.MustCompile("[`. {]" + tag[1] + "[`:]").MatchString(page) {
				t.Errorf("legacy/%s/README.md does not explain %s", pages[group[1]], tag[1])
			}
		}
	}
}

// compose is what the tests look at of compose.yaml.
type compose struct {
	Services map[string]struct {
		Image       string
		Command     any
		Environment map[string]string
		Secrets     []string
		Ports       []string
		Healthcheck map[string]any
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
	}
	Secrets map[string]struct{ File string }
}

func readCompose(t *testing.T) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComposeGatewaysAreConfigured(t *testing.T) {
	t.Parallel()
	secrets := makeSecrets(t)
	gateways := 0
	for name, service := range readCompose(t).Services {
		if !strings.HasPrefix(name, "gateway-") {
			continue
		}
		gateways++
		var env []string
		for key, value := range service.Environment {
			value = regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`).ReplaceAllString(value, "$1")
			if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
				if !slices.Contains(service.Secrets, secret) {
					t.Errorf("%s: %s reads secret %s, which it is not given", name, key, secret)
				}
				value = filepath.Join(secrets, secret)
			}
			env = append(env, key+"="+value)
		}
		checkConfig(t, env)
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) {
			t.Errorf("%s: wants a read-only root and no capabilities", name)
		}
	}
	if gateways != 2 {
		t.Errorf("%d gateways, want 2", gateways)
	}
}

func TestComposeGivesNothingAway(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	made := makeSecrets(t)
	for name, service := range c.Services {
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s, which is not on loopback", name, port)
			}
		}
		if service.Healthcheck == nil && !strings.HasPrefix(name, "gateway-") { // theirs is the image's
			t.Errorf("%s has no health check", name)
		}
		for key, value := range service.Environment {
			if strings.Contains(key, "PASSWORD") && !strings.HasSuffix(key, "_FILE") || strings.Contains(value, "://") && key != "REKEY_ISSUER" {
				t.Errorf("%s: a secret in %s; its _FILE twin keeps it out of docker inspect", name, key)
			}
		}
		for _, secret := range service.Secrets {
			if c.Secrets[secret].File != "./secrets/"+secret {
				t.Errorf("%s: secret %s is not defined", name, secret)
			}
		}
	}
	for secret := range c.Secrets {
		info, err := os.Stat(filepath.Join(made, secret))
		switch {
		case err != nil:
			t.Errorf("compose-secrets does not make %s: %v", secret, err)
		case info.Mode().Perm() != 0o400:
			t.Errorf("compose-secrets makes %s with mode %o", secret, info.Mode().Perm())
		}
	}
}

// makeSecrets runs compose-secrets, twice: the second run must leave what is there.
func makeSecrets(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "secrets")
	var keys []string
	for range 2 {
		if out, err := exec.CommandContext(t.Context(), "./compose-secrets", dir).CombinedOutput(); err != nil {
			t.Fatalf("compose-secrets: %v\n%s", err, out)
		}
		keys = append(keys, read(t, filepath.Join(dir, "master_key")))
	}
	if keys[0] != keys[1] || len(keys[0]) != 64 {
		t.Error("compose-secrets: want a key of 64 digits, and the same the second time")
	}
	return dir
}

func TestImage(t *testing.T) {
	t.Parallel()
	text := read(t, "Dockerfile")
	for _, want := range []string{
		`(?m)^FROM scratch$`, // after which nothing is there but what was built
		`(?m)^USER [1-9][0-9]*:[1-9][0-9]*$`,
		`(?m)^ENTRYPOINT \["/usr/bin/rekey"\]$`, // no shell between it and SIGTERM
		`-X main\.version=`,
		`CGO_ENABLED=0`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("Dockerfile: nothing like %s", want)
		}
	}
	mod := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	image := regexp.MustCompile(`golang:(\d+\.\d+)`).FindStringSubmatch(text)
	if mod == nil || image == nil || mod[1] != image[1] {
		t.Errorf("go.mod says Go %q, the Dockerfile %q", mod, image)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What stops the gateway waits longer than the gateway takes: shutdown, and 12 s for writes.
func TestStoppingIsWaitedFor(t *testing.T) {
	t.Parallel()
	shutdown := seconds(t, "rekey.yaml", `(?m)^#?shutdown: (\d+)s`)
	for file, key := range map[string]string{"rekey.service": `(?m)^TimeoutStopSec=(\d+)s`, "compose.yaml": `stop_grace_period: (\d+)s`} {
		if got := seconds(t, file, key); got <= shutdown+12 {
			t.Errorf("%s waits %d s, and stopping takes up to %d s", file, got, shutdown+12)
		}
	}
	for _, file := range []string{"rekey.yaml", "compose.yaml"} {
		if drain := seconds(t, file, `(?im)drain: (\d+)s`); drain >= shutdown {
			t.Errorf("%s: drain is %d s of the %d s of shutdown", file, drain, shutdown)
		}
	}
}

// seconds returns the number that a pattern finds in a file.
func seconds(t *testing.T, file, pattern string) int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))
	if found == nil {
		t.Fatalf("%s has no %s", file, pattern)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
