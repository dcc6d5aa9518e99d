package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/password"
	"rekey/accounts/phase"
)

// A Ticket is what a token in a mail is good for. It holds no token: only its digest.
//
// It is bound to the state of the account that it was made for (see stateOf), and dies with any change of it. What it is used
// for is such a change, made under the very version that the state names, so that of two who use one token at once one gets it.
type Ticket struct {
	AccountID uuid.UUID
	Kind      TicketKind
	Digest    [sha256.Size]byte // of the token
	Sealed    []byte            // what it is bound to, sealed with the master key
	ExpiresAt time.Time
}

// TicketKind is what a token does.
type TicketKind string

// What a token does.
const (
	TicketReset TicketKind = "reset" // it sets a new password
	TicketEmail TicketKind = "email" // it sets an address
)

// ErrTicket is what somebody is told whose link does nothing: unknown, used, too old, replaced by a newer one, or the account
// has changed since.
var ErrTicket = errors.New("the link does not count, or no longer")

// sealedTicket is what a Ticket is bound to.
type sealedTicket struct {
	Source   string `json:"source,omitempty"` // with LegacyID, of somebody who may not be here
	LegacyID string `json:"legacy_id,omitempty"`
	Address  string `json:"address"` // canonical; who has the token reads what is sent there
	Spelling string `json:"spelling"`
	State    []byte `json:"state"`
}

// A standing is an account as it is now, in whichever store.
type standing struct {
	id    uuid.UUID
	rec   Record // without an id if the person is not here
	epoch int64  // of their sessions
	row   phase.Row
	there *candidate // as legacy has them; nil where legacy neither answers nor must be written
}

// here reports whether the person has an account in the new store.
func (st standing) here() bool { return st.rec.ID != uuid.Nil }

// stand reads an account: here, and in legacy where that counts. Its error is a refusal for somebody who may not be in
// (deleted, disabled, gone), or an *UnavailableError: while the phase or the account is being changed, too.
func (s *Service) stand(ctx context.Context, id uuid.UUID, source, legacyID string, a Attempt) (standing, error) {
	st := standing{id: id, row: a.rowOfAbsent(id)}
	session := Session{AccountID: id, Source: source, LegacyID: legacyID}
	rec, err := s.store.ByID(ctx, id)
	switch {
	case err == nil:
		st.rec, st.row, st.epoch = rec, a.row(rec), rec.SessionEpoch
		if rec.Link != nil {
			session.Source, session.LegacyID = rec.Link.Source, rec.Link.LegacyID
		}
	case !errors.Is(err, ErrNotFound):
		return standing{}, cannotTell("read account", err)
	}
	switch {
	case rec.Disabled: // deleted people are, too
		return standing{}, refused("new-disabled")
	case st.row.Frozen:
		return standing{}, &UnavailableError{RetryAfter: retryFrozen, Err: errFrozen}
	case st.here() && st.row.Answers != phase.Legacy && st.row.Legacy != phase.Required:
		return st, nil // in new-only nobody may answer for a copy that is not trusted; the mailbox does
	}
	if !st.here() {
		if st.epoch, err = s.store.SessionEpoch(ctx, id); err != nil {
			return standing{}, cannotTell("read session epoch", err)
		}
	}
	c, err := s.resumeLegacy(ctx, session)
	st.there = &c
	return st, err
}

// addresses are where an account's person can be reached, as the store says that answers for them. Nobody's are contested.
func (s *Service) addresses(st standing) []Identifier {
	ids := slices.Clone(st.rec.Identifiers)
	if st.there != nil && st.row.Answers == phase.Legacy {
		ids, _ = s.identifiersOf(*st.there, nil)
	}
	return slices.DeleteFunc(ids, func(id Identifier) bool { return id.Kind != Email || id.Contested })
}

// stateOf is a keyed digest of what a token is bound to: the password, the sessions, and, where legacy counts, all that it says
// of the person. Every change of one of them makes it another; only the version of a password never comes back.
func (s *Service) stateOf(st standing) []byte {
	key := s.key.Derive(ticketPurpose)
	mac := hmac.New(sha256.New, key[:])
	_ = binary.Write(mac, binary.BigEndian, [2]int64{st.rec.Credential.Version, st.epoch}) // a hash never fails to write
	if st.there != nil {
		mac.Write(s.fingerprint(*st.there))
	}
	return mac.Sum(nil)
}

