package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	hashlib "hash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/failpoint"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// migrate moves somebody whose password has just been proven. Whatever goes wrong here, the person is in: they are
// answered as not moved, it is counted, and their next login tries again. There is one exception: if somebody else
// moved them meanwhile, the account here answers, because its password may have been changed since.
//
// Logins of one person with one password that are here at the same time share one move, and its answer: each of them
// began before that answer was true. An impatient person costs one hash, not one for each press of Enter.
//
// also are people of other stores who have proven to be the same person.
func (s *Service) migrate(ctx context.Context, c candidate, p proof, also []candidate, a Attempt) (Person, error) {
	failpoint.Hit(failpoint.MigrateProven)
	if a.rowOfAbsent(SubjectFor(c.source.Name, c.user.ID)).Login == phase.TakeNothing {
		return s.unmoved(c), nil
	}
	shared, err, _ := s.moves.Do(s.moveKey(c, a.Password), func() (any, error) {
		var person Person
		err := s.outlive(ctx, func(ctx context.Context) (err error) {
			person, err = s.moveOrJoin(ctx, c, p, also, a)
			return err
		})
		return person, err
	})
	if err != nil {
		return Person{}, err
	}
	failpoint.Hit(failpoint.MigrateDone)
	person, _ := shared.(Person) // nothing else is ever shared
	return person, nil
}

// moveKey names a move: the person, and the password by a keyed digest, for as long as the move takes.
func (s *Service) moveKey(c candidate, pw password.Secret) string {
	mac := hmac.New(sha256.New, s.fingerprintKey[:])
	mac.Write(pw.Reveal())
	return c.source.Name + "\x00" + c.user.ID + "\x00" + string(mac.Sum(nil))
}

func (s *Service) moveOrJoin(ctx context.Context, c candidate, p proof, also []candidate, a Attempt) (Person, error) {
	rec, err := s.move(ctx, c, p, also, a)
	switch {
	case err == nil:
		s.countShadow(a, nil)
		s.stats.Migrated.Add(1)
		return personOf(rec), nil
	case errors.Is(err, ErrLinked):
		rec, err := s.store.ByLink(ctx, c.source.Name, c.user.ID)
		switch {
		case err != nil:
			return Person{}, cannotTell("read account by link", err)
		case rec.Deleted():
			return Person{}, refused("new-deleted")
		}
		if a.row(rec).Answers != phase.New {
			return s.byLegacy(personOf(rec), c), nil // the password was proven where it counts
		}
		return s.loginHere(ctx, rec, a)
	case errors.Is(err, errContested), errors.Is(err, ErrTaken):
		s.noteContested(ctx, c, a)
	case errors.Is(err, errChanged):
		return Person{}, &UnavailableError{RetryAfter: retryChanged, Err: err}
	default:
		s.countShadow(a, err)
		s.log.WarnContext(ctx, "account not moved; the person is logged in and the next login tries again",
			"source", c.source.Name, "legacy_id", c.user.ID, "error", err)
	}
	s.stats.NotMigrated.Add(1)
	return s.unmoved(c), nil
}

// Why a move is not made.
var (
	errContested = errors.New("another legacy person holds one of the identifiers")
	errChanged   = errors.New("the legacy record was changed meanwhile")
)

// retryChanged is when to try again after errChanged: whoever changes a record is done with it by then.
const retryChanged = time.Second

// stillSo looks at the legacy stores once more. It returns the identifiers that move with the person, and the number of
// stored values that cannot be one. Its error is errContested if they have nothing for themselves; errChanged if the
// stores no longer say of them, and of those who are linked with them, what they said when they were found; or a source's.
func (s *Service) stillSo(ctx context.Context, c candidate, also []candidate) (ids []Identifier, invalid int, err error) {
	ids, invalid = s.identifiersOf(c, also)
	holders, err := s.lookup(ctx, s.rivals(c), ids)
	switch {
	case errors.Is(err, legacy.ErrTooMany):
		return nil, 0, errContested
	case err != nil:
		return nil, 0, err
	}
	for _, found := range append([]candidate{c}, also...) {
		i := slices.IndexFunc(holders, found.is)
		if i < 0 || !hmac.Equal(s.fingerprint(holders[i]), s.fingerprint(found)) {
			return nil, 0, errChanged
		}
	}
	ids, err = s.settle(c, also, ids, holders)
	return ids, invalid, err
}

// SchemeRecipe is what the audit calls every recipe.
const SchemeRecipe = "recipe"

// schemeName is what the audit tells of a scheme. The text of a recipe may hold a pepper.
func schemeName(h *hash.Hash) string {
	if strings.Contains(h.Scheme, "(") {
		return SchemeRecipe
	}
	return h.Scheme
}

// way says by what a flow moves people.
func (a Attempt) way() How {
	if a.how == "" {
		return ByLogin
	}
	return a.how
}

// move makes the account and commits it.
func (s *Service) move(ctx context.Context, c candidate, p proof, also []candidate, a Attempt) (Record, error) {
	id := SubjectFor(c.source.Name, c.user.ID)
	credential, err := s.credentialFor(ctx, id, p, a.Password)
	if err != nil {
		return Record{}, err
	}
	failpoint.Hit(failpoint.MigrateRehashed)
	return s.moveWith(ctx, c, credential, p, also, a)
}

