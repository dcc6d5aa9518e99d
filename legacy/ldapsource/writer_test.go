package ldapsource

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
)

func openWriter(t *testing.T, c Config) *Writer {
	t.Helper()
	w, err := OpenWriter(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// writerConfig lets the directory's administrator write.
func (d *directory) writerConfig(account string) Config {
	c := d.suiteConfig(account)
	c.Attributes.DisplayName = "displayName"
	c.Write = &Write{
		BindDN: d.admin(), BindPassword: d.password, Username: true, Email: true, Phone: true, DisplayName: true, Delete: true,
		Disable: &Disable{Attribute: "testStatus", On: "left", Off: "Active"},
		Insert: &Insert{
			ObjectClasses: []string{"inetOrgPerson", "testPerson"}, RDN: "cn",
			Attributes: map[string]string{"cn": "display_name", "sn": "display_name", "employeeNumber": "=77"},
		},
	}
	return c
}

// TestWriterContract runs the suite over OpenLDAP: with hashes, and with passwords that the directory hashes.
func TestWriterContract(t *testing.T) {
	t.Parallel()
	registry := hash.New(hash.Config{})
	for _, mode := range []string{"hashes", "typed"} {
		configOf := func(d *directory) Config {
			if mode == "hashes" {
				return d.writerConfig("hashes")
			}
			c := d.writerConfig("reader")
			c.Write = &Write{BindDN: d.admin(), BindPassword: d.password, Modify: true, Disable: c.Write.Disable}
			return c
		}
		h := legacytest.WriterHarness{
			Harness: legacytest.Harness{
				New: func(t *testing.T, people []legacy.User) legacy.Source {
					d := openDirectory(t)
					d.fill(t, people)
					for _, p := range people {
						d.add(t, "dn: cn="+p.ID+","+d.people()+"\nchangetype: modify\nadd: displayName\ndisplayName: "+p.Profile.DisplayName+"\n")
					}
					return openWriter(t, configOf(d))
				},
				Down: func(t *testing.T) legacy.Source {
					c := configOf(&directory{password: "x"})
					c.URL, c.BindPassword, c.BaseDN, c.Timeout = "ldap://"+deaf(t), "hunter2", "dc=example,dc=org", 100*time.Millisecond
					return openWriter(t, c)
				},
				Secrets: []string{"hunter2"},
			},
			Make: registry.Make,
			Verify: func(stored legacy.Stored, password []byte) bool {
				opened, err := registry.Open(stored)
				return err == nil && opened.Verify(password)
			},
		}
		if mode == "hashes" {
			h.Like, _ = registry.Example("ldap", nil)
		}
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			legacytest.RunWriter(t, h)
		})
	}
}

// TestConditionIsTheDirectorys: the condition holds in the directory itself, without the reading before it.
func TestConditionIsTheDirectorys(t *testing.T) {
	t.Parallel()
	d := openDirectory(t)
	like, _ := hash.New(hash.Config{}).Example("ldap", nil)
	d.fill(t, []legacy.User{{ID: "1", Username: "anna", Password: &legacy.Stored{Hash: like.Hash}}})
	w := openWriter(t, d.writerConfig("hashes"))
	was := one(t, w.Source, "anna")
	found, err := w.byKey(t.Context(), "1", w.read)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := w.newEntry(found)
	for _, stale := range []string{strings.Replace(like.Hash, "AA", "BA", 1), strings.ToLower(like.Hash), like.Hash + " "} {
		old := was
		old.Password = &legacy.Stored{Hash: stale}
		controls, err := w.isStill(e, old)
		if err != nil {
			t.Fatal(err)
		}
		err = w.write(t.Context(), "test", func(ctx context.Context, s *sending) error {
			return w.send(ctx, s, "", opDelete, func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(e.dn, controls)) })
		})
		if !errors.Is(err, legacy.ErrConflict) {
			t.Errorf("%q: %v, want a conflict", stale, err)
		}
	}
	if _, err := w.Get(t.Context(), "1"); err != nil {
		t.Errorf("somebody was deleted: %v", err)
	}
	reader := d.writerConfig("hashes") // who may read
	reader.Write.BindDN, reader.Write.BindPassword = "", ""
	mail := "x@example.org"
	err = openWriter(t, reader).Update(t.Context(), was, legacy.Change{Email: &mail})
	if refused, ok := errors.AsType[*legacy.RefusedError](err); !ok || !strings.Contains(refused.Reason, "may not write") {
		t.Errorf("without the right to write: %v", err)
	}
}