// ticket makes a token for somebody who can be reached at an address, and keeps what it is good for. Older ones are dead then.
func (s *Service) ticket(ctx context.Context, kind TicketKind, st standing, to Identifier) (password.Secret, error) {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails
	token := base64.RawURLEncoding.EncodeToString(raw)
	bound := sealedTicket{Address: to.Canonical, Spelling: to.Spelling, State: s.stateOf(st)}
	if st.there != nil {
		bound.Source, bound.LegacyID = st.there.source.Name, st.there.user.ID
	}
	plain, err := json.Marshal(bound)
	if err != nil {
		return password.Secret{}, fmt.Errorf("seal a ticket: %w", err)
	}
	t := Ticket{AccountID: st.id, Kind: kind, Digest: sha256.Sum256([]byte(token)), ExpiresAt: s.now().Add(ticketLife)}
	t.Sealed = s.key.Seal(ticketPurpose, plain, t.Digest[:])
	if err := s.store.KeepTicket(ctx, t, s.now()); err != nil {
		return password.Secret{}, err
	}
	return password.NewSecret([]byte(token)), nil
}

// maxToken is the longest token that is looked for, in bytes; ours have 43.
const maxToken = 64

// ticketOf returns what a token is good for. Its error is ErrTicket, or an *UnavailableError.
func (s *Service) ticketOf(ctx context.Context, kind TicketKind, token password.Secret) (Ticket, sealedTicket, error) {
	raw := token.Reveal()
	if len(raw) == 0 || len(raw) > maxToken {
		return Ticket{}, sealedTicket{}, ErrTicket
	}
	t, err := s.store.TicketByDigest(ctx, sha256.Sum256(raw), s.now())
	switch {
	case errors.Is(err, ErrNotFound), err == nil && t.Kind != kind:
		return Ticket{}, sealedTicket{}, ErrTicket
	case err != nil:
		return Ticket{}, sealedTicket{}, cannotTell("read a ticket", err)
	}
	plain, err := s.key.Open(ticketPurpose, t.Sealed, t.Digest[:])
	if err != nil {
		return Ticket{}, sealedTicket{}, cannotTell("open a ticket", err)
	}
	var bound sealedTicket
	if err := json.Unmarshal(plain, &bound); err != nil {
		return Ticket{}, sealedTicket{}, cannotTell("read a ticket", err)
	}
	return t, bound, nil
}

// reaches reports whether the mailbox of a ticket proves who somebody is: it is one of the account's. One that is to become its
// address proves itself alone.
func (s *Service) reaches(st standing, bound sealedTicket, kind TicketKind) bool {
	return kind == TicketEmail || slices.ContainsFunc(s.addresses(st), func(id Identifier) bool { return id.Canonical == bound.Address })
}

// redeem returns the account that a ticket is for, if it still is as it was then. Otherwise its error is ErrTicket, or an
// *UnavailableError.
func (s *Service) redeem(ctx context.Context, t Ticket, bound sealedTicket, a Attempt) (standing, error) {
	st, err := s.stand(ctx, t.AccountID, bound.Source, bound.LegacyID, a)
	switch {
	case errors.Is(err, ErrCredentials):
		return standing{}, ErrTicket
	case err != nil:
		return standing{}, err
	}
	if !s.reaches(st, bound, t.Kind) || !hmac.Equal(bound.State, s.stateOf(st)) {
		return standing{}, ErrTicket
	}
	return st, nil
}

// dropTicket removes a ticket that was used. As a rule it is dead, for what it was bound to has changed.
func (s *Service) dropTicket(ctx context.Context, t Ticket) {
	if err := s.outlive(ctx, func(ctx context.Context) error { return s.store.DropTicket(ctx, t.Digest) }); err != nil {
		s.log.WarnContext(ctx, "used ticket not removed; it is with the next", "account", t.AccountID, "error", err)
	}
}
