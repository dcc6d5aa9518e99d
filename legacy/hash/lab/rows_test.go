package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey/legacy/hash"
)

// A row is one of package hash's vectors.
type row struct {
	Format   string         `json:"format"`
	Password string         `json:"password"`
	Hash     string         `json:"hash"`
	Salt     string         `json:"salt"`
	Extra    map[string]any `json:"extra"`
	Valid    bool           `json:"valid"`
}

func (r row) question() Question {
	q := Question{Password: []byte(r.Password), Hash: r.Hash, Salt: r.Salt}
	if user, ok := r.Extra["user"]; ok {
		q.User = fmt.Sprint(user)
	}
	if pepper, ok := r.Extra["pepper"]; ok {
		q.Pepper = fmt.Sprint(pepper)
	}
	return q
}

// firstRows are the first valid row of each format.
func firstRows(t *testing.T) []row {
	t.Helper()
	f, err := os.Open("../testdata/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []row
	seen := map[string]bool{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.Valid && !seen[r.Format] {
			seen[r.Format] = true
			rows = append(rows, r)
		}
	}
	return rows
}

// found are salted and iterated formats of the vectors for which the recipes alone, without any scheme's name, have an
// answer. A test counts them.
var found = strings.Fields(`
	salted-md5-suffix salted-md5-prefix salted-md5-b64-prefix salted-sha1-suffix salted-sha1-prefix salted-sha1-b64-prefix
	salted-sha256-suffix salted-sha256-prefix salted-sha256-b64-prefix salted-sha512-suffix salted-sha512-prefix salted-sha512-b64-prefix
	hmac-md5-key-salt hmac-md5-key-pw hmac-sha1-key-salt hmac-sha1-key-pw hmac-sha256-key-salt hmac-sha256-key-pw
	hmac-sha512-key-salt hmac-sha512-key-pw
	pbkdf2-md5-hex pbkdf2-sha1-hex pbkdf2-sha256-hex pbkdf2-sha512-hex gogs-pbkdf2 npm-pbkdf2-password symfony-pbkdf2
	aspnet-membership-sha1 aspnet-membership-sha256 magento-md5-salt oscommerce joomla-md5-salt vbulletin ipb-mybb phpfox3 wcf1
	xenforo-sha256 sha1-salt-pw-colon smf1-sha1-user postgres-md5 redmine clearance-sha1
	symfony-md-sha1-1 symfony-md-sha512-5000 shiro-simplehash-hex shiro-simplehash-b64
	devise-sha1 devise-sha512 restful-auth-sha1 authlogic-sha512 authlogic-sha512-v2 authlogic-sha256 authlogic-sha256-v2
	authlogic-sha1 authlogic-sha1-v2 authlogic-md5 md5-md5 sha1-md5 md5-sha1 mysql41`)

// TestFindsRecipes gives one known password, and the hash, salt, name and pepper that belong to it.
func TestFindsRecipes(t *testing.T) {
	t.Parallel()
	if len(found) < 40 {
		t.Errorf("%d formats, want 40 at the least", len(found))
	}
	registry := hash.New(hash.Config{})
	rows := firstRows(t)
	for _, format := range found {
		i := slices.IndexFunc(rows, func(r row) bool { return r.Format == format })
		if i < 0 {
			t.Errorf("no rows of %s", format)
			continue
		}
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			q := rows[i].question()
			q.Registry, q.MaxTime = registry, 5*time.Minute
			s, cancel := newSearch(t.Context(), q)
			defer cancel()
			start := time.Now()
			answer, err := s.recipes(stages[:6])
			if err != nil || answer == nil {
				t.Fatalf("nothing after %d digests (%v)", s.tried, err)
			}
			t.Logf("%d digests, %s: %s %v", s.tried, time.Since(start).Round(time.Millisecond), answer.Scheme, answer.Params)
			if err := registry.CheckScheme(answer.Scheme); err != nil || !answer.Recipe {
				t.Errorf("no recipe (%v)", err)
			}
			q.Password = append(q.Password, 'x') // the recipe is of the password, and not of anything
			wrong, cancelWrong := newSearch(t.Context(), q)
			defer cancelWrong()
			if wrong.fits(*answer) {
				t.Error("the recipe takes another password")
			}
		})
	}
}
