package hash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"rekey/legacy"
)

// A vector is a row of testdata/vectors.jsonl.
type vector struct {
	ID       string         `json:"id"`
	Format   string         `json:"format"`
	Tool     string         `json:"source_tool"`
	Password string         `json:"password"`
	Hash     string         `json:"hash"`
	Salt     string         `json:"salt"`
	Extra    map[string]any `json:"extra"`
	Valid    bool           `json:"valid"`
}

// stored is the row as an adapter would hand it over.
func (v vector) stored() legacy.Stored {
	s := legacy.Stored{Scheme: v.Format, Hash: v.Hash, Salt: v.Salt, Params: map[string]string{}}
	for name, value := range v.Extra {
		s.Params[name] = fmt.Sprint(value)
	}
	s.User = s.Params["user"]
	return s
}

// readVectors returns the rows, which nobody changes: they are read once.
func readVectors(t testing.TB) []vector {
	t.Helper()
	rows, err := vectorsOnce()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

var vectorsOnce = sync.OnceValues(func() (rows []vector, err error) {
	text, err := os.ReadFile("testdata/vectors.jsonl")
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.UseNumber() // 2^31 must not become 2.147483648e+09
		if err := decoder.Decode(&v); err != nil {
			return nil, err
		}
		rows = append(rows, v)
	}
	return rows, lines.Err()
})

// mustFormats are the formats that the product promises: all their rows must come out right.
var mustFormats = strings.Fields(`
	bcrypt-2a bcrypt-2b bcrypt-2y argon2i argon2d argon2id argon2i-v10 argon2d-v10 argon2id-v10
	pbkdf2-mcf-sha1 pbkdf2-mcf-sha256 pbkdf2-mcf-sha512 bcrypt-sha256-v1 bcrypt-sha256-v2 scrypt-phc
	crypt-md5 crypt-apr1 crypt-sha256 crypt-sha512 crypt-des crypt-bsdi crypt-sha1 crypt-yescrypt crypt-scrypt7 scrypt-crypt7

	django-pbkdf2-sha256 django-pbkdf2-sha1 django-argon2 django-bcrypt-sha256 django-bcrypt django-scrypt
	django-sha1 django-md5 django-unsalted-sha1 django-crypt
	werkzeug-pbkdf2-sha256 werkzeug-pbkdf2-sha1 werkzeug-pbkdf2-sha512 werkzeug-plain werkzeug-md5 werkzeug-sha1
	werkzeug-sha256 werkzeug-sha512 werkzeug-scrypt
	bcrypt-pepper restful-auth-sha1 authlogic-sha512 authlogic-md5 authlogic-md5-v2 authlogic-sha1 authlogic-sha1-v2
	authlogic-sha256 authlogic-sha256-v2 authlogic-sha512-v2
	better-auth-scrypt lucia-scrypt lucia-scrypt-s2 passport-local-mongoose payload-pbkdf2 bcrypt-sha256hex firebase-scrypt
	aspnet-identity-v2 aspnet-identity-v3 keycloak-json
	spring-bcrypt spring-bcrypt-delegating spring-bcrypt-2b spring-bcrypt-2y spring-pbkdf2-v5_5 spring-pbkdf2-v5_5-delegating
	spring-pbkdf2-v5_8 spring-pbkdf2-v5_8-delegating spring-pbkdf2-secret spring-pbkdf2-b64 spring-scrypt-v4_1
	spring-scrypt-v4_1-delegating spring-scrypt-v5_8 spring-scrypt-v5_8-delegating spring-scrypt-small spring-argon2-v5_2
	spring-argon2-v5_2-delegating spring-argon2-v5_8 spring-argon2-v5_8-delegating spring-sha256 spring-sha256-delegating
	spring-sha256-secret spring-MD4 spring-MD4-delegating spring-MD5 spring-MD5-delegating spring-SHA-1
	spring-SHA-1-delegating spring-SHA-256 spring-SHA-256-delegating spring-SHA-512-it1000 spring-SHA-256-b64 spring-ldap
	spring-ldap-delegating spring-noop spring-noop-delegating

	wp-bcrypt phpass drupal7 drupal7-u nextcloud symfony-md-sha512-5000 symfony-md-sha1-1 symfony-pbkdf2
	symfony-plaintext-salt symfony-bcrypt-prehash
	mediawiki-A mediawiki-B mediawiki-pbkdf2 mediawiki-pbkdf2-legacyA mediawiki-pbkdf2-legacyB mediawiki-bcrypt mediawiki-argon2
	vbulletin vb5-bcrypt-md5 vb5-argon2-md5 ipb-mybb smf1-sha1-user smf2-bcrypt-user xenforo-sha256
	magento-md5-salt magento2-v0 magento2-v1 magento2-v2 magento2-v3 magento2-chain oscommerce joomla-md5-salt
	salted-sha1-prefix wcf1

	ldap-sha ldap-ssha ldap-md5 ldap-smd5 ldap-sha256 ldap-sha384 ldap-sha512 ldap-ssha256 ldap-ssha384 ldap-ssha512
	ldap-crypt ldap-pbkdf2-sha1 ldap-pbkdf2-sha256 ldap-pbkdf2-sha512 ldap-plaintext plaintext

	dovecot-cram-md5 dovecot-hmac-md5 jetty-obf mssql2000

	raw-md5-hex raw-sha1-hex raw-sha256-hex raw-sha512-hex salted-md5-suffix salted-md5-prefix
	salted-sha1-suffix salted-sha256-suffix salted-sha256-prefix salted-sha512-suffix salted-sha512-prefix
`)

