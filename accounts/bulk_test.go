package accounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/argon2"

	"rekey/accounts"
	"rekey/accounts/jobs"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// A herd is some people of the shop, and the chunk that they are moved in.
type herd struct {
	*world
	source legacy.Getter
	ids    []string
	chunk  accounts.Chunk
}

// newHerd begins a run over people of a world.
func newHerd(t *testing.T, w *world, ids ...string) *herd {
	t.Helper()
	run := accounts.Run{ID: newID(t), Kind: accounts.RunMove, State: accounts.RunRunning, Spec: "{}", Began: time.Now()}
	part := accounts.Part{Source: "shop"}
	event := accounts.Event{ID: newID(t), At: time.Now(), Kind: accounts.EventSweepBegan, Actor: "test"}
	must(t, "begin a run", w.store.BeginRun(t.Context(), run, []accounts.Part{part}, event), nil)
	must(t, "cut", w.store.CutChunks(t.Context(), run.ID, part, accounts.Part{Source: "shop", Whole: true}, []accounts.Chunk{{}}), nil)
	chunk, err := w.store.ClaimChunk(t.Context(), run.ID, "test", 1, time.Hour)
	must(t, "claim", err, nil)
	return &herd{world: w, source: w.source, ids: ids, chunk: chunk}
}

// read reads those of the people who are there.
func (h *herd) read(ctx context.Context) ([]legacy.User, error) {
	var people []legacy.User
	for _, id := range h.ids {
		user, err := h.source.Get(ctx, id)
		switch {
		case err == nil:
			people = append(people, user)
		case !errors.Is(err, legacy.ErrNoUser):
			return nil, err
		}
	}
	return people, nil
}

// nobodyShares is the answer of a census that has found nothing.
func nobodyShares(accounts.Name) bool { return false }

func (h *herd) batch(t *testing.T) accounts.Batch {
	t.Helper()
	people, err := h.read(t.Context())
	must(t, "read the people", err, nil)
	return accounts.Batch{
		Source: "shop", People: people, Again: h.read, Contested: nobodyShares, Counted: time.Now(), Believed: time.Now().Add(time.Hour), By: because, Claim: time.Hour,
		Keep: func(tally accounts.Tally) (accounts.Chunk, error) {
			text, err := json.Marshal(tally)
			h.chunk.Cursor, h.chunk.Counts = h.ids[len(h.ids)-1], string(text)
			return h.chunk, err
		},
	}
}

