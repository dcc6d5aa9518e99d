package sweeper_test

import (
	"context"
	"strconv"
	"testing"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
	"rekey/sweeper"
)

// A table is an old store that can be walked.
type table struct {
	*legacytest.Memory
	people []legacy.User
}

func (t table) List(_ context.Context, after string, limit int) ([]legacy.User, error) {
	i := 0
	for i < len(t.people) && t.people[i].ID <= after {
		i++
	}
	return t.people[i:min(i+limit, len(t.people))], nil
}

// TestLeft: everybody is read, over pages, and who is here or was deleted is not left.
func TestLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	source := table{Memory: legacytest.NewMemory()}
	for i := range 1001 {
		source.people = append(source.people, legacy.User{ID: strconv.Itoa(1000 + i), Username: "name" + strconv.Itoa(i), LastLoginAt: now.AddDate(0, 0, -i), Disabled: i == 7})
	}
	key, err := masterkey.Create(t.TempDir() + "/key")
	must(t, err)
	service, err := accounts.New(accounts.Config{
		Store: w.store, Sources: []accounts.Source{{Name: "shop", Source: source}}, Hashes: hash.New(hash.Config{}), Hasher: password.Hasher{},
		Permits: password.NewPool(password.PoolConfig{Permits: 1}), Key: key,
	})
	must(t, err)
	for _, id := range []string{"1000", "1001"} {
		account := accounts.SubjectFor("shop", id)
		e := event(accounts.EventMigrated)
		e.AccountID = account
		must(t, w.store.Create(t.Context(), accounts.Record{
			Account: accounts.Account{ID: account, CreatedAt: now}, Credential: accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: "$argon2id$x"},
			Link: &accounts.LegacyLink{Source: "shop", LegacyID: id, Fingerprint: []byte{1}, How: accounts.ByLogin, At: now, CopiedEpoch: 1},
		}, e))
		if id == "1001" {
			must(t, w.store.Delete(t.Context(), account, 1, now, event(accounts.EventDeleted)))
		}
	}
	told := 0
	all, err := sweeper.ReadLeft(t.Context(), service, []string{"shop"}, now, func(string, int64) { told++ })
	must(t, err)
	if len(all) != 1 || all[0].People != 1001 || all[0].Left != 999 || all[0].Never != 0 || len(all[0].Horizons) == 0 || told != 3 {
		t.Errorf("left are %+v, told %d times", all, told)
	}
	if _, err := sweeper.ReadLeft(t.Context(), service, []string{"blog"}, now, func(string, int64) {}); err == nil {
		t.Error("a source that is not there was read")
	}
}
