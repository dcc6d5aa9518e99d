package accounts_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/journal"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// An island is a village whose first process may write to legacy alone. Its store can be cut off.
type island struct {
	*village
	cut     *cutStore
	file    string
	journal *journal.Journal
	lease   *accounts.Lease
}

// cutStore is what a lease asks of a store that can be out of reach.
type cutStore struct {
	accounts.Store
	down    *bool
	unknown bool // who is apart
}

func (c cutStore) Apart(ctx context.Context, limit int) ([]accounts.LegacyKey, error) {
	if c.unknown {
		return nil, errDown
	}
	return c.Store.Apart(ctx, limit)
}

func (c cutStore) Phase(ctx context.Context) (phase.State, error) {
	if *c.down {
		return phase.State{}, errDown
	}
	return c.Store.Phase(ctx)
}

func newIsland(t *testing.T, users ...legacy.User) *island {
	t.Helper()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, users...)
	v.move(t, phase.Shadow, phase.Both)
	return v.island(t)
}

// island is a village with one process, in the phase that it is in.
func (v *village) island(t *testing.T) *island {
	t.Helper()
	for _, name := range []string{"first", "second"} {
		must(t, "EndLease", v.store.EndLease(t.Context(), name), nil)
	}
	v.leases = nil
	i := &island{village: v, file: filepath.Join(t.TempDir(), "relax"), cut: &cutStore{Store: v.store, down: new(bool)}}
	i.open(t, filepath.Join(t.TempDir(), "journal"))
	return i
}

// open starts the process with a journal.
func (i *island) open(t *testing.T, path string) {
	t.Helper()
	var err error
	i.journal, err = journal.Open(path)
	must(t, "open the journal", err, nil)
	t.Cleanup(func() { _ = i.journal.Close() }) // a test's helper
	at, err := i.store.Phase(t.Context())
	must(t, "read the phase", err, nil)
	i.lease, err = accounts.NewLease(t.Context(), accounts.LeaseConfig{
		Store: i.cut, ID: newID(t).String(), Name: "island", First: at, Now: i.clock.now,
		Alone: accounts.AloneConfig{File: i.file, Journal: i.journal},
	})
	must(t, "a lease", err, nil)
	i.Service = i.serve(t, func(c *accounts.Config) {
		c.Lease, c.Now = i.lease, i.clock.now
		c.Sources = []accounts.Source{{Name: "shop", Source: i.shop, CopyBack: accounts.CopyBackFull}}
	})
}

// cutOff takes the store away until the lease has ended.
func (i *island) cutOff(t *testing.T, file bool) {
	t.Helper()
	*i.cut.down = true
	i.store.down.Store(true)
	i.clock.advance(11 * time.Second)
	if file {
		must(t, "put the file", os.WriteFile(i.file, nil, 0o600), nil)
	}
}

// back brings it back.
func (i *island) back(t *testing.T) {
	t.Helper()
	*i.cut.down = false
	i.store.down.Store(false)
	must(t, "renew", i.lease.Renew(t.Context()), nil)
}

// changeAlone changes a password as somebody whose session cannot be read.
func (i *island) changeAlone(account uuid.UUID, name, old, pw string) error {
	return i.ChangePassword(context.Background(), accounts.Change{
		Alone: true, Name: name, Session: accounts.Session{AccountID: account}, Current: password.NewSecret([]byte(old)), New: password.NewSecret([]byte(pw)),
		RequestID: "alone",
	})
}