// mustMove fails unless a batch comes to these outcomes, and is written down so.
func (h *herd) mustMove(t *testing.T, s *accounts.Service, b accounts.Batch, want map[accounts.Outcome]int64) accounts.Tally {
	t.Helper()
	tally, err := s.MigrateMany(t.Context(), b)
	must(t, "MigrateMany", err, nil)
	if diff := cmp.Diff(want, tally.Outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	h.isAt(t, h.chunk.Cursor, &tally)
	return tally
}

// isAt fails unless the chunk is as far, with what came of its people.
func (h *herd) isAt(t *testing.T, cursor string, want *accounts.Tally) {
	t.Helper()
	chunks, err := h.store.Chunks(t.Context(), h.chunk.Run)
	must(t, "Chunks", err, nil)
	counted := accounts.NewTally()
	if chunks[0].Counts != "" {
		must(t, "read the counts", json.Unmarshal([]byte(chunks[0].Counts), &counted), nil)
	}
	if chunks[0].Cursor != cursor {
		t.Errorf("the chunk is at %q, want %q", chunks[0].Cursor, cursor)
	}
	if want != nil {
		if diff := cmp.Diff(*want, counted); diff != "" {
			t.Errorf("the counts (-want +got):\n%s", diff)
		}
	}
}

// mixed are people of every kind, and what a sweep makes of those who are moved.
func mixed(t *testing.T) []legacy.User {
	t.Helper()
	strong := withHash("2", "bert", "auto", strongHash(t, "rose"))
	strong.Email, strong.Profile = "Bert@Example.org", legacy.Profile{DisplayName: "Bert", EmailVerified: true, Attributes: map[string]string{"shoe": "43"}}
	disabled := md5Salted(t, "3", "carl", "carl@example.org", "lily")
	disabled.Disabled = true
	odd := md5Salted(t, "4", "dora", "not typed\x7f@", "iris")
	locked := md5Salted(t, "5", "ernst", "", "iris")
	locked.Password.Hash = "!" + locked.Password.Hash
	bare := legacy.User{ID: "6", Username: "fritz"}
	g := guarded(t)
	g.ID = "8"
	return []legacy.User{md5Salted(t, "1", "Ada", "ada@example.org", "tulip"), strong, disabled, odd, locked, bare, {ID: "7", Password: strong.Password}, g}
}

func idsOf(people []legacy.User) (ids []string) {
	for _, u := range people {
		ids = append(ids, u.ID)
	}
	return ids
}

// Who is moved together with others is just as who is moved alone.
func TestManyAreAsOne(t *testing.T) {
	t.Parallel()
	people := mixed(t)
	one, many := newWorld(t, people...), newWorld(t, people...)
	alone := accounts.NewTally()
	for _, u := range people {
		outcome, err := one.Migrate(t.Context(), swept(u.ID))
		if no, refused := accounts.UnmovedBy(accounts.LegacyKey{Source: "shop", LegacyID: u.ID}, err); refused {
			alone.Refuse(no.Class, u.ID)
			_, err := one.NoteRefused(t.Context(), []accounts.Unmoved{no}, because)
			must(t, "NoteRefused", err, nil)
			continue
		}
		must(t, "Migrate", err, nil)
		alone.Outcomes[outcome]++
	}
	h := newHerd(t, many, idsOf(people)...)
	dry := h.batch(t)
	dry.DryRun = true
	h.mustMove(t, many.Service, dry, alone.Outcomes)
	if n, err := many.store.CountAccounts(t.Context()); n != 0 || err != nil {
		t.Fatalf("a dry run made %d accounts (%v)", n, err)
	}
	tally := h.mustMove(t, many.Service, h.batch(t), alone.Outcomes)
	if diff := cmp.Diff(alone, tally); diff != "" {
		t.Errorf("what came of it (-one by one +together):\n%s", diff)
	}
	if moved := tally.Outcomes[accounts.OutcomeMoved]; moved < 5 || tally.People() != int64(len(people)) {
		t.Errorf("%d of %d were moved", moved, tally.People())
	}
	for _, u := range people {
		if diff := cmp.Diff(one.shape(t, u.ID), many.shape(t, u.ID)); diff != "" {
			t.Errorf("person %s (-one by one +together):\n%s", u.ID, diff)
		}
	}
	mustLogin(t, many.Service, "ada", "tulip")
	mustLogin(t, many.Service, "bert@example.org", "rose")
	mustRefuse(t, many.Service, "ada", "rose")
	mustRefuse(t, many.Service, "carl", "lily")
	h.mustMove(t, many.Service, h.batch(t), map[accounts.Outcome]int64{accounts.OutcomeUnchanged: tally.Outcomes[accounts.OutcomeMoved]})
}

// shape is all that is kept of a person, but for times, ids and what is salted.
func (w *world) shape(t *testing.T, id string) any {
	t.Helper()
	subject := accounts.SubjectFor("shop", id)
	rec, err := w.store.ByID(t.Context(), subject)
	if errors.Is(err, accounts.ErrNotFound) { // of several who are not moved together there is one event
		rows, err := w.Quarantine(t.Context(), accounts.QuarantineQuery{Limit: 100})
		must(t, "Quarantine", err, nil)
		rows = slices.DeleteFunc(rows, func(r accounts.QuarantineRow) bool { return r.LegacyID != id })
		for i := range rows {
			rows[i].FirstSeen, rows[i].LastSeen = time.Time{}, time.Time{}
		}
		return rows
	}
	must(t, "ByID", err, nil)
	rec.CreatedAt, rec.Link.At, rec.Credential.Encoded, rec.Credential.Legacy = time.Time{}, time.Time{}, "", ""
	profile, err := w.store.Profile(t.Context(), subject)
	must(t, "Profile", err, nil)
	factors, err := w.store.Factors(t.Context(), subject)
	must(t, "Factors", err, nil)
	events, err := w.store.Events(t.Context(), subject, 10)
	must(t, "Events", err, nil)
	notes, err := w.store.NotesOf(t.Context(), subject)
	must(t, "Notes", err, nil)
	for i := range notes {
		notes[i].At = time.Time{}
	}
	return map[string]any{"record": rec, "profile": profile, "factors": len(factors), "events": kinds(events), "notes": notes}
}

// kinds are what events tell, but for when.
func kinds(events []accounts.Event) (told []string) {
	for _, e := range events {
		told = append(told, fmt.Sprint(e.Kind, e.Actor, e.Reason, e.Detail))
	}
	slices.Sort(told) // of one millisecond they come in any order
	return told
}

// Where as many batches are under way as permits for sweeps, the hashes of each are made as many at a time; else one by one: fewer batches
// may not take more permits than there are of them, unless those are their run's own, and more would wait in too long a queue. Each
// hash is its owner's.
func TestManyAreHashedTogether(t *testing.T) {
	t.Parallel()
	const people, permits = 12, 3
	for name, row := range map[string]struct {
		batches int
		own     bool
		want    int
	}{
		"one":                  {1, false, 1},
		"fewer":                {permits - 1, false, 1},
		"as many":              {permits, false, permits},
		"more":                 {permits + 1, false, 1},
		"one, own permits":     {1, true, permits},
		"as many, own permits": {permits, true, permits},
		"more, own permits":    {permits + 1, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var users []legacy.User
			for i := range people {
				users = append(users, md5Salted(t, strconv.Itoa(i+1), fmt.Sprintf("person%d", i+1), "", fmt.Sprintf("tulip%d", i+1)))
			}
			w := newWorld(t, users...)
			pool := password.NewPool(password.PoolConfig{Permits: permits, SweepPermits: permits, MaxWait: time.Minute})
			s := w.serve(t, func(c *accounts.Config) { c.Permits = pool })
			h := newHerd(t, w, idsOf(users)...)
			b := h.batch(t)
			b.Batches, b.OwnPermits = func() int { return row.batches }, row.own

			release := make(chan struct{}) // logins that hold the permits until all hashes that may be made wait for them
			var all sync.WaitGroup
			for range permits {
				begun := make(chan struct{})
				all.Go(func() {
					must(t, "hold a permit", pool.Do(t.Context(), 1, password.PriorityLogin, func() { close(begun); <-release }), nil)
				})
				<-begun
			}
			all.Go(func() {
				defer close(release)
				for until := time.Now().Add(20 * time.Second); pool.Stats().WaitingSweep < row.want && time.Now().Before(until); {
					<-time.After(time.Millisecond)
				}
				<-time.After(20 * time.Millisecond) // for those who may not
				if n := pool.Stats().WaitingSweep; n != row.want {
					t.Errorf("%d hashes at a time, want %d", n, row.want)
				}
			})
			h.mustMove(t, s, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: people})
			all.Wait()
			for i := range people {
				w.storedAs(t, strconv.Itoa(i+1), accounts.SchemeWrapped)
				mustLogin(t, s, fmt.Sprintf("person%d", i+1), fmt.Sprintf("tulip%d", i+1))
			}
		})
	}
}

