package rekey_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// A room is a package, or a group of them, and what its code may import of ours. Patterns are those of the go command:
// "legacy/..." is legacy and all below it. Where several rooms fit a package, its own name goes before the longest pattern.
type room struct {
	packages string
	may      []string // itself apart
	tests    []string // what its tests may import besides
	why      string
}

// The house: arrows point down, cmd -> gateway, sweeper -> accounts -> legacy. Only cmd names adapters (legacy/*source)
// and stores (accounts/sqlstore), and tests do; so no other room lists them in may. The contracts at the bottom of each
// part import nothing, so that what implements them can be put in and taken out. Tests may reach aside, never up.
var house = []room{
	{packages: "cmd/...", may: []string{"..."}, why: "cmd puts everything together"},

	{packages: "gateway/...", may: []string{"gateway/...", "accounts", "accounts/password", "accounts/masterkey", "accounts/phase"},
		tests: []string{"accounts/...", "legacy/..."},
		why:   "gateway speaks HTTP for accounts and has never heard of an old store"},
	{packages: "gateway/limit", why: "limits count keys and know nobody behind them"},

	{packages: "sweeper/...", may: []string{"sweeper/...", "accounts", "accounts/password", "accounts/phase", "accounts/jobs", "legacy", "legacy/hash"},
		tests: []string{"accounts/...", "legacy/..."},
		why:   "sweeper moves accounts in the background and goes when legacy goes"},

	{packages: "accounts", may: []string{"accounts/failpoint", "accounts/journal", "accounts/masterkey", "accounts/password", "accounts/phase", "accounts/policy", "accounts/jobs", "legacy", "legacy/hash"},
		tests: []string{"accounts/...", "legacy/..."},
		why:   "accounts is the domain: it names contracts, not what implements them"},
	{packages: "accounts/sqlstore", may: []string{"accounts", "accounts/failpoint", "accounts/phase"},
		tests: []string{"accounts/..."},
		why:   "a store implements the contract of accounts and stays when legacy goes"},
	{packages: "accounts/sqlstore/sqlstoretest", may: []string{"accounts/sqlstore"}, tests: []string{"accounts/..."}, why: "empty stores for the tests of others"},
	{packages: "accounts/accountstest", may: []string{"accounts", "accounts/phase"}, why: "the contract of a store as a suite"},
	{packages: "accounts/password", may: []string{"accounts/password/argon2"}, why: "it hashes, for whomever"},
	{packages: "accounts/password/argon2", why: "a leaf: arithmetic"},
	{packages: "accounts/masterkey", why: "a leaf: it seals, for whomever"},
	{packages: "accounts/phase", why: "a leaf: a table"},
	{packages: "accounts/policy", why: "a leaf: it looks at passwords"},
	{packages: "accounts/jobs", tests: []string{"accounts/jobs/jobstest"}, why: "a leaf: a contract"},
	{packages: "accounts/jobs/riverjobs", may: []string{"accounts/jobs"}, tests: []string{"accounts/jobs/jobstest"}, why: "an engine knows the contract, and not the work"},
	{packages: "accounts/jobs/jobstest", may: []string{"accounts/jobs"}, why: "the contract of an engine as a suite"},
	{packages: "accounts/journal", why: "a leaf: a file"},
	{packages: "accounts/failpoint", why: "a leaf: names of steps"},

	{packages: "legacy", tests: []string{"legacy/..."}, why: "the contract with an old store is a leaf"},
	{packages: "legacy/hash", may: []string{"legacy"}, tests: []string{"legacy/..."}, why: "legacy imports nothing outside legacy"},
	{packages: "legacy/legacytest", may: []string{"legacy"}, why: "the contract of a source as a suite"},
	{packages: "legacy/guard", may: []string{"legacy"}, why: "deadline and breaker, for whichever adapter"},
	{packages: "legacy/...", may: []string{"legacy", "legacy/hash", "legacy/guard", "legacy/preset"}, tests: []string{"legacy/..."},
		why: "legacy imports nothing outside legacy, and adapters do not know each other"},

	{packages: "deploy/...", may: []string{"deploy/..."}, why: "tools of the house, not part of the product"},
	{packages: ".", why: "the root holds the tests of the whole repository"},
}

