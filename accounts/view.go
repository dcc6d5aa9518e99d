package accounts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// What staff see of one person: both stores side by side, and why they are where they are. Nothing of it proves anything: no
// hash, no salt, no code, and of recipes not even the text.

// Where says in which stores somebody is.
type Where string

// Where somebody is.
const (
	WhereHere   Where = "here"
	WhereLegacy Where = "legacy"
	WhereBoth   Where = "both"
)

// A PersonView is what there is to see of one person.
type PersonView struct {
	Overview // who is not here has their future id, their sessions, notes and events alone

	Where    Where
	State    PersonState
	Why      string
	Also     []Cause // what holds besides
	Phase    phase.Phase
	Answers  phase.Store // who is asked for the password
	Source   string      // with LegacyID, the legacy person; "" if there is none
	LegacyID string
	Silent   bool // the legacy store did not answer
	Move     MoveView
	Here     *Side // nil: they are not here, or deleted
	There    *Side // nil: they are not there, or it cannot be told
	Differ   []string
}

// A MoveView is what a move would come to now, as a dry run has found.
type MoveView struct {
	Outcome Outcome   `json:"outcome,omitempty"`
	Class   NoteClass `json:"class,omitempty"` // why they cannot be moved
	Reason  string    `json:"reason,omitempty"`
}

// A Side is what one store has of a person.
type Side struct {
	Identifiers  []Identifier
	Email        string
	DisplayName  string
	Locale       string
	Roles        []string
	Groups       []string
	Attributes   []string // their names
	Disabled     bool
	CreatedAt    time.Time // zero where unknown
	LastLoginAt  time.Time // zero where unknown
	SecondFactor bool
	Password     PasswordView
}

// A PasswordView is what there is to say of a stored password.
type PasswordView struct {
	Scheme   string   `json:"scheme,omitempty"`    // "" where there is none to see
	Behind   string   `json:"behind,omitempty"`    // the legacy scheme behind a wrapped or carried one
	Strength Strength `json:"strength"`            // of what is stored
	MemoryKB int64    `json:"memory_kib,omitzero"` // that one verification takes; 0 where that is little
}

// Strength is the closed list of how well a stored password withstands somebody who has it.
type Strength string

// How well.
const (
	StrengthStrong     Strength = "strong"
	StrengthBelow      Strength = "below-policy" // of ours: made again at the next login
	StrengthWeak       Strength = "weak"
	StrengthUnusable   Strength = "unusable"
	StrengthUnreadable Strength = "unreadable"
	StrengthHidden     Strength = "hidden" // the store checks passwords and shows none
	StrengthNone       Strength = "none"
)

// View returns what there is to see of the person whom a ref names, wherever they are. Of the key of a legacy store that does not
// answer that is what is kept here, if there is anything. Its error is ErrNotFound, ErrContestedPerson, or an *UnavailableError.
func (s *Service) View(ctx context.Context, ref string) (PersonView, error) {
	a, err := s.looking(ctx)
	if err != nil {
		return PersonView{}, err
	}
	p, err := s.namedUnseen(ctx, ref, a)
	if err != nil {
		return PersonView{}, err
	}
	t, err := s.tell(ctx, p, a)
	if err != nil {
		return PersonView{}, err
	}
	v := PersonView{
		Where: p.where(), Phase: a.at.Phase, Answers: t.row.Answers, Source: p.key.Source, LegacyID: p.key.LegacyID, Silent: p.silent(), Move: t.move(),
	}
	causes := t.causes()
	v.State, v.Why, v.Also = causes[0].State, causes[0].Why, causes[1:]
	if p.rec != nil {
		v.Overview, err = s.overview(ctx, *p.rec)
	} else {
		v.Overview, err = s.overviewThere(ctx, p)
	}
	if err != nil {
		return PersonView{}, err
	}
	if p.rec == nil && p.silent() && len(v.Notes)+len(v.Events)+v.Sessions == 0 {
		return PersonView{}, cannotTell("ask the legacy store", p.unread)
	}
	if t.here() != nil {
		v.Here = s.sideHere(v.Overview, *p.rec)
		if err := s.lastSeen(ctx, v.Here, p); err != nil {
			return PersonView{}, err
		}
	}
	if p.there != nil {
		v.There = s.sideThere(*p.there)
	}
	if v.Here != nil && v.There != nil && !p.part {
		v.Differ = differ(*v.Here, *v.There, t.differs)
	}
	return v, nil
}

// where says where they are. Who is there as well as anybody knows is not there if the store has said so.
func (p sight) where() Where {
	switch {
	case p.rec == nil || p.rec.Deleted() && p.there != nil:
		return WhereLegacy
	case p.there != nil:
		return WhereBoth
	}
	return WhereHere
}

// move is what the dry run has found. Of those who are here it says nothing.
func (t story) move() MoveView {
	v := MoveView{Outcome: t.outcome}
	if no := t.unmovable(); no != nil {
		return MoveView{Class: no.Class, Reason: no.Reason}
	}
	if t.kept != nil {
		v.Outcome = ""
	}
	return v
}