// A panic while the credential of one is made is an error of the batch: not the end of the process, and no store that does not answer.
func TestManyPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "", "tulip"))
	if err := w.PanicInBatch(t.Context()); !errors.As(err, new(*jobs.PanicError)) {
		t.Errorf("beside the hash: %v", err)
	}
	var broken atomic.Bool
	s := w.serve(t, func(c *accounts.Config) {
		c.Hasher.Argon2id = func(pw, salt []byte, passes, memory uint32, threads uint8, size uint32) []byte {
			if broken.Load() {
				panic("a hash that cannot be made")
			}
			return argon2.IDKey(pw, salt, passes, memory, threads, size)
		}
	})
	broken.Store(true)
	h := newHerd(t, w, "7")
	if _, err := s.MigrateMany(t.Context(), h.batch(t)); !errors.As(err, new(*password.PanicError)) || isUnavailable(err) {
		t.Errorf("in the hash: %v", err)
	}
	h.isAt(t, "", nil)
}

// Of those who share a name nobody is moved, and nobody is without a census.
func TestManyContested(t *testing.T) {
	t.Parallel()
	people := []legacy.User{
		md5Salted(t, "1", "anna", "", "tulip"), md5Salted(t, "2", "Anna", "", "rose"), md5Salted(t, "3", "bert", "", "lily"), md5Salted(t, "4", "carl", "", "iris"),
	}
	for name, census := range map[string]func(s *accounts.Service) func(accounts.Name) bool{
		"by the census": func(s *accounts.Service) func(accounts.Name) bool {
			shared := s.Names("shop", people[0])
			if !slices.Equal(shared, s.Names("shop", people[1])) || slices.Equal(shared, s.Names("shop", people[2])) {
				t.Error("names are not told by their canonical form")
			}
			return func(n accounts.Name) bool { return slices.Contains(shared, n) }
		},
		"after the census": func(*accounts.Service) func(accounts.Name) bool { return nobodyShares },
		"without a census": func(*accounts.Service) func(accounts.Name) bool { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, people...)
			h := newHerd(t, w, "1", "2", "3", "4")
			b := h.batch(t)
			b.Contested = census(w.Service)
			tally, err := w.MigrateMany(t.Context(), b)
			must(t, "MigrateMany", err, nil)
			want := map[accounts.NoteClass]int64{accounts.NoteContested: 2}
			if diff := cmp.Diff(want, tally.Refused); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			if tally.People() != 4 {
				t.Errorf("%d of 4 are counted", tally.People())
			}
			for i, pw := range []string{"tulip", "rose", "lily", "iris"} {
				mustLogin(t, w.Service, people[i].Username, pw)
			}
		})
	}
}

