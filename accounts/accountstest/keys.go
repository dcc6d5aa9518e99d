package accountstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func newKey(seq int64, id string) accounts.SigningKey {
	return accounts.SigningKey{
		Seq: seq, ID: id, Algorithm: "EdDSA", Sealed: []byte("sealed \x00\xff " + id),
		CreatedAt: now(), ActiveAt: now().Add(10 * time.Minute),
	}
}

func keyRules() []rule {
	return []rule{
		{"signing keys", "Signing keys come back as they were stored, oldest first; a number is given once; those below a " +
			"number can be removed.", testSigningKeys},
		{"meta", "The first value of a name stands, and every later MetaOnce returns it.", testMeta},
	}
}

func testSigningKeys(t *testing.T, s accounts.Store) {
	ctx, system := t.Context(), uuid.Must(uuid.NewV7())
	var want []accounts.SigningKey
	for _, seq := range []int64{2, 1, 3} {
		key := newKey(seq, numbered("key", int(seq)))
		is(t, "AddSigningKey", s.AddSigningKey(ctx, key, Event(system, accounts.EventKeyRotated)), nil)
		key.CreatedAt, key.ActiveAt = stored(key.CreatedAt), stored(key.ActiveAt)
		want = append(want, key)
	}
	want[0], want[1] = want[1], want[0]
	check := func(want []accounts.SigningKey) {
		t.Helper()
		got, err := s.SigningKeys(ctx)
		is(t, "SigningKeys", err, nil)
		same(t, "SigningKeys", got, want)
	}
	check(want)
	err := s.AddSigningKey(ctx, newKey(3, "other"), Event(system, accounts.EventKeyRotated))
	is(t, "AddSigningKey with a number that is there", err, accounts.ErrStale)
	err = s.AddSigningKey(ctx, newKey(4, want[0].ID), Event(system, accounts.EventKeyRotated))
	noVerdict(t, "AddSigningKey with a key id that is there", err)
	err = s.AddSigningKey(ctx, newKey(0, "zero"), Event(system, accounts.EventKeyRotated))
	noVerdict(t, "AddSigningKey with the number 0", err)
	check(want)
	events(t, s, system, 3)

	n, err := s.DeleteSigningKeys(ctx, 3)
	is(t, "DeleteSigningKeys", err, nil)
	same(t, "DeleteSigningKeys", n, 2)
	check(want[2:])
}

func testMeta(t *testing.T, s accounts.Store) {
	for i, value := range []string{"first", "second", ""} {
		got, err := s.MetaOnce(t.Context(), "name", value)
		is(t, "MetaOnce", err, nil)
		same(t, numbered("MetaOnce", i), got, "first")
	}
	got, err := s.MetaOnce(t.Context(), "empty", "")
	is(t, "MetaOnce", err, nil)
	same(t, "MetaOnce", got, "")
	got, err = s.Meta(t.Context(), "name")
	is(t, "Meta", err, nil)
	same(t, "Meta", got, "first")
}
