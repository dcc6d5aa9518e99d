package ldapsource

import (
	"errors"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// not has the directory verify it.
func TestSchemes(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	hashes, reader := open(t, d.config("hashes")), open(t, d.config("reader"))
	registry := hash.New(hash.Config{})
	for uid, scheme := range map[string]string{
		"ssha": "ldap", "smd5": "ldap", "md5": "ldap", "ssha512": "ldap", "crypt": "ldap", "argon2": "ldap", "clear": "plaintext",
	} {
		stored := one(t, hashes, uid).Password
		if stored == nil || stored.Scheme != scheme || stored.User != uid {
			t.Errorf("%s: what is stored is of another scheme or user, or is not there", uid)
			continue
		}
		h, err := registry.Open(*stored)
		if err != nil || !h.Verify([]byte(rightPassword)) || h.Verify([]byte("wrong horse")) {
			t.Errorf("%s: what is stored does not verify the password: %v", uid, err)
		}
		user := one(t, reader, uid)
		if user.Password != nil {
			t.Errorf("%s: the password is shown to an account without the right", uid)
		}
		if err := reader.Verify(t.Context(), user, []byte(rightPassword)); err != nil {
			t.Errorf("%s: the right password: %v", uid, err)
		}
		if err := reader.Verify(t.Context(), user, []byte("wrong horse")); !errors.Is(err, legacy.ErrWrongPassword) {
			t.Errorf("%s: a wrong password: %v", uid, err)
		}
	}
	if err := reader.Verify(t.Context(), one(t, reader, "nobody"), []byte(rightPassword)); !errors.Is(err, legacy.ErrWrongPassword) {
		t.Errorf("somebody without a password: %v", err)
	}
}

// then lets anybody in.
func TestEmptyPassword(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	s := open(t, d.config("reader"))
	user, dn := one(t, s, "ssha"), "uid=ssha,"+d.people()
	for _, empty := range [][]byte{nil, {}} {
		if err := s.Verify(t.Context(), user, empty); !errors.Is(err, legacy.ErrWrongPassword) {
			t.Errorf("an empty password: %v", err)
		}
	}
	if n := d.binds(t, dn); n != 0 {
		t.Errorf("%d binds for an empty password", n)
	}
	for n, password := range []string{rightPassword, "wrong", "\x00", " "} {
		if err := s.Verify(t.Context(), user, []byte(password)); (err == nil) != (password == rightPassword) {
			t.Errorf("password %d: %v", n, err)
		}
		if got := d.binds(t, dn); got != n+1 {
			t.Errorf("password %d: %d binds in the log, want %d", n, got, n+1)
		}
	}
	// With a name, but nothing read of the directory: no question is asked at all.
	down := d.config("reader")
	down.URL = "ldap://127.0.0.1:1"
	if err := open(t, down).Verify(t.Context(), user, nil); !errors.Is(err, legacy.ErrWrongPassword) {
		t.Errorf("an empty password while the directory is down: %v", err)
	}
}

// TestOwnNameStays shows that trying passwords leaves the connections that read as they are: nobody else may read anything.
func TestOwnNameStays(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	c := d.config("reader")
	c.MaxConns = 1
	s := open(t, c)
	user := one(t, s, "ssha")
	for range 5 {
		if err := s.Verify(t.Context(), user, []byte(rightPassword)); err != nil {
			t.Fatal(err)
		}
		if one(t, s, "ssha").ID != user.ID {
			t.Fatal("somebody else")
		}
	}
	if n := d.binds(t, c.BindDN); n != 1 {
		t.Errorf("the source has bound %d times, for one connection", n)
	}
}

// TestLocked reads when somebody is locked out, or has no account yet or any more.
func TestLocked(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	since := "20260101120000Z"
	d.add(t, "dn: uid=ssha,ou=people,@OU@\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: "+since+"\n")
	d.add(t, "dn: uid=md5,ou=people,@OU@\nchangetype: modify\nadd: pwdEndTime\npwdEndTime: "+since+"\n")
	d.add(t, "dn: uid=smd5,ou=people,@OU@\nchangetype: modify\nadd: pwdStartTime\npwdStartTime: "+since+"\n")
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		uid        string
		at         time.Time
		lockoutFor time.Duration
		want       bool
	}{
		{"locked", noon, time.Minute, true}, // for good
		{"ssha", noon.Add(59 * time.Second), time.Minute, true},
		{"ssha", noon.Add(time.Minute), time.Minute, false},
		{"ssha", noon.Add(1000 * time.Hour), 0, true},
		{"md5", noon.Add(-time.Second), 0, false},
		{"md5", noon, 0, true},
		{"smd5", noon.Add(-time.Second), 0, true},
		{"smd5", noon, 0, false},
		{"clear", noon, 0, false},
	}
	for _, tt := range tests {
		c := d.config("reader")
		c.LockoutFor, c.Now = tt.lockoutFor, func() time.Time { return tt.at }
		if got := one(t, open(t, c), tt.uid).Disabled; got != tt.want {
			t.Errorf("%s at %v, locked out for %v: disabled %v", tt.uid, tt.at, tt.lockoutFor, got)
		}
	}
}

// TestLockOut has a directory lock somebody out by its own policy.
func TestLockOut(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	d.load(t, "people.ldif")
	d.add(t, `dn: cn=policy,@OU@
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 3
pwdLockoutDuration: 0

dn: uid=ssha,ou=people,@OU@
changetype: modify
add: pwdPolicySubentry
pwdPolicySubentry: cn=policy,@OU@
`)
	s := open(t, d.config("reader"))
	user := one(t, s, "ssha")
	for _, step := range []struct {
		password string
		want     error
		disabled bool
	}{
		{rightPassword, nil, false},
		{"", legacy.ErrWrongPassword, false},
		{"", legacy.ErrWrongPassword, false},
		{"", legacy.ErrWrongPassword, false}, // which the policy never hears of
		{"wrong", legacy.ErrWrongPassword, false},
		{"wrong", legacy.ErrWrongPassword, false},
		{"wrong", legacy.ErrWrongPassword, true},
		{rightPassword, legacy.ErrWrongPassword, true},
	} {
		if err := s.Verify(t.Context(), user, []byte(step.password)); !errors.Is(err, step.want) {
			t.Errorf("%q: %v, want %v", step.password, err, step.want)
		}
		if got := one(t, s, "ssha").Disabled; got != step.disabled {
			t.Errorf("after %q: disabled %v", step.password, got)
		}
	}
}
