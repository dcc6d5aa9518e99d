package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/failpoint"
)

// Errors of a record that no store could keep as it is.
var (
	errNoID            = errors.New("the account has no id")
	errIdentifierTwice = errors.New("the account has the same canonical identifier twice")
)

// Create implements accounts.Directory.
//
// Which unique key refuses a row first depends on the database and on who is faster. So a refusal only says that
// somebody was first: what they were first with is looked up afterwards, in what is committed.
func (s *Store) Create(ctx context.Context, r accounts.Record, e accounts.Event) error {
	return s.create(ctx, r, func(tx querier) error { return s.insertRecord(ctx, tx, r, e) })
}

// create runs what makes an account.
func (s *Store) create(ctx context.Context, r accounts.Record, insert func(tx querier) error) error {
	if err := checkRecord(r); err != nil {
		return fmt.Errorf("create account: %w", err)
	}
	var err error
	for range tries {
		err = s.inTx(ctx, insert)
		if err == nil {
			failpoint.Hit(failpoint.CreateCommitted)
			return nil
		}
		if errors.Is(err, context.DeadlineExceeded) {
			s.endStopped(ctx) // whoever tries again need not wait for them
		}
		if !s.engine.unique(err) {
			break
		}
		first, lookErr := s.refusal(ctx, r)
		if lookErr != nil {
			err = fmt.Errorf("see who was first: %w", lookErr)
			break
		}
		if first != nil {
			return first
		}
		// Nobody is there any more; the next try may go through.
	}
	return fmt.Errorf("create account: %w", err)
}

func checkRecord(r accounts.Record) error {
	if r.ID == uuid.Nil {
		return errNoID
	}
	seen := make(map[string]bool, len(r.Identifiers))
	for _, id := range r.Identifiers {
		if seen[id.Canonical] {
			return errIdentifierTwice
		}
		seen[id.Canonical] = true
	}
	return nil
}

// insertRecord writes everything that belongs to a new account, in one order for everybody: two that wait for one
// another's rows would otherwise be undone as a deadlock.
func (s *Store) insertRecord(ctx context.Context, tx querier, r accounts.Record, e accounts.Event) error {
	failpoint.Hit(failpoint.CreateBegun)
	if err := s.insert(ctx, tx, accountsTable, appendAccount(nil, &r, 0)); err != nil {
		return err
	}
	failpoint.Hit(failpoint.CreateAccount)

	if err := s.insertIdentifiers(ctx, tx, r); err != nil {
		return err
	}
	failpoint.Hit(failpoint.CreateIdentifiers)

	if err := s.insert(ctx, tx, credentialsTable, appendCredential(nil, &r)); err != nil {
		return err
	}
	failpoint.Hit(failpoint.CreateCredential)

	for _, l := range linksOf(r) {
		if err := s.insert(ctx, tx, linksTable, appendLink(nil, &r, &l)); err != nil {
			return err
		}
		if err := s.resolveNotes(ctx, tx, accounts.LegacyKey{Source: l.Source, LegacyID: l.LegacyID}, "", e.At); err != nil {
			return err
		}
	}
	failpoint.Hit(failpoint.CreateLink)

	if err := s.insertProfile(ctx, tx, r); err != nil {
		return err
	}
	if err := s.meetChange(ctx, tx, r.ID); err != nil {
		return err
	}
	if err := s.insertDeliveries(ctx, tx, r.Owed); err != nil {
		return err
	}
	if err := s.insertEvent(ctx, tx, e); err != nil {
		return err
	}
	failpoint.Hit(failpoint.CreateEvent)
	return nil
}

// meetChange notes on a new account that a change of its person, who was not here, is under way, and how often sessions of theirs
// have ended. From here on until the commit no change of theirs comes to its end. It comes after the rows that somebody else may
// be writing too, for they would be waited for under its lock, and whoever writes many asks for that lock last as well.
func (s *Store) meetChange(ctx context.Context, tx querier, account uuid.UUID) error {
	if err := s.engine.keepChange(ctx, s, tx, account); err != nil {
		return fmt.Errorf("wait for a change that ends: %w", err)
	}
	const changing = `EXISTS (SELECT 1 FROM copy_back WHERE account_id = $1 AND intent)`
	const ended = `coalesce((SELECT epoch FROM session_epochs WHERE account_id = $1), 0)`
	_, err := s.exec(ctx, tx, `
UPDATE accounts SET in_doubt = `+changing+`, session_epoch = `+ended+` WHERE id = $1 AND (`+changing+` OR `+ended+` <> 0)`, account)
	if err != nil {
		return fmt.Errorf("look for changes: %w", err)
	}
	return nil
}

func (s *Store) insertIdentifiers(ctx context.Context, tx querier, r accounts.Record) error {
	order := make([]int, len(r.Identifiers))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Compare(r.Identifiers[a].Canonical, r.Identifiers[b].Canonical)
	})
	for _, position := range order {
		row := appendIdentifier(nil, r.ID, position, &r.Identifiers[position])
		if err := s.insert(ctx, tx, identifiersTable, row); err != nil {
			return err
		}
	}
	return nil
}

// refusal says what of a record is there already: accounts.ErrLinked, accounts.ErrTaken, or nil if nothing is.
func (s *Store) refusal(ctx context.Context, r accounts.Record) (refused, err error) {
	there, err := s.exists(ctx, s.read, `SELECT 1 FROM accounts WHERE id = $1`, r.ID)
	for _, l := range linksOf(r) {
		if err != nil || there {
			break
		}
		there, err = s.exists(ctx, s.read, `SELECT 1 FROM legacy_links WHERE source = $1 AND legacy_id = $2`, l.Source, l.LegacyID)
	}
	if err != nil {
		return nil, err
	}
	if there {
		return accounts.ErrLinked, nil
	}
	for _, id := range r.Identifiers {
		var holder uuid.UUID
		err := s.each(ctx, s.read, func(scan scan) error { return scan(&holder) }, `SELECT account_id FROM identifiers WHERE canonical = $1`, id.Canonical)
		switch holder {
		case uuid.Nil:
		case r.ID: // it came while we looked
			return accounts.ErrLinked, nil
		default:
			return accounts.ErrTaken, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// linksOf returns all links of a new account, in the order of their people.
func linksOf(r accounts.Record) []accounts.LegacyLink {
	all := slices.Clone(r.Also)
	if r.Link != nil {
		all = append(all, *r.Link)
	}
	slices.SortFunc(all, func(a, b accounts.LegacyLink) int { return byPerson(a.Source, a.LegacyID, b.Source, b.LegacyID) })
	return all
}