// tally counts the rows of one format.
type tally struct{ valid, validOK, invalid, invalidOK int }

// eachRow runs f for the rows whose format the registry has, as many at once as there are cores.
func eachRow(r *Registry, rows []vector, f func(i int, v vector)) {
	permits := make(chan struct{}, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for i, v := range rows {
		if r.byName[v.Format] == nil {
			continue
		}
		permits <- struct{}{}
		group.Go(func() {
			defer func() { <-permits }()
			f(i, v)
		})
	}
	group.Wait()
}

// firstRows are the first valid row of each format.
func firstRows(rows []vector) []vector {
	var first []vector
	for i, isFirst := range firstOf(rows) {
		if isFirst {
			first = append(first, rows[i])
		}
	}
	return first
}

// firstOf tells for each row whether it is the first valid one of its format.
func firstOf(rows []vector) []bool {
	first, seen := make([]bool, len(rows)), map[string]bool{}
	for i, v := range rows {
		if v.Valid && !seen[v.Format] {
			first[i], seen[v.Format] = true, true
		}
	}
	return first
}

// validRows counts the valid rows of each format.
func validRows(rows []vector) map[string]int {
	n := map[string]int{}
	for _, v := range rows {
		n[v.Format] += count(v.Valid)
	}
	return n
}

// TestVectors runs every row whose format the registry has. With -v it prints the counts by format.
//
// The first valid row of a format is computed from its mask, the others from what is stored (a sole row from both): a
// wrapped credential keeps only the mask, so a scheme whose mask computes otherwise would lock its people out.
func TestVectors(t *testing.T) {
	t.Parallel()
	r, rows := New(Config{}), readVectors(t)
	verified, first, valid := make([]bool, len(rows)), firstOf(rows), validRows(rows)
	eachRow(r, rows, func(i int, v vector) {
		h, err := r.Open(v.stored())
		if err != nil {
			if v.Valid {
				t.Errorf("%s %s: %v", v.ID, v.Format, err)
			}
			return
		}
		if first[i] {
			checkMask(t, r, v, h)
		}
		verified[i] = first[i] && valid[v.Format] > 1 || h.Verify([]byte(v.Password))
	})

	tallies, order := map[string]*tally{}, []string{}
	for i, v := range rows {
		c := tallies[v.Format]
		if c == nil {
			c = &tally{}
			tallies[v.Format], order = c, append(order, v.Format)
		}
		if r.byName[v.Format] == nil {
			continue
		}
		ok := verified[i] == v.Valid
		if !ok {
			t.Errorf("%s %s: verified %t, want %t (%s)", v.ID, v.Format, verified[i], v.Valid, v.Tool)
		}
		if v.Valid {
			c.valid, c.validOK = c.valid+1, c.validOK+count(ok)
		} else {
			c.invalid, c.invalidOK = c.invalid+1, c.invalidOK+count(ok)
		}
	}
	var missing []string
	for _, format := range order {
		if r.byName[format] == nil {
			missing = append(missing, format)
			continue
		}
		c := tallies[format]
		t.Logf("%-32s verified %d/%d refused %d/%d", format, c.validOK, c.valid, c.invalidOK, c.invalid)
	}
	t.Logf("%d formats, of which %d are not supported: %s", len(order), len(missing), strings.Join(missing, " "))
	for _, format := range mustFormats {
		if r.byName[format] == nil {
			t.Errorf("the registry lacks %s", format)
		} else if c := tallies[format]; c == nil || c.valid == 0 || c.invalid == 0 {
			t.Errorf("no rows prove %s", format)
		}
	}
}

func count(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

// checkMask masks an opened row, opens the mask and compares what it computes with what was stored.
func checkMask(t *testing.T, r *Registry, v vector, h *Hash) {
	t.Helper()
	mask := h.Masked()
	again, err := r.Open(mask)
	if err != nil {
		t.Errorf("%s %s: the masked value does not open: %v", v.ID, v.Format, err)
		return
	}
	if mask.Scheme != h.Scheme || again.Limit != h.Limit || again.Fold != h.Fold || again.Memory != h.Memory {
		t.Errorf("%s %s: the masked value tells other properties", v.ID, v.Format)
	}
	if mask.Hash == v.Hash || slices.Equal(again.Stored(), h.Stored()) {
		t.Errorf("%s %s: the masked value still holds the digest", v.ID, v.Format)
	}
	got, err := again.Digest([]byte(v.Password))
	if err != nil || !bytes.Equal(got, h.Stored()) {
		t.Errorf("%s %s: the masked value computes another digest (%v)", v.ID, v.Format, err)
	}
}

// TestAuto checks that a row of a scheme that says it recognises it opens under "auto" to one that verifies it.
func TestAuto(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	eachRow(r, firstRows(readVectors(t)), func(_ int, v vector) {
		scheme := r.byName[v.Format]
		if scheme.Match == nil || !scheme.Match(v.Hash) {
			return
		}
		s := v.stored()
		s.Scheme = Auto
		h, err := r.Open(s)
		if err != nil {
			t.Errorf("%s %s: %v", v.ID, v.Format, err)
		} else if h.Scheme != scheme.Name && !h.Verify([]byte(v.Password)) {
			t.Errorf("%s %s: auto takes it for %s", v.ID, v.Format, h.Scheme)
		}
	})
}