func TestAlone(t *testing.T) {
	t.Parallel()
	i := newIsland(t, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	session := i.village.open(t, mustLogin(t, i.Service, "anna", "tulip"))
	i.cutOff(t, false)
	_, err := i.Login(t.Context(), try("anna", "tulip"))
	doubtful(t, "a login without the file", err)
	doubtful(t, "a change without the file", i.changeAlone(anna, "anna", "tulip", orchids))
	i.cutOff(t, true)
	if !i.Alone() {
		t.Fatal("it is not alone")
	}
	p := mustLogin(t, i.Service, "anna", "tulip")
	if p.ID != anna || !p.Alone || p.Name() != "" {
		t.Errorf("she is %+v", p)
	}
	mustRefuse(t, i.Service, "anna", "rose")
	_, err = i.Login(t.Context(), try("nobody", "rose"))
	doubtful(t, "somebody whom the new store may know", err)
	must(t, "a wrong password", i.changeAlone(anna, "anna", "rose", orchids), accounts.ErrCredentials)
	doubtful(t, "another's session", i.changeAlone(anna, "bert", "daisy", orchids))
	doubtful(t, "a deletion", erase(i.Service, session, "tulip"))
	_, err = register(i.Service, "carl", "", orchids)
	doubtful(t, "a registration", err)
	if n := len(i.journal.Entries()); n != 0 {
		t.Errorf("%d entries before anything was written", n)
	}
	must(t, "change", i.changeAlone(anna, "anna", "tulip", orchids), nil)
	i.sold(t, "7", orchids, true)
	mustLogin(t, i.Service, "anna", orchids)
	mustRefuse(t, i.Service, "anna", "tulip")
	if all := i.journal.Entries(); len(all) != 2 || all[0].Done || !all[1].Done || all[1].LegacyID != "7" || all[1].RequestID != "alone" {
		t.Errorf("the journal: %+v", all)
	}

	before, err := i.store.Phase(t.Context())
	must(t, "read the phase", err, nil)
	i.back(t)
	after, err := i.store.Phase(t.Context())
	must(t, "read the phase", err, nil)
	if after.Phase != phase.Shadow || after.Epoch != before.Epoch+1 || after.TrustEpoch != after.Epoch {
		t.Errorf("the phase is %+v, and was %+v", after, before)
	}
	rec, err := i.store.ByID(t.Context(), anna)
	if err != nil || !rec.Link.Dirty || after.Trusts(phase.Account{CopiedEpoch: rec.Link.CopiedEpoch}) {
		t.Errorf("her copy is %+v (%v)", rec.Link, err)
	}
	if got, err := i.store.Session(t.Context(), session.ID); err != nil || got.RevokedAt.IsZero() && !got.Superseded {
		t.Errorf("her session lives on (%v)", err)
	}
	if n := i.count(t, anna, accounts.EventPassword); n != 1 {
		t.Errorf("%d events of the change, want 1", n)
	}
	if len(i.journal.Entries()) != 0 || i.Alone() {
		t.Error("it is not back")
	}
	doubtful(t, "a change of a session that is to be read now", i.changeAlone(anna, "anna", orchids, tulips))
	p = mustLogin(t, i.Service, "anna", orchids)
	if p.Alone {
		t.Error("she is answered alone")
	}
	rec, err = i.store.ByID(t.Context(), anna)
	if err != nil || rec.Link.Dirty {
		t.Errorf("her copy is not made again: %+v (%v)", rec.Link, err)
	}
	mustRefuse(t, i.Service, "anna", "tulip")
}

// Whom something was decided about here is not answered for by legacy alone, whatever they type; nor is anybody while that is not
// known.
func TestAloneApart(t *testing.T) {
	t.Parallel()
	i := newIsland(t, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	mustLogin(t, i.Service, "anna", "tulip")
	mustLogin(t, i.Service, "bert", "daisy")
	i.raw(t, `UPDATE accounts SET pinned = TRUE WHERE id = $1`, anna)
	i.open(t, filepath.Join(t.TempDir(), "journal"))
	i.cutOff(t, true)
	_, err := i.Login(t.Context(), try("anna", "tulip"))
	doubtful(t, "a login of somebody pinned", err)
	doubtful(t, "their change", i.changeAlone(anna, "anna", "tulip", orchids))
	i.sold(t, "7", "tulip", true)
	mustLogin(t, i.Service, "bert", "daisy")

	// With a second factor in the old store, of which nobody can ask for the code.
	i.source.Change("8", func(u *legacy.User) { u.Profile.TOTP = []legacy.TOTP{{Secret: []byte("12345678901234567890")}} })
	_, err = i.Login(t.Context(), try("bert", "daisy"))
	doubtful(t, "a login of somebody with a second factor", err)
}

// What is not written down is not written, and what legacy refuses or leaves in doubt is not acknowledged; on the way back it
// counts as written.
func TestAloneWritesDownFirst(t *testing.T) {
	t.Parallel()
	i := newIsland(t, salted(t, "7", "anna", "tulip"))
	mustLogin(t, i.Service, "anna", "tulip")
	i.cutOff(t, true)
	i.shop.before = func() error {
		if n := len(i.journal.Entries()); n != 1 {
			t.Errorf("%d entries when legacy is asked, want 1", n)
		}
		return errDown
	}
	doubtful(t, "a change that legacy did not answer", i.changeAlone(anna, "anna", "tulip", orchids))
	if all := i.journal.Entries(); len(all) != 1 || all[0].Done {
		t.Errorf("the journal: %+v", all)
	}
	i.back(t)
	if rec, err := i.store.ByID(t.Context(), anna); err != nil || !rec.Link.Dirty || i.count(t, anna, accounts.EventPassword) != 0 {
		t.Errorf("her copy is %+v (%v)", rec.Link, err)
	}
	i.cutOff(t, true)
	must(t, "close the journal", i.journal.Close(), nil)
	doubtful(t, "a change that cannot be written down", i.changeAlone(anna, "anna", "tulip", orchids))
	i.sold(t, "7", "tulip", true)
}

// A process that died alone tells what it wrote before it serves again.
func TestAloneRestart(t *testing.T) {
	t.Parallel()
	i := newIsland(t, salted(t, "7", "anna", "tulip"))
	mustLogin(t, i.Service, "anna", "tulip")
	path := filepath.Join(t.TempDir(), "journal")
	j, err := journal.Open(path)
	must(t, "open the journal", err, nil)
	must(t, "write", j.Add(journal.Entry{Source: "shop", LegacyID: "7", At: time.Now()}), nil)
	must(t, "close", j.Close(), nil)
	i.open(t, path)
	if s := i.lease.State(); s.Phase != phase.Shadow {
		t.Errorf("it serves in %s", s.Phase)
	}
	if rec, err := i.store.ByID(t.Context(), anna); err != nil || !rec.Link.Dirty {
		t.Errorf("her copy is trusted (%v)", err)
	}
}

// While one that lives is not in the phase yet, nothing is told; and while a change is under way, it may not be in the journal.
func TestAloneWaits(t *testing.T) {
	t.Parallel()
	i := newIsland(t, salted(t, "7", "anna", "tulip"))
	mustLogin(t, i.Service, "anna", "tulip")
	i.cutOff(t, true)
	i.shop.before = func() error {
		*i.cut.down = false
		if err := i.lease.Renew(t.Context()); err == nil {
			t.Error("the lease was renewed while a change was under way")
		}
		if i.Alone() {
			t.Error("others begin")
		}
		return errDown
	}
	doubtful(t, "the change", i.changeAlone(anna, "anna", "tulip", orchids))
	behind := i.asleep(t, 0)
	if err := i.lease.Renew(t.Context()); err == nil {
		t.Error("the lease was renewed while somebody is behind")
	}
	must(t, "EndLease", i.store.EndLease(t.Context(), behind.ID), nil)
	i.back(t)
}

// A phase in which legacy does not answer for everybody, or that may have begun meanwhile, is not one to be alone in.
func TestAloneElsewhere(t *testing.T) {
	t.Parallel()
	for name, island := range map[string]func(*testing.T, legacy.User) *island{
		"ramp": func(t *testing.T, u legacy.User) *island {
			t.Helper()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, u)
			v.move(t, phase.Shadow, phase.Both, phase.Ramp)
			return v.island(t)
		},
		"legacy-only, frozen": func(t *testing.T, u legacy.User) *island {
			t.Helper()
			v := newVillage(t, phase.Lazy, accounts.CopyBackFull, u)
			v.move(t, phase.LegacyOnly)
			v.step(t, phase.NewFirst, 0)
			return v.island(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := island(t, salted(t, "7", "anna", "tulip"))
			mustLogin(t, i.Service, "anna", "tulip")
			i.cutOff(t, true)
			_, err := i.Login(t.Context(), try("anna", "tulip"))
			doubtful(t, "a login", err)
		})
	}
}

// In legacy-only the file lets people log in and change their password too. When the store is back, the phase stays; what was
// changed is behind, and its sessions have ended.
func TestAloneInLegacyOnly(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	v.move(t, phase.Shadow)
	mustLogin(t, v.Service, "anna", "tulip") // which copies her
	v.move(t, phase.LegacyOnly)
	i := v.island(t)
	session := i.village.open(t, mustLogin(t, i.Service, "anna", "tulip"))
	other := i.village.open(t, mustLogin(t, i.Service, "bert", "daisy"))
	i.cutOff(t, false)
	_, err := i.Login(t.Context(), try("anna", "tulip"))
	doubtful(t, "a login without the file", err)
	i.cutOff(t, true)
	if p := mustLogin(t, i.Service, "anna", "tulip"); p.ID != anna || !p.Alone {
		t.Errorf("she is %+v", p)
	}
	must(t, "change", i.changeAlone(anna, "anna", "tulip", orchids), nil)
	i.sold(t, "7", orchids, true)
	mustRefuse(t, i.Service, "anna", "tulip")

	before, err := i.store.Phase(t.Context())
	must(t, "read the phase", err, nil)
	i.back(t)
	if after, err := i.store.Phase(t.Context()); err != nil || after.Phase != phase.LegacyOnly || after.Epoch != before.Epoch {
		t.Errorf("the phase is %+v, and was %+v (%v)", after, before, err)
	}
	if rec, err := i.store.ByID(t.Context(), anna); err != nil || !rec.Link.Dirty {
		t.Errorf("her copy is %+v (%v)", rec.Link, err)
	}
	if got, err := i.store.Session(t.Context(), session.ID); err != nil || got.RevokedAt.IsZero() && !got.Superseded {
		t.Errorf("her session lives on (%v)", err)
	}
	if got, err := i.store.Session(t.Context(), other.ID); err != nil || !got.RevokedAt.IsZero() || got.Superseded {
		t.Errorf("another's session has ended (%v)", err)
	}
	if n := i.count(t, anna, accounts.EventPassword); n != 1 || len(i.journal.Entries()) != 0 {
		t.Errorf("%d events of the change, want 1, and %d entries", n, len(i.journal.Entries()))
	}
	if p := mustLogin(t, i.Service, "anna", orchids); p.Alone || p.ID != anna {
		t.Errorf("she is %+v", p)
	}
	mustRefuse(t, i.Service, "anna", "tulip")
}

// Who is apart has to be known when the lease was last renewed: a list from long before lets in whom somebody has disabled since.
func TestAloneOldList(t *testing.T) {
	t.Parallel()
	i := newIsland(t, salted(t, "7", "anna", "tulip"))
	i.clock.advance(5 * time.Second)
	i.cut.unknown = true
	i.back(t)
	i.cutOff(t, true)
	mustLogin(t, i.Service, "anna", "tulip")
	i.back(t)
	i.cutOff(t, true)
	_, err := i.Login(t.Context(), try("anna", "tulip"))
	doubtful(t, "a login by a list of two leases ago", err)
}
