package ldapsource

import (
	"strings"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// TestContract runs the suite over OpenLDAP: with and without the right to read hashes, by LDAPS and by StartTLS.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, account := range []string{"hashes", "reader"} {
		t.Run(account, func(t *testing.T) {
			t.Parallel()
			legacytest.Run(t, legacytest.Harness{
				New: func(t *testing.T, people []legacy.User) legacy.Source {
					d := openDirectory(t)
					d.fill(t, people)
					c := d.suiteConfig(account)
					c.CAFile = d.ca
					if c.StartTLS = account == "reader"; !c.StartTLS {
						c.URL = d.secure
					}
					return open(t, c)
				},
				Down: func(t *testing.T) legacy.Source {
					c := new(directory).suiteConfig(account)
					c.URL, c.BindPassword, c.BaseDN, c.Timeout = "ldap://"+deaf(t), "hunter2", "dc=example,dc=org", 100*time.Millisecond
					return open(t, c)
				},
				Secrets: []string{"hunter2"},
				Order:   strings.Compare,
			})
		})
	}
}
