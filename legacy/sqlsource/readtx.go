package sqlsource

import (
	"context"
	"database/sql"
)

// ReadTx begins a transaction for a query of the operator's own that has nothing to do with people; it must be ended by Rollback. It
// cannot write, but on SQL Server, whose driver has no such transactions: there what was written is undone. It goes past
// the circuit breaker, so that no such query keeps people from logging in.
func (s *Source) ReadTx(ctx context.Context) (*sql.Tx, error) {
	return s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: !s.dialect.top})
}
