package lab

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// stored makes the hash of a password by a recipe.
func stored(t *testing.T, recipe, salt, user, pepper, password string) string {
	t.Helper()
	r := hash.New(hash.Config{})
	like := legacy.Stored{Scheme: recipe, Salt: salt, User: user, Params: map[string]string{"pepper": pepper}}
	for _, size := range []int{16, 20, 32, 48, 64} {
		like.Hash = strings.Repeat("0", 2*size)
		if h, err := r.Open(like); err == nil {
			digest, err := h.Digest([]byte(password))
			if err != nil {
				t.Fatal(err)
			}
			return hex.EncodeToString(digest)
		}
	}
	t.Fatalf("%s opens nothing", recipe)
	return ""
}

func answersTo(t *testing.T, q Question) []Answer {
	t.Helper()
	if q.MaxTime == 0 {
		q.MaxTime = 5 * time.Minute
	}
	answers, err := Search(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// Schemes come first, and of them the one that the hash is marked as; the first recipe is the last answer.
func TestSearch(t *testing.T) {
	t.Parallel()
	const password = "Pässw0rd"
	var stages []string
	answers := answersTo(t, Question{
		Password: []byte(password), Hash: stored(t, "md5(md5($pass).$salt)", "x7", "", "", password), Salt: "x7",
		Progress: func(p Progress) {
			if !slices.Contains(stages, p.Stage) {
				stages = append(stages, p.Stage)
			}
		},
	})
	if len(answers) != 2 || answers[0].Scheme != "vbulletin" || answers[0].Recipe || answers[1].Scheme != "md5(md5($pass).$salt)" || !answers[1].Recipe {
		t.Errorf("%+v", answers)
	}
	if len(stages) < 2 || stages[0] != "schemes by name" {
		t.Errorf("progress told of %q", stages)
	}
	answers = answersTo(t, Question{Password: []byte("secret"), Hash: "$2a$04$gnoxl0KBagjxOPuGpfXfIeir355/ZLdi0zIqxJukQPkJtd0b2EHpu"})
	if len(answers) == 0 || answers[0].Scheme != "bcrypt" {
		t.Errorf("%+v", answers)
	}
}

// Recipes of each part of the space that the vectors do not reach.
func TestSearchSpace(t *testing.T) {
	t.Parallel()
	const password, salt, user, pepper = "Pässw0rd", "0badcafe", "Anna", "site key"
	for _, recipe := range []string{
		`md5($pass.":".$salt)`,
		`sha1($salt."|".$pass)`,
		`md5(utf16le($pass).unhex($salt))`,
		`sha1(lower($user).":".$pass)`,
		`sha256($pass.$salt.$pepper)`,
		`sha1(upper(md5($pass)).$salt)`,
		`sha256(md5_bin($pass).$salt)`,
		`sha512(base64(sha1($pass)))`,
		`hmac_sha256($pepper,$pass.$salt)`,
		`hmac_sha1($salt,md5($pass))`,
		`sha1(sha1($pass.$salt).$user)`,
		`iterate(33,$pass.$salt,upper(md5($it)))`,
		`iterate(777,$pass,sha1($it.$salt))`,
		`ripemd160($pass.$salt)`,
		`pbkdf2_sha1($pass,unhex($salt),4321,20)`,
		`pbkdf2_sha256($pass,$user.$salt,20,32)`,
	} {
		t.Run(recipe, func(t *testing.T) {
			t.Parallel()
			q := Question{Password: []byte(password), Hash: stored(t, recipe, salt, user, pepper, password), Salt: salt, User: user, Pepper: pepper}
			answers := answersTo(t, q)
			if len(answers) == 0 || !answers[len(answers)-1].Recipe {
				t.Fatalf("%+v", answers)
			}
			q.Password = []byte("Another")
			if s, cancel := newSearch(t.Context(), q); s.fits(answers[len(answers)-1]) {
				t.Error("the answer takes another password")
				cancel()
			} else {
				cancel()
			}
		})
	}
}

// The salt is found within the hash column as well, and the parameter that says where.
func TestSearchPlaces(t *testing.T) {
	t.Parallel()
	sum := md5.Sum([]byte("Pässw0rd" + "s4l"))
	digest := hex.EncodeToString(sum[:])
	for column, from := range map[string]string{
		digest + ":s4l": "split::", "s4l$" + digest: "rsplit:$", "s4l" + digest: "head:3", digest + "s4l": "tail:3", digest + "-s4l": "split:-",
	} {
		answers := answersTo(t, Question{Password: []byte("Pässw0rd"), Hash: column})
		last := answers[len(answers)-1]
		if want := map[string]string{"salt_from": from}; last.Scheme != "md5($pass.$salt)" || !maps.Equal(last.Params, want) {
			t.Errorf("%s: %+v, want %v", column, answers, want)
		}
	}
}

func TestSearchEnds(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]Question{
		"no password":     {Hash: "00"},
		"no hash":         {Password: []byte("x")},
		"a huge password": {Password: make([]byte, hash.MaxPassword+1), Hash: "00"},
		"a huge hash":     {Password: []byte("x"), Hash: strings.Repeat("0", hash.MaxStored+1)},
		"a huge salt":     {Password: []byte("x"), Hash: "00", Salt: strings.Repeat("0", hash.MaxStored+1)},
	} {
		if answers, err := Search(t.Context(), q); !errors.Is(err, ErrQuestion) || answers != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What no recipe makes takes until the time is over, and says so.
	q := Question{Password: []byte("Pässw0rd"), Hash: strings.Repeat("0", 32), Salt: "s4lt", MaxTime: 50 * time.Millisecond}
	answers, err := Search(t.Context(), q)
	if !errors.Is(err, ErrTime) || len(answers) != 0 {
		t.Errorf("%v, %v", answers, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	q.MaxTime, q.Progress = time.Hour, func(p Progress) {
		if p.Stage == stages[2].name {
			cancel()
		}
	}
	if _, err := Search(ctx, q); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
	// A string that is no digest at all leaves nothing to try.
	if answers, err := Search(t.Context(), Question{Password: []byte("x"), Hash: "!locked?"}); err != nil || len(answers) != 0 {
		t.Errorf("%v, %v", answers, err)
	}
}

// FuzzPlaces: whatever the column holds, a place has a digest, and where it says that the salt is there it is.
func FuzzPlaces(f *testing.F) {
	for _, column := range []string{
		strings.Repeat("0", 32) + ":salt", "salt$" + strings.Repeat("0", 40), "salt" + strings.Repeat("0", 64), "ASNFZ4mrze8BI0VniavN7w==", "::", "$", "",
	} {
		f.Add(column, "")
		f.Add(column, "salt")
	}
	r := hash.New(hash.Config{})
	f.Fuzz(func(t *testing.T, column, salt string) {
		if len(column) > hash.MaxStored || len(salt) > 1<<10 {
			return
		}
		q := Question{Password: []byte("x"), Hash: column, Salt: salt}
		for _, p := range q.places() {
			if len(p.want) < leastDigest {
				t.Errorf("a digest of %d bytes", len(p.want))
			}
			if from := p.params["salt_from"]; from != "" && (p.salt == "" || !strings.Contains(column, p.salt)) {
				t.Errorf("%s: a salt that is not there", from)
			}
			for recipe, size := range map[string]int{"md5($pass.$salt)": 16, "base64(sha1($pass.$salt))": 20} {
				if len(p.want) != size || p.base64 == (size == 16) || len(p.salt) > 1<<10 || strings.HasPrefix(column, "!") {
					continue
				}
				h, err := r.Open(legacy.Stored{Scheme: recipe, Hash: column, Salt: salt, Params: p.params})
				if err != nil || string(h.Stored()) != string(p.want) {
					t.Errorf("%v: package hash reads it otherwise (%v)", p.params, err)
				}
			}
		}
	})
}
