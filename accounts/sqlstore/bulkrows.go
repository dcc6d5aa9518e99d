package sqlstore

import (
	"bytes"
	"cmp"
	"slices"

	"rekey/accounts"
)

// A table is rows that are written together.
type table struct {
	name    string
	columns []string
	rows    int
	row     func(i int) ([]any, error) // it stands until the next one is asked for
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
	slices.SortFunc(all.links, func(a, b madeLink) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.LegacyID, b.LegacyID))
	})
	return all
}

// tables are the rows in the order in which they refer to one another.
func (r madeRows) tables() []table {
	all := []table{
		tableOf("accounts", r.accounts, (*rowBuffer).account,
			"id", "disabled", "created_at", "changed_here", "incomplete", "terms", "disabled_here", "session_epoch"),
		tableOf("identifiers", r.identifiers, (*rowBuffer).identifier,
			"canonical", "account_id", "position", "kind", "spelling", "contested", "verified"),
		tableOf("credentials", r.accounts, (*rowBuffer).credential,
			"account_id", "kind", "version", "scheme", "encoded", "fold", "legacy", "needs_change"),
		tableOf("legacy_links", r.links, (*rowBuffer).link,
			"source", "legacy_id", "account_id", "fingerprint", "legacy_created_at", "how", "at", "copied_epoch", "barred", "drifted"),
		tableOf("profiles", r.profiles, (*rowBuffer).profile,
			"account_id", "display_name", "locale", "roles", "groups", "attributes"),
		tableOf("events", r.accounts, (*rowBuffer).event,
			"id", "at", "account_id", "kind", "actor", "reason", "request_id", "detail"),
	}
	return slices.DeleteFunc(all, func(t table) bool { return t.rows == 0 })
}

func tableOf[T any](name string, of []T, write func(*rowBuffer, T) error, columns ...string) table {
	b := &rowBuffer{values: make([]any, 0, len(columns))}
	return table{name, columns, len(of), func(i int) ([]any, error) {
		b.values = b.values[:0]
		if err := write(b, of[i]); err != nil {
			return nil, err
		}
		return b.values, checkText(b.values)
	}}
}

// A rowBuffer is the values of one row after the other.
type rowBuffer struct{ values []any }

func (b *rowBuffer) put(values ...any) error {
	b.values = append(b.values, values...)
	return nil
}

func (b *rowBuffer) account(m *accounts.Made) error {
	r := &m.Record
	return b.put(r.ID, r.Disabled, micros(r.CreatedAt), r.ChangedHere, r.Incomplete, r.Terms, false, m.Epoch)
}

func (b *rowBuffer) identifier(id madeIdentifier) error {
	return b.put(id.Canonical, id.of.Record.ID, int64(id.position), string(id.Kind), id.Spelling, id.Contested, id.Verified)
}

func (b *rowBuffer) credential(m *accounts.Made) error {
	c := &m.Record.Credential
	return b.put(m.Record.ID, "password", int64(1), string(c.Scheme), c.Encoded, c.Fold, c.Legacy, m.Record.NeedsChange)
}

func (b *rowBuffer) link(l madeLink) error {
	barred := l.Barred
	if l.of.Record.Disabled && barred == accounts.NotBarred { // nobody else can have said so yet
		barred = accounts.BarredDisabled
	}
	return b.put(l.Source, l.LegacyID, l.of.Record.ID, notNull(l.Fingerprint), microsOrNull(l.LegacyCreatedAt), string(l.How), micros(l.At),
		max(l.CopiedEpoch, 1), string(barred), l.Drifted)
}

func (b *rowBuffer) profile(m *accounts.Made) error {
	row, err := profileRow(m.Record.ID, *m.Record.Profile)
	b.values = row
	return err
}

func (b *rowBuffer) event(m *accounts.Made) error {
	row, err := eventRow(m.Event)
	b.values = row
	return err
}
