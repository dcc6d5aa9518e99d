package sqlstoretest_test

import (
	"os"
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/accounts/accountstest"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
)

// What one test writes no other finds, and the file is nobody else's to read.
func TestSQLite(t *testing.T) {
	t.Parallel()
	ada := accountstest.Person("ada")
	for range 2 {
		url := sqlstoretest.SQLite(t)
		info, err := os.Stat(strings.TrimPrefix(url, "sqlite://"))
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("the file is %v, %v", info, err)
		}
		s, err := sqlstore.Open(t.Context(), url, sqlstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Create(t.Context(), ada, accountstest.Event(ada.ID, accounts.EventMigrated)); err != nil {
			t.Errorf("ada is there already: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