// Who has come to the legacy store since the census may share a name that nobody shared then.
func TestManyCameLater(t *testing.T) {
	t.Parallel()
	newcomer := md5Salted(t, "1", "Anna", "", "rose")
	newcomer.CreatedAt = time.Now().UTC().Truncate(time.Second)
	w := newWorld(t, newcomer, md5Salted(t, "2", "anna", "", "tulip"), md5Salted(t, "3", "bert", "", "lily"))
	h := newHerd(t, w, "1", "3")
	b := h.batch(t)
	b.Counted = newcomer.CreatedAt.Add(20 * time.Hour) // of a store that keeps its times in another zone
	tally := h.mustMove(t, w.Service, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: 1})
	if tally.Refused[accounts.NoteContested] != 1 {
		t.Errorf("%+v", tally)
	}
	mustLogin(t, w.Service, "anna", "tulip")
}

// unlike lists people whom it does not look up.
type unlike struct{ *legacytest.Memory }

func (unlike) ListsApart() bool                                         { return true }
func (unlike) Lookup(context.Context, ...string) ([]legacy.User, error) { return nil, nil }

// Where the list is another question than the lookup, each person is looked up.
func TestManyListedApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "1", "anna", "", "tulip"))
	h := newHerd(t, w, "1")
	s := w.serve(t, func(c *accounts.Config) { c.Sources[0].Source = unlike{w.source} })
	tally := h.mustMove(t, s, h.batch(t), map[accounts.Outcome]int64{})
	if tally.Refused[accounts.NoteInvalidIdentifier] != 1 {
		t.Errorf("%+v", tally)
	}
}

// Nobody knows whose password a key's is that several records have.
func TestManyOfOneKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "1", "anna", "", "tulip"))
	h := newHerd(t, w, "1")
	b := h.batch(t)
	b.People = append(b.People, md5Salted(t, "1", "bert", "", "rose"), md5Salted(t, "1", "carl", "", "lily"))
	tally := h.mustMove(t, w.Service, b, map[accounts.Outcome]int64{})
	if tally.Refused[accounts.NoteMapping] != 3 {
		t.Errorf("%+v", tally)
	}
	notes, err := w.store.Notes(t.Context(), 10)
	must(t, "read notes", err, nil)
	if len(notes) != 1 || notes[0].Class != accounts.NoteMapping || notes[0].LegacyID != "1" {
		t.Errorf("%+v", notes)
	}
}

// Who was born here and is deleted stays so, though the row that we have made in the legacy store is read before anything is known
// of it.
func TestManyDeletedOnTheirWay(t *testing.T) {
	t.Parallel()
	v, _ := deletedOnTheirWay(t)
	h := newHerd(t, v.world, "8")
	tally, err := v.MigrateMany(t.Context(), h.batch(t))
	must(t, "MigrateMany", err, nil)
	if tally.Outcomes[accounts.OutcomeMoved] != 0 || tally.People() != 1 {
		t.Errorf("%+v", tally)
	}
	mustRefuse(t, v.Service, "bert", orchids)
}

