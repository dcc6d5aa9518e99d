package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"rekey/accounts"
)

// SessionEpochs implements accounts.Lookups.
func (s *Store) SessionEpochs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]int64, error) {
	return s.sessionEpochs(ctx, s.read, ids)
}

// Copies implements accounts.Lookups.
func (s *Store) Copies(ctx context.Context, source string, legacyIDs []string) (map[string]accounts.Copy, error) {
	return s.copies(ctx, s.read, source, legacyIDs)
}

// A snapshot is a store as one transaction sees it.
type snapshot struct {
	s *Store
	q querier
}

// SessionEpochs implements accounts.Lookups.
func (h snapshot) SessionEpochs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]int64, error) {
	return h.s.sessionEpochs(ctx, h.q, ids)
}

// Copies implements accounts.Lookups.
func (h snapshot) Copies(ctx context.Context, source string, legacyIDs []string) (map[string]accounts.Copy, error) {
	return h.s.copies(ctx, h.q, source, legacyIDs)
}

// Snapshot implements accounts.Directory. In SQLite each transaction sees what was there when it began to read.
func (s *Store) Snapshot(ctx context.Context, f func(accounts.Lookups) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return storeError("begin to read", fmt.Errorf("begin: %w", s.engine.scrub(err)))
	}
	defer func() {
		_ = tx.Rollback() // it has written nothing
	}()
	q := transaction{tx}
	if _, err := s.exists(ctx, q, `SELECT 1 FROM phase WHERE id = 1`); err != nil { // here it begins
		return storeError("begin to read", err)
	}
	return f(snapshot{s, q})
}