// banned is what no code of ours imports, in whatever room, and why. Tests may: they are not in the binary.
var banned = map[string]string{
	"html/template": keepsEveryMethod,
	"text/template": keepsEveryMethod,
}

const keepsEveryMethod = "a template calls methods by name, so the linker must keep every exported method in the binary, " +
	"which makes it a third larger; write text with fmt, and pages with maragu.dev/gomponents"

// folders are all there may be at the top. What begins with a dot belongs to tools; bin is what make build makes.
var folders = []string{"legacy", "accounts", "sweeper", "gateway", "cmd", "deploy", "bin"}

// vague names say nothing of what is in a package, and collect everything.
var vague = []string{"pkg", "util", "utils", "common", "helper", "helpers", "model", "models", "misc", "shared"}

func TestArrowsPointDown(t *testing.T) {
	t.Parallel()
	faults, files, err := checkHouse(os.DirFS("."), modulePath(t))
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d Go files were looked at", files)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

// The checker is shown a small house that is in order, and then each fault in it.
func TestCheckHouseFindsAPlantedFault(t *testing.T) {
	t.Parallel()
	inOrder := fstest.MapFS{
		"cmd/rekey/main.go":                     source("main", "rekey/accounts/sqlstore", "rekey/gateway", "rekey/legacy/sqlsource"),
		"gateway/gateway.go":                    source("gateway", "net/http", "rekey/accounts", "rekey/gateway/limit"),
		"gateway/gateway_test.go":               source("gateway_test", "rekey/accounts/sqlstore", "rekey/legacy"),
		"gateway/limit/limit.go":                source("limit"),
		"sweeper/sweeper.go":                    source("sweeper", "rekey/accounts", "rekey/legacy"),
		"accounts/accounts.go":                  source("accounts", "rekey/legacy", "rekey/legacy/hash"),
		"accounts/sqlstore/sqlstore.go":         source("sqlstore", "rekey/accounts"),
		"legacy/legacy.go":                      source("legacy", "errors"),
		"legacy/hash/hash.go":                   source("hash", "rekey/legacy"),
		"legacy/sqlsource/sqlsource.go":         source("sqlsource", "rekey/legacy", "rekey/legacy/preset"),
		"legacy/sqlsource/sqlsource_test.go":    source("sqlsource", "rekey/legacy/legacytest"),
		"legacy/hash/testdata/src/p/planted.go": source("p", "rekey/cmd/rekey"),
		"deploy/rekey.yaml":                     {},
		".git/config":                           {},
	}
	const none = ""
	for name, row := range map[string]struct {
		file string
		text *fstest.MapFile
		want string // part of the only fault
	}{
		"nothing planted":                  {"README.md", &fstest.MapFile{}, none},
		"gateway names legacy":             {"gateway/old.go", source("gateway", "rekey/legacy"), "gateway imports legacy"},
		"gateway names legacy below":       {"gateway/web/old.go", source("web", "rekey/legacy/hash"), "gateway/web imports legacy/hash"},
		"gateway names a store":            {"gateway/store.go", source("gateway", "rekey/accounts/sqlstore"), "gateway imports accounts/sqlstore"},
		"gateway names sweeper":            {"gateway/sweep.go", source("gateway", "rekey/sweeper"), "gateway imports sweeper"},
		"gateway's test reaches up":        {"gateway/up_test.go", source("gateway", "rekey/cmd/rekey/config"), "gateway imports cmd/rekey/config in a test"},
		"limit is a leaf":                  {"gateway/limit/who.go", source("limit", "rekey/accounts"), "gateway/limit imports accounts"},
		"accounts reaches up":              {"accounts/up.go", source("accounts", "rekey/gateway"), "accounts imports gateway"},
		"accounts names an adapter":        {"accounts/shop.go", source("accounts", "rekey/legacy/sqlsource"), "accounts imports legacy/sqlsource"},
		"accounts names its store":         {"accounts/store.go", source("accounts", "rekey/accounts/sqlstore"), "accounts imports accounts/sqlstore"},
		"accounts uses a suite":            {"accounts/suite.go", source("accounts", "rekey/accounts/accountstest"), "accounts imports accounts/accountstest"},
		"accounts' test reaches up":        {"accounts/up_test.go", source("accounts", "rekey/gateway"), "accounts imports gateway in a test"},
		"password is a leaf":               {"accounts/password/hash.go", source("password", "rekey/legacy/hash"), "accounts/password imports legacy/hash"},
		"a store knows no legacy":          {"accounts/sqlstore/old.go", source("sqlstore", "rekey/legacy"), "accounts/sqlstore imports legacy"},
		"sweeper names an adapter":         {"sweeper/shop.go", source("sweeper", "rekey/legacy/sqlsource"), "sweeper imports legacy/sqlsource"},
		"sweeper reaches aside":            {"sweeper/http.go", source("sweeper", "rekey/gateway"), "sweeper imports gateway"},
		"the contract imports hash":        {"legacy/more.go", source("legacy", "rekey/legacy/hash"), "legacy imports legacy/hash"},
		"legacy imports accounts":          {"legacy/hash/fast.go", source("hash", "rekey/accounts/password"), "legacy/hash imports accounts/password"},
		"legacy's test imports accounts":   {"legacy/hash/x_test.go", source("hash", "rekey/accounts/password"), "legacy/hash imports accounts/password in a test"},
		"an adapter imports another":       {"legacy/ldapsource/l.go", source("ldapsource", "rekey/legacy/sqlsource"), "legacy/ldapsource imports legacy/sqlsource"},
		"a suite outside tests":            {"legacy/sqlsource/s.go", source("sqlsource", "rekey/legacy/legacytest"), "legacy/sqlsource imports legacy/legacytest"},
		"under a build tag":                {"gateway/tagged.go", &fstest.MapFile{Data: []byte("//go:build failpoint\n\npackage gateway\n\nimport _ \"rekey/legacy\"\n")}, "gateway imports legacy"},
		"under another name":               {"gateway/named.go", &fstest.MapFile{Data: []byte("package gateway\n\nimport old \"rekey/legacy\"\n")}, "gateway imports legacy"},
		"a part that has no rule":          {"accounts/mail/mail.go", source("mail"), "accounts/mail: no room"},
		"the root imports":                 {"rekey.go", source("rekey", "rekey/accounts"), ". imports accounts"},
		"another folder at the top":        {"internal/README", &fstest.MapFile{}, "internal: not a folder of the house"},
		"a vague name further down":        {"gateway/util/x.txt", &fstest.MapFile{}, "gateway/util: says nothing"},
		"a module of its own":              {"deploy/dev/go.mod", &fstest.MapFile{}, "deploy/dev/go.mod: another module"},
		"a page from a template":           {"sweeper/page.go", source("sweeper", "html/template"), "sweeper imports html/template: a template calls methods by name"},
		"a text from a template":           {"cmd/rekey/text.go", source("main", "text/template"), "cmd/rekey imports text/template: a template calls methods by name"},
		"a template in a test":             {"sweeper/page_test.go", source("sweeper", "text/template"), none},
		"the module's name as a beginning": {"gateway/near.go", source("gateway", "rekeyed/legacy"), none},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, tree := range []fstest.MapFS{inOrder, {row.file: row.text}} {
				if err := os.CopyFS(dir, tree); err != nil {
					t.Fatal(err)
				}
			}
			faults, _, err := checkHouse(os.DirFS(dir), "rekey")
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case row.want == none && len(faults) > 0:
				t.Errorf("found %q where all is in order", faults)
			case row.want != none && (len(faults) != 1 || !strings.Contains(faults[0], row.want)):
				t.Errorf("found %q, want one fault with %q", faults, row.want)
			}
		})
	}
}

