package token

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/accounts/masterkey"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	now := newClock().Now()
	const life = 5 * time.Minute
	at := func(d time.Duration) accounts.SigningKey { return accounts.SigningKey{ActiveAt: now.Add(d)} }
	for _, c := range []struct {
		name   string
		active []time.Duration // of each key, oldest first
		want   []State
	}{
		{"none", nil, nil},
		{"one", []time.Duration{0}, []State{Active}},
		{"one that our clock has not reached", []time.Duration{time.Second}, []State{Active}},
		{"two that our clock has not reached", []time.Duration{time.Second, time.Minute}, []State{Active, Published}},
		{"a next one", []time.Duration{-time.Hour, time.Minute}, []State{Active, Published}},
		{"a new one", []time.Duration{-time.Hour, 0}, []State{Retiring, Active}},
		{"just before the old one is outlived", []time.Duration{-time.Hour, -life - skew + 1}, []State{Retiring, Active}},
		{"the old one is outlived", []time.Duration{-time.Hour, -life - skew}, []State{Outlived, Active}},
		{"a next one that was overtaken", []time.Duration{-time.Hour, time.Minute, 0}, []State{Retiring, Retiring, Active}},
		{"overtaken, long ago", []time.Duration{-3 * time.Hour, -2 * time.Hour, -time.Hour}, []State{Outlived, Outlived, Active}},
	} {
		var stored []accounts.SigningKey
		for _, d := range c.active {
			stored = append(stored, at(d))
		}
		var got []State
		for _, info := range Describe(stored, now, life) {
			got = append(got, info.State)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

func TestOpenKeysMakesTheFirst(t *testing.T) {
	t.Parallel()
	for _, algorithm := range supported() {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			m, c := newMemory(), newClock()
			h := newHouse(t, m, c, func(k *KeysConfig) { k.Algorithm = algorithm })
			if len(m.keys) != 1 || m.keys[0].Seq != 1 || m.keys[0].Algorithm != algorithm {
				t.Fatalf("the store holds %d keys", len(m.keys))
			}
			events := m.eventsOf(accounts.EventKeyRotated)
			if len(events) != 1 || events[0].Detail["kid"] != m.keys[0].ID || events[0].Actor != "system" {
				t.Errorf("events: %+v, want one that names the key", events)
			}
			// Another implementation verifies the token with what is published.
			raw := h.open(t).Access
			set, maxAge := h.keys.JWKS()
			var parsed jose.JSONWebKeySet
			if err := json.Unmarshal(set, &parsed); err != nil {
				t.Fatal(err)
			}
			if len(parsed.Keys) != 1 || !parsed.Keys[0].IsPublic() || parsed.Keys[0].Use != "sig" || parsed.Keys[0].Algorithm != algorithm {
				t.Fatalf("JWKS: %s", set)
			}
			if sum, err := parsed.Keys[0].Thumbprint(crypto.SHA256); err != nil || base64.RawURLEncoding.EncodeToString(sum) != parsed.Keys[0].KeyID {
				t.Errorf("kid %s is not the thumbprint (%v)", parsed.Keys[0].KeyID, err)
			}
			if maxAge <= 0 || maxAge > DefaultOverlap/2 {
				t.Errorf("max-age is %s: caches would miss a new key", maxAge)
			}
			signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := signed.Verify(parsed); err != nil {
				t.Errorf("go-jose: %v", err)
			}
			// A restart finds the same key.
			if again := newHouse(t, m, c, func(k *KeysConfig) { k.Algorithm = algorithm }); len(m.keys) != 1 {
				t.Error("a restart made another key")
			} else if _, err := again.families.Verify(t.Context(), raw); err != nil {
				t.Errorf("after a restart: %v", err)
			}
			if diff := cmp.Diff([]string{algorithm}, h.keys.Algorithms()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOpenKeysAtOnce(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	// Nobody stores before all have seen that there is no key.
	const racers = 8
	var seen sync.WaitGroup
	seen.Add(racers)
	m.before = func(call string) error {
		if call == "AddSigningKey" {
			seen.Done()
			seen.Wait()
		}
		return nil
	}
	ids := make([]string, racers)
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() { ids[i] = openKeys(t, m, c.Now, nil).current.Load().active(c.Now()).info.ID })
	}
	all.Wait()
	slices.Sort(ids)
	if len(m.keys) != 1 || len(slices.Compact(ids)) != 1 {
		t.Errorf("%d keys are stored, and the processes use %v; want one", len(m.keys), ids)
	}
	if n := len(m.eventsOf(accounts.EventKeyRotated)); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

func TestOpenKeysRefuses(t *testing.T) {
	t.Parallel()
	c := newClock()
	two := func() *memory {
		m := newMemory()
		k := openKeys(t, m, c.Now, nil)
		if _, err := k.Rotate(t.Context(), Rotation{}); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, x := range []struct {
		name   string
		change func(*memory, *KeysConfig)
		want   error
	}{
		{"another master key", func(_ *memory, k *KeysConfig) { k.MasterKey = masterkey.Generate() }, masterkey.ErrOtherKey},
		{"a private key from another row", func(m *memory, _ *KeysConfig) { m.keys[0].Sealed = m.keys[1].Sealed }, masterkey.ErrDamaged},
		{"a row renamed", func(m *memory, k *KeysConfig) {
			private, _, err := generate(EdDSA)
			if err != nil {
				t.Fatal(err)
			}
			m.keys[0].Sealed, err = seal(k.MasterKey, private, m.keys[0].ID)
			if err != nil {
				t.Fatal(err)
			}
		}, errForeignKey},
		{"another algorithm in the row", func(m *memory, _ *KeysConfig) { m.keys[0].Algorithm = ES256 }, errForeignKey},
		{"no private key", func(m *memory, k *KeysConfig) {
			m.keys[0].Sealed = k.MasterKey.Seal(sealPurpose, []byte("x"), []byte(m.keys[0].ID))
		}, errForeignKey},
		{"a store that is down", func(m *memory, _ *KeysConfig) { m.before = func(string) error { return errDown } }, errDown},
	} {
		m := two()
		config := KeysConfig{Store: m, MasterKey: testMaster(t), Now: c.Now}
		x.change(m, &config)
		if _, err := OpenKeys(t.Context(), config); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", x.name, err, x.want)
		}
	}
	if _, err := OpenKeys(t.Context(), KeysConfig{Store: newMemory(), MasterKey: testMaster(t), Algorithm: "HS256"}); err == nil {
		t.Error("HS256 was accepted")
	}
}

func TestChangedAlgorithm(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	before := newHouse(t, m, c, nil)
	raw := before.open(t).Access
	after := newHouse(t, m, c, func(k *KeysConfig) { k.Algorithm = ES256 })
	if diff := cmp.Diff([]string{ES256, EdDSA}, after.keys.Algorithms()); diff != "" {
		t.Error(diff)
	}
	if alg := after.keys.current.Load().active(c.Now()).info.Algorithm; alg != EdDSA {
		t.Errorf("%s signs before its key was in the caches", alg)
	}
	if _, err := after.families.Verify(t.Context(), raw); err != nil {
		t.Error(err)
	}
	c.Add(DefaultOverlap)
	if alg := after.keys.current.Load().active(c.Now()).info.Algorithm; alg != ES256 {
		t.Errorf("%s signs after the overlap", alg)
	}
}

// kids returns the ids in the JWKS.
func kids(t *testing.T, k *Keys) []string {
	t.Helper()
	set, _ := k.JWKS()
	var parsed jose.JSONWebKeySet
	if err := json.Unmarshal(set, &parsed); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, key := range parsed.Keys {
		ids = append(ids, key.KeyID)
	}
	return ids
}

func TestRotationWithOverlap(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	h := newHouse(t, m, c, nil)
	first := m.keys[0].ID
	tend := func() {
		t.Helper()
		if err := h.keys.tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	signer := func() string { return h.keys.current.Load().active(c.Now()).info.ID }

	next, err := h.keys.Rotate(t.Context(), Rotation{Actor: "operator", Reason: "yearly"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{first, next.ID}, kids(t, h.keys)); diff != "" {
		t.Errorf("the new key must be published at once: %s", diff)
	}
	if next.State != Published || signer() != first {
		t.Errorf("the new key is %s, and %s signs", next.State, signer())
	}
	if e := m.eventsOf(accounts.EventKeyRotated)[1]; e.Actor != "operator" || e.Reason != "yearly" || e.Detail["kid"] != next.ID {
		t.Errorf("event: %+v", e)
	}
	c.Add(DefaultOverlap - time.Second)
	tend()
	old := h.open(t).Access // the last that the first key signs
	if signer() != first {
		t.Error("the new key signs before its time")
	}
	c.Add(time.Second)
	if signer() != next.ID {
		t.Error("the new key does not sign when its time has come")
	}
	c.Add(DefaultAccessLife - 2*time.Second)
	tend()
	if _, err := h.families.Verify(t.Context(), old); err != nil {
		t.Errorf("a token of the old key, within its life: %v", err)
	}
	c.Add(time.Second + skew)
	tend()
	if len(m.keys) != 2 {
		t.Error("the old key was removed before its time")
	}
	c.Add(time.Second)
	tend()
	if diff := cmp.Diff([]string{next.ID}, kids(t, h.keys)); diff != "" {
		t.Errorf("an outlived key is published: %s", diff)
	}
	if len(m.keys) != 1 || m.keys[0].ID != next.ID {
		t.Errorf("the store holds %d keys, want the new one alone", len(m.keys))
	}
	if deletes := m.count("DeleteSigningKeys"); deletes != 1 {
		t.Errorf("keys were removed %d times, want once", deletes)
	}
	tend()
	if deletes := m.count("DeleteSigningKeys"); deletes != 1 {
		t.Error("with nothing outlived the store was asked to remove keys")
	}
}

// An emergency: the new key signs at once, and another replica that has not seen it asks the store.
func TestRotateNow(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	here, there := newHouse(t, m, c, nil), newHouse(t, m, c, nil)
	if _, err := here.keys.Rotate(t.Context(), Rotation{}); err != nil { // one on its way is overtaken
		t.Fatal(err)
	}
	key, err := here.keys.Rotate(t.Context(), Rotation{Now: true})
	if err != nil {
		t.Fatal(err)
	}
	if signer := here.keys.current.Load().active(c.Now()); signer.info.ID != key.ID || key.State != Active {
		t.Errorf("key %s signs, want %s, which is %s", signer.info.ID, key.ID, key.State)
	}
	if _, err := there.families.Verify(t.Context(), here.open(t).Access); err != nil {
		t.Errorf("another replica: %v", err)
	}
}

func TestRotateWhileSomebodyElseDoes(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name         string
		mine, theirs Rotation
		want         int // keys in all
	}{
		{"the same", Rotation{}, Rotation{}, 2},
		{"theirs is sooner", Rotation{}, Rotation{Now: true}, 2},
		{"theirs is later", Rotation{Now: true}, Rotation{}, 3},
	} {
		m, c := newMemory(), newClock()
		mine, theirs := openKeys(t, m, c.Now, nil), openKeys(t, m, c.Now, nil)
		var once sync.Once
		m.setBefore(func(call string) error {
			if call == "AddSigningKey" {
				once.Do(func() {
					m.setBefore(nil)
					if _, err := theirs.Rotate(t.Context(), x.theirs); err != nil {
						t.Error(err)
					}
				})
			}
			return nil
		})
		got, err := mine.Rotate(t.Context(), x.mine)
		if err != nil || len(m.keys) != x.want || got.ID != m.keys[x.want-1].ID {
			t.Errorf("%s: %d keys, want %d, the last of which is ours (%v)", x.name, len(m.keys), x.want, err)
		}
	}
}

func TestRotateGivesUp(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	k := openKeys(t, m, c.Now, nil)
	m.setBefore(func(call string) error {
		if call == "AddSigningKey" {
			return accounts.ErrStale
		}
		return nil
	})
	c.Add(time.Hour)
	if _, err := k.Rotate(t.Context(), Rotation{}); err == nil && len(m.keys) == 1 {
		t.Error("a rotation that made no key was reported as done")
	}
}

func TestRotateByAge(t *testing.T) {
	t.Parallel()
	m, c := newMemory(), newClock()
	const age = 90 * 24 * time.Hour
	here := openKeys(t, m, c.Now, func(k *KeysConfig) { k.RotateAfter = age })
	there := openKeys(t, m, c.Now, func(k *KeysConfig) { k.RotateAfter = age })
	never := openKeys(t, m, c.Now, nil)
	tend := func(want int) {
		t.Helper()
		for _, k := range []*Keys{never, here, there} {
			if err := k.tend(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(m.keys) != want {
			t.Fatalf("%d keys, want %d", len(m.keys), want)
		}
	}
	c.Add(age - DefaultOverlap - 1)
	tend(1)
	c.Add(1)
	// There finds the key too old at the same moment.
	m.setBefore(func(call string) error {
		if call == "AddSigningKey" {
			m.setBefore(nil)
			return there.tend(t.Context())
		}
		return nil
	})
	tend(2)
	if at := m.keys[1].ActiveAt.Sub(m.keys[0].ActiveAt); at != age {
		t.Errorf("the new key becomes active at the age of %s, want %s", at, age)
	}
	c.Add(time.Hour)
	tend(1) // the old one is outlived
}

// Whatever is thrown at one replica, the store is asked a few times a second, and a key that is there is found.
func TestUnknownKeysAreAskedForSparingly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		k := openKeys(t, m, time.Now, nil)
		other := openKeys(t, m, time.Now, nil)
		time.Sleep(time.Hour)
		before := m.count("SigningKeys")
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				_, kid, err := generate(EdDSA)
				if err != nil {
					t.Error(err)
				}
				if _, err := k.find(t.Context(), kid); !errors.Is(err, ErrInvalid) {
					t.Errorf("unknown key: %v", err)
				}
			})
		}
		all.Wait()
		if reads := m.count("SigningKeys") - before; reads < 1 || reads > 6 {
			t.Errorf("1000 unknown keys within a second read the store %d times, want 4 or 5", reads)
		}
		if _, err := k.find(t.Context(), "../../etc/passwd"); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
		// One that was made right after the last reading is found, and not refused because it is too soon to ask.
		made, err := other.Rotate(t.Context(), Rotation{Now: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.find(t.Context(), made.ID); err != nil {
			t.Errorf("a key that is in the store: %v", err)
		}
		before = m.count("SigningKeys")
		time.Sleep(time.Hour)
		if _, err := k.find(t.Context(), "not-a-key-id"); !errors.Is(err, ErrInvalid) || m.count("SigningKeys") != before {
			t.Errorf("the store was asked for what cannot be a key id (%v)", err)
		}
	})
}

func TestUnknownKeyWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		k := openKeys(t, m, time.Now, nil)
		known := m.keys[0].ID
		_, unknown, err := generate(EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		m.setBefore(func(string) error { time.Sleep(time.Second); return errDown })
		start := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				_, err := k.find(t.Context(), unknown)
				wantUnavailable(t, "a key that cannot be asked for", err)
			})
		}
		all.Wait()
		// The first reading begins before some have asked: those share a second one.
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("100 requests waited %s for a store that is down, want one reading or two", took)
		}
		if _, err := k.find(t.Context(), known); err != nil {
			t.Errorf("a known key while the store is down: %v", err)
		}
		if err := k.tend(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("tend: %v", err)
		}
		m.setBefore(nil)
		_, err = k.find(t.Context(), unknown)
		wantInvalid(t, "after the store is back", err)
	})
}

func TestStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		k := openKeys(t, m, time.Now, nil)
		other := openKeys(t, m, time.Now, nil)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.Start(ctx)
		}()
		if _, err := other.Rotate(t.Context(), Rotation{}); err != nil {
			t.Fatal(err)
		}
		if len(kids(t, k)) != 1 {
			t.Fatal("the new key is known before it was read")
		}
		m.setBefore(func(string) error { return errDown })
		time.Sleep(defaultReload + time.Second)
		if len(kids(t, k)) != 1 {
			t.Error("a store that is down changed the keys")
		}
		m.setBefore(nil)
		time.Sleep(defaultReload)
		if len(kids(t, k)) != 2 {
			t.Error("the new key was not found by the loop")
		}
		time.Sleep(DefaultOverlap + DefaultAccessLife + skew + 2*defaultReload)
		stop()
		<-done
		if len(kids(t, k)) != 1 || len(m.keys) != 1 {
			t.Error("the old key was not removed by the loop")
		}
	})
}
