package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// likeEscape stands before a character of a LIKE pattern that means itself. A backslash means more to some databases.
const likeEscape = "!"

var literally = strings.NewReplacer(likeEscape, likeEscape+likeEscape, "%", likeEscape+"%", "_", likeEscape+"_")

// identifiersEach is how many identifiers of one account a search may meet before it misses another account.
const identifiersEach = 8

// SearchIdentifiers implements accounts.Desk. No index knows the middle of a text: it is bounded by the deadline of ctx.
func (s *Store) SearchIdentifiers(ctx context.Context, part string, limit int) ([]uuid.UUID, error) {
	limit = max(limit, 0)
	holders, err := column[uuid.UUID](ctx, s, s.read,
		`SELECT account_id FROM identifiers WHERE canonical LIKE $1 ESCAPE '`+likeEscape+`' ORDER BY canonical LIMIT $2`,
		"%"+literally.Replace(part)+"%", limit*identifiersEach)
	var ids []uuid.UUID
	for _, id := range holders {
		if len(ids) < limit && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, storeError("search identifiers", err)
}

// NotesAbout implements accounts.Desk.
func (s *Store) NotesAbout(ctx context.Context, person accounts.LegacyKey) ([]accounts.Note, error) {
	notes, err := s.notes(ctx, `
SELECT source, legacy_id, class, reason, at FROM quarantine WHERE source = $1 AND legacy_id = $2 ORDER BY at DESC, class`,
		person.Source, person.LegacyID)
	return notes, storeError("read notes about a person", err)
}

// ClearGuesses implements accounts.Desk.
func (s *Store) ClearGuesses(ctx context.Context, account uuid.UUID, e accounts.Event) error {
	return storeError("give guesses back", s.inTx(ctx, func(tx querier) error {
		if _, err := s.exec(ctx, tx, `DELETE FROM code_guesses WHERE account_id = $1`, account); err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	}))
}

// AddEvent implements accounts.Desk.
func (s *Store) AddEvent(ctx context.Context, e accounts.Event) error {
	return storeError("add an event", s.inTx(ctx, func(tx querier) error { return s.insertEvent(ctx, tx, e) }))
}

// Revert implements accounts.Writes. The rows are taken in the order in which a change of the account takes them, the password
// first: one that is under way is waited for, and seen by its version.
func (s *Store) Revert(
	ctx context.Context, account uuid.UUID, from int64, was accounts.LegacyLink, at time.Time, e accounts.Event,
) (ended []uuid.UUID, err error) {
	err = s.inTx(ctx, func(tx querier) error {
		ended = nil
		for _, step := range []struct {
			what, text string
			args       []any
		}{
			{"hold the password", holdPassword, []any{account, from}},
			{"hold the account", `
UPDATE accounts SET changed_here = changed_here
 WHERE id = $1 AND deleted_at IS NULL AND NOT changed_here AND NOT in_doubt AND NOT pinned
   AND NOT EXISTS (SELECT 1 FROM copy_back WHERE account_id = $1)`, []any{account}},
			{"mark the link", `
UPDATE legacy_links SET dirty = TRUE
 WHERE source = $1 AND legacy_id = $2 AND account_id = $3
   AND fingerprint = $4 AND copied_epoch = $5 AND NOT dirty AND drifted = $6 AND barred = $7`,
				[]any{was.Source, was.LegacyID, account, notNull(was.Fingerprint), was.CopiedEpoch, was.Drifted, string(was.Barred)}},
		} {
			n, err := s.exec(ctx, tx, step.text, step.args...)
			switch {
			case err != nil:
				return fmt.Errorf("%s: %w", step.what, err)
			case n == 0:
				return s.whyUnchanged(ctx, tx, livingAccount, account)
			}
		}
		if ended, err = s.revokeSessions(ctx, tx, account, at); err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, counting(e, ended))
	})
	if err != nil {
		return nil, storeError("take a move back", err)
	}
	return ended, nil
}