// What cannot be parsed is not in order either.
func TestCheckHouseReadsEveryFile(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{"gateway/broken.go": {Data: []byte("package")}}
	if _, _, err := checkHouse(tree, "rekey"); err == nil || !strings.Contains(err.Error(), "gateway/broken.go") {
		t.Errorf("error %v, want one that names the file", err)
	}
}

// Of two rules for one room, one would be believed in and never used.
func TestHouseHasOneRuleForEachRoom(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range house {
		if seen[r.packages] {
			t.Errorf("%s stands twice", r.packages)
		}
		seen[r.packages] = true
		if r.why == "" {
			t.Errorf("%s: no reason", r.packages)
		}
	}
}

// source returns a Go file of package name with the given imports.
func source(name string, imports ...string) *fstest.MapFile {
	var text strings.Builder
	fmt.Fprintf(&text, "package %s\n", name)
	for _, path := range imports {
		fmt.Fprintf(&text, "import _ %q\n", path)
	}
	return &fstest.MapFile{Data: []byte(text.String())}
}

// checkHouse returns what in tree, the files of module, is not as the house has it, and how many Go files it read. It
// reads imports only and builds nothing, so a file counts under whatever build tags.
func checkHouse(tree fs.FS, module string) (faults []string, files int, err error) {
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		top := !strings.Contains(name, "/")
		if entry.IsDir() {
			switch {
			case name == ".":
			case strings.HasPrefix(entry.Name(), "."), entry.Name() == "testdata", name == "bin":
				return fs.SkipDir
			case top && !slices.Contains(folders, name):
				faults = append(faults, name+": not a folder of the house, which has "+strings.Join(folders, " "))
			case slices.Contains(vague, entry.Name()):
				faults = append(faults, name+": says nothing of what is in it")
			}
			return nil
		}
		if entry.Name() == "go.mod" && !top {
			faults = append(faults, name+": another module, where nobody looks at imports")
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		files++
		found, err := checkFile(tree, module, name)
		faults = append(faults, found...)
		return err
	})
	return faults, files, err
}