// overviewThere is what is kept here of somebody who is not.
func (s *Service) overviewThere(ctx context.Context, p sight) (Overview, error) {
	o := Overview{Account: Account{ID: p.id}, Factors: map[FactorKind]int{}}
	if p.there != nil {
		user := p.there.user
		o.Identifiers, _ = s.identifiersOf(*p.there, nil)
		o.Disabled, o.CreatedAt, o.Profile = user.Disabled, user.CreatedAt, profileFrom(user.Profile)
		if n := len(user.Profile.TOTP); n > 0 {
			o.Factors[FactorTOTP] = n
		}
		if n := len(user.Profile.RecoveryCodes); n > 0 {
			o.Factors[FactorRecovery] = n
		}
	}
	var err error
	if o.Notes, err = s.store.NotesAbout(ctx, p.key); err == nil {
		err = s.goingOn(ctx, p.id, &o)
	}
	if err != nil {
		return Overview{}, cannotTell("read what is known of a person", err)
	}
	return o, nil
}

// sideHere is what the new store has.
func (s *Service) sideHere(o Overview, rec Record) *Side {
	side := Side{
		Identifiers: rec.Identifiers, Email: rec.Named(Email), Disabled: rec.Disabled, CreatedAt: rec.CreatedAt, SecondFactor: rec.SecondFactor,
		Password: s.passwordHere(rec),
	}
	side.profile(o.Profile)
	return &side
}

// sideThere is what the legacy store has.
func (s *Service) sideThere(c candidate) *Side {
	ids, _ := s.identifiersOf(c, nil)
	u := c.user
	side := Side{
		Identifiers: ids, Email: u.Email, Disabled: u.Disabled, CreatedAt: u.CreatedAt, LastLoginAt: u.LastLoginAt,
		SecondFactor: len(u.Profile.TOTP) > 0, Password: s.passwordThere(c),
	}
	side.profile(profileFrom(u.Profile))
	return &side
}

func (side *Side) profile(p Profile) {
	side.DisplayName, side.Locale, side.Roles, side.Groups = p.DisplayName, p.Locale, p.Roles, p.Groups
	for name := range p.Attributes {
		side.Attributes = append(side.Attributes, name)
	}
	slices.Sort(side.Attributes)
}

// lastSeen says when somebody has logged in here, as far as a living session tells.
func (s *Service) lastSeen(ctx context.Context, side *Side, p sight) error {
	living, err := s.store.LivingSessions(ctx, p.id, s.now(), 1)
	if err != nil {
		return cannotTell("read sessions", err)
	}
	if len(living) > 0 {
		side.LastLoginAt = living[0].CreatedAt
	}
	return nil
}

// passwordHere says how a password is kept here.
func (s *Service) passwordHere(rec Record) PasswordView {
	c := rec.Credential
	v := PasswordView{Scheme: string(c.Scheme), Strength: StrengthStrong}
	switch c.Scheme {
	case "":
		return PasswordView{Strength: StrengthNone}
	case SchemeArgon2id:
		if c.Waits() {
			return PasswordView{Strength: StrengthNone}
		}
	case SchemeCarried:
		v.Behind = strings.TrimPrefix(c.Encoded, carriedPrefix)
		return v
	case SchemeWrapped:
		if old, err := s.openLegacy(rec.ID, c.Legacy); err == nil {
			v.Behind = schemeName(old)
		}
	}
	if s.hasher.NeedsRehash(c.Encoded) {
		v.Strength = StrengthBelow
	}
	return v
}

// passwordThere says how the legacy store keeps a password.
func (s *Service) passwordThere(c candidate) PasswordView {
	if c.user.Password == nil {
		if _, verifies := c.source.Source.(legacy.Verifier); verifies {
			return PasswordView{Strength: StrengthHidden}
		}
		return PasswordView{Strength: StrengthNone}
	}
	h, err := s.hashes.Open(*c.user.Password)
	switch {
	case errors.Is(err, hash.ErrUnusable):
		return PasswordView{Strength: StrengthUnusable}
	case err != nil:
		return PasswordView{Strength: StrengthUnreadable}
	}
	v := PasswordView{Scheme: schemeName(h), Strength: StrengthWeak, MemoryKB: h.Memory >> 10}
	if h.Strong() {
		v.Strength = StrengthStrong
	}
	return v
}

// differ names what is not the same on both sides. record is whether the legacy record is another than the one that was copied,
// which may be for something that is not shown.
func differ(here, there Side, record bool) []string {
	var fields []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"identifiers", slices.Equal(canonicals(here), canonicals(there))},
		{"email", here.Email == there.Email},
		{"display_name", here.DisplayName == there.DisplayName},
		{"locale", here.Locale == there.Locale},
		{"roles", slices.Equal(here.Roles, there.Roles)},
		{"groups", slices.Equal(here.Groups, there.Groups)},
		{"attributes", slices.Equal(here.Attributes, there.Attributes)},
		{"disabled", here.Disabled == there.Disabled},
		{"second_factor", here.SecondFactor == there.SecondFactor},
		{"record", !record},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// canonicals are the identifiers of a side, in order.
func canonicals(side Side) []string {
	ids := make([]string, len(side.Identifiers))
	for i, id := range side.Identifiers {
		ids[i] = id.Canonical
	}
	slices.Sort(ids)
	return ids
}
