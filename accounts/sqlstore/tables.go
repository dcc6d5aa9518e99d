package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"rekey/accounts"
)

// A table is one that somebody who is made gets rows of. Whether they are made alone or with many others, a row is the same: the append
// function of the table appends its values, in the order of the columns.
type table struct {
	name    string
	columns []string
	insert  string // writes one row
}

var (
	accountsTable = tableOf("accounts",
		"id", "disabled", "created_at", "changed_here", "incomplete", "terms", "disabled_here", "session_epoch")
	identifiersTable = tableOf("identifiers",
		"canonical", "account_id", "position", "kind", "spelling", "contested", "verified")
	credentialsTable = tableOf("credentials",
		"account_id", "kind", "version", "scheme", "encoded", "fold", "legacy", "needs_change")
	linksTable = tableOf("legacy_links",
		"source", "legacy_id", "account_id", "fingerprint", "legacy_created_at", "how", "at", "copied_epoch", "barred", "drifted")
	profilesTable = tableOf("profiles",
		"account_id", "display_name", "locale", "roles", "groups", "attributes")
	eventsTable = tableOf("events",
		"id", "at", "account_id", "kind", "actor", "reason", "request_id", "detail")
)

func tableOf(name string, columns ...string) table {
	parameters := make([]string, len(columns))
	for i := range parameters {
		parameters[i] = "$" + strconv.Itoa(i+1)
	}
	t := table{name: name, columns: columns}
	t.insert = t.insertOf(parameters)
	return t
}

// insertOf is the text that writes a row of parameters.
func (t table) insertOf(parameters []string) string {
	return `INSERT INTO ` + t.name + ` (` + strings.Join(t.columns, ", ") + `) VALUES (` + strings.Join(parameters, ", ") + `)`
}

// insert writes one row of a table.
func (s *Store) insert(ctx context.Context, tx querier, t table, row []any) error {
	if _, err := s.exec(ctx, tx, t.insert, row...); err != nil {
		return fmt.Errorf("insert %s: %w", t.name, err)
	}
	return nil
}

// appendAccount: what legacy says of somebody who comes from there is not said here.
func appendAccount(to []any, r *accounts.Record, sessionEpoch int64) []any {
	disabledHere := r.Disabled && r.Link == nil
	return append(to, r.ID, r.Disabled, micros(r.CreatedAt), r.ChangedHere, r.Incomplete, r.Terms, disabledHere, sessionEpoch)
}

func appendIdentifier(to []any, account uuid.UUID, position int, id *accounts.Identifier) []any {
	return append(to, id.Canonical, account, int64(position), string(id.Kind), id.Spelling, id.Contested, id.Verified)
}

func appendCredential(to []any, r *accounts.Record) []any {
	c := &r.Credential
	return append(to, r.ID, "password", int64(1), string(c.Scheme), c.Encoded, c.Fold, c.Legacy, r.NeedsChange)
}

func appendLink(to []any, r *accounts.Record, l *accounts.LegacyLink) []any {
	barred := l.Barred
	if r.Disabled && barred == accounts.NotBarred { // nobody else can have said so yet
		barred = accounts.BarredDisabled
	}
	return append(to, l.Source, l.LegacyID, r.ID, notNull(l.Fingerprint), microsOrNull(l.LegacyCreatedAt), string(l.How), micros(l.At),
		max(l.CopiedEpoch, 1), string(barred), l.Drifted)
}

func appendProfile(to []any, account uuid.UUID, p *accounts.Profile) ([]any, error) {
	to = append(to, account, plain(p.DisplayName), plain(p.Locale))
	for _, list := range []struct {
		of   any
		none bool
	}{{p.Roles, p.Roles == nil}, {p.Groups, p.Groups == nil}, {p.Attributes, p.Attributes == nil}} {
		if list.none {
			to = append(to, "null") // as below, and most have none
			continue
		}
		text, err := json.Marshal(list.of)
		if err != nil {
			return nil, fmt.Errorf("encode profile: %w", err)
		}
		to = append(to, string(text))
	}
	return to, nil
}

func appendEvent(to []any, e *accounts.Event) ([]any, error) {
	detail, err := encodeDetail(e.Detail)
	if err != nil {
		return nil, err
	}
	return append(to, e.ID, micros(e.At), e.AccountID, string(e.Kind), plain(e.Actor), plain(e.Reason), plain(e.RequestID), detail), nil
}

// notNull makes an empty value of a missing one: both databases take nil for NULL.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