// checkFile returns the imports of one Go file that point the wrong way, or are banned.
func checkFile(tree fs.FS, module, name string) ([]string, error) {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	pkg := path.Dir(name)
	rule, ok := roomOf(pkg)
	if !ok {
		return []string{fmt.Sprintf("%s: no room of the house: say in arrows_test.go what it may import (%s)", pkg, name)}, nil
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	may, where := rule.may, ""
	test := strings.HasSuffix(name, "_test.go")
	if test {
		may, where = slices.Concat(rule.may, rule.tests), " in a test"
	}
	var faults []string
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		if why, ok := banned[imported]; ok && !test {
			faults = append(faults, fmt.Sprintf("%s imports %s: %s (%s)", pkg, imported, why, name))
		}
		ours, ok := strings.CutPrefix(imported, module+"/")
		if !ok || ours == pkg || slices.ContainsFunc(may, func(pattern string) bool { return fits(pattern, ours) }) {
			continue
		}
		faults = append(faults, fmt.Sprintf("%s imports %s%s: %s (%s)", pkg, ours, where, rule.why, name))
	}
	return faults, nil
}

// roomOf returns the room that is pkg, or else that with the longest pattern that fits it.
func roomOf(pkg string) (room, bool) {
	var best room
	for _, r := range house {
		if r.packages == pkg {
			return r, true
		}
		if fits(r.packages, pkg) && len(r.packages) > len(best.packages) {
			best = r
		}
	}
	return best, best.packages != ""
}

// fits tells whether pkg is pattern or, where that ends in "...", below it.
func fits(pattern, pkg string) bool {
	above, below := strings.CutSuffix(pattern, "...")
	if !below {
		return pkg == pattern
	}
	return above == "" || pkg+"/" == above || strings.HasPrefix(pkg, above)
}