// Who changes between the looks is not made of what was there before.
func TestManyAreOvertaken(t *testing.T) {
	t.Parallel()
	names := []string{"anna", "bert", "carl"}
	people := func() (all []legacy.User) {
		for i, name := range names {
			all = append(all, salted(t, strconv.Itoa(i+1), name, "tulip"))
		}
		return all
	}
	t.Run("by the old application", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.Lazy, accounts.CopyBackNone, people()...)
		h := newHerd(t, v.world, "1", "2", "3")
		b := h.batch(t)
		b.Again = func(ctx context.Context) ([]legacy.User, error) {
			h.world.source.Change("2", func(u *legacy.User) { u.Password.Hash = md5hex(md5hex("rose") + u.Password.Salt) })
			h.world.source.Allow.Delete = true
			gone, err := h.source.Get(ctx, "3")
			must(t, "Get", err, nil)
			must(t, "Delete", h.world.source.Delete(ctx, gone), nil)
			return h.read(ctx)
		}
		tally := h.mustMove(t, v.Service, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: 2})
		if tally.Refused[accounts.NoteGone] != 1 {
			t.Errorf("%+v", tally.Refused)
		}
		mustRefuse(t, v.Service, "bert", "tulip")
		mustLogin(t, v.Service, "bert", "rose")
	})
	for name, overtake := range map[string]func(v *village){
		"by a login": func(v *village) { mustLogin(t, v.second, "bert", "tulip") },
		"by a registration": func(v *village) {
			_, err := register(v.second, "bert", "", orchids)
			must(t, "register a name that is taken there", err, accounts.ErrTakenIdentifier)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.Lazy, accounts.CopyBackNone, people()...)
			h := newHerd(t, v.world, "1", "2", "3")
			v.doors.beforeCreate = func() error { overtake(v); return nil }
			tally, err := v.MigrateMany(t.Context(), h.batch(t))
			must(t, "MigrateMany", err, nil)
			if tally.People() != 3 || len(tally.Refused) > 0 {
				t.Errorf("%+v", tally)
			}
			h.isAt(t, "3", &tally)
			for _, name := range names {
				mustLogin(t, v.Service, name, "tulip")
			}
		})
	}
	// A change that ends between the last look and the commit stays: where both stores are written, and where one answers
	// for copies that are trusted from the beginning.
	for _, to := range []phase.Phase{phase.Both, phase.Ramp} {
		t.Run("by a change in "+to.String(), func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, people()...)
			v.move(t, phase.Shadow, phase.Both)
			if to == phase.Ramp {
				v.move(t, phase.Ramp)
			}
			session := v.open(t, legacyPerson(v, "bert", "2"))
			h := newHerd(t, v.world, "1", "2", "3")
			v.doors.beforeCreate = func() error {
				must(t, "change", change(v.second, session, "tulip", orchids), nil)
				return nil
			}
			// The change has made her account.
			h.mustMove(t, v.Service, h.batch(t), map[accounts.Outcome]int64{accounts.OutcomeMoved: 2, accounts.OutcomeUnchanged: 1})
			v.refusesOf(t, "bert", "tulip")
			mustLogin(t, v.Service, "bert", orchids)
			mustLogin(t, v.Service, "anna", "tulip")
			if to == phase.Both {
				v.move(t, phase.Ramp)
			}
			v.move(t, phase.NewFirst)
			v.refusesOf(t, "bert", "tulip")
			mustLogin(t, v.Service, "bert", orchids)
		})
	}
	t.Run("by a move of the phase", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.Lazy, accounts.CopyBackNone, people()...)
		h := newHerd(t, v.world, "1", "2", "3")
		v.doors.beforeCreate = func() error { v.step(t, phase.LegacyOnly, 0); return nil }
		_, err := v.MigrateMany(t.Context(), h.batch(t))
		doubtful(t, "in an epoch that has ended", err)
		h.isAt(t, "", nil)
	})
	t.Run("by another worker", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.Lazy, accounts.CopyBackNone, people()...)
		h := newHerd(t, v.world, "1", "2", "3")
		v.doors.beforeCreate = func() error {
			must(t, "give back", v.store.KeepChunk(t.Context(), h.chunk, 0, 0), nil)
			_, err := v.store.ClaimChunk(t.Context(), h.chunk.Run, "other", 1, time.Hour)
			return err
		}
		_, err := v.MigrateMany(t.Context(), h.batch(t))
		must(t, "under an older claim", err, accounts.ErrStale)
		if n, err := v.store.CountAccounts(t.Context()); n != 0 || err != nil {
			t.Errorf("%d accounts (%v)", n, err)
		}
	})
}

