package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rekey/accounts/phase"
)

// Why somebody is where they are, in words. The table below is all that is ever said: the first cause that holds is the state,
// those behind it are told as well.

// PersonState is the closed list of what there is to say of a person. Scripts may depend on it.
type PersonState string

// What is said.
const (
	StateDeleted       PersonState = "deleted"
	StateIDReused      PersonState = "id-reused"
	StateInDoubt       PersonState = "in-doubt"
	StateDisabled      PersonState = "disabled"       // by staff
	StateDisabledThere PersonState = "disabled-there" // by the legacy store
	StatePinned        PersonState = "pinned"
	StateChangedHere   PersonState = "changed-here"
	StateBornHere      PersonState = "born-here"
	StateReverted      PersonState = "reverted"
	StateDrifted       PersonState = "drifted"
	StateDisagreeing   PersonState = "disagreeing"
	StateBehind        PersonState = "behind"
	StateLegacyAnswers PersonState = "legacy-answers"
	StateUntrusted     PersonState = "untrusted"
	StateNewOnly       PersonState = "given-up"
	StateMoved         PersonState = "moved"
	StateUnknown       PersonState = "unknown"
	StateGone          PersonState = "gone"
	StateUnreadable    PersonState = "unreadable"
	StateQuarantined   PersonState = "quarantined"
	StateVerifyOnly    PersonState = "verify-only"
	StateWaiting       PersonState = "waiting" // for a new password
	StateNothingMoves  PersonState = "nothing-moves"
	StateFrozen        PersonState = "frozen"
	StateWillMove      PersonState = "will-move"
	StateDiffers       PersonState = "differs"
	StateContested     PersonState = "contested"
)

// A Cause is one reason why somebody is where they are.
type Cause struct {
	State PersonState `json:"state"`
	Why   string      `json:"why"`
}

// A story is all that causes are told from.
type story struct {
	sight
	at       Attempt
	row      phase.Row
	reused   bool          // the key is another person's in the legacy store now
	differs  bool          // the legacy record is not the one that was copied
	reverted *Event        // the newest time that a move was taken back, and nothing was copied since
	disabled *Event        // by staff, the last time
	outcome  Outcome       // of a dry run
	kept     error         // why the dry run would move nobody
	rivals   []string      // who else holds what, in words
	disagree *Disagreement // the stores, about their password
	taken    []Identifier  // of the account here: those that others hold too
}

// here returns the account, if they have one that lives.
func (t story) here() *Record {
	if t.rec == nil || t.rec.Deleted() {
		return nil
	}
	return t.rec
}

// link returns the link that they are named after, if they are here.
func (t story) link() LegacyLink {
	if rec := t.here(); rec != nil && rec.Link != nil {
		return *rec.Link
	}
	return LegacyLink{}
}

// stays reports whether the account is answered here whatever the phase and the legacy store say.
func (t story) stays() bool { return t.here() != nil && facts(*t.rec).Stays() }

// awaitsReset reports whether the account's password was taken away.
func (t story) awaitsReset() bool { return t.here() != nil && t.rec.Credential.AwaitsReset() }

// awaitsLogin reports whether no password is the account's yet, because only a login can bring it.
func (t story) awaitsLogin() bool {
	return t.here() != nil && t.rec.Credential.Waits() && !t.awaitsReset()
}

// byLegacy reports whether the account is here, and legacy answers for it all the same.
func (t story) byLegacy() bool {
	return t.here() != nil && t.row.Answers == phase.Legacy && !t.rec.InDoubt
}

// unmovable is why they cannot be moved without a login, if that is so.
func (t story) unmovable() *UnmovableError {
	no, _ := errors.AsType[*UnmovableError](t.kept)
	return no
}

