package sqlstore

import (
	"bytes"
	"cmp"
	"slices"

	"rekey/accounts"
)

// A batch is rows of one table that are written together.
type batch struct {
	table
	rows int
	row  func(i int) ([]any, error) // it stands until the next one is asked for
}

// madeRows are what is written of many accounts: each kind in one order for everybody, for two that wait for one another's rows would
// be undone as a deadlock.
type madeRows struct {
	accounts    []*accounts.Made
	identifiers []madeIdentifier
	links       []madeLink
	profiles    []*accounts.Made // of those who have one
}

type madeIdentifier struct {
	*accounts.Identifier
	of       *accounts.Made
	position int
}

type madeLink struct {
	*accounts.LegacyLink
	of *accounts.Made
}

func rowsOf(many []accounts.Made) madeRows {
	all := madeRows{
		accounts: make([]*accounts.Made, len(many)), identifiers: make([]madeIdentifier, 0, 2*len(many)), links: make([]madeLink, 0, len(many)),
		profiles: make([]*accounts.Made, 0, len(many)),
	}
	for i := range many {
		all.accounts[i] = &many[i]
	}
	slices.SortFunc(all.accounts, func(a, b *accounts.Made) int { return bytes.Compare(a.Record.ID[:], b.Record.ID[:]) })
	for _, m := range all.accounts {
		for i := range m.Record.Identifiers {
			all.identifiers = append(all.identifiers, madeIdentifier{&m.Record.Identifiers[i], m, i})
		}
		for i := range m.Record.Also {
			all.links = append(all.links, madeLink{&m.Record.Also[i], m})
		}
		all.links = append(all.links, madeLink{m.Record.Link, m})
		if m.Record.Profile != nil {
			all.profiles = append(all.profiles, m)
		}
	}
	slices.SortFunc(all.identifiers, func(a, b madeIdentifier) int { return cmp.Compare(a.Canonical, b.Canonical) })
	slices.SortFunc(all.links, func(a, b madeLink) int { return byPerson(a.Source, a.LegacyID, b.Source, b.LegacyID) })
	return all
}

// batches are the rows by table, in the order in which the tables refer to one another.
func (r madeRows) batches() []batch {
	return []batch{
		batchOf(accountsTable, r.accounts, func(to []any, m *accounts.Made) ([]any, error) {
			return appendAccount(to, &m.Record, m.Epoch), nil
		}),
		batchOf(identifiersTable, r.identifiers, func(to []any, id madeIdentifier) ([]any, error) {
			return appendIdentifier(to, id.of.Record.ID, id.position, id.Identifier), nil
		}),
		batchOf(credentialsTable, r.accounts, func(to []any, m *accounts.Made) ([]any, error) {
			return appendCredential(to, &m.Record), nil
		}),
		batchOf(linksTable, r.links, func(to []any, l madeLink) ([]any, error) {
			return appendLink(to, &l.of.Record, l.LegacyLink), nil
		}),
		batchOf(profilesTable, r.profiles, func(to []any, m *accounts.Made) ([]any, error) {
			return appendProfile(to, m.Record.ID, m.Record.Profile)
		}),
		batchOf(eventsTable, r.accounts, func(to []any, m *accounts.Made) ([]any, error) {
			return appendEvent(to, &m.Event)
		}),
	}
}

// batchOf is the rows of some things, which all are put into the same place.
func batchOf[T any](t table, of []T, appendRow func(to []any, one T) ([]any, error)) batch {
	row := make([]any, 0, len(t.columns))
	return batch{t, len(of), func(i int) ([]any, error) {
		values, err := appendRow(row, of[i])
		if err != nil {
			return nil, err
		}
		return values, checkText(values)
	}}
}
