package sqlsource

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// Check is Source's, and then asks the database to explain each statement that writes, which runs none: a column that is
// not there, or a right that is missing, shows before anybody changes a password.
func (w *Writer) Check(ctx context.Context) error {
	if err := w.Source.Check(ctx); err != nil {
		return err
	}
	if err := w.config.checkLike(w.writes.Like); err != nil {
		return fmt.Errorf("legacy source %s: %w", w.config.Name, mapping(err.Error(), nil))
	}
	return w.guard.Ask(ctx, "check what it writes", func(ctx context.Context) error {
		primary := w.over(w.pool)
		shape, err := primary.types(ctx)
		if err != nil {
			return err
		}
		if err := w.safe(ctx); err != nil {
			return answeredMapping(err)
		}
		for _, by := range w.ways {
			if by.why != "" {
				continue
			}
			if err := w.explain(ctx, &transaction{view: primary, shape: shape}, by); err != nil {
				return err
			}
		}
		return nil
	})
}

// answeredMapping tells a refusal as a mistake of configuration.
func answeredMapping(err error) error {
	if refused, ok := errors.AsType[*legacy.RefusedError](err); ok {
		return guard.Answered(mapping(refused.Reason, nil))
	}
	return err
}

// safe asks MySQL whether the tables have transactions: in MyISAM a write that must be taken back stays.
func (w *Writer) safe(ctx context.Context) error {
	if w.isSafe.Load() || w.dialect.lastID != mySQL().lastID {
		return nil
	}
	for _, t := range w.schema.tables {
		database, name, qualified := strings.Cut(t.name, ".")
		if !qualified {
			database, name = "", t.name
		}
		rows, err := w.pool.QueryContext(ctx, "SELECT t.ENGINE FROM information_schema.TABLES t JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE "+
			"WHERE COALESCE(e.TRANSACTIONS, 'NO') <> 'YES' AND t.TABLE_NAME = ? AND t.TABLE_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE())", name, database)
		if err != nil {
			return err
		}
		var engine string
		for rows.Next() {
			if err := rows.Scan(&engine); err != nil {
				return errors.Join(err, rows.Close())
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		if engine != "" {
			return guard.Answered(&legacy.RefusedError{Reason: fmt.Sprintf(
				"table %s is kept by %.32s, which has no transactions: ALTER TABLE … ENGINE=InnoDB", t.name, engine)})
		}
	}
	w.isSafe.Store(true)
	return nil
}

// explain asks for the plan of what a part runs.
func (w *Writer) explain(ctx context.Context, t *transaction, by way) error {
	statements, err := w.examples(t, by)
	if err != nil {
		return answeredMapping(err)
	}
	if w.dialect.top { // SQL Server has another way, and none was here to try it on
		return nil
	}
	for _, q := range statements {
		rows, err := w.pool.QueryContext(ctx, "EXPLAIN "+q.text.String(), q.args...)
		if err == nil {
			for rows.Next() {
			}
			err = errors.Join(rows.Err(), rows.Close())
		}
		if kind, _ := troubleOf(err); err != nil && kind != troubleUnknown && kind != troubleLater {
			return guard.Answered(mapping("write: "+by.slot.name+": "+w.describe(err), err))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// examples are the statements of a part, about nobody.
func (w *Writer) examples(t *transaction, by way) ([]*statement, error) {
	nobody := legacy.User{Password: &legacy.Stored{}}
	if len(by.statements) > 0 {
		args, err := w.args(t, legacy.User{}, nobody)
		if err != nil {
			return nil, err
		}
		for mark := range args {
			args[mark] = []any{nil} // of every type
		}
		for _, mark := range []string{markID, markOldPassword, markOldSalt, markID + "1", markID + "2", markID + "3", markID + "4"} {
			args[mark] = []any{nil}
		}
		var list []*statement
		for _, c := range by.statements {
			list = append(list, c.statement(w.dialect, args))
		}
		return list, nil
	}
	somebody := legacy.User{Username: "x", Email: "x", Phone: "1", Password: &legacy.Stored{Hash: "x"}}
	var q *statement
	var err error
	switch by.slot.part {
	case partInsert:
		q, err = w.insertStatement(t, somebody)
	case partDelete, partPassword, partUsername, partEmail, partPhone, partDisplayName, partEmailVerified, partDisabled:
		somebody.ID = w.anyKey(t)
		if somebody.ID == "" {
			return nil, nil
		}
		if by.slot.part == partDelete {
			q, err = w.deleteStatement(t, somebody)
		} else {
			q, err = w.updateStatement(t, somebody, somebody, []writePart{by.slot.part})
		}
	}
	if err != nil {
		return nil, err
	}
	return []*statement{q}, nil
}

// anyKey returns a key of the key's types, which nobody has, or "" if none comes to mind.
func (w *Writer) anyKey(t *transaction) string {
	parts := make([]string, len(t.shape.key))
	for i, kind := range t.shape.key {
		for _, text := range []string{"0", "00000000-0000-0000-0000-000000000000"} {
			if _, ok := kind.bindKey(text); ok {
				parts[i] = text
				break
			}
			if _, ok := kind.bindKey("00"); ok {
				parts[i] = "00"
			}
		}
	}
	id := joinKey(parts)
	if _, ok := w.bindKey(t.shape, id); !ok {
		return ""
	}
	return id
}