// legacyPerson is somebody who has not moved, for a session.
func legacyPerson(v *village, name, id string) accounts.Person {
	return accounts.Person{ID: accounts.SubjectFor("shop", id), Source: "shop", LegacyID: id}
}

func (v *village) refusesOf(t *testing.T, name, pw string) {
	t.Helper()
	mustRefuse(t, v.Service, name, pw)
	mustRefuse(t, v.second, name, pw)
}

// A store that does not answer ends a batch, and nobody is passed over; somebody in doubt costs one.
func TestManyCannotBeTold(t *testing.T) {
	t.Parallel()
	var people []legacy.User
	for i := range 6 {
		people = append(people, salted(t, strconv.Itoa(i), fmt.Sprintf("user%d", i), "tulip"))
	}
	t.Run("down", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, people...)
		h := newHerd(t, w, idsOf(people)...)
		b := h.batch(t)
		b.Again = func(context.Context) ([]legacy.User, error) { return nil, errDown }
		_, err := w.MigrateMany(t.Context(), b)
		doubtful(t, "the old store is down", err)
		h.isAt(t, "", nil)
		b = h.batch(t)
		b.Contested = nil
		w.source.SetDown(errDown)
		_, err = w.MigrateMany(t.Context(), b)
		doubtful(t, "the old store is down for each", err)
		h.isAt(t, "", nil)
		few := newHerd(t, newWorld(t, people[:2]...), "0", "1")
		b = few.batch(t)
		b.Contested = nil
		few.world.source.SetDown(errDown)
		_, err = few.MigrateMany(t.Context(), b)
		doubtful(t, "the old store is down for a few", err)
		few.isAt(t, "", nil)
		w.source.SetDown(nil)
		h.mustMove(t, w.Service, h.batch(t), map[accounts.Outcome]int64{accounts.OutcomeMoved: 6})
	})
	t.Run("away for a moment", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, people[:2]...)
		away := &stumbling{Memory: w.source}
		s := w.serve(t, func(c *accounts.Config) { c.Sources[0].Source = away })
		h := newHerd(t, w, "0", "1")
		b := h.batch(t)
		b.Contested, b.Again = nil, func(context.Context) ([]legacy.User, error) { return nil, errDown }
		away.errs = []error{errDown}
		_, err := s.MigrateMany(t.Context(), b)
		doubtful(t, "the old store is away for the last of a batch, and then for all", err)
		h.isAt(t, "", nil)
		b = h.batch(t)
		b.Contested = nil
		away.errs = []error{nil, errDown}
		if tally := h.mustMove(t, s, b, map[accounts.Outcome]int64{accounts.OutcomeUnchanged: 1, accounts.OutcomeMoved: 1}); tally.NotAnswered != 0 {
			t.Errorf("%d of those who came to be answered for are passed over", tally.NotAnswered)
		}
	})
	t.Run("another store is away", func(t *testing.T) {
		t.Parallel()
		for name, err := range map[string]error{"down": errDown, "silent": context.DeadlineExceeded} {
			w := newWorld(t, people[:2]...)
			blog := &answering{Memory: legacytest.NewMemory()}
			blog.down(err)
			s := w.serve(t, func(c *accounts.Config) { c.Sources = append(c.Sources, accounts.Source{Name: "blog", Source: blog}) })
			h := newHerd(t, w, "0", "1")
			b := h.batch(t)
			b.Contested = nil
			_, err := s.MigrateMany(t.Context(), b)
			doubtful(t, "another old store is "+name, err)
			h.isAt(t, "", nil)
			blog.down(nil)
			h.mustMove(t, s, h.batch(t), map[accounts.Outcome]int64{accounts.OutcomeMoved: 2})
		}
	})
	t.Run("one in doubt", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, people...)
		v.move(t, phase.Shadow, phase.Both)
		h := newHerd(t, v.world, idsOf(people)...)
		mustMigrate(t, v.Service, swept("1"), accounts.OutcomeMoved)
		v.doors.afterBegin = func() {
			tally := h.mustMove(t, v.Service, h.batch(t), map[accounts.Outcome]int64{accounts.OutcomeMoved: 5})
			if tally.NotAnswered != 1 {
				t.Errorf("%d are not told of", tally.NotAnswered)
			}
		}
		must(t, "change", change(v.second, v.open(t, mustLogin(t, v.Service, "user1", "tulip")), "tulip", orchids), nil)
	})
	t.Run("nothing moves", func(t *testing.T) {
		t.Parallel()
		v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, people...)
		_, err := v.MigrateMany(t.Context(), newHerd(t, v.world, "1").batch(t))
		must(t, "in legacy-only", err, accounts.ErrNothingMoves)
	})
	t.Run("input", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, people...)
		b := newHerd(t, w, "1").batch(t)
		b.By.Reason = ""
		_, err := w.MigrateMany(t.Context(), b)
		if in, ok := errors.AsType[*accounts.InvalidError](err); !ok || in.Field != "reason" {
			t.Error(err)
		}
		b.By, b.Source = because, "nowhere"
		if _, err = w.MigrateMany(t.Context(), b); err == nil {
			t.Error("a source that is not there")
		}
	})
}

