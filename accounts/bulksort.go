package accounts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// Who of a batch moves together with others; see rule 1 of bulk.go.

// sort says of each person whether they move with the others, and moves those who do not.
func (b *bulk) sort(ctx context.Context) error {
	copies, err := b.copies(ctx, b.Source, b.People, b.Known, b.a)
	if err != nil {
		return err
	}
	records := keysOf(b.People)
	names := namesakes{holder: make(map[string]string, 2*len(b.People)), shared: map[string]bool{}}
	for i, user := range b.People {
		c := candidate{source: b.source, user: user, order: b.order}
		if !storable(user.ID) {
			b.tally.Refuse(NoteUnreadableRecord, strings.ToValidUTF8(user.ID, "\uFFFD"))
			continue
		}
		if n := records[user.ID]; n != 1 {
			b.alike(user.ID, n)
			records[user.ID] = 0
			continue
		}
		copied, here := copies[user.ID]
		if here && b.isAsItShould(copied, c, b.a) {
			b.tally.Outcomes[OutcomeUnchanged]++
			continue
		}
		if no, held := b.Held[user.ID]; held {
			b.tally.Refuse(no.Class, user.ID) // it stands in quarantine
			continue
		}
		var m *mover
		if !here {
			m = b.mover(&b.People[i])
		}
		if m == nil {
			if err := b.alone(ctx, user.ID); err != nil {
				return err
			}
			continue
		}
		names.meet(m)
		if err := b.open(m); err != nil {
			return err
		}
	}
	return b.aloneIf(ctx, func(m *mover) bool { return names.shared[m.user.ID] })
}

// alike refuses a record whose key several have; of the first of them, n is how many. The others are told by the same note.
func (b *bulk) alike(id string, n int) {
	if n > 1 {
		b.refused = append(b.refused, Unmoved{LegacyKey{b.Source, id}, NoteMapping, "several records have this key"})
	}
	b.tally.Refuse(NoteMapping, id)
}

// keysOf counts the records of each key: more than one are of nobody knows how many people.
func keysOf(people []legacy.User) map[string]int {
	keys := make(map[string]int, len(people))
	for i := range people {
		keys[people[i].ID]++
	}
	return keys
}

// storable reports whether both databases can keep a text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// isAsItShould reports whether nothing is to be done for somebody who is here.
func (s *Service) isAsItShould(copied Copy, c candidate, a Attempt) bool {
	switch {
	case copied.Part && !copied.Deleted():
		return true
	case copied.Deleted(), copied.InDoubt:
		return false
	case a.row(copied.Record).Answers == phase.New:
		return !copied.Link.Drifted
	}
	return !s.stale(copied.Record, c, a)
}

// mover prepares somebody who is absent; nil if they have to go by themselves.
func (b *bulk) mover(user *legacy.User) *mover {
	p := &user.Profile
	if b.Contested == nil || b.apart || len(p.TOTP)+len(p.RecoveryCodes)+len(p.External) > 0 {
		return nil
	}
	if b.outdated && !b.findsMany() {
		return nil
	}
	if !b.Counted.IsZero() && user.CreatedAt.After(b.Counted.Add(-zones)) {
		return nil
	}
	m := &mover{user: user}
	m.ids, m.invalid = b.identifiersOf(b.candidate(m), nil)
	if slices.ContainsFunc(m.ids, func(id Identifier) bool { return b.Contested(b.name(id)) }) {
		return nil
	}
	return m
}

// zones is by how much the times of an old store may be late: it keeps them in some zone, and we read them in another.
const zones = 27 * time.Hour

// namesakes are people of one batch who share a name: they came to be after the census, or the store tells apart what it did not.
type namesakes struct {
	holder map[string]string // legacy ids by canonical name
	shared map[string]bool   // by legacy id
}

func (n namesakes) meet(m *mover) {
	for _, id := range m.ids {
		if other, there := n.holder[id.Canonical]; there {
			n.shared[other], n.shared[m.user.ID] = true, true
		}
		n.holder[id.Canonical] = m.user.ID
	}
}

// open reads somebody's hash. Its error ends the batch: the configuration is wrong.
func (b *bulk) open(m *mover) error {
	m.id = SubjectFor(b.Source, m.user.ID)
	c, h, err := b.openNew(b.candidate(m), m.ids, b.Hash)
	no, refused := errors.AsType[*UnmovableError](err)
	switch {
	case refused:
		b.refuse(Unmoved{LegacyKey{b.Source, m.user.ID}, no.Class, no.Reason})
		return nil
	case err != nil:
		return err
	}
	m.unverified, m.outcome, m.hash = c.unverified, outcomeOf(c, h), h
	b.movers = append(b.movers, m)
	return nil
}