func day(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// nextLogin says what the next login does.
func (t story) nextLogin() string {
	switch {
	case t.at.at.Phase == phase.NewFirst:
		return "the next login moves them again"
	case t.at.at.Phase >= phase.Shadow:
		return "the next login copies them again"
	}
	return "nothing is copied in phase " + t.at.at.Phase.String()
}

// A telling is a line of the table.
type telling struct {
	state PersonState
	is    func(story) bool
	why   func(story) string
}

func says(text string) func(story) string { return func(story) string { return text } }

// tellings is the table, in the order of what decides.
var tellings = []telling{
	{StateIDReused, func(t story) bool { return t.reused },
		says("the id has come to be another person's in the legacy store: nobody is let in or moved by it until support has settled it")},
	{StateDeleted, func(t story) bool { return t.rec != nil && t.rec.Deleted() },
		func(t story) string {
			return "deleted here at " + day(t.rec.DeletedAt) + ": stays deleted, whatever the legacy store has"
		}},
	{StateInDoubt, func(t story) bool { return t.here() != nil && t.rec.InDoubt },
		says("a change is under way that the legacy store may have already: until it has ended, the legacy store answers")},
	{StateDisabled, func(t story) bool { return t.here() != nil && t.rec.disabledHere() },
		func(t story) string {
			if t.disabled == nil {
				return "disabled by staff: may not log in"
			}
			return fmt.Sprintf("disabled by %s at %s: may not log in", t.disabled.Actor, day(t.disabled.At))
		}},
	{StateDisabledThere, func(t story) bool {
		return t.here() != nil && t.rec.DisabledThere || t.here() == nil && t.there != nil && t.there.user.Disabled
	}, func(t story) string {
		if t.link().Barred == BarredGone {
			return "disabled because the legacy store has them no more: may not log in"
		}
		return "disabled by the legacy store: may not log in"
	}},
	{StatePinned, func(t story) bool { return t.here() != nil && t.rec.Pinned }, says("pinned: answered here in every phase")},
	{StateChangedHere, func(t story) bool {
		return t.here() != nil && t.rec.ChangedHere && t.rec.Link != nil && !t.awaitsReset()
	},
		says("something was changed here that the legacy store does not know: answered here in every phase")},
	{StateBornHere, func(t story) bool { return t.here() != nil && t.rec.Link == nil }, says("born here: no legacy store knows them")},
	{StateReverted, func(t story) bool { return t.link().Dirty && t.reverted != nil && !t.stays() },
		func(t story) string {
			return fmt.Sprintf("the move was taken back by %s at %s: the legacy store answers; %s", t.reverted.Actor, day(t.reverted.At), t.nextLogin())
		}},
	{StateVerifyOnly, func(t story) bool { return t.awaitsLogin() && t.link().Drifted && !t.stays() },
		says("verify-only: the profile has moved, and only a login can bring the password: the legacy store answers until then")},
	{StateWaiting, func(t story) bool { return t.awaitsReset() && t.row.Answers == phase.New },
		says("moved without a password: waits until they have set one by a link in a mail, whatever the legacy store has")},
	{StateDrifted, func(t story) bool {
		return t.link().Drifted && !t.stays() && !t.awaitsLogin() && !(t.awaitsReset() && t.row.Answers == phase.New)
	},
		func(t story) string {
			return "the legacy store was changed by others after the move: it answers; " + t.nextLogin()
		}},
	{StateDisagreeing, func(t story) bool { return t.disagree != nil && !t.stays() },
		func(t story) string {
			took := "the legacy store took the password of a login, and the copy here did not"
			if t.disagree.Taken == phase.New {
				took = "the copy here took the password of a login, and the legacy store did not"
			}
			if t.link().Dirty {
				return took + ", at " + day(t.disagree.At) + ": it is marked, and the legacy store answers; " + t.nextLogin()
			}
			return took + ", at " + day(t.disagree.At) + "; rekey verify --repair marks it"
		}},
	{StateBehind, func(t story) bool { return t.link().Dirty && t.reverted == nil && t.disagree == nil && !t.stays() },
		func(t story) string {
			return "a change did not reach the copy here: the legacy store answers; " + t.nextLogin()
		}},
	{StateLegacyAnswers, func(t story) bool {
		return t.byLegacy() && t.at.at.Phase < phase.NewFirst && !t.link().Dirty && !t.link().Drifted
	},
		func(t story) string {
			if t.at.at.Phase == phase.Ramp {
				return fmt.Sprintf("phase ramp at %s %%: copied by %s at %s, and the legacy store answers for this account", t.at.at.Percent, t.link().How, day(t.link().At))
			}
			return fmt.Sprintf("phase %s: copied by %s at %s, and the legacy store answers for everybody", t.at.at.Phase, t.link().How, day(t.link().At))
		}},
	{StateUntrusted, func(t story) bool {
		return t.byLegacy() && t.at.at.Phase == phase.NewFirst && !t.link().Dirty && !t.link().Drifted
	},
		func(t story) string {
			return "copied before copies could be trusted: the legacy store answers; " + t.nextLogin()
		}},
	{StateNewOnly, func(t story) bool { return t.here() != nil && t.row.Answers == phase.Neither },
		says("phase new-only: the copy here could not be trusted, so that only a reset of the password brings them back")},
	{StateMoved, func(t story) bool { return t.here() != nil && t.rec.Link != nil && t.row.Answers == phase.New },
		func(t story) string {
			return fmt.Sprintf("moved by %s at %s: answered here", t.link().How, day(t.link().At))
		}},
	{StateUnknown, func(t story) bool { return t.rec == nil && t.silent() },
		says("the legacy store does not answer, and who has not been moved is known there alone")},
	{StateGone, func(t story) bool { return t.rec == nil && t.gone() }, says("nobody: the legacy store has nobody under that id")},
	{StateUnreadable, func(t story) bool { return t.rec == nil && t.is(NoteUnreadableRecord) },
		func(t story) string { return "quarantined: " + t.unmovable().Reason }},
	{StateQuarantined, func(t story) bool { return t.rec == nil && t.is(NoteContested) && len(t.rivals) > 0 },
		func(t story) string { return "quarantined: " + strings.Join(t.rivals, "; ") }},
	{StateVerifyOnly, func(t story) bool { return t.rec == nil && t.is(NoteVerifyOnly) },
		func(t story) string { return "verify-only: " + t.unmovable().Reason }},
	{StateQuarantined, func(t story) bool {
		return t.rec == nil && t.unmovable() != nil && !t.is(NoteVerifyOnly, NoteUnreadableRecord, NoteGone) && (!t.is(NoteContested) || len(t.rivals) == 0)
	}, func(t story) string { return "quarantined: " + t.unmovable().Reason }},
	{StateNothingMoves, func(t story) bool { return t.rec == nil && errors.Is(t.kept, ErrNothingMoves) },
		func(t story) string {
			return fmt.Sprintf("phase %s: the legacy store answers for everybody, and nobody is moved", t.at.at.Phase)
		}},
	{StateFrozen, func(t story) bool { return t.rec == nil && t.at.at.Frozen }, says("the phase is being changed: nobody is moved until that has ended")},
	{StateVerifyOnly, func(t story) bool { return t.rec == nil && t.kept == nil && t.outcome == OutcomeProfile },
		says("verify-only: the legacy store checks passwords and does not show them: a login moves them, and without one only the profile")},
	{StateWillMove, func(t story) bool { return t.rec == nil && t.kept == nil && t.outcome == OutcomeMoved },
		func(t story) string {
			if t.at.at.Phase == phase.NewFirst {
				return "not moved yet: the next login moves them"
			}
			return fmt.Sprintf("not copied yet: the next login copies them, and in phase %s the legacy store answers", t.at.at.Phase)
		}},
	{StateDiffers, func(t story) bool { return t.differs && t.here() != nil && !t.link().Drifted && !t.part },
		func(t story) string {
			if t.stays() && !t.awaitsReset() {
				return "the legacy record is another than the one that was copied: what is here stands"
			}
			return "the legacy record is another than the one that was copied: a look at what was changed there will find it"
		}},
	{StateContested, func(t story) bool { return t.here() != nil && len(t.taken) > 0 },
		func(t story) string {
			kinds := make([]string, len(t.taken))
			for i, id := range t.taken {
				kinds[i] = kindName(id.Kind)
			}
			return strings.Join(kinds, " and ") + " is held by others in the legacy stores too: only the exact spelling means this account"
		}},
}

// is reports whether the dry run has found one of these.
func (t story) is(classes ...NoteClass) bool {
	no := t.unmovable()
	return no != nil && slices.Contains(classes, no.Class)
}

// causes tells the story.
func (t story) causes() []Cause {
	var all []Cause
	for _, line := range tellings {
		if line.is(t) {
			all = append(all, Cause{line.state, line.why(t)})
		}
	}
	if all == nil {
		all = []Cause{{StateUnknown, "it cannot be told now: ask again in a moment"}}
	}
	return all
}

func kindName(kind Kind) string {
	return cmp.Or(map[Kind]string{Username: "the user name", Email: "the e-mail address", Phone: "the phone number"}[kind], "a name")
}

// tell finds out what there is to say of a person. Its error is an *UnavailableError: the new store does not answer.
func (s *Service) tell(ctx context.Context, p sight, a Attempt) (story, error) {
	t := story{sight: p, at: a, row: p.row(a)}
	if rec := p.rec; rec != nil {
		if rec.Link != nil && p.there != nil && !p.part {
			t.reused, t.differs = s.isOther(*p.there, *rec.Link), !s.isSame(*p.there, *rec.Link)
		}
		if rec.Link != nil && !p.part {
			var err error
			if t.disagree, err = s.disagreement(ctx, rec.Link.Source, rec.Link.LegacyID); err != nil {
				return story{}, err
			}
		}
		for _, id := range rec.Identifiers {
			if id.Contested {
				t.taken = append(t.taken, id)
			}
		}
		if rec.Disabled || t.link().Dirty {
			if err := s.tellEvents(ctx, &t); err != nil {
				return story{}, err
			}
		}
		return t, nil
	}
	if t.kept = p.unread; t.kept == nil && p.there != nil {
		t.outcome, t.kept = s.migrateUnseen(ctx, Migration{Source: p.key.Source, LegacyID: p.key.LegacyID, How: BySupport, DryRun: true}, a)
	}
	if t.is(NoteContested) && p.there != nil {
		t.rivals = s.rivalsOf(ctx, *p.there)
	}
	return t, nil
}

// toldEvents is more than happens to somebody between the event that is sought and now.
const toldEvents = 200

// tellEvents finds who has disabled somebody, and who has taken their move back.
func (s *Service) tellEvents(ctx context.Context, t *story) error {
	events, err := s.Events(ctx, EventQuery{Account: t.id, Limit: toldEvents})
	if err != nil {
		return err
	}
	newest := func(kinds ...EventKind) *Event {
		i := slices.IndexFunc(events, func(e Event) bool { return slices.Contains(kinds, e.Kind) && e.Actor != "system" })
		if i < 0 {
			return nil
		}
		return &events[i]
	}
	t.disabled = newest(EventDisabled)
	if t.reverted = newest(EventReverted, EventCopied, EventMigrated, EventReset); t.reverted != nil && t.reverted.Kind != EventReverted {
		t.reverted = nil
	}
	return nil
}

// rivalsOf says who else holds what of a legacy person. Nobody is named by anything but a key or an id.
func (s *Service) rivalsOf(ctx context.Context, c candidate) []string {
	ids, _ := s.identifiersOf(c, nil)
	var rivals []string
	for _, id := range ids {
		var others []string
		holders, _ := s.lookup(ctx, s.rivals(c), []Identifier{id}) // what cannot be asked is told by the dry run
		for _, h := range holders {
			if !h.is(c) {
				others = append(others, h.source.Name+"/"+h.user.ID)
			}
		}
		if rec, err := s.store.ByIdentifier(ctx, id.Canonical); err == nil && rec.ID != SubjectFor(c.source.Name, c.user.ID) {
			linked := rec.Link != nil && slices.Contains(others, rec.Link.Source+"/"+rec.Link.LegacyID)
			if !linked {
				others = append(others, "account "+rec.ID.String())
			}
		}
		if len(others) > 0 {
			rivals = append(rivals, kindName(id.Kind)+" collides with "+strings.Join(others, ", "))
		}
	}
	return rivals
}