// A key that no database can keep costs its person, and nobody else.
func TestManyUnstorable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "1", "anna", "", "tulip"), md5Salted(t, "a\x00b", "bert", "", "rose"))
	h := newHerd(t, w, "1", "a\x00b")
	b := h.batch(t)
	b.Keep = func(accounts.Tally) (accounts.Chunk, error) { h.chunk.Cursor = "1"; return h.chunk, nil }
	tally, err := w.MigrateMany(t.Context(), b)
	must(t, "MigrateMany", err, nil)
	if tally.Outcomes[accounts.OutcomeMoved] != 1 || tally.Refused[accounts.NoteUnreadableRecord] != 1 {
		t.Errorf("%+v", tally)
	}
}

// A name is asked for in a few spellings, and the census knows all who hold it: of them a sweep moves nobody, in whatever order they
// come.
func TestManyContestedInASpellingThatIsNotAsked(t *testing.T) {
	t.Parallel()
	people := []legacy.User{
		md5Salted(t, "1", "anna", "", "tulip"), md5Salted(t, "2", "aNna", "", "rose"), md5Salted(t, "3", "aNNa", "", "lily"), md5Salted(t, "4", "bert", "", "iris"),
	}
	w := newWorld(t, people...)
	shared := w.Names("shop", people[0])
	h := newHerd(t, w, "1", "2", "3", "4")
	for _, dryRun := range []bool{true, false} {
		b := h.batch(t)
		b.DryRun, b.Contested = dryRun, func(n accounts.Name) bool { return slices.Contains(shared, n) }
		tally, err := w.MigrateMany(t.Context(), b)
		must(t, "MigrateMany", err, nil)
		if tally.Outcomes[accounts.OutcomeMoved] != 1 || tally.Refused[accounts.NoteContested] != 3 {
			t.Errorf("dry run %t: %+v", dryRun, tally)
		}
	}
	for _, user := range people[:3] {
		_, err := w.store.ByLink(t.Context(), "shop", user.ID)
		must(t, user.Username, err, accounts.ErrNotFound)
	}
}

// Who shares a name with somebody who was deleted here, and with nobody else, is moved, though the old store has both.
func TestManyNamesakeOfTheDeleted(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), md5Salted(t, "8", "Anna", "", "rose"))
	v.hear(t)
	v.source.Change("8", func(u *legacy.User) { u.Username = "carl" })
	mustErase(t, v.Service, "anna", true)
	v.source.Change("8", func(u *legacy.User) { u.Username = "Anna" })
	h := newHerd(t, v.world, "8")
	b := h.batch(t)
	shared := v.Names("shop", b.People[0])
	b.Contested = func(n accounts.Name) bool { return slices.Contains(shared, n) }
	h.mustMove(t, v.Service, b, map[accounts.Outcome]int64{accounts.OutcomeMoved: 1})
}

// stumbling answers for a person as it is told, one error for each question, and well after that.
type stumbling struct {
	*legacytest.Memory
	errs []error
}

func (s *stumbling) Get(ctx context.Context, id string) (legacy.User, error) {
	if len(s.errs) > 0 {
		err := s.errs[0]
		if s.errs = s.errs[1:]; err != nil {
			return legacy.User{}, err
		}
	}
	return s.Memory.Get(ctx, id)
}

// answering says whether it is down when it is asked that too.
type answering struct {
	*legacytest.Memory
	err error
}

func (a *answering) down(err error) {
	a.err = err
	a.SetDown(err)
}

func (a *answering) Ping(context.Context) error { return a.err }