// moveWith makes the account with a credential that was made from what c has, and commits it. p has the hash that it was made
// from, if there is one.
func (s *Service) moveWith(ctx context.Context, c candidate, credential Credential, p proof, also []candidate, a Attempt) (Record, error) {
	id := SubjectFor(c.source.Name, c.user.ID)

	// The last look at the legacy store: hashing took a while, and what was proven may have been changed meanwhile.
	ids, invalid, err := s.stillSo(ctx, c, also)
	if err != nil {
		return Record{}, err
	}

	rec, err := s.recordOf(ctx, id, c, also, ids, credential, a)
	if err != nil {
		return Record{}, err
	}
	s.owe(&rec, p, c.user.Profile)
	event := s.movedEvent(c, rec, p, invalid, a)
	for i, other := range also {
		rec.Also = append(rec.Also, *s.linkOf(other, i+1, a))
		event.Detail["linked:"+other.source.Name] = other.user.ID
	}
	if err := s.writes(a).Create(ctx, rec, event); err != nil {
		return Record{}, err
	}
	rec.Credential.Version = 1
	if invalid > 0 {
		s.note(ctx, c, NoteIdentifierLeftOut, noteLeftOut, a)
	}
	s.noteExternal(ctx, c, rec, a)
	return rec, nil
}

// noteLeftOut is the reason of a NoteIdentifierLeftOut.
const noteLeftOut = "a stored identifier cannot be typed and was left out"

// movedEvent is what the audit hears of a move.
func (s *Service) movedEvent(c candidate, rec Record, p proof, invalid int, a Attempt) Event {
	event := s.event(rec.ID, EventMigrated, a)
	event.Detail = map[string]string{
		"source": c.source.Name, "legacy_id": c.user.ID, "how": string(a.way()), "to": string(rec.Credential.Scheme),
	}
	if p.hash != nil {
		event.Detail["from"] = schemeName(p.hash)
	}
	if rec.Credential.Waits() {
		event.Detail["to"] = "none"
	}
	if invalid > 0 {
		event.Detail["identifiers_left_out"] = strconv.Itoa(invalid)
	}
	return event
}

// recordOf is the account of somebody who moves, without the links to the others whom it is made from.
func (s *Service) recordOf(
	ctx context.Context, id uuid.UUID, c candidate, also []candidate, ids []Identifier, credential Credential, a Attempt,
) (Record, error) {
	rec := Record{
		Account:    Account{ID: id, Identifiers: ids, CreatedAt: s.now(), SessionEpoch: c.epoch, Disabled: c.user.Disabled, DisabledThere: c.user.Disabled},
		Credential: credential, Link: s.linkOf(c, 0, a), Profile: profileOf(c.user.Profile),
		Factors: []Factor{}, // those that legacy has now, which may be none
	}
	// That there is no password is a change which legacy does not know, from when this store answers.
	rec.ChangedHere = credential.AwaitsReset() && a.answersCopy(id)
	if err := s.carryFactors(ctx, &rec, c); err != nil {
		return Record{}, err
	}
	for _, person := range also {
		if err := s.carryFactors(ctx, &rec, person); err != nil {
			return Record{}, err
		}
	}
	return rec, nil
}

// identifiersOf returns what people who are one can type to log in, each value once, and the number of stored values
// that cannot be an identifier. An address that belongs to another store does not move with them.
func (s *Service) identifiersOf(c candidate, also []candidate) (ids []Identifier, invalid int) {
	ids, invalid = c.identifiers()
	ids = slices.DeleteFunc(ids, func(id Identifier) bool { return !s.asks(c.source, id) })
	for _, person := range also {
		theirs, bad := person.identifiers()
		invalid += bad
		for _, id := range theirs {
			same := func(other Identifier) bool { return other.Canonical == id.Canonical }
			if s.asks(person.source, id) && !slices.ContainsFunc(ids, same) {
				ids = append(ids, id)
			}
		}
	}
	return ids, invalid
}

// linkOf returns the link to a legacy person. order keeps the links of one account apart: the first is the one that
// the account is named after.
func (s *Service) linkOf(c candidate, order int, a Attempt) *LegacyLink {
	return &LegacyLink{
		Source: c.source.Name, LegacyID: c.user.ID, LegacyCreatedAt: c.user.CreatedAt, Fingerprint: s.fingerprint(c),
		How: a.way(), At: s.now().Add(time.Duration(order) * time.Microsecond), CopiedEpoch: a.at.Epoch,
		Drifted: c.unverified, // so that the legacy store answers until they have logged in
	}
}

// fingerprint is an HMAC-SHA-256 over what says who a legacy person is and what proves it, each field behind its
// length, so that no two records read alike.
func (s *Service) fingerprint(c candidate) []byte {
	p := s.printer()
	defer s.printers.Put(p)
	u := &c.user
	p.add(u.Username, u.Email, u.Phone, strconv.FormatBool(u.Disabled))
	if u.Password != nil {
		p.add(u.Password.Hash, u.Password.Salt)
	} else {
		p.add("", "")
	}
	p.add(u.Aliases...)
	for _, t := range u.Profile.TOTP {
		p.add(string(t.Secret))
	}
	return p.print()
}

// A printer makes fingerprints, one after the other.
type printer struct {
	mac  hashlib.Hash
	text []byte
}

// printer takes one from the pool, to which who is done with it gives it back.
func (s *Service) printer() *printer {
	if p, ok := s.printers.Get().(*printer); ok {
		return p
	}
	return &printer{mac: hmac.New(sha256.New, s.fingerprintKey[:])}
}

func (p *printer) add(fields ...string) {
	for _, field := range fields {
		p.text = append(binary.BigEndian.AppendUint64(p.text, uint64(len(field))), field...)
	}
}

// print returns the fingerprint of what was added, and forgets that: there are hashes in it.
func (p *printer) print() []byte {
	p.mac.Reset()
	p.mac.Write(p.text) // a hash never fails to write
	clear(p.text)
	p.text = p.text[:0]
	return p.mac.Sum(nil)
}
